//! What bounds a socket: bursts, clients that don't read or don't answer, allowances.

use serde_json::{Value, json};

use super::{PROTOCOL, RECEIVED, follow, is_usable, listening, me, notify, open, refusal, turned_away};
use crate::{
    goals,
    harness::{Client, Socket, TIMEOUT, client::check_error, eventually},
};

#[tokio::test]
async fn a_burst_of_messages_is_bounded_and_disturbs_nobody() {
    let (server, address, amina) = listening(&[]).await;
    let badr = server.user("badr").await;
    let mut patient = open(address, &badr).await;
    follow(&mut patient, "1").await;
    let ping = || json!({ "type": "ping" }).to_string();
    let query = |n: usize, query: &str| {
        json!({ "type": "subscribe", "id": format!("{n}"), "payload": { "query": query } }).to_string()
    };
    let bursts: [(&str, Vec<String>); 4] = [
        ("pings", (0..10_000).map(|_| ping()).collect()),
        ("queries", (0..10_000).map(|n| query(n, "{ me { id } }")).collect()),
        ("subscriptions", (0..10_000).map(|n| query(n, RECEIVED)).collect()),
        ("refusals", (0..10_000).map(|n| query(n, "{ nothing }")).collect()),
    ];
    for (what, messages) in bursts {
        let mut socket = open(address, &amina).await;
        // Either each is answered, or the socket is closed for too many of them.
        match socket.burst(messages, 10_000).await {
            Ok(answers) => assert_eq!(answers.len(), 10_000),
            Err((code, reason)) => assert_eq!(code, 4429, "{what}: {reason}"),
        }
        assert_eq!(me(&mut patient, "q").await, "badr", "{what}");
    }
    notify(&server, &badr, "chadi").await;
    assert_eq!(patient.event().await["notificationReceived"]["notification"]["kind"], "LIKE");
}

/// Twenty posts of 10,000 characters each.
async fn publish_long(client: &Client) {
    for _ in 0..20 {
        client.publish(&"x".repeat(10_000)).await;
    }
}

/// Asks for some 20 MB of them, far more than the network keeps for somebody who does not read.
async fn stall(socket: &mut Socket) {
    let lists: Vec<String> = (0..9).map(|n| format!("a{n}: posts {{ nodes {{ body }} }}")).collect();
    for n in 0..10 {
        socket.subscribe(&format!("{n}"), &format!("{{ {} }}", lists.join(" ")), Value::Null).await;
    }
}

#[tokio::test]
async fn a_client_that_never_reads_makes_nobody_else_wait() {
    let (server, address, amina) = listening(&[("WEBSOCKET_MAX_CONNECTIONS", "2"), ("LIMIT_ALIASES", "100")]).await;
    let stalled_person = server.user("badr").await;
    publish_long(&amina).await;
    let mut stalled = open(address, &stalled_person).await;
    let mut reader = open(address, &amina).await;
    follow(&mut reader, "1").await;
    stall(&mut stalled).await;
    for by in ["chadi", "dina"] {
        notify(&server, &amina, by).await;
        let event = reader.event().await;
        assert_eq!(event["notificationReceived"]["notification"]["kind"], "LIKE", "{event}");
        assert_eq!(me(&mut reader, "q").await, "amina");
    }
    // It holds its permit, until its session ends.
    assert_eq!(turned_away(address, &[PROTOCOL]).await.0, 503);
    stalled_person.ok("mutation { logout { ended } }", Value::Null).await;
    eventually("its place", async || Socket::connect_with(address, &[PROTOCOL]).await.is_ok()).await;
    drop(stalled);
}

#[tokio::test]
async fn a_server_stops_though_a_client_never_reads() {
    let (server, address, amina) = listening(&[]).await;
    publish_long(&amina).await;
    let mut stalled = open(address, &amina).await;
    stall(&mut stalled).await;
    server.app.stop.cancel();
    server.app.tasks.close();
    tokio::time::timeout(TIMEOUT, server.app.tasks.wait()).await.expect("a task did not end");
    drop(stalled);
}

