//! What becomes of what somebody was told when it is deleted, taken back, given back or changed.

use agora::domain::digests;
use serde_json::{Value, json};

use super::{
    COMMENT_DELETE, COMMENT_LIKE, DELETE, LIST, LOCALE, MARK_READ, SHARE, UNLIKE, gist, gists, ids, told, with_told,
};
use crate::harness::{Client, Server, Socket, races::one_in_the_midst_of_another, user_error};

const COMMENT_UNLIKE: &str = "mutation($id: ID!) { commentUnlike(input: { id: $id }) { errors { code } } }";
const UPDATE: &str =
    "mutation($id: ID!, $body: String) { postUpdate(input: { id: $id, body: $body }) { errors { code } } }";
const COMMENT_UPDATE: &str =
    "mutation($id: ID!, $body: String) { commentUpdate(input: { id: $id, body: $body }) { errors { code } } }";

/// How many notifications a person has not read, as they are told; the list and its count agree.
async fn unread(client: &Client) -> i64 {
    let data = client.ok(LIST, json!({ "unread": true })).await;
    assert_eq!(data["me"]["notifications"]["totalCount"], data["me"]["notificationUnreadCount"]);
    data["me"]["notificationUnreadCount"].as_i64().unwrap()
}

#[tokio::test]
async fn what_is_gone_is_told_no_longer_and_is_not_unread() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    let own = amina.comment(&post, "amina's").await;
    let comment = basma.comment(&post, "a comment").await;
    let reply = basma.reply(&own, "a reply").await;
    let share = basma.ok(SHARE, json!({ "id": post })).await["postShare"]["post"]["id"].clone();
    basma.like(&post).await;
    basma.ok(COMMENT_LIKE, json!({ "id": own })).await;
    assert_eq!(told(&server, &amina).await.len(), 5);
    assert_eq!(unread(&amina).await, 5);
    for (left, mutation, id) in [
        (4, COMMENT_DELETE, &json!(comment)),
        (3, COMMENT_DELETE, &json!(reply)),
        (2, DELETE, &share),
        (1, UNLIKE, &json!(post)),
        (0, COMMENT_UNLIKE, &json!(own)),
    ] {
        basma.ok(mutation, json!({ "id": id })).await;
        assert_eq!(told(&server, &amina).await.len(), left, "{mutation}");
        assert_eq!(unread(&amina).await, i64::try_from(left).unwrap(), "{mutation}");
    }
    // What was said is nowhere to be read any more.
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications WHERE message <> ''").await, 0);
    assert_eq!(
        amina.ok("mutation { notificationMarkAllRead { markedCount } }", Value::Null).await["notificationMarkAllRead"]
            ["markedCount"],
        0
    );
}

#[tokio::test]
async fn with_a_post_or_comment_goes_what_was_told_because_of_it() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    let elsewhere = amina.comment(&basma.publish("basma's").await, "amina's").await;
    basma.like(&post).await;
    basma.comment(&post, "a comment").await;
    basma.ok(SHARE, json!({ "id": post })).await;
    basma.ok(COMMENT_LIKE, json!({ "id": elsewhere })).await;
    basma.reply(&elsewhere, "a reply").await;
    assert_eq!(told(&server, &amina).await.len(), 5);
    amina.ok(DELETE, json!({ "id": post })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[("REPLY", "a reply"), ("LIKE", "amina's")]));
    amina.ok(COMMENT_DELETE, json!({ "id": elsewhere })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[]));
    assert_eq!(unread(&amina).await, 0);
}

#[tokio::test]
async fn a_like_that_comes_and_goes_is_news_once() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    // Taken back before anybody looked: nothing to tell.
    basma.like(&post).await;
    basma.ok(UNLIKE, json!({ "id": post })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[]));
    basma.like(&post).await;
    let first = told(&server, &amina).await;
    assert_eq!(first.len(), 1);
    amina.ok(MARK_READ, json!({ "id": first[0]["id"] })).await;
    let first = told(&server, &amina).await;
    server.advance(60);
    for _ in 0..2 {
        basma.ok(UNLIKE, json!({ "id": post })).await;
        assert_eq!(gist(&server, &amina).await, gists(&[]));
        assert_eq!(
            amina.user_errors(MARK_READ, json!({ "id": first[0]["id"] })).await,
            user_error("NOT_FOUND", "input.id")
        );
        assert_eq!(
            amina.ok("query($id: ID!) { node(id: $id) { id } }", json!({ "id": first[0]["id"] })).await["node"],
            Value::Null
        );
        basma.like(&post).await;
        // As it was: read, and in its place.
        assert_eq!(told(&server, &amina).await, first);
        assert_eq!(unread(&amina).await, 0);
    }
    // Taken back and given again before anybody looked: nothing has changed.
    basma.ok(UNLIKE, json!({ "id": post })).await;
    basma.like(&post).await;
    assert_eq!(told(&server, &amina).await, first);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 1);
}

