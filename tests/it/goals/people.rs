//! Who sees who gave; guests; the talk about it; news.

use agora::entity::user_role::Role;
use agora::platform::{
    crypto::{hex, sha256},
    providers::payments::sandbox::Act,
};
use serde_json::{Value, json};

use super::{SECRET, assert_sound, begin, code, contribute, gift, give, give_with, settle};
use crate::{
    harness::{Client, Server},
    payments::{self, GOOD},
};

const GIVEN: &str = "query($id: ID!) { goal(id: $id) { contributions { nodes { id name contributor { username } message \
     isAnonymous isViewer guestEmail payment { id } } } } }";

async fn given(client: &Client, goal: &str) -> Vec<Value> {
    let data = client.ok(GIVEN, json!({ "id": goal })).await;
    data["goal"]["contributions"]["nodes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_name_of_who_is_anonymous_is_shown_to_those_it_may_be_shown_to() {
    for (changes, by_everybody, by_owner) in [
        (json!({}), true, true),
        (json!({ "hideFromOwner": true }), true, true),
        (json!({ "isAnonymous": true }), false, true),
        (json!({ "isAnonymous": true, "hideFromOwner": true }), false, false),
    ] {
        let server = Server::start().await;
        let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
        let goal = begin(&olivia, &json!({})).await;
        give_with(&server, &badr, &goal, "10.00", &changes).await;
        server.run_jobs().await;
        let staff = server.staff("warden", Role::Administrator).await;
        let agent = server.staff("agent", Role::SupportAgent).await;
        for (viewer, sees) in [
            (&server.anonymous(), by_everybody),
            (&server.user("stranger").await, by_everybody),
            (&agent, by_everybody),
            (&olivia, by_owner),
            (&badr, true),
            (&staff, true),
        ] {
            let seen = &given(viewer, &goal).await[0];
            let named = (seen["name"] == "badr", seen["contributor"]["username"] == "badr");
            assert_eq!(named, (sees, sees), "{changes} as {:?}: {seen}", viewer.username);
            assert_eq!(seen["payment"].is_object(), viewer.username == "badr" || viewer.username == "warden");
            // By its id it is no different, nor in the whole answer.
            let query =
                "query($id: ID!) { node(id: $id) { ... on GoalContribution { name contributor { username } } } }";
            let node = viewer.ok(query, json!({ "id": seen["id"] })).await;
            assert_eq!(node.to_string().contains("badr"), sees, "{changes}: {node}");
        }
        let told = olivia
            .ok("{ me { notifications { nodes { kind title message actor { username } } } } }", json!(null))
            .await;
        let told = &told["me"]["notifications"]["nodes"][0];
        assert_eq!((&told["kind"], &told["message"]), (&json!("CONTRIBUTION"), &json!("10.00 USD: A new roof")));
        assert_eq!(told.to_string().contains("badr"), by_owner, "{changes}: {told}");
    }
}

#[tokio::test]
async fn a_guest_gives_by_their_address_which_only_staff_sees() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    let nobody = server.anonymous();
    let input = gift(&goal, "7.00", "k", &json!({ "guest": { "email": "guest@example.org", "name": "A friend" } }));
    let payload = contribute(&nobody, &input).await;
    let token = payload["guestToken"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned();
    assert_eq!(payload["contribution"]["name"], "A friend");
    payments::act(&server, &payload["payment"], &Act::card(GOOD)).await;
    let confirm = "mutation($id: ID!, $token: String) { paymentConfirm(input: { id: $id, guestToken: $token }) { payment { state } } }";
    let id = &payload["payment"]["id"];
    let confirmed = nobody.ok(confirm, json!({ "id": id, "token": token })).await;
    assert_eq!(confirmed["paymentConfirm"]["payment"]["state"], "COMPLETED");
    assert_eq!(nobody.ok(confirm, json!({ "id": id, "token": null })).await["paymentConfirm"]["payment"], Value::Null);
    let staff = server.staff("warden", Role::Administrator).await;
    for (viewer, email) in [(&nobody, Value::Null), (&olivia, Value::Null), (&staff, json!("guest@example.org"))] {
        let seen = &given(viewer, &goal).await[0];
        assert_eq!((&seen["name"], &seen["guestEmail"]), (&json!("A friend"), &email));
    }
    assert!(server.last_sent("guest@example.org").await.text.contains("7.00 USD"));
    let told = olivia.ok("{ me { notifications { nodes { title } } } }", json!(null)).await;
    assert_eq!(told["me"]["notifications"]["nodes"][0]["title"], "A friend gave to your goal");
    // The key is the guest's own, not everybody's who has no account.
    let other = json!({ "guest": { "email": "other@example.org" } });
    assert_eq!(contribute(&nobody, &gift(&goal, "7.00", "k", &other)).await["replayed"], false);
    assert_sound(&server).await;
}

#[tokio::test]
async fn nobody_gets_a_guest_s_token_by_a_key_that_can_be_guessed() {
    let server = Server::start().await;
    let goal = begin(&server.user("olivia").await, &json!({})).await;
    let guest = json!({ "guest": { "email": "guest@example.org" } });
    let with_key = |key: &str| {
        let mut input = gift(&goal, "7.00", "", &guest);
        input["idempotencyKey"] = json!(key);
        input
    };
    let before = server.rows().await;
    for (key, why) in
        [("k", "TOO_SHORT"), ("123456789012345", "TOO_SHORT"), ("1111111111111111", "INVALID"), (" ", "TOO_SHORT")]
    {
        let payload = contribute(&server.anonymous(), &with_key(key)).await;
        assert_eq!((code(&payload), &payload["guestToken"]), (why, &Value::Null), "{key}");
    }
    assert_eq!(server.rows().await, before);
    // Who has the key gets the token again, wherever they are by then; who has not begins a payment of their own.
    let own = with_key("0b7c8f52-1f0e-4d55-9a39-0e7c1f0b9a61");
    let begun = contribute(&server.anonymous(), &own).await;
    let again = contribute(&server.anonymous().from("203.0.113.1"), &own).await;
    assert_eq!((&again["replayed"], &again["guestToken"]), (&json!(true), &begun["guestToken"]));
    let other = contribute(&server.anonymous(), &with_key("0b7c8f52-1f0e-4d55-9a39-0e7c1f0b9a62")).await;
    assert_eq!(other["replayed"], false);
    assert_ne!(other["guestToken"], begun["guestToken"]);
}

#[tokio::test]
async fn a_guest_s_call_is_repeated_only_by_who_knows_their_secret() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    let own = gift(&goal, "7.00", "k", &json!({ "guest": { "email": "guest@example.org", "name": "A friend" } }));
    let with_secret = |secret: &str| {
        let mut input = own.clone();
        input["guest"]["secret"] = json!(secret);
        input
    };
    // One that proves nothing is none.
    let key = own["idempotencyKey"].as_str().unwrap();
    let long = "7d0c6a6e-guest-secret".repeat(10);
    let before = server.rows().await;
    for (secret, why) in [
        ("", "TOO_SHORT"),
        ("123456789012345", "TOO_SHORT"),
        ("aaaaaaaaaaaaaaaa", "INVALID"),
        (key, "INVALID"),
        (long.as_str(), "TOO_LONG"),
    ] {
        let payload = contribute(&server.anonymous(), &with_secret(secret)).await;
        assert_eq!(payload["errors"], json!([{ "code": why, "path": ["input", "guest"] }]), "{secret}");
    }
    assert_eq!(server.rows().await, before);
    let begun = contribute(&server.anonymous(), &own).await;
    assert!(begun["guestToken"].is_string(), "{begun}");
    // A stranger knows the key and all of the input: they are told nothing of the payment, and begin none.
    let before = server.rows().await;
    let reused = json!([{ "code": "IDEMPOTENCY_KEY_REUSED", "path": ["input", "idempotencyKey"] }]);
    for secret in ["another-guest-secret", "7D0C6A6E-GUEST-SECRET", "7d0c6a6e-guest-secret "] {
        for stranger in [&server.anonymous(), &server.anonymous().from("203.0.113.1")] {
            let payload = contribute(stranger, &with_secret(secret)).await;
            assert_eq!(payload["errors"], reused, "{payload}");
            assert_eq!((&payload["guestToken"], &payload["payment"]), (&Value::Null, &Value::Null));
        }
    }
    assert_eq!(server.rows().await, before);
    // Whose answer was lost gets it again, wherever they are by then.
    let again = contribute(&server.anonymous().from("198.51.100.7"), &own).await;
    assert_eq!((&again["replayed"], &again["guestToken"]), (&json!(true), &begun["guestToken"]));
    assert_eq!(again["payment"]["id"], begun["payment"]["id"]);
    // The secret itself is stored nowhere.
    let kept = "SELECT COUNT(*) FROM money_keys WHERE input_hash LIKE '%guest-secret%' OR key LIKE '%guest-secret%'";
    assert_eq!(server.count(kept).await, 0);
    assert_sound(&server).await;
}

