//! Posts: publishing, changing, deleting, liking, passing on, answering; lists, searches, the feed; counters.

use std::collections::BTreeSet;

use agora::{domain::posts, entity::PostId};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Client, Server};

const CREATE: &str = "mutation($input: PostCreateInput!) { postCreate(input: $input) { replayed errors { code path } \
    post { id body } } }";
const UPDATE: &str = "mutation($id: ID!, $input: PostUpdateInput!) { postUpdate(id: $id, input: $input) { \
    errors { code path } post { id body editedAt } } }";
const DELETE: &str = "mutation($id: ID!) { postDelete(id: $id) { errors { code path } post { id body deletedAt \
    author { id } viewerCanUpdate viewerCanDelete } } }";
const LIKE: &str =
    "mutation($id: ID!) { postLike(id: $id) { errors { code path } post { likeCount viewerHasLiked } } }";
const UNLIKE: &str =
    "mutation($id: ID!) { postUnlike(id: $id) { errors { code path } post { likeCount viewerHasLiked } } }";
const SHARE: &str = "mutation($id: ID!, $input: PostShareInput) { postShare(id: $id, input: $input) { replayed \
    errors { code path } post { id body sharedPost { id body shareCount } } } }";
const COMMENT: &str = "mutation($input: CommentCreateInput!) { commentCreate(input: $input) { replayed errors { code path } \
    comment { id body parent { id } post { id commentCount } } } }";
const COMMENT_UPDATE: &str = "mutation($id: ID!, $input: CommentUpdateInput!) { commentUpdate(id: $id, input: $input) { \
    errors { code path } comment { id body editedAt } } }";
const COMMENT_DELETE: &str = "mutation($id: ID!) { commentDelete(id: $id) { errors { code path } comment { id body \
    deletedAt author { id } viewerCanUpdate viewerCanDelete } } }";
const COMMENT_LIKE: &str = "mutation($id: ID!) { commentLike(id: $id) { errors { code path } comment { likeCount \
    viewerHasLiked } } }";
const COMMENT_UNLIKE: &str = "mutation($id: ID!) { commentUnlike(id: $id) { errors { code path } comment { likeCount \
    viewerHasLiked } } }";

fn one(code: &str, path: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), path.to_owned())]
}

fn time(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap_or_else(|| panic!("no time: {text}")).parse().unwrap()
}

fn ids(list: &Value) -> Vec<String> {
    list["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of the posts that a filter and an order give, in that order.
async fn listed(client: &Client, filter: Value, sort: &str) -> Vec<String> {
    let query = "query($where: PostWhere, $sort: PostSort!) { posts(where: $where, sortBy: $sort, first: 100) { \
                 nodes { id } totalCount } }";
    let data = client.ok(query, json!({ "where": filter, "sort": sort })).await;
    let found = ids(&data["posts"]);
    assert_eq!(data["posts"]["totalCount"], found.len(), "{filter}");
    found
}

async fn post(client: &Client, id: &str, selection: &str) -> Value {
    client.ok(&format!("query($id: ID!) {{ post(id: $id) {{ {selection} }} }}"), json!({ "id": id })).await["post"]
        .clone()
}

async fn comment(client: &Client, id: &str, selection: &str) -> Value {
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Comment {{ {selection} }} }} }}");
    client.ok(&query, json!({ "id": id })).await["node"].clone()
}

/// Everything that a refused call could have changed.
async fn everything(server: &Server) -> Vec<i64> {
    let mut counts = Vec::new();
    for sql in [
        "SELECT COUNT(*) FROM posts",
        "SELECT COUNT(*) FROM posts WHERE deleted_at IS NULL",
        "SELECT COUNT(*) FROM posts WHERE edited_at IS NULL",
        "SELECT CAST(COALESCE(SUM(like_count + 1000 * comment_count + 1000000 * share_count), 0) AS bigint) FROM posts",
        "SELECT CAST(COALESCE(SUM(event_seq), 0) AS bigint) FROM posts",
        "SELECT COUNT(*) FROM post_tags",
        "SELECT COUNT(*) FROM post_likes",
        "SELECT COUNT(*) FROM comments",
        "SELECT COUNT(*) FROM comments WHERE deleted_at IS NULL",
        "SELECT COUNT(*) FROM comments WHERE edited_at IS NULL",
        "SELECT CAST(COALESCE(SUM(like_count + 1000 * reply_count), 0) AS bigint) FROM comments",
        "SELECT COUNT(*) FROM comment_likes",
        "SELECT CAST(SUM(post_count) AS bigint) FROM users",
        "SELECT COUNT(*) FROM events",
        "SELECT COUNT(*) FROM jobs",
        "SELECT COUNT(*) FROM idempotency_keys",
    ] {
        counts.push(server.count(sql).await);
    }
    counts
}

// ---------------------------------------------------------------------------------- publishing, changing, deleting

#[tokio::test]
async fn a_post_is_published_and_read_by_everybody() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    server.advance(60);
    let data = amina.ok(CREATE, json!({ "input": { "body": "  Hello #World\r\n\tsecond line \n" } })).await;
    assert_eq!(data["postCreate"]["errors"], json!([]));
    assert_eq!(data["postCreate"]["replayed"], false);
    let id = data["postCreate"]["post"]["id"].as_str().unwrap();
    assert!(id.starts_with("post_") && id.parse::<PostId>().is_ok(), "{id}");

    let selection = "id body author { id username postCount } likeCount commentCount shareCount sharedPost { id } \
                     editedAt deletedAt comments { nodes { id } totalCount } likes { nodes { createdAt } totalCount } \
                     createdAt viewerHasLiked viewerCanUpdate viewerCanDelete";
    let seen = post(&basma, id, selection).await;
    let empty = json!({ "nodes": [], "totalCount": 0 });
    let expected = json!({
        "id": id, "body": "Hello #World\n\tsecond line", "author": { "id": amina.id, "username": "amina", "postCount": 1 },
        "likeCount": 0, "commentCount": 0, "shareCount": 0, "sharedPost": null, "editedAt": null, "deletedAt": null,
        "comments": empty, "likes": empty, "createdAt": seen["createdAt"],
        "viewerHasLiked": false, "viewerCanUpdate": false, "viewerCanDelete": false,
    });
    assert_eq!(seen, expected);
    assert_eq!(time(&seen["createdAt"]), server.clock.now());

    let viewer = "viewerHasLiked viewerCanUpdate viewerCanDelete";
    let own = json!({ "viewerHasLiked": false, "viewerCanUpdate": true, "viewerCanDelete": true });
    assert_eq!(post(&amina, id, viewer).await, own);
    let nobodys = json!({ "viewerHasLiked": null, "viewerCanUpdate": false, "viewerCanDelete": false });
    assert_eq!(post(&server.anonymous(), id, viewer).await, nobodys);
    assert_eq!(listed(&server.anonymous(), json!({}), "NEWEST").await, [id]);
}

#[tokio::test]
async fn texts_that_are_blank_too_long_or_hold_control_characters_are_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    let answer = amina.comment(&id, "a comment").await;
    let share = amina.ok(SHARE, json!({ "id": id, "input": { "body": "with a word" } })).await;
    let share = share["postShare"]["post"]["id"].clone();
    let before = everything(&server).await;
    let (long, long_comment) = ("é".repeat(10_001), "é".repeat(2_001));
    for (text, code) in [
        ("", "BLANK"),
        (" \t\r\n\u{a0}\u{3000} ", "BLANK"),
        (long.as_str(), "TOO_LONG"),
        ("nul \u{0}", "INVALID_CHARACTERS"),
        ("bell \u{7}", "INVALID_CHARACTERS"),
        ("delete \u{7f}", "INVALID_CHARACTERS"),
        ("next line \u{85} in", "INVALID_CHARACTERS"),
        ("return \r alone", "INVALID_CHARACTERS"),
        ("turned \u{202e} around", "INVALID_CHARACTERS"),
        ("isolated \u{2066} text", "INVALID_CHARACTERS"),
        ("\u{fffd}", "INVALID_CHARACTERS"),
    ] {
        let short = format!("{:.20}", text.escape_debug().to_string());
        let body = json!({ "body": text });
        let expected = one(code, "input.body");
        assert_eq!(amina.user_errors(CREATE, json!({ "input": body })).await, expected, "{short}");
        assert_eq!(amina.user_errors(UPDATE, json!({ "id": id, "input": body })).await, expected, "{short}");
        if code != "BLANK" {
            // A share can do without a text.
            assert_eq!(amina.user_errors(SHARE, json!({ "id": id, "input": body })).await, expected, "{short}");
            assert_eq!(amina.user_errors(UPDATE, json!({ "id": share, "input": body })).await, expected, "{short}");
        }
        let text = if code == "TOO_LONG" { long_comment.as_str() } else { text };
        let input = json!({ "postId": id, "body": text });
        assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, expected, "{short}");
        let variables = json!({ "id": answer, "input": { "body": text } });
        assert_eq!(amina.user_errors(COMMENT_UPDATE, variables).await, expected, "{short}");
    }
    assert_eq!(
        amina.user_errors(UPDATE, json!({ "id": id, "input": { "body": null } })).await,
        one("BLANK", "input.body")
    );
    let variables = json!({ "id": answer, "input": { "body": null } });
    assert_eq!(amina.user_errors(COMMENT_UPDATE, variables).await, one("BLANK", "input.body"));
    assert_eq!(everything(&server).await, before);

    // The longest that is allowed, white space around it aside.
    let longest = format!("  {}\n", "é".repeat(10_000));
    assert_eq!(amina.user_errors(CREATE, json!({ "input": { "body": longest } })).await, []);
    let longest = format!("  {}\n", "é".repeat(2_000));
    assert_eq!(amina.user_errors(COMMENT, json!({ "input": { "postId": id, "body": longest } })).await, []);
}

