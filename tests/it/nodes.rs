//! What a client caches is fetched anew by its id: by whom it is shown to anywhere else, and by nobody else. What is alike is
//! asked for by the interface that it has in common.

use agora::entity::{UserId, user_role::Role};
use serde_json::{Value, json};

use crate::{
    goals,
    harness::{Client, Server},
    wallets::fund,
};

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";

/// What a person has that is theirs alone: the type, what leads to it, and what is asked of it.
const OWN: &[(&str, &str, &str)] = &[
    ("Profile", "/me/profile", "experienceLevel availability phoneVerified"),
    ("TwoFactor", "/me/twoFactor", "isEnabled backupCodesLeft methods"),
    ("ActiveSession", "/me/sessions/0", "createdAt isCurrent"),
    ("Identity", "/me/identities/0", "provider linkedAt"),
    ("AccountExport", "/me/latestExport", "requestedAt downloadUrl"),
    ("Wallet", "/me/wallet", "owner { username } balances { id } streamCursor"),
    ("WalletBalance", "/me/wallet/balances/0", "currency available { amount }"),
];

/// Of it, what staff sees, too.
const SEEN_BY_STAFF: &[&str] = &["Profile", "Wallet", "WalletBalance"];
const NOTHING: &[&str] = &[];

/// Somebody who has one of each.
async fn with_everything(server: &Server, username: &str) -> Client {
    let person = server.user(username).await;
    fund(server, &person, 1_250, "USD").await;
    let (id, now): (UserId, _) = (person.id.parse().unwrap(), server.clock.now());
    let values = vec![server.app.ids.next(now).into(), id.0.into(), username.into(), now.into()];
    let sql = "INSERT INTO identities (id, user_id, provider, subject, created_at, last_used_at) \
               VALUES ($1, $2, 'github', $3, $4, $4)";
    server.write(sql, values).await;
    let asked = person.ok("mutation { accountExport { export { id } errors { code } } }", Value::Null).await;
    assert_eq!(asked["accountExport"]["errors"], json!([]));
    server.run_jobs().await;
    person
}

/// What leads to each, and what is there, with its id.
async fn own(person: &Client) -> Vec<Value> {
    let fields = |name: &str| {
        let (_, _, fields) = OWN.iter().find(|(of, ..)| *of == name).unwrap();
        format!("__typename id {fields}")
    };
    let wallet = fields("Wallet").replace("balances { id }", &format!("balances {{ {} }}", fields("WalletBalance")));
    let query = format!(
        "{{ me {{ profile {{ {} }} twoFactor {{ {} }} sessions {{ {} }} identities {{ {} }} latestExport {{ {} }} \
         wallet {{ {wallet} }} }} }}",
        fields("Profile"),
        fields("TwoFactor"),
        fields("ActiveSession"),
        fields("Identity"),
        fields("AccountExport"),
    );
    let mut data = person.ok(&query, Value::Null).await;
    let balance = data["me"]["wallet"]["balances"][0].clone();
    data["me"]["wallet"]["balances"] = json!([{ "id": balance["id"] }]);
    let found = OWN.iter().map(|(name, place, _)| match *name {
        "WalletBalance" => balance.clone(),
        _ => data.pointer(place).unwrap().clone(),
    });
    found.collect()
}

