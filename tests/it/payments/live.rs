//! Following a payment: from now, from before, and not somebody else's.

use agora::platform::providers::payments::sandbox::Act;
use serde_json::{Value, json};

use super::{GOOD, act, confirm, deposit};
use crate::harness::{Server, Socket};

const WATCH: &str = "subscription($id: ID!, $after: String) { paymentUpdated(id: $id, after: $after) { cursor phase payment { \
    state nextAction { kind } } } }";

async fn step(socket: &mut Socket) -> (String, Value) {
    let event = socket.event().await["paymentUpdated"].clone();
    (event["phase"].as_str().unwrap().to_owned(), event["payment"]["state"].clone())
}

#[tokio::test]
async fn a_payment_is_followed_live_and_from_before() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    let cursor = "query($id: ID!) { payment(id: $id) { streamCursor } }";
    let cursor = amina.ok(cursor, json!({ "id": payment["id"] })).await["payment"]["streamCursor"].clone();
    let address = server.listen().await;
    let mut live = Socket::open(address, amina.access_token.as_deref()).await;
    live.subscribe("1", WATCH, json!({ "id": payment["id"] })).await;
    assert_eq!(step(&mut live).await, ("LIVE".to_owned(), Value::Null));
    act(&server, &payment, &Act::card(GOOD)).await;
    confirm(&amina, &payment).await;
    assert_eq!(step(&mut live).await, ("LIVE".to_owned(), "COMPLETED".into()));
    let mut late = Socket::open(address, amina.access_token.as_deref()).await;
    late.subscribe("1", WATCH, json!({ "id": payment["id"], "after": cursor })).await;
    assert_eq!(step(&mut late).await, ("REPLAY".to_owned(), "COMPLETED".into()));
}

#[tokio::test]
async fn somebody_else_s_payment_is_not_followed() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    let address = server.listen().await;
    for token in [basma.access_token.as_deref(), None] {
        let mut socket = Socket::open(address, token).await;
        socket.subscribe("1", WATCH, json!({ "id": payment["id"] })).await;
        let answer = socket.next().await;
        assert!(answer["type"] == "error" || answer["payload"]["errors"].is_array(), "{answer}");
        assert!(!answer.to_string().contains("PENDING"), "{answer}");
    }
}
