//! Queries, mutations and subscriptions over a socket.

use serde_json::{Value, json};

use super::{RECEIVED, follow, is_usable, listening, me, notify, open, refusal};
use crate::harness::{Socket, client::check_error, eventually, hold_writer};

#[tokio::test]
async fn a_query_over_a_socket_is_answered_once_and_is_complete() {
    let (server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    amina.publish("hello").await;
    let query = "query A { me { id } } query B($n: Int) { posts(first: $n) { nodes { body } } }";
    let payload = json!({ "query": query, "operationName": "B", "variables": { "n": 1 }, "extensions": {} });
    socket.send(json!({ "type": "subscribe", "id": "q", "payload": payload })).await;
    let next = socket.next().await;
    assert_eq!((&next["type"], &next["id"]), (&json!("next"), &json!("q")));
    assert_eq!(next["payload"]["data"], json!({ "posts": { "nodes": [{ "body": "hello" }] } }));
    assert_eq!(next["payload"]["extensions"]["cost"]["requested"], 6);
    assert_eq!(socket.next().await, json!({ "id": "q", "type": "complete" }));
    // What fails in the execution is part of the answer.
    let query = "{ me { username } user(username: \"amina\") { posts(first: 101) { nodes { id } } } }";
    socket.subscribe("q", query, Value::Null).await;
    let next = socket.next().await;
    assert_eq!(next["type"], "next", "{next}");
    check_error(&next["payload"]["errors"][0]);
    assert_eq!(next["payload"]["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    assert_eq!(next["payload"]["data"]["me"]["username"], "amina");
    assert_eq!(socket.next().await, json!({ "id": "q", "type": "complete" }));
    drop(server);
}

#[tokio::test]
async fn mutations_over_a_socket_are_refused_unless_switched_on() {
    let query = "mutation { postCreate(input: { body: \"x\" }) { post { body } errors { code } } }";
    let (server, address, amina) = listening(&[]).await;
    let before = server.rows().await;
    let mut socket = open(address, &amina).await;
    socket.subscribe("1", query, Value::Null).await;
    assert_eq!(refusal(&mut socket, "1").await["code"], "BAD_REQUEST");
    is_usable(&mut socket).await;
    assert_eq!(server.rows().await, before);

    let (server, address, amina) = listening(&[("WEBSOCKET_MUTATIONS", "true")]).await;
    let mut socket = open(address, &amina).await;
    socket.subscribe("1", query, Value::Null).await;
    let data = socket.event().await;
    assert_eq!(data["postCreate"], json!({ "post": { "body": "x" }, "errors": [] }));
    assert_eq!(socket.next().await, json!({ "id": "1", "type": "complete" }));
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 1);
}

#[tokio::test]
async fn a_mutation_over_a_socket_completes_though_its_client_is_gone() {
    let (server, address, amina) = listening(&[("WEBSOCKET_MUTATIONS", "true")]).await;
    let query = "mutation { postCreate(input: { body: \"x\" }) { errors { code } } }";
    let mut socket = open(address, &amina).await;
    let release = hold_writer(&server.app, "posts").await;
    let tasks = server.app.tasks.len();
    socket.subscribe("1", query, Value::Null).await;
    eventually("the mutation's beginning", async || server.app.tasks.len() > tasks).await;
    drop(socket);
    eventually("the socket's end", async || server.app.tasks.len() == tasks).await;
    release.send(()).unwrap();
    eventually("the post", async || server.count("SELECT COUNT(*) FROM posts").await == 1).await;
}

#[tokio::test]
async fn an_operation_that_is_refused_leaves_the_socket_usable() {
    let (server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    follow(&mut socket, "live").await;
    let deep = format!("{{ {}id{} }}", "a { ".repeat(20), " }".repeat(20));
    for (query, variables, code) in [
        ("{", Value::Null, "BAD_REQUEST"),
        ("{ nothing }", Value::Null, "BAD_REQUEST"),
        ("{ me { usernam } }", Value::Null, "BAD_REQUEST"),
        ("query($x: ID!) { post(id: $x) { id } }", Value::Null, "BAD_REQUEST"),
        ("query($n: Int) { posts(first: $n) { nodes { id } } }", json!({ "n": "x" }), "BAD_REQUEST"),
        ("query A { me { id } } query B { me { id } }", Value::Null, "BAD_REQUEST"),
        ("subscription { nothing }", Value::Null, "BAD_REQUEST"),
        ("subscription { notificationReceived(after: 17) { cursor } }", Value::Null, "BAD_REQUEST"),
        (
            "subscription { a: notificationReceived { cursor } b: notificationReceived { cursor } }",
            Value::Null,
            "BAD_REQUEST",
        ),
        (&deep, Value::Null, "COST_EXCEEDED"),
        ("{ posts(first: 100) { nodes { comments(first: 100) { nodes { id } } } } }", Value::Null, "COST_EXCEEDED"),
    ] {
        socket.subscribe("x", query, variables).await;
        assert_eq!(refusal(&mut socket, "x").await["code"], code, "{query}");
    }
    let payload = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } } });
    socket.send(json!({ "type": "subscribe", "id": "x", "payload": payload })).await;
    assert_eq!(refusal(&mut socket, "x").await["code"], "PERSISTED_QUERY_NOT_FOUND");
    // It goes on, and so does what ran before.
    assert_eq!(me(&mut socket, "x").await, "amina");
    notify(&server, &amina, "badr").await;
    assert_eq!(socket.event().await["notificationReceived"]["notification"]["kind"], "LIKE");
}

