//! What monitoring reads.

use agora::worker;
use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};

use super::text;
use crate::harness::{Server, Socket, eventually};

const TOKEN: &str = "monitoring-0123456789-abcdefghijklmnop";

/// Asks for the metrics; gives the status and the text.
async fn ask(server: &Server, authorization: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::get("/metrics");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = server.send(request.body(Body::empty()).unwrap()).await;
    (answer.status(), text(answer).await)
}

/// What a line of the metrics says.
async fn read(server: &Server, name: &str) -> Option<i64> {
    let (status, text) = ask(server, Some(&format!("Bearer {TOKEN}"))).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    Some(line.parse().unwrap_or_else(|_| panic!("{name}: {line}")))
}

#[tokio::test]
async fn without_a_token_in_the_settings_there_are_none() {
    let server = Server::start().await;
    for authorization in [None, Some("Bearer "), Some("Bearer x")] {
        assert_eq!(ask(&server, authorization).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn only_who_has_the_token_reads_them() {
    let server = Server::with(&[("METRICS_TOKEN", TOKEN), ("ALLOWED_HOSTS", "api.example.org")]).await;
    let nearly = &TOKEN[..TOKEN.len() - 1];
    for authorization in [
        None,
        Some("Bearer"),
        Some("Bearer "),
        Some(TOKEN),
        Some(&*format!("Basic {TOKEN}")),
        Some(&*format!("Bearer {nearly}")),
        Some(&*format!("Bearer {TOKEN}x")),
    ] {
        let (status, text) = ask(&server, authorization).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{authorization:?}");
        assert!(!text.contains("agora_"), "{text}");
    }
    // Whatever name the monitoring knows it by.
    assert_eq!(read(&server, "agora_dead_jobs").await, Some(0));
    let post = Request::builder().method(Method::POST).uri("/metrics").body(Body::empty()).unwrap();
    assert_eq!(server.send(post).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn what_somebody_has_to_look_into_shows_up() {
    let server = Server::with(&[("METRICS_TOKEN", TOKEN)]).await;
    let differences = "agora_check_differences{check=\"books\"}";
    // Before the first check nothing is claimed.
    assert_eq!(read(&server, differences).await, None);
    worker::run_schedules(&server.app).await.unwrap();
    assert_eq!(read(&server, differences).await, Some(0));
    let amina = server.user("amina").await;
    crate::wallets::fund(&server, &amina, 1000, "USD").await;
    for sql in [
        "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'",
        "INSERT INTO jobs (id, kind, lane, payload, state, attempts, run_at, created_at) \
         SELECT id, 'webhook', 'sandbox', '{}', 'dead', 10, created_at, created_at FROM users",
    ] {
        server.write(sql, Vec::new()).await;
    }
    server.advance(24 * 3600);
    worker::run_schedules(&server.app).await.unwrap();
    assert!(read(&server, differences).await.unwrap() >= 1);
    assert_eq!(read(&server, "agora_check_differences{check=\"providers\"}").await, Some(0));
    assert_eq!(read(&server, "agora_dead_jobs").await, Some(1));
    for name in ["agora_open_disputes", "agora_failed_refunds", "agora_due_jobs{lane=\"email\"}"] {
        assert!(read(&server, name).await.is_some(), "{name}");
    }
}

#[tokio::test]
async fn answers_and_sockets_are_counted() {
    let server = Server::with(&[("METRICS_TOKEN", TOKEN)]).await;
    let (found, missing) = ("agora_answers_total{status=\"2xx\"}", "agora_answers_total{status=\"4xx\"}");
    let before = read(&server, found).await.unwrap();
    // The one before is counted by now.
    assert_eq!(read(&server, found).await, Some(before + 1));
    assert_eq!(ask(&server, None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(read(&server, missing).await, Some(1));
}

#[tokio::test]
async fn a_socket_is_counted_as_long_as_it_is_open() {
    let server = Server::with(&[("METRICS_TOKEN", TOKEN)]).await;
    let address = server.listen().await;
    let url = format!("http://{address}/metrics");
    let open = async || {
        let asked = server.app.http.get(url.as_str()).bearer_auth(TOKEN).send().await.unwrap();
        let text = asked.text().await.unwrap();
        text.lines().find_map(|line| line.strip_prefix("agora_open_streams ")).map(str::to_owned)
    };
    let socket = Socket::open(address, None).await;
    eventually("the socket to be counted", async || open().await.as_deref() == Some("1")).await;
    drop(socket);
    eventually("the socket to be gone", async || open().await.as_deref() == Some("0")).await;
}