#[tokio::test]
async fn an_author_changes_the_text_of_a_post() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("about #cats").await;
    let other = amina.publish("another").await;
    server.advance(60);
    // What asks for no change is none.
    for input in [json!({}), json!({ "body": "about #cats" }), json!({ "body": " about #cats \n" })] {
        let data = amina.ok(UPDATE, json!({ "id": id, "input": input })).await;
        let unchanged = json!({ "id": id, "body": "about #cats", "editedAt": null });
        assert_eq!(data["postUpdate"], json!({ "errors": [], "post": unchanged }), "{input}");
    }
    let data = amina.ok(UPDATE, json!({ "id": id, "input": { "body": "about #dogs" } })).await;
    assert_eq!(data["postUpdate"]["post"]["body"], "about #dogs");
    assert_eq!(time(&data["postUpdate"]["post"]["editedAt"]), server.clock.now());
    assert_eq!(post(&amina, &id, "id body editedAt").await, data["postUpdate"]["post"], "what is answered is stored");

    for (filter, expected) in [
        (json!({ "tag": "cats" }), vec![]),
        (json!({ "tag": "dogs" }), vec![id.clone()]),
        (json!({ "text": "cats" }), vec![]),
        (json!({ "text": "dogs" }), vec![id.clone()]),
    ] {
        assert_eq!(listed(&amina, filter.clone(), "NEWEST").await, expected, "{filter}");
    }
    assert_eq!(listed(&amina, json!({}), "NEWEST").await, [other, id], "an edit moves nothing");
}

#[tokio::test]
async fn only_the_author_changes_or_deletes() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("amina's").await;
    let answer = basma.comment(&id, "basma's").await;
    let before = everything(&server).await;
    let input = json!({ "body": "changed" });
    assert_eq!(basma.user_errors(UPDATE, json!({ "id": id, "input": input })).await, one("NOT_ALLOWED", "id"));
    assert_eq!(basma.user_errors(DELETE, json!({ "id": id })).await, one("NOT_ALLOWED", "id"));
    // Whose post it is does not matter to what others wrote below it.
    assert_eq!(
        amina.user_errors(COMMENT_UPDATE, json!({ "id": answer, "input": input })).await,
        one("NOT_ALLOWED", "id")
    );
    assert_eq!(amina.user_errors(COMMENT_DELETE, json!({ "id": answer })).await, one("NOT_ALLOWED", "id"));
    let nobody = server.anonymous();
    for (query, id) in [(UPDATE, &id), (COMMENT_UPDATE, &answer)] {
        assert_eq!(nobody.refused(query, json!({ "id": id, "input": input })).await, "UNAUTHENTICATED");
    }
    for query in [DELETE, LIKE, UNLIKE, SHARE] {
        assert_eq!(nobody.refused(query, json!({ "id": id })).await, "UNAUTHENTICATED", "{query}");
    }
    for query in [COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE] {
        assert_eq!(nobody.refused(query, json!({ "id": answer })).await, "UNAUTHENTICATED", "{query}");
    }
    assert_eq!(nobody.refused(CREATE, json!({ "input": input })).await, "UNAUTHENTICATED");
    assert_eq!(nobody.refused(COMMENT, json!({ "input": { "postId": id, "body": "x" } })).await, "UNAUTHENTICATED");
    assert_eq!(everything(&server).await, before);
}

#[tokio::test]
async fn a_deleted_post_leaves_a_tombstone_with_its_answers() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a #secret of mine").await;
    let answer = basma.comment(&id, "an answer").await;
    let reply = amina.reply(&answer, "a reply").await;
    basma.like(&id).await;
    server.advance(60);

    let data = amina.ok(DELETE, json!({ "id": id })).await;
    let tombstone = &data["postDelete"]["post"];
    assert_eq!(data["postDelete"]["errors"], json!([]));
    assert_eq!(tombstone["body"], "");
    assert_eq!(tombstone["author"], Value::Null);
    assert_eq!((&tombstone["viewerCanUpdate"], &tombstone["viewerCanDelete"]), (&json!(false), &json!(false)));
    assert_eq!(time(&tombstone["deletedAt"]), server.clock.now());

    for client in [&amina, &basma, &server.anonymous()] {
        let selection = "body author { id } viewerCanUpdate viewerCanDelete deletedAt commentCount likeCount \
                         comments { nodes { id body author { username } replies { nodes { id body } } } }";
        let seen = post(client, &id, selection).await;
        assert_eq!((&seen["body"], &seen["author"]), (&json!(""), &Value::Null));
        assert_eq!((&seen["viewerCanUpdate"], &seen["viewerCanDelete"]), (&json!(false), &json!(false)));
        assert_eq!(time(&seen["deletedAt"]), server.clock.now());
        assert_eq!((&seen["commentCount"], &seen["likeCount"]), (&json!(2), &json!(1)));
        let answers = json!([{
            "id": answer, "body": "an answer", "author": { "username": "basma" },
            "replies": { "nodes": [{ "id": reply, "body": "a reply" }] },
        }]);
        assert_eq!(seen["comments"]["nodes"], answers);
        let node = "query($id: ID!) { node(id: $id) { ... on Post { body author { id } } } }";
        let node = client.ok(node, json!({ "id": id })).await;
        assert_eq!(node["node"], json!({ "body": "", "author": null }));
        for filter in
            [json!({}), json!({ "text": "secret" }), json!({ "tag": "secret" }), json!({ "authorId": amina.id })]
        {
            assert_eq!(listed(client, filter.clone(), "NEWEST").await, Vec::<String>::new(), "{filter}");
        }
    }
    let author = "{ user(username: \"amina\") { postCount posts { nodes { id } } } }";
    let author = server.anonymous().ok(author, Value::Null).await;
    assert_eq!(author["user"], json!({ "postCount": 0, "posts": { "nodes": [] } }));
    let left = "SELECT COUNT(*) FROM posts WHERE body <> '' OR search_key <> ''";
    assert_eq!(server.count(left).await, 0, "the text itself has to be gone");
    assert_eq!(server.count("SELECT COUNT(*) FROM post_tags").await, 0);
}

#[tokio::test]
async fn nothing_is_done_to_what_is_deleted_or_was_never_there() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("to be deleted").await;
    let answer = basma.comment(&id, "stays").await;
    let gone_answer = amina.comment(&id, "goes").await;
    basma.like(&id).await;
    basma.ok(COMMENT_LIKE, json!({ "id": gone_answer })).await;
    amina.ok(COMMENT_DELETE, json!({ "id": gone_answer })).await;
    amina.ok(DELETE, json!({ "id": id })).await;
    let never = PostId(server.app.ids.next(server.clock.now())).to_string();
    let never_comment = never.replace("post_", "comment_");
    let before = everything(&server).await;

    let input = json!({ "body": "changed" });
    for post in [&id, &never] {
        for client in [&amina, &basma] {
            assert_eq!(client.user_errors(UPDATE, json!({ "id": post, "input": input })).await, one("NOT_FOUND", "id"));
            for query in [DELETE, LIKE, UNLIKE, SHARE] {
                assert_eq!(client.user_errors(query, json!({ "id": post })).await, one("NOT_FOUND", "id"), "{query}");
            }
            let answer = json!({ "input": { "postId": post, "body": "late" } });
            assert_eq!(client.user_errors(COMMENT, answer).await, one("NOT_FOUND", "input.postId"));
        }
    }
    for comment in [&gone_answer, &never_comment] {
        for client in [&amina, &basma] {
            let variables = json!({ "id": comment, "input": input });
            assert_eq!(client.user_errors(COMMENT_UPDATE, variables).await, one("NOT_FOUND", "id"));
            for query in [COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE] {
                assert_eq!(
                    client.user_errors(query, json!({ "id": comment })).await,
                    one("NOT_FOUND", "id"),
                    "{query}"
                );
            }
            let reply = json!({ "input": { "commentId": comment, "body": "late" } });
            assert_eq!(client.user_errors(COMMENT, reply).await, one("NOT_FOUND", "input.commentId"));
        }
    }
    // A living comment below a deleted post takes no replies either.
    let reply = json!({ "input": { "commentId": answer, "body": "late" } });
    assert_eq!(amina.user_errors(COMMENT, reply).await, one("NOT_FOUND", "input.commentId"));
    assert_eq!(everything(&server).await, before);

    assert_eq!(post(&amina, &never, "id").await, Value::Null);
    assert_eq!(comment(&amina, &never_comment, "id").await, Value::Null);
    // But its author may still take it away.
    assert_eq!(basma.user_errors(COMMENT_DELETE, json!({ "id": answer })).await, []);
}

