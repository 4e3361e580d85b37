//! Clients that do not read what they asked for: they make themselves wait, and nobody else.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use agora::{
    app::App,
    domain::events::{self, NewEvent},
    entity::{
        GoalId,
        event::{EventKind, StreamKind},
    },
};
use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{PROTOCOL, is_usable, listening, open, refusal, turned_away};
use crate::{
    goals,
    harness::{Client, Server, Socket, eventually},
};

/// Some 80 KB for each event of a goal with a long story.
pub(crate) const LONG: &str = "subscription($id: ID!, $after: String) { goalProgress(id: $id, after: $after) { cursor phase \
    goal { one: story two: story } } }";
const SHORT: &str = "subscription($id: ID!) { goalProgress(id: $id) { phase goal { title } } }";

/// Something about a goal changes.
async fn touch(app: &App, goal: GoalId) {
    let event = NewEvent { kind: EventKind::GoalChanged, actor_id: None, subject_id: None };
    let raise = "UPDATE goals SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq";
    let touched = app.db.transact(async |tx| {
        let row = tx.row(raise, vec![goal.0.into()]).await?.unwrap();
        let seq = row.try_get_by_index(0).unwrap();
        events::write_in(app, &tx, StreamKind::Goal, goal.0, seq, event.clone()).await
    });
    touched.await.unwrap();
}

/// A goal with a long story, which changed so many times.
pub(crate) async fn changed(server: &Server, owner: &Client, times: usize) -> GoalId {
    let goal = goals::begin(owner, &json!({ "story": "\u{1F333}".repeat(10_000) })).await;
    let goal = goal.parse().unwrap();
    for _ in 0..times {
        touch(&server.app, goal).await;
    }
    goal
}

/// The cursor of the beginning of a goal's stream, as the server seals it.
pub(crate) fn beginning(server: &Server, goal: GoalId) -> String {
    let seq = 0_i64.to_be_bytes();
    let seal = server.app.keys.cursor_seal("goal.stream", &[goal.0.as_bytes().as_slice(), &seq].concat());
    URL_SAFE_NO_PAD.encode([seq.as_slice(), &seal].concat())
}

/// Follows a goal, asks for its whole past some times over, runs a few long queries, and never reads again.
pub(crate) async fn unread(mut socket: Socket, goal: GoalId, after: &str) -> Socket {
    socket.subscribe("live", LONG, json!({ "id": goal.to_string() })).await;
    for number in 0..10 {
        socket.subscribe(&format!("r{number}"), LONG, json!({ "id": goal.to_string(), "after": after })).await;
    }
    for number in 0..3 {
        let query = "query($id: ID!) { goal(id: $id) { one: story two: story } goals { nodes { story } } }";
        socket.subscribe(&format!("q{number}"), query, json!({ "id": goal.to_string() })).await;
    }
    socket
}

/// Watches a goal until it is told to stop; gives the longest time that it had to wait for a change.
async fn longest_pause(mut follower: Socket, changes: &Mutex<VecDeque<Instant>>, stop: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::SeqCst) {
        let event = follower.event().await;
        assert_eq!(event["goalProgress"]["phase"], "LIVE", "{event}");
        longest = longest.max(changes.lock().unwrap().pop_front().unwrap().elapsed());
    }
    longest
}

