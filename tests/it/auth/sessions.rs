//! Where one is signed in, and ending it elsewhere.

use serde_json::{Value, json};

use crate::harness::{Client, Server, Socket};

const SESSIONS: &str = "{ me { sessions { id device address createdAt lastUsedAt expiresAt isCurrent } } }";
const REVOKE: &str = "mutation($id: ID!) { sessionRevoke(input: { id: $id }) { ended errors { code path } } }";
const REVOKE_OTHERS: &str = "mutation { sessionsRevokeOthers { endedCount errors { code } } }";

async fn sessions(client: &Client) -> Vec<Value> {
    client.ok(SESSIONS, Value::Null).await["me"]["sessions"].as_array().unwrap().clone()
}

async fn is_accepted(client: &Client) -> bool {
    client.send("{ me { id } }", Value::Null).await.body["data"]["me"]["id"].is_string()
}

#[tokio::test]
async fn one_sees_where_one_is_signed_in_last_used_first() {
    let server = Server::start().await;
    let laptop = server.anonymous().header("user-agent", "Laptop/1").register("amina").await;
    server.advance(60);
    let phone = server.anonymous().header("user-agent", "Phone/2").from("203.0.113.9").login("amina").await;
    let seen = sessions(&phone).await;
    let devices: Vec<_> = seen.iter().map(|session| (&session["device"], &session["address"])).collect();
    assert_eq!(devices, [(&json!("Phone/2"), &json!("203.0.113.9")), (&json!("Laptop/1"), &json!("192.0.2.1"))]);
    let current: Vec<_> = seen.iter().map(|session| session["isCurrent"] == true).collect();
    assert_eq!(current, [true, false]);
    assert_eq!(sessions(&laptop).await[1]["isCurrent"], true);
    // Using it again moves it to the front.
    server.advance(60);
    let refresh = "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code } } }";
    laptop.ok(refresh, json!({ "token": laptop.refresh_token })).await;
    assert_eq!(sessions(&phone).await[0]["device"], "Laptop/1");
    // What has expired is not listed.
    server.advance(8 * 86_400);
    let back = server.anonymous().login("amina").await;
    assert_eq!(sessions(&back).await.len(), 1);
}

#[tokio::test]
async fn nobody_sees_another_s_sessions_or_ends_them() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let basma = server.user("basma").await;
    let query = "{ user(username: \"amina\") { sessions { id } } }";
    for client in [&basma, &server.anonymous()] {
        assert_eq!(client.ok(query, Value::Null).await["user"]["sessions"], Value::Null);
    }
    let id = sessions(&amina).await[0]["id"].clone();
    let rows = server.rows().await;
    let refused = basma.user_errors(REVOKE, json!({ "id": id })).await;
    assert_eq!(refused, [("NOT_FOUND".to_owned(), "input.id".to_owned())]);
    let refused = basma.user_errors(REVOKE, json!({ "id": amina.id })).await;
    assert_eq!(refused, [("INVALID_ID".to_owned(), "input.id".to_owned())]);
    assert_eq!(server.anonymous().refused(REVOKE, json!({ "id": id })).await, "UNAUTHENTICATED");
    assert_eq!(server.anonymous().refused(REVOKE_OTHERS, Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(server.rows().await, rows);
    assert!(is_accepted(&amina).await);
}

#[tokio::test]
async fn a_session_that_is_ended_elsewhere_is_over_at_once_with_its_sockets() {
    let server = Server::start().await;
    let address = server.listen().await;
    let here = server.user("amina").await;
    let there = server.anonymous().header("user-agent", "Elsewhere").login("amina").await;
    let mut socket = Socket::open(address, there.access_token.as_deref()).await;
    let mut own = Socket::open(address, here.access_token.as_deref()).await;
    let id = sessions(&there).await[0]["id"].clone();
    assert_eq!(here.ok(REVOKE, json!({ "id": id })).await["sessionRevoke"]["ended"], true);
    assert!(!is_accepted(&there).await);
    assert_eq!(socket.closed().await.0, 4403);
    let refresh =
        "mutation($token: String!) { tokenRefresh(input: { refreshToken: $token }) { errors { code path } } }";
    let refused = server.anonymous().user_errors(refresh, json!({ "token": there.refresh_token })).await;
    assert_eq!(refused, [("INVALID_REFRESH_TOKEN".to_owned(), "input.refreshToken".to_owned())]);
    // Twice is not found: it is over.
    assert_eq!(here.user_errors(REVOKE, json!({ "id": id })).await[0].0, "NOT_FOUND");
    own.subscribe("1", "subscription { notificationReceived { phase } }", Value::Null).await;
    assert_eq!(own.event().await["notificationReceived"]["phase"], "LIVE");
    let kinds = server.count("SELECT COUNT(*) FROM activities WHERE kind = 'session_revoked'").await;
    assert_eq!(kinds, 1);
}

#[tokio::test]
async fn all_other_sessions_are_ended_together_and_this_one_stays() {
    let server = Server::start().await;
    let here = server.user("amina").await;
    let basma = server.user("basma").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(server.anonymous().login("amina").await);
    }
    let ended = here.ok(REVOKE_OTHERS, Value::Null).await;
    assert_eq!(ended["sessionsRevokeOthers"], json!({ "endedCount": 3, "errors": [] }));
    for other in &others {
        assert!(!is_accepted(other).await);
    }
    assert!(is_accepted(&here).await && is_accepted(&basma).await);
    assert_eq!(here.ok(REVOKE_OTHERS, Value::Null).await["sessionsRevokeOthers"]["endedCount"], 0);
}

#[tokio::test]
async fn signing_out_is_written_down() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    for (kind, count) in [("registered", 1), ("signed_in", 1), ("signed_out", 1)] {
        let sql = format!("SELECT COUNT(*) FROM activities WHERE kind = '{kind}' AND address = '192.0.2.1'");
        assert_eq!(server.count(&sql).await, count, "{kind}");
    }
}
