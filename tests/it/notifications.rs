//! Notifications: who is told of what, the list, the live stream; and the jobs that make them.

use std::time::Duration;

use agora::{
    domain::{
        accounts, events,
        jobs::{self, NOTIFY, Notify},
        live::Phase,
        notifications,
    },
    entity::{CommentId, PostId, UserId, job::JobState},
    worker,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt, StreamExt};
use sea_orm::DatabaseBackend;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Client, Server, Socket, socket::PATIENCE};

const LIST: &str = "query($unread: Boolean! = false) { notifications(where: { unread: $unread }, first: 100) { nodes { id \
    kind title message readAt createdAt actor { username } subject { __typename id } } totalCount streamCursor } \
    notificationUnreadCount }";
const MARK_READ: &str = "mutation($id: ID!) { notificationMarkRead(id: $id) { errors { code path } notification { id \
    readAt } } }";
const MARK_ALL: &str = "mutation { notificationMarkAllRead { markedCount errors { code path } } }";
const UNLIKE: &str = "mutation($id: ID!) { postUnlike(id: $id) { errors { code } } }";
const COMMENT_LIKE: &str = "mutation($id: ID!) { commentLike(id: $id) { errors { code } } }";
const SHARE: &str = "mutation($id: ID!) { postShare(id: $id) { errors { code } post { id } } }";
const DELETE: &str = "mutation($id: ID!) { postDelete(id: $id) { errors { code } } }";
const COMMENT_DELETE: &str = "mutation($id: ID!) { commentDelete(id: $id) { errors { code } } }";
const LOCALE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { errors { code } } }";

fn one(code: &str, path: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), path.to_owned())]
}

fn time(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap_or_else(|| panic!("no time: {text}")).parse().unwrap()
}

/// Runs the jobs, then gives what a person was told, newest first.
async fn told(server: &Server, client: &Client) -> Vec<Value> {
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    let data = client.ok(LIST, Value::Null).await;
    let list = data["notifications"]["nodes"].as_array().unwrap().clone();
    assert_eq!(data["notifications"]["totalCount"], list.len());
    list
}

/// Kind and message of what a person was told, newest first.
async fn gist(server: &Server, client: &Client) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told(server, client).await.iter().map(|node| (text(&node["kind"]), text(&node["message"]))).collect()
}

fn gists(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, message)| ((*kind).to_owned(), (*message).to_owned())).collect()
}

// ------------------------------------------------------------------------------------------------ who is told of what

