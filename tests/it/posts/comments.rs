//! Answering posts, and replying to answers.

use agora::domain::recount;
use serde_json::{Value, json};

use super::{COMMENT_DELETE, COMMENT_UPDATE, comment, ids, post, time};
use crate::harness::Server;

#[tokio::test]
async fn comments_stand_in_time_order_and_replies_below_their_comment() {
    let server = Server::with(&[("LIMIT_COST", "100000"), ("LIMIT_FIELDS", "10000000")]).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let mut answers = Vec::new();
    for text in ["one", "two", "three"] {
        answers.push(basma.comment(&id, text).await);
        server.advance(1);
    }
    let late_reply = amina.reply(&answers[0], "a reply").await;
    let deep = basma.reply(&late_reply, "a reply to the reply").await;
    let selection = "commentCount comments { totalCount nodes { id body author { username } replyCount parent { id } \
                     post { id } viewerHasLiked viewerCanUpdate viewerCanDelete replies { totalCount nodes { id \
                     parent { id } viewerCanDelete } } } }";
    let seen = post(&basma, &id, selection).await;
    assert_eq!(seen["commentCount"], 5);
    assert_eq!(seen["comments"]["totalCount"], 3, "replies are listed below their comment");
    assert_eq!(ids(&seen["comments"]), answers);
    let first = &seen["comments"]["nodes"][0];
    let reply = json!({ "id": late_reply, "parent": { "id": answers[0] }, "viewerCanDelete": false });
    let expected = json!({
        "id": answers[0], "body": "one", "author": { "username": "basma" }, "replyCount": 1, "parent": null,
        "post": { "id": id }, "viewerHasLiked": false, "viewerCanUpdate": true, "viewerCanDelete": true,
        "replies": { "totalCount": 1, "nodes": [reply] },
    });
    assert_eq!(*first, expected);
    let below = comment(&amina, &late_reply, "replyCount replies { nodes { id body } }").await;
    let nodes = json!([{ "id": deep, "body": "a reply to the reply" }]);
    assert_eq!(below, json!({ "replyCount": 1, "replies": { "nodes": nodes } }));

    for (list, expected) in [
        (format!("{{ post(id: \"{id}\") {{ comments(PAGE) {{ ITEMS }} }} }}"), answers.clone()),
        (
            format!("{{ node(id: \"{}\") {{ ... on Comment {{ replies(PAGE) {{ ITEMS }} }} }} }}", answers[0]),
            vec![late_reply],
        ),
    ] {
        for size in [1, 2, 3] {
            assert_eq!(amina.pages(&list, size, false).await.concat(), expected);
            let mut backwards = amina.pages(&list, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), expected);
        }
    }
}

#[tokio::test]
async fn a_talk_that_is_reversed_begins_with_the_newest() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let (id, other) = (amina.publish("a post").await, amina.publish("another").await);
    let mut answers = Vec::new();
    for text in ["one", "two", "three", "four"] {
        answers.push(basma.comment(&id, text).await);
        // The last three at the same moment.
        server.advance(i64::from(text == "one"));
    }
    amina.reply(&answers[3], "a reply").await;
    let reply = basma.reply(&answers[3], "a later reply").await;
    basma.comment(&other, "elsewhere").await;
    let newest: Vec<String> = answers.iter().rev().cloned().collect();

    // Alone with its post, beside the same the other way round, and in the feed.
    let place = "pageInfo { hasNextPage hasPreviousPage }";
    let seen = post(&amina, &id, &format!("comments(first: 3, reverse: true) {{ nodes {{ id }} {place} }}")).await;
    assert_eq!(ids(&seen["comments"]), newest[..3]);
    assert_eq!(seen["comments"]["pageInfo"], json!({ "hasNextPage": true, "hasPreviousPage": false }));
    let selection = "old: comments(first: 2) { nodes { id } } new: comments(first: 2, reverse: true) { nodes { id \
                     replies(first: 1, reverse: true) { nodes { id } } } }";
    let seen = post(&amina, &id, selection).await;
    assert_eq!(ids(&seen["old"]), answers[..2]);
    assert_eq!(ids(&seen["new"]), newest[..2]);
    assert_eq!(ids(&seen["new"]["nodes"][0]["replies"]), [reply]);
    let feed = "{ posts { nodes { comments(first: 1, reverse: true) { nodes { body } } } } }";
    let last = |body: &str| json!({ "comments": { "nodes": [{ "body": body }] } });
    assert_eq!(amina.ok(feed, Value::Null).await["posts"]["nodes"], json!([last("elsewhere"), last("four")]));

    let query = "query($id: ID!, $reverse: Boolean! = false) { post(id: $id) { \
                 comments(first: 2, reverse: $reverse) { nodes { id } } } }";
    for (given, expected) in [
        (json!({ "id": id }), &answers),
        (json!({ "id": id, "reverse": false }), &answers),
        (json!({ "id": id, "reverse": true }), &newest),
    ] {
        assert_eq!(ids(&amina.ok(query, given.clone()).await["post"]["comments"]), expected[..2], "{given}");
    }

    let list =
        format!("{{ node(id: \"{id}\") {{ ... on Commentable {{ comments(reverse: true, PAGE) {{ ITEMS }} }} }} }}");
    for size in [1, 2, 4] {
        assert_eq!(amina.pages(&list, size, false).await.concat(), newest);
        let mut backwards = amina.pages(&list, size, true).await;
        backwards.reverse();
        assert_eq!(backwards.concat(), newest);
    }
}

