//! How often somebody may ask, and who counts as the same somebody.

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use serde_json::Value;

use crate::harness::{self, Server};

#[tokio::test]
async fn whoever_asks_too_often_is_told_when_to_come_back() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "3/hour")]).await;
    let nobody = server.anonymous();
    for left in [2, 1, 0] {
        let answer = nobody.send("{ me { id } }", Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"anonymous\";q=3;w=3600");
        let state = answer.header("ratelimit");
        assert!(state.starts_with(&format!("\"anonymous\";r={left};t=")), "{state}");
        assert_eq!(answer.header("retry-after"), "");
    }
    let answer = nobody.send("{ me { id } }", Value::Null).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.code(), "RATE_LIMITED");
    let wait = answer.refusal()["retryAfter"].as_u64().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(answer.header("retry-after"), wait.to_string());
    assert_eq!(answer.header("ratelimit-policy"), "\"anonymous\";q=3;w=3600");
    assert!(answer.header("ratelimit").starts_with("\"anonymous\";r=0;t="), "{}", answer.header("ratelimit"));
    assert!(answer.body.get("data").is_none());
    // Whatever the request is, and however it comes.
    let broken = nobody.post("{").await;
    assert_eq!(broken.status, StatusCode::TOO_MANY_REQUESTS);
    let by_url = nobody.request(Request::get("/graphql?query=%7B__typename%7D").body(Body::empty()).unwrap()).await;
    assert_eq!(by_url.status, StatusCode::TOO_MANY_REQUESTS);
    // Other addresses have their own.
    nobody.from("192.0.2.2").ok("{ me { id } }", Value::Null).await;
}

#[tokio::test]
async fn what_is_not_well_formed_counts_too() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "3/hour")]).await;
    let nobody = server.anonymous();
    for body in ["{", "{\"query\":\"{\"}", "{\"query\":\"{ nothing }\"}"] {
        assert_eq!(nobody.post(body).await.code(), "BAD_REQUEST");
    }
    assert_eq!(nobody.refused("{ me { id } }", Value::Null).await, "RATE_LIMITED");
}

#[tokio::test]
async fn who_is_signed_in_has_an_allowance_of_their_own_wherever_they_are() {
    let server = Server::with(&[("RATE_LIMIT_USER", "3/hour"), ("RATE_LIMIT_ANON", "3/hour")]).await;
    let amina = server.user("amina").await;
    let badr = server.user("badr").await;
    for address in ["192.0.2.7", "192.0.2.8", "192.0.2.9"] {
        let answer = amina.clone().from(address).send("{ me { id } }", Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"user\";q=3;w=3600");
    }
    let before = server.rows().await;
    let query = "mutation { postCreate(input: { body: \"x\" }) { errors { code } } }";
    assert_eq!(amina.clone().from("192.0.2.10").refused(query, Value::Null).await, "RATE_LIMITED");
    assert_eq!(server.rows().await, before);
    // At the same address, another person; and nobody.
    badr.ok("{ me { id } }", Value::Null).await;
    server.anonymous().ok("{ me { id } }", Value::Null).await;
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_share_their_allowance() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "2/hour")]).await;
    let from = |address: &str| server.anonymous().from(address);
    from("2001:db8:1:2::1").ok("{ me { id } }", Value::Null).await;
    from("2001:db8:1:2:ffff:ffff:ffff:ffff").ok("{ me { id } }", Value::Null).await;
    assert_eq!(from("2001:db8:1:2:3::3").refused("{ me { id } }", Value::Null).await, "RATE_LIMITED");
    from("2001:db8:1:3::1").ok("{ me { id } }", Value::Null).await;
    // An IPv4 address in IPv6 clothes is that address.
    from("::ffff:192.0.2.1").ok("{ me { id } }", Value::Null).await;
    from("192.0.2.1").ok("{ me { id } }", Value::Null).await;
    assert_eq!(from("192.0.2.1").refused("{ me { id } }", Value::Null).await, "RATE_LIMITED");
    from("::ffff:192.0.2.2").ok("{ me { id } }", Value::Null).await;
}

