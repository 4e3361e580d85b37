//! Counters equal what they count, whatever happens at once.

use agora::domain::recount;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{COMMENT, COMMENT_DELETE, COMMENT_LIKE, COMMENT_UNLIKE, DELETE, LIKE, SHARE, UNLIKE, post, told};
use crate::harness::{Client, Server};

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
                let made =
                    check(client.ok(COMMENT, json!({ "input": { "target": { "postId": post }, "body": "x" } })).await);
                own_comments.extend(made["comment"]["id"].as_str().map(str::to_owned));
            }
            3 | 8 => {
                let made = check(
                    client.ok(COMMENT, json!({ "input": { "target": { "commentId": answer }, "body": "x" } })).await,
                );
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
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
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
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_like_that_a_deletion_forestalls_leaves_nothing() {
    let server = Server::start().await;
    let author = server.user("author").await;
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(server.user(&format!("person_{number}")).await);
    }
    for round in 0..5 {
        let id = author.publish("soon gone").await;
        let answer = author.comment(&id, "soon gone").await;
        let likes = join_all(people.iter().map(|person| async {
            let of_post = person.ok(LIKE, json!({ "id": id })).await;
            let of_comment = person.ok(COMMENT_LIKE, json!({ "id": answer })).await;
            [of_post["postLike"]["errors"] == json!([]), of_comment["commentLike"]["errors"] == json!([])]
        }));
        let deletion = async {
            author.ok(COMMENT_DELETE, json!({ "id": answer })).await;
            author.ok(DELETE, json!({ "id": id })).await;
        };
        let (likes, ()) = tokio::join!(likes, deletion);
        let done = |which: usize| likes.iter().filter(|done| done[which]).count() as i64;
        for (which, likes, liked) in [(0, "post", "posts"), (1, "comment", "comments")] {
            let newest = format!("SELECT id FROM {liked} ORDER BY created_at DESC, id DESC LIMIT 1");
            let sql = format!("SELECT COUNT(*) FROM {likes}_likes WHERE {likes}_id = ({newest})");
            assert_eq!(server.count(&sql).await, done(which), "{liked}, round {round}");
        }
        server.advance(1);
    }
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_wrong_counter_is_found_and_mended() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let id = amina.publish("a post").await;
    amina.comment(&id, "a comment").await;
    server.write("UPDATE posts SET comment_count = 7, like_count = 3", Vec::new()).await;
    assert_eq!(recount::recount(&server.app).await.unwrap(), 2);
    let seen = post(&amina, &id, "commentCount likeCount").await;
    assert_eq!(seen, json!({ "commentCount": 1, "likeCount": 0 }));
    assert_eq!(recount::recount(&server.app).await.unwrap(), 0);
}
