//! One address does everything at once that could keep others out: requests that never end, answers and sockets that are
//! not read, costly queries, guesses at passwords. Somebody at another address goes on as ever, and every request of theirs
//! is answered.
//!
//! Short by default; `AGORA_LONG_TESTS=1 cargo test --test it program::flood` goes on for minutes.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use super::Serving;
use crate::{
    harness::{Server, Socket, TIMEOUT, client::PASSWORD, dice::is_long, eventually},
    websocket::unread::{beginning, changed, unread},
};

/// The others are at 127.0.0.1.
const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
/// How long whoever has nothing to do with it may wait for an answer.
const BOUND: Duration = Duration::from_secs(10);
/// What stops an attacker is not how often they ask, but what they may have at once.
const SETTINGS: &[(&str, &str)] = &[
    ("RATE_LIMIT_ANON", "1000/minute"),
    ("RATE_LIMIT_LOGIN_ADDRESS", "100000/second"),
    ("PASSWORD_HASH_MEMORY_KIB", "19456"),
    ("PASSWORD_HASH_ITERATIONS", "2"),
    // They go on not reading as long as it lasts.
    ("WEBSOCKET_WRITE_TIMEOUT_SECONDS", "3600"),
];

const COSTLY: &str = "{ posts(first: 20, where: { text: \"word\" }) { totalCount nodes { id body author { id bio } \
    comments(first: 3) { nodes { id body } } } } }";
const LARGE: &str = "{ posts(first: 30) { nodes { body } } }";
const FEED: &str = "{ posts(first: 10) { nodes { id author { username } likeCount viewerHasLiked } } }";
const PUBLISH: &str = "mutation($body: String!) { postCreate(input: { body: $body }) { post { id } errors { code } } }";
const LIKE: &str = "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } post { viewerHasLiked } } }";
const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
    errors { code } result { ... on Session { accessToken } } } }";

/// How much of it there is.
struct Size {
    /// Connections that are held.
    held: usize,
    sockets: usize,
    /// Who ask, and who guess.
    askers: usize,
    /// What the other one does meanwhile.
    rounds: usize,
}

const SHORT: Size = Size { held: 60, sockets: 8, askers: 3, rounds: 10 };
const LONG: Size = Size { held: 300, sockets: 20, askers: 16, rounds: 1000 };

/// What one address does.
struct Flood {
    to: SocketAddr,
    http: reqwest::Client,
    held: AtomicUsize,
    asked: AtomicUsize,
    guessed: AtomicUsize,
    over: AtomicBool,
}