#[tokio::test]
async fn the_live_stream_tells_what_is_gone() {
    let (server, amina, basma, post) = with_told(0).await;
    let address = server.listen().await;
    let start = amina.ok(LIST, Value::Null).await["me"]["notifications"]["streamCursor"].clone();
    let watch =
        "subscription($after: String) { notificationReceived(after: $after) { phase goneId notification { id } } }";
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    socket.subscribe("1", watch, json!({})).await;
    assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");
    let comment = basma.comment(&post, "regretted").await;
    server.run_jobs().await;
    let id = socket.event().await["notificationReceived"]["notification"]["id"].clone();
    basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
    server.run_jobs().await;
    let gone = json!({ "phase": "LIVE", "goneId": id, "notification": null });
    assert_eq!(socket.event().await["notificationReceived"], gone);
    // Whoever comes back later is told only that it is gone.
    let mut later = Socket::open(address, amina.access_token.as_deref()).await;
    later.subscribe("1", watch, json!({ "after": start })).await;
    let nothing = json!({ "phase": "REPLAY", "goneId": null, "notification": null });
    assert_eq!(later.event().await["notificationReceived"], nothing);
    assert_eq!(later.event().await["notificationReceived"]["goneId"], id);
    assert_eq!(later.event().await["notificationReceived"]["phase"], "LIVE");
}

#[tokio::test]
async fn what_was_missed_is_told_as_it_is_now_whoever_else_follows() {
    let (server, amina, basma, post) = with_told(0).await;
    // Somebody follows through one instance, so that it remembers what happened; nobody does through the other one.
    let beside = server.beside(&[]).await;
    let (address, quiet) = (server.listen().await, beside.listen().await);
    let start = amina.ok(LIST, Value::Null).await["me"]["notifications"]["streamCursor"].clone();
    let watch = "subscription($after: String) { notificationReceived(after: $after) { phase goneId notification { message } } }";
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    socket.subscribe("1", watch, json!({})).await;
    assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");
    let mut comments = Vec::new();
    for text in ["regretted", "with a secret", "kept"] {
        comments.push(basma.comment(&post, text).await);
        server.run_jobs().await;
        assert_eq!(socket.event().await["notificationReceived"]["notification"]["message"], text);
    }
    basma.ok(COMMENT_DELETE, json!({ "id": comments[0] })).await;
    basma.ok(COMMENT_UPDATE, json!({ "id": comments[1], "body": "without" })).await;
    server.run_jobs().await;
    assert!(socket.event().await["notificationReceived"]["goneId"].is_string());
    for address in [address, quiet] {
        let mut later = Socket::open(address, amina.access_token.as_deref()).await;
        later.subscribe("1", watch, json!({ "after": start })).await;
        let mut missed = Vec::new();
        loop {
            let step = later.event().await["notificationReceived"].clone();
            if step["phase"] == "LIVE" {
                break;
            }
            assert_eq!(step["phase"], "REPLAY");
            missed.push(step);
        }
        let messages: Vec<_> = missed.iter().map(|step| step["notification"]["message"].as_str()).collect();
        assert_eq!(messages, [None, Some("without"), Some("kept"), None]);
        let gone: Vec<_> = missed.iter().map(|step| step["goneId"].is_string()).collect();
        assert_eq!(gone, [false, false, false, true]);
    }
}

