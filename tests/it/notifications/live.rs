//! The live stream: joined with the list, cut and resumed, across instances, with hints lost.

use std::{net::SocketAddr, time::Duration};

use agora::{
    domain::{
        auth, events,
        live::Phase,
        notifications::{self, News},
    },
    entity::UserId,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{FutureExt, StreamExt};
use sea_orm::DatabaseBackend;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{LIST, ids, with_told};
use crate::harness::{Client, Server, Socket, socket::TIMEOUT};

const WATCH: &str = "subscription($after: String) { notificationReceived(after: $after) { cursor phase notification { \
    id message } } }";

/// A step of a stream: its cursor, its phase, and the message of the notification if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    cursor: String,
    phase: String,
    message: Option<String>,
}

impl Step {
    fn is_marker(&self) -> bool {
        self.message.is_none()
    }
}

/// Somebody who watches their notifications.
pub(super) struct Watcher {
    socket: Socket,
}

impl Watcher {
    pub(super) async fn begin(address: SocketAddr, client: &Client, after: Option<&str>) -> Self {
        let mut socket = Socket::open(address, client.access_token.as_deref()).await;
        socket.subscribe("1", WATCH, json!({ "after": after })).await;
        Self { socket }
    }

    async fn next(&mut self) -> Step {
        let event = self.socket.event().await["notificationReceived"].clone();
        Step {
            cursor: event["cursor"].as_str().unwrap().to_owned(),
            phase: event["phase"].as_str().unwrap().to_owned(),
            message: event["notification"]["message"].as_str().map(str::to_owned),
        }
    }

    /// The next so many steps as `PHASE message`, markers without a message.
    pub(super) async fn steps(&mut self, count: usize) -> Vec<String> {
        let mut steps = Vec::new();
        for _ in 0..count {
            let step = self.next().await;
            steps.push(format!("{} {}", step.phase, step.message.unwrap_or_default()).trim_end().to_owned());
        }
        steps
    }

    /// Nothing more came so far: what the server says next is the answer to a question asked now.
    async fn is_silent(&mut self) {
        self.socket.subscribe("silence", "{ __typename }", Value::Null).await;
        assert_eq!(self.socket.next().await["id"], "silence");
        assert_eq!(self.socket.next().await, json!({ "id": "silence", "type": "complete" }));
    }
}

#[tokio::test]
async fn without_a_cursor_a_stream_begins_now() {
    let (server, amina, basma, post) = with_told(2).await;
    let address = server.listen().await;
    let mut watcher = Watcher::begin(address, &amina, None).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    basma.comment(&post, "live one").await;
    server.run_jobs().await;
    assert_eq!(watcher.steps(1).await, ["LIVE live one"]);
    // What others are told is not one's own; and what comes next is next.
    let theirs = basma.publish("basma's").await;
    amina.like(&theirs).await;
    basma.comment(&post, "live two").await;
    server.run_jobs().await;
    assert_eq!(watcher.steps(1).await, ["LIVE live two"]);
    watcher.is_silent().await;
}

#[tokio::test]
async fn the_list_and_the_stream_join_without_a_gap() {
    let (server, amina, basma, post) = with_told(2).await;
    let address = server.listen().await;
    let data = amina.ok(LIST, Value::Null).await;
    assert_eq!(ids(&data["me"]["notifications"]).len(), 2);
    let cursor = data["me"]["notifications"]["streamCursor"].as_str().unwrap();
    for text in ["missed one", "missed two"] {
        basma.comment(&post, text).await;
    }
    server.run_jobs().await;
    let mut watcher = Watcher::begin(address, &amina, Some(cursor)).await;
    assert_eq!(watcher.steps(3).await, ["REPLAY missed one", "REPLAY missed two", "LIVE"]);
    basma.comment(&post, "live one").await;
    server.run_jobs().await;
    assert_eq!(watcher.steps(1).await, ["LIVE live one"]);
    // Nothing was missed: at once up to date.
    let data = amina.ok(LIST, Value::Null).await;
    let mut watcher = Watcher::begin(address, &amina, data["me"]["notifications"]["streamCursor"].as_str()).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    watcher.is_silent().await;
    // Also for somebody who was never told anything.
    let data = basma.ok(LIST, Value::Null).await;
    let mut watcher = Watcher::begin(address, &basma, data["me"]["notifications"]["streamCursor"].as_str()).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    let theirs = basma.publish("basma's").await;
    amina.like(&theirs).await;
    server.run_jobs().await;
    assert_eq!(watcher.steps(1).await, ["LIVE basma's"]);
}