impl Flood {
    fn new(to: SocketAddr) -> Self {
        #[expect(clippy::disallowed_methods, reason = "from outside")]
        let http = reqwest::Client::builder().local_address(ATTACKER).timeout(TIMEOUT).build().unwrap();
        let zero = || AtomicUsize::new(0);
        Self { to, http, held: zero(), asked: zero(), guessed: zero(), over: AtomicBool::new(false) }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Everything at once, until it is over.
    async fn come(&self, size: &Size) {
        let starts = starts();
        let asking = join_all((0..size.askers).map(|_| self.ask()));
        let guessing = join_all((0..size.askers).map(|number| self.guess(number)));
        let holding = async {
            // Or there would be no room for the others.
            eventually("attackers", async || count(&self.asked) > 0 && count(&self.guessed) > 0).await;
            join_all((0..size.held).map(|number| self.hold(&starts[number % starts.len()]))).await;
        };
        tokio::join!(asking, guessing, holding);
    }

    /// Asks what is costly; what comes of it is of no interest.
    async fn ask(&self) {
        while !self.is_over() {
            self.send(&json!({ "query": COSTLY }), &self.asked).await;
        }
    }

    /// Tries to sign in, as somebody who is there and as others who are not.
    async fn guess(&self, number: usize) {
        let mut tries = 0;
        while !self.is_over() {
            tries += 1;
            let login = if tries % 2 == 0 { "innocent".to_owned() } else { format!("nobody_{number}_{tries}") };
            let variables = json!({ "login": login, "password": format!("a wrong password {tries}") });
            self.send(&json!({ "query": LOGIN, "variables": variables }), &self.guessed).await;
        }
    }

    async fn send(&self, body: &Value, answered: &AtomicUsize) {
        let request = self.http.post(format!("http://{}/graphql", self.to)).json(body);
        if let Ok(answer) = request.send().await
            && answer.bytes().await.is_ok()
        {
            answered.fetch_add(1, Ordering::SeqCst);
        }
        sleep(Duration::from_millis(5)).await;
    }

    /// Holds a connection by a request whose end comes byte by byte, and reads nothing; another one when it is closed.
    async fn hold(&self, start: &str) {
        while !self.is_over() {
            if let Ok(mut stream) = self.connect().await
                && stream.write_all(start.as_bytes()).await.is_ok()
            {
                self.held.fetch_add(1, Ordering::SeqCst);
                while !self.is_over() && stream.write_all(b"x").await.is_ok() {
                    sleep(Duration::from_millis(100)).await;
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind(SocketAddr::new(ATTACKER, 0))?;
        socket.connect(self.to).await
    }
}

fn count(of: &AtomicUsize) -> usize {
    of.load(Ordering::SeqCst)
}

/// How requests begin that never end, and some whose answers are not read.
fn starts() -> [String; 5] {
    let post = |path: &str, length: usize, body: &str| {
        let head = "host: x\r\ncontent-type: application/json\r\ncontent-length";
        format!("POST {path} HTTP/1.1\r\n{head}: {length}\r\n\r\n{body}")
    };
    let large = json!({ "query": LARGE }).to_string();
    [
        "GET / HTTP/1.1\r\nhost: x\r\nx-a: ".to_owned(),
        post("/graphql", 10_000, "{"),
        post("/webhooks/sandbox", 10_000, "{"),
        post("/webhooks/none", 10_000, "{"),
        post("/graphql", large.len(), &large).repeat(4),
    ]
}

/// What somebody else does meanwhile, round by round; gives the longest time for which they waited for something.
async fn go_about(serving: &Serving, token: &str, rounds: usize) -> Duration {
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        let mut since = Instant::now();
        let mut done = || {
            longest = longest.max(since.elapsed());
            since = Instant::now();
        };
        let feed = serving.ok(Some(token), FEED, Value::Null).await;
        let post = feed["posts"]["nodes"][0]["id"].clone();
        assert!(post.is_string(), "{feed}");
        done();
        let published = serving.ok(Some(token), PUBLISH, json!({ "body": format!("round {round}") })).await;
        assert_eq!(published["postCreate"]["errors"], json!([]));
        done();
        let liked = serving.ok(Some(token), LIKE, json!({ "id": post })).await;
        assert_eq!(liked["postLike"]["post"]["viewerHasLiked"], true, "{liked}");
        done();
        for path in ["ready", "live"] {
            let health = serving.http.get(format!("{}/health/{path}", serving.base)).send().await.unwrap();
            let (status, text) = (health.status(), health.text().await.unwrap());
            assert_eq!(status, 200, "{path}: {text}");
            done();
        }
        if round % 5 == 0 {
            // Strangers at this address, and the sign-in of somebody whose password is being guessed.
            serving.ok(None, "{ goals(first: 3) { nodes { title } } }", Value::Null).await;
            done();
            let login = serving.ok(None, LOGIN, json!({ "login": "innocent", "password": PASSWORD })).await;
            assert!(login["login"]["result"]["accessToken"].is_string(), "{login}");
            done();
        }
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_one_address_keeps_nobody_else_from_anything() {
    let size = if is_long() { LONG } else { SHORT };
    let server = Server::start().await;
    #[expect(clippy::disallowed_methods, reason = "the program has no other")]
    let now = chrono::Utc::now();
    server.advance((now - server.clock.now()).num_seconds());
    let author = server.user("author").await;
    for _ in 0..30 {
        author.publish(&format!("word {}", "\u{1F333}".repeat(9_000))).await;
    }
    let goal = changed(&server, &author, 50).await;
    let url = server.database_url();
    let serving = Serving::start(&[&[("DATABASE_URL", url.as_str())], SETTINGS].concat());
    let token = serving.register("innocent").await;

    let flood = Flood::new(serving.base.trim_start_matches("http://").parse().unwrap());
    let (after, mut sockets) = (beginning(&server, goal), Vec::new());
    for _ in 0..size.sockets {
        sockets.push(unread(Socket::narrow_from(flood.to, ATTACKER, None).await, goal, &after).await);
    }
    let meanwhile = async {
        eventually("the flood", async || count(&flood.held) >= size.held / 2 && count(&flood.asked) >= 5).await;
        let before = [count(&flood.asked), count(&flood.guessed)];
        let longest = go_about(&serving, &token, size.rounds).await;
        let during = [count(&flood.asked) - before[0], count(&flood.guessed) - before[1]];
        flood.over.store(true, Ordering::SeqCst);
        (longest, during)
    };
    let ((), (longest, [asked, guessed])) = Box::pin(async { tokio::join!(flood.come(&size), meanwhile) }).await;
    eprintln!("{} connections, {asked} queries and {guessed} guesses; others waited {longest:?}", count(&flood.held));
    assert!(asked > 0 && guessed > 0, "{asked} queries, {guessed} guesses: it was no flood");
    assert!(longest < BOUND, "somebody else waited for {longest:?}");
    drop(sockets);
    assert_eq!(serving.terminate(), Some(0));
}
