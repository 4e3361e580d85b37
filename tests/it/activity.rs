//! The activity log: what happened to one's account, seen by oneself; and the message about a new device.

use agora::{domain::activity, entity::user_role::Role};
use serde_json::{Value, json};

use crate::harness::{Client, Server, client::PASSWORD};

const OWN: &str = "{ me { activity(first: 100) { totalCount nodes { id kind detail address userAgent createdAt user { \
    username } } } } }";
const EVERYBODY: &str = "query($where: AdminActivityWhere) { adminActivity(where: $where, first: 100) { totalCount nodes { \
    kind user { username } } } }";
const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code } result { ... on Session { accessToken } } } }";
const REFRESH: &str = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } \
    session { accessToken refreshToken } } }";

async fn own(client: &Client) -> Vec<Value> {
    let data = client.ok(OWN, Value::Null).await["me"]["activity"].clone();
    let list = data["nodes"].as_array().unwrap().clone();
    assert_eq!(data["totalCount"], list.len());
    list
}

/// Kind and detail of each line, newest first.
async fn gist(client: &Client) -> Vec<(String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    own(client).await.iter().map(|line| (text(&line["kind"]).unwrap(), text(&line["detail"]))).collect()
}

fn line(kind: &str, detail: Option<&str>) -> (String, Option<String>) {
    (kind.to_owned(), detail.map(str::to_owned))
}

async fn sign_in(client: &Client, name: &str) -> Client {
    let data = client.ok(LOGIN, json!({ "login": name, "password": PASSWORD })).await;
    client.clone().token(data["login"]["result"]["accessToken"].as_str().unwrap())
}

#[tokio::test]
async fn what_a_person_does_to_their_account_is_in_it_with_from_where() {
    let server = Server::start().await;
    let amina = server.anonymous().header("user-agent", "Reader/1").from("198.51.100.7").register("amina").await;
    server.advance(60);
    amina.ok("mutation { profileUpdate(input: { username: \"amina_b\" }) { errors { code } } }", Value::Null).await;
    server.advance(60);
    let elsewhere = sign_in(&server.anonymous().header("user-agent", "Reader/1"), "amina_b").await;
    elsewhere.ok("mutation { logout { ended } }", Value::Null).await;
    let expected = [
        line("SIGNED_OUT", None),
        line("SIGNED_IN", Some("password")),
        line("USERNAME_CHANGED", Some("amina → amina_b")),
        line("SIGNED_IN", Some("password")),
        line("REGISTERED", None),
    ];
    assert_eq!(gist(&amina).await, expected);
    let first = own(&amina).await[4].clone();
    assert!(first["id"].as_str().unwrap().starts_with("activity_"));
    let from = json!(["198.51.100.7", "Reader/1", "2026-01-01T12:00:00+00:00", "amina_b"]);
    assert_eq!(json!([first["address"], first["userAgent"], first["createdAt"], first["user"]["username"]]), from);
    // A change that is none, is none.
    amina
        .ok("mutation { profileUpdate(input: { username: \"amina_b\", bio: \"b\" }) { errors { code } } }", Value::Null)
        .await;
    assert_eq!(gist(&amina).await, expected);
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_is_shown_with_from_where() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let stolen = json!({ "token": amina.refresh_token });
    let data = amina.ok(REFRESH, stolen.clone()).await["tokenRefresh"]["session"].clone();
    let next = json!({ "token": data["refreshToken"] });
    amina.ok(REFRESH, next).await;
    server.advance(60);
    let thief = server.anonymous().from("203.0.113.9").header("user-agent", "Thief/1");
    assert_eq!(thief.user_errors(REFRESH, stolen.clone()).await[0].0, "INVALID_REFRESH_TOKEN");
    // Once: the session is over.
    assert_eq!(thief.user_errors(REFRESH, stolen).await[0].0, "INVALID_REFRESH_TOKEN");
    let lines = own(&server.anonymous().login("amina").await).await;
    let shown = json!([lines[1]["kind"], lines[1]["detail"], lines[1]["address"], lines[1]["userAgent"]]);
    assert_eq!(shown, json!(["SESSION_REVOKED", "token_reused", "203.0.113.9", "Thief/1"]));
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[tokio::test]
async fn what_staff_does_to_an_account_is_in_it_without_where_they_sit() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let admin = server.staff("keeper", Role::Administrator).await.from("198.51.100.7").header("user-agent", "Staff/1");
    for act in [
        "adminUserSetRole(input: { id: $id, role: SELLER }) { errors { code } }",
        "adminUserSignOutEverywhere(input: { id: $id }) { errors { code } }",
        "adminUserSuspend(input: { id: $id, reason: \"spam\" }) { errors { code } }",
        "adminUserReinstate(input: { id: $id }) { errors { code } }",
    ] {
        assert_eq!(admin.user_errors(&format!("mutation($id: ID!) {{ {act} }}"), json!({ "id": amina.id })).await, []);
        server.advance(1);
    }
    let amina = server.anonymous().login("amina").await;
    let lines = own(&amina).await;
    let expected = [
        line("REINSTATED", None),
        line("SUSPENDED", Some("spam")),
        line("SESSION_REVOKED", Some("administrator")),
        line("ROLE_CHANGED", Some("seller")),
    ];
    assert_eq!(gist(&amina).await[1..5], expected);
    for line in &lines[1..5] {
        assert_eq!((&line["address"], &line["userAgent"]), (&Value::Null, &Value::Null), "{line}");
    }
    let of_admin = own(&admin).await;
    assert!(of_admin.iter().all(|line| line["kind"] == "SIGNED_IN" || line["kind"] == "REGISTERED"), "{of_admin:?}");
}

