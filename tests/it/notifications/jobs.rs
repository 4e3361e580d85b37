//! The jobs that make notifications: once each, whatever dies or fails.

use agora::{
    domain::{
        admin,
        jobs::{self, Lane},
        notifications,
        posts::CommentCreated,
    },
    entity::{
        CommentId,
        job::{self, JobState},
    },
    worker,
};
use chrono::TimeDelta;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{COMMENT_LIKE, LIST, SHARE, gist, gists, live::Watcher, told, with_told};
use crate::harness::Server;

#[tokio::test]
async fn a_job_whose_process_died_is_done_once_after_its_lease() {
    let (server, amina, basma, post) = with_told(0).await;
    basma.comment(&post, "hello").await;
    assert_eq!(jobs::take(&server.app, 10).await.unwrap().len(), 1);
    // Taken, and never heard of again.
    assert_eq!(server.run_jobs().await, 0);
    server.clock.advance(jobs::LEASE - TimeDelta::seconds(1));
    assert_eq!(server.run_jobs().await, 0);
    server.advance(1);
    assert_eq!(server.run_jobs().await, 1);
    assert_eq!(gist(&server, &amina).await, gists(&[("COMMENT", "hello")]));
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE kind = 'notified'").await, 1);
}

#[tokio::test]
async fn a_job_that_runs_twice_tells_once() {
    let (server, amina, basma, post) = with_told(0).await;
    let comment = basma.comment(&post, "hello").await;
    basma.like(&post).await;
    basma.ok(COMMENT_LIKE, json!({ "id": amina.comment(&post, "mine").await })).await;
    basma.ok(SHARE, json!({ "id": post })).await;
    // As one that is slow: its lease is over and another has done it by the time it does.
    let slow = jobs::take(&server.app, 10).await.unwrap();
    assert_eq!(slow.len(), 5);
    server.clock.advance(jobs::LEASE);
    server.run_jobs().await;
    let before = gist(&server, &amina).await;
    assert_eq!(before.len(), 4, "{before:?}");
    for job in &slow {
        worker::handle(&server.app, job).await.unwrap();
    }
    // And as one that somebody queued again.
    let again = CommentCreated { comment: comment.parse::<CommentId>().unwrap().0 };
    let app = &server.app;
    app.db.transact(async |tx| notifications::notify_in(app, &tx, &again).await).await.unwrap();
    assert_eq!(gist(&server, &amina).await, before);
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE kind = 'notified'").await, 4);
}