#[tokio::test]
async fn an_id_of_another_type_is_a_bad_request_in_a_query_and_a_coded_error_in_a_mutation() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    let answer = amina.comment(&id, "a comment").await;
    let before = everything(&server).await;
    let shortened = &id[..id.len() - 1];
    let shouted = id.to_uppercase();
    for wrong in
        [answer.as_str(), amina.id.as_str(), "post_", "", "1", "nonsense", shortened, shouted.as_str(), "post_é"]
    {
        let input = json!({ "body": "changed" });
        assert_eq!(amina.user_errors(UPDATE, json!({ "id": wrong, "input": input })).await, one("INVALID_ID", "id"));
        for query in [DELETE, LIKE, UNLIKE, SHARE] {
            assert_eq!(amina.user_errors(query, json!({ "id": wrong })).await, one("INVALID_ID", "id"), "{wrong}");
        }
        let variables = json!({ "input": { "postId": wrong, "body": "x" } });
        assert_eq!(amina.user_errors(COMMENT, variables).await, one("INVALID_ID", "input.postId"), "{wrong}");
        let query = "query($id: ID!) { post(id: $id) { id } }";
        assert_eq!(amina.refused(query, json!({ "id": wrong })).await, "BAD_REQUEST", "{wrong}");
        if wrong != amina.id {
            let query = "query($id: ID) { posts(where: { authorId: $id }) { nodes { id } } }";
            assert_eq!(amina.refused(query, json!({ "id": wrong })).await, "BAD_REQUEST", "{wrong}");
        }
    }
    for wrong in [id.as_str(), amina.id.as_str(), "nonsense"] {
        let variables = json!({ "id": wrong, "input": { "body": "changed" } });
        assert_eq!(amina.user_errors(COMMENT_UPDATE, variables).await, one("INVALID_ID", "id"), "{wrong}");
        for query in [COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE] {
            assert_eq!(amina.user_errors(query, json!({ "id": wrong })).await, one("INVALID_ID", "id"), "{wrong}");
        }
        let variables = json!({ "input": { "commentId": wrong, "body": "x" } });
        assert_eq!(amina.user_errors(COMMENT, variables).await, one("INVALID_ID", "input.commentId"), "{wrong}");
    }
    for input in [json!({ "body": "x" }), json!({ "postId": id, "commentId": answer, "body": "x" })] {
        assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, one("INVALID", "input.postId"));
    }
    assert_eq!(everything(&server).await, before);
}

// -------------------------------------------------------------------------------------------------------- liking

/// Events of posts and jobs that wait.
async fn told(server: &Server) -> (i64, i64) {
    (server.count("SELECT COUNT(*) FROM events").await, server.count("SELECT COUNT(*) FROM jobs").await)
}

#[tokio::test]
async fn a_like_counts_once_with_one_event_and_one_job() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("likeable").await;
    for _ in 0..3 {
        let data = basma.ok(LIKE, json!({ "id": id })).await;
        assert_eq!(data["postLike"], json!({ "errors": [], "post": { "likeCount": 1, "viewerHasLiked": true } }));
        assert_eq!(told(&server).await, (1, 1));
    }
    assert_eq!(post(&amina, &id, "likeCount viewerHasLiked").await, json!({ "likeCount": 1, "viewerHasLiked": false }));
    for _ in 0..3 {
        let data = basma.ok(UNLIKE, json!({ "id": id })).await;
        assert_eq!(data["postUnlike"], json!({ "errors": [], "post": { "likeCount": 0, "viewerHasLiked": false } }));
        assert_eq!(told(&server).await, (1, 1));
    }
    // Again is a new fact.
    basma.like(&id).await;
    assert_eq!(told(&server).await, (2, 2));
    assert_eq!(server.count("SELECT event_seq FROM posts").await, 2);
    // One's own counts, but tells nobody.
    let data = amina.ok(LIKE, json!({ "id": id })).await;
    assert_eq!(data["postLike"]["post"], json!({ "likeCount": 2, "viewerHasLiked": true }));
    assert_eq!(told(&server).await, (3, 2));
}

#[tokio::test]
async fn a_like_of_a_comment_counts_once_with_one_event_and_one_job() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let answer = amina.comment(&id, "likeable").await;
    let (events, jobs) = told(&server).await;
    for _ in 0..3 {
        let data = basma.ok(COMMENT_LIKE, json!({ "id": answer })).await;
        assert_eq!(data["commentLike"], json!({ "errors": [], "comment": { "likeCount": 1, "viewerHasLiked": true } }));
        assert_eq!(told(&server).await, (events + 1, jobs + 1));
    }
    let seen = json!({ "likeCount": 1, "viewerHasLiked": null });
    assert_eq!(comment(&server.anonymous(), &answer, "likeCount viewerHasLiked").await, seen);
    for _ in 0..3 {
        let data = basma.ok(COMMENT_UNLIKE, json!({ "id": answer })).await;
        assert_eq!(
            data["commentUnlike"],
            json!({ "errors": [], "comment": { "likeCount": 0, "viewerHasLiked": false } })
        );
    }
    basma.ok(COMMENT_LIKE, json!({ "id": answer })).await;
    assert_eq!(told(&server).await, (events + 2, jobs + 2));
    amina.ok(COMMENT_LIKE, json!({ "id": answer })).await;
    assert_eq!(told(&server).await, (events + 3, jobs + 2));
    assert_eq!(server.count("SELECT event_seq FROM posts").await, events + 3, "events of comments are the post's");
}

