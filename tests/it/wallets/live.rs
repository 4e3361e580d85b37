//! The stream of a wallet: joined with the wallet, replayed, live.

use serde_json::{Value, json};

use super::{CANCEL, TRANSFER, add_method, fund, transfer_input, withdraw};
use crate::harness::{Server, Socket};

const WATCH: &str = "subscription($after: String) { walletActivity(after: $after) { cursor phase activity { transaction { \
    id amount { amount } balanceAfter { amount } } balances { available { amount } } } } }";

/// Phase, what happened, and what is available since.
async fn next(socket: &mut Socket) -> [String; 3] {
    let event = socket.event().await["walletActivity"].clone();
    let activity = &event["activity"];
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    [
        text(&event["phase"]),
        text(&activity["transaction"]["amount"]["amount"]),
        text(&activity["balances"][0]["available"]["amount"]),
    ]
}

#[tokio::test]
async fn what_was_missed_comes_first_then_what_happens() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    let wallet = amina.ok("{ me { wallet { streamCursor transactions { nodes { id } } } } }", Value::Null).await["me"]
        ["wallet"]
        .clone();
    amina.ok(TRANSFER, transfer_input(&basma.id, "1.00", "USD", "1")).await;
    basma.ok(TRANSFER, transfer_input(&amina.id, "0.25", "USD", "1")).await;
    let address = server.listen().await;
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    socket.subscribe("1", WATCH, json!({ "after": wallet["streamCursor"] })).await;
    // The balances are those of now.
    assert_eq!(next(&mut socket).await, ["REPLAY", "-1.00", "9.25"]);
    assert_eq!(next(&mut socket).await, ["REPLAY", "0.25", "9.25"]);
    assert_eq!(next(&mut socket).await, ["LIVE", "", ""]);
    basma.ok(TRANSFER, transfer_input(&amina.id, "0.75", "USD", "2")).await;
    assert_eq!(next(&mut socket).await, ["LIVE", "0.75", "10.00"]);
    let method = add_method(&amina, "USD").await;
    let id = withdraw(&amina, &method, "4.00", "3").await;
    assert_eq!(next(&mut socket).await, ["LIVE", "", "6.00"]);
    amina.ok(CANCEL, json!({ "id": id })).await;
    assert_eq!(next(&mut socket).await, ["LIVE", "", "10.00"]);
}

#[tokio::test]
async fn nobody_follows_another_s_wallet() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let cursor =
        amina.ok("{ me { wallet { streamCursor } } }", Value::Null).await["me"]["wallet"]["streamCursor"].clone();
    let address = server.listen().await;
    let mut socket = Socket::open(address, basma.access_token.as_deref()).await;
    socket.subscribe("1", WATCH, json!({ "after": cursor })).await;
    let answer = socket.next().await;
    assert!(answer.to_string().contains("BAD_REQUEST"), "{answer}");
    let mut socket = Socket::open(address, None).await;
    socket.subscribe("1", WATCH, Value::Null).await;
    let answer = socket.next().await;
    assert!(answer.to_string().contains("UNAUTHENTICATED"), "{answer}");
}
