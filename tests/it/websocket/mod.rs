//! GraphQL over WebSocket: the protocol `graphql-transport-ws` with each of its close codes, and who is let in. In the
//! folder: operations, how often events are executed, clients that don't read, and what else bounds a socket.

mod bounds;
mod executions;
mod operations;
pub(crate) mod unread;

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::{Client, Server, Socket, TIMEOUT, client::check_error, eventually};

const RECEIVED: &str = "subscription { notificationReceived { phase cursor notification { kind message } } }";
const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

/// A server on a real port, somebody, and their token.
async fn listening(settings: &[(&str, &str)]) -> (Server, SocketAddr, Client) {
    let server = Server::with(settings).await;
    let address = server.listen().await;
    let amina = server.user("amina").await;
    (server, address, amina)
}

/// Opens a socket as somebody.
async fn open(address: SocketAddr, client: &Client) -> Socket {
    Socket::open(address, client.access_token.as_deref()).await
}

/// Subscribes to one's notifications and is told that the stream is live.
async fn follow(socket: &mut Socket, id: &str) {
    socket.subscribe(id, RECEIVED, Value::Null).await;
    let message = socket.next().await;
    assert_eq!((&message["id"], &message["type"]), (&json!(id), &json!("next")), "{message}");
    assert_eq!(message["payload"]["data"]["notificationReceived"]["phase"], "LIVE", "{message}");
}

/// The socket answers: nothing has closed it, and nothing else was waiting to be read.
async fn is_usable(socket: &mut Socket) {
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
}

/// Asks on the socket who is there.
async fn me(socket: &mut Socket, id: &str) -> Value {
    socket.subscribe(id, "{ me { username } }", Value::Null).await;
    let next = socket.next().await;
    assert_eq!((&next["id"], &next["type"]), (&json!(id), &json!("next")), "{next}");
    assert_eq!(socket.next().await, json!({ "id": id, "type": "complete" }));
    next["payload"]["data"]["me"]["username"].clone()
}

/// The code and the first error's extensions of an `error` message for an operation.
async fn refusal(socket: &mut Socket, id: &str) -> Value {
    let message = socket.next().await;
    assert_eq!((&message["id"], &message["type"]), (&json!(id), &json!("error")), "{message}");
    let errors = message["payload"].as_array().unwrap();
    assert!(!errors.is_empty());
    errors.iter().for_each(check_error);
    errors[0]["extensions"].clone()
}

/// Somebody new likes a post of somebody's, who is told so.
pub(crate) async fn notify(server: &Server, owner: &Client, by: &str) {
    let post = owner.publish("hello").await;
    server.user(by).await.like(&post).await;
    server.run_jobs().await;
}

/// The status and the body with which a socket was not let in.
async fn turned_away(address: SocketAddr, headers: &[(&str, &str)]) -> (u16, Value) {
    match Socket::connect_with(address, headers).await {
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            let body: Value = serde_json::from_slice(body).unwrap();
            check_error(&body["errors"][0]);
            (response.status().as_u16(), body["errors"][0]["extensions"]["code"].clone())
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in: {headers:?}"),
    }
}