#[tokio::test]
async fn each_act_is_told_to_whom_it_concerns_in_their_language() {
    let server = Server::start().await;
    for (name, locale, titles) in [
        (
            "amina",
            "ENGLISH",
            [
                "basma shared your post",
                "basma replied to your comment",
                "basma likes your comment",
                "basma commented on your post",
                "basma likes your post",
            ],
        ),
        (
            "layla",
            "ARABIC",
            [
                "شارك basma منشورك",
                "ردّ basma على تعليقك",
                "أعجب تعليقك basma",
                "علّق basma على منشورك",
                "أعجب منشورك basma",
            ],
        ),
    ] {
        let person = server.user(name).await;
        person.ok(LOCALE, json!({ "input": { "locale": locale } })).await;
        // The one who acts speaks whatever they speak.
        let basma = if name == "amina" { server.user("basma").await } else { server.anonymous().login("basma").await };
        let post = person.publish("my post").await;
        let own_comment = person.comment(&post, "my comment").await;
        server.run_jobs().await;
        let mut at = Vec::new();
        server.advance(1);
        basma.like(&post).await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        let comment = basma.comment(&post, "well said").await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        basma.ok(COMMENT_LIKE, json!({ "id": own_comment })).await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        let reply = basma.reply(&own_comment, "true").await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        let share = basma.ok(SHARE, json!({ "id": post })).await["postShare"]["post"]["id"].clone();
        server.run_jobs().await;
        at.push(server.clock.now());

        let list = told(&server, &person).await;
        let facts = [
            ("SHARE", "my post", "Post", share.as_str().unwrap()),
            ("REPLY", "true", "Comment", &reply),
            ("LIKE", "my comment", "Comment", &own_comment),
            ("COMMENT", "well said", "Comment", &comment),
            ("LIKE", "my post", "Post", &post),
        ];
        assert_eq!(list.len(), facts.len(), "{list:?}");
        for (number, (kind, message, subject, id)) in facts.into_iter().enumerate() {
            let told = &list[number];
            let expected = json!({
                "id": told["id"], "kind": kind, "title": titles[number], "message": message, "readAt": null,
                "createdAt": told["createdAt"], "actor": { "username": "basma" },
                "subject": { "__typename": subject, "id": id },
            });
            assert_eq!(*told, expected);
            assert_eq!(time(&told["createdAt"]), at[4 - number]);
        }
        assert_eq!(told(&server, &basma).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_long_text_is_told_by_its_beginning() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    basma.ok(LOCALE, json!({ "input": { "displayName": "ن".repeat(100) } })).await;
    let post = amina.publish("a post").await;
    basma.comment(&post, &"é".repeat(140)).await;
    basma.comment(&post, &"é".repeat(141)).await;
    let list = told(&server, &amina).await;
    assert_eq!(list[1]["message"], "é".repeat(140));
    assert_eq!(list[0]["message"], format!("{}…", "é".repeat(139)));
    let title = list[0]["title"].as_str().unwrap();
    assert!(title.starts_with(&"ن".repeat(100)) && title.chars().count() <= 255, "{title}");
}

#[tokio::test]
async fn nobody_is_told_of_their_own_act() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("a post").await;
    amina.like(&post).await;
    let comment = amina.comment(&post, "a comment").await;
    amina.ok(COMMENT_LIKE, json!({ "id": comment })).await;
    amina.reply(&comment, "a reply").await;
    amina.ok(SHARE, json!({ "id": post })).await;
    assert_eq!(told(&server, &amina).await, Vec::<Value>::new());
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 0);
}

#[tokio::test]
async fn who_is_replied_to_is_told_of_the_reply_and_of_nothing_else() {
    let server = Server::start().await;
    let (amina, basma, chloe) = (server.user("amina").await, server.user("basma").await, server.user("chloe").await);
    let post = amina.publish("a post").await;
    let of_amina = amina.comment(&post, "by amina").await;
    let of_chloe = chloe.comment(&post, "by chloe").await;
    basma.reply(&of_amina, "to amina, on her own post").await;
    basma.reply(&of_chloe, "to chloe").await;
    chloe.reply(&of_chloe, "to herself").await;
    let expected = [
        ("COMMENT", "to herself"),
        ("COMMENT", "to chloe"),
        ("REPLY", "to amina, on her own post"),
        ("COMMENT", "by chloe"),
    ];
    assert_eq!(gist(&server, &amina).await, gists(&expected));
    assert_eq!(gist(&server, &chloe).await, gists(&[("REPLY", "to chloe")]));
    assert_eq!(gist(&server, &basma).await, gists(&[]));
}

#[tokio::test]
async fn a_like_that_comes_and_goes_is_told_once() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    // Taken back before anybody looked: nothing to tell.
    basma.like(&post).await;
    basma.ok(UNLIKE, json!({ "id": post })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[]));
    for _ in 0..3 {
        basma.like(&post).await;
        assert_eq!(gist(&server, &amina).await, gists(&[("LIKE", "a post")]));
        basma.ok(UNLIKE, json!({ "id": post })).await;
        assert_eq!(gist(&server, &amina).await, gists(&[("LIKE", "a post")]));
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE kind = 'notified'").await, 1);
}

