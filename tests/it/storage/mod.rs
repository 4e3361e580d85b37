//! When the machine fails: what is acknowledged is stored, who can't be served is told so, and everything goes on by itself
//! when the machine does. In the folder: a PostgreSQL that falls silent, or comes and goes.

pub(crate) mod away;
pub(crate) mod proxy;

use agora::error::{Code, Error};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use sea_orm::DatabaseBackend;
use serde_json::{Value, json};

use crate::harness::{Client, Server, Socket};

const PUBLISH: &str = "mutation($body: String!) { postCreate(input: { body: $body }) { post { id } errors { code } } }";
const POSTS: &str = "SELECT COUNT(*) FROM posts";

/// Publishes something; false when the server says that it is not available, which is the only excuse.
async fn publish(client: &Client, body: &str) -> bool {
    let answer = client.send(PUBLISH, json!({ "body": body })).await;
    if answer.body.get("errors").is_some() {
        assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
        return false;
    }
    assert_eq!(answer.body["data"]["postCreate"]["errors"], json!([]), "{}", answer.body);
    true
}

async fn is_ready(server: &Server) -> (StatusCode, Value) {
    let request = Request::get("/health/ready").body(Body::empty()).unwrap();
    let answer = server.anonymous().request(request).await;
    (answer.status, answer.body)
}

/// SQLite ends the transaction by itself then, and its driver does not notice.
#[tokio::test]
async fn after_a_full_disk_what_is_acknowledged_is_stored() {
    let server = Server::start().await;
    if server.app.db.backend() != DatabaseBackend::Sqlite {
        return;
    }
    let amina = server.user("amina").await;
    for round in 1..=2 {
        // As if the disk had room for a few pages more; a connection that is opened later does not know of it.
        let limit = format!("PRAGMA max_page_count = {}", server.count("PRAGMA page_count").await + 6);
        server.app.db.transact(async |tx| tx.rows(limit.as_str(), Vec::new()).await).await.unwrap();
        let (mut stored, body) = (server.count(POSTS).await, "x".repeat(9000));
        while publish(&amina, &body).await {
            stored += 1;
            assert!(stored < 100, "the disk never was full");
        }
        // The others were stored before, and everybody sees what is stored from now on.
        assert_eq!(server.count(POSTS).await, stored, "round {round}");
        for _ in 0..5 {
            assert!(publish(&amina, "room again").await);
            stored += 1;
            assert_eq!(server.count(POSTS).await, stored, "round {round}");
        }
        // So does whoever opens the file anew.
        assert_eq!(server.beside(&[]).await.count(POSTS).await, stored);
    }
}

#[tokio::test]
async fn who_can_t_write_is_told_so_and_can_soon_write_again() {
    let server = Server::start().await;
    if server.app.db.backend() != DatabaseBackend::Sqlite {
        return;
    }
    let amina = server.user("amina").await;
    server.app.db.transact(async |tx| tx.rows("PRAGMA query_only = ON", Vec::new()).await).await.unwrap();
    assert!(!publish(&amina, "while the file can't be written").await);
    assert!(publish(&amina, "over a new connection").await);
    assert_eq!(server.count(POSTS).await, 1);
}

/// PostgreSQL would undo it and call it well done.
#[tokio::test]
async fn a_transaction_in_which_a_statement_failed_stores_nothing() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.contents().await;
    let app = &server.app;
    let outcome = app.db.transact(async |tx| {
        tx.execute("UPDATE users SET username = 'other'", Vec::new()).await?;
        let failed = tx.execute("INSERT INTO nowhere VALUES (1)", Vec::new()).await;
        assert!(failed.is_err());
        // Somebody who takes no notice.
        let _ = tx.execute("UPDATE users SET username = 'another'", Vec::new()).await;
        Ok(())
    });
    assert!(matches!(outcome.await, Err(Error::Internal(_))));
    assert!(server.changes_since(&before).await.is_empty());
    assert!(publish(&amina, "afterwards").await);
}

#[tokio::test]
async fn a_transaction_that_is_dropped_in_its_midst_leaves_nothing_behind() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for _ in 0..3 {
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let begun = std::sync::Mutex::new(Some(begun));
        let standing = server.app.db.transact(async |tx| {
            tx.execute("UPDATE users SET username = 'other'", Vec::new()).await?;
            begun.lock().unwrap().take().unwrap().send(()).unwrap();
            std::future::pending::<agora::error::Result<()>>().await
        });
        tokio::select! {
            _ = standing => unreachable!(),
            () = async { has_begun.await.unwrap() } => {}
        }
        assert!(publish(&amina, "afterwards").await);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM users WHERE username = 'other'").await, 0);
    assert_eq!(server.count(POSTS).await, 3);
}

#[tokio::test]
async fn without_its_database_the_server_says_that_it_is_not_available() {
    let server = Server::start().await;
    let address = server.listen().await;
    let amina = server.user("amina").await;
    server.app.db.close().await;
    assert_eq!(amina.send("{ me { username } }", Value::Null).await.code(), "UNAVAILABLE");
    assert!(!publish(&amina, "nobody takes it").await);
    let (status, body) = is_ready(&server).await;
    assert_eq!((status, &body["database"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    let outcome = server.app.db.transact(async |tx| tx.execute("DELETE FROM users", Vec::new()).await).await;
    assert!(matches!(outcome, Err(Error::Refused(refusal)) if refusal.code == Code::Unavailable));

    // A client must not take it for the end of its session.
    let mut socket = Socket::connect(address).await;
    let token = format!("Bearer {}", amina.access_token.as_deref().unwrap());
    socket.send(json!({ "type": "connection_init", "payload": { "authorization": token } })).await;
    assert_eq!(socket.closed().await.0, 1013);
}
