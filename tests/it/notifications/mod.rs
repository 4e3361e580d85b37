//! Notifications: who is told of what. In the folder: the list, the live stream, the jobs that make
//! them, and what becomes of them when what they tell of is gone.

mod gone;
mod jobs;
mod list;
mod live;

use serde_json::{Value, json};

use crate::harness::{Client, SEVERAL_CONNECTIONS, Server, time};

const LIST: &str = "query($unread: Boolean) { me { notifications(where: { unread: $unread }, first: 100) { nodes { id \
    kind title message readAt createdAt actor { username } subject { __typename id } } totalCount streamCursor } \
    notificationUnreadCount } }";
const MARK_READ: &str = "mutation($id: ID!) { notificationMarkRead(input: { id: $id }) { errors { code path } notification { id \
    readAt } } }";
const MARK_ALL: &str = "mutation { notificationMarkAllRead { markedCount errors { code path } } }";
const UNLIKE: &str = "mutation($id: ID!) { postUnlike(input: { id: $id }) { errors { code } } }";
const COMMENT_LIKE: &str = "mutation($id: ID!) { commentLike(input: { id: $id }) { errors { code } } }";
const SHARE: &str = "mutation($id: ID!) { postShare(input: { id: $id }) { errors { code } post { id } } }";
const DELETE: &str = "mutation($id: ID!) { postDelete(input: { id: $id }) { errors { code } } }";
const COMMENT_DELETE: &str = "mutation($id: ID!) { commentDelete(input: { id: $id }) { errors { code } } }";
const LOCALE: &str = "mutation($input: ProfileUpdateInput!) { profileUpdate(input: $input) { errors { code } } }";

/// Runs the jobs, then gives what a person was told, newest first.
async fn told(server: &Server, client: &Client) -> Vec<Value> {
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    let data = client.ok(LIST, Value::Null).await;
    let list = data["me"]["notifications"]["nodes"].as_array().unwrap().clone();
    assert_eq!(data["me"]["notifications"]["totalCount"], list.len());
    list
}

/// Kind and message of what a person was told, newest first.
async fn gist(server: &Server, client: &Client) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    told(server, client).await.iter().map(|node| (text(&node["kind"]), text(&node["message"]))).collect()
}

fn gists(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(kind, message)| ((*kind).to_owned(), (*message).to_owned())).collect()
}

