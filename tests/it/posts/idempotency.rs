//! Idempotency keys: what is called again is done once.

use std::collections::BTreeSet;

use agora::{
    domain::idempotency,
    platform::crypto::{hex, sha256},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{COMMENT, COMMENT_DELETE, CREATE, DELETE, SHARE, UPDATE, everything, post, share, told};
use crate::harness::{Server, user_error};

#[tokio::test]
async fn the_same_key_and_input_give_the_same_post_again() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let variables = json!({ "input": { "body": "once", "idempotencyKey": "key 1" } });
    let first = amina.ok(CREATE, variables.clone()).await["postCreate"].clone();
    assert_eq!(first["replayed"], false);
    let before = everything(&server).await;
    let again = amina.ok(CREATE, variables.clone()).await["postCreate"].clone();
    assert_eq!(again, json!({ "replayed": true, "errors": [], "post": first["post"] }));
    // White space around the text is no other input: it is not kept anyway.
    let same = json!({ "input": { "body": " once\n", "idempotencyKey": "key 1" } });
    assert_eq!(amina.ok(CREATE, same).await["postCreate"]["replayed"], true);

    let other = json!({ "input": { "body": "twice", "idempotencyKey": "key 1" } });
    let expected = user_error("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    assert_eq!(amina.user_errors(CREATE, other).await, expected);
    assert_eq!(everything(&server).await, before);

    // What comes again is the present state.
    amina.ok(UPDATE, json!({ "id": first["post"]["id"], "body": "edited" })).await;
    let again = amina.ok(CREATE, variables.clone()).await["postCreate"]["post"].clone();
    assert_eq!(again, json!({ "id": first["post"]["id"], "body": "edited" }));
    amina.ok(DELETE, json!({ "id": first["post"]["id"] })).await;
    let again = amina.ok(CREATE, variables.clone()).await["postCreate"]["post"].clone();
    assert_eq!(again, json!({ "id": first["post"]["id"], "body": "" }));

    // A key is one person's, and one operation's.
    let theirs = basma.ok(CREATE, variables.clone()).await["postCreate"].clone();
    assert_eq!(theirs["replayed"], false);
    let input = json!({ "target": { "postId": theirs["post"]["id"] }, "body": "once", "idempotencyKey": "key 1" });
    assert_eq!(amina.ok(COMMENT, json!({ "input": input })).await["commentCreate"]["replayed"], false);
    let variables = json!({ "id": theirs["post"]["id"], "body": "once", "key": "key 1" });
    let data = amina.ok(SHARE, variables).await;
    assert_eq!(data["postShare"]["replayed"], false);
}

#[tokio::test]
async fn a_key_of_before_there_were_versions_stands_for_the_same_comment() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    let input = |body: &str| json!({ "input": { "target": { "postId": id }, "body": body, "idempotencyKey": "key" } });
    let first = amina.ok(COMMENT, input("hello")).await["commentCreate"].clone();
    let (sql, before) =
        ("UPDATE idempotency_keys SET input_hash = $1", hex(&sha256(format!("Post({id}) hello").as_bytes())));
    server.write(sql, vec![before.into()]).await;
    let again = amina.ok(COMMENT, input("hello")).await["commentCreate"].clone();
    assert_eq!(again, json!({ "replayed": true, "errors": [], "comment": first["comment"] }));
    let expected = user_error("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    assert_eq!(amina.user_errors(COMMENT, input("goodbye")).await, expected);
}

#[tokio::test]
async fn a_comment_and_a_share_are_made_once_for_a_key() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (id, other) = (amina.publish("a post").await, amina.publish("another").await);
    let answer = amina.comment(&id, "an answer").await;
    let comment =
        |target: Value, body: &str| json!({ "input": { "target": target, "body": body, "idempotencyKey": "key" } });
    let first = amina.ok(COMMENT, comment(json!({ "postId": id }), "hello")).await["commentCreate"].clone();
    let share = json!({ "id": id, "body": "look", "key": "key" });
    let shared = amina.ok(SHARE, share.clone()).await["postShare"].clone();
    assert_eq!((&first["replayed"], &shared["replayed"]), (&json!(false), &json!(false)));
    let before = everything(&server).await;

    let again = amina.ok(COMMENT, comment(json!({ "postId": id }), "hello")).await["commentCreate"].clone();
    assert_eq!(again, json!({ "replayed": true, "errors": [], "comment": first["comment"] }));
    let again = amina.ok(SHARE, share.clone()).await["postShare"].clone();
    assert_eq!(again, json!({ "replayed": true, "errors": [], "post": shared["post"] }));

    let reused = user_error("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    for other in [
        comment(json!({ "postId": id }), "other words"),
        comment(json!({ "postId": other }), "hello"),
        comment(json!({ "commentId": answer }), "hello"),
    ] {
        assert_eq!(amina.user_errors(COMMENT, other).await, reused);
    }
    for (id, body) in [(&id, "other words"), (&id, ""), (&other, "look")] {
        let other = json!({ "id": id, "body": body, "key": "key" });
        assert_eq!(amina.user_errors(SHARE, other).await, reused);
    }
    assert_eq!(everything(&server).await, before);

    // Whatever became of what was answered or shared since.
    amina.ok(COMMENT_DELETE, json!({ "id": first["comment"]["id"] })).await;
    amina.ok(DELETE, json!({ "id": id })).await;
    let again = amina.ok(COMMENT, comment(json!({ "postId": id }), "hello")).await["commentCreate"].clone();
    assert_eq!((&again["replayed"], &again["comment"]["body"]), (&json!(true), &json!("")));
    let again = amina.ok(SHARE, share).await["postShare"].clone();
    assert_eq!((&again["replayed"], &again["post"]["id"]), (&json!(true), &shared["post"]["id"]));
}