#[tokio::test]
async fn who_likes_a_post_is_listed_newest_first() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("popular").await;
    let mut likers = Vec::new();
    for number in 0..5 {
        let person = server.user(&format!("person_{number}")).await;
        // The last three at the same moment.
        server.advance(i64::from(number < 3));
        person.like(&id).await;
        likers.push(person);
    }
    likers[1].ok(UNLIKE, json!({ "id": id })).await;
    let query = "query($id: ID!, $first: Int, $after: String) { post(id: $id) { likes(first: $first, after: $after) { \
                 nodes { user { username } createdAt } totalCount pageInfo { hasNextPage endCursor } } } }";
    let (mut names, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = server.anonymous().ok(query, json!({ "id": id, "first": 2, "after": after })).await;
        let likes = &data["post"]["likes"];
        assert_eq!(likes["totalCount"], 4);
        for like in likes["nodes"].as_array().unwrap() {
            names.push((like["user"]["username"].as_str().unwrap().to_owned(), time(&like["createdAt"])));
        }
        after = likes["pageInfo"]["endCursor"].clone();
        if likes["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let at = |seconds| server.clock.now() - TimeDelta::seconds(seconds);
    let expected = [("person_4", at(0)), ("person_3", at(0)), ("person_2", at(0)), ("person_0", at(2))];
    assert_eq!(names, expected.map(|(name, at)| (name.to_owned(), at)));
    for arguments in ["first: 101", "last: -1", "first: 1, last: 1", "after: \"x\""] {
        let query = format!("{{ post(id: \"{id}\") {{ likes({arguments}) {{ nodes {{ createdAt }} }} }} }}");
        assert_eq!(amina.refused(&query, Value::Null).await, "BAD_REQUEST", "{arguments}");
    }
}

// ---------------------------------------------------------------------------------------------------- passing on

async fn share(client: &Client, id: &str, body: &str) -> Value {
    let data = client.ok(SHARE, json!({ "id": id, "input": { "body": body } })).await;
    assert_eq!(data["postShare"]["errors"], json!([]), "{data}");
    data["postShare"]["post"].clone()
}

#[tokio::test]
async fn a_share_is_a_post_of_its_own_that_is_counted_on_the_original() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("the original").await;
    let data = basma.ok(SHARE, json!({ "id": id })).await;
    let plain = &data["postShare"]["post"];
    let original = json!({ "id": id, "body": "the original", "shareCount": 1 });
    assert_eq!(data["postShare"]["replayed"], false);
    assert_eq!(*plain, json!({ "id": plain["id"], "body": "", "sharedPost": original }));
    assert_eq!(told(&server).await, (1, 1));
    let quoted = share(&basma, &id, " look #here ").await;
    assert_eq!((&quoted["body"], &quoted["sharedPost"]["shareCount"]), (&json!("look #here"), &json!(2)));
    // One's own is counted, but tells nobody.
    let own = share(&amina, &id, "").await;
    assert_eq!(own["sharedPost"]["shareCount"], 3);
    assert_eq!(told(&server).await, (3, 2));

    let expected = [&own, &quoted, plain].map(|share| share["id"].as_str().unwrap().to_owned());
    assert_eq!(listed(&amina, json!({}), "NEWEST").await, [expected.as_slice(), &[id.clone()]].concat());
    assert_eq!(listed(&amina, json!({ "tag": "here" }), "NEWEST").await, [quoted["id"].as_str().unwrap()]);
    let user = "{ user(username: \"basma\") { postCount } }";
    assert_eq!(amina.ok(user, Value::Null).await["user"]["postCount"], 2);

    // The text can be taken back; the share remains.
    let data = basma.ok(UPDATE, json!({ "id": quoted["id"], "input": { "body": null } })).await;
    assert_eq!(data["postUpdate"]["post"]["body"], "");
    assert_eq!(listed(&amina, json!({ "tag": "here" }), "NEWEST").await, Vec::<String>::new());

    basma.ok(DELETE, json!({ "id": plain["id"] })).await;
    assert_eq!(post(&amina, &id, "shareCount").await["shareCount"], 2);
    // Of a deleted original the place stays.
    amina.ok(DELETE, json!({ "id": id })).await;
    let seen = post(&basma, quoted["id"].as_str().unwrap(), "sharedPost { id body author { id } }").await;
    assert_eq!(seen["sharedPost"], json!({ "id": id, "body": "", "author": null }));
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_share_without_words_stands_for_what_it_shares() {
    let server = Server::start().await;
    let (amina, basma, chloe) = (server.user("amina").await, server.user("basma").await, server.user("chloe").await);
    let id = amina.publish("the original").await;
    let plain = share(&basma, &id, "").await["id"].as_str().unwrap().to_owned();
    let quoted = share(&basma, &id, "my words").await["id"].as_str().unwrap().to_owned();

    assert_eq!(share(&chloe, &plain, "").await["sharedPost"]["id"], id.as_str());
    assert_eq!(share(&chloe, &plain, "said too").await["sharedPost"]["id"], id.as_str());
    assert_eq!(share(&chloe, &quoted, "").await["sharedPost"]["id"], quoted.as_str());
    assert_eq!(post(&amina, &id, "shareCount").await["shareCount"], 4);
    assert_eq!(post(&amina, &plain, "shareCount").await["shareCount"], 0);
    assert_eq!(post(&amina, &quoted, "shareCount").await["shareCount"], 1);
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_deleted_is_not_passed_on() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("the original").await;
    let deleted_share = share(&basma, &id, "").await["id"].as_str().unwrap().to_owned();
    let deleted_quote = share(&basma, &id, "my words").await["id"].as_str().unwrap().to_owned();
    let living_share = share(&basma, &id, "").await["id"].as_str().unwrap().to_owned();
    for share in [&deleted_share, &deleted_quote] {
        basma.ok(DELETE, json!({ "id": share })).await;
    }
    let before = everything(&server).await;
    for share in [&deleted_share, &deleted_quote] {
        assert_eq!(amina.user_errors(SHARE, json!({ "id": share })).await, one("NOT_FOUND", "id"));
    }
    assert_eq!(everything(&server).await, before);
    amina.ok(DELETE, json!({ "id": id })).await;
    let before = everything(&server).await;
    for id in [&id, &living_share] {
        assert_eq!(amina.user_errors(SHARE, json!({ "id": id })).await, one("NOT_FOUND", "id"));
    }
    assert_eq!(everything(&server).await, before);
}

// ----------------------------------------------------------------------------------------------------- answering

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
async fn an_author_changes_and_deletes_a_comment() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let answer = basma.comment(&id, "first words").await;
    server.advance(60);
    for input in [json!({}), json!({ "body": " first words " })] {
        let data = basma.ok(COMMENT_UPDATE, json!({ "id": answer, "input": input })).await;
        assert_eq!(data["commentUpdate"]["comment"], json!({ "id": answer, "body": "first words", "editedAt": null }));
    }
    let data = basma.ok(COMMENT_UPDATE, json!({ "id": answer, "input": { "body": "second thoughts" } })).await;
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
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_reply_stays_within_reach_below_any_number_of_tombstones() {
    let server = Server::with(&[("LIMIT_COST", "100000"), ("LIMIT_FIELDS", "10000000")]).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let outer = basma.comment(&id, "outer").await;
    let inner = basma.reply(&outer, "inner").await;
    let living = amina.reply(&inner, "still here").await;
    // From the inside to the outside, and the other way round, it comes to the same.
    for comment in [&inner, &outer] {
        basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
    }
    let selection = "commentCount comments { nodes { id replies { nodes { id replies { nodes { id body } } } } } }";
    let reached = json!([{ "id": outer, "replies": { "nodes": [{
        "id": inner, "replies": { "nodes": [{ "id": living, "body": "still here" }] },
    }] } }]);
    assert_eq!(post(&amina, &id, selection).await, json!({ "commentCount": 1, "comments": { "nodes": reached } }));
    amina.ok(COMMENT_DELETE, json!({ "id": living })).await;
    assert_eq!(post(&amina, &id, selection).await, json!({ "commentCount": 0, "comments": { "nodes": [] } }));
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
}

// --------------------------------------------------------------------------------------------------- idempotency

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
    let expected = one("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    assert_eq!(amina.user_errors(CREATE, other).await, expected);
    assert_eq!(everything(&server).await, before);

    // What comes again is the present state.
    amina.ok(UPDATE, json!({ "id": first["post"]["id"], "input": { "body": "edited" } })).await;
    let again = amina.ok(CREATE, variables.clone()).await["postCreate"]["post"].clone();
    assert_eq!(again, json!({ "id": first["post"]["id"], "body": "edited" }));
    amina.ok(DELETE, json!({ "id": first["post"]["id"] })).await;
    let again = amina.ok(CREATE, variables.clone()).await["postCreate"]["post"].clone();
    assert_eq!(again, json!({ "id": first["post"]["id"], "body": "" }));

    // A key is one person's, and one operation's.
    let theirs = basma.ok(CREATE, variables.clone()).await["postCreate"].clone();
    assert_eq!(theirs["replayed"], false);
    let input = json!({ "postId": theirs["post"]["id"], "body": "once", "idempotencyKey": "key 1" });
    assert_eq!(amina.ok(COMMENT, json!({ "input": input })).await["commentCreate"]["replayed"], false);
    let input = json!({ "body": "once", "idempotencyKey": "key 1" });
    let data = amina.ok(SHARE, json!({ "id": theirs["post"]["id"], "input": input })).await;
    assert_eq!(data["postShare"]["replayed"], false);
}

#[tokio::test]
async fn a_comment_and_a_share_are_made_once_for_a_key() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (id, other) = (amina.publish("a post").await, amina.publish("another").await);
    let answer = amina.comment(&id, "an answer").await;
    let comment = |target: Value, body: &str| {
        let mut input = target;
        input["body"] = body.into();
        input["idempotencyKey"] = "key".into();
        json!({ "input": input })
    };
    let first = amina.ok(COMMENT, comment(json!({ "postId": id }), "hello")).await["commentCreate"].clone();
    let share = json!({ "id": id, "input": { "body": "look", "idempotencyKey": "key" } });
    let shared = amina.ok(SHARE, share.clone()).await["postShare"].clone();
    assert_eq!((&first["replayed"], &shared["replayed"]), (&json!(false), &json!(false)));
    let before = everything(&server).await;

    let again = amina.ok(COMMENT, comment(json!({ "postId": id }), "hello")).await["commentCreate"].clone();
    assert_eq!(again, json!({ "replayed": true, "errors": [], "comment": first["comment"] }));
    let again = amina.ok(SHARE, share.clone()).await["postShare"].clone();
    assert_eq!(again, json!({ "replayed": true, "errors": [], "post": shared["post"] }));

    let reused = one("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    for other in [
        comment(json!({ "postId": id }), "other words"),
        comment(json!({ "postId": other }), "hello"),
        comment(json!({ "commentId": answer }), "hello"),
    ] {
        assert_eq!(amina.user_errors(COMMENT, other).await, reused);
    }
    for (id, body) in [(&id, "other words"), (&id, ""), (&other, "look")] {
        let other = json!({ "id": id, "input": { "body": body, "idempotencyKey": "key" } });
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
        let variables = json!({ "id": middle, "input": { "idempotencyKey": format!("key {number}") } });
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
        let input = json!({ "postId": id, "body": "once", "idempotencyKey": "key" });
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
    assert_eq!(amina.user_errors(CREATE, create("", "key")).await, one("BLANK", "input.body"));
    let missing =
        json!({ "input": { "commentId": id.replace("post_", "comment_"), "body": "x", "idempotencyKey": "key" } });
    assert_eq!(amina.user_errors(COMMENT, missing).await, one("NOT_FOUND", "input.commentId"));
    let long = "k".repeat(256);
    for (key, code) in [("", "BLANK"), ("  ", "BLANK"), (long.as_str(), "TOO_LONG"), ("a\u{0}b", "INVALID_CHARACTERS")]
    {
        let expected = one(code, "input.idempotencyKey");
        assert_eq!(amina.user_errors(CREATE, create("x", key)).await, expected, "{key:?}");
        let input = json!({ "postId": id, "body": "x", "idempotencyKey": key });
        assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, expected, "{key:?}");
        let variables = json!({ "id": id, "input": { "idempotencyKey": key } });
        assert_eq!(amina.user_errors(SHARE, variables).await, expected, "{key:?}");
    }
    assert_eq!(everything(&server).await, before);
    assert_eq!(amina.ok(CREATE, create("now", "key")).await["postCreate"]["replayed"], false);
    let input = json!({ "postId": id, "body": "now", "idempotencyKey": "é".repeat(255) });
    assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, []);
}