#[tokio::test]
async fn an_author_changes_and_deletes_a_comment() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let answer = basma.comment(&id, "first words").await;
    server.advance(60);
    for variables in [json!({ "id": answer }), json!({ "id": answer, "body": " first words " })] {
        let data = basma.ok(COMMENT_UPDATE, variables).await;
        assert_eq!(data["commentUpdate"]["comment"], json!({ "id": answer, "body": "first words", "editedAt": null }));
    }
    let data = basma.ok(COMMENT_UPDATE, json!({ "id": answer, "body": "second thoughts" })).await;
    assert_eq!(data["commentUpdate"]["comment"]["body"], "second thoughts");
    assert_eq!(time(&data["commentUpdate"]["comment"]["editedAt"]), server.clock.now());
    assert_eq!(comment(&amina, &answer, "id body editedAt").await, data["commentUpdate"]["comment"]);

    let data = basma.ok(COMMENT_DELETE, json!({ "id": answer })).await;
    let tombstone = &data["commentDelete"]["comment"];
    assert_eq!((&tombstone["body"], &tombstone["author"]), (&json!(""), &Value::Null));
    assert_eq!((&tombstone["viewerCanUpdate"], &tombstone["viewerCanDelete"]), (&json!(false), &json!(false)));
    assert_eq!(time(&tombstone["deletedAt"]), server.clock.now());
    let seen = post(&amina, &id, "commentCount comments { nodes { id } totalCount }").await;
    assert_eq!(seen, json!({ "commentCount": 0, "comments": { "nodes": [], "totalCount": 0 } }));
    assert_eq!(server.count("SELECT COUNT(*) FROM comments WHERE body <> ''").await, 0);
}

#[tokio::test]
async fn a_deleted_comment_is_listed_while_it_has_replies() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let answer = basma.comment(&id, "an answer").await;
    let (one, two) = (amina.reply(&answer, "one").await, amina.reply(&answer, "two").await);
    basma.ok(COMMENT_DELETE, json!({ "id": answer })).await;
    let selection =
        "commentCount comments { totalCount nodes { id body author { id } replyCount replies { nodes { id } } } }";
    let shown = |replies: &[&str]| {
        let replies: Vec<_> = replies.iter().map(|id| json!({ "id": id })).collect();
        let comment = json!({
            "id": answer, "body": "", "author": null, "replyCount": replies.len(), "replies": { "nodes": replies },
        });
        json!({ "commentCount": replies.len(), "comments": { "totalCount": 1, "nodes": [comment] } })
    };
    assert_eq!(post(&amina, &id, selection).await, shown(&[&one, &two]));
    amina.ok(COMMENT_DELETE, json!({ "id": one })).await;
    assert_eq!(post(&amina, &id, selection).await, shown(&[&two]));
    amina.ok(COMMENT_DELETE, json!({ "id": two })).await;
    let nothing = json!({ "commentCount": 0, "comments": { "totalCount": 0, "nodes": [] } });
    assert_eq!(post(&amina, &id, selection).await, nothing);
    // By its id it is still there, as a place.
    assert_eq!(comment(&amina, &answer, "body author { id }").await, json!({ "body": "", "author": null }));
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_reply_stays_within_reach_below_any_number_of_tombstones() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    // From the inside to the outside, and the other way round, it comes to the same.
    for outside_first in [false, true] {
        let id = amina.publish("a post").await;
        let outer = basma.comment(&id, "outer").await;
        let inner = basma.reply(&outer, "inner").await;
        let living = amina.reply(&inner, "still here").await;
        for comment in if outside_first { [&outer, &inner] } else { [&inner, &outer] } {
            basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
        }
        let selection = "commentCount comments(first: 3) { totalCount nodes { id replyCount \
                         replies(first: 3) { nodes { id replies(first: 3) { nodes { id body } } } } } }";
        let reached = json!([{ "id": outer, "replyCount": 0, "replies": { "nodes": [{
            "id": inner, "replies": { "nodes": [{ "id": living, "body": "still here" }] },
        }] } }]);
        let expected = json!({ "commentCount": 1, "comments": { "totalCount": 1, "nodes": reached } });
        assert_eq!(post(&amina, &id, selection).await, expected);
        // With the last that hangs below them all of them go.
        amina.ok(COMMENT_DELETE, json!({ "id": living })).await;
        let nothing = json!({ "commentCount": 0, "comments": { "totalCount": 0, "nodes": [] } });
        assert_eq!(post(&amina, &id, selection).await, nothing);
    }
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}
