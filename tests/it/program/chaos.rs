//! A storm of ordinary use through programs that are killed, and whose database comes and goes: whatever was acknowledged
//! is stored, once; streams have neither gaps nor duplicates; every job is done; and the books balance.
//!
//! Short by default; `AGORA_LONG_TESTS=1 cargo test --test it chaos` goes on for minutes.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use agora::{
    domain::{
        events,
        ledger::{AccountRef, account},
    },
    entity::{Currency, UserId, event::StreamKind},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{Folder, KEY, Serving};
use crate::{
    harness::{
        Client, Server, TIMEOUT,
        dice::{Dice, is_long},
    },
    storage::{
        away::{END_ALL, IMPATIENT, on_the_database, through_a_proxy},
        proxy::Proxy,
    },
    wallets::{TRANSFER, fund, transfer_input},
};

const PEOPLE: usize = 6;
/// How many cents everybody has at first.
const FUNDS: i64 = 10_000;
/// How much has to be acknowledged between two breaks.
const ACTS: usize = 25;
/// How long anything may take, with whatever else the machine does, and though the database keeps for a minute what
/// somebody had locked who fell silent.
const BOUND: Duration = Duration::from_secs(120);
/// What those are told who can't be served just now.
const EXCUSES: &[&str] = &["UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"];

const PUBLISH: &str = "mutation($body: String!, $key: String) { postCreate(input: { body: $body, idempotencyKey: $key }) { \
    post { id } errors { code } } }";
const LIKE: &str = "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } } }";
const COMMENT: &str = "mutation($id: ID!, $body: String!, $key: String) { commentCreate(input: { target: { postId: $id }, body: $body, \
    idempotencyKey: $key }) { errors { code } } }";

/// What is followed: the stream, the subscription's field, and what of it shows that something happened.
const STREAMS: [(StreamKind, &str, &str); 2] = [
    (StreamKind::Notifications, "notificationReceived", "notification"),
    (StreamKind::Wallet, "walletActivity", "activity"),
];

/// What breaks.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// A program ends on the spot, and another one takes its place.
    Kill(usize),
    /// The database ends every connection, as when it is started anew.
    Restart,
    /// Nobody reaches the database.
    Cut,
    /// The database says nothing, and closes nothing.
    Silence,
}

/// What was acknowledged.
#[derive(Debug, Default)]
struct Done {
    comments: i64,
    transfers: i64,
    /// Who likes what.
    likes: BTreeSet<(usize, String)>,
    /// How many cents everybody has more, or less, than at first.
    moved: [i64; PEOPLE],
}