// ------------------------------------------------------------------------------------------------- lists and searches

#[tokio::test]
async fn posts_are_filtered_by_author_text_tag_and_time() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let start = server.clock.now();
    let one = amina.publish("Tea with milk #drinks").await;
    server.advance(60);
    let two = basma.publish("Coffee with milk #drinks #Hot").await;
    server.advance(60);
    let three = amina.publish("Water #hot").await;
    let at = |seconds| (start + TimeDelta::seconds(seconds)).to_rfc3339();
    for (filter, expected) in [
        (json!({}), vec![&three, &two, &one]),
        (json!({ "authorId": amina.id }), vec![&three, &one]),
        (json!({ "text": "milk" }), vec![&two, &one]),
        (json!({ "tag": "drinks" }), vec![&two, &one]),
        (json!({ "tag": "#HOT" }), vec![&three, &two]),
        (json!({ "tag": "dri" }), vec![]),
        (json!({ "tag": "" }), vec![]),
        (json!({ "tag": "#" }), vec![]),
        (json!({ "tag": "dri\u{0}nks" }), vec![]),
        (json!({ "text": "milk", "tag": "hot", "authorId": basma.id }), vec![&two]),
        (json!({ "text": "milk", "authorId": amina.id, "tag": "hot" }), vec![]),
        (json!({ "createdAt": { "from": at(0) } }), vec![&three, &two, &one]),
        (json!({ "createdAt": { "from": at(1) } }), vec![&three, &two]),
        (json!({ "createdAt": { "until": at(120) } }), vec![&two, &one]),
        (json!({ "createdAt": { "from": at(60), "until": at(120) } }), vec![&two]),
        (json!({ "createdAt": { "from": at(60), "until": at(60) } }), vec![]),
        (json!({ "createdAt": { "from": "2026-01-01T15:01:00+03:00" } }), vec![&three, &two]),
        (json!({ "createdAt": {} }), vec![&three, &two, &one]),
        (json!({ "createdAt": { "from": at(60) }, "text": "milk" }), vec![&two]),
        (json!({ "authorId": null, "text": null, "tag": null, "createdAt": null }), vec![&three, &two, &one]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(listed(&server.anonymous(), filter.clone(), "NEWEST").await, expected, "{filter}");
    }
    let query = "{ user(username: \"amina\") { posts { totalCount nodes { id } } } }";
    let own = basma.ok(query, Value::Null).await;
    assert_eq!(own["user"]["posts"], json!({ "totalCount": 2, "nodes": [{ "id": three }, { "id": one }] }));
    let query = "query($where: PostWhere) { posts(where: $where) { nodes { id } } }";
    assert_eq!(amina.refused(query, json!({ "where": { "createdAt": { "from": "yesterday" } } })).await, "BAD_REQUEST");
}

#[tokio::test]
async fn a_text_is_found_by_the_beginnings_of_its_words_whatever_their_marks() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let dessert = amina.publish("Crème brûlée, at the Café!").await;
    let world = amina.publish("أَهْلًا بالعالَم").await;
    let link = amina.publish("See https://example.com/some_path and don't worry: state-of-the-art, 3.14").await;
    let curly = amina.publish("I don’t mind").await;
    let wide = amina.publish("ＦＵＬＬ ｗｉｄｔｈ").await;
    let chinese = amina.publish("你好世界").await;
    let nobody = server.anonymous();
    for (text, expected) in [
        ("creme", vec![&dessert]),
        ("CRÈME", vec![&dessert]),
        ("cre\u{300}me", vec![&dessert]),
        ("caf brul", vec![&dessert]),
        ("brûlée café crème", vec![&dessert]),
        ("reme", vec![]),
        ("creme tea", vec![]),
        ("اهلا", vec![&world]),
        ("أهلا", vec![&world]),
        ("بالعــالم", vec![&world]),
        ("عالم", vec![]),
        ("example.com", vec![&link]),
        ("example", vec![&link]),
        ("com", vec![&link]),
        ("path", vec![&link]),
        ("some_path", vec![&link]),
        ("https://example.com/some_path", vec![&link]),
        ("state-of-the-art", vec![&link]),
        ("art", vec![&link]),
        ("3.14", vec![&link]),
        ("14", vec![&link]),
        ("don't", vec![&curly, &link]),
        ("don’t", vec![&curly, &link]),
        ("full width", vec![&wide]),
        ("你好", vec![&chinese]),
        ("世界", vec![&chinese]),
        ("😀", vec![]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(listed(&nobody, json!({ "text": text }), "NEWEST").await, expected, "{text:?}");
    }
}

#[tokio::test]
async fn tags_are_taken_from_the_text_each_once_and_at_most_ten() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let long = "x".repeat(51);
    let mixed = amina.publish(&format!("#Crème, (#creme) a#b c ##double #فن_عربي #{long} # #_")).await;
    let many = (0..12).map(|number| format!("#tag{number}")).collect::<Vec<_>>().join(" ");
    let many = amina.publish(&many).await;
    for (tag, expected) in [
        ("creme", Some(&mixed)),
        ("#CRÈME", Some(&mixed)),
        ("b", None),
        ("فن_عربي", Some(&mixed)),
        ("#فنّ_عربي", Some(&mixed)),
        (long.as_str(), None),
        ("tag0", Some(&many)),
        ("tag9", Some(&many)),
        ("tag10", None),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(listed(&amina, json!({ "tag": tag }), "NEWEST").await, expected, "{tag}");
    }
}

/// Posts with 2, 0, 1, 2, 0, 1 … likes and comments the other way round, two each moment, as `(id, likes, comments)`.
async fn ranked(server: &Server, count: usize) -> Vec<(String, usize, usize)> {
    let amina = server.user("amina").await;
    let people = [server.user("basma").await, server.user("chloe").await];
    let mut made = Vec::new();
    for number in 0..count {
        let id = amina.publish(&format!("number {number}")).await;
        let (likes, comments) = ((number * 2 + 2) % 3, number % 3);
        for person in &people[..likes] {
            person.like(&id).await;
        }
        for _ in 0..comments {
            people[0].comment(&id, "well").await;
        }
        made.push((id, likes, comments));
        if number % 2 == 1 {
            server.clock.advance(TimeDelta::microseconds(number as i64));
        }
    }
    made
}

