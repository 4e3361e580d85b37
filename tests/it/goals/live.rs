//! Following a goal.

use serde_json::{Value, json};

use super::{begin, cancel, give, settle};
use crate::harness::{Server, Socket};

const WATCH: &str = "subscription($id: ID!, $after: String) { goalProgress(id: $id, after: $after) { cursor phase goal { \
     raised { amount } state contributionCount } } }";

async fn next(socket: &mut Socket) -> (String, Value, String) {
    let event = socket.event().await["goalProgress"].clone();
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    (text("phase"), event["goal"].clone(), text("cursor"))
}

#[tokio::test]
async fn whoever_sees_a_goal_follows_it_and_comes_back_without_a_gap() {
    let server = Server::start().await;
    let address = server.listen().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let head = olivia.ok("query($id: ID!) { goal(id: $id) { streamCursor } }", json!({ "id": goal })).await;
    let mut socket = Socket::open(address, None).await;
    socket.subscribe("1", WATCH, json!({ "id": goal })).await;
    let (phase, content, _) = next(&mut socket).await;
    assert_eq!((phase.as_str(), content), ("LIVE", Value::Null));
    give(&server, &badr, &goal, "10.00").await;
    let (phase, content, cursor) = next(&mut socket).await;
    assert_eq!((phase.as_str(), &content["raised"]["amount"]), ("LIVE", &json!("10.00")));
    cancel(&olivia, &goal).await;
    assert_eq!(next(&mut socket).await.1["state"], "CANCELED");
    settle(&server).await;
    assert_eq!(next(&mut socket).await.1["raised"]["amount"], "0.00");
    // From where the query stood, and from the first event: no more and no less than what came after.
    for (after, replayed) in [(&head["goal"]["streamCursor"], 3), (&json!(cursor), 2)] {
        let mut again = Socket::open(address, badr.access_token.as_deref()).await;
        again.subscribe("1", WATCH, json!({ "id": goal, "after": after })).await;
        for number in 1..=replayed {
            let (phase, content, _) = next(&mut again).await;
            assert_eq!(phase, "REPLAY");
            assert!(number < replayed || content["state"] == "CANCELED", "{content}");
        }
        let (phase, content, _) = next(&mut again).await;
        assert_eq!((phase.as_str(), content), ("LIVE", Value::Null));
    }
}

#[tokio::test]
async fn a_goal_that_is_not_there_and_another_one_s_cursor_are_refused() {
    let server = Server::start().await;
    let address = server.listen().await;
    let olivia = server.user("olivia").await;
    let (one, other) = (begin(&olivia, &json!({})).await, begin(&olivia, &json!({})).await);
    let head = olivia.ok("query($id: ID!) { goal(id: $id) { streamCursor } }", json!({ "id": one })).await;
    let mut socket = Socket::open(address, None).await;
    for (number, variables) in [
        json!({ "id": "goal_00000000000000000000000000" }),
        json!({ "id": other, "after": head["goal"]["streamCursor"] }),
        json!({ "id": "nonsense" }),
    ]
    .into_iter()
    .enumerate()
    {
        socket.subscribe(&number.to_string(), WATCH, variables.clone()).await;
        let mut message = socket.next().await;
        while message["id"] != json!(number.to_string()) {
            message = socket.next().await;
        }
        assert!(message.to_string().contains("BAD_REQUEST"), "{variables}: {message}");
    }
}
