//! Posts: publishing, changing, deleting. In the folder: liking, passing on, answering; lists and the feed; idempotency;
//! counters; texts in all scripts.

mod comments;
mod counters;
mod feed;
mod idempotency;
mod likes;
mod lists;
mod nodes;
mod shares;
mod texts;

use agora::entity::PostId;
use serde_json::{Value, json};

use crate::harness::{Client, Server, time, user_error};

const CREATE: &str = "mutation($input: PostCreateInput!) { postCreate(input: $input) { replayed errors { code path } \
    post { id body } } }";
const UPDATE: &str = "mutation($id: ID!, $body: String) { postUpdate(input: { id: $id, body: $body }) { \
    errors { code path } post { id body editedAt } } }";
const DELETE: &str = "mutation($id: ID!) { postDelete(input: { id: $id }) { errors { code path } post { id body deletedAt \
    author { id } viewerCanUpdate viewerCanDelete } } }";
const LIKE: &str =
    "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code path } post { likeCount viewerHasLiked } } }";
const UNLIKE: &str =
    "mutation($id: ID!) { postUnlike(input: { id: $id }) { errors { code path } post { likeCount viewerHasLiked } } }";
const SHARE: &str = "mutation($id: ID!, $body: String, $key: String) { postShare(input: { id: $id, body: $body, \
    idempotencyKey: $key }) { replayed errors { code path } post { id body sharedPost { id body shareCount } } } }";
const COMMENT: &str = "mutation($input: CommentCreateInput!) { commentCreate(input: $input) { replayed errors { code path } \
    comment { id body parent { id } post { id commentCount } } } }";
const COMMENT_UPDATE: &str = "mutation($id: ID!, $body: String) { commentUpdate(input: { id: $id, body: $body }) { \
    errors { code path } comment { id body editedAt } } }";
const COMMENT_DELETE: &str = "mutation($id: ID!) { commentDelete(input: { id: $id }) { errors { code path } comment { id body \
    deletedAt author { id } viewerCanUpdate viewerCanDelete } } }";
const COMMENT_LIKE: &str = "mutation($id: ID!) { commentLike(input: { id: $id }) { errors { code path } comment { likeCount \
    viewerHasLiked } } }";
const COMMENT_UNLIKE: &str = "mutation($id: ID!) { commentUnlike(input: { id: $id }) { errors { code path } comment { likeCount \
    viewerHasLiked } } }";

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

/// Events of posts and jobs that wait.
async fn told(server: &Server) -> (i64, i64) {
    (server.count("SELECT COUNT(*) FROM events").await, server.count("SELECT COUNT(*) FROM jobs").await)
}

async fn share(client: &Client, id: &str, body: &str) -> Value {
    let data = client.ok(SHARE, json!({ "id": id, "body": body })).await;
    assert_eq!(data["postShare"]["errors"], json!([]), "{data}");
    data["postShare"]["post"].clone()
}