#[tokio::test]
async fn what_is_one_s_own_is_fetched_by_its_id_and_is_null_for_others() {
    let server = Server::start().await;
    let amina = with_everything(&server, "amina").await;
    let (basma, staff) = (with_everything(&server, "basma").await, server.staff("olivia", Role::Owner).await);
    let there = own(&amina).await;
    let selections: Vec<_> = OWN.iter().map(|(name, _, fields)| format!("... on {name} {{ {fields} }}")).collect();
    let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename id {} }} }}", selections.join(" "));
    let ids: Vec<&Value> = there.iter().map(|thing| &thing["id"]).collect();
    assert_eq!(amina.ok(&query, json!({ "ids": ids })).await["nodes"], json!(there));

    let nobody = server.anonymous();
    for (client, seen) in [(&staff, SEEN_BY_STAFF), (&basma, NOTHING), (&nobody, NOTHING)] {
        let data = client.ok(NODES, json!({ "ids": ids })).await;
        for ((name, ..), (found, id)) in OWN.iter().zip(data["nodes"].as_array().unwrap().iter().zip(&ids)) {
            let expected = if seen.contains(name) { json!({ "__typename": name, "id": id }) } else { Value::Null };
            assert_eq!(*found, expected, "{name}");
            assert_eq!(client.ok(NODE, json!({ "id": id })).await["node"], expected, "{name}");
        }
    }
    // Who follows a stream is its owner alone.
    let query = "query($id: ID!) { node(id: $id) { ... on Wallet { streamCursor } } }";
    assert_eq!(staff.ok(query, json!({ "id": there[5]["id"] })).await["node"]["streamCursor"], Value::Null);
}

/// What is null to those who may not see it: the type, something of it that everybody sees, and the fields.
const PRIVATE: &[(&str, &str, &[&str])] = &[
    (
        "User",
        "username",
        &[
            "email",
            "emailVerified",
            "profile { __typename }",
            "profileCompleted",
            "twoFactor { __typename }",
            "identities { __typename }",
            "digest",
            "sessions { __typename }",
            "latestExport { __typename }",
            "deletionDueAt",
            "role",
            "permissions",
            "account { __typename }",
            "activity(first: 1) { totalCount }",
            "wallet { __typename }",
            "payoutMethods { __typename }",
            "payments(first: 1) { totalCount }",
            "paymentMethods { __typename }",
            "contributions(first: 1) { totalCount }",
            "notifications(first: 1) { totalCount }",
            "notificationUnreadCount",
        ],
    ),
    ("Goal", "title", &["withdrawn { amount }", "available { amount }", "withdrawals(first: 1) { totalCount }"]),
    ("GoalContribution", "message", &["payment { __typename }", "refundRequest { __typename }", "guestEmail"]),
];

