//! Taking one's data along, and leaving.

mod money;

use std::io::{Cursor, Read};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::harness::{Client, Server, Socket, client::PASSWORD};

const EXPORT: &str =
    "mutation { accountExport { export { requestedAt completedAt expiresAt downloadUrl } errors { code path } } }";
const LATEST: &str = "{ me { latestExport { completedAt downloadUrl } } }";
pub(super) const DELETE: &str = "mutation { accountDelete { dueAt errors { code path } } }";
const CANCEL: &str = "mutation { accountDeleteCancel { canceled errors { code } } }";
const DUE: &str = "{ me { deletionDueAt } }";

async fn fetch(server: &Server, link: &str) -> (StatusCode, Vec<u8>) {
    let path = link.split_once("/exports/").map(|(_, token)| format!("/exports/{token}")).unwrap();
    let response = server.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let status = response.status();
    if status == StatusCode::OK {
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/zip");
        assert!(response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
    (status, to_bytes(response.into_body(), 64 << 20).await.unwrap().to_vec())
}

/// The files of an archive: name and rows.
fn unpack(bytes: Vec<u8>) -> Vec<(String, Vec<Value>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// Asks for somebody's archive and opens it.
pub(super) async fn take_along(server: &Server, person: &Client) -> Vec<(String, Vec<Value>)> {
    person.ok(EXPORT, Value::Null).await;
    let link = server.last_sent(&format!("{}@example.org", person.username)).await.link();
    unpack(fetch(server, &link).await.1)
}

pub(super) async fn erase_due(server: &Server) -> u64 {
    agora::domain::privacy::erase_due(&server.app).await.unwrap()
}

async fn with_a_life(server: &Server) -> (Client, Client, String) {
    let amina = server.user("amina").await;
    let basma = server.user("basma").await;
    let post = amina.publish("amina's post").await;
    let other = basma.publish("basma's post").await;
    let comment = amina.comment(&other, "amina's answer").await;
    basma.reply(&comment, "basma's reply").await;
    amina.like(&other).await;
    basma.like(&post).await;
    server.run_jobs().await;
    (amina, basma, other)
}

#[tokio::test]
async fn everything_held_about_a_person_is_theirs_to_take_along_and_no_secret_with_it() {
    let server = Server::start().await;
    let (amina, basma, _) = with_a_life(&server).await;
    let asked = amina.ok(EXPORT, Value::Null).await["accountExport"].clone();
    assert_eq!((&asked["errors"], &asked["export"]["downloadUrl"]), (&json!([]), &Value::Null));
    let link = server.last_sent("amina@example.org").await.link();
    assert_eq!(amina.ok(LATEST, Value::Null).await["me"]["latestExport"]["downloadUrl"], link.as_str());
    let (status, bytes) = fetch(&server, &link).await;
    assert_eq!(status, StatusCode::OK);
    let files = unpack(bytes);
    let rows = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("{name}")).1;
    assert_eq!(rows("account.json")[0]["username"], "amina");
    assert_eq!(rows("account.json")[0]["id"], amina.id.as_str());
    assert_eq!(rows("sign-in.json")[0]["email"], "amina@example.org");
    assert_eq!(rows("posts.json")[0]["body"], "amina's post");
    assert_eq!(rows("comments.json")[0]["body"], "amina's answer");
    assert_eq!(rows("post-likes.json").len(), 1);
    assert_eq!(rows("notifications.json").len(), 2);
    assert_eq!(rows("sessions.json")[0]["address"], "192.0.2.1");
    assert!(rows("activity.json").iter().any(|row| row["kind"] == "signed_in"));
    let text = format!("{files:?}");
    for secret in ["argon2", "hash", "basma's post"] {
        assert!(!text.contains(secret), "{secret}");
    }
    // Nobody else learns of it.
    let query = "{ user(username: \"amina\") { latestExport { downloadUrl } deletionDueAt } }";
    assert_eq!(basma.ok(query, Value::Null).await["user"], json!({ "latestExport": null, "deletionDueAt": null }));
}

/// What was called off is so in the graph's spelling, whatever is stored.
#[tokio::test]
async fn an_archive_calls_things_as_the_graph_does() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let goal = crate::goals::begin(&amina, &json!({})).await;
    let cancel =
        "mutation($id: ID!) { goalCancel(input: { id: $id, reason: \"no longer needed\" }) { errors { code } } }";
    assert_eq!(amina.user_errors(cancel, json!({ "id": goal })).await, []);
    let deposit = crate::payments::deposit(&amina, "5.00", "k").await["payment"].clone();
    let cancel = "mutation($id: ID!) { paymentCancel(input: { id: $id }) { errors { code } } }";
    assert_eq!(amina.user_errors(cancel, json!({ "id": deposit["id"] })).await, []);
    amina.ok(DELETE, Value::Null).await;
    amina.ok(CANCEL, Value::Null).await;
    let files = take_along(&server, &amina).await;
    let rows = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("{name}")).1;
    assert_eq!(rows("goals.json")[0]["state"], "canceled");
    assert_eq!(rows("payments.json")[0]["state"], "canceled");
    assert!(rows("activity.json").iter().any(|row| row["kind"] == "deletion_canceled"));
    let text = format!("{files:?}");
    assert!(!text.contains("cancelled") && !text.contains("authorised"), "{text}");
}

