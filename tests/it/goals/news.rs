//! News by e-mail, and how guests put an end to them.

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, header},
};
use serde_json::json;

use super::{begin, contribute, gift, settle};
use crate::{
    harness::{Client, Server},
    payments::{self, GOOD},
};
use agora::platform::providers::payments::sandbox::Act;

const PUBLISH: &str = "mutation($input: GoalNewsPublishInput!) { goalNewsPublish(input: $input) { errors { code } } }";

/// A guest gives, until the money is there.
async fn give(server: &Server, goal: &str, email: &str, key: &str) {
    let input = gift(goal, "7.00", key, &json!({ "guest": { "email": email } }));
    let payload = contribute(&server.anonymous(), &input).await;
    payments::act(server, &payload["payment"], &Act::card(GOOD)).await;
    settle(server).await;
}

/// The owner tells news; a day later, so that guests get them.
async fn publish(server: &Server, owner: &Client, goal: &str, title: &str) {
    server.advance(86_401);
    let owner = server.anonymous().login(&owner.username).await;
    let input = json!({ "goalId": goal, "title": title, "body": "Thank you all." });
    assert_eq!(owner.user_errors(PUBLISH, json!({ "input": input })).await, []);
    settle(server).await;
}

/// The news that somebody got, as texts.
async fn emails(server: &Server, to: &str) -> Vec<String> {
    let sent = server.sent().await;
    sent.into_iter().filter(|sent| sent.to == to && sent.subject.contains("News")).map(|sent| sent.text).collect()
}

/// Where an e-mail says that one unsubscribes: the path.
fn path(message: &str) -> String {
    let line = message.lines().find(|line| line.contains("/unsubscribe/")).unwrap_or_else(|| panic!("{message}"));
    line[line.find("/unsubscribe/").unwrap()..].to_owned()
}

async fn text(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    if status == StatusCode::OK {
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn look(server: &Server, path: &str, language: &str) -> (StatusCode, String) {
    let request = Request::get(path).header(header::ACCEPT_LANGUAGE, language).body(Body::empty()).unwrap();
    text(server.send(request).await).await
}

/// As a mail program does it.
async fn press(server: &Server, path: &str) -> (StatusCode, String) {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("List-Unsubscribe=One-Click"))
        .unwrap();
    text(server.send(request).await).await
}

#[tokio::test]
async fn a_guest_unsubscribes_by_the_button_and_not_by_a_look() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({ "title": "A <roof>" })).await;
    let other = begin(&olivia, &json!({ "title": "A door" })).await;
    give(&server, &goal, "guest@example.org", "1").await;
    give(&server, &goal, "friend@example.org", "2").await;
    give(&server, &other, "guest@example.org", "3").await;
    publish(&server, &olivia, &goal, "One").await;
    let link = path(&emails(&server, "guest@example.org").await[0]);

    // Whoever only looks, as programs that test links do, changes nothing.
    for _ in 0..2 {
        let (status, page) = look(&server, &link, "en").await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("A &lt;roof&gt;") && page.contains("<form method=\"post\">"), "{page}");
    }
    let (_, page) = look(&server, &link, "ar").await;
    assert!(page.contains("dir=\"rtl\"") && page.contains("إلغاء الاشتراك"), "{page}");
    publish(&server, &olivia, &goal, "Two").await;
    assert_eq!(emails(&server, "guest@example.org").await.len(), 2);

    // Again is harmless, and the first e-mail's link is as good as the last one's.
    for _ in 0..2 {
        let (status, page) = press(&server, &link).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("no e-mails") && !page.contains("<form"), "{page}");
    }
    assert!(look(&server, &link, "en").await.1.contains("no e-mails"));

    // Of this goal, and whatever is given to it later; others and others' are as before.
    give(&server, &goal, "guest@example.org", "4").await;
    publish(&server, &olivia, &goal, "Three").await;
    assert_eq!(emails(&server, "guest@example.org").await.len(), 2);
    assert_eq!(emails(&server, "friend@example.org").await.len(), 3);
    publish(&server, &olivia, &other, "Four").await;
    assert_eq!(emails(&server, "guest@example.org").await.len(), 3);
}

#[tokio::test]
async fn a_guest_is_one_mailbox_however_they_write_its_address() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    let spellings = ["Zoë@bücher.example", "zoe\u{308}@xn--bcher-kva.example", "ZOË@BÜCHER.example"];
    for (key, email) in spellings.iter().enumerate() {
        give(&server, &goal, email, &key.to_string()).await;
    }
    publish(&server, &olivia, &goal, "One").await;
    let all = async || server.sent().await.into_iter().filter(|sent| sent.subject.contains("News")).collect::<Vec<_>>();
    let sent = all().await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    press(&server, &path(&sent[0].text)).await;
    publish(&server, &olivia, &goal, "Two").await;
    assert_eq!(all().await.len(), 1);
    // Nor is it another guest's key.
    let again = gift(&goal, "7.00", "0", &json!({ "guest": { "email": spellings[1] } }));
    let payload = contribute(&server.anonymous(), &again).await;
    assert_eq!(payload["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED", "{payload}");
}

#[tokio::test]
async fn nobody_is_unsubscribed_by_a_link_that_is_none() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &goal, "guest@example.org", "1").await;
    publish(&server, &olivia, &goal, "One").await;
    let link = path(&emails(&server, "guest@example.org").await[0]);
    let mut changed = link.clone().into_bytes();
    let last = changed.len() - 3;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    let olivia = server.anonymous().login("olivia").await;
    let statement = olivia
        .ok("{ me { wallet { statement(currency: \"USD\", during: {}) { url } } } }", json!(null))
        .await["me"]["wallet"]["statement"]["url"]
        .as_str()
        .unwrap()
        .rsplit_once('/')
        .map(|(_, token)| format!("/unsubscribe/{token}"))
        .unwrap();
    let long = format!("/unsubscribe/{}", "A".repeat(5_000));
    for wrong in [String::from_utf8(changed).unwrap(), statement, long, "/unsubscribe/nonsense".to_owned()] {
        assert_eq!(look(&server, &wrong, "en").await.0, StatusCode::NOT_FOUND, "{wrong}");
        assert_eq!(press(&server, &wrong).await.0, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM goal_contributions WHERE news_stopped_at IS NOT NULL").await, 0);
    publish(&server, &olivia, &goal, "Two").await;
    assert_eq!(emails(&server, "guest@example.org").await.len(), 2);
}

#[tokio::test]
async fn a_guest_who_was_forgotten_by_hand_finds_nothing_of_theirs() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &goal, "guest@example.org", "1").await;
    publish(&server, &olivia, &goal, "One").await;
    let link = path(&emails(&server, "guest@example.org").await[0]);
    let forget = "UPDATE goal_contributions SET guest_name = NULL, guest_email = NULL, guest_key = NULL";
    server.write(forget, Vec::new()).await;
    let (status, page) = press(&server, &link).await;
    assert!(status == StatusCode::OK && page.contains("no e-mails"), "{status} {page}");
    assert_eq!(server.count("SELECT COUNT(*) FROM goal_contributions WHERE news_stopped_at IS NOT NULL").await, 0);
}