#[tokio::test]
async fn a_share_of_a_share_comes_again_for_its_key_whatever_became_of_it() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("the original").await;
    let plain = share(&basma, &id, "").await["id"].clone();
    let quoted = share(&basma, &id, "my words").await["id"].clone();
    for (number, middle) in [&plain, &quoted].into_iter().enumerate() {
        let variables = json!({ "id": middle, "key": format!("key {number}") });
        let first = amina.ok(SHARE, variables.clone()).await["postShare"]["post"]["id"].clone();
        basma.ok(DELETE, json!({ "id": middle })).await;
        let before = everything(&server).await;
        let again = amina.ok(SHARE, variables).await["postShare"].clone();
        assert_eq!((&again["errors"], &again["replayed"], &again["post"]["id"]), (&json!([]), &json!(true), &first));
        assert_eq!(everything(&server).await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_calls_at_once_with_one_key_one_does_the_work() {
    let server = Server::start().await;
    let beside = server.beside(&[]).await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    let storm = (0..10).map(|number| {
        let client = amina.clone().through(if number % 2 == 0 { server.router.clone() } else { beside.router.clone() });
        let input = json!({ "target": { "postId": id }, "body": "once", "idempotencyKey": "key" });
        async move { client.ok(COMMENT, json!({ "input": input })).await["commentCreate"].clone() }
    });
    let answers = join_all(storm).await;
    let made: BTreeSet<_> = answers.iter().map(|answer| answer["comment"]["id"].as_str().unwrap()).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer["replayed"] == false).count(), 1, "{answers:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM comments").await, 1);
    assert_eq!(post(&amina, &id, "commentCount").await["commentCount"], 1);
    assert_eq!(told(&server).await, (1, 1));
}

#[tokio::test]
async fn a_key_is_remembered_for_a_day() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let variables = json!({ "input": { "body": "daily", "idempotencyKey": "key" } });
    let first = amina.ok(CREATE, variables.clone()).await["postCreate"]["post"]["id"].clone();
    server.advance(24 * 3600);
    let amina = server.anonymous().login("amina").await;
    let again = amina.ok(CREATE, variables.clone()).await["postCreate"].clone();
    assert_eq!((&again["replayed"], &again["post"]["id"]), (&json!(true), &first));
    server.advance(1);
    let new = amina.ok(CREATE, variables.clone()).await["postCreate"].clone();
    assert_eq!(new["replayed"], false);
    assert_ne!(new["post"]["id"], first);
    // And from then on the new one is meant, also by another input.
    let again = amina.ok(CREATE, variables).await["postCreate"].clone();
    assert_eq!((&again["replayed"], &again["post"]["id"]), (&json!(true), &new["post"]["id"]));
}

#[tokio::test]
async fn a_refused_call_uses_no_key_up_and_bad_keys_are_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    let create = |body: &str, key: &str| json!({ "input": { "body": body, "idempotencyKey": key } });
    let before = everything(&server).await;
    assert_eq!(amina.user_errors(CREATE, create("", "key")).await, user_error("BLANK", "input.body"));
    let target = json!({ "commentId": id.replace("post_", "comment_") });
    let missing = json!({ "input": { "target": target, "body": "x", "idempotencyKey": "key" } });
    assert_eq!(amina.user_errors(COMMENT, missing).await, user_error("NOT_FOUND", "input.target.commentId"));
    let long = "k".repeat(256);
    for (key, code) in [("", "BLANK"), ("  ", "BLANK"), (long.as_str(), "TOO_LONG"), ("a\u{0}b", "INVALID_CHARACTERS")]
    {
        let expected = user_error(code, "input.idempotencyKey");
        assert_eq!(amina.user_errors(CREATE, create("x", key)).await, expected, "{key:?}");
        let input = json!({ "target": { "postId": id }, "body": "x", "idempotencyKey": key });
        assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, expected, "{key:?}");
        let variables = json!({ "id": id, "key": key });
        assert_eq!(amina.user_errors(SHARE, variables).await, expected, "{key:?}");
    }
    assert_eq!(everything(&server).await, before);
    assert_eq!(amina.ok(CREATE, create("now", "key")).await["postCreate"]["replayed"], false);
    let input = json!({ "target": { "postId": id }, "body": "now", "idempotencyKey": "é".repeat(255) });
    assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, []);
}

#[tokio::test]
async fn keys_that_are_past_their_time_are_forgotten_however_many_there_are() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id: agora::entity::UserId = amina.id.parse().unwrap();
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
                INSERT INTO idempotency_keys (actor_id, operation, key, input_hash, result_id, created_at) \
                SELECT $1, $2, CAST(i AS text), '', $1, $3 FROM n";
    // More than go at once, many of a moment; and those of the last day.
    for (operation, hours) in [("a", 1), ("b", 1), ("c", 2), ("d", 3), ("e", 1)] {
        let values = vec![id.0.into(), operation.into(), server.clock.now().into()];
        server.write(fill, values).await;
        server.advance(hours * 3600);
    }
    server.advance(19 * 3600);
    let kept = "SELECT COUNT(*) FROM idempotency_keys";
    assert_eq!(idempotency::prune(&server.app).await.unwrap(), 2700);
    assert_eq!(server.count(kept).await, 1800);
    assert_eq!(idempotency::prune(&server.app).await.unwrap(), 0);
}