#[tokio::test]
async fn a_long_life_fits_into_an_archive_too() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("the first").await;
    for number in 0..1_101 {
        let sql = "INSERT INTO comments (id, post_id, author_id, body, created_at) \
                   SELECT $1, id, author_id, $2, created_at FROM posts";
        let id = server.app.ids.next(server.app.clock.now());
        let work = async |tx: agora::platform::db::Transaction| {
            tx.execute(sql, vec![id.into(), format!("answer {number}").into()]).await
        };
        server.app.db.transact(work).await.unwrap();
    }
    amina.ok(EXPORT, Value::Null).await;
    let link = server.last_sent("amina@example.org").await.link();
    let files = unpack(fetch(&server, &link).await.1);
    let comments = &files.iter().find(|(file, _)| file == "comments.json").unwrap().1;
    assert_eq!(comments.len(), 1_101);
    assert!(comments.iter().all(|comment| comment["postId"] == post.as_str()));
}

#[tokio::test]
async fn a_link_is_good_until_it_is_over_and_nobody_makes_one() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.ok(EXPORT, Value::Null).await;
    let link = server.last_sent("amina@example.org").await.link();
    let mut forged = link.clone().into_bytes();
    let last = forged.len() - 5;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    for wrong in [String::from_utf8(forged).unwrap(), format!("{link}x"), "http://h/exports/nonsense".to_owned()] {
        assert_eq!(fetch(&server, &wrong).await.0, StatusCode::NOT_FOUND, "{wrong}");
    }
    server.advance(3 * 86_400 - 1);
    assert_eq!(fetch(&server, &link).await.0, StatusCode::OK);
    server.advance(1);
    assert_eq!(fetch(&server, &link).await.0, StatusCode::NOT_FOUND);
    agora::domain::privacy::prune(&server.app).await.unwrap();
    server.advance(1);
    agora::domain::privacy::prune(&server.app).await.unwrap();
    assert_eq!(server.count("SELECT COUNT(*) FROM account_exports").await, 0);
}

#[tokio::test]
async fn an_archive_is_made_once_a_day_at_most_however_often_it_is_asked_for_and_its_job_runs() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let calls = futures_util::future::join_all((0..5).map(|_| amina.ok(EXPORT, Value::Null))).await;
    let made = calls.iter().filter(|data| data["accountExport"]["errors"] == json!([])).count();
    assert_eq!(made, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'account_export'").await, 1);
    server.run_jobs().await;
    assert_eq!(amina.user_errors(EXPORT, Value::Null).await, [("TOO_SOON".to_owned(), String::new())]);
    server.advance(86_400);
    let amina = server.anonymous().login("amina").await;
    assert!(amina.user_errors(EXPORT, Value::Null).await.is_empty());
}