#[tokio::test]
async fn a_job_that_takes_its_process_down_each_time_dies_at_last() {
    let (server, _, basma, post) = with_told(0).await;
    basma.comment(&post, "hello").await;
    for _ in 0..jobs::ATTEMPTS {
        assert_eq!(jobs::take(&server.app, 10).await.unwrap().len(), 1);
        server.clock.advance(jobs::LEASE);
    }
    assert_eq!(jobs::take(&server.app, 10).await.unwrap().len(), 0);
    assert_eq!(jobs::list(&server.app, true, 10).await.unwrap().len(), 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_workers_share_the_work_and_do_nothing_twice() {
    let (server, amina, basma, post) = with_told(0).await;
    let beside = server.beside(&[]).await;
    for number in 0..80 {
        basma.comment(&post, &format!("number {number}")).await;
    }
    let (one, other) = tokio::join!(server.run_jobs(), beside.run_jobs());
    assert_eq!(one + other, 80, "{one} and {other}");
    assert_eq!(told(&server, &amina).await.len(), 80);
    let gaps = "SELECT MAX(seq) - COUNT(*) FROM events WHERE stream_kind = 'notifications'";
    assert_eq!(server.count(gaps).await, 0);
}

/// Notices as they have been stored since there are any. Of what is not there they tell nobody; but each is known, and done.
const STORED: &[&str] = &[
    r#"{"event":"post_liked","post":"00000000-0000-0000-0000-000000000001","actor":"00000000-0000-0000-0000-000000000002"}"#,
    r#"{"event":"post_unliked","post":"00000000-0000-0000-0000-000000000001","actor":"00000000-0000-0000-0000-000000000002"}"#,
    r#"{"event":"post_shared","share":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"comment_created","comment":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"comment_liked","comment":"00000000-0000-0000-0000-000000000001","actor":"00000000-0000-0000-0000-000000000002"}"#,
    r#"{"event":"comment_unliked","comment":"00000000-0000-0000-0000-000000000001","actor":"00000000-0000-0000-0000-000000000002"}"#,
    r#"{"event":"deleted","subject":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"edited","subject":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"contribution","contribution":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"contribution_comment","comment":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"contribution_returned","contribution":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"refund_requested","refund":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"refund_decided","refund":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"taken_back","refund":"00000000-0000-0000-0000-000000000001"}"#,
    r#"{"event":"dispute","dispute":"00000000-0000-0000-0000-000000000001","state":"open"}"#,
    r#"{"event":"goal_update","update":"00000000-0000-0000-0000-000000000001","after":"00000000-0000-0000-0000-000000000000"}"#,
    r#"{"event":"goal_news","news":"00000000-0000-0000-0000-000000000001","after":"00000000-0000-0000-0000-000000000000"}"#,
    r#"{"event":"goal_ended","goal":"00000000-0000-0000-0000-000000000001","after":"00000000-0000-0000-0000-000000000000"}"#,
];

#[tokio::test]
async fn what_a_version_before_has_queued_is_done() {
    let server = Server::start().await;
    let app = &server.app;
    app.db
        .transact(async |tx| {
            for stored in STORED {
                let stored: Value = serde_json::from_str(stored).unwrap();
                jobs::enqueue_on(app, &tx, Lane::Database, "notify", &stored).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(server.run_jobs().await, STORED.len() as u64);
    let left = jobs::list(app, false, 100).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

async fn enqueue_nonsense(server: &Server) {
    let app = &server.app;
    app.db.transact(async |tx| jobs::enqueue_on(app, &tx, Lane::Database, "nonsense", &json!({})).await).await.unwrap();
}

#[tokio::test]
async fn a_job_that_fails_comes_again_ever_later_and_dies_at_last() {
    let (server, amina, basma, post) = with_told(0).await;
    enqueue_nonsense(&server).await;
    basma.comment(&post, "hello").await;
    // It holds up no other.
    assert_eq!(server.run_jobs().await, 2);
    let data = amina.ok(LIST, Value::Null).await;
    assert_eq!(data["me"]["notifications"]["totalCount"], 1);
    for attempt in 1..jobs::ATTEMPTS {
        let job = jobs::list(&server.app, false, 10).await.unwrap().remove(0);
        assert_eq!((job.state, job.attempts), (JobState::Queued, attempt));
        assert!(job.last_error.as_deref().unwrap().contains("nonsense"), "{job:?}");
        let wait = (job.run_at - server.clock.now()).num_seconds();
        assert_eq!(wait, 1 << attempt);
        server.advance(wait - 1);
        assert_eq!(server.run_jobs().await, 0, "too early for attempt {}", attempt + 1);
        server.advance(1);
        assert_eq!(server.run_jobs().await, 1);
    }
    let dead = jobs::list(&server.app, true, 10).await.unwrap().remove(0);
    assert_eq!((dead.state, dead.attempts), (JobState::Dead, jobs::ATTEMPTS));
    server.advance(30 * 86_400);
    assert_eq!(server.run_jobs().await, 0, "the dead stay where they are");
}

#[tokio::test]
async fn a_failure_that_comes_too_late_changes_nothing() {
    let (server, _, basma, post) = with_told(0).await;
    basma.comment(&post, "hello").await;
    let late = jobs::take(&server.app, 10).await.unwrap().remove(0);
    server.clock.advance(jobs::LEASE);
    let taken_since = jobs::take(&server.app, 10).await.unwrap().remove(0);
    assert_eq!((late.id, late.attempts + 1), (taken_since.id, taken_since.attempts));
    jobs::fail(&server.app, &late, "too late").await.unwrap();
    assert_eq!(server.app.db.all(job::Entity::find()).await.unwrap(), [taken_since]);
    // And one that is done stays done.
    server.clock.advance(jobs::LEASE);
    assert_eq!(server.run_jobs().await, 1);
    jobs::fail(&server.app, &late, "too late").await.unwrap();
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
}

#[tokio::test]
async fn a_dead_job_is_revived_and_does_its_work() {
    let (server, _, basma, post) = with_told(0).await;
    basma.comment(&post, "hello").await;
    basma.comment(&post, "hello again").await;
    enqueue_nonsense(&server).await;
    let change = async |sql: &'static str| server.write(sql, Vec::new()).await;
    assert_eq!(change("UPDATE jobs SET payload = '!' || payload WHERE kind = 'notify'").await, 2);
    for _ in 0..jobs::ATTEMPTS {
        assert_eq!(server.run_jobs().await, 3);
        server.advance(3600);
    }
    assert_eq!(server.run_jobs().await, 0);
    let dead = jobs::list(&server.app, true, 10).await.unwrap();
    assert_eq!(dead.len(), 3);
    change("UPDATE jobs SET payload = substr(payload, 2) WHERE kind = 'notify'").await;

    assert_eq!(admin::jobs_retry(&server.app, Some(dead[0].id)).await.unwrap(), 1);
    assert_eq!(admin::jobs_retry(&server.app, Some(dead[0].id)).await.unwrap(), 0, "it is not dead any more");
    assert_eq!(server.run_jobs().await, 1);
    assert_eq!(admin::jobs_retry(&server.app, None).await.unwrap(), 2);
    assert_eq!(server.run_jobs().await, 2);
    let left = jobs::list(&server.app, false, 10).await.unwrap();
    assert_eq!((left.len(), left[0].kind.as_str(), left[0].attempts), (1, "nonsense", 1), "it begins anew");
    let amina = server.anonymous().login("amina").await;
    let data = amina.ok(LIST, Value::Null).await;
    assert_eq!(data["me"]["notifications"]["totalCount"], 2);
}

#[tokio::test]
async fn a_schedule_is_run_by_one_process_each_time_it_is_due() {
    let server = Server::start().await;
    let beside = server.beside(&[]).await;
    let hour = TimeDelta::hours(1);
    for _ in 0..3 {
        let (one, other) = tokio::join!(jobs::due(&server.app, "test", hour), jobs::due(&beside.app, "test", hour));
        assert_eq!([one.unwrap(), other.unwrap()].into_iter().filter(|due| *due).count(), 1);
        server.clock.advance(hour - TimeDelta::seconds(1));
        assert!(!jobs::due(&beside.app, "test", hour).await.unwrap());
        server.advance(1);
    }
}

#[tokio::test]
async fn a_running_worker_does_what_comes_by_itself() {
    let (server, amina, basma, post) = with_told(0).await;
    let address = server.listen().await;
    server.app.spawn(worker::run(server.app.clone()));
    let mut watcher = Watcher::begin(address, &amina, None).await;
    assert_eq!(watcher.steps(1).await, ["LIVE"]);
    for number in 0..3 {
        basma.comment(&post, &format!("number {number}")).await;
        assert_eq!(watcher.steps(1).await, [format!("LIVE number {number}")]);
    }
}
