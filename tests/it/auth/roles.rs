//! Roles: who gives them to whom, what is lost with one at once, and what those with rights see of accounts.

use agora::{domain::auth, entity::user_role::Role};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

const SET_ROLE: &str = "mutation($id: ID!, $role: Role!) { adminUserSetRole(input: { id: $id, role: $role }) { errors { code path } \
    user { id role permissions } } }";
const SEEN: &str = "{ me { role permissions account { sessionCount } } adminUsers { totalCount } }";
const REFRESH: &str = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } \
    session { accessToken } } }";

fn beyond() -> Vec<(String, String)> {
    vec![("BEYOND_YOUR_RIGHTS".to_owned(), "input.id".to_owned())]
}

async fn set_role(by: &Client, whom: &Client, role: &str) -> Vec<(String, String)> {
    by.user_errors(SET_ROLE, json!({ "id": whom.id, "role": role })).await
}

/// A person's role, as it is stored.
async fn role_of(server: &Server, whom: &Client) -> String {
    let id: agora::entity::UserId = whom.id.parse().unwrap();
    let sql = "SELECT role FROM user_roles WHERE user_id = $1";
    let rows = server.app.db.rows(sql, vec![id.0.into()]).await.unwrap();
    rows.first().map_or("user".to_owned(), |row| row.try_get_by_index(0).unwrap())
}

#[tokio::test]
async fn an_administrator_gives_and_takes_every_role_but_the_owner_s() {
    let server = Server::start().await;
    let (admin, amina) = (server.staff("keeper", Role::Administrator).await, server.user("amina").await);
    for (role, permissions) in [
        ("SELLER", json!(["SELL"])),
        ("SUPPORT_AGENT", json!(["ANSWER_SUPPORT", "SEE_ACCOUNTS", "SEE_CONTACTS"])),
        ("MODERATOR", json!(["SEE_ACCOUNTS", "SUSPEND_USERS"])),
        ("USER", json!([])),
    ] {
        let data = admin.ok(SET_ROLE, json!({ "id": amina.id, "role": role })).await["adminUserSetRole"].clone();
        assert_eq!((&data["errors"], &data["user"]["role"]), (&json!([]), &json!(role)), "{data}");
        assert_eq!(data["user"]["permissions"], permissions, "{role}");
        assert_eq!(role_of(&server, &amina).await, role.to_lowercase());
    }
    assert_eq!(set_role(&admin, &amina, "ADMINISTRATOR").await, []);
    let before = server.rows().await;
    assert_eq!(set_role(&admin, &amina, "OWNER").await, beyond());
    assert_eq!((role_of(&server, &amina).await, server.rows().await), ("administrator".to_owned(), before));
    // An owner does, and nobody below an owner touches one.
    let owner = server.staff("the_owner", Role::Owner).await;
    assert_eq!(set_role(&owner, &amina, "OWNER").await, []);
    assert_eq!(set_role(&admin, &amina, "USER").await, beyond());
    assert_eq!(role_of(&server, &amina).await, "owner");
}