/// Asks again and again, as strangers do, until it is told to stop; gives the longest time for which it waited.
async fn longest_wait(server: &Server, stop: &AtomicBool) -> Duration {
    let (stranger, mut longest) = (server.anonymous().from("192.0.2.77"), Duration::ZERO);
    while !stop.load(Ordering::SeqCst) {
        let asked = Instant::now();
        stranger.ok("{ goals(first: 1) { nodes { title } } }", Value::Null).await;
        let ready = server.send(Request::get("/health/ready").body(Body::empty()).unwrap()).await;
        assert_eq!(ready.status(), 200);
        longest = longest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_clients_that_do_not_read_hold_up_nobody() {
    const TIMES: usize = 100;
    let (server, address, olivia) = listening(&[("ANSWERS_IN_FLIGHT_BYTES", "1000000000")]).await;
    let goal = changed(&server, &olivia, TIMES).await;
    let mut follower = Socket::open(address, None).await;
    follower.subscribe("1", SHORT, json!({ "id": goal.to_string() })).await;
    assert_eq!(follower.event().await["goalProgress"]["phase"], "LIVE");
    let (still, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let changes = Mutex::new(VecDeque::new());
    let change = async || {
        changes.lock().unwrap().push_back(Instant::now());
        touch(&server.app, goal).await;
    };
    let happening = async {
        while !stop.load(Ordering::SeqCst) {
            if !still.load(Ordering::SeqCst) {
                change().await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        change().await;
    };
    let attack = async {
        let (after, mut sockets) = (beginning(&server, goal), Vec::new());
        for _ in 0..20 {
            sockets.push(unread(Socket::narrow(address, None).await, goal, &after).await);
        }
        // Their networks are full when nothing more is read for them, though most of it is still to come. By then their
        // replays run: the queue of each has room for four such answers.
        let executed = || server.app.executions.load(Ordering::SeqCst);
        let replayed = || server.app.replays.load(Ordering::SeqCst);
        let (mut seen, mut since) = (0, Instant::now());
        still.store(true, Ordering::SeqCst);
        eventually("full networks", async || {
            if std::mem::replace(&mut seen, executed()) != seen {
                since = Instant::now();
            }
            replayed() >= 20 * 3 && since.elapsed() > Duration::from_millis(300)
        })
        .await;
        still.store(false, Ordering::SeqCst);
        assert!(seen < 20 * 10 * TIMES as u64 / 2, "{seen} events were executed: nothing was held back");
        let before = server.count("SELECT MAX(event_seq) FROM goals").await;
        eventually("events", async || server.count("SELECT MAX(event_seq) FROM goals").await > before + 50).await;
        stop.store(true, Ordering::SeqCst);
        sockets
    };
    let together = async {
        tokio::join!(longest_pause(follower, &changes, &stop), longest_wait(&server, &stop), happening, attack)
    };
    let (pause, wait, (), sockets) = Box::pin(together).await;
    assert!(pause < Duration::from_secs(1), "a follower waited for {pause:?}");
    assert!(wait < Duration::from_secs(1), "a query took {wait:?}");
    drop(sockets);
}

#[tokio::test]
async fn who_does_not_read_for_too_long_is_cut_off_and_who_reads_stays() {
    let settings = [
        ("WEBSOCKET_WRITE_TIMEOUT_SECONDS", "3"),
        ("WEBSOCKET_MAX_CONNECTIONS", "2"),
        ("WEBSOCKET_PING_SECONDS", "3600"),
        ("ANSWERS_IN_FLIGHT_BYTES", "1000000000"),
    ];
    let (server, address, olivia) = listening(&settings).await;
    let goal = changed(&server, &olivia, 100).await;
    let mut reader = open(address, &olivia).await;
    let after = beginning(&server, goal);
    let stalled = unread(Socket::narrow(address, None).await, goal, &after).await;
    assert_eq!(turned_away(address, &[PROTOCOL]).await.0, 503);
    let mut third = None;
    eventually("its place", async || {
        third = Socket::connect_with(address, &[PROTOCOL]).await.ok();
        third.is_some()
    })
    .await;
    drop(stalled);
    // Whoever reads gets all of it, however much it is.
    reader.subscribe("1", LONG, json!({ "id": goal.to_string(), "after": after })).await;
    for _ in 0..100 {
        assert_eq!(reader.event().await["goalProgress"]["phase"], "REPLAY");
    }
    assert_eq!(reader.event().await["goalProgress"]["phase"], "LIVE");
    is_usable(&mut reader).await;
    is_usable(&mut third.unwrap()).await;
}

#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_in_bytes() {
    let settings = [
        ("ANSWERS_IN_FLIGHT_BYTES", "100000"),
        ("LIMIT_ANSWER_BYTES", "100000"),
        ("WEBSOCKET_MAX_CONNECTIONS", "1"),
        ("WEBSOCKET_WRITE_TIMEOUT_SECONDS", "3600"),
        ("WEBSOCKET_PING_SECONDS", "3600"),
    ];
    let (server, address, olivia) = listening(&settings).await;
    let goal = changed(&server, &olivia, 100).await;
    let unread = unread(Socket::narrow(address, None).await, goal, &beginning(&server, goal)).await;
    // Whoever lets more wait than there is room for is sent away, to come again.
    let mut next = None;
    eventually("its place", async || {
        next = Socket::connect_with(address, &[PROTOCOL]).await.ok();
        next.is_some()
    })
    .await;
    drop(unread);
    let mut next = next.unwrap();
    next.send(json!({ "type": "connection_init" })).await;
    assert_eq!(next.next().await["type"], "connection_ack");
    // An answer that is larger than any may be is refused by itself.
    let query = "query($id: ID!) { goal(id: $id) { one: story two: story three: story } }";
    next.subscribe("1", query, json!({ "id": goal.to_string() })).await;
    assert_eq!(refusal(&mut next, "1").await["code"], "COST_EXCEEDED");
    is_usable(&mut next).await;
}
