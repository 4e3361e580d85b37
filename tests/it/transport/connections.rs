//! What connections may take: permits, in all and by address, and the server's timeouts for heads, bodies and answers
//! that are not read.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::harness::{Server, Socket, TIMEOUT, eventually, hold_writer};

/// Short timeouts, and few permits for one address.
const STRICT: &[(&str, &str)] = &[
    ("MAX_CONNECTIONS_PER_ADDRESS", "6"),
    ("CONNECTION_IDLE_SECONDS", "1"),
    ("REQUEST_HEAD_SECONDS", "1"),
    ("REQUEST_BODY_SECONDS", "1"),
    ("ANSWER_STALL_SECONDS", "1"),
];

/// Whoever attacks, and whoever else calls.
const ATTACKER: &str = "127.0.0.66";
const OTHER: &str = "127.0.0.1";

/// A connection as a test makes it.
struct Raw(TcpStream);

impl Raw {
    /// From a local address; what the server sends is taken slowly, if at all.
    async fn connect(to: SocketAddr, from: &str) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.bind(SocketAddr::new(from.parse::<IpAddr>().unwrap(), 0))?;
        Ok(Self(socket.connect(to).await?))
    }

    /// Connects and sends something, which may come to nothing.
    async fn sending(to: SocketAddr, from: &str, text: &str) -> Self {
        let mut raw = Self::connect(to, from).await.unwrap();
        let _ = raw.0.write_all(text.as_bytes()).await;
        raw
    }

    /// Sends a byte again and again, until the server has closed; gives what it said.
    async fn trickle(mut self) -> String {
        let mut said = Vec::new();
        let going_on = async {
            let mut buffer = [0; 4096];
            loop {
                match tokio::time::timeout(Duration::from_millis(100), self.0.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => return,
                    Ok(Ok(count)) => said.extend_from_slice(&buffer[..count]),
                    Err(_) => {
                        let _ = self.0.write_all(b"x").await;
                    }
                }
            }
        };
        tokio::time::timeout(TIMEOUT, going_on).await.expect("it was not closed");
        String::from_utf8_lossy(&said).into_owned()
    }

    /// What the server says until it closes.
    async fn rest(mut self) -> String {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        let reading = async {
            while let Ok(count) = self.0.read(&mut buffer).await
                && count > 0
            {
                said.extend_from_slice(&buffer[..count]);
            }
        };
        tokio::time::timeout(TIMEOUT, reading).await.expect("it was not closed");
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn post(path: &str, length: usize, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn query(text: &str) -> String {
    let body = json!({ "query": text }).to_string();
    post("/graphql", body.len(), &body)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// Asks something from an address, on a connection that ends with it; gives the status.
async fn ask(to: SocketAddr, from: &str, path: &str) -> u16 {
    status(&Raw::sending(to, from, &get(path)).await.rest().await)
}

const TYPENAME: &str = "/graphql?query=%7B__typename%7D";

/// The timeouts of connections that were there before are over: those of newer ones are, which say nothing.
async fn timeouts_end(with: SocketAddr) {
    for _ in 0..2 {
        Raw::connect(with, ATTACKER).await.unwrap().rest().await;
    }
}

/// The attacker's permits are free again.
async fn free_again(to: SocketAddr) {
    eventually("the attacker's permits", async || ask(to, ATTACKER, TYPENAME).await == 200).await;
}

#[tokio::test]
async fn one_address_can_t_take_every_permit_and_what_is_slow_is_closed() {
    let server = Server::with(STRICT).await;
    let address = server.listen().await;
    let token = "/unsubscribe/unknown";
    let starts = [
        ("nothing", String::new()),
        ("a head", "POST /graphql HTTP/1.1\r\nhost: x\r\n".to_owned()),
        ("a body", post("/graphql", 10_000, "{")),
        ("a webhook", post("/webhooks/sandbox", 10_000, "{")),
        ("a webhook for nobody", post("/webhooks/none", 10_000, "{")),
        ("a form", post("/sandbox/pay", 1000, "secret=")),
        ("a body that nobody reads", post(token, 10_000, "{")),
        ("a second head", format!("{}GET / HTTP/1.1\r\nx-a: ", query("{ __typename }"))),
    ];
    for (what, start) in starts {
        let mut held = Vec::new();
        for _ in 0..40 {
            held.push(Raw::sending(address, ATTACKER, &start).await);
        }
        // Others are served meanwhile, and all of it ends, whatever is sent bit by bit.
        let (others, ended) = tokio::join!(
            async {
                let mut statuses = Vec::new();
                for path in [TYPENAME, "/health/live", "/health/ready"] {
                    statuses.push(ask(address, OTHER, path).await);
                }
                statuses
            },
            futures_util::future::join_all(held.into_iter().map(Raw::trickle)),
        );
        assert_eq!(others, [200; 3], "{what}");
        let served = ended.iter().filter(|said| status(said) == 200).count();
        assert!(served <= 6, "{what}: {served} of one address were served");
        free_again(address).await;
    }
}

#[tokio::test]
async fn whoever_is_late_with_a_body_is_told_so() {
    let server = Server::with(STRICT).await;
    let address = server.listen().await;
    for path in ["/graphql", "/webhooks/sandbox", "/sandbox/pay"] {
        let said = Raw::sending(address, OTHER, &post(path, 1000, "{")).await.trickle().await;
        assert_eq!(status(&said), 408, "{path}: {said}");
    }
}

#[tokio::test]
async fn a_body_is_not_read_for_a_provider_that_is_not_there() {
    let server = Server::start().await;
    let address = server.listen().await;
    let said = Raw::sending(address, OTHER, &post("/webhooks/none", 100_000, "{")).await.rest().await;
    assert_eq!(status(&said), 404, "{said}");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let server = Server::with(STRICT).await;
    let address = server.listen().await;
    let amina = server.user("amina").await;
    for _ in 0..60 {
        amina.publish(&"😀".repeat(10_000)).await;
    }
    // More than the system keeps for somebody who does not read.
    let large = query("{ a: posts(first: 60) { nodes { body } } }").repeat(8);
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(Raw::sending(address, ATTACKER, &large).await);
    }
    assert_eq!(ask(address, OTHER, TYPENAME).await, 200);
    // It is let go though the clients stay.
    free_again(address).await;
    for raw in held {
        raw.rest().await;
    }
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_and_not_for_ever() {
    let server = Server::with(STRICT).await;
    let address = server.listen().await;
    let mut raw = Raw::connect(address, OTHER).await.unwrap();
    let mut buffer = [0; 4096];
    for _ in 0..3 {
        raw.0.write_all(query("{ __typename }").as_bytes()).await.unwrap();
        let count = tokio::time::timeout(TIMEOUT, raw.0.read(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(status(&String::from_utf8_lossy(&buffer[..count])), 200);
    }
    assert_eq!(raw.rest().await, "");
}

#[tokio::test]
async fn a_request_that_takes_its_time_is_not_taken_for_silence() {
    let server = Server::with(STRICT).await;
    let address = server.listen().await;
    let amina = server.user("amina").await.seen().await;
    let release = hold_writer(&server.app, "posts").await;
    let body = json!({ "query": "mutation { postCreate(input: { body: \"x\" }) { post { body } } }" }).to_string();
    let authorization = format!("authorization: Bearer {}\r\ncontent-type", amina.access_token.as_deref().unwrap());
    let request = post("/graphql", body.len(), &body).replace("content-type", &authorization);
    let raw = Raw::sending(address, OTHER, &request).await;
    let released = async {
        timeouts_end(address).await;
        release.send(()).unwrap();
    };
    let (said, ()) = tokio::join!(raw.rest(), released);
    assert!(said.contains("{\"post\":{\"body\":\"x\"}}"), "{said}");
}

#[tokio::test]
async fn a_socket_outlives_the_timeouts_of_connections() {
    let server = Server::with(STRICT).await;
    let address = server.listen().await;
    let mut socket = Socket::open(address, None).await;
    timeouts_end(address).await;
    socket.subscribe("1", "{ __typename }", Value::Null).await;
    assert_eq!(socket.event().await["__typename"], "Query");
    // It is a connection of its address as long as it is open.
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(Socket::open(address, None).await);
    }
    assert_eq!(ask(address, OTHER, TYPENAME).await, 503);
    drop(others);
    eventually("a place", async || ask(address, OTHER, TYPENAME).await == 200).await;
}

#[tokio::test]
async fn an_event_stream_outlives_the_timeouts_of_connections() {
    let server = Server::with(&[STRICT, &[("WEBSOCKET_PING_SECONDS", "1")]].concat()).await;
    let address = server.listen().await;
    let amina = server.user("amina").await;
    let body = json!({ "query": "subscription { notificationReceived { phase } }" }).to_string();
    let headers = format!(
        "accept: text/event-stream\r\nauthorization: Bearer {}\r\ncontent-type",
        amina.access_token.as_deref().unwrap()
    );
    let request = post("/graphql", body.len(), &body).replace("content-type", &headers);
    let mut raw = Raw::sending(address, OTHER, &request).await;
    let (mut said, mut buffer) = (String::new(), [0; 4096]);
    // A comment a second, after the first answer.
    while said.matches("\r\n:\n\n\r\n").count() < 4 {
        let count = tokio::time::timeout(TIMEOUT, raw.0.read(&mut buffer)).await.expect("nothing came").unwrap();
        assert!(count > 0, "it was closed: {said}");
        said.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(status(&said) == 200 && said.contains("\"phase\":\"LIVE\""), "{said}");
    server.app.stop.cancel();
    assert!(raw.rest().await.ends_with("0\r\n\r\n"), "it was cut off");
    tokio::time::timeout(TIMEOUT, server.app.tasks.wait()).await.expect("it did not stop");
}

#[tokio::test]
async fn when_there_is_no_room_probes_and_monitoring_are_answered_and_others_are_told() {
    let token = "monitoring-0123456789-abcdefghijklmnop";
    let settings = [("MAX_CONNECTIONS", "10"), ("MAX_CONNECTIONS_PER_ADDRESS", "4"), ("METRICS_TOKEN", token)];
    let server = Server::with(&settings).await;
    let address = server.listen().await;
    let mut held = Vec::new();
    for from in ["127.0.0.61", "127.0.0.62", "127.0.0.63"] {
        for _ in 0..4 {
            held.push(Raw::sending(address, from, "GET / HTTP/1.1\r\n").await);
        }
    }
    let said = Raw::sending(address, OTHER, &query("{ __typename }")).await.rest().await;
    assert_eq!(status(&said), 503, "{said}");
    assert!(said.contains("retry-after: 10\r\n") && said.contains("connection: close\r\n"), "{said}");
    assert!(said.contains("\"code\":\"UNAVAILABLE\""), "{said}");
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(ask(address, OTHER, path).await, 200, "{path}");
    }
    for (token, answer) in [(token, 200), ("guessed", 503)] {
        let admitted = format!("host: x\r\nauthorization: Bearer {token}");
        let request = get("/metrics").replace("host: x", &admitted);
        assert_eq!(status(&Raw::sending(address, OTHER, &request).await.rest().await), answer, "{token}");
    }
    // However many come, the process can be stopped.
    server.app.stop.cancel();
    tokio::time::timeout(TIMEOUT, server.app.tasks.wait()).await.expect("it did not stop");
    drop(held);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_its_share_of_requests() {
    let settings = [("MAX_CONNECTIONS_PER_ADDRESS", "3"), ("TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::with(&settings).await;
    let address = server.listen().await;
    let (amina, badr) = (server.user("amina").await.seen().await, server.user("badr").await.seen().await);
    let release = hold_writer(&server.app, "posts").await;
    let create = |token: &str, client: &str| {
        let body = json!({ "query": "mutation { postCreate(input: { body: \"x\" }) { post { body } } }" }).to_string();
        let headers =
            format!("authorization: Bearer {token}\r\nx-forwarded-for: {client}\r\nconnection: close\r\ncontent-type");
        post("/graphql", body.len(), &body).replace("content-type", &headers)
    };
    let tasks = server.app.tasks.len();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let request = create(amina.access_token.as_deref().unwrap(), "203.0.113.1");
        waiting.push(Raw::sending(address, OTHER, &request).await);
    }
    // Each is a connection and a task of its own.
    eventually("three mutations", async || server.app.tasks.len() >= tasks + 6).await;
    let request = create(amina.access_token.as_deref().unwrap(), "203.0.113.1");
    assert_eq!(status(&Raw::sending(address, OTHER, &request).await.rest().await), 503);
    // Another client of the same proxy is not held up by them.
    let request = create(badr.access_token.as_deref().unwrap(), "203.0.113.2");
    waiting.push(Raw::sending(address, OTHER, &request).await);
    release.send(()).unwrap();
    for raw in waiting {
        assert_eq!(status(&raw.rest().await), 200);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 4);
}