#[tokio::test]
async fn what_is_private_is_no_null_to_who_shows_a_token_that_is_over() {
    let server = Server::start().await;
    let (amina, badr) = (server.user("amina").await, server.user("badr").await);
    let goal = goals::begin(&amina, &json!({})).await;
    goals::give(&server, &badr, &goal, "10.00").await;
    let query = "query($id: ID!) { goal(id: $id) { contributions(first: 1) { nodes { id } } } }";
    let given = amina.ok(query, json!({ "id": goal })).await["goal"]["contributions"]["nodes"][0]["id"].clone();
    server.advance(16 * 60);
    for ((name, public, private), id) in PRIVATE.iter().zip([json!(amina.id), json!(goal), given]) {
        let query =
            format!("query($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {public} {} }} }} }}", private.join(" "));
        let nobody = server.anonymous().ok(&query, json!({ "id": id })).await["node"].clone();
        let answer = amina.send(&query, json!({ "id": id })).await;
        assert_eq!(answer.code(), "UNAUTHENTICATED", "{name}");
        assert_eq!(answer.body["data"]["node"], nobody, "{name}");
        assert!(nobody[public].is_string(), "{nobody}");
        let errors = answer.body["errors"].as_array().unwrap();
        for field in private.iter().map(|field| field.split([' ', '(']).next().unwrap()) {
            assert_eq!(nobody[field], Value::Null, "{name}.{field}");
            let error = errors.iter().find(|error| error["path"] == json!(["node", field]));
            let error = error.unwrap_or_else(|| panic!("{name}.{field} is but null: {}", answer.body));
            assert_eq!(error["extensions"]["tokenRefused"], true, "{name}.{field}: {error}");
        }
        assert_eq!(errors.len(), private.len(), "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn many_of_a_kind_are_as_many_statements_as_one() {
    let server = Server::start().await;
    let amina = with_everything(&server, "amina").await;
    let staff = server.staff("olivia", Role::Owner).await;
    let mut people = Vec::new();
    for number in 0..5 {
        let person = server.user(&format!("person_{number}")).await;
        people.push(own_wallet(&person).await);
    }
    let ids: Vec<Value> = own(&amina).await.iter().map(|thing| thing["id"].clone()).collect();
    let mut counts = Vec::new();
    for (client, ids) in [
        (&amina, ids.clone()),
        (&amina, ids.iter().cycle().take(70).cloned().collect()),
        (&staff, people[..1].to_vec()),
        (&staff, people.clone()),
    ] {
        client.ok(NODES, json!({ "ids": ids })).await;
        let before = server.app.db.statements();
        let data = client.ok(NODES, json!({ "ids": ids })).await;
        counts.push(server.app.db.statements() - before);
        assert!(data["nodes"].as_array().unwrap().iter().all(Value::is_object), "{data}");
    }
    assert_eq!((counts[0], counts[2]), (counts[1], counts[3]));
}

async fn own_wallet(person: &Client) -> Value {
    person.ok("{ me { wallet { id } } }", Value::Null).await["me"]["wallet"]["id"].clone()
}

#[tokio::test]
async fn what_is_over_is_not_there_any_more() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let phone = server.anonymous().login("amina").await;
    let sessions = phone.ok("{ me { sessions { id isCurrent } } }", Value::Null).await["me"]["sessions"].clone();
    let current = sessions.as_array().unwrap().iter().find(|session| session["isCurrent"] == true).unwrap();
    assert_eq!(amina.ok(NODE, json!({ "id": current["id"] })).await["node"]["id"], current["id"]);
    phone.ok("mutation { logout { errors { code } } }", Value::Null).await;
    assert_eq!(amina.ok(NODE, json!({ "id": current["id"] })).await["node"], Value::Null);
    // There is no wallet of nobody.
    let staff = server.staff("olivia", Role::Owner).await;
    for prefix in ["wallet", "profile", "account", "twofactor"] {
        let id = format!("{prefix}_00000000000000000000000000");
        assert_eq!(staff.ok(NODE, json!({ "id": id })).await["node"], Value::Null, "{prefix}");
    }
}

#[tokio::test]
async fn a_currency_has_an_id_that_everybody_fetches_it_by() {
    let server = Server::with(&[("WALLET_CURRENCIES", "USD,KWD")]).await;
    let nobody = server.anonymous();
    let fields = "id code digits inWallets";
    let data = nobody.ok(&format!("{{ currencies {{ {fields} }} }}"), Value::Null).await;
    let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on CurrencyInfo {{ {fields} }} }} }}");
    for some in data["currencies"].as_array().unwrap().chunks(100) {
        let ids: Vec<&Value> = some.iter().map(|currency| &currency["id"]).collect();
        assert_eq!(nobody.ok(&query, json!({ "ids": ids })).await["nodes"], json!(some));
    }
    for wrong in ["currency_00000000000000000000000000", "currency_7zzzzzzzzzzzzzzzzzzzzzzzzz", "currency_usd"] {
        assert_eq!(nobody.ok(NODE, json!({ "id": wrong })).await["node"], Value::Null, "{wrong}");
    }
}

#[tokio::test]
async fn a_provider_has_an_id_that_everybody_fetches_it_by_where_it_is_offered() {
    let server = Server::with(&[("GITHUB_CLIENT_ID", "client"), ("GITHUB_CLIENT_SECRET", "secret")]).await;
    let nobody = server.anonymous();
    let mut ids = Vec::new();
    for (field, name, fields) in [
        ("paymentProviders", "PaymentProviderInfo", "id provider publicKey savesMethods targets"),
        ("signInProviders", "SignInProvider", "id name title"),
    ] {
        let data = nobody.ok(&format!("{{ {field} {{ {fields} }} }}"), Value::Null).await;
        let there = data[field].as_array().unwrap();
        ids = there.iter().map(|provider| provider["id"].clone()).collect();
        assert!(!ids.is_empty(), "{field}");
        let query = format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ {fields} }} }} }}");
        assert_eq!(nobody.ok(&query, json!({ "ids": ids })).await["nodes"], data[field]);
    }
    let without = Server::start().await;
    assert_eq!(without.anonymous().ok(NODES, json!({ "ids": ids })).await["nodes"], json!([null]));
}