#[tokio::test]
async fn nobody_raises_or_lowers_themselves() {
    let server = Server::start().await;
    server.staff("the_owner", Role::Owner).await;
    for (name, role) in [("seller", Role::Seller), ("agent", Role::SupportAgent), ("mod", Role::Moderator)] {
        let staff = server.staff(name, role).await;
        let before = server.rows().await;
        for wanted in ["OWNER", "ADMINISTRATOR", "USER"] {
            let variables = json!({ "id": staff.id, "role": wanted });
            assert_eq!(staff.refused(SET_ROLE, variables).await, "FORBIDDEN", "{name} as {wanted}");
        }
        assert_eq!((role_of(&server, &staff).await.as_str(), server.rows().await), (role.as_str(), before));
    }
    let admin = server.staff("keeper", Role::Administrator).await;
    let second = server.staff("second_owner", Role::Owner).await;
    let before = server.rows().await;
    for (staff, wanted) in [(&admin, "OWNER"), (&admin, "MODERATOR"), (&admin, "USER"), (&second, "ADMINISTRATOR")] {
        assert_eq!(set_role(staff, staff, wanted).await, beyond(), "{wanted}");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn the_last_owner_stays() {
    let server = Server::start().await;
    let owner = server.staff("the_owner", Role::Owner).await;
    let before = server.rows().await;
    let expected = [("LAST_OWNER".to_owned(), "input.id".to_owned())];
    assert_eq!(set_role(&owner, &owner, "USER").await, expected);
    assert_eq!((role_of(&server, &owner).await.as_str(), server.rows().await), ("owner", before));
    // One of two may be removed, by the other.
    let other = server.staff("other", Role::Owner).await;
    assert_eq!(set_role(&other, &owner, "USER").await, []);
    assert_eq!(set_role(&other, &other, "USER").await, expected);
}

#[tokio::test]
async fn of_two_owners_who_demote_each_other_at_once_one_stays() {
    let server = Server::start().await;
    // Through another instance, which remembers nothing of what the first has ended.
    let beside = server.beside(&[]).await;
    for round in 0..5 {
        let one = server.staff(&format!("one_{round}"), Role::Owner).await;
        let two = server.staff(&format!("two_{round}"), Role::Owner).await.through(beside.router.clone());
        let sql = "DELETE FROM user_roles WHERE role = 'owner' AND created_at < $1";
        let now = server.clock.now();
        server.write(sql, vec![now.into()]).await;
        let call = async |by: &Client, whom: &Client| {
            by.send(SET_ROLE, json!({ "id": whom.id, "role": "MODERATOR" })).await.body
        };
        let (first, second) = tokio::join!(call(&one, &two), call(&two, &one));
        let done = |answer: &Value| answer["data"]["adminUserSetRole"]["errors"] == json!([]);
        assert!(done(&first) != done(&second), "{first} {second}");
        let lost = if done(&first) { &second } else { &first };
        assert_eq!(lost["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{lost}");
        assert_eq!(server.count("SELECT COUNT(*) FROM user_roles WHERE role = 'owner'").await, 1);
        assert_eq!(
            server.count("SELECT COUNT(*) FROM audit_entries WHERE action = 'adminUserSetRole'").await,
            round + 1
        );
        server.advance(1);
    }
}

#[tokio::test]
async fn who_loses_a_permission_loses_every_session_at_once() {
    let server = Server::start().await;
    let owner = server.staff("the_owner", Role::Owner).await;
    let admin = server.staff("keeper", Role::Administrator).await;
    let amina = server.user("amina").await;
    let beside = server.beside(&[]).await;
    let elsewhere = admin.clone().through(beside.router.clone());
    elsewhere.ok(SEEN, Value::Null).await;
    assert_eq!(set_role(&owner, &admin, "MODERATOR").await, []);
    assert_eq!(admin.refused(SEEN, Value::Null).await, "UNAUTHENTICATED");
    let refreshed = server.anonymous().user_errors(REFRESH, json!({ "token": admin.refresh_token })).await;
    assert_eq!(refreshed[0].0, "INVALID_REFRESH_TOKEN");
    // Another instance may still take the token for good, until it sweeps: nothing can be done by it.
    let before = server.rows().await;
    let variables = json!({ "id": amina.id, "role": "MODERATOR" });
    assert_eq!(elsewhere.refused(SET_ROLE, variables).await, "UNAUTHENTICATED");
    assert_eq!(server.rows().await, before);
    auth::sweep(&beside.app).await.unwrap();
    assert_eq!(elsewhere.refused(SEEN, Value::Null).await, "UNAUTHENTICATED");
    // The new role is what the next sign-in gives.
    let moderator = server.anonymous().login("keeper").await;
    assert_eq!(moderator.ok(SEEN, Value::Null).await["me"]["role"], "MODERATOR");
    assert_eq!(moderator.refused("{ adminAudit { totalCount } }", Value::Null).await, "FORBIDDEN");
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions WHERE end_reason = 'role_changed'").await, 2);
}

#[tokio::test]
async fn who_only_gains_stays_signed_in_and_has_it_from_the_next_refresh() {
    let server = Server::start().await;
    let (owner, amina) = (server.staff("the_owner", Role::Owner).await, server.user("amina").await);
    assert_eq!(set_role(&owner, &amina, "MODERATOR").await, []);
    assert_eq!(amina.ok("{ me { role } }", Value::Null).await["me"]["role"], "MODERATOR");
    assert_eq!(amina.refused(SEEN, Value::Null).await, "FORBIDDEN");
    let data = amina.ok(REFRESH, json!({ "token": amina.refresh_token })).await;
    let amina = amina.token(data["tokenRefresh"]["session"]["accessToken"].as_str().unwrap());
    assert_eq!(amina.ok(SEEN, Value::Null).await["adminUsers"]["totalCount"], 2);
    // The same role again is no change.
    let before = server.rows().await;
    assert_eq!(set_role(&owner, &amina, "MODERATOR").await, []);
    assert_eq!(server.rows().await, before);
    amina.ok(SEEN, Value::Null).await;
}

#[tokio::test]
async fn giving_rights_and_taking_protection_ask_again_who_is_there() {
    let server = Server::start().await;
    let (owner, amina) = (server.staff("the_owner", Role::Owner).await, server.user("amina").await);
    server.advance(301);
    let before = server.rows().await;
    let reset = "mutation($id: ID!) { adminUserResetTwoFactor(input: { id: $id }) { errors { code } } }";
    for (query, variables) in
        [(SET_ROLE, json!({ "id": amina.id, "role": "MODERATOR" })), (reset, json!({ "id": amina.id }))]
    {
        let answer = owner.send(query, variables).await;
        assert_eq!(answer.code(), "REAUTHENTICATION_REQUIRED");
        assert_eq!(answer.refusal()["methods"], json!(["PASSWORD"]));
    }
    assert_eq!((role_of(&server, &amina).await.as_str(), server.rows().await), ("user", before));
}

#[tokio::test]
async fn a_role_that_demands_a_second_factor_allows_nothing_without() {
    let server = Server::with(&[("TWO_FACTOR_REQUIRED_ROLES", "moderator")]).await;
    let (moderator, amina) = (server.staff("mod", Role::Moderator).await, server.user("amina").await);
    let before = server.rows().await;
    let suspend = format!(
        "mutation {{ adminUserSuspend(input: {{ id: \"{}\", reason: \"spam\" }}) {{ errors {{ code }} }} }}",
        amina.id
    );
    for query in ["{ adminUsers { totalCount } }", suspend.as_str()] {
        assert_eq!(moderator.refused(query, Value::Null).await, "TWO_FACTOR_SETUP_REQUIRED");
    }
    let seen = moderator.ok("{ user(username: \"amina\") { email role account { sessionCount } } }", Value::Null).await;
    assert_eq!(seen["user"], json!({ "email": null, "role": null, "account": null }));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn an_id_of_something_else_and_of_nobody_are_told_apart() {
    let server = Server::start().await;
    let owner = server.staff("the_owner", Role::Owner).await;
    let post = owner.publish("a post").await;
    let nobody = "user_01jc0000000000000000000000";
    let before = server.rows().await;
    for (field, rest) in [
        ("adminUserSetRole", ", role: SELLER"),
        ("adminUserSuspend", ", reason: \"spam\""),
        ("adminUserReinstate", ""),
        ("adminUserSignOutEverywhere", ""),
        ("adminUserResetTwoFactor", ""),
    ] {
        for (id, code) in [(post.as_str(), "INVALID_ID"), ("nonsense", "INVALID_ID"), (nobody, "NOT_FOUND")] {
            let query = format!(
                "mutation {{ {field}(input: {{ id: \"{id}\"{rest} }}) {{ errors {{ code path }} user {{ id }} }} }}"
            );
            let errors = owner.user_errors(&query, Value::Null).await;
            assert_eq!(errors, [(code.to_owned(), "input.id".to_owned())], "{field}");
        }
    }
    assert_eq!(server.rows().await, before);
    for query in [
        "{ adminAudit(where: { actorIds: \"ID\" }) { totalCount } }",
        "{ adminAudit(where: { subjectIds: \"ID\" }) { totalCount } }",
        "{ adminActivity(where: { userIds: \"ID\" }) { totalCount } }",
    ] {
        assert_eq!(owner.refused(&query.replace("ID", &post), Value::Null).await, "BAD_REQUEST", "{query}");
    }
}

// ------------------------------------------------------------------------------------------------- what is seen of them

#[tokio::test]
async fn what_is_behind_a_person_is_for_themselves_and_for_those_with_the_permission() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.advance(60);
    server.anonymous().login("amina").await;
    let query = "{ user(username: \"amina\") { email role permissions account { emailVerified twoFactorEnabled \
                 suspension { reason } lastSignedInAt sessionCount } } }";
    let account = json!({
        "emailVerified": false, "twoFactorEnabled": false, "suspension": null,
        "lastSignedInAt": "2026-01-01T12:01:00+00:00", "sessionCount": 2,
    });
    let full = json!({ "email": "amina@example.org", "role": "USER", "permissions": [], "account": account });
    let without_address = json!({ "email": null, "role": "USER", "permissions": [], "account": account });
    let nothing = json!({ "email": null, "role": null, "permissions": null, "account": null });
    assert_eq!(amina.ok(query, Value::Null).await["user"], full);
    assert_eq!(server.anonymous().ok(query, Value::Null).await["user"], nothing);
    assert_eq!(server.user("basma").await.ok(query, Value::Null).await["user"], nothing);
    for (name, role, expected) in [
        ("seller", Role::Seller, &nothing),
        ("agent", Role::SupportAgent, &full),
        ("mod", Role::Moderator, &without_address),
        ("keeper", Role::Administrator, &full),
        ("the_owner", Role::Owner, &full),
    ] {
        let staff = server.staff(name, role).await;
        assert_eq!(staff.ok(query, Value::Null).await["user"], *expected, "{name}");
    }
}

async fn found(client: &Client, filter: Value) -> Vec<String> {
    let query = "query($where: AdminUserWhere) { adminUsers(where: $where, sortBy: USERNAME) { nodes { username } \
                 totalCount } }";
    let data = client.ok(query, json!({ "where": filter })).await;
    let names: Vec<String> = data["adminUsers"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["username"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(data["adminUsers"]["totalCount"], names.len(), "{data}");
    names
}

#[tokio::test]
async fn accounts_are_found_by_name_address_role_suspension_and_time() {
    let server = Server::start().await;
    let agent = server.staff("agent", Role::SupportAgent).await;
    server.staff("seller", Role::Seller).await;
    server.advance(60);
    let amina = server.user("amina").await;
    server.user("Basma").await;
    let moderator = server.staff("mod", Role::Moderator).await;
    let suspend = "mutation($id: ID!, $until: DateTime) { adminUserSuspend(input: { id: $id, reason: \"spam\", until: \
                   $until }) { errors { code } } }";
    moderator.ok(suspend, json!({ "id": amina.id, "until": "2026-01-01T13:00:00+00:00" })).await;
    for (filter, expected) in [
        (json!(null), vec!["agent", "amina", "Basma", "mod", "seller"]),
        (json!({}), vec!["agent", "amina", "Basma", "mod", "seller"]),
        (json!({ "text": "bas" }), vec!["Basma"]),
        (json!({ "text": " " }), vec![]),
        (json!({ "email": "BASMA@example.org" }), vec!["Basma"]),
        (json!({ "email": "a" }), vec!["agent", "amina"]),
        (json!({ "email": "%" }), vec![]),
        (json!({ "email": "_mina" }), vec![]),
        (json!({ "email": "amina\u{0}" }), vec![]),
        (json!({ "roles": "SELLER" }), vec!["seller"]),
        (json!({ "roles": "USER" }), vec!["amina", "Basma"]),
        (json!({ "roles": "OWNER" }), vec![]),
        (json!({ "roles": ["SELLER", "MODERATOR"] }), vec!["mod", "seller"]),
        (json!({ "roles": ["SELLER", "USER"] }), vec!["amina", "Basma", "seller"]),
        (json!({ "roles": [] }), vec![]),
        (json!({ "isSuspended": true }), vec!["amina"]),
        (json!({ "isSuspended": false, "roles": "USER" }), vec!["Basma"]),
        (json!({ "createdAt": { "from": "2026-01-01T12:01:00+00:00" } }), vec!["amina", "Basma", "mod"]),
        (json!({ "createdAt": { "until": "2026-01-01T12:01:00+00:00" } }), vec!["agent", "seller"]),
        (json!({ "text": "am", "email": "a", "roles": "USER", "isSuspended": true }), vec!["amina"]),
    ] {
        assert_eq!(found(&agent, filter.clone()).await, expected, "{filter}");
    }
    // Who may not see addresses does not find out by searching.
    let query = "query($email: String) { adminUsers(where: { email: $email }) { totalCount } }";
    for email in ["amina@example.org", "nobody@example.org"] {
        assert_eq!(moderator.refused(query, json!({ "email": email })).await, "FORBIDDEN");
    }
    server.advance(3600);
    let agent = server.anonymous().login("agent").await;
    assert_eq!(found(&agent, json!({ "isSuspended": true })).await, Vec::<String>::new());
}

#[tokio::test]
async fn accounts_are_listed_page_by_page_with_a_constant_number_of_statements() {
    let server = Server::start().await;
    let admin = server.staff("keeper", Role::Administrator).await;
    let mut ids = vec![admin.id.clone()];
    for name in ["delta", "alpha", "echo", "bravo"] {
        ids.push(server.user(name).await.id);
    }
    ids.reverse();
    for size in [1, 2, 5] {
        for backwards in [false, true] {
            let mut pages = admin.pages("{ adminUsers(PAGE) { ITEMS } }", size, backwards).await;
            if backwards {
                pages.reverse();
            }
            assert_eq!(pages.concat(), ids, "{size} {backwards}");
        }
    }
    let query = "query($first: Int) { adminUsers(first: $first) { nodes { email role permissions account { sessionCount \
                 suspension { reason } } } } }";
    let mut spent = Vec::new();
    for first in [1, 5] {
        let before = server.app.db.statements();
        let data = admin.ok(query, json!({ "first": first })).await;
        assert_eq!(data["adminUsers"]["nodes"].as_array().unwrap().len(), first);
        spent.push(server.app.db.statements() - before);
    }
    assert_eq!(spent, [3, 3]);
}