#[tokio::test]
async fn what_was_begun_before_there_were_versions_comes_again() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    let own = gift(&goal, "7.00", "k", &json!({ "guest": { "email": "guest@example.org", "name": "A friend" } }));
    let begun = contribute(&server.anonymous(), &own).await;
    let text = format!(
        "GoalContribute {{ goal: {goal}, amount: Money {{ minor: 700, currency: USD }}, provider: Sandbox, method: None, \
         is_anonymous: false, hide_from_owner: false, message: \"\", guest: Some(Guest {{ email: \"guest@example.org\", \
         name: Some(\"A friend\"), secret: \"{SECRET}\" }}), idempotency_key: \"\" }}"
    );
    let (sql, before) = ("UPDATE money_keys SET input_hash = $1", hex(&sha256(text.as_bytes())));
    server.write(sql, vec![before.into()]).await;
    let again = contribute(&server.anonymous(), &own).await;
    assert_eq!((&again["payment"]["id"], &again["replayed"]), (&begun["payment"]["id"], &json!(true)));
    let mut other = own.clone();
    other["guest"]["secret"] = json!("another-guest-secret");
    assert_eq!(code(&contribute(&server.anonymous(), &other).await), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn guests_need_an_address_have_no_wallet_and_are_limited() {
    let server = Server::with(&[("RATE_LIMIT_SEND_ADDRESS", "3/hour")]).await;
    let goal = begin(&server.user("olivia").await, &json!({})).await;
    let nobody = server.anonymous().from("192.0.2.9");
    let guest = |email: &str| json!({ "guest": { "email": email } });
    assert_eq!(code(&contribute(&nobody, &gift(&goal, "1.00", "k", &json!({}))).await), "BLANK");
    assert_eq!(code(&contribute(&nobody, &gift(&goal, "1.00", "k", &guest("nonsense"))).await), "INVALID");
    let mut by_wallet = gift(&goal, "1.00", "k", &guest("guest@example.org"));
    by_wallet["provider"] = json!("WALLET");
    assert_eq!(code(&contribute(&nobody, &by_wallet).await), "PROVIDER_NOT_AVAILABLE");
    for key in ["1", "2"] {
        assert_eq!(code(&contribute(&nobody, &gift(&goal, "1.00", key, &guest("guest@example.org"))).await), "");
    }
    let query = "mutation($input: GoalContributeInput!) { goalContribute(input: $input) { errors { code } } }";
    let input = gift(&goal, "1.00", "3", &guest("guest@example.org"));
    assert_eq!(nobody.refused(query, json!({ "input": input })).await, "RATE_LIMITED");
}

const COMMENT: &str = "mutation($input: ContributionCommentCreateInput!) { contributionCommentCreate(input: $input) { \
     comment { id body } replayed errors { code path } } }";
const UPDATE: &str = "mutation($id: ID!, $body: String) { contributionCommentUpdate(input: { id: $id, body: $body }) { \
     comment { body editedAt } errors { code path } } }";
const DELETE: &str =
    "mutation($id: ID!) { contributionCommentDelete(input: { id: $id }) { comment { body } errors { code path } } }";

#[tokio::test]
async fn what_was_given_is_talked_about() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let dina = server.user("dina").await;
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    let about = given(&olivia, &goal).await[0]["id"].clone();
    let say = async |client: &Client, body: &str, key: Option<&str>| {
        let input = json!({ "contributionId": about, "body": body, "idempotencyKey": key });
        client.ok(COMMENT, json!({ "input": input })).await["contributionCommentCreate"].clone()
    };
    assert_eq!(
        server.anonymous().refused(COMMENT, json!({ "input": { "contributionId": about, "body": "x" } })).await,
        "UNAUTHENTICATED"
    );
    let first = say(&dina, "How kind!", Some("k")).await["comment"]["id"].clone();
    assert_eq!(say(&dina, "How kind!", Some("k")).await["replayed"], true);
    assert_eq!(code(&say(&dina, "  ", None).await), "BLANK");
    let second = say(&olivia, "Thank you.", None).await["comment"]["id"].clone();
    for client in [&badr, &olivia] {
        let refused = client.ok(UPDATE, json!({ "id": first, "body": "mine" })).await;
        assert_eq!(code(&refused["contributionCommentUpdate"]), "NOT_ALLOWED");
    }
    let changed = dina.ok(UPDATE, json!({ "id": first, "body": "So kind!" })).await;
    assert_eq!(changed["contributionCommentUpdate"]["comment"]["body"], "So kind!");
    assert_eq!(code(&badr.ok(DELETE, json!({ "id": first })).await["contributionCommentDelete"]), "NOT_ALLOWED");
    // Whose goal it is may take others' comments away.
    assert_eq!(code(&olivia.ok(DELETE, json!({ "id": first })).await["contributionCommentDelete"]), "");
    assert_eq!(code(&dina.ok(DELETE, json!({ "id": first })).await["contributionCommentDelete"]), "NOT_FOUND");
    let list = "query($id: ID!) { node(id: $id) { ... on GoalContribution { commentCount comments { totalCount nodes { id body author { username } } } } } }";
    let seen = server.anonymous().ok(list, json!({ "id": about })).await;
    assert_eq!((&seen["node"]["commentCount"], &seen["node"]["comments"]["totalCount"]), (&json!(1), &json!(1)));
    assert_eq!(seen["node"]["comments"]["nodes"][0]["id"], second);
}

