//! A PostgreSQL that falls silent without closing anything, is started anew, or may no longer write.

use agora::worker;
use axum::http::StatusCode;
use serde_json::Value;
use sqlx::{Connection, postgres::PgConnectOptions};
use tokio::time::{Instant, timeout};

use super::{POSTS, is_ready, proxy::Proxy, publish};
use crate::{
    harness::{Client, Server, TIMEOUT, eventually},
    program::Serving,
};

/// Where the database is, if it is PostgreSQL, as seen through a proxy.
pub(crate) async fn through_a_proxy(server: &Server) -> Option<(Proxy, String)> {
    let mut url: url::Url = server.database_url().parse().unwrap();
    if !url.scheme().starts_with("postgres") {
        return None;
    }
    let proxy = Proxy::to(format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(proxy.port)).unwrap();
    Some((proxy, url.to_string()))
}

/// Short limits, so that a test need not wait long.
pub(crate) const IMPATIENT: [(&str, &str); 2] =
    [("DATABASE_STATEMENT_TIMEOUT_SECONDS", "1"), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")];

/// Runs SQL on the database itself, whatever its settings are.
pub(crate) async fn on_the_database(server: &Server, sql: &str) {
    let options: PgConnectOptions = server.database_url().parse().unwrap();
    let options = options.options([("default_transaction_read_only", "off")]);
    let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
}

pub(crate) const END_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn a_database_that_falls_silent_is_waited_for_no_longer_than_it_may_take_and_used_again_when_it_is_back() {
    let direct = Server::start().await;
    let Some((proxy, url)) = through_a_proxy(&direct).await else { return };
    let server = direct.beside(&[&[("DATABASE_URL", url.as_str())], &IMPATIENT[..]].concat()).await;
    server.app.spawn(worker::sweep(server.app.clone()));
    let bus = server.app.db.bus().join_postgres(&url, server.app.stop.clone()).await.unwrap();
    server.app.spawn(bus);
    let amina = server.user("amina").await;
    assert!(publish(&amina, "before").await);

    proxy.fall_silent();
    // As many as there are connections, and more.
    let asking = (0..12).map(|_| async {
        let answer = amina.send("{ posts { nodes { id } } }", Value::Null).await;
        // The last: one client does not get all connections.
        assert!(["UNAVAILABLE", "TIMEOUT", "RATE_LIMITED"].contains(&answer.code()), "{}", answer.body);
    });
    timeout(TIMEOUT, futures_util::future::join_all(asking)).await.expect("somebody waits without an end");
    assert!(!timeout(TIMEOUT, publish(&amina, "into the silence")).await.expect("it waits without an end"));
    assert_eq!(is_ready(&server).await.0, StatusCode::SERVICE_UNAVAILABLE);

    proxy.speak();
    eventually("an answer", async || {
        amina.send("{ posts { nodes { id } } }", Value::Null).await.body.get("errors").is_none()
    })
    .await;
    let since = Instant::now();
    for _ in 0..20 {
        assert!(publish(&amina, "afterwards").await);
    }
    assert!(since.elapsed() < TIMEOUT, "somebody waited for a connection that is lost");
    assert_eq!(is_ready(&server).await.0, StatusCode::OK);
    assert_eq!(direct.count(POSTS).await, 21);
    // What others say is heard again, over a new connection.
    let mut jobs = server.app.db.bus().jobs();
    let other = direct.app.db.bus().join_postgres(&direct.database_url(), direct.app.stop.clone()).await.unwrap();
    direct.app.spawn(other);
    eventually("a hint of another", async || {
        jobs.mark_unchanged();
        direct.app.db.bus().send(agora::platform::bus::Hint::Jobs);
        timeout(std::time::Duration::from_millis(200), jobs.changed()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_program_whose_database_is_silent_ends_when_it_is_asked_to_and_at_once_when_asked_twice() {
    let direct = Server::start().await;
    let Some((proxy, url)) = through_a_proxy(&direct).await else { return };
    for (grace, twice) in [("1", false), ("600", true)] {
        let settings = [&[("DATABASE_URL", url.as_str()), ("SHUTDOWN_GRACE_SECONDS", grace)], &IMPATIENT[..]].concat();
        let starting = Serving::spawn(&settings);
        let serving = tokio::task::spawn_blocking(|| starting.ready()).await.unwrap();
        proxy.fall_silent();
        let ended = tokio::task::spawn_blocking(move || {
            if twice {
                serving.ask_to_end();
            }
            serving.terminate()
        });
        let code = ended.await.unwrap();
        assert!(matches!(code, Some(0 | 1)), "{code:?}");
        proxy.speak();
    }
}

/// Whoever writes while the server is started anew.
async fn keep_writing(client: &Client, times: usize) -> i64 {
    let mut stored = 0;
    for number in 0..times {
        stored += i64::from(publish(client, &format!("number {number}")).await);
    }
    stored
}

#[tokio::test]
async fn connections_that_the_database_ends_cost_nobody_more_than_another_try() {
    let server = Server::start().await;
    if server.app.db.backend() != sea_orm::DatabaseBackend::Postgres {
        return;
    }
    let amina = server.user("amina").await;
    let ending = async {
        for _ in 0..10 {
            on_the_database(&server, END_ALL).await;
        }
    };
    // Each is stored or was refused as UNAVAILABLE: nothing in between, and nothing is called a bug.
    let ((), one, other) = tokio::join!(ending, keep_writing(&amina, 40), keep_writing(&amina, 40));
    assert!(one + other > 0, "nobody was served at all");
    let stored = server.count(POSTS).await;
    assert!(stored >= one + other, "{stored} stored, {} acknowledged", one + other);
    assert!(publish(&amina, "afterwards").await);
}

#[tokio::test]
async fn a_database_that_may_no_longer_write_is_told_and_left_when_another_one_may() {
    let server = Server::start().await;
    if server.app.db.backend() != sea_orm::DatabaseBackend::Postgres {
        return;
    }
    let amina = server.user("amina").await.seen().await;
    let name = server.database_url().rsplit('/').next().unwrap().to_owned();
    on_the_database(&server, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    on_the_database(&server, END_ALL).await;
    eventually("a refusal", async || !publish(&amina, "to a standby").await).await;
    let (before, known) = (server.count(POSTS).await, amina.send("{ posts { totalCount } }", Value::Null).await);
    assert!(known.body.get("errors").is_none(), "it still can be read: {}", known.body);
    assert_eq!(is_ready(&server).await.0, StatusCode::SERVICE_UNAVAILABLE);

    // Those who are connected keep what they began with.
    on_the_database(&server, &format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
    eventually("one that writes", async || publish(&amina, "to the new one").await).await;
    assert_eq!(server.count(POSTS).await, before + 1);
}
