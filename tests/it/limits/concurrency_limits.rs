//! Concurrency limits: everybody may use some of the database, and nobody all of it.

use agora::{
    domain::actor::{Actor, Client},
    entity::account_deletion,
};
use futures_util::{
    FutureExt,
    future::{join, join_all},
};
use sea_orm::{DatabaseBackend, EntityTrait};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::harness::{Server, eventually, hold_writer};

/// Connections to PostgreSQL that wait for what another one holds.
const WAITING: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn one_client_does_not_hold_all_connections() {
    let server = Server::with(&[("DATABASE_MAX_CONNECTIONS", "5"), ("DATABASE_CONNECTIONS_PER_CLIENT", "2")]).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let mut posts = Vec::new();
    for number in 0..8 {
        posts.push(basma.publish(&format!("post {number}")).await);
    }
    // Whoever likes something waits while somebody holds the table, with a connection in hand.
    // The first use of a token is written down.
    amina.ok("{ me { id } }", Value::Null).await;
    let begun = server.app.tasks.len();
    let release = hold_writer(&server.app, "post_likes").await;
    let like = "mutation($id: ID!) { postLike(input: { id: $id }) { post { likeCount } errors { code } } }";
    let likes = join_all(posts.iter().map(|id| amina.send(like, json!({ "id": id }))));
    let others = async {
        eventually("all likes", async || server.app.tasks.len() > begun + 8).await;
        if server.app.db.backend() == DatabaseBackend::Postgres {
            eventually("two likes", async || server.count(WAITING).await == 2).await;
        }
        for reader in [&basma, &server.anonymous()] {
            let data = reader.ok("{ posts { totalCount } }", Value::Null).await;
            assert_eq!(data["posts"]["totalCount"], 8);
        }
        release.send(()).unwrap();
    };
    let (answers, ()) = join(likes, others).await;
    for answer in answers {
        assert_eq!(
            answer.body["data"]["postLike"],
            json!({ "post": { "likeCount": 1 }, "errors": [] }),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn who_asks_for_more_than_their_limit_for_too_long_is_told_so() {
    let settings = [
        ("DATABASE_MAX_CONNECTIONS", "5"),
        ("DATABASE_CONNECTIONS_PER_CLIENT", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1"),
    ];
    let server = Server::with(&settings).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = basma.publish("a post").await;
    // The first use of a token is written down.
    amina.ok("{ me { id } }", Value::Null).await;
    let begun = server.app.tasks.len();
    let release = hold_writer(&server.app, "post_likes").await;
    let like = "mutation($id: ID!) { postLike(input: { id: $id }) { post { likeCount } errors { code } } }";
    let like = amina.send(like, json!({ "id": post }));
    let reading = async {
        eventually("the like", async || server.app.tasks.len() > begun + 1).await;
        // On SQLite, which has one writer, the like may have been told by now to try again.
        if server.app.db.backend() == DatabaseBackend::Postgres {
            eventually("the like's turn", async || server.count(WAITING).await == 1).await;
            let answer = amina.send("{ posts { nodes { id } } }", Value::Null).await;
            assert_eq!(answer.code(), "RATE_LIMITED");
            assert_eq!(answer.refusal()["retryAfter"], 1);
            assert_eq!(answer.refusal()["policy"], "database");
        }
        basma.ok("{ posts { nodes { id } } }", Value::Null).await;
        release.send(()).unwrap();
    };
    join(like, reading).await;
    amina.ok("{ posts { nodes { id } } }", Value::Null).await;
}

#[tokio::test]
async fn whoever_reads_takes_a_permit_however_they_read() {
    let settings = [
        ("DATABASE_MAX_CONNECTIONS", "5"),
        ("DATABASE_CONNECTIONS_PER_CLIENT", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1"),
    ];
    let server = Server::with(&settings).await;
    let db = &server.app.db;
    let concurrency_limit = || server.app.concurrency_limits.of(Actor::Anonymous.caller(&Client::default()));
    let find = account_deletion::Entity::find;
    let (begun, asked) = (Notify::new(), Notify::new());
    let holding = concurrency_limit().apply_to(db.transact(async |_| {
        begun.notify_one();
        asked.notified().await;
        Ok(())
    }));
    let asking = async {
        begun.notified().await;
        let readings = [
            async { db.rows("SELECT 1", Vec::new()).await.map(drop) }.boxed_local(),
            async { db.one(find()).await.map(drop) }.boxed_local(),
            async { db.all(find()).await.map(drop) }.boxed_local(),
            db.snapshot(async |_| Ok(())).boxed_local(),
        ];
        for read in join_all(readings.map(|reading| concurrency_limit().apply_to(reading))).await {
            let refused = read.unwrap_err().to_string();
            assert!(refused.starts_with("RATE_LIMITED"), "{refused}");
        }
        // What is done for nobody waits for no permit.
        assert!(db.all(find()).await.unwrap().is_empty());
        asked.notify_one();
    };
    join(holding, asking).await.0.unwrap();
}

#[tokio::test]
async fn statements_and_transactions_find_connections_among_each_other() {
    let settings = [("DATABASE_MAX_CONNECTIONS", "2"), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "5")];
    let server = Server::with(&settings).await;
    let db = &server.app.db;
    // Whichever comes first: a connection goes from statement to statement, and all may be on their way so.
    for _ in 0..20 {
        let readings = (0..6).map(|_| async { db.rows("SELECT 1", Vec::new()).await.map(drop) }.boxed_local());
        let writings =
            (0..6).map(|_| db.transact(async |tx| tx.rows("SELECT 1", Vec::new()).await.map(drop)).boxed_local());
        for done in join_all(readings.chain(writings)).await {
            done.unwrap();
        }
    }
    // A statement that fails takes no connection along.
    for _ in 0..4 {
        db.rows("SELECT nothing FROM nowhere", Vec::new()).await.unwrap_err();
    }
    db.transact(async |tx| tx.rows("SELECT 1", Vec::new()).await.map(drop)).await.unwrap();
}

#[tokio::test]
async fn a_transaction_whose_beginning_is_dropped_is_over() {
    let server = Server::with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let db = &server.app.db;
    if db.backend() != DatabaseBackend::Postgres {
        return;
    }
    let transact = || db.transact(async |tx| tx.rows("SELECT 1", Vec::new()).await.map(drop));
    let number = async || -> String {
        let rows = db.rows("SELECT CAST(pg_current_xact_id() AS text)", Vec::new()).await.unwrap();
        rows[0].try_get_by_index(0).unwrap()
    };
    for _ in 0..10 {
        // With the connection where transactions take it from, it is asked to begin at once.
        transact().await.unwrap();
        eventually("the connection is back", async || db.connections().get_postgres_connection_pool().num_idle() == 1)
            .await;
        assert!(transact().now_or_never().is_none());
        // Each statement is a transaction of its own again.
        assert_ne!(number().await, number().await);
    }
}
