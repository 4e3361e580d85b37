//! What takes too long, whose client is gone, what fails inside; and health.

use agora::app::App;
use axum::http::{Request, StatusCode};
use sea_orm::TransactionTrait;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{PUBLISH, empty};
use crate::harness::{Answer, Server, TIMEOUT, hold_writer};

/// Takes every connection that reads; whoever reads waits until the sender goes.
async fn hold_readers(app: &App) -> oneshot::Sender<()> {
    let (release, released) = oneshot::channel::<()>();
    #[expect(clippy::disallowed_methods, reason = "nothing is written")]
    let transaction = app.db.connections().begin().await.unwrap();
    app.spawn(async move {
        let _ = released.await;
        transaction.rollback().await.unwrap();
    });
    release
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended() {
    let server = Server::with(&[("LIMIT_QUERY_SECONDS", "1"), ("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let release = hold_readers(&server.app).await;
    let answer = server.anonymous().send("{ users { nodes { id } } }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "TIMEOUT"));
    assert_eq!(answer.body["data"], Value::Null);
    assert_eq!(answer.refusal()["limit"], 1);
    // It left nothing behind: the next one is answered.
    release.send(()).unwrap();
    server.anonymous().ok("{ users { nodes { id } } }", Value::Null).await;
}

/// So the books are verified however many there are.
#[tokio::test]
async fn whoever_looks_at_everything_at_one_moment_may_take_longer_than_a_statement_may() {
    let server = Server::with(&[("DATABASE_STATEMENT_TIMEOUT_SECONDS", "1")]).await;
    let long = |rows: u64| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT COUNT(*) FROM n a JOIN (SELECT 1 UNION ALL SELECT 2) b ON 1 = 1"
        )
    };
    // As many rows as somebody who may not take so long has no time for.
    let mut rows = 1_000_000;
    while server.app.db.rows(long(rows), Vec::new()).await.is_ok() {
        rows *= 2;
    }
    let counted = server.app.db.snapshot(async |tx| tx.rows(long(rows), Vec::new()).await).await.unwrap();
    assert_eq!(counted[0].try_get_by_index::<i64>(0).unwrap(), 2 * i64::try_from(rows).unwrap());
}

#[tokio::test]
async fn a_mutation_that_takes_too_long_is_told_so_and_still_completes() {
    let server = Server::with(&[("LIMIT_QUERY_SECONDS", "1")]).await;
    let amina = server.user("amina").await.seen().await;
    let release = hold_writer(&server.app, "posts").await;
    let answer = amina.send(PUBLISH, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "TIMEOUT"));
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("idempotency key"), "{message}");
    assert_eq!(answer.body["data"], Value::Null);
    release.send(()).unwrap();
    everything_done(&server.app).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 1);
}

/// Waits for every task that a shutdown waits for.
async fn everything_done(app: &App) {
    app.tasks.close();
    tokio::time::timeout(TIMEOUT, app.tasks.wait()).await.expect("a task did not end");
}

/// Polls a request until the server works on it, then lets it go, as when a client hangs up.
async fn hang_up(app: &App, request: impl Future<Output = Answer>) {
    let tasks = app.tasks.len();
    tokio::pin!(request);
    let begun = async {
        while app.tasks.len() == tasks {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = &mut request => panic!("answered: {}", answer.body),
        begun = tokio::time::timeout(TIMEOUT, begun) => begun.expect("it did not begin"),
    }
}

#[tokio::test]
async fn a_mutation_completes_though_its_client_is_gone() {
    let server = Server::start().await;
    let amina = server.user("amina").await.seen().await;
    let release = hold_writer(&server.app, "posts").await;
    hang_up(&server.app, amina.send(PUBLISH, Value::Null)).await;
    release.send(()).unwrap();
    everything_done(&server.app).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 1);
}

#[tokio::test]
async fn health_tells_whether_the_server_lives_and_can_work() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let live = nobody.request(empty(Request::get("/health/live"))).await;
    assert_eq!((live.status, live.body), (StatusCode::OK, json!({ "status": "ok" })));
    let ready = nobody.request(empty(Request::get("/health/ready"))).await;
    assert_eq!(ready.status, StatusCode::OK);
    let well = json!({ "status": "ok", "database": true, "storage": true, "stopping": false });
    assert_eq!(ready.body, well);

    server.app.stop.cancel();
    let ready = nobody.request(empty(Request::get("/health/ready"))).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body, json!({ "status": "unavailable", "database": true, "storage": true, "stopping": true }));
    assert_eq!(nobody.request(empty(Request::get("/health/live"))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_its_database_the_server_is_not_ready() {
    let server = Server::start().await;
    server.app.db.close().await;
    let ready = server.anonymous().request(empty(Request::get("/health/ready"))).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    let nothing = json!({ "status": "unavailable", "database": false, "storage": false, "stopping": false });
    assert_eq!(ready.body, nothing);
    let live = server.anonymous().request(empty(Request::get("/health/live"))).await;
    assert_eq!(live.status, StatusCode::OK);
}

#[tokio::test]
async fn what_fails_inside_is_told_without_its_cause() {
    let server = Server::start().await;
    server.write("DROP TABLE comment_likes", Vec::new()).await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let comment = amina.comment(&post, "hello").await;
    let mutation = format!("mutation {{ commentLike(input: {{ id: \"{comment}\" }}) {{ errors {{ code }} }} }}");
    let answer = amina.send(&mutation, Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["data"]["commentLike"], Value::Null);
    let error = &answer.body["errors"][0];
    assert_eq!(error["path"], json!(["commentLike"]));
    assert_eq!(error["extensions"]["code"], "INTERNAL");
    assert_eq!(error["extensions"]["requestId"], answer.header("x-request-id"));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Something went wrong on our side"), "{message}");
    assert!(!answer.body.to_string().contains("comment_likes"), "{}", answer.body);
}

#[tokio::test]
async fn while_the_database_is_away_answers_say_so() {
    let server = Server::start().await;
    server.app.db.close().await;
    let answer = server.anonymous().send("{ users { nodes { id } } }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "UNAVAILABLE"));
    assert_eq!(answer.body["data"]["users"], Value::Null);
}