#[tokio::test]
async fn what_is_deleted_before_it_is_told_is_not_told() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    let comment = basma.comment(&post, "a comment").await;
    basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
    let share = basma.ok(SHARE, json!({ "id": post })).await["postShare"]["post"]["id"].clone();
    basma.ok(DELETE, json!({ "id": share })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[]));
    let gone = amina.publish("gone").await;
    let kept = amina.comment(&gone, "kept").await;
    basma.like(&gone).await;
    basma.comment(&gone, "on what goes").await;
    basma.ok(SHARE, json!({ "id": gone })).await;
    basma.reply(&kept, "to what stays").await;
    amina.ok(DELETE, json!({ "id": gone })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[("REPLY", "to what stays")]));
}

// ------------------------------------------------------------------------------------------------------- the list

/// A server, somebody who was told of so many comments (each at its own second), and who commented.
async fn with_told(count: usize) -> (Server, Client, Client, String) {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    for number in 0..count {
        basma.comment(&post, &format!("number {number}")).await;
        server.run_jobs().await;
        server.advance(1);
    }
    (server, amina, basma, post)
}

fn ids(list: &Value) -> Vec<String> {
    list["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn notifications_are_listed_page_by_page_and_those_unread_alone() {
    let (server, amina, basma, post) = with_told(4).await;
    // Three more at one moment.
    for number in 4..7 {
        basma.comment(&post, &format!("number {number}")).await;
    }
    let list = told(&server, &amina).await;
    let messages: Vec<_> = list.iter().map(|node| node["message"].as_str().unwrap()).collect();
    assert_eq!(messages, [6, 5, 4, 3, 2, 1, 0].map(|number| format!("number {number}")));
    let all: Vec<String> = list.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect();
    for id in [&all[1], &all[5]] {
        amina.ok(MARK_READ, json!({ "id": id })).await;
    }
    let unread: Vec<String> = [0, 2, 3, 4, 6].map(|at: usize| all[at].clone()).into();
    for (filter, expected) in [("", &all), ("where: {}, ", &all), ("where: { unread: true }, ", &unread)] {
        let query = format!("{{ notifications({filter}PAGE) {{ ITEMS }} }}");
        for size in [1, 2, 3, 100] {
            assert_eq!(amina.pages(&query, size, false).await.concat(), *expected, "{filter} first {size}");
            let mut backwards = amina.pages(&query, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), *expected, "{filter} last {size}");
        }
    }
    let data = amina.ok(LIST, json!({ "unread": true })).await;
    assert_eq!(data["notifications"]["totalCount"], 5);
    assert_eq!(data["notificationUnreadCount"], 5);
    let data = basma.ok(LIST, Value::Null).await;
    assert_eq!((&data["notifications"]["totalCount"], &data["notificationUnreadCount"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn wrong_page_arguments_are_a_bad_request() {
    let (_server, amina, _, _) = with_told(1).await;
    let posts = amina.ok("{ posts { edges { cursor } } }", Value::Null).await;
    let foreign = posts["posts"]["edges"][0]["cursor"].as_str().unwrap();
    let stream = amina.ok("{ notifications { streamCursor } }", Value::Null).await;
    let stream = stream["notifications"]["streamCursor"].as_str().unwrap();
    for arguments in [
        "first: 101".to_owned(),
        "last: -1".to_owned(),
        "first: 1, last: 1".to_owned(),
        format!("after: \"{foreign}\""),
        format!("before: \"{stream}\""),
        "after: \"\"".to_owned(),
    ] {
        let query = format!("{{ notifications({arguments}) {{ nodes {{ id }} }} }}");
        assert_eq!(amina.refused(&query, Value::Null).await, "BAD_REQUEST", "{arguments}");
    }
}

#[tokio::test]
async fn marking_as_read_keeps_the_first_time_and_touches_nobody_else_s() {
    let (server, amina, basma, _) = with_told(2).await;
    let id = told(&server, &amina).await[0]["id"].clone();
    let first = server.clock.now();
    for _ in 0..2 {
        let data = amina.ok(MARK_READ, json!({ "id": id })).await;
        assert_eq!(data["notificationMarkRead"]["errors"], json!([]));
        assert_eq!(data["notificationMarkRead"]["notification"]["id"], id);
        assert_eq!(time(&data["notificationMarkRead"]["notification"]["readAt"]), first);
        server.advance(60);
    }
    let list = told(&server, &amina).await;
    assert_eq!((time(&list[0]["readAt"]), &list[1]["readAt"]), (first, &Value::Null));
    assert_eq!(amina.ok("{ notificationUnreadCount }", Value::Null).await["notificationUnreadCount"], 1);

    let other = &list[1]["id"];
    assert_eq!(basma.user_errors(MARK_READ, json!({ "id": other })).await, one("NOT_FOUND", "id"));
    assert_eq!(server.anonymous().refused(MARK_READ, json!({ "id": other })).await, "UNAUTHENTICATED");
    let never = PostId(server.app.ids.next(server.clock.now())).to_string();
    let never_told = never.replace("post_", "notification_");
    assert_eq!(amina.user_errors(MARK_READ, json!({ "id": never_told })).await, one("NOT_FOUND", "id"));
    for wrong in [never.as_str(), amina.id.as_str(), "", "nonsense"] {
        assert_eq!(amina.user_errors(MARK_READ, json!({ "id": wrong })).await, one("INVALID_ID", "id"), "{wrong}");
    }
    assert_eq!(told(&server, &amina).await, list);
}

#[tokio::test]
async fn all_of_one_s_own_are_marked_as_read_at_once() {
    let (server, amina, basma, _) = with_told(3).await;
    let theirs = basma.publish("basma's").await;
    amina.like(&theirs).await;
    let list = told(&server, &amina).await;
    amina.ok(MARK_READ, json!({ "id": list[0]["id"] })).await;
    let already = told(&server, &amina).await[0]["readAt"].clone();
    server.advance(60);
    for count in [2, 0] {
        let data = amina.ok(MARK_ALL, Value::Null).await;
        assert_eq!(data["notificationMarkAllRead"], json!({ "markedCount": count, "errors": [] }));
    }
    let list = told(&server, &amina).await;
    assert_eq!(list[0]["readAt"], already, "what was read stays read when it was");
    assert!(list[1..].iter().all(|node| time(&node["readAt"]) == server.clock.now()), "{list:?}");
    assert_eq!(amina.ok("{ notificationUnreadCount }", Value::Null).await["notificationUnreadCount"], 0);
    assert_eq!(basma.ok("{ notificationUnreadCount }", Value::Null).await["notificationUnreadCount"], 1);
    assert_eq!(server.anonymous().refused(MARK_ALL, Value::Null).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn notifications_are_for_who_is_signed_in() {
    let (server, _, _, _) = with_told(1).await;
    let nobody = server.anonymous();
    for query in
        ["{ notifications { nodes { id } } }", "{ notificationUnreadCount }", "{ notifications { streamCursor } }"]
    {
        assert_eq!(nobody.refused(query, Value::Null).await, "UNAUTHENTICATED", "{query}");
    }
}

// ------------------------------------------------------------------------------------------------- the live stream

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
struct Watcher {
    socket: Socket,
}

impl Watcher {
    async fn begin(address: std::net::SocketAddr, client: &Client, after: Option<&str>) -> Self {
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
    async fn steps(&mut self, count: usize) -> Vec<String> {
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
    assert_eq!(ids(&data["notifications"]).len(), 2);
    let cursor = data["notifications"]["streamCursor"].as_str().unwrap();
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
    let mut watcher = Watcher::begin(address, &amina, data["notifications"]["streamCursor"].as_str()).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    watcher.is_silent().await;
    // Also for somebody who was never told anything.
    let data = basma.ok(LIST, Value::Null).await;
    let mut watcher = Watcher::begin(address, &basma, data["notifications"]["streamCursor"].as_str()).await;
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
    let start = data["notifications"]["streamCursor"].as_str().unwrap().to_owned();
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
        let expected: Vec<_> = whole[after..].iter().filter(|step| !step.is_marker()).collect();
        for expected in expected {
            let step = resumed.next().await;
            assert_eq!(
                (step.phase.as_str(), &step.message, &step.cursor),
                ("REPLAY", &expected.message, &expected.cursor)
            );
        }
        let marker = resumed.next().await;
        assert_eq!((marker.phase.as_str(), marker.is_marker()), ("LIVE", true), "cut after {after}");
    }
}

/// Reads a stream until it is up to date; gives the messages and the last sequence.
async fn catch_up(server: &Server, client: &Client, after: i64) -> (Vec<String>, i64) {
    let actor = accounts::authenticate(&server.app, client.access_token.as_deref().unwrap()).await.unwrap();
    let mut stream = std::pin::pin!(notifications::follow(&server.app, &actor, Some(after)).await.unwrap());
    let (mut messages, mut seq) = (Vec::new(), after);
    loop {
        let step = timeout(PATIENCE, stream.next()).await.expect("nothing came in time").unwrap().unwrap();
        assert!(step.seq >= seq, "backwards from {seq} to {}", step.seq);
        seq = step.seq;
        match (step.phase, step.content) {
            (Phase::Replay, Some(told)) => messages.push(told.message),
            (Phase::Live, None) => return (messages, seq),
            (phase, told) => panic!("{phase:?} {told:?} at {seq}, after {after}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_that_is_cut_and_resumed_while_much_happens_loses_nothing() {
    const COUNT: usize = 150;
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
    let reading = timeout(PATIENCE * 3, async { tokio::join!(writer, reader).1 }).await.expect("something was lost");
    assert_eq!(reading, (0..COUNT).map(|number| format!("number {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_that_is_none_of_one_s_own_is_a_bad_request() {
    let (server, amina, basma, post) = with_told(2).await;
    let address = server.listen().await;
    let cursor = async |client: &Client| {
        let data = client.ok(LIST, Value::Null).await;
        data["notifications"]["streamCursor"].as_str().unwrap().to_owned()
    };
    let (own, foreign) = (cursor(&amina).await, cursor(&basma).await);
    let mut tampered = URL_SAFE_NO_PAD.decode(&own).unwrap();
    tampered[7] ^= 1;
    let list = amina.ok("{ notifications { edges { cursor } } }", Value::Null).await;
    let of_the_list = list["notifications"]["edges"][0]["cursor"].as_str().unwrap().to_owned();
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    let wrong = [foreign, URL_SAFE_NO_PAD.encode(&tampered), of_the_list, String::new(), "nonsense".to_owned(), post];
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
    let at_three = data["notifications"]["streamCursor"].as_str().unwrap().to_owned();
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

    // Everything is gone: who has seen it all does not mind, everybody else starts anew.
    let newest = amina.ok(LIST, Value::Null).await["notifications"]["streamCursor"].as_str().unwrap().to_owned();
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
    let mut watcher = Watcher::begin(address, &amina, data["notifications"]["streamCursor"].as_str()).await;
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
    let actor = accounts::authenticate(&beside.app, amina.access_token.as_deref().unwrap()).await.unwrap();
    let mut stream = std::pin::pin!(notifications::follow(&beside.app, &actor, None).await.unwrap());
    assert_eq!(stream.next().await.unwrap().unwrap().phase, Phase::Live);
    for number in 0..3 {
        basma.comment(&post, &format!("number {number}")).await;
        server.run_jobs().await;
    }
    // The two share nothing but the database, so nothing can have come yet.
    assert!(stream.next().now_or_never().is_none());
    events::sweep(&beside.app.db).await.unwrap();
    for number in 0..3 {
        let step = timeout(PATIENCE, stream.next()).await.expect("nothing came in time").unwrap().unwrap();
        assert_eq!((step.phase, step.content.unwrap().message), (Phase::Live, format!("number {number}")));
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
            server.run_jobs().await;
        }
    };
    let reading = async {
        for number in 0..COUNT {
            assert_eq!(quick.steps(1).await, [format!("LIVE {}", text(number))]);
        }
    };
    timeout(PATIENCE * 3, async { tokio::join!(writing, reading) }).await.expect("somebody was held up");
    // And when it reads at last, everything is there.
    for number in 0..COUNT {
        let event = slow.event().await;
        assert_eq!(event["notificationReceived"]["notification"]["message"], text(number));
    }
}

// ---------------------------------------------------------------------------------------------------------- the jobs

#[tokio::test]
async fn a_job_whose_process_died_is_done_once_after_its_lease() {
    let (server, amina, basma, post) = with_told(0).await;
    basma.comment(&post, "hello").await;
    assert_eq!(jobs::take(&server.app, 10).await.unwrap().len(), 1);
    // Taken, and never heard of again.
    assert_eq!(server.run_jobs().await, 0);
    server.clock.advance(jobs::LEASE - TimeDelta::seconds(1));
    assert_eq!(server.run_jobs().await, 0);
    server.advance(1);
    assert_eq!(server.run_jobs().await, 1);
    assert_eq!(gist(&server, &amina).await, gists(&[("COMMENT", "hello")]));
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE kind = 'notified'").await, 1);
}

#[tokio::test]
async fn a_job_that_runs_twice_tells_once() {
    let (server, amina, basma, post) = with_told(0).await;
    let comment = basma.comment(&post, "hello").await;
    basma.like(&post).await;
    basma.ok(COMMENT_LIKE, json!({ "id": amina.comment(&post, "mine").await })).await;
    basma.ok(SHARE, json!({ "id": post })).await;
    // As one that is slow: its lease is over and another has done it by the time it does.
    let slow = jobs::take(&server.app, 10).await.unwrap();
    assert_eq!(slow.len(), 5);
    server.clock.advance(jobs::LEASE);
    server.run_jobs().await;
    let before = gist(&server, &amina).await;
    assert_eq!(before.len(), 4, "{before:?}");
    for job in &slow {
        notifications::notify(&server.app, job).await.unwrap();
    }
    // And as one that somebody queued again.
    let again = Notify::CommentCreated { comment: comment.parse::<CommentId>().unwrap().0 };
    let app = &server.app;
    app.db.transact(async |tx| jobs::enqueue_in(app, &tx, NOTIFY, &again).await).await.unwrap();
    assert_eq!(gist(&server, &amina).await, before);
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE kind = 'notified'").await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_workers_share_the_work_and_do_nothing_twice() {
    let (server, amina, basma, post) = with_told(0).await;
    let beside = server.beside(&[]).await;
    for number in 0..80 {
        basma.comment(&post, &format!("number {number}")).await;
    }
    let (one, other) = tokio::join!(server.run_jobs(), beside.run_jobs());
    assert_eq!(one + other, 80, "{one} and {other}");
    assert_eq!(told(&server, &amina).await.len(), 80);
    let gaps = "SELECT MAX(seq) - COUNT(*) FROM events WHERE stream_kind = 'notifications'";
    assert_eq!(server.count(gaps).await, 0);
}

async fn enqueue_nonsense(server: &Server) {
    let app = &server.app;
    app.db.transact(async |tx| jobs::enqueue_in(app, &tx, "nonsense", &json!({})).await).await.unwrap();
}

#[tokio::test]
async fn a_job_that_fails_comes_again_ever_later_and_dies_at_last() {
    let (server, amina, basma, post) = with_told(0).await;
    enqueue_nonsense(&server).await;
    basma.comment(&post, "hello").await;
    // It holds up no other.
    assert_eq!(server.run_jobs().await, 2);
    let data = amina.ok(LIST, Value::Null).await;
    assert_eq!(data["notifications"]["totalCount"], 1);
    for attempt in 1..jobs::ATTEMPTS {
        let job = jobs::list(&server.app, false, 10).await.unwrap().remove(0);
        assert_eq!((job.state, job.attempts), (JobState::Queued, attempt));
        assert!(job.last_error.as_deref().unwrap().contains("nonsense"), "{job:?}");
        let wait = (job.run_at - server.clock.now()).num_seconds();
        assert_eq!(wait, 1 << attempt);
        server.advance(wait - 1);
        assert_eq!(server.run_jobs().await, 0, "too early for attempt {}", attempt + 1);
        server.advance(1);
        assert_eq!(server.run_jobs().await, 1);
    }
    let dead = jobs::list(&server.app, true, 10).await.unwrap().remove(0);
    assert_eq!((dead.state, dead.attempts), (JobState::Dead, jobs::ATTEMPTS));
    server.advance(30 * 86_400);
    assert_eq!(server.run_jobs().await, 0, "the dead stay where they are");
}

#[tokio::test]
async fn a_dead_job_is_revived_and_does_its_work() {
    let (server, amina, basma, post) = with_told(0).await;
    basma.comment(&post, "hello").await;
    basma.comment(&post, "hello again").await;
    enqueue_nonsense(&server).await;
    let change =
        async |sql: &'static str| server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
    assert_eq!(change("UPDATE jobs SET payload = '!' || payload WHERE kind = 'notify'").await, 2);
    for _ in 0..jobs::ATTEMPTS {
        assert_eq!(server.run_jobs().await, 3);
        server.advance(3600);
    }
    assert_eq!(server.run_jobs().await, 0);
    let dead = jobs::list(&server.app, true, 10).await.unwrap();
    assert_eq!(dead.len(), 3);
    change("UPDATE jobs SET payload = substr(payload, 2) WHERE kind = 'notify'").await;

    assert_eq!(jobs::retry(&server.app, Some(dead[0].id)).await.unwrap(), 1);
    assert_eq!(jobs::retry(&server.app, Some(dead[0].id)).await.unwrap(), 0, "it is not dead any more");
    assert_eq!(server.run_jobs().await, 1);
    assert_eq!(jobs::retry(&server.app, None).await.unwrap(), 2);
    assert_eq!(server.run_jobs().await, 2);
    let left = jobs::list(&server.app, false, 10).await.unwrap();
    assert_eq!((left.len(), left[0].kind.as_str(), left[0].attempts), (1, "nonsense", 1), "it begins anew");
    let amina = server.anonymous().login("amina").await;
    let data = amina.ok(LIST, Value::Null).await;
    assert_eq!(data["notifications"]["totalCount"], 2);
}

#[tokio::test]
async fn a_schedule_is_run_by_one_process_each_time_it_is_due() {
    let server = Server::start().await;
    let beside = server.beside(&[]).await;
    let hour = TimeDelta::hours(1);
    for _ in 0..3 {
        let (one, other) = tokio::join!(jobs::due(&server.app, "test", hour), jobs::due(&beside.app, "test", hour));
        assert_eq!([one.unwrap(), other.unwrap()].into_iter().filter(|due| *due).count(), 1);
        server.clock.advance(hour - TimeDelta::seconds(1));
        assert!(!jobs::due(&beside.app, "test", hour).await.unwrap());
        server.advance(1);
    }
}

#[tokio::test]
async fn a_running_worker_does_what_comes_by_itself() {
    let (server, amina, basma, post) = with_told(0).await;
    let address = server.listen().await;
    server.app.spawn(worker::run(server.app.clone()));
    let mut watcher = Watcher::begin(address, &amina, None).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    for number in 0..3 {
        basma.comment(&post, &format!("number {number}")).await;
        assert_eq!(watcher.steps(1).await, [format!("LIVE number {number}")]);
    }
}