#[tokio::test]
async fn a_message_that_is_not_of_the_protocol_closes_with_4400() {
    let (server, address, amina) = listening(&[]).await;
    let query = "{ me { id } }";
    for message in [
        String::new(),
        "hello".to_owned(),
        "{".to_owned(),
        "null".to_owned(),
        "17".to_owned(),
        "[]".to_owned(),
        "[{\"type\":\"ping\"}]".to_owned(),
        "{\"type\":\"ping\"} more".to_owned(),
        json!({}).to_string(),
        json!({ "id": "1", "payload": { "query": query } }).to_string(),
        json!({ "type": 17 }).to_string(),
        json!({ "type": null }).to_string(),
        json!({ "type": "" }).to_string(),
        json!({ "type": "start", "id": "1", "payload": { "query": query } }).to_string(),
        json!({ "type": "connection_ack" }).to_string(),
        json!({ "type": "next", "id": "1", "payload": {} }).to_string(),
        json!({ "type": "subscribe", "payload": { "query": query } }).to_string(),
        json!({ "type": "subscribe", "id": null, "payload": { "query": query } }).to_string(),
        json!({ "type": "subscribe", "id": 17, "payload": { "query": query } }).to_string(),
        json!({ "type": "subscribe", "id": "", "payload": { "query": query } }).to_string(),
        json!({ "type": "subscribe", "id": "x".repeat(1000), "payload": { "query": query } }).to_string(),
        json!({ "type": "subscribe", "id": "1" }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": null }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": query }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": [{ "query": query }] }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": {} }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": null } }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": 17 } }).to_string(),
        json!({ "type": "subscribe", "id": "1", "payload": { "query": query, "variables": [] } }).to_string(),
        "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{\"query\":\"\\ud800\"}}".to_owned(),
        format!("{{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{}}}", "[".repeat(10_000)),
        format!(
            "{{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":{{\"query\":\"{query}\",\"variables\":{{\"x\":{}{}}}}}}}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
        json!({ "type": "complete" }).to_string(),
    ] {
        let shown: String = message.chars().take(200).collect();
        let mut socket = open(address, &amina).await;
        socket.send_text(message.clone()).await;
        assert_eq!(socket.closed().await.0, 4400, "{shown}");
    }
    // Before the initialisation it is no different.
    for message in ["hello", "{\"type\":\"start\"}", "{\"type\":\"connection_init\",\"payload\":17}"] {
        let mut socket = Socket::connect(address).await;
        socket.send_text(message.to_owned()).await;
        assert_eq!(socket.closed().await.0, 4400, "{message}");
    }
    let mut socket = open(address, &amina).await;
    socket.send_frame(Message::binary(json!({ "type": "ping" }).to_string().into_bytes())).await;
    assert_eq!(socket.closed().await.0, 4400);
    // None of it harmed the server.
    assert_eq!(me(&mut open(address, &amina).await, "1").await, "amina");
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 0);
}

#[tokio::test]
async fn an_operation_before_the_initialisation_closes_with_4401() {
    let (server, address, _) = listening(&[("WEBSOCKET_MUTATIONS", "true")]).await;
    for query in ["{ me { id } }", RECEIVED, "mutation { logout { ended } }"] {
        let mut socket = Socket::connect(address).await;
        socket.subscribe("1", query, Value::Null).await;
        assert_eq!(socket.closed().await, (4401, "Unauthorized".to_owned()), "{query}");
    }
    drop(server);
}

#[tokio::test]
async fn a_token_that_is_none_closes_with_4403() {
    let (server, address, amina) = listening(&[]).await;
    let ended = server.user("badr").await;
    ended.ok("mutation { logout { ended } }", Value::Null).await;
    let token = amina.access_token.as_deref().unwrap();
    for payload in [
        json!({ "authorization": "Bearer x" }),
        json!({ "authorization": token }),
        json!({ "authorization": format!("Basic {token}") }),
        json!({ "authorization": format!("Bearer {}", amina.refresh_token.as_deref().unwrap()) }),
        json!({ "authorization": format!("Bearer {}", ended.access_token.as_deref().unwrap()) }),
        json!({ "authorization": 17 }),
        json!({ "authorization": { "token": token } }),
        json!({ "headers": { "Authorization": "Bearer x" } }),
    ] {
        let mut socket = Socket::connect(address).await;
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()), "{payload}");
    }
    server.advance(16 * 60);
    let mut socket = Socket::connect(address).await;
    socket.send(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } })).await;
    assert_eq!(socket.closed().await.0, 4403, "an expired token");
    // The same when it comes by the header.
    let bearer = format!("Bearer {token}");
    let headers = [PROTOCOL, ("authorization", bearer.as_str())];
    let mut socket = Socket::connect_with(address, &headers).await.unwrap();
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await.0, 4403, "an expired token");
}

#[tokio::test]
async fn a_client_says_who_it_is_in_one_of_several_ways_or_not_at_all() {
    let (_server, address, amina) = listening(&[]).await;
    let bearer = format!("Bearer {}", amina.access_token.as_deref().unwrap());
    for payload in [
        json!({ "authorization": bearer }),
        json!({ "Authorization": bearer.replace("Bearer", "bearer"), "other": 17 }),
        json!({ "headers": { "Authorization": bearer } }),
    ] {
        let mut socket = Socket::connect(address).await;
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }), "{payload}");
        assert_eq!(me(&mut socket, "1").await, "amina", "{payload}");
    }
    for init in [
        json!({ "type": "connection_init" }),
        json!({ "type": "connection_init", "payload": null }),
        json!({ "type": "connection_init", "payload": {} }),
        json!({ "type": "connection_init", "payload": { "authorization": null } }),
        json!({ "type": "connection_init", "payload": { "authorization": "" } }),
        json!({ "type": "connection_init", "payload": { "authorization": "Bearer" } }),
        json!({ "type": "connection_init", "payload": { "authorization": "Bearer null" } }),
        json!({ "type": "connection_init", "payload": { "headers": { "Authorization": "Bearer undefined" } } }),
    ] {
        let mut socket = Socket::connect(address).await;
        socket.send(init.clone()).await;
        assert_eq!(socket.next().await, json!({ "type": "connection_ack" }), "{init}");
        assert_eq!(me(&mut socket, "1").await, Value::Null, "{init}");
    }
}