fn ids(list: &Value) -> Vec<String> {
    list["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

/// A server, somebody who was told of so many comments (each at its own second), and who commented.
async fn with_told(count: usize) -> (Server, Client, Client, String) {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    for number in 0..count {
        basma.comment(&post, &format!("number {number}")).await;
        server.run_jobs().await;
        server.advance(1);
    }
    (server, amina, basma, post)
}

#[tokio::test]
async fn each_act_is_told_to_whom_it_concerns_in_their_language() {
    let server = Server::start().await;
    for (name, locale, titles) in [
        (
            "amina",
            "EN",
            [
                "basma shared your post",
                "basma replied to your comment",
                "basma likes your comment",
                "basma commented on your post",
                "basma likes your post",
            ],
        ),
        (
            "layla",
            "AR",
            [
                "شارك basma منشورك",
                "ردّ basma على تعليقك",
                "أعجب تعليقك basma",
                "علّق basma على منشورك",
                "أعجب منشورك basma",
            ],
        ),
    ] {
        let person = server.user(name).await;
        person.ok(LOCALE, json!({ "input": { "locale": locale } })).await;
        // The one who acts speaks whatever they speak.
        let basma = if name == "amina" { server.user("basma").await } else { server.anonymous().login("basma").await };
        let post = person.publish("my post").await;
        let own_comment = person.comment(&post, "my comment").await;
        server.run_jobs().await;
        let mut at = Vec::new();
        server.advance(1);
        basma.like(&post).await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        let comment = basma.comment(&post, "well said").await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        basma.ok(COMMENT_LIKE, json!({ "id": own_comment })).await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        let reply = basma.reply(&own_comment, "true").await;
        server.run_jobs().await;
        at.push(server.clock.now());
        server.advance(1);
        let share = basma.ok(SHARE, json!({ "id": post })).await["postShare"]["post"]["id"].clone();
        server.run_jobs().await;
        at.push(server.clock.now());

        let list = told(&server, &person).await;
        let facts = [
            ("SHARE", "my post", "Post", share.as_str().unwrap()),
            ("REPLY", "true", "Comment", &reply),
            ("LIKE", "my comment", "Comment", &own_comment),
            ("COMMENT", "well said", "Comment", &comment),
            ("LIKE", "my post", "Post", &post),
        ];
        assert_eq!(list.len(), facts.len(), "{list:?}");
        for (number, (kind, message, subject, id)) in facts.into_iter().enumerate() {
            let told = &list[number];
            let expected = json!({
                "id": told["id"], "kind": kind, "title": titles[number], "message": message, "readAt": null,
                "createdAt": told["createdAt"], "actor": { "username": "basma" },
                "subject": { "__typename": subject, "id": id },
            });
            assert_eq!(*told, expected);
            assert_eq!(time(&told["createdAt"]), at[4 - number]);
        }
        assert_eq!(told(&server, &basma).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_long_text_is_told_by_its_beginning() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    basma.ok(LOCALE, json!({ "input": { "displayName": "ن".repeat(100) } })).await;
    let post = amina.publish("a post").await;
    basma.comment(&post, &"é".repeat(140)).await;
    basma.comment(&post, &"é".repeat(141)).await;
    let list = told(&server, &amina).await;
    assert_eq!(list[1]["message"], "é".repeat(140));
    assert_eq!(list[0]["message"], format!("{}…", "é".repeat(139)));
    let title = list[0]["title"].as_str().unwrap();
    assert!(title.starts_with(&"ن".repeat(100)) && title.chars().count() <= 255, "{title}");
}

#[tokio::test]
async fn nobody_is_told_of_their_own_act() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("a post").await;
    amina.like(&post).await;
    let comment = amina.comment(&post, "a comment").await;
    amina.ok(COMMENT_LIKE, json!({ "id": comment })).await;
    amina.reply(&comment, "a reply").await;
    amina.ok(SHARE, json!({ "id": post })).await;
    assert_eq!(told(&server, &amina).await, Vec::<Value>::new());
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 0);
}

#[tokio::test]
async fn who_is_replied_to_is_told_of_the_reply_and_of_nothing_else() {
    let server = Server::start().await;
    let (amina, basma, chloe) = (server.user("amina").await, server.user("basma").await, server.user("chloe").await);
    let post = amina.publish("a post").await;
    let of_amina = amina.comment(&post, "by amina").await;
    let of_chloe = chloe.comment(&post, "by chloe").await;
    basma.reply(&of_amina, "to amina, on her own post").await;
    basma.reply(&of_chloe, "to chloe").await;
    chloe.reply(&of_chloe, "to herself").await;
    let expected = [
        ("COMMENT", "to herself"),
        ("COMMENT", "to chloe"),
        ("REPLY", "to amina, on her own post"),
        ("COMMENT", "by chloe"),
    ];
    assert_eq!(gist(&server, &amina).await, gists(&expected));
    assert_eq!(gist(&server, &chloe).await, gists(&[("REPLY", "to chloe")]));
    assert_eq!(gist(&server, &basma).await, gists(&[]));
}

#[tokio::test]
async fn what_is_deleted_before_it_is_told_is_not_told() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("a post").await;
    let comment = basma.comment(&post, "a comment").await;
    basma.ok(COMMENT_DELETE, json!({ "id": comment })).await;
    let share = basma.ok(SHARE, json!({ "id": post })).await["postShare"]["post"]["id"].clone();
    basma.ok(DELETE, json!({ "id": share })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[]));
    let gone = amina.publish("gone").await;
    let kept = amina.comment(&gone, "kept").await;
    basma.like(&gone).await;
    basma.comment(&gone, "on what goes").await;
    basma.ok(SHARE, json!({ "id": gone })).await;
    basma.reply(&kept, "to what stays").await;
    amina.ok(DELETE, json!({ "id": gone })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[("REPLY", "to what stays")]));
    // Nor what was said to a comment that is gone.
    let gone = amina.comment(&basma.publish("basma's").await, "gone, too").await;
    basma.reply(&gone, "to what goes").await;
    amina.ok(COMMENT_DELETE, json!({ "id": gone })).await;
    assert_eq!(gist(&server, &amina).await, gists(&[("REPLY", "to what stays")]));
}