#[tokio::test]
async fn a_stream_that_is_cut_anywhere_goes_on_without_gap_or_duplicate() {
    let (server, amina, basma, post) = with_told(0).await;
    let address = server.listen().await;
    let data = amina.ok(LIST, Value::Null).await;
    let start = data["me"]["notifications"]["streamCursor"].as_str().unwrap().to_owned();
    let say = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            basma.comment(&post, &format!("number {number}")).await;
        }
        server.run_jobs().await;
    };
    // More than a tail holds, and more than is read at once.
    say(0..120).await;
    let mut watcher = Watcher::begin(address, &amina, Some(&start)).await;
    let mut whole = Vec::new();
    for _ in 0..121 {
        whole.push(watcher.next().await);
    }
    assert!(whole[120].is_marker(), "{:?}", whole[120]);
    say(120..125).await;
    for _ in 0..5 {
        whole.push(watcher.next().await);
    }
    let phases: Vec<_> = whole.iter().map(|step| step.phase.as_str()).collect();
    assert_eq!(phases, [vec!["REPLAY"; 120], vec!["LIVE"; 6]].concat());
    let messages: Vec<_> = whole.iter().filter_map(|step| step.message.clone()).collect();
    assert_eq!(messages, (0..125).map(|number| format!("number {number}")).collect::<Vec<_>>());

    let cuts =
        std::iter::once((start, 0)).chain(whole.iter().enumerate().map(|(at, step)| (step.cursor.clone(), at + 1)));
    for (cursor, after) in cuts {
        let mut resumed = Watcher::begin(address, &amina, Some(&cursor)).await;
        // All that follows after every tenth, across readings, and near the end; after each of the others what comes next.
        let is_whole = after.is_multiple_of(10) || after > 110;
        let count = if is_whole { whole.len() } else { 3 };
        for expected in whole[after..].iter().filter(|step| !step.is_marker()).take(count) {
            let step = resumed.next().await;
            assert_eq!(
                (step.phase.as_str(), &step.message, &step.cursor),
                ("REPLAY", &expected.message, &expected.cursor)
            );
        }
        if is_whole {
            let marker = resumed.next().await;
            assert_eq!((marker.phase.as_str(), marker.is_marker()), ("LIVE", true), "cut after {after}");
        }
    }
}

/// What somebody is told.
fn message(news: &News) -> String {
    match news {
        News::Delivered(told) => told.message.clone(),
        News::Gone(id) => panic!("{id} is gone"),
    }
}