#[tokio::test]
async fn every_order_of_posts_is_listed_completely_page_by_page_in_both_directions() {
    let server = Server::start().await;
    let made = ranked(&server, 10).await;
    let nobody = server.anonymous();
    let mut newest: Vec<_> = made.iter().rev().cloned().collect();
    let by_time: Vec<String> = newest.iter().map(|(id, ..)| id.clone()).collect();
    // Ties by id, newest first: a stable sort of what is sorted so already.
    newest.sort_by_key(|(_, likes, _)| std::cmp::Reverse(*likes));
    let by_likes: Vec<String> = newest.iter().map(|(id, ..)| id.clone()).collect();
    let mut newest: Vec<_> = made.iter().rev().cloned().collect();
    newest.sort_by_key(|(_, _, comments)| std::cmp::Reverse(*comments));
    let by_comments: Vec<String> = newest.iter().map(|(id, ..)| id.clone()).collect();
    for (sort, expected) in [("NEWEST", by_time), ("MOST_LIKED", by_likes), ("MOST_DISCUSSED", by_comments)] {
        assert_eq!(listed(&nobody, json!({}), sort).await, expected, "{sort}");
        let query = format!("{{ posts(sortBy: {sort}, PAGE) {{ ITEMS }} }}");
        for size in [1, 3, 10] {
            assert_eq!(nobody.pages(&query, size, false).await.concat(), expected, "{sort}, first {size}");
            let mut backwards = nobody.pages(&query, size, true).await;
            backwards.reverse();
            assert_eq!(backwards.concat(), expected, "{sort}, last {size}");
        }
    }
}

#[tokio::test]
async fn paging_stays_complete_while_others_publish_and_delete() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let mut there = Vec::new();
    for number in 0..12 {
        there.push(amina.publish(&format!("number {number}")).await);
        server.clock.advance(TimeDelta::microseconds(1 + number % 2 * 999_999));
    }
    there.reverse();
    let query =
        "query($after: String) { posts(first: 3, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = amina.ok(query, json!({ "after": after })).await;
        seen.extend(ids(&data["posts"]));
        // New ones come before everything; and the very post that the cursor stands on goes.
        amina.publish("newer").await;
        let last = seen.last().unwrap();
        amina.ok(DELETE, json!({ "id": last })).await;
        after = data["posts"]["pageInfo"]["endCursor"].clone();
        if data["posts"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, there);
}

#[tokio::test]
async fn wrong_page_arguments_and_cursors_of_other_lists_are_a_bad_request() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    amina.publish("another").await;
    amina.comment(&id, "a comment").await;
    let cursor = async |list: &str| {
        let data = amina.ok(&format!("{{ {list} }}"), Value::Null).await;
        let text = data.to_string();
        let at = text.find("\"cursor\":\"").unwrap() + 10;
        text[at..at + text[at..].find('"').unwrap()].to_owned()
    };
    let newest = cursor("posts { edges { cursor } }").await;
    let liked = cursor("posts(sortBy: MOST_LIKED) { edges { cursor } }").await;
    let discussed = cursor("posts(sortBy: MOST_DISCUSSED) { edges { cursor } }").await;
    let comments = cursor(&format!("post(id: \"{id}\") {{ comments {{ edges {{ cursor }} }} }}")).await;
    let people = cursor("users(sortBy: NEWEST) { edges { cursor } }").await;
    let query = "query($sort: PostSort!, $after: String, $before: String, $first: Int, $last: Int) { \
                 posts(sortBy: $sort, after: $after, before: $before, first: $first, last: $last) { nodes { id } } }";
    for (sort, own) in [("NEWEST", &newest), ("MOST_LIKED", &liked), ("MOST_DISCUSSED", &discussed)] {
        let mut tampered = URL_SAFE_NO_PAD.decode(own).unwrap();
        tampered[0] ^= 1;
        let tampered = URL_SAFE_NO_PAD.encode(tampered);
        amina.ok(query, json!({ "sort": sort, "after": own })).await;
        let foreign = [&newest, &liked, &discussed, &comments, &people, &tampered, &id];
        for other in foreign.into_iter().filter(|other| *other != own) {
            for side in ["after", "before"] {
                assert_eq!(amina.refused(query, json!({ "sort": sort, side: other })).await, "BAD_REQUEST", "{sort}");
            }
        }
        for (first, last) in
            [(Some(101), None), (Some(-1), None), (None, Some(101)), (None, Some(-1)), (Some(1), Some(1))]
        {
            let variables = json!({ "sort": sort, "first": first, "last": last });
            assert_eq!(amina.refused(query, variables).await, "BAD_REQUEST", "{first:?} {last:?}");
        }
    }
    let query = "query($id: ID!, $first: Int, $last: Int, $after: String) { post(id: $id) { \
                 comments(first: $first, last: $last, after: $after) { nodes { id } } } }";
    let within = "query($first: Int, $last: Int, $after: String) { posts(first: 2) { nodes { \
                  comments(first: $first, last: $last, after: $after) { nodes { id } } } } }";
    for wrong in
        [json!({ "first": 101 }), json!({ "last": -1 }), json!({ "first": 1, "last": 1 }), json!({ "after": newest })]
    {
        let mut variables = wrong.clone();
        variables["id"] = id.as_str().into();
        assert_eq!(amina.refused(query, variables).await, "BAD_REQUEST", "{wrong}");
        assert_eq!(amina.refused(within, wrong.clone()).await, "BAD_REQUEST", "{wrong}");
    }
}

// ------------------------------------------------------------------------------------------------------- the feed

const FEED: &str = "query($first: Int!) { posts(first: $first) { nodes { id body likeCount commentCount createdAt \
    viewerHasLiked viewerCanUpdate author { id username displayName avatarUrl } comments(first: 3) { nodes { id body \
    createdAt viewerHasLiked author { id username displayName } } pageInfo { hasNextPage endCursor } } } \
    pageInfo { hasNextPage endCursor } } }";

const FEED_BY_EDGES: &str = "query($first: Int!) { posts(first: $first) { edges { cursor node { id body viewerHasLiked \
    author { username } comments(first: 3) { edges { cursor node { id body viewerHasLiked author { username } } } } } } } }";

const FEED_BY_FRAGMENTS: &str = "query($first: Int!, $few: Int = 3) { posts(first: $first) { ...List } } \
    fragment List on PostConnection { nodes { ...Card } } \
    fragment Card on Post { id viewerHasLiked ... on Post { author { ...Person } } ... { comments(first: $few) { ...Answers } } } \
    fragment Answers on CommentConnection { nodes { id viewerHasLiked ... on Comment { author { ...Person } } } } \
    fragment Person on User { username }";

/// A server with many posts by several people, some liked, each with up to five answers, some of them deleted.
async fn with_feed(count: usize) -> (Server, Vec<Client>) {
    let server = Server::with(&[("LIMIT_COST", "100000"), ("LIMIT_NODES", "100000")]).await;
    let mut people = Vec::new();
    for name in ["amina", "basma", "chloe"] {
        people.push(server.user(name).await);
    }
    for number in 0..count {
        let id = people[number % 3].publish(&format!("number {number}")).await;
        if number % 2 == 0 {
            people[0].like(&id).await;
        }
        for answer in 0..number % 6 {
            let comment = people[answer % 3].comment(&id, &format!("answer {answer}")).await;
            match answer {
                0 if number % 4 == 1 => drop(people[1].reply(&comment, "a reply").await),
                2 => drop(people[0].ok(COMMENT_LIKE, json!({ "id": comment })).await),
                _ => {}
            }
            if answer < 2 && number % 4 < 2 {
                people[answer % 3].ok(COMMENT_DELETE, json!({ "id": comment })).await;
            }
        }
        server.advance(1);
    }
    (server, people)
}

async fn statements(server: &Server, client: &Client, query: &str, variables: Value) -> (u64, Value) {
    let before = server.app.db.statements();
    let data = client.ok(query, variables).await;
    (server.app.db.statements() - before, data)
}

#[tokio::test]
async fn the_feed_takes_the_same_few_statements_whatever_its_size() {
    let (server, people) = with_feed(101).await;
    for client in [&people[0], &server.anonymous()] {
        for (query, items) in [(FEED, "nodes"), (FEED_BY_EDGES, "edges"), (FEED_BY_FRAGMENTS, "nodes")] {
            client.ok(query, json!({ "first": 1 })).await;
            let mut taken = Vec::new();
            for first in [5, 20, 100] {
                let (count, data) = statements(&server, client, query, json!({ "first": first })).await;
                assert_eq!(data["posts"][items].as_array().unwrap().len(), first);
                taken.push(count);
            }
            assert!(taken[0] <= 3 && taken.iter().all(|count| *count == taken[0]), "{taken:?}: {query}");
        }
    }
}