#[tokio::test]
async fn who_is_not_signed_in_has_nothing_to_subscribe_to() {
    let (_server, address, _) = listening(&[]).await;
    let mut socket = Socket::open(address, None).await;
    socket.subscribe("1", RECEIVED, Value::Null).await;
    let message = socket.next().await;
    let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
    check_error(&errors[0]);
    assert_eq!(errors[0]["extensions"]["code"], "UNAUTHENTICATED");
    if message["type"] == "next" {
        assert_eq!(socket.next().await, json!({ "id": "1", "type": "complete" }));
    }
    assert_eq!(me(&mut socket, "1").await, Value::Null);
}

#[tokio::test]
async fn a_cursor_that_is_none_ends_the_subscription_with_a_code() {
    let (_server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    let query = "subscription($after: String) { notificationReceived(after: $after) { phase } }";
    for after in ["nonsense", "\u{0}"] {
        socket.subscribe("1", query, json!({ "after": after })).await;
        let message = socket.next().await;
        let errors = if message["type"] == "error" { &message["payload"] } else { &message["payload"]["errors"] };
        check_error(&errors[0]);
        assert_eq!(errors[0]["extensions"]["code"], "BAD_REQUEST", "{message}");
        if message["type"] == "next" {
            assert_eq!(socket.next().await, json!({ "id": "1", "type": "complete" }));
        }
    }
    is_usable(&mut socket).await;
}

#[tokio::test]
async fn what_a_client_completes_is_silent_and_its_id_is_free() {
    let (server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    follow(&mut socket, "a").await;
    follow(&mut socket, "b").await;
    socket.send(json!({ "type": "complete", "id": "a" })).await;
    // Completing what is not there, or no longer, is no mistake.
    socket.send(json!({ "type": "complete", "id": "a" })).await;
    socket.send(json!({ "type": "complete", "id": "never" })).await;
    is_usable(&mut socket).await;
    notify(&server, &amina, "badr").await;
    let message = socket.next().await;
    assert_eq!(message["id"], "b", "{message}");
    is_usable(&mut socket).await;

    follow(&mut socket, "a").await;
    notify(&server, &amina, "chadi").await;
    let mut ids = [socket.next().await["id"].clone(), socket.next().await["id"].clone()];
    ids.sort_by_key(ToString::to_string);
    assert_eq!(ids, ["a", "b"]);
    is_usable(&mut socket).await;
}

#[tokio::test]
async fn several_subscriptions_and_queries_share_a_socket() {
    let (server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    let ids: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    for id in &ids {
        follow(&mut socket, id).await;
    }
    assert_eq!(me(&mut socket, "q").await, "amina");
    notify(&server, &amina, "badr").await;
    let mut told = Vec::new();
    for _ in &ids {
        let message = socket.next().await;
        assert_eq!(message["payload"]["data"]["notificationReceived"]["notification"]["kind"], "LIKE", "{message}");
        told.push(message["id"].as_str().unwrap().to_owned());
    }
    told.sort();
    assert_eq!(told, ids);
    is_usable(&mut socket).await;
}