#[tokio::test]
async fn leaving_and_taking_along_need_a_recent_authentication() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.advance(300);
    let rows = server.rows().await;
    for query in [EXPORT, DELETE] {
        let refused = amina.send(query, Value::Null).await;
        assert_eq!(refused.code(), "REAUTHENTICATION_REQUIRED");
        assert_eq!(refused.refusal()["methods"], json!(["PASSWORD"]));
        assert_eq!(server.anonymous().refused(query, Value::Null).await, "UNAUTHENTICATED");
    }
    assert_eq!(server.rows().await, rows);
}

#[tokio::test]
async fn one_has_fourteen_days_to_change_one_s_mind() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let due = amina.ok(DELETE, Value::Null).await["accountDelete"]["dueAt"].clone();
    assert_eq!(due, "2026-01-15T12:00:00+00:00");
    assert!(server.last_sent("amina@example.org").await.text.contains("2026-01-15 12:00"));
    server.advance(60);
    // Asking again moves nothing.
    assert_eq!(amina.ok(DELETE, Value::Null).await["accountDelete"]["dueAt"], due);
    assert_eq!(amina.ok(DUE, Value::Null).await["me"]["deletionDueAt"], due);
    server.advance(13 * 86_400);
    assert_eq!(erase_due(&server).await, 0);
    let amina = server.anonymous().login("amina").await;
    assert_eq!(amina.ok(CANCEL, Value::Null).await["accountDeleteCancel"]["canceled"], true);
    assert_eq!(amina.ok(CANCEL, Value::Null).await["accountDeleteCancel"]["canceled"], false);
    assert_eq!(amina.ok(DUE, Value::Null).await["me"]["deletionDueAt"], Value::Null);
    server.advance(30 * 86_400);
    assert_eq!(erase_due(&server).await, 0);
    server.anonymous().login("amina").await;
}

#[tokio::test]
async fn whoever_has_left_is_gone_and_what_others_answered_stays() {
    let server = Server::start().await;
    let address = server.listen().await;
    let (amina, _, other) = with_a_life(&server).await;
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    amina.ok(EXPORT, Value::Null).await;
    let link = server.last_sent("amina@example.org").await.link();
    amina.ok(DELETE, Value::Null).await;
    server.advance(14 * 86_400);
    assert_eq!(erase_due(&server).await, 1);
    assert_eq!(erase_due(&server).await, 0);
    // The account and everything of its own.
    assert_eq!(socket.closed().await.0, 4403);
    assert_eq!(amina.refused("{ me { id } }", Value::Null).await, "UNAUTHENTICATED");
    let login = "mutation($p: String!) { login(input: { login: \"amina\", password: $p }) { errors { code path } } }";
    let refused = server.anonymous().user_errors(login, json!({ "p": PASSWORD })).await;
    assert_eq!(refused[0].0, "INVALID_CREDENTIALS");
    assert_eq!(fetch(&server, &link).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.anonymous().ok("{ user(username: \"amina\") { id } }", Value::Null).await["user"], Value::Null);
    // What others have of it, without the name.
    let basma = server.anonymous().login("basma").await;
    let query = "query($id: ID!) { post(id: $id) { likeCount commentCount comments(first: 5) { nodes { body author { username } \
                 replies(first: 5) { nodes { body author { username } } } } } } \
                 me { notifications { nodes { title } } } posts { nodes { body likeCount author { username } } } }";
    let seen = basma.ok(query, json!({ "id": other })).await;
    assert_eq!(seen["post"]["likeCount"], 0);
    assert_eq!(seen["post"]["commentCount"], 2);
    let comment = &seen["post"]["comments"]["nodes"][0];
    assert_eq!((&comment["body"], &comment["author"]), (&json!("amina's answer"), &Value::Null));
    assert_eq!(comment["replies"]["nodes"][0]["author"]["username"], "basma");
    assert_eq!(seen["me"]["notifications"]["nodes"], json!([]));
    assert!(
        seen["posts"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|post| { post["body"] == "amina's post" && post["author"].is_null() && post["likeCount"] == 1 })
    );
    // Nothing that names them is left; counters equal what they count.
    for sql in [
        "SELECT COUNT(*) FROM users WHERE username = 'amina'",
        "SELECT COUNT(*) FROM credentials WHERE email LIKE 'amina%'",
        "SELECT COUNT(*) FROM notifications WHERE title LIKE '%amina%'",
        "SELECT COUNT(*) FROM activities a WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = a.user_id)",
        "SELECT COUNT(*) FROM account_exports",
        "SELECT COUNT(*) FROM account_deletions",
        "SELECT COUNT(*) FROM posts p WHERE like_count <> (SELECT COUNT(*) FROM post_likes l WHERE l.post_id = p.id)",
    ] {
        assert_eq!(server.count(sql).await, 0, "{sql}");
    }
    assert!(server.last_sent("amina@example.org").await.text.to_lowercase().contains("deleted"));
    // The address is free again; the name is, after a while in which nobody passes for them, and nothing tells it.
    assert_eq!(server.count("SELECT COUNT(*) FROM held_usernames WHERE user_id IS NOT NULL").await, 0);
    let query = "mutation($input: RegisterInput!) { register(input: $input) { errors { code path } } }";
    let join = |username: &str| json!({ "input": { "username": username, "email": "amina@example.org", "password": PASSWORD } });
    let taken = [("TAKEN".to_owned(), "input.username".to_owned())];
    assert_eq!(server.anonymous().user_errors(query, join("amina")).await, taken);
    server.advance(90 * 86_400);
    assert_eq!(server.anonymous().user_errors(query, join("amina")).await, []);
}