#[tokio::test]
async fn the_end_of_a_session_closes_its_sockets_and_no_others() {
    // The sweep does not come to help within the test's time limit.
    let (server, address, amina) = listening(&[("SWEEP_MILLISECONDS", "60000")]).await;
    let again = server.anonymous().login("amina").await;
    let badr = server.user("badr").await;
    let mut first = open(address, &amina).await;
    let mut second = open(address, &amina).await;
    let mut other_session = open(address, &again).await;
    let mut other_person = open(address, &badr).await;
    let mut nobody = Socket::open(address, None).await;
    follow(&mut first, "1").await;
    amina.ok("mutation { logout { ended } }", Value::Null).await;
    assert_eq!(first.closed().await, (4403, "Session ended".to_owned()));
    assert_eq!(second.closed().await, (4403, "Session ended".to_owned()));
    for socket in [&mut other_session, &mut other_person, &mut nobody] {
        is_usable(socket).await;
    }
}

#[tokio::test]
async fn a_session_that_another_instance_ends_has_its_sockets_closed_here() {
    let (server, address, amina) = listening(&[]).await;
    let badr = server.user("badr").await;
    let beside = server.beside(&[]).await;
    let mut socket = open(address, &amina).await;
    let mut other = open(address, &badr).await;
    follow(&mut socket, "1").await;
    amina.through(beside.router.clone()).ok("mutation { logout { ended } }", Value::Null).await;
    assert_eq!(socket.closed().await, (4403, "Session ended".to_owned()));
    is_usable(&mut other).await;
}

#[tokio::test]
async fn another_protocol_closes_with_4406() {
    let (_server, address, _) = listening(&[]).await;
    for headers in [&[][..], &[("sec-websocket-protocol", "graphql-ws")], &[("sec-websocket-protocol", "chat, mqtt")]] {
        // The client of these tests wants to see the protocol that it asked for, and gives up where it was not chosen.
        match Socket::connect_with(address, headers).await {
            Ok(mut socket) => assert_eq!(socket.closed().await.0, 4406, "{headers:?}"),
            Err(tungstenite::Error::Protocol(_)) => assert!(!headers.is_empty()),
            Err(other) => panic!("{headers:?}: {other}"),
        }
    }
    let several = [("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")];
    let mut socket = Socket::connect_with(address, &several).await.unwrap();
    is_usable(&mut socket).await;
}

