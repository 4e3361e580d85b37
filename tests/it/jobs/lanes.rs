//! What background jobs wait for, and who does not have to wait with them; what becomes of them when their process ends.

use agora::{
    domain::{
        jobs::{self, Lane},
        messages::{self, Message, Template},
    },
    entity::payment::ProviderKind,
    worker,
};
use sea_orm::DatabaseBackend;
use serde_json::json;

use crate::{
    harness::{Server, eventually},
    messages::{
        sending_by,
        smtp::{Mood, Smtp},
    },
};

async fn queue_messages(server: &Server, count: usize) {
    let messages: Vec<_> = (0..count)
        .map(|number| Message::email(&format!("{number}@example.org"), "en", Template::PasswordChanged))
        .collect();
    let app = &server.app;
    app.db.transact(async |tx| messages::send_all_in(app, &tx, &messages).await).await.unwrap();
}

const OTHERS: &str = "SELECT COUNT(*) FROM jobs WHERE lane <> 'email'";
const LETTERS: &str = "SELECT COUNT(*) FROM jobs WHERE lane = 'email'";

#[tokio::test]
async fn a_mail_server_that_hangs_holds_up_nothing_but_mail() {
    let smtp = Smtp::start(Mood::Silent).await;
    let server = sending_by(&smtp).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    queue_messages(&server, 40).await;
    server.app.spawn(worker::run(server.app.clone()));
    eventually("the first e-mails", async || smtp.tries() >= 5).await;

    basma.like(&amina.publish("hello").await).await;
    let app = &server.app;
    let told = json!({ "provider": "sandbox", "reference": "nothing" });
    let on = Lane::Provider(ProviderKind::Sandbox);
    let forget = async |tx| jobs::enqueue_on(app, &tx, on, "forget_method", &told).await;
    app.db.transact(forget).await.unwrap();
    eventually("what needs no mail server", async || server.count(OTHERS).await == 0).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 1);
    assert!(server.count(LETTERS).await >= 40);
}

#[tokio::test]
async fn as_one_ends_the_next_is_taken_though_another_hangs() {
    let smtp = Smtp::start(Mood::Silent).await;
    let server = sending_by(&smtp).await;
    queue_messages(&server, 1).await;
    server.app.spawn(worker::run(server.app.clone()));
    eventually("the e-mail that hangs", async || smtp.tries() == 1).await;
    smtp.set(Mood::Well);
    queue_messages(&server, 40).await;
    eventually("the others", async || smtp.messages().len() == 40).await;
    eventually("the end of their jobs", async || server.count(LETTERS).await == 1).await;
}

#[tokio::test]
async fn whoever_stops_gives_back_what_is_not_done() {
    let smtp = Smtp::start(Mood::Silent).await;
    let server = sending_by(&smtp).await;
    queue_messages(&server, 20).await;
    let port = smtp.port.to_string();
    let settings = [
        ("EMAIL_HOST", "127.0.0.1"),
        ("EMAIL_PORT", &port),
        ("EMAIL_TLS", "none"),
        ("EMAIL_TIMEOUT_SECONDS", "20"),
        ("SHUTDOWN_GRACE_SECONDS", "1"),
    ];
    let stopping = server.beside(&settings).await;
    let working = worker::run(stopping.app.clone());
    let stop = async {
        eventually("the first e-mails", async || smtp.tries() >= 5).await;
        assert!(server.count("SELECT COUNT(*) FROM jobs WHERE attempts = 1").await > 0);
        stopping.app.stop.cancel();
    };
    tokio::join!(working, stop);
    // Nobody has to wait for a lease to end, and none counts as tried.
    smtp.set(Mood::Well);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE attempts = 0 AND begun_at IS NULL").await, 20);
    assert_eq!(server.run_jobs().await, 20);
    assert_eq!(smtp.messages().len(), 20);
}

#[tokio::test]
async fn a_job_whose_process_died_says_so() {
    let server = Server::start().await;
    let app = &server.app;
    app.db.transact(async |tx| jobs::enqueue_on(app, &tx, Lane::Database, "notify", &json!({})).await).await.unwrap();
    let job = jobs::take(app, 1).await.unwrap().remove(0);
    jobs::fail(app, &job, "the first time it was this").await.unwrap();
    server.advance(60);
    let job = jobs::take(app, 1).await.unwrap().remove(0);
    assert_eq!(job.last_error.as_deref(), Some("the first time it was this"));
    for _ in job.attempts..jobs::ATTEMPTS {
        server.clock.advance(jobs::LEASE);
        let again = jobs::take(app, 1).await.unwrap().remove(0);
        assert!(again.last_error.as_deref().unwrap().contains("its process died"), "{again:?}");
    }
    server.clock.advance(jobs::LEASE);
    assert!(jobs::take(app, 1).await.unwrap().is_empty());
    let dead = jobs::list(app, true, 10).await.unwrap().remove(0);
    assert!(dead.last_error.as_deref().unwrap().contains("its process died"), "{dead:?}");
}

#[tokio::test]
async fn a_job_of_a_lane_that_nobody_knows_is_not_forgotten() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    basma.like(&amina.publish("hello").await).await;
    let sql = "UPDATE jobs SET lane = 'of another version'";
    server.write(sql, Vec::new()).await;
    assert_eq!(server.run_jobs().await, 0);
    jobs::adopt(&server.app).await.unwrap();
    assert_eq!(server.run_jobs().await, 1);
}

/// Neither looking for what is due nor taking it reads the jobs that wait in other lanes.
#[tokio::test]
async fn the_queue_is_read_by_its_index_beside_a_hundred_thousand_jobs() {
    let server = Server::start().await;
    let app = &server.app;
    let postgres = app.db.backend() == DatabaseBackend::Postgres;
    let id = if postgres { "gen_random_uuid()" } else { "randomblob(16)" };
    let sql = format!(
        "INSERT INTO jobs (id, kind, lane, payload, state, attempts, run_at, created_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
         SELECT {id}, 'message', CASE WHEN i % 100 = 0 THEN 'sms' ELSE 'email' END, '', 'queued', 0, $1, $1 FROM n"
    );
    let now = server.clock.now();
    server.write(&sql, vec![now.into()]).await;

    let taking = jobs::taking(Some(Lane::Sms), 16, app.db.skip_locked());
    let explain = if postgres { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
    for (what, statement, values) in [
        ("looking", jobs::looking(), vec![now.into()]),
        ("taking", taking, vec![now.into(), (now + jobs::LEASE).into()]),
    ] {
        let rows = app.db.rows(format!("{explain} {statement}"), values).await.unwrap();
        let column = if postgres { 0 } else { 3 };
        let plan: Vec<String> = rows.iter().map(|row| row.try_get_by_index(column).unwrap()).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("jobs_next"), "{what}: {plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN jobs") && !plan.contains("Sort"), "{what}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{what}: {plan}");
    }
    assert_eq!(jobs::due_lanes(app).await.unwrap(), [Lane::Email, Lane::Sms]);
    assert_eq!(jobs::take_from(app, Lane::Sms, 16).await.unwrap().len(), 16);
}