const PUBLISH: &str = "mutation($input: GoalNewsPublishInput!) { goalNewsPublish(input: $input) { news { id title } replayed \
     errors { code path } } }";

#[tokio::test]
async fn news_reach_those_who_gave_once_and_guests_once_a_day() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    give(&server, &badr, &goal, "11.00").await;
    let guest = json!({ "guest": { "email": "guest@example.org" } });
    let nobody = server.anonymous();
    for key in ["1", "2"] {
        let payload = contribute(&nobody, &gift(&goal, "7.00", key, &guest)).await;
        payments::act(&server, &payload["payment"], &Act::card(GOOD)).await;
    }
    settle(&server).await;
    let publish = async |client: &Client, title: &str| {
        let input = json!({ "goalId": goal, "title": title, "body": "Thank you all.", "idempotencyKey": title });
        client.ok(PUBLISH, json!({ "input": input })).await["goalNewsPublish"].clone()
    };
    assert_eq!(code(&publish(&badr, "Mine").await), "NOT_ALLOWED");
    assert_eq!(publish(&olivia, "The roof is on").await["news"]["title"], "The roof is on");
    assert_eq!(publish(&olivia, "The roof is on").await["replayed"], true);
    // Kept by the name that the mutation had at first, so that a call of before is known.
    let kept = "SELECT COUNT(*) FROM idempotency_keys WHERE operation = 'goalUpdatePublish'";
    assert_eq!(server.count(kept).await, 1);
    publish(&olivia, "It holds").await;
    settle(&server).await;
    let told = badr
        .ok("{ me { notifications { nodes { kind title message subject { ... on Goal { id } } } } } }", json!(null))
        .await;
    let told = told["me"]["notifications"]["nodes"].as_array().unwrap();
    let news: Vec<_> = told.iter().filter(|one| one["kind"] == "GOAL_NEWS").collect();
    assert_eq!(news.len(), 2, "{told:?}");
    assert_eq!((&news[1]["title"], &news[1]["message"]), (&json!("News of “A new roof”"), &json!("The roof is on")));
    assert_eq!(news[1]["subject"]["id"], json!(goal));
    let emails = server.sent().await;
    let emails: Vec<_> =
        emails.iter().filter(|sent| sent.to == "guest@example.org" && sent.subject.contains("News")).collect();
    assert_eq!(emails.len(), 1, "{emails:?}");
    // Whose address it is nobody has proven: what the owner wrote stands on the page.
    let message = &emails[0].text;
    assert!(message.contains(&goal) && message.contains("unsubscribe"), "{message}");
    for chosen in ["The roof is on", "A new roof", "Thank you all."] {
        assert!(!message.contains(chosen), "{message}");
    }
    let list =
        nobody.ok("query($id: ID!) { goal(id: $id) { news { nodes { title body } } } }", json!({ "id": goal })).await;
    assert_eq!(list["goal"]["news"]["nodes"][0]["title"], "It holds");
}