#[tokio::test]
async fn nobody_reads_another_s_and_those_with_the_permission_read_everybody_s() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let admin = server.staff("keeper", Role::Administrator).await;
    let of_amina = "{ user(username: \"amina\") { activity { totalCount } } }";
    let id = own(&amina).await[0]["id"].clone();
    let node = "query($id: ID!) { node(id: $id) { __typename } }";
    for client in [&server.anonymous(), &basma, &admin] {
        assert_eq!(client.ok(of_amina, Value::Null).await["user"]["activity"], Value::Null);
    }
    assert_eq!(amina.ok(of_amina, Value::Null).await["user"]["activity"]["totalCount"], 2);
    let narrowed = "{ me { activity(where: { kinds: [REGISTERED, SUSPENDED] }) { totalCount nodes { kind } } } }";
    assert_eq!(
        amina.ok(narrowed, Value::Null).await["me"]["activity"],
        json!({ "totalCount": 1, "nodes": [{ "kind": "REGISTERED" }] })
    );
    for (client, expected) in [
        (&server.anonymous(), Value::Null),
        (&basma, Value::Null),
        (&amina, json!({ "__typename": "Activity" })),
        (&admin, json!({ "__typename": "Activity" })),
    ] {
        assert_eq!(client.ok(node, json!({ "id": id })).await["node"], expected);
    }
    for (filter, expected) in [
        (json!(null), 7),
        (json!({ "userIds": amina.id }), 2),
        (json!({ "kinds": "REGISTERED" }), 3),
        (json!({ "kinds": "REGISTERED", "userIds": basma.id }), 1),
        (json!({ "kinds": "SUSPENDED" }), 0),
        (json!({ "kinds": ["SUSPENDED", "REGISTERED"], "userIds": [amina.id, basma.id] }), 2),
        (json!({ "userIds": [] }), 0),
        (json!({ "createdAt": { "from": "2026-01-01T12:00:00.000001+00:00" } }), 0),
    ] {
        let data = admin.ok(EVERYBODY, json!({ "where": filter })).await["adminActivity"].clone();
        assert_eq!(
            (data["totalCount"].as_i64(), data["nodes"].as_array().unwrap().len()),
            (Some(expected), expected as usize),
            "{filter}"
        );
    }
    let agent = server.staff("agent", Role::SupportAgent).await;
    assert_eq!(agent.refused(EVERYBODY, json!({ "where": null })).await, "FORBIDDEN");
    for backwards in [false, true] {
        let mut pages = amina.pages("{ me { activity(PAGE) { ITEMS } } }", 1, backwards).await;
        if backwards {
            pages.reverse();
        }
        let whole: Vec<String> = own(&amina).await.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(pages.concat(), whole);
    }
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_once_a_device_and_not_the_first() {
    let server = Server::start().await;
    let with = |agent: &str| server.anonymous().header("user-agent", agent).from("198.51.100.7");
    with("Phone/1").register("amina").await;
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    assert_eq!(server.sent().await, []);
    sign_in(&with("Phone/1"), "amina").await;
    assert_eq!(server.sent().await, []);
    sign_in(&with("Laptop/2"), "amina").await;
    let told = server.last_sent("amina@example.org").await;
    for word in ["Laptop/2", "198.51.100.7", "2026-01-01 12:00 UTC"] {
        assert!(told.text.contains(word), "{told:?}");
    }
    // Known from now on, from wherever, and after its session has ended.
    for agent in ["Laptop/2", "Phone/1"] {
        let again = sign_in(&server.anonymous().header("user-agent", agent), "amina").await;
        again.ok("mutation { logout { ended } }", Value::Null).await;
        sign_in(&with(agent), "amina").await;
    }
    assert_eq!(server.sent().await.len(), 1);
    // Nor is a failed one told as if it had gone well.
    let wrong = json!({ "login": "amina", "password": "not the password" });
    with("Third/3").ok(LOGIN, wrong).await;
    assert_eq!(server.sent().await.len(), 1);
    sign_in(&with("Third/3"), "amina").await;
    assert_eq!(server.sent().await.len(), 2);
    let sql = "SELECT COUNT(*) FROM activities WHERE kind = 'signed_in_from_new_device'";
    assert_eq!(server.count(sql).await, 2);
}

#[tokio::test]
async fn lines_are_kept_as_long_as_the_operator_says() {
    let server = Server::with(&[("ACTIVITY_RETENTION_DAYS", "10")]).await;
    server.user("amina").await;
    server.advance(86_400 * 10);
    assert_eq!(activity::prune(&server.app).await.unwrap(), 0);
    server.user("basma").await;
    server.advance(1);
    assert_eq!(activity::prune(&server.app).await.unwrap(), 2);
    assert_eq!(server.count("SELECT COUNT(*) FROM activities").await, 2);
    let for_ever = server.beside(&[("ACTIVITY_RETENTION_DAYS", "0")]).await;
    server.advance(86_400 * 10_000);
    assert_eq!(activity::prune(&for_ever.app).await.unwrap(), 0);
}