async fn statements(server: &Server, client: &Client, query: &str, variables: Value) -> (u64, Value) {
    let before = server.app.db.statements();
    let data = client.ok(query, variables).await;
    (server.app.db.statements() - before, data)
}

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
                     editedAt deletedAt comments { nodes { id } totalCount } likes { nodes { id } totalCount } \
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
    let share = amina.ok(SHARE, json!({ "id": id, "body": "with a word" })).await;
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
        ("turned \u{202e} around", "INVALID_CHARACTERS"),
        ("turned \u{202d} around", "INVALID_CHARACTERS"),
        ("\u{fffd}", "INVALID_CHARACTERS"),
    ] {
        let short = format!("{:.20}", text.escape_debug().to_string());
        let expected = user_error(code, "input.body");
        assert_eq!(amina.user_errors(CREATE, json!({ "input": { "body": text } })).await, expected, "{short}");
        assert_eq!(amina.user_errors(UPDATE, json!({ "id": id, "body": text })).await, expected, "{short}");
        if code != "BLANK" {
            // A share can do without a text.
            assert_eq!(amina.user_errors(SHARE, json!({ "id": id, "body": text })).await, expected, "{short}");
            assert_eq!(amina.user_errors(UPDATE, json!({ "id": share, "body": text })).await, expected, "{short}");
        }
        let text = if code == "TOO_LONG" { long_comment.as_str() } else { text };
        let input = json!({ "target": { "postId": id }, "body": text });
        assert_eq!(amina.user_errors(COMMENT, json!({ "input": input })).await, expected, "{short}");
        let variables = json!({ "id": answer, "body": text });
        assert_eq!(amina.user_errors(COMMENT_UPDATE, variables).await, expected, "{short}");
    }
    assert_eq!(amina.user_errors(UPDATE, json!({ "id": id, "body": null })).await, user_error("BLANK", "input.body"));
    let variables = json!({ "id": answer, "body": null });
    assert_eq!(amina.user_errors(COMMENT_UPDATE, variables).await, user_error("BLANK", "input.body"));
    assert_eq!(everything(&server).await, before);

    // The longest that is allowed, white space around it aside.
    let longest = format!("  {}\n", "é".repeat(10_000));
    assert_eq!(amina.user_errors(CREATE, json!({ "input": { "body": longest } })).await, []);
    let longest = format!("  {}\n", "é".repeat(2_000));
    assert_eq!(
        amina.user_errors(COMMENT, json!({ "input": { "target": { "postId": id }, "body": longest } })).await,
        []
    );
}