#[tokio::test]
async fn the_last_owner_stays() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let basma = server.user("basma").await;
    let make_owner = async |id: &str| {
        let id: agora::entity::UserId = id.parse().unwrap();
        let work = async |tx: agora::platform::db::Transaction| {
            let sql = "INSERT INTO user_roles (user_id, role, created_at) SELECT id, 'owner', created_at FROM users WHERE id = $1";
            tx.execute(sql, vec![id.0.into()]).await
        };
        server.app.db.transact(work).await.unwrap();
    };
    make_owner(&amina.id).await;
    assert_eq!(amina.user_errors(DELETE, Value::Null).await, [("LAST_OWNER".to_owned(), String::new())]);
    make_owner(&basma.id).await;
    // Both may ask; only one of them can go.
    assert!(amina.user_errors(DELETE, Value::Null).await.is_empty());
    assert!(basma.user_errors(DELETE, Value::Null).await.is_empty());
    server.advance(14 * 86_400);
    assert_eq!(erase_due(&server).await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM user_roles WHERE role = 'owner'").await, 1);
}

#[tokio::test]
async fn the_link_to_an_archive_is_shown_to_a_recently_authenticated_session_only() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.ok(EXPORT, Value::Null).await;
    server.run_jobs().await;
    assert!(amina.ok(LATEST, Value::Null).await["me"]["latestExport"]["downloadUrl"].is_string());
    server.advance(300);
    let seen = amina.ok(LATEST, Value::Null).await["me"]["latestExport"].clone();
    assert!(seen["completedAt"].is_string() && seen["downloadUrl"].is_null(), "{seen}");
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_is_not_flooded() {
    let server = Server::with(&[("RATE_LIMIT_UNPROVEN_ADDRESS", "3/hour")]).await;
    let amina = server.user("amina").await;
    for _ in 0..10 {
        amina.ok(DELETE, Value::Null).await;
        amina.ok(CANCEL, Value::Null).await;
    }
    assert_eq!(server.sent().await.len(), 3);
    // One's own, proven, is told everything.
    agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap();
    amina.ok(DELETE, Value::Null).await;
    assert_eq!(server.sent().await.len(), 4);
}