/// Reads a stream until it is up to date; gives the messages and the last sequence.
async fn catch_up(server: &Server, client: &Client, after: i64) -> (Vec<String>, i64) {
    let actor = auth::authenticate(&server.app, client.access_token.as_deref().unwrap()).await.unwrap();
    let mut stream = std::pin::pin!(
        notifications::follow(&server.app, &actor, &agora::domain::actor::Client::default(), Some(after))
            .await
            .unwrap()
    );
    let (mut messages, mut seq) = (Vec::new(), after);
    loop {
        let step = timeout(TIMEOUT, stream.next()).await.expect("nothing came in time").unwrap().unwrap();
        assert!(step.seq >= seq, "backwards from {seq} to {}", step.seq);
        seq = step.seq;
        match (step.phase, step.content) {
            (Phase::Replay, Some(news)) => messages.push(message(&news)),
            (Phase::Live, None) => return (messages, seq),
            (phase, told) => panic!("{phase:?} {told:?} at {seq}, after {after}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_is_cut_and_resumed_while_much_happens_loses_nothing() {
    // More than a tail holds.
    const COUNT: usize = 80;
    let (server, amina, basma, post) = with_told(0).await;
    let writer = async {
        for number in 0..COUNT {
            basma.comment(&post, &format!("number {number}")).await;
            server.run_jobs().await;
        }
    };
    let reader = async {
        let (mut all, mut seq) = (Vec::new(), 0);
        while all.len() < COUNT {
            let (messages, reached) = catch_up(&server, &amina, seq).await;
            all.extend(messages);
            seq = reached;
        }
        all
    };
    let both = Box::pin(async { tokio::join!(writer, reader).1 });
    let reading = timeout(TIMEOUT * 3, both).await.expect("something was lost");
    assert_eq!(reading, (0..COUNT).map(|number| format!("number {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_that_is_none_of_one_s_own_is_a_bad_request() {
    let (server, amina, basma, post) = with_told(2).await;
    let address = server.listen().await;
    let cursor = async |client: &Client| {
        let data = client.ok(LIST, Value::Null).await;
        data["me"]["notifications"]["streamCursor"].as_str().unwrap().to_owned()
    };
    let (own, foreign) = (cursor(&amina).await, cursor(&basma).await);
    let mut tampered = URL_SAFE_NO_PAD.decode(&own).unwrap();
    tampered[7] ^= 1;
    let list = amina.ok("{ me { notifications { edges { cursor } } } }", Value::Null).await;
    let of_the_list = list["me"]["notifications"]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    let wrong = [foreign, URL_SAFE_NO_PAD.encode(&tampered), of_the_list, "nonsense".to_owned(), post];
    for (number, after) in wrong.iter().enumerate() {
        socket.subscribe(&number.to_string(), WATCH, json!({ "after": after })).await;
        let answer = socket.next().await;
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("error"), &json!(number.to_string())),
            "{after}: {answer}"
        );
        assert_eq!(answer["payload"][0]["extensions"]["code"], "BAD_REQUEST", "{after}: {answer}");
    }
    socket.subscribe("own", WATCH, json!({ "after": own })).await;
    assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");

    let mut nobody = Socket::open(address, None).await;
    nobody.subscribe("1", WATCH, json!({})).await;
    let answer = nobody.next().await;
    assert_eq!(answer["payload"][0]["extensions"]["code"], "UNAUTHENTICATED", "{answer}");
}

#[tokio::test]
async fn what_is_no_longer_kept_gives_a_reset_and_then_goes_on() {
    let (server, amina, _, post) = with_told(3).await;
    let address = server.listen().await;
    let data = amina.ok(LIST, Value::Null).await;
    let at_three = data["me"]["notifications"]["streamCursor"].as_str().unwrap().to_owned();
    // Thirty days on, two more; a day later the first three are gone.
    server.advance(30 * 86_400 - 3);
    let (amina, basma) = (server.anonymous().login("amina").await, server.anonymous().login("basma").await);
    for text in ["number 3", "number 4"] {
        basma.comment(&post, text).await;
    }
    server.run_jobs().await;
    server.advance(3);
    // Of each comment one event on the post's stream and one on amina's.
    assert_eq!(events::prune(&server.app).await.unwrap(), 6);
    assert_eq!(at_three, stream_cursor(&server, &amina, 3));
    let mut watcher = Watcher::begin(address, &amina, Some(&at_three)).await;
    assert_eq!(watcher.steps(3).await, ["REPLAY number 3", "REPLAY number 4", "LIVE"], "what is needed is still there");
    let mut watcher = Watcher::begin(address, &amina, Some(&stream_cursor(&server, &amina, 0))).await;
    let reset = watcher.next().await;
    assert_eq!((reset.phase.as_str(), reset.is_marker()), ("RESET", true));
    assert_eq!(reset.cursor, stream_cursor(&server, &amina, 5), "it goes on from the present");
    basma.comment(&post, "number 5").await;
    server.run_jobs().await;
    assert_eq!(watcher.steps(1).await, ["LIVE number 5"]);

    // A place that the stream has not reached: the database was put back to an earlier state.
    let ahead = stream_cursor(&server, &amina, 1000);
    assert_eq!(Watcher::begin(address, &amina, Some(&ahead)).await.steps(1).await, ["RESET"]);

    // Everything is gone: who has seen it all does not mind, everybody else starts anew.
    let newest = amina.ok(LIST, Value::Null).await["me"]["notifications"]["streamCursor"].as_str().unwrap().to_owned();
    server.advance(31 * 86_400);
    let (amina, basma) = (server.anonymous().login("amina").await, server.anonymous().login("basma").await);
    events::prune(&server.app).await.unwrap();
    assert_eq!(server.count("SELECT COUNT(*) FROM events").await, 0);
    let mut watcher = Watcher::begin(address, &amina, Some(&newest)).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    let mut behind = Watcher::begin(address, &amina, Some(&stream_cursor(&server, &amina, 4))).await;
    assert_eq!(behind.steps(1).await, ["RESET"]);
    basma.comment(&post, "number 6").await;
    server.run_jobs().await;
    assert_eq!(watcher.steps(1).await, ["LIVE number 6"]);
    assert_eq!(behind.steps(1).await, ["LIVE number 6"]);
}

/// The cursor of a place in somebody's stream, as the server seals it.
fn stream_cursor(server: &Server, client: &Client, seq: i64) -> String {
    let user: UserId = client.id.parse().unwrap();
    let seq = seq.to_be_bytes();
    let seal = server.app.keys.cursor_seal("notifications.stream", &[user.0.as_bytes().as_slice(), &seq].concat());
    URL_SAFE_NO_PAD.encode([seq.as_slice(), &seal].concat())
}

#[tokio::test]
async fn what_is_told_through_one_instance_reaches_who_watches_at_another() {
    let (server, amina, basma, post) = with_told(1).await;
    let beside = server.beside(&[]).await;
    server.listen().await;
    let address = beside.listen().await;
    let data = amina.clone().through(beside.router.clone()).ok(LIST, Value::Null).await;
    let mut watcher = Watcher::begin(address, &amina, data["me"]["notifications"]["streamCursor"].as_str()).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    for number in 1..6 {
        basma.comment(&post, &format!("number {number}")).await;
        server.run_jobs().await;
        assert_eq!(watcher.steps(1).await, [format!("LIVE number {number}")]);
    }
    watcher.is_silent().await;
}

#[tokio::test]
async fn where_every_hint_is_lost_a_sweep_makes_up_for_it() {
    let (server, amina, basma, post) = with_told(0).await;
    let beside = server.beside(&[]).await;
    let actor = auth::authenticate(&beside.app, amina.access_token.as_deref().unwrap()).await.unwrap();
    let mut stream = std::pin::pin!(
        notifications::follow(&beside.app, &actor, &agora::domain::actor::Client::default(), None).await.unwrap()
    );
    assert_eq!(stream.next().await.unwrap().unwrap().phase, Phase::Live);
    for number in 0..3 {
        basma.comment(&post, &format!("number {number}")).await;
        server.run_jobs().await;
    }
    // The two share nothing but the database, so nothing can have come yet.
    assert!(stream.next().now_or_never().is_none());
    events::sweep(&beside.app.db).await.unwrap();
    for number in 0..3 {
        let step = timeout(TIMEOUT, stream.next()).await.expect("nothing came in time").unwrap().unwrap();
        assert_eq!((step.phase, message(&step.content.unwrap())), (Phase::Live, format!("number {number}")));
    }
    assert!(stream.next().now_or_never().is_none());
    events::sweep(&beside.app.db).await.unwrap();
    assert!(stream.next().now_or_never().is_none(), "a second sweep tells nothing new");
}

#[tokio::test]
async fn on_postgresql_instances_tell_each_other_before_any_sweep() {
    let (server, amina, basma, post) = with_told(0).await;
    if server.app.db.backend() != DatabaseBackend::Postgres {
        return;
    }
    let seldom = [("SWEEP_MILLISECONDS", "60000")];
    let (one, other) = (server.beside(&seldom).await, server.beside(&seldom).await);
    one.listen().await;
    let address = other.listen().await;
    let mut watcher = Watcher::begin(address, &amina, None).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    // Listening begins in its own time: go on until something arrives, then nothing may be missing.
    let basma = basma.through(one.router.clone());
    let mut said = 0;
    let first = loop {
        basma.comment(&post, &format!("number {said}")).await;
        one.run_jobs().await;
        said += 1;
        if let Some(message) = watcher.socket.maybe_next(Duration::from_millis(100)).await {
            break message;
        }
        assert!(said < 200, "no hint ever came");
    };
    assert_eq!(first["payload"]["data"]["notificationReceived"]["notification"]["message"], "number 0");
    for number in 1..said {
        assert_eq!(watcher.steps(1).await, [format!("LIVE number {number}")]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_watcher_that_does_not_read_holds_nobody_up() {
    const COUNT: usize = 300;
    let (server, amina, basma, post) = with_told(0).await;
    let address = server.listen().await;
    // Large events, so that no buffer on the way takes them all.
    let copies: Vec<_> = (0..28).map(|number| format!("m{number}: message")).collect();
    let large =
        format!("subscription {{ notificationReceived {{ phase notification {{ message {} }} }} }}", copies.join(" "));
    let mut slow = Socket::open(address, amina.access_token.as_deref()).await;
    slow.subscribe("1", &large, Value::Null).await;
    assert_eq!(slow.event().await["notificationReceived"]["phase"], "LIVE");
    let mut quick = Watcher::begin(address, &amina, None).await;
    assert_eq!(quick.steps(1).await, ["LIVE"]);

    let text = |number: usize| format!("{number} {}", "😀".repeat(130));
    let writing = async {
        for number in 0..COUNT {
            basma.comment(&post, &text(number)).await;
            if number % 10 == 9 {
                server.run_jobs().await;
            }
        }
    };
    let reading = async {
        for number in 0..COUNT {
            assert_eq!(quick.steps(1).await, [format!("LIVE {}", text(number))]);
        }
    };
    timeout(TIMEOUT * 3, Box::pin(async { tokio::join!(writing, reading) })).await.expect("somebody was held up");
    // And when it reads at last, everything is there.
    for number in 0..COUNT {
        let event = slow.event().await;
        assert_eq!(event["notificationReceived"]["notification"]["message"], text(number));
    }
}