#[tokio::test]
async fn many_go_at_once_and_the_stream_has_no_gap() {
    let (server, amina, basma, post) = with_told(0).await;
    let before = "INSERT INTO notifications (id, recipient_id, kind, title, message, subject_kind, subject_id, dedupe_key, \
                  created_at) VALUES ($1, $2, 'like', 'x', 'x', 'post', $3, $4, $5)";
    let app = &server.app;
    let (user, subject) =
        (amina.id.parse::<agora::entity::UserId>().unwrap().0, post.parse::<agora::entity::PostId>().unwrap().0);
    app.db
        .transact(async |tx| {
            for number in 0..1100 {
                let now = app.clock.now();
                let values = vec![
                    app.ids.next(now).into(),
                    user.into(),
                    subject.into(),
                    format!("x:{number}").into(),
                    now.into(),
                ];
                tx.execute(before, values).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    basma.comment(&post, "hello").await;
    assert_eq!(server.run_jobs().await, 1);
    amina.ok(DELETE, json!({ "id": post })).await;
    assert_eq!(told(&server, &amina).await, Vec::<Value>::new());
    let gone = "SELECT COUNT(DISTINCT subject_id) FROM events WHERE kind = 'notification_gone'";
    assert_eq!(server.count(gone).await, 1101);
    let gaps = "SELECT MAX(seq) - COUNT(*) FROM events WHERE stream_kind = 'notifications'";
    assert_eq!(server.count(gaps).await, 0);
}

#[tokio::test]
async fn what_is_deleted_while_it_is_told_goes_all_the_same() {
    for (act, end) in [("comment", COMMENT_DELETE), ("like", UNLIKE)] {
        let (server, amina, basma, post) = with_told(0).await;
        let id = if act == "comment" {
            basma.comment(&post, "regretted").await
        } else {
            basma.like(&post).await;
            post
        };
        let ending = basma.ok(end, json!({ "id": id }));
        let both = one_in_the_midst_of_another(&server, "notification.delivering", server.run_jobs(), ending);
        Box::pin(both).await;
        assert_eq!(told(&server, &amina).await, Vec::<Value>::new(), "{act}");
        assert_eq!(unread(&amina).await, 0);
    }
}

#[tokio::test]
async fn what_is_edited_is_quoted_as_it_is_now() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    basma.like(&post).await;
    let share = basma.ok(SHARE, json!({ "id": post })).await["postShare"]["post"]["id"].clone();
    let comment = basma.comment(&post, "with a secret").await;
    assert_eq!(told(&server, &amina).await.len(), 3);
    basma.ok(COMMENT_UPDATE, json!({ "id": comment, "body": "without" })).await;
    amina.ok(UPDATE, json!({ "id": post, "body": "another" })).await;
    basma.ok(UPDATE, json!({ "id": share, "body": "look at this" })).await;
    let expected = gists(&[("COMMENT", "without"), ("SHARE", "another"), ("LIKE", "another")]);
    assert_eq!(gist(&server, &amina).await, expected);
    assert_eq!(server.places_of("with a secret").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_digest_names_nothing_that_is_gone_by_the_time_it_leaves() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    amina.ok(LOCALE, json!({ "input": { "digest": "DAILY" } })).await;
    let post = amina.publish("a post").await;
    let comment = basma.comment(&post, "regretted").await;
    basma.like(&post).await;
    server.run_jobs().await;
    let before = server.sent().await.len();
    assert_eq!(digests::send(&server.app).await.unwrap(), 1);
    basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
    let sent = server.last_sent("amina@example.org").await;
    assert!(sent.text.contains(": 1.") && sent.text.contains("basma likes your post"), "{}", sent.text);
    assert!(!sent.text.contains("commented"), "{}", sent.text);
    // Nothing is left of the next one: it does not leave.
    server.advance(25 * 3600);
    let basma = server.anonymous().login("basma").await;
    let comment = basma.comment(&post, "regretted, too").await;
    server.run_jobs().await;
    assert_eq!(digests::send(&server.app).await.unwrap(), 1);
    basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
    server.run_jobs().await;
    assert_eq!(server.sent().await.len(), before + 1);
}

#[tokio::test]
async fn what_has_been_gone_for_long_is_forgotten() {
    let (server, amina, basma, post) = with_told(2).await;
    basma.like(&post).await;
    server.run_jobs().await;
    basma.ok(UNLIKE, json!({ "id": post })).await;
    assert_eq!(ids(&amina.ok(LIST, Value::Null).await["me"]["notifications"]).len(), 3, "not before the job");
    server.run_jobs().await;
    assert_eq!(agora::domain::notifications::prune(&server.app).await.unwrap(), 0);
    let kept = chrono::TimeDelta::from_std(server.app.config.event_retention).unwrap();
    server.clock.advance(kept + chrono::TimeDelta::seconds(1));
    assert_eq!(agora::domain::notifications::prune(&server.app).await.unwrap(), 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 2);
}