#[tokio::test]
async fn each_operation_on_a_socket_is_taken_from_its_person_s_allowance() {
    let (_server, address, amina) = listening(&[("RATE_LIMIT_USER", "3/hour")]).await;
    let mut socket = open(address, &amina).await;
    follow(&mut socket, "live").await;
    assert_eq!(me(&mut socket, "1").await, "amina");
    assert_eq!(me(&mut socket, "1").await, "amina");
    socket.subscribe("1", "{ me { id } }", Value::Null).await;
    let refused = refusal(&mut socket, "1").await;
    assert_eq!(refused["code"], "RATE_LIMITED");
    assert!(refused["retryAfter"].as_u64().is_some_and(|wait| (1..=1200).contains(&wait)), "{refused}");
    is_usable(&mut socket).await;
    // It is the same allowance over HTTP, and on another socket.
    assert_eq!(amina.refused("{ me { id } }", Value::Null).await, "RATE_LIMITED");
    let mut other = open(address, &amina).await;
    other.subscribe("1", "{ me { id } }", Value::Null).await;
    assert_eq!(refusal(&mut other, "1").await["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_let_go() {
    let (_server, address, amina) =
        listening(&[("WEBSOCKET_PING_SECONDS", "1"), ("WEBSOCKET_MAX_CONNECTIONS", "2")]).await;
    let mut alive = open(address, &amina).await;
    // Without being read, the client's library does not answer pings.
    let silent = open(address, &amina).await;
    assert_eq!(turned_away(address, &[PROTOCOL]).await.0, 503);
    // One that is read stays, though it was there before.
    tokio::select! {
        message = alive.next() => panic!("{message}"),
        () = eventually("its place", async || Socket::connect_with(address, &[PROTOCOL]).await.is_ok()) => {}
    }
    drop(silent);
    is_usable(&mut alive).await;
}

/// Changes a goal's story.
async fn retell(owner: &Client, goal: &str, story: &str) {
    let change =
        "mutation($id: ID!, $story: String!) { goalUpdate(input: { id: $id, story: $story }) { errors { code } } }";
    let data = owner.ok(change, json!({ "id": goal, "story": story })).await;
    assert_eq!(data["goalUpdate"]["errors"], json!([]));
}

#[tokio::test]
async fn one_answer_or_event_is_bounded_in_bytes_and_what_comes_after_it_comes() {
    const LIMIT: usize = 100_000;
    let (_server, address, olivia) = listening(&[("LIMIT_ANSWER_BYTES", &LIMIT.to_string())]).await;
    let long = "\u{1F333}".repeat(10_000);
    let goal = goals::begin(&olivia, &json!({})).await;
    let mut socket = open(address, &olivia).await;
    let watch = |stories: &str| {
        format!(
            "subscription($id: ID!, $after: String) {{ goalProgress(id: $id, after: $after) {{ cursor phase goal {{ {stories} }} }} }}"
        )
    };
    let (two, three) = ("a: story b: story", "a: story b: story c: story");
    let of_the_goal = || json!({ "id": goal });
    let is_over_the_limit = |extensions: &Value| {
        assert_eq!(extensions["code"], "COST_EXCEEDED", "{extensions}");
        assert_eq!((&extensions["what"], &extensions["limit"]), (&json!("answer in bytes"), &json!(LIMIT)));
    };

    // An event that is too large is told as an error, and those after it come.
    socket.subscribe("events", &watch(three), of_the_goal()).await;
    let marker = socket.event().await["goalProgress"].clone();
    assert_eq!(marker["phase"], "LIVE");
    retell(&olivia, &goal, &long).await;
    let message = socket.next().await;
    assert_eq!((&message["id"], &message["type"]), (&json!("events"), &json!("next")), "{}", message["type"]);
    assert_eq!(message["payload"]["data"], Value::Null);
    let error = &message["payload"]["errors"][0];
    check_error(error);
    is_over_the_limit(&error["extensions"]);
    assert!(message.to_string().len() < 2_000, "and nothing of it is sent");
    // Whoever asks for less of the same gets it, also when they come for it later; whoever asks for too much does not.
    let after = json!({ "id": goal, "after": marker["cursor"] });
    socket.subscribe("less", &watch(two), after.clone()).await;
    let missed = socket.event().await["goalProgress"].clone();
    assert_eq!((&missed["phase"], &missed["goal"]["b"]), (&json!("REPLAY"), &json!(long)));
    assert_eq!(socket.event().await["goalProgress"]["phase"], "LIVE");
    socket.send(json!({ "id": "less", "type": "complete" })).await;
    socket.subscribe("more", &watch(three), after).await;
    is_over_the_limit(&refusal(&mut socket, "more").await);

    // So it is with answers.
    let ask = |stories: &str| format!("query($id: ID!) {{ goal(id: $id) {{ {stories} }} }}");
    socket.subscribe("query", &ask(two), of_the_goal()).await;
    assert_eq!(socket.event().await["goal"]["b"], json!(long));
    assert_eq!(socket.next().await, json!({ "id": "query", "type": "complete" }));
    socket.subscribe("query", &ask(three), of_the_goal()).await;
    is_over_the_limit(&refusal(&mut socket, "query").await);

    retell(&olivia, &goal, "short").await;
    let message = socket.next().await;
    assert_eq!((&message["id"], &message["type"]), (&json!("events"), &json!("next")), "{message}");
    assert_eq!(message["payload"]["data"]["goalProgress"]["goal"], json!({ "a": "short", "b": "short", "c": "short" }));
    is_usable(&mut socket).await;
}