#[tokio::test]
async fn the_feed_holds_what_each_post_tells_by_itself() {
    let (server, people) = with_feed(24).await;
    let selection = "id body likeCount commentCount createdAt viewerHasLiked viewerCanUpdate \
                     author { id username displayName avatarUrl } comments(first: 3, after: null) { nodes { id body \
                     createdAt viewerHasLiked author { id username displayName } } pageInfo { hasNextPage endCursor } }";
    for client in [&people[0], &people[1], &server.anonymous()] {
        let feed = client.ok(FEED, json!({ "first": 20 })).await["posts"].clone();
        assert_eq!(feed["pageInfo"]["hasNextPage"], true);
        for seen in feed["nodes"].as_array().unwrap() {
            let alone = post(client, seen["id"].as_str().unwrap(), selection).await;
            assert_eq!(*seen, alone);
        }
        let next = "query($after: String) { posts(after: $after) { nodes { id } } }";
        let rest = client.ok(next, json!({ "after": feed["pageInfo"]["endCursor"] })).await;
        assert_eq!(ids(&rest["posts"]).len(), 4);
        // Going on in a post's comments begins where the feed left off.
        let long =
            feed["nodes"].as_array().unwrap().iter().find(|post| post["comments"]["pageInfo"]["hasNextPage"] == true);
        let long = long.expect("a post with more than three comments");
        let list = format!("{{ post(id: {}) {{ comments(PAGE) {{ ITEMS }} }} }}", long["id"]);
        let all = client.pages(&list, 100, false).await.concat();
        let query = "query($id: ID!, $after: String) { post(id: $id) { comments(after: $after) { nodes { id } } } }";
        let rest =
            client.ok(query, json!({ "id": long["id"], "after": long["comments"]["pageInfo"]["endCursor"] })).await;
        assert_eq!([ids(&long["comments"]), ids(&rest["post"]["comments"])].concat(), all);
    }
}

#[tokio::test]
async fn every_way_to_ask_for_comments_in_a_list_gives_the_right_ones() {
    let (server, people) = with_feed(12).await;
    let list = |arguments: &str| format!("comments({arguments}) {{ nodes {{ id body }} }}");
    for (what, selection, same) in [
        (
            "aliases with other arguments",
            "a: comments(first: 1) { nodes { id body } } b: comments(first: 2) { nodes { id body } }",
            vec![("a", "first: 1"), ("b", "first: 2")],
        ),
        (
            "aliases with the same arguments",
            "a: comments(first: 2) { nodes { id } } b: comments(first: 2) { nodes { body } }",
            vec![],
        ),
        ("one alias", "few: comments(first: 2) { nodes { id body } }", vec![("few", "first: 2")]),
        ("the default size", "comments { nodes { id body } }", vec![("comments", "first: 20")]),
        ("the last", "comments(last: 2) { nodes { id body } }", vec![("comments", "last: 2")]),
        ("none", "comments(first: 0) { nodes { id body } }", vec![("comments", "first: 0")]),
        ("nulls", "comments(first: 2, after: null, last: null) { nodes { id body } }", vec![("comments", "first: 2")]),
        ("a variable", "comments(first: $two) { nodes { id body } }", vec![("comments", "first: 2")]),
        (
            "a variable that is absent",
            "comments(first: $absent) { nodes { id body } }",
            vec![("comments", "first: 20")],
        ),
        ("a variable with a default", "comments(first: $three) { nodes { id body } }", vec![("comments", "first: 3")]),
        (
            "twice, merged",
            "comments(first: 2) { nodes { id } } comments(first: 2) { nodes { body } }",
            vec![("comments", "first: 2")],
        ),
        (
            "skipped beside another",
            "a: comments(first: 1) @skip(if: true) { nodes { id } } b: comments(first: 2) { nodes { id body } }",
            vec![("b", "first: 2")],
        ),
        (
            "included by a variable",
            "a: comments(first: 1) @include(if: $yes) { nodes { id body } }",
            vec![("a", "first: 1")],
        ),
        ("in two fragments", "...A ...B", vec![("comments", "first: 2")]),
        ("with their number", "comments(first: 2) { nodes { id body } totalCount }", vec![]),
    ] {
        let fragments = if what == "in two fragments" {
            "fragment A on Post { comments(first: 2) { nodes { id } } } fragment B on Post { comments(first: 2) { nodes { body } } }"
        } else {
            ""
        };
        let variables = "($two: Int = 2, $absent: Int, $three: Int! = 3, $yes: Boolean! = true)";
        let used: Vec<_> = ["two: Int = 2", "absent: Int", "three: Int! = 3", "yes: Boolean! = true"]
            .into_iter()
            .filter(|definition| selection.contains(&format!("${}", definition.split(':').next().unwrap())))
            .map(|definition| format!("${definition}"))
            .collect();
        let variables = if used.is_empty() {
            String::new()
        } else {
            variables.replace(variables, &format!("({})", used.join(", ")))
        };
        for (items, node) in [("nodes", ""), ("edges { node", "}")] {
            let query = format!("query{variables} {{ posts {{ {items} {{ id {selection} }} {node} }} }} {fragments}");
            let data = people[0].ok(&query, json!({})).await;
            let connection = &data["posts"];
            let posts: Vec<&Value> = match connection.get("nodes") {
                Some(nodes) => nodes.as_array().unwrap().iter().collect(),
                None => connection["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]).collect(),
            };
            assert_eq!(posts.len(), 12);
            for seen in posts {
                let id = seen["id"].as_str().unwrap();
                for (name, arguments) in &same {
                    let alone = post(&server.anonymous(), id, &list(arguments)).await;
                    assert_eq!(seen[name], alone["comments"], "{what}: {query}");
                }
                if what == "aliases with the same arguments" {
                    let alone = post(&server.anonymous(), id, &list("first: 2")).await;
                    let of = |field: &str| -> Vec<Value> {
                        let nodes = alone["comments"]["nodes"].as_array().unwrap();
                        nodes.iter().map(|node| json!({ field: node[field] })).collect()
                    };
                    assert_eq!((&seen["a"]["nodes"], &seen["b"]["nodes"]), (&json!(of("id")), &json!(of("body"))));
                }
                if what == "with their number" {
                    let alone =
                        post(&server.anonymous(), id, "comments(first: 2) { nodes { id body } totalCount }").await;
                    assert_eq!(seen["comments"], alone["comments"]);
                    let all = post(&server.anonymous(), id, &list("first: 100")).await;
                    assert_eq!(seen["comments"]["totalCount"], ids(&all["comments"]).len());
                }
            }
        }
    }
}

#[tokio::test]
async fn nodes_and_edges_of_one_list_each_get_what_they_ask_for() {
    let (_server, people) = with_feed(6).await;
    let query = "{ posts { nodes { id author { username } comments(first: 1) { nodes { id } } } \
                 edges { node { id viewerHasLiked comments(first: 2) { nodes { id author { username } } } } } } \
                 again: posts(first: 2, sortBy: MOST_LIKED) { nodes { comments(first: 1) { nodes { id } } } } }";
    let data = people[0].ok(query, Value::Null).await;
    for (node, edge) in
        data["posts"]["nodes"].as_array().unwrap().iter().zip(data["posts"]["edges"].as_array().unwrap())
    {
        let expected = post(
            &people[0],
            node["id"].as_str().unwrap(),
            "author { username } viewerHasLiked one: comments(first: 1) { nodes { id } } \
             two: comments(first: 2) { nodes { id author { username } } }",
        )
        .await;
        assert_eq!((&node["author"], &node["comments"]), (&expected["author"], &expected["one"]));
        let edge = &edge["node"];
        assert_eq!((&edge["viewerHasLiked"], &edge["comments"]), (&expected["viewerHasLiked"], &expected["two"]));
    }
    assert_eq!(data["again"]["nodes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_whole_is_counted_only_when_asked() {
    let (server, people) = with_feed(7).await;
    let id = listed(&people[0], json!({}), "NEWEST").await[0].clone();
    for (without, with, path, total) in [
        (
            "{ posts(first: 2) { nodes { id } } }".to_owned(),
            "{ posts(first: 2) { nodes { id } totalCount } }".to_owned(),
            "/posts/totalCount",
            7,
        ),
        (
            format!("{{ post(id: \"{id}\") {{ comments(first: 1) {{ nodes {{ id }} }} }} }}"),
            format!("{{ post(id: \"{id}\") {{ comments(first: 1) {{ nodes {{ id }} totalCount }} }} }}"),
            "/post/comments/totalCount",
            0,
        ),
    ] {
        let (fewer, _) = statements(&server, &server.anonymous(), &without, Value::Null).await;
        let (more, data) = statements(&server, &server.anonymous(), &with, Value::Null).await;
        assert_eq!(more, fewer + 1, "{with}");
        assert_eq!(*data.pointer(path).unwrap(), total, "{with}");
    }
}

// ----------------------------------------------------------------------------------------------------------- node

#[tokio::test]
async fn everything_with_an_id_is_fetched_by_it() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("a post").await;
    let answer = basma.comment(&id, "a comment").await;
    server.run_jobs().await;
    let data = amina.ok("{ notifications { nodes { id } } }", Value::Null).await;
    let notification = data["notifications"]["nodes"][0]["id"].as_str().unwrap().to_owned();
    let unknown = PostId(server.app.ids.next(server.clock.now())).to_string();

    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on User { username } ... on Post { body } \
                 ... on Comment { body } ... on Notification { kind } } }";
    let all = [&answer, &amina.id, &unknown, &notification, &id, &answer, &basma.id];
    let user = |client: &Client| json!({ "__typename": "User", "id": client.id, "username": client.username });
    let the_comment = json!({ "__typename": "Comment", "id": answer, "body": "a comment" });
    let the_post = json!({ "__typename": "Post", "id": id, "body": "a post" });
    let told = json!({ "__typename": "Notification", "id": notification, "kind": "COMMENT" });
    for (client, told) in [(&amina, &told), (&basma, &Value::Null), (&server.anonymous(), &Value::Null)] {
        let data = client.ok(query, json!({ "ids": all })).await;
        let expected = json!([the_comment, user(&amina), null, told, the_post, the_comment, user(&basma)]);
        assert_eq!(data["nodes"], expected, "in the order asked for");
        for (id, expected) in all.iter().zip(expected.as_array().unwrap()) {
            let single = query.replace("$ids: [ID!]!", "$id: ID!").replace("nodes(ids: $ids)", "node(id: $id)");
            assert_eq!(client.ok(&single, json!({ "id": id })).await["node"], *expected);
        }
    }
    // A hundred of them are one statement for each type.
    let hundred = vec![answer.as_str(); 100];
    let (count, data) = statements(&server, &server.anonymous(), query, json!({ "ids": hundred })).await;
    assert_eq!((count, data["nodes"].as_array().unwrap().len()), (1, 100));
    assert_eq!(amina.ok(query, json!({ "ids": [] })).await["nodes"], json!([]));

    assert_eq!(amina.refused(query, json!({ "ids": vec![answer.as_str(); 101] })).await, "BAD_REQUEST");
    let session = unknown.replace("post_", "session_");
    let job = unknown.replace("post_", "job_");
    for wrong in ["nonsense", "", "post_", &session, &job, &unknown["post".len()..]] {
        assert_eq!(
            amina.refused("query($id: ID!) { node(id: $id) { id } }", json!({ "id": wrong })).await,
            "BAD_REQUEST"
        );
        assert_eq!(amina.refused(query, json!({ "ids": [answer, wrong] })).await, "BAD_REQUEST", "{wrong}");
    }
}