#[tokio::test]
async fn an_author_changes_the_text_of_a_post() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("about #cats").await;
    let other = amina.publish("another").await;
    server.advance(60);
    // What asks for no change is none.
    for variables in [
        json!({ "id": id }),
        json!({ "id": id, "body": "about #cats" }),
        json!({ "id": id, "body": " about #cats \n" }),
    ] {
        let data = amina.ok(UPDATE, variables.clone()).await;
        let unchanged = json!({ "id": id, "body": "about #cats", "editedAt": null });
        assert_eq!(data["postUpdate"], json!({ "errors": [], "post": unchanged }), "{variables}");
    }
    let data = amina.ok(UPDATE, json!({ "id": id, "body": "about #dogs" })).await;
    assert_eq!(data["postUpdate"]["post"]["body"], "about #dogs");
    assert_eq!(time(&data["postUpdate"]["post"]["editedAt"]), server.clock.now());
    assert_eq!(post(&amina, &id, "id body editedAt").await, data["postUpdate"]["post"], "what is answered is stored");

    for (filter, expected) in [
        (json!({ "tags": "cats" }), vec![]),
        (json!({ "tags": "dogs" }), vec![id.clone()]),
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
    let changed = |id: &str| json!({ "id": id, "body": "changed" });
    assert_eq!(basma.user_errors(UPDATE, changed(&id)).await, user_error("NOT_ALLOWED", "input.id"));
    assert_eq!(basma.user_errors(DELETE, json!({ "id": id })).await, user_error("NOT_ALLOWED", "input.id"));
    // Whose post it is does not matter to what others wrote below it.
    assert_eq!(amina.user_errors(COMMENT_UPDATE, changed(&answer)).await, user_error("NOT_ALLOWED", "input.id"));
    assert_eq!(amina.user_errors(COMMENT_DELETE, json!({ "id": answer })).await, user_error("NOT_ALLOWED", "input.id"));
    let nobody = server.anonymous();
    for (query, id) in [(UPDATE, &id), (COMMENT_UPDATE, &answer)] {
        assert_eq!(nobody.refused(query, changed(id)).await, "UNAUTHENTICATED");
    }
    for query in [DELETE, LIKE, UNLIKE, SHARE] {
        assert_eq!(nobody.refused(query, json!({ "id": id })).await, "UNAUTHENTICATED", "{query}");
    }
    for query in [COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE] {
        assert_eq!(nobody.refused(query, json!({ "id": answer })).await, "UNAUTHENTICATED", "{query}");
    }
    assert_eq!(nobody.refused(CREATE, json!({ "input": { "body": "x" } })).await, "UNAUTHENTICATED");
    assert_eq!(
        nobody.refused(COMMENT, json!({ "input": { "target": { "postId": id }, "body": "x" } })).await,
        "UNAUTHENTICATED"
    );
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
            [json!({}), json!({ "text": "secret" }), json!({ "tags": "secret" }), json!({ "authorIds": amina.id })]
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

    let changed = |id: &str| json!({ "id": id, "body": "changed" });
    for post in [&id, &never] {
        for client in [&amina, &basma] {
            assert_eq!(client.user_errors(UPDATE, changed(post)).await, user_error("NOT_FOUND", "input.id"));
            for query in [DELETE, LIKE, UNLIKE, SHARE] {
                assert_eq!(
                    client.user_errors(query, json!({ "id": post })).await,
                    user_error("NOT_FOUND", "input.id"),
                    "{query}"
                );
            }
            let answer = json!({ "input": { "target": { "postId": post }, "body": "late" } });
            assert_eq!(client.user_errors(COMMENT, answer).await, user_error("NOT_FOUND", "input.target.postId"));
        }
    }
    for comment in [&gone_answer, &never_comment] {
        for client in [&amina, &basma] {
            assert_eq!(client.user_errors(COMMENT_UPDATE, changed(comment)).await, user_error("NOT_FOUND", "input.id"));
            for query in [COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE] {
                assert_eq!(
                    client.user_errors(query, json!({ "id": comment })).await,
                    user_error("NOT_FOUND", "input.id"),
                    "{query}"
                );
            }
            let reply = json!({ "input": { "target": { "commentId": comment }, "body": "late" } });
            assert_eq!(client.user_errors(COMMENT, reply).await, user_error("NOT_FOUND", "input.target.commentId"));
        }
    }
    // A living comment below a deleted post takes no replies either.
    let reply = json!({ "input": { "target": { "commentId": answer }, "body": "late" } });
    assert_eq!(amina.user_errors(COMMENT, reply).await, user_error("NOT_FOUND", "input.target.commentId"));
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
        let changed = json!({ "id": wrong, "body": "changed" });
        assert_eq!(amina.user_errors(UPDATE, changed).await, user_error("INVALID_ID", "input.id"));
        for query in [DELETE, LIKE, UNLIKE, SHARE] {
            assert_eq!(
                amina.user_errors(query, json!({ "id": wrong })).await,
                user_error("INVALID_ID", "input.id"),
                "{wrong}"
            );
        }
        let variables = json!({ "input": { "target": { "postId": wrong }, "body": "x" } });
        assert_eq!(
            amina.user_errors(COMMENT, variables).await,
            user_error("INVALID_ID", "input.target.postId"),
            "{wrong}"
        );
        let query = "query($id: ID!) { post(id: $id) { id } }";
        assert_eq!(amina.refused(query, json!({ "id": wrong })).await, "BAD_REQUEST", "{wrong}");
        if wrong != amina.id {
            let query = "query($id: ID!) { posts(where: { authorIds: [$id] }) { nodes { id } } }";
            assert_eq!(amina.refused(query, json!({ "id": wrong })).await, "BAD_REQUEST", "{wrong}");
        }
    }
    for wrong in [id.as_str(), amina.id.as_str(), "nonsense"] {
        let variables = json!({ "id": wrong, "body": "changed" });
        assert_eq!(amina.user_errors(COMMENT_UPDATE, variables).await, user_error("INVALID_ID", "input.id"), "{wrong}");
        for query in [COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE] {
            assert_eq!(
                amina.user_errors(query, json!({ "id": wrong })).await,
                user_error("INVALID_ID", "input.id"),
                "{wrong}"
            );
        }
        let variables = json!({ "input": { "target": { "commentId": wrong }, "body": "x" } });
        assert_eq!(
            amina.user_errors(COMMENT, variables).await,
            user_error("INVALID_ID", "input.target.commentId"),
            "{wrong}"
        );
    }
    for target in [
        json!({}),
        json!({ "postId": null }),
        json!({ "postId": id, "commentId": null }),
        json!({ "postId": id, "commentId": answer }),
    ] {
        let input = json!({ "target": target, "body": "x" });
        assert_eq!(amina.refused(COMMENT, json!({ "input": input })).await, "BAD_REQUEST", "{target}");
    }
    assert_eq!(everything(&server).await, before);
}
