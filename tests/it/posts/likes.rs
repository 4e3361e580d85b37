//! Liking posts and comments.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{COMMENT_LIKE, COMMENT_UNLIKE, LIKE, UNLIKE, comment, post, time, told};
use crate::harness::Server;

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
        assert_eq!(told(&server).await, (1, 2), "what was told of it is to go");
    }
    // Again is a new fact.
    basma.like(&id).await;
    assert_eq!(told(&server).await, (2, 3));
    assert_eq!(server.count("SELECT event_seq FROM posts").await, 2);
    // One's own counts, but tells nobody.
    let data = amina.ok(LIKE, json!({ "id": id })).await;
    assert_eq!(data["postLike"]["post"], json!({ "likeCount": 2, "viewerHasLiked": true }));
    assert_eq!(told(&server).await, (3, 3));
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
    assert_eq!(told(&server).await, (events + 2, jobs + 3));
    amina.ok(COMMENT_LIKE, json!({ "id": answer })).await;
    assert_eq!(told(&server).await, (events + 3, jobs + 3));
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
                 edges { node { username } likedAt cursor } nodes { username } totalCount pageInfo { hasNextPage endCursor } } } }";
    let (mut names, mut after) = (Vec::new(), Value::Null);
    loop {
        let data = server.anonymous().ok(query, json!({ "id": id, "first": 2, "after": after })).await;
        let likes = &data["post"]["likes"];
        assert_eq!(likes["totalCount"], 4);
        for (edge, person) in likes["edges"].as_array().unwrap().iter().zip(likes["nodes"].as_array().unwrap()) {
            assert_eq!(edge["node"], *person);
            names.push((person["username"].as_str().unwrap().to_owned(), time(&edge["likedAt"])));
        }
        assert_eq!(likes["edges"].as_array().unwrap().last().unwrap()["cursor"], likes["pageInfo"]["endCursor"]);
        after = likes["pageInfo"]["endCursor"].clone();
        if likes["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let at = |seconds| server.clock.now() - TimeDelta::seconds(seconds);
    let expected = [("person_4", at(0)), ("person_3", at(0)), ("person_2", at(0)), ("person_0", at(2))];
    assert_eq!(names, expected.map(|(name, at)| (name.to_owned(), at)));
    let oldest = [0, 2, 3, 4].map(|number: usize| likers[number].id.clone());
    let list = format!("{{ post(id: \"{id}\") {{ likes(reverse: true, PAGE) {{ ITEMS }} }} }}");
    for size in [1, 3, 4] {
        assert_eq!(amina.pages(&list, size, false).await.concat(), oldest);
        let mut backwards = amina.pages(&list, size, true).await;
        backwards.reverse();
        assert_eq!(backwards.concat(), oldest);
    }
    for arguments in ["first: 101", "last: -1", "first: 1, last: 1", "after: \"x\""] {
        let query = format!("{{ post(id: \"{id}\") {{ likes({arguments}) {{ nodes {{ id }} }} }} }}");
        assert_eq!(amina.refused(&query, Value::Null).await, "BAD_REQUEST", "{arguments}");
    }
}
