//! A field that is written several times under one response key is one field: components that each bring a fragment
//! write such documents every day.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Server, Socket};

#[tokio::test]
async fn a_mutation_in_two_fragments_is_done_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "mutation($input: PostCreateInput!) { ...Id ...Body postCreate(input: $input) { post { likeCount } } } \
                 fragment Id on Mutation { postCreate(input: $input) { post { id } errors { code } } } \
                 fragment Body on Mutation { postCreate(input: $input) { post { body author { id } } } }";
    let posts = "SELECT COUNT(*) FROM posts";
    let before = server.count(posts).await;
    let data = amina.ok(query, json!({ "input": { "body": "once" } })).await;
    assert_eq!(server.count(posts).await, before + 1);
    let post = &data["postCreate"]["post"];
    assert_eq!(
        (&post["body"], &post["author"]["id"], &post["likeCount"]),
        (&json!("once"), &json!(amina.id), &json!(0))
    );
    let id = post["id"].as_str().unwrap();
    assert_eq!(
        amina.ok("query($id: ID!) { post(id: $id) { body } }", json!({ "id": id })).await["post"]["body"],
        "once"
    );
    // Two names are two posts.
    let aliases = "mutation { a: postCreate(input: { body: \"x\" }) { errors { code } } \
                   b: postCreate(input: { body: \"x\" }) { errors { code } } }";
    amina.ok(aliases, Value::Null).await;
    assert_eq!(server.count(posts).await, before + 3);
}

#[tokio::test]
async fn lists_in_several_fragments_are_of_the_same_rows_while_others_write() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let badr = server.user("badr").await;
    let query = "{ ...Ids ...Bodies ...Authors } \
                 fragment Ids on Query { posts(first: 5) { nodes { id comments(first: 1) { nodes { id } } } } } \
                 fragment Bodies on Query { posts(first: 5) { nodes { body comments(first: 1) { nodes { body } } } } } \
                 fragment Authors on Query { posts(first: 5) { nodes { author { ...A ...B } } pageInfo { hasNextPage } } } \
                 fragment A on User { id } fragment B on User { username }";
    let (readers, writers) = tokio::join!(
        join_all((0..20).map(|_| amina.ok(query, Value::Null))),
        join_all((0..20).map(|n| {
            let (amina, badr) = (&amina, &badr);
            async move {
                let (author, name) = if n % 2 == 0 { (amina, "amina") } else { (badr, "badr") };
                let id = author.publish(&format!("{name} {n}")).await;
                author.comment(&id, &format!("{name} {n}")).await;
                (id, format!("{name} {n}"))
            }
        })),
    );
    let body_of = |id: &Value| writers.iter().find(|(written, _)| id == written).map(|(_, body)| body.clone()).unwrap();
    let mut seen = 0;
    for data in readers.iter().chain([&amina.ok(query, Value::Null).await]) {
        for node in data["posts"]["nodes"].as_array().unwrap() {
            let body = body_of(&node["id"]);
            assert_eq!(node["body"], body, "{data}");
            assert!(body.starts_with(node["author"]["username"].as_str().unwrap()), "{data}");
            assert_eq!(node["author"]["id"] == amina.id, node["author"]["username"] == "amina", "{data}");
            for comment in node["comments"]["nodes"].as_array().unwrap() {
                assert!(comment["id"].is_string() && comment["body"] == body, "{data}");
            }
            seen += 1;
        }
        assert!(data["posts"]["pageInfo"]["hasNextPage"].is_boolean());
    }
    assert!(seen >= 5);
}

#[tokio::test]
async fn a_field_that_is_written_twice_costs_and_reads_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.publish("x").await;
    let (once, twice) = (
        "{ posts(first: 5) { nodes { id body } } }",
        "{ posts(first: 5) { nodes { id } nodes { body } } posts(first: 5) { nodes { id body } } }",
    );
    let [once, twice] = [amina.send(once, Value::Null).await, amina.send(twice, Value::Null).await];
    assert_eq!(once.body["data"], twice.body["data"]);
    assert_eq!(once.body["extensions"]["cost"], twice.body["extensions"]["cost"]);
}

#[tokio::test]
async fn what_several_fragments_ask_of_one_kind_of_object_is_answered_together() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let query = "query($post: ID!, $user: ID!) { post: node(id: $post) { ...N ...P ...Q } user: node(id: $user) { ...N ...P ...U } \
                 both: nodes(ids: [$post, $user]) { ...N ...Q ...U } } \
                 fragment N on Node { __typename id } \
                 fragment P on Node { ... on Post { id author { id } } ... on User { username } } \
                 fragment Q on Post { author { username } ... on Node { ... on Post { body } ... on User { username } } } \
                 fragment U on User { id username }";
    let data = amina.ok(query, json!({ "post": post, "user": amina.id })).await;
    let author = json!({ "id": amina.id, "username": "amina" });
    assert_eq!(data["post"], json!({ "__typename": "Post", "id": post, "author": author, "body": "hello" }));
    let user = json!({ "__typename": "User", "id": amina.id, "username": "amina" });
    assert_eq!(data["user"], user);
    let of_both = json!({ "__typename": "Post", "id": post, "author": { "username": "amina" }, "body": "hello" });
    assert_eq!(data["both"], json!([of_both, user]));
}

#[tokio::test]
async fn a_subscription_s_root_field_may_stand_in_fragments_and_several_times() {
    let server = Server::start().await;
    let address = server.listen().await;
    let amina = server.user("amina").await;
    let mut socket = Socket::open(address, amina.access_token.as_deref()).await;
    for (id, query) in [
        ("1", "subscription { ...F } fragment F on Subscription { notificationReceived { phase cursor } }"),
        ("2", "subscription { notificationReceived { phase } notificationReceived { cursor } }"),
        (
            "3",
            "subscription { ... { notificationReceived { phase } } ...F } fragment F on Subscription { notificationReceived { cursor } }",
        ),
    ] {
        socket.subscribe(id, query, Value::Null).await;
        let event = socket.event().await;
        assert_eq!(event["notificationReceived"]["phase"], "LIVE", "{event}");
        assert!(event["notificationReceived"]["cursor"].is_string(), "{event}");
        socket.send(json!({ "id": id, "type": "complete" })).await;
    }
    for (id, query) in [
        ("4", "subscription { a: notificationReceived { phase } b: notificationReceived { phase } }"),
        ("5", "subscription { __typename }"),
        ("6", "subscription { notificationReceived @include(if: true) { phase } }"),
    ] {
        socket.subscribe(id, query, Value::Null).await;
        let message = socket.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)), "{message}");
    }
}