// ------------------------------------------------------------------------------------------------------- counters

/// What one person does in a storm; answers are looked at for failures that no user could mend.
async fn act(client: Client, posts: Vec<String>, answers: Vec<String>, seed: usize) {
    let check = |data: Value| {
        let payload = data.as_object().unwrap().values().next().unwrap();
        for error in payload["errors"].as_array().unwrap() {
            assert_eq!(error["code"], "NOT_FOUND", "{data}");
        }
        payload.clone()
    };
    let (mut own_comments, mut own_shares) = (Vec::new(), Vec::new());
    for step in 0..24 {
        let number = seed * 7 + step * 5;
        let (post, answer) = (&posts[number % posts.len()], &answers[number % answers.len()]);
        match (seed + step) % 12 {
            0 | 6 => drop(check(client.ok(LIKE, json!({ "id": post })).await)),
            1 => drop(check(client.ok(UNLIKE, json!({ "id": post })).await)),
            2 | 7 => {
                let made = check(client.ok(COMMENT, json!({ "input": { "postId": post, "body": "x" } })).await);
                own_comments.extend(made["comment"]["id"].as_str().map(str::to_owned));
            }
            3 | 8 => {
                let made = check(client.ok(COMMENT, json!({ "input": { "commentId": answer, "body": "x" } })).await);
                own_comments.extend(made["comment"]["id"].as_str().map(str::to_owned));
            }
            4 => drop(check(client.ok(COMMENT_LIKE, json!({ "id": answer })).await)),
            5 => drop(check(client.ok(COMMENT_UNLIKE, json!({ "id": answer })).await)),
            9 => {
                let made = check(client.ok(SHARE, json!({ "id": post })).await);
                own_shares.extend(made["post"]["id"].as_str().map(str::to_owned));
            }
            10 => {
                if let Some(comment) = own_comments.pop() {
                    check(client.ok(COMMENT_DELETE, json!({ "id": comment })).await);
                }
            }
            _ => {
                if let Some(share) = own_shares.pop() {
                    check(client.ok(DELETE, json!({ "id": share })).await);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_storm_the_counters_equal_the_facts() {
    let server = Server::start().await;
    let beside = server.beside(&[]).await;
    let author = server.user("author").await;
    let (mut there, mut answers) = (Vec::new(), Vec::new());
    for number in 0..4 {
        let id = author.publish(&format!("number {number}")).await;
        answers.push(author.comment(&id, "an answer").await);
        there.push(id);
    }
    let mut storm = Vec::new();
    for seed in 0..8 {
        let person = server.user(&format!("person_{seed}")).await;
        let person = if seed % 2 == 0 { person } else { person.through(beside.router.clone()) };
        storm.push(tokio::task::JoinSet::new());
        storm[seed].spawn(act(person, there.clone(), answers.clone(), seed));
    }
    // In the middle of it a post and a comment go.
    author.ok(DELETE, json!({ "id": there[3] })).await;
    author.ok(COMMENT_DELETE, json!({ "id": answers[2] })).await;
    for person in storm {
        person.join_all().await;
    }

    for (what, sql) in [
        (
            "likes of posts",
            "SELECT COUNT(*) FROM posts p WHERE like_count <> (SELECT COUNT(*) FROM post_likes l WHERE l.post_id = p.id)",
        ),
        (
            "comments",
            "SELECT COUNT(*) FROM posts p WHERE comment_count <> (SELECT COUNT(*) FROM comments c WHERE c.post_id = p.id AND c.deleted_at IS NULL)",
        ),
        (
            "shares",
            "SELECT COUNT(*) FROM posts p WHERE share_count <> (SELECT COUNT(*) FROM posts s WHERE s.shared_post_id = p.id AND s.deleted_at IS NULL)",
        ),
        (
            "likes of comments",
            "SELECT COUNT(*) FROM comments c WHERE like_count <> (SELECT COUNT(*) FROM comment_likes l WHERE l.comment_id = c.id)",
        ),
        (
            "posts of people",
            "SELECT COUNT(*) FROM users u WHERE post_count <> (SELECT COUNT(*) FROM posts p WHERE p.author_id = u.id AND p.deleted_at IS NULL)",
        ),
        (
            "events without a gap",
            "SELECT COUNT(*) FROM posts p WHERE event_seq <> (SELECT COUNT(*) FROM events e WHERE e.stream_id = p.id) OR event_seq <> (SELECT COALESCE(MAX(seq), 0) FROM events e WHERE e.stream_id = p.id)",
        ),
    ] {
        assert_eq!(server.count(sql).await, 0, "{what}");
    }
    assert!(server.count("SELECT COUNT(*) FROM comments").await > 20, "a storm that did nothing");
    assert!(server.count("SELECT COUNT(*) FROM post_likes").await > 5, "a storm that did nothing");
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_likes_at_once_by_one_person_one_counts() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let id = amina.publish("likeable").await;
    let answers = join_all((0..12).map(|_| basma.ok(LIKE, json!({ "id": id })))).await;
    for answer in answers {
        assert_eq!(answer["postLike"], json!({ "errors": [], "post": { "likeCount": 1, "viewerHasLiked": true } }));
    }
    assert_eq!(told(&server).await, (1, 1));
    join_all((0..12).map(|_| basma.ok(UNLIKE, json!({ "id": id })))).await;
    assert_eq!(post(&basma, &id, "likeCount viewerHasLiked").await, json!({ "likeCount": 0, "viewerHasLiked": false }));
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_wrong_counter_is_found_and_mended() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    amina.comment(&id, "a comment").await;
    server
        .app
        .db
        .transact(async |tx| tx.execute("UPDATE posts SET comment_count = 7, like_count = 3", Vec::new()).await)
        .await
        .unwrap();
    assert_eq!(posts::recount(&server.app).await.unwrap(), 2);
    let seen = post(&amina, &id, "commentCount likeCount").await;
    assert_eq!(seen, json!({ "commentCount": 1, "likeCount": 0 }));
    assert_eq!(posts::recount(&server.app).await.unwrap(), 0);
}