/// People, and the programs through which they act.
struct Storm {
    server: Server,
    people: Vec<Client>,
    http: reqwest::Client,
    /// Where each program serves now: `address:port`.
    addresses: Vec<Mutex<String>>,
    /// The posts that there are, with whose they are.
    posts: Mutex<Vec<(usize, String)>>,
    done: Mutex<Done>,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Storm {
    async fn gather() -> Self {
        let server = Server::start().await;
        #[expect(clippy::disallowed_methods, reason = "the programs have no other")]
        let now = chrono::Utc::now();
        server.advance((now - server.clock.now()).num_seconds());
        let (mut people, mut posts) = (Vec::new(), Vec::new());
        for number in 0..PEOPLE {
            let person = server.user(&format!("person{number}")).await;
            fund(&server, &person, FUNDS, "USD").await;
            posts.push((number, person.publish(&format!("the first of {number}")).await));
            people.push(person);
        }
        #[expect(clippy::disallowed_methods, reason = "from outside")]
        let http = reqwest::Client::new();
        Self {
            server,
            people,
            http,
            addresses: Vec::new(),
            posts: Mutex::new(posts),
            done: Mutex::default(),
            acknowledged: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Where one of the programs serves.
    fn somewhere(&self, dice: &mut Dice) -> String {
        self.addresses[dice.roll(self.addresses.len())].lock().unwrap().clone()
    }

    /// Does something through one of the programs, again and again until it is acknowledged; gives what came of it.
    async fn insist(&self, me: &Client, dice: &mut Dice, query: &str, variables: Value) -> Value {
        let insisting = async {
            loop {
                let address = self.somewhere(dice);
                if let Some(payload) = self.attempt(me, &address, query, &variables).await {
                    self.acknowledged.fetch_add(1, Ordering::SeqCst);
                    return payload;
                }
                self.refused.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(BOUND, insisting).await.unwrap_or_else(|_| panic!("it was never done: {query} {variables}"))
    }

    /// What came of it; `None` when nobody answered, or the server has an excuse.
    async fn attempt(&self, me: &Client, address: &str, query: &str, variables: &Value) -> Option<Value> {
        let request = self.http.post(format!("http://{address}/graphql")).timeout(TIMEOUT);
        let request = request.bearer_auth(me.access_token.as_deref().unwrap());
        let request = request.json(&json!({ "query": query, "variables": variables }));
        let answer: Value = request.send().await.ok()?.json().await.ok()?;
        if answer.get("errors").is_some() {
            assert_is_an_excuse(&answer["errors"], query);
            return None;
        }
        let payload = answer["data"].as_object().unwrap().values().next().unwrap().clone();
        assert_eq!(payload["errors"], json!([]), "{query}: {variables}");
        Some(payload)
    }

    /// What one person does until it is over.
    async fn live(&self, me: usize) {
        let (person, mut dice) = (&self.people[me], Dice::new(me as u64));
        let mut number = 0;
        while !self.over.load(Ordering::SeqCst) {
            number += 1;
            let text = format!("{} {number}", person.username);
            match dice.roll(5) {
                0 => {
                    let variables = json!({ "body": text, "key": text });
                    let post = self.insist(person, &mut dice, PUBLISH, variables).await["post"]["id"].clone();
                    self.posts.lock().unwrap().push((me, post.as_str().unwrap().to_owned()));
                }
                1 | 2 => {
                    let post = self.post_of_another(me, &mut dice);
                    self.insist(person, &mut dice, LIKE, json!({ "id": post })).await;
                    self.done.lock().unwrap().likes.insert((me, post));
                }
                3 => {
                    let post = self.post_of_another(me, &mut dice);
                    let variables = json!({ "id": post, "body": text, "key": text });
                    self.insist(person, &mut dice, COMMENT, variables).await;
                    self.done.lock().unwrap().comments += 1;
                }
                _ => {
                    let (to, cents) = ((me + 1 + dice.roll(PEOPLE - 1)) % PEOPLE, 1 + dice.roll(9));
                    let variables = transfer_input(&self.people[to].id, &format!("0.0{cents}"), "USD", &text);
                    self.insist(person, &mut dice, TRANSFER, variables).await;
                    let mut done = self.done.lock().unwrap();
                    done.transfers += 1;
                    done.moved[me] -= cents as i64;
                    done.moved[to] += cents as i64;
                }
            }
        }
    }

    fn post_of_another(&self, me: usize, dice: &mut Dice) -> String {
        let posts = self.posts.lock().unwrap();
        loop {
            let (author, post) = &posts[dice.roll(posts.len())];
            if *author != me {
                return post.clone();
            }
        }
    }

    /// Waits until so many more were counted.
    async fn more(&self, what: &str, count: &AtomicUsize, more: usize) {
        let before = count.load(Ordering::SeqCst);
        until(what, async || count.load(Ordering::SeqCst) >= before + more).await;
    }

    /// Breaks one thing after the other in the midst of what goes on, and mends it.
    async fn break_everything(&self, programs: &mut Programs, breaks: &[Break]) {
        for what in breaks {
            self.more("acts", &self.acknowledged, ACTS).await;
            match *what {
                Break::Kill(number) => {
                    programs.kill(number);
                    let address = programs.start(number).await;
                    *self.addresses[number].lock().unwrap() = address;
                }
                Break::Restart => on_the_database(&self.server, END_ALL).await,
                Break::Cut => {
                    programs.way().cut_off();
                    self.more("somebody who is refused", &self.refused, 1).await;
                    programs.way().speak();
                }
                Break::Silence => {
                    programs.way().fall_silent();
                    self.more("somebody who is refused", &self.refused, 1).await;
                    programs.way().speak();
                }
            }
        }
        self.more("acts", &self.acknowledged, ACTS).await;
        self.over.store(true, Ordering::SeqCst);
    }

    async fn count(&self, sql: &str) -> i64 {
        self.server.count(sql).await
    }

    /// Everything that was acknowledged is there, once, and nothing else is.
    async fn assert_all_is_there_once(&self) {
        let done = std::mem::take(&mut *self.done.lock().unwrap());
        let posts = self.posts.lock().unwrap().len() as i64;
        let likes = done.likes.len() as i64;
        let told = likes + done.comments;
        eprintln!(
            "{posts} posts, {likes} likes, {} comments, {} transfers; refused or unanswered {} times",
            done.comments,
            done.transfers,
            self.refused.load(Ordering::SeqCst)
        );
        for (sql, expected) in [
            ("SELECT COUNT(*) FROM posts", posts),
            ("SELECT COUNT(DISTINCT body) FROM posts", posts),
            ("SELECT COUNT(*) FROM comments", done.comments),
            ("SELECT COUNT(DISTINCT body) FROM comments", done.comments),
            ("SELECT COUNT(*) FROM post_likes", likes),
            ("SELECT CAST(SUM(like_count) AS bigint) FROM posts", likes),
            ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'transfer'", done.transfers),
            // Everybody was told of what others did with theirs, and of each once: no job got lost.
            ("SELECT COUNT(*) FROM notifications", told),
            ("SELECT COUNT(DISTINCT dedupe_key) FROM notifications", told),
            ("SELECT COUNT(*) FROM events WHERE stream_kind = 'notifications'", told),
            (
                "SELECT COUNT(*) FROM streams s WHERE s.seq <> (SELECT COUNT(*) FROM events e \
                 WHERE e.stream_kind = s.kind AND e.stream_id = s.id)",
                0,
            ),
        ] {
            assert_eq!(self.count(sql).await, expected, "{sql}");
        }
        for (person, moved) in self.people.iter().zip(done.moved) {
            let wallet = AccountRef::Wallet(person.id.parse().unwrap());
            let wallet = account(&self.server.app, wallet, Currency::parse("USD").unwrap()).await.unwrap().unwrap();
            assert_eq!((wallet.balance, wallet.held), (FUNDS + moved, 0), "{}", person.username);
        }
        let url = self.server.database_url();
        let verified = Folder::new().run(&["ledger", "verify"], &[("DATABASE_URL", &url), ("SECRET_KEY", KEY)]);
        let expected = format!("The books balance: {} transfers.\n", PEOPLE as i64 + done.transfers);
        assert_eq!((verified.code, verified.out.as_str()), (Some(0), expected.as_str()), "{verified:?}");
    }
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(BOUND, looking).await.unwrap_or_else(|_| panic!("{what}: it did not come"));
}

fn assert_is_an_excuse(errors: &Value, what: &str) {
    let code = errors[0]["extensions"]["code"].as_str().unwrap_or_default();
    assert!(EXCUSES.contains(&code), "{what}: {errors}");
}

/// Programs beside one another on the database, on their way to it.
struct Programs {
    url: String,
    proxy: Option<Proxy>,
    running: Vec<Option<Serving>>,
}

impl Programs {
    /// One on SQLite, whose file is for one; two on PostgreSQL, which they reach by a way that can be cut.
    async fn of(server: &Server) -> Self {
        match through_a_proxy(server).await {
            Some((proxy, url)) => Self { url, proxy: Some(proxy), running: vec![None, None] },
            None => Self { url: server.database_url(), proxy: None, running: vec![None] },
        }
    }

    fn way(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// Starts a program; gives its address.
    async fn start(&mut self, number: usize) -> String {
        let mut settings = vec![("DATABASE_URL", self.url.as_str()), ("WORKER", "true")];
        if self.proxy.is_some() {
            settings.extend(IMPATIENT);
        }
        let starting = Serving::spawn(&settings);
        let serving = tokio::task::spawn_blocking(|| starting.ready()).await.unwrap();
        let address = serving.base.trim_start_matches("http://").to_owned();
        self.running[number] = Some(serving);
        address
    }

    /// Ends a program without a warning.
    fn kill(&mut self, number: usize) {
        self.running[number].take().unwrap().kill();
    }
}

/// Somebody who follows a stream of theirs, and comes back with their cursor however often they are cut off.
struct Follower<'a> {
    storm: &'a Storm,
    person: &'a Client,
    stream: (StreamKind, &'static str, &'static str),
    /// The last sequence that they saw; none yet.
    seen: AtomicI64,
}

impl Follower<'_> {
    /// Follows, without an end.
    async fn follow(&self, seed: u64) {
        let (mut dice, mut after) = (Dice::new(seed), None);
        loop {
            let address = self.storm.somewhere(&mut dice);
            // However it ended, they come back.
            let _ = self.follow_at(&address, &mut after).await;
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Follows until the connection ends.
    async fn follow_at(&self, address: &str, after: &mut Option<String>) -> Option<()> {
        let (_, field, content) = self.stream;
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let (mut socket, _) = connect_async(request).await.ok()?;
        let token = format!("Bearer {}", self.person.access_token.as_deref().unwrap());
        let init = json!({ "type": "connection_init", "payload": { "authorization": token } });
        socket.send(Message::text(init.to_string())).await.ok()?;
        loop {
            let Message::Text(text) = socket.next().await?.ok()? else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            match message["type"].as_str().unwrap() {
                "connection_ack" => {
                    let query = format!(
                        "subscription($after: String) {{ {field}(after: $after) {{ cursor phase {content} {{ __typename }} }} }}"
                    );
                    let payload = json!({ "query": query, "variables": { "after": after } });
                    let begin = json!({ "id": "1", "type": "subscribe", "payload": payload });
                    socket.send(Message::text(begin.to_string())).await.ok()?;
                }
                "ping" => socket.send(Message::text(json!({ "type": "pong" }).to_string())).await.ok()?,
                "next" if message["payload"].get("errors").is_none() => {
                    self.step(&message["payload"]["data"][field], content, after);
                }
                "next" => {
                    assert_is_an_excuse(&message["payload"]["errors"], field);
                    return None;
                }
                "error" => {
                    assert_is_an_excuse(&message["payload"], field);
                    return None;
                }
                _ => return None,
            }
        }
    }

    /// What comes is the next, or says that there is no more.
    fn step(&self, event: &Value, content: &str, after: &mut Option<String>) {
        let cursor = event["cursor"].as_str().unwrap_or_else(|| panic!("{event}"));
        let seq = i64::from_be_bytes(URL_SAFE_NO_PAD.decode(cursor).unwrap()[..8].try_into().unwrap());
        let seen = self.seen.load(Ordering::SeqCst);
        let what = (&event["phase"], event[content].is_null(), seq);
        let (live, replay) = (json!("LIVE"), json!("REPLAY"));
        let is_next = [(&live, false, seen + 1), (&replay, false, seen + 1)].contains(&what);
        let is_marker = what == (&live, true, seen) || after.is_none();
        assert!(is_next || is_marker, "{} of {}: {event} came after {seen}", self.stream.1, self.person.username);
        self.seen.store(seq, Ordering::SeqCst);
        *after = Some(cursor.to_owned());
    }

    async fn has_seen_everything(&self) -> bool {
        let id: UserId = self.person.id.parse().unwrap();
        events::head(&self.storm.server.app, self.stream.0, id.0).await.unwrap() == self.seen.load(Ordering::SeqCst)
    }
}

/// What is to break: each kind once; for long, often and in an order that looks random, and the database falls silent, too.
fn breaks(programs: &Programs) -> Vec<Break> {
    let mut kinds = match programs.proxy {
        None => vec![Break::Kill(0), Break::Kill(0)],
        Some(_) => vec![Break::Kill(0), Break::Restart, Break::Kill(1), Break::Cut],
    };
    if !is_long() {
        return kinds;
    }
    kinds.extend(programs.proxy.as_ref().map(|_| Break::Silence));
    let mut dice = Dice::new(1);
    (0..30).map(|_| kinds[dice.roll(kinds.len())]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kills_and_outages_nothing_is_lost_and_nothing_is_done_twice() {
    let mut storm = Storm::gather().await;
    let mut programs = Programs::of(&storm.server).await;
    for number in 0..programs.running.len() {
        let address = programs.start(number).await;
        storm.addresses.push(Mutex::new(address));
    }
    let storm = storm;
    let mut followers = Vec::new();
    for person in &storm.people {
        for stream in STREAMS {
            followers.push(Follower { storm: &storm, person, stream, seen: AtomicI64::new(-1) });
        }
    }
    let breaks = breaks(&programs);
    let story = async {
        until("followers", async || followers.iter().all(|follower| follower.seen.load(Ordering::SeqCst) >= 0)).await;
        let living = join_all((0..PEOPLE).map(|me| storm.live(me)));
        tokio::join!(living, storm.break_everything(&mut programs, &breaks));
        // One more sudden end. Jobs that were being done are taken again when their lease is over, or after a while where they
        // failed; here it is over at once.
        for number in 0..programs.running.len() {
            programs.kill(number);
        }
        let sql = "UPDATE jobs SET run_at = created_at";
        storm.server.write(sql, Vec::new()).await;
        for number in 0..programs.running.len() {
            let address = programs.start(number).await;
            *storm.addresses[number].lock().unwrap() = address;
        }
        until("the last job", async || storm.count("SELECT COUNT(*) FROM jobs").await == 0).await;
        for follower in &followers {
            let what = format!("{} of {}", follower.stream.1, follower.person.username);
            until(&what, async || follower.has_seen_everything().await).await;
        }
    };
    let following = join_all(followers.iter().zip(1..).map(|(follower, seed)| follower.follow(seed)));
    tokio::select! {
        _ = Box::pin(following) => unreachable!("nobody stops following"),
        () = Box::pin(story) => {}
    }
    storm.assert_all_is_there_once().await;
    for serving in programs.running.into_iter().flatten() {
        assert_eq!(serving.terminate(), Some(0));
    }
}