#[tokio::test]
async fn who_does_not_initialise_in_time_is_closed_with_4408() {
    let (_server, address, amina) = listening(&[("WEBSOCKET_INIT_TIMEOUT_SECONDS", "1")]).await;
    let mut initialised = open(address, &amina).await;
    let mut silent = Socket::connect(address).await;
    let mut chatty = Socket::connect(address).await;
    is_usable(&mut chatty).await;
    assert_eq!(silent.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    assert_eq!(chatty.closed().await.0, 4408);
    is_usable(&mut initialised).await;
}

#[tokio::test]
async fn an_id_that_is_in_use_closes_with_4409() {
    let (_server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    follow(&mut socket, "one").await;
    // The id of an operation that has ended is free.
    assert_eq!(me(&mut socket, "two").await, "amina");
    assert_eq!(me(&mut socket, "two").await, "amina");
    socket.subscribe("one", "{ me { id } }", Value::Null).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for this id already exists".to_owned()));
}

#[tokio::test]
async fn a_second_initialisation_closes_with_4429() {
    let (_server, address, amina) = listening(&[]).await;
    let mut socket = open(address, &amina).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".to_owned()));
    // Also when both come at once.
    let mut socket = Socket::connect(address).await;
    let inits = vec![json!({ "type": "connection_init" }).to_string(); 2];
    assert_eq!(socket.burst(inits, usize::MAX).await.unwrap_err().0, 4429);
}

#[tokio::test]
async fn more_operations_at_once_than_allowed_close_with_4429() {
    let (_server, address, amina) = listening(&[("WEBSOCKET_MAX_SUBSCRIPTIONS", "3")]).await;
    let mut socket = open(address, &amina).await;
    for id in ["a", "b", "c"] {
        follow(&mut socket, id).await;
    }
    socket.send(json!({ "type": "complete", "id": "b" })).await;
    follow(&mut socket, "d").await;
    socket.subscribe("e", "{ me { id } }", Value::Null).await;
    assert_eq!(socket.closed().await, (4429, "Too many operations at once".to_owned()));
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let (_server, address, amina) = listening(&[("WEBSOCKET_MAX_MESSAGE_BYTES", "2048")]).await;
    for size in [2049, 3000, 4096, 5000, 1_000_000] {
        let mut socket = open(address, &amina).await;
        let comment = "x".repeat(size - 80);
        let message =
            json!({ "type": "subscribe", "id": "1", "payload": { "query": format!("#{comment}") } }).to_string();
        let message = format!("{message}{}", " ".repeat(size - message.len()));
        // Whoever sends so much may be cut off before the end.
        let closed = socket.burst(vec![message], usize::MAX).await.unwrap_err();
        assert_eq!(closed, (1009, "Message too large".to_owned()), "{size}");
    }
    let mut socket = open(address, &amina).await;
    let message = json!({ "type": "ping" }).to_string();
    socket.send_text(format!("{message}{}", " ".repeat(2048 - message.len()))).await;
    assert_eq!(socket.next().await["type"], "pong");
}

#[tokio::test]
async fn a_server_that_stops_says_so_with_1001_and_waits_for_nobody() {
    let (server, address, amina) = listening(&[]).await;
    let mut idle = Socket::connect(address).await;
    let mut busy = open(address, &amina).await;
    follow(&mut busy, "1").await;
    server.app.stop.cancel();
    assert_eq!(idle.closed().await, (1001, "Going away".to_owned()));
    assert_eq!(busy.closed().await, (1001, "Going away".to_owned()));
    server.app.tasks.close();
    tokio::time::timeout(TIMEOUT, server.app.tasks.wait()).await.expect("a task did not end");
}

#[tokio::test]
async fn pages_of_foreign_origins_get_no_socket() {
    let (_server, address, amina) = listening(&[("CORS_ALLOWED_ORIGINS", "https://app.example.org")]).await;
    for origin in ["https://evil.example", "null", "", "https://app.example.org.evil.example", "http://127.0.0.1:1"] {
        let answer = turned_away(address, &[PROTOCOL, ("origin", origin)]).await;
        assert_eq!(answer, (403, json!("FORBIDDEN")), "{origin}");
    }
    let own = format!("http://{address}");
    for origin in [own.as_str(), "https://app.example.org"] {
        let mut socket = Socket::connect_with(address, &[PROTOCOL, ("origin", origin)]).await.unwrap();
        is_usable(&mut socket).await;
    }
    drop(amina);
}

#[tokio::test]
async fn there_is_room_for_so_many_sockets_and_it_is_given_back() {
    let (_server, address, amina) = listening(&[("WEBSOCKET_MAX_CONNECTIONS", "2")]).await;
    let first = open(address, &amina).await;
    let mut second = Socket::connect(address).await;
    assert_eq!(turned_away(address, &[PROTOCOL]).await, (503, json!("UNAVAILABLE")));
    is_usable(&mut second).await;
    drop(first);
    let mut third = None;
    eventually("room for a third", async || {
        third = Socket::connect_with(address, &[PROTOCOL]).await.ok();
        third.is_some()
    })
    .await;
    is_usable(&mut third.unwrap()).await;
    // Over HTTP everything goes on.
    amina.ok("{ me { id } }", Value::Null).await;
}

#[tokio::test]
async fn a_ping_is_answered_at_any_time() {
    let (_server, address, _) = listening(&[]).await;
    let mut socket = Socket::connect(address).await;
    is_usable(&mut socket).await;
    socket.send(json!({ "type": "ping", "payload": { "any": ["thing"] } })).await;
    assert_eq!(socket.next().await["type"], "pong");
    // Nobody asked for this one, and nothing comes of it.
    socket.send(json!({ "type": "pong" })).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    is_usable(&mut socket).await;
}