#[tokio::test]
async fn a_forwarded_address_counts_only_when_a_trusted_proxy_says_it() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "1/hour"), ("TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32")]).await;
    let through = |peer: &str, forwarded: &str| server.anonymous().from(peer).header("x-forwarded-for", forwarded);
    let query = "{ me { id } }";
    through("10.0.0.1", "203.0.113.1").ok(query, Value::Null).await;
    through("10.0.0.1", "203.0.113.2").ok(query, Value::Null).await;
    // What a client wrote itself stands further left.
    assert_eq!(through("10.0.0.1", "198.51.100.1, 203.0.113.2").refused(query, Value::Null).await, "RATE_LIMITED");
    assert_eq!(through("2001:db8::1", "203.0.113.1, 10.9.9.9").refused(query, Value::Null).await, "RATE_LIMITED");
    // Nobody else is believed: three names, one address.
    through("192.0.2.50", "203.0.113.3").ok(query, Value::Null).await;
    assert_eq!(through("192.0.2.50", "203.0.113.4").refused(query, Value::Null).await, "RATE_LIMITED");
    through("10.0.0.1", "203.0.113.4").ok(query, Value::Null).await;
}

/// Writes so many posts in one operation, the last of them by a fragment.
fn posts(count: usize) -> String {
    let fields: Vec<_> =
        (1..count).map(|n| format!("p{n}: postCreate(input: {{ body: \"{n}\" }}) {{ errors {{ code }} }}")).collect();
    format!(
        "mutation {{ {} ...Last }} fragment Last on Mutation {{ last: postCreate(input: {{ body: \"last\" }}) {{ errors {{ code }} }} }}",
        fields.join(" ")
    )
}

#[tokio::test]
async fn what_a_person_writes_for_others_has_an_allowance_of_its_own() {
    let server = Server::with(&[("RATE_LIMIT_CONTENT", "5/hour")]).await;
    let (amina, badr) = (server.user("amina").await, server.user("badr").await);
    amina.ok(&posts(3), Value::Null).await;
    let before = server.rows().await;
    // Two are left: three are refused together, and two are not.
    let answer = amina.send(&posts(3), Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"));
    let wait = answer.refusal()["retryAfter"].as_u64().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    assert_eq!(answer.header("retry-after"), wait.to_string());
    assert_eq!(answer.refusal()["policy"], "content");
    assert_eq!(server.rows().await, before);
    amina.ok(&posts(2), Value::Null).await;
    let before = server.rows().await;
    let like = "mutation($id: ID!) { postLike(input: { id: $id }) { errors { code } } }";
    let post = amina.ok("{ posts(first: 1) { nodes { id } } }", Value::Null).await["posts"]["nodes"][0]["id"].clone();
    let variables = serde_json::json!({ "id": post });
    assert_eq!(amina.clone().from("192.0.2.7").refused(like, variables.clone()).await, "RATE_LIMITED");
    assert_eq!(server.rows().await, before);
    // What they write for themselves is another matter, and so are others.
    amina.ok("mutation { notificationMarkAllRead { errors { code } } }", Value::Null).await;
    badr.ok(like, variables).await;
}

#[tokio::test]
async fn an_operation_writes_a_few_things_for_others_at_most() {
    let server = Server::with(&[("LIMIT_CONTENT", "5")]).await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let answer = amina.send(&posts(6), Value::Null).await;
    assert_eq!((answer.code(), &answer.refusal()["limit"]), ("COST_EXCEEDED", &5.into()), "{}", answer.body);
    assert_eq!(server.rows().await, before);
    amina.ok(&posts(5), Value::Null).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 5);
}

#[tokio::test]
async fn what_is_no_text_hides_nothing_that_is() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "1/hour"), ("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    let through = async |forwarded: &[u8]| {
        let mut request = Request::get("/graphql?query=%7B__typename%7D").body(Body::empty()).unwrap();
        request.headers_mut().insert("x-forwarded-for", HeaderValue::from_bytes(forwarded).unwrap());
        harness::send(server.router.clone(), request, "10.0.0.1:1234".parse().unwrap()).await.status()
    };
    assert_eq!(through(b"\xff, 203.0.113.9").await, StatusCode::OK);
    assert_eq!(through(b"\xfe, 203.0.113.9").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(through(b"203.0.113.9").await, StatusCode::TOO_MANY_REQUESTS);
    // Nobody else is taken for the proxy.
    assert_eq!(through(b"\xff, 203.0.113.10").await, StatusCode::OK);
}
