//! HTTP/2 without TLS, as proxies speak it to a server of which they know that it does.

use std::net::SocketAddr;

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode},
};
use futures_util::future::join_all;
use hyper::{
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::{Server, TIMEOUT, eventually, hold_writer};

const PUBLISH: &str = "mutation { postCreate(input: { body: \"x\" }) { post { body } } }";

/// A connection, and what ends when it does. Its windows are small: what is not read stays at the server.
async fn connect(address: SocketAddr) -> (SendRequest<Body>, JoinHandle<()>) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(16 << 10).initial_connection_window_size(1 << 20);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "a client, which no server waits for")]
    let ended = tokio::spawn(async move { drop(connection.await) });
    (sender, ended)
}

async fn send(sender: &SendRequest<Body>, token: Option<&str>, query: &str) -> Response<Incoming> {
    let mut request = Request::post("http://x/graphql").header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::from(json!({ "query": query }).to_string())).unwrap();
    let sending = sender.clone().send_request(request);
    tokio::time::timeout(TIMEOUT, sending).await.expect("nothing came in time").unwrap()
}

async fn ask(sender: &SendRequest<Body>, token: Option<&str>, query: &str) -> Value {
    let response = send(sender, token, query).await;
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_slice(&to_bytes(Body::new(response.into_body()), 64 << 20).await.unwrap()).unwrap()
}

#[tokio::test]
async fn requests_of_one_connection_go_side_by_side() {
    let server = Server::start().await;
    let (sender, _) = connect(server.listen().await).await;
    let amina = server.user("amina").await.seen().await;
    let token = amina.access_token.as_deref();
    let release = hold_writer(&server.app, "posts").await;
    let answering = async {
        for _ in 0..100 {
            assert_eq!(ask(&sender, None, "{ __typename }").await["data"]["__typename"], "Query");
        }
        release.send(()).unwrap();
    };
    let (published, ()) = tokio::join!(ask(&sender, token, PUBLISH), answering);
    assert_eq!(published["data"]["postCreate"]["post"]["body"], "x");
    // A large answer comes whole.
    amina.publish(&"😀".repeat(10_000)).await;
    let answer = ask(&sender, None, "{ posts { nodes { body } } }").await;
    assert_eq!(answer["data"]["posts"]["nodes"][0]["body"].as_str().unwrap().len(), 40_000);
}

#[tokio::test]
async fn one_connection_counts_with_all_its_requests() {
    let server = Server::with(&[("MAX_CONNECTIONS_PER_ADDRESS", "3")]).await;
    let (sender, _) = connect(server.listen().await).await;
    let amina = server.user("amina").await.seen().await;
    let token = amina.access_token.as_deref();
    let release = hold_writer(&server.app, "posts").await;
    let tasks = server.app.tasks.len();
    #[expect(clippy::disallowed_methods, reason = "a client, which no server waits for")]
    let waiting = tokio::spawn({
        let (sender, token) = (sender.clone(), amina.access_token.clone());
        async move { join_all((0..3).map(|_| send(&sender, token.as_deref(), PUBLISH))).await }
    });
    eventually("three mutations", async || server.app.tasks.len() >= tasks + 3).await;
    assert_eq!(send(&sender, token, PUBLISH).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    release.send(()).unwrap();
    for response in waiting.await.unwrap() {
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 3);
}

#[tokio::test]
async fn an_answer_that_is_not_taken_closes_the_connection() {
    let server = Server::with(&[("ANSWER_STALL_SECONDS", "1")]).await;
    let (sender, ended) = connect(server.listen().await).await;
    let amina = server.user("amina").await;
    for _ in 0..5 {
        amina.publish(&"😀".repeat(10_000)).await;
    }
    let unread = send(&sender, None, "{ posts { nodes { body } } }").await;
    assert_eq!(unread.status(), StatusCode::OK);
    // Other requests of the connection don't keep it.
    eventually("its end", async || {
        let request = Request::get("http://x/health/live").body(Body::empty()).unwrap();
        let _ = sender.clone().send_request(request).await;
        ended.is_finished()
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let server = Server::with(&[("CONNECTION_IDLE_SECONDS", "1"), ("REQUEST_HEAD_SECONDS", "1")]).await;
    let address = server.listen().await;
    let (_silent, silent_ended) = connect(address).await;
    let (sender, ended) = connect(address).await;
    ask(&sender, None, "{ __typename }").await;
    for ended in [silent_ended, ended] {
        tokio::time::timeout(TIMEOUT, ended).await.expect("it was not closed").unwrap();
    }
}

#[tokio::test]
async fn it_stops_with_the_server() {
    let server = Server::start().await;
    let (sender, ended) = connect(server.listen().await).await;
    ask(&sender, None, "{ __typename }").await;
    server.app.stop.cancel();
    tokio::time::timeout(TIMEOUT, ended).await.expect("it was not closed").unwrap();
    tokio::time::timeout(TIMEOUT, server.app.tasks.wait()).await.expect("a task did not end");
}
