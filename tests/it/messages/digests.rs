//! The daily digest, and schedules: each once, however many processes there are.

use agora::{domain::digests, worker};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

const WISH: &str =
    "mutation($digest: Digest) { profileUpdate(input: { digest: $digest }) { errors { code } user { digest } } }";
const DAY: i64 = 24 * 3600;

async fn wish(client: &Client, digest: Value) -> Value {
    let data = client.ok(WISH, json!({ "digest": digest })).await;
    assert_eq!(data["profileUpdate"]["errors"], json!([]));
    data["profileUpdate"]["user"]["digest"].clone()
}

/// Somebody with a confirmed address who wants a digest.
async fn reader(server: &Server, username: &str) -> Client {
    let client = server.user(username).await;
    confirm(server, username).await;
    wish(&client, json!("DAILY")).await;
    client
}

async fn confirm(server: &Server, username: &str) {
    let email = format!("{username}@example.org");
    assert!(agora::domain::auth::confirm_email(&server.app, &email).await.unwrap());
}

/// Digests that left so far, by receiver.
async fn digests(server: &Server) -> Vec<String> {
    let sent = server.sent().await.into_iter().filter(|sent| sent.subject == "What you have not read yet");
    sent.map(|sent| sent.to).collect()
}

#[tokio::test]
async fn a_digest_is_off_until_it_is_asked_for_and_its_owner_s_own_business() {
    let server = Server::start().await;
    let (amina, badr) = (server.user("amina").await, server.user("badr").await);
    let own = "{ me { digest } }";
    assert_eq!(amina.ok(own, Value::Null).await["me"]["digest"], "OFF");
    assert_eq!(wish(&amina, json!("DAILY")).await, "DAILY");
    assert_eq!(amina.ok(own, Value::Null).await["me"]["digest"], "DAILY");
    let others = "{ user(username: \"amina\") { digest } }";
    assert_eq!(badr.ok(others, Value::Null).await["user"]["digest"], Value::Null);
    assert_eq!(server.anonymous().ok(others, Value::Null).await["user"]["digest"], Value::Null);
    // Something else is changed: it stays.
    let bio = "mutation { profileUpdate(input: { bio: \"x\" }) { user { digest } } }";
    assert_eq!(amina.ok(bio, Value::Null).await["profileUpdate"]["user"]["digest"], "DAILY");
    assert_eq!(wish(&amina, Value::Null).await, "OFF");
    assert_eq!(wish(&amina, json!("OFF")).await, "OFF");
}

#[tokio::test]
async fn a_digest_tells_what_was_not_read_once_and_says_how_to_switch_it_off() {
    let server = Server::start().await;
    let amina = reader(&server, "amina").await;
    let post = amina.publish("x").await;
    for fan in ["badr", "dina"] {
        server.user(fan).await.like(&post).await;
    }
    server.run_jobs().await;
    assert_eq!(digests::send(&server.app).await.unwrap(), 1);
    let sent = server.last_sent("amina@example.org").await;
    assert!(sent.text.starts_with("Hello amina,"), "{}", sent.text);
    assert!(sent.text.contains(": 2.") && sent.text.contains("- badr likes your post"), "{}", sent.text);
    assert!(sent.text.contains("- dina likes your post") && sent.text.contains("switch it off"), "{}", sent.text);
    assert_eq!(sent.link(), "http://localhost:3000/notifications");

    // The same day again, and the next day without news: nothing.
    assert_eq!(digests::send(&server.app).await.unwrap(), 0);
    server.advance(DAY);
    assert_eq!(digests::send(&server.app).await.unwrap(), 0);
    // What came since, and only that.
    server.advance(1);
    server.user("farid").await.like(&post).await;
    server.run_jobs().await;
    server.advance(DAY);
    assert_eq!(digests::send(&server.app).await.unwrap(), 1);
    let sent = server.last_sent("amina@example.org").await;
    assert!(sent.text.contains(": 1.") && sent.text.contains("farid") && !sent.text.contains("badr"), "{}", sent.text);
}

#[tokio::test]
async fn a_digest_goes_to_nobody_who_should_not_get_it() {
    let server = Server::start().await;
    let (off, unconfirmed, read, suspended) = (
        server.user("off").await.publish("x").await,
        server.user("unconfirmed").await,
        reader(&server, "reads").await,
        reader(&server, "suspended").await,
    );
    confirm(&server, "off").await;
    wish(&unconfirmed, json!("DAILY")).await;
    let switched_off = reader(&server, "switched_off").await;
    let fan = server.user("fan").await;
    fan.like(&off).await;
    for client in [&unconfirmed, &read, &suspended, &switched_off] {
        fan.like(&client.publish("x").await).await;
    }
    server.run_jobs().await;
    read.ok("mutation { notificationMarkAllRead { errors { code } } }", Value::Null).await;
    wish(&switched_off, json!("OFF")).await;
    let sql = "INSERT INTO suspensions (user_id, reason, created_at) SELECT id, 'spam', created_at FROM users \
               WHERE username = 'suspended'";
    server.write(sql, Vec::new()).await;
    assert_eq!(digests::send(&server.app).await.unwrap(), 0);
    assert_eq!(digests(&server).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_batch_costs_the_same_whatever_its_size() {
    let server = Server::start().await;
    let mut counts = Vec::new();
    for size in [2, 9] {
        for number in 0..size {
            let client = reader(&server, &format!("reader_{size}_{number}")).await;
            let post = client.publish("x").await;
            server.user(&format!("fan_{size}_{number}")).await.like(&post).await;
        }
        server.run_jobs().await;
        let before = server.app.db.statements();
        assert_eq!(digests::send(&server.app).await.unwrap(), size);
        counts.push(server.app.db.statements() - before);
        server.advance(DAY);
    }
    assert_eq!(counts[0], counts[1]);
}

#[tokio::test]
async fn a_schedule_runs_once_however_many_processes_there_are() {
    let first = Server::start().await;
    let second = first.beside(&[]).await;
    let amina = reader(&first, "amina").await;
    let post = amina.publish("x").await;
    for (day, fan) in ["badr", "dina", "farid"].into_iter().enumerate() {
        first.user(fan).await.like(&post).await;
        first.run_jobs().await;
        let (one, other) = tokio::join!(worker::run_schedules(&first.app), worker::run_schedules(&second.app));
        one.unwrap();
        other.unwrap();
        // Not due again before its time.
        worker::run_schedules(&first.app).await.unwrap();
        worker::run_schedules(&second.app).await.unwrap();
        assert_eq!([digests(&first).await.len(), digests(&second).await.len()].iter().sum::<usize>(), day + 1);
        first.advance(DAY);
    }
    assert_eq!(first.count("SELECT COUNT(*) FROM schedules WHERE name = 'digest'").await, 1);
}
