//! What an answer may weigh: before it is made by what its texts may have, afterwards by what it has, and together with
//! all others that nobody has taken yet.

use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use serde_json::{Value, json};

use super::over_limit;
use crate::harness::{self, Answer, Client, Server};

/// Posts of 40,000 bytes each.
async fn publish_long(client: &Client, count: usize) {
    for _ in 0..count {
        client.publish(&"😀".repeat(10_000)).await;
    }
}

fn bodies(count: usize) -> String {
    format!("{{ posts(first: {count}) {{ nodes {{ body }} }} }}")
}

#[tokio::test]
async fn a_long_text_is_charged_as_often_as_it_is_asked_for() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let aliases: Vec<_> = (0..9).map(|n| format!("a{n}: body")).collect();
    let often = format!("{{ posts(first: 100) {{ nodes {{ {} }} }} }}", aliases.join(" "));
    let (what, limit, requested) = over_limit(&server, &nobody, &often).await;
    assert_eq!((what.as_str(), limit), ("cost", 1000));
    assert!(requested > 3_600, "{requested}");
    // Other long texts are no way around.
    for list in [
        "goals(first: 100) { nodes { a: story b: story c: story } }",
        "goals(first: 20) { nodes { news(first: 20) { nodes { body } } } }",
        "users(first: 100) { nodes { posts(first: 100) { nodes { id author { bio } } } } }",
        "posts(first: 100) { nodes { comments(first: 10) { nodes { body } } } }",
    ] {
        assert_eq!(over_limit(&server, &nobody, &format!("{{ {list} }}")).await.0, "cost", "{list}");
    }
    // What our own clients ask for fits.
    let feed = "{ posts(first: 20) { nodes { id body createdAt author { id username displayName avatarUrl bio } likeCount \
                comments(first: 3) { nodes { id body author { id username displayName } } } } } }";
    let answer = nobody.send(feed, Value::Null).await;
    assert!(answer.body.get("errors").is_none(), "{}", answer.body);
    let cost = answer.body["extensions"]["cost"]["requested"].as_u64().unwrap();
    assert!((181..400).contains(&cost), "{cost}");
    nobody.ok(&bodies(100), Value::Null).await;
}

#[tokio::test]
async fn an_answer_over_its_limit_is_an_error() {
    let server = Server::with(&[("LIMIT_ANSWER_BYTES", "100000")]).await;
    let amina = server.user("amina").await;
    publish_long(&amina, 3).await;
    amina.ok(&bodies(2), Value::Null).await;
    let answer = amina.send(&bodies(3), Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "COST_EXCEEDED"));
    assert_eq!(answer.body["data"], Value::Null);
    assert_eq!(answer.refusal()["what"], "answer in bytes");
    assert_eq!(answer.refusal()["limit"], 100_000);
    assert!(answer.body["extensions"]["cost"]["requested"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_mutation_whose_answer_could_be_too_large_is_not_begun() {
    let server = Server::with(&[("LIMIT_ANSWER_BYTES", "30000")]).await;
    let amina = server.user("amina").await;
    let create =
        |fields: &str| format!("mutation {{ postCreate(input: {{ body: \"x\" }}) {{ post {{ {fields} }} }} }}");
    let (what, limit, requested) = over_limit(&server, &amina, &create("body")).await;
    assert_eq!((what.as_str(), limit), ("answer in bytes", 30_000));
    assert!(requested > 40_000, "{requested}");
    amina.ok(&create("id"), Value::Null).await;
}

/// Sends an operation from an address; its answer is not read.
async fn unread(server: &Server, address: &str, query: &str) -> Response<Body> {
    let request =
        Request::post("/graphql").header("content-type", "application/json").header("accept-encoding", "gzip");
    let request = request.body(Body::from(json!({ "query": query }).to_string())).unwrap();
    harness::send(server.router.clone(), request, format!("{address}:1234").parse().unwrap()).await
}

#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_together_and_by_address() {
    let settings = [("LIMIT_ANSWER_BYTES", "600000"), ("ANSWERS_IN_FLIGHT_BYTES", "1000000")];
    let server = Server::with(&settings).await;
    let amina = server.user("amina").await;
    publish_long(&amina, 10).await;
    let large = bodies(10);
    let first = unread(&server, "192.0.2.10", &large).await;
    assert_eq!(first.status(), StatusCode::OK);
    // One address has its share.
    let refused = Answer::read(unread(&server, "192.0.2.10", &large).await).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert_eq!(refused.header("retry-after"), "10");
    let second = unread(&server, "192.0.2.11", &large).await;
    assert_eq!(second.status(), StatusCode::OK);
    // There is no more room for anybody, except for what is small.
    assert_eq!(unread(&server, "192.0.2.12", &large).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let before = server.count("SELECT COUNT(*) FROM posts").await;
    let large_mutation = "mutation { postCreate(input: { body: \"x\" }) { post { a: body b: body c: body d: body } } }";
    let answer = amina.clone().from("192.0.2.12").send(large_mutation, Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK, "there is room for this one: {}", answer.body);
    let third = unread(&server, "192.0.2.13", &bodies(3)).await;
    assert_eq!(third.status(), StatusCode::OK);
    let answer = amina.clone().from("192.0.2.12").send(large_mutation, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, before + 1, "what has no room is not begun");
    amina.ok("{ me { id } }", Value::Null).await;
    amina.publish("small").await;
    // Whoever goes away, or reads, makes room.
    drop(first);
    axum::body::to_bytes(second.into_body(), 1 << 20).await.unwrap();
    drop(third);
    for address in ["192.0.2.10", "192.0.2.11"] {
        assert_eq!(unread(&server, address, &large).await.status(), StatusCode::OK, "{address}");
    }
}