#[tokio::test]
async fn one_that_fails_is_null_for_itself_with_an_error_at_its_place() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("a post").await;
    let wallet = own_wallet(&amina).await;
    // To whom it belongs is not known: the token is none.
    let answer = server.anonymous().token("nonsense").send(NODES, json!({ "ids": [wallet, post] })).await;
    assert_eq!(answer.body["data"]["nodes"], json!([null, { "__typename": "Post", "id": post }]));
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["path"]), (1, &json!(["nodes", 0])));
    assert_eq!(errors[0]["extensions"]["code"], "UNAUTHENTICATED");
}

/// A heart, a thread and a comment, as components show them that know nothing of what they hang below.
const ALIKE: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename ...Heart ...Thread ...Said } } \
    fragment Heart on Likeable { likeCount viewerHasLiked } \
    fragment Thread on Commentable { commentCount comments(first: 5) { totalCount pageInfo { hasNextPage } \
    edges { cursor node { id } } nodes { ...Said } } } \
    fragment Said on DiscussionComment { body author { username } viewerCanUpdate deletedAt }";

#[tokio::test]
async fn what_is_alike_is_asked_for_by_one_fragment() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    let answer = basma.comment(&post, "said to a post").await;
    basma.like(&post).await;
    let goal = goals::begin(&amina, &json!({})).await;
    goals::give(&server, &basma, &goal, "5.00").await;
    let query = "query($id: ID!) { goal(id: $id) { contributions { nodes { id } } } }";
    let given = basma.ok(query, json!({ "id": goal })).await["goal"]["contributions"]["nodes"][0]["id"].clone();
    let query = "mutation($input: ContributionCommentCreateInput!) { contributionCommentCreate(input: $input) { \
                 comment { id } errors { code } } }";
    let input = json!({ "contributionId": given, "body": "said to a gift", "idempotencyKey": "k" });
    let reply = basma.ok(query, json!({ "input": input })).await["contributionCommentCreate"]["comment"].clone();

    let ids = json!([post, given, answer, reply["id"], amina.id]);
    let data = basma.ok(ALIKE, json!({ "ids": ids })).await;
    let said = |body: &str| json!({ "body": body, "author": { "username": "basma" }, "viewerCanUpdate": true, "deletedAt": null });
    let thread = |mut thing: Value, id: &Value, body: &str| {
        let comments = &mut thing["comments"];
        assert_eq!(comments["edges"].as_array_mut().unwrap().remove(0)["node"]["id"], *id);
        assert_eq!(
            *comments,
            json!({ "totalCount": 1, "pageInfo": { "hasNextPage": false }, "edges": [], "nodes": [said(body)] })
        );
        assert_eq!(thing["commentCount"], 1);
        thing
    };
    let nodes = data["nodes"].as_array().unwrap();
    let of_post = thread(nodes[0].clone(), &json!(answer), "said to a post");
    assert_eq!((&of_post["likeCount"], &of_post["viewerHasLiked"]), (&json!(1), &json!(true)));
    let of_gift = thread(nodes[1].clone(), &reply["id"], "said to a gift");
    assert!(of_gift.get("likeCount").is_none(), "{of_gift}");
    for (field, value) in said("said to a post").as_object().unwrap() {
        assert_eq!(nodes[2][field], *value);
    }
    assert_eq!((&nodes[2]["likeCount"], &nodes[3]["body"]), (&json!(0), &json!("said to a gift")));
    assert_eq!(nodes[4], json!({ "__typename": "User" }));
}
