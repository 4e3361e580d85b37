//! GraphQL over HTTP: methods, media types, who is asking, compression. In the folder: connections, HTTP/2, origins and
//! hosts, documents that are known, answers as events, time, health and metrics.

mod connections;
mod documents;
mod event_stream;
mod http2;
mod metrics;
mod origins;
mod time;

use std::{
    io::{Read, Write},
    sync::atomic::{AtomicU64, Ordering},
};

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, request},
};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server, Socket, client::PASSWORD};

const PUBLISH: &str = "mutation { postCreate(input: { body: \"x\" }) { post { id } errors { code } } }";

/// An operation by URL.
fn by_url(parameters: &[(&str, &str)]) -> request::Builder {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    Request::get(format!("/graphql?{query}"))
}

/// An operation as JSON.
fn by_post(query: &str) -> (request::Builder, Body) {
    let body = json!({ "query": query }).to_string();
    (Request::post("/graphql").header("content-type", "application/json"), Body::from(body))
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 16 << 20).await.unwrap().to_vec()).unwrap()
}

fn signed(request: request::Builder, client: &Client) -> request::Builder {
    request.header("authorization", format!("Bearer {}", client.access_token.as_deref().unwrap()))
}

fn empty(request: request::Builder) -> Request<Body> {
    request.body(Body::empty()).unwrap()
}

/// A file of the test's own.
fn tempfile(name: &str, content: &str) -> std::path::PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    let path = std::env::temp_dir().join(format!("agora-{}-{number}-{name}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(content.as_bytes()).unwrap();
    path
}

#[tokio::test]
async fn queries_go_by_url_too() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "query A { me { id } } query B($name: String!) { user(username: $name) { username } }";
    let parameters =
        [("query", query), ("operationName", "B"), ("variables", "{\"name\":\"AMINA\"}"), ("extensions", "{}")];
    let answer = amina.request(empty(by_url(&parameters))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["data"], json!({ "user": { "username": "amina" } }));
    let parameters = [("query", query), ("operationName", "A"), ("variables", ""), ("unknown", "x")];
    let answer = amina.request(empty(signed(by_url(&parameters), &amina))).await;
    assert_eq!(answer.body["data"]["me"]["id"], amina.id);
    for wrong in [
        [("query", ""), ("variables", "{}")],
        [("query", "{ me { id } }"), ("variables", "[]")],
        [("query", "{ me { id } }"), ("variables", "{")],
        [("query", "{ me { id } }"), ("extensions", "17")],
        [("queri", "{ me { id } }"), ("variables", "{}")],
    ] {
        let answer = amina.request(empty(by_url(&wrong))).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{wrong:?}");
    }
    let answer = amina.request(empty(Request::get("/graphql?query=%ff%fe%00"))).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    assert_eq!(amina.request(empty(Request::get("/graphql"))).await.code(), "BAD_REQUEST");
}

#[tokio::test]
async fn mutations_never_go_by_url() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let several = format!("query A {{ me {{ id }} }} {}", PUBLISH.replace("mutation", "mutation B"));
    for parameters in [
        vec![("query", PUBLISH)],
        vec![("query", several.as_str()), ("operationName", "B")],
        vec![("query", "mutation { logout { ended } }")],
    ] {
        for accept in ["application/json", "application/graphql-response+json"] {
            let request = signed(by_url(&parameters), &amina).header("accept", accept);
            let answer = amina.request(empty(request)).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{parameters:?}");
            assert_eq!(answer.header("allow"), "POST");
            assert_eq!(answer.code(), "BAD_REQUEST");
            assert_eq!(server.rows().await, before);
        }
    }
    let head =
        server.send(empty(signed(Request::head("/graphql?query=mutation+%7Blogout%7Bended%7D%7D"), &amina))).await;
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.rows().await, before);
    amina.ok("{ me { notificationUnreadCount } }", Value::Null).await;
}

#[tokio::test]
async fn a_subscription_has_no_answer_as_json() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "subscription { notificationReceived { cursor } }";
    let answer = amina.send(query, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
    let answer = amina.request(empty(signed(by_url(&[("query", query)]), &amina))).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("text/event-stream") && message.contains("graphql-transport-ws"), "{message}");
}

#[tokio::test]
async fn operations_are_sent_as_json_and_as_nothing_else() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let json_body = json!({ "query": PUBLISH }).to_string();
    let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("query", PUBLISH).finish();
    let part = format!("--b\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{json_body}\r\n--b--\r\n");
    for (content_type, body) in [
        (None, json_body.as_str()),
        (Some(""), &json_body),
        (Some("text/plain"), &json_body),
        (Some("text/plain;charset=UTF-8"), &json_body),
        (Some("application/x-www-form-urlencoded"), &form),
        (Some("application/x-www-form-urlencoded"), &json_body),
        (Some("multipart/form-data; boundary=b"), &part),
        (Some("application/graphql"), PUBLISH),
        (Some("application/jsonp"), &json_body),
        (Some("application/json+x"), &json_body),
        (Some("text/json"), &json_body),
        (Some("application/json; charset=utf-16"), &json_body),
        (Some("application/json; charset=latin1"), &json_body),
        (Some("text/plain, application/json"), &json_body),
    ] {
        let mut request = signed(Request::post("/graphql"), &amina);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = amina.request(request.body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type:?}");
        assert_eq!(answer.code(), "BAD_REQUEST", "{content_type:?}");
        assert_eq!(server.rows().await, before, "{content_type:?}");
    }
    for content_type in ["application/json", "Application/JSON; Charset=\"UTF-8\"", "application/json;charset=utf-8"] {
        let request = Request::post("/graphql").header("content-type", content_type);
        let answer = amina.request(request.body(Body::from(r#"{"query":"{ __typename }"}"#)).unwrap()).await;
        assert_eq!(answer.body["data"]["__typename"], "Query", "{content_type}");
    }
}

#[tokio::test]
async fn the_client_chooses_the_media_type_of_the_answer() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let (old, new) = ("application/json; charset=utf-8", "application/graphql-response+json; charset=utf-8");
    for (accept, expected) in [
        (None, Some(old)),
        (Some("*/*"), Some(old)),
        (Some("application/*"), Some(old)),
        (Some("application/json"), Some(old)),
        (Some("application/graphql-response+json"), Some(new)),
        (Some("Application/GraphQL-Response+JSON;charset=UTF-8"), Some(new)),
        (Some("application/graphql-response+json, application/json;q=0.9"), Some(new)),
        (Some("application/graphql-response+json;q=0.5, application/json;q=0.9"), Some(old)),
        (Some("text/html, application/graphql-response+json;q=0.1"), Some(new)),
        (Some("application/json;q=0, application/graphql-response+json"), Some(new)),
        (Some("text/html"), None),
        (Some("application/json;q=0"), None),
        (Some("application/json; charset=utf-16"), None),
        (Some("application/xml, text/*"), None),
        (Some("nonsense"), None),
    ] {
        let (mut request, body) = by_post("{ __typename }");
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let answer = nobody.request(request.body(body).unwrap()).await;
        if let Some(expected) = expected {
            assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, expected), "{accept:?}");
        } else {
            assert_eq!((answer.status, answer.code()), (StatusCode::NOT_ACCEPTABLE, "BAD_REQUEST"), "{accept:?}");
        }
        let mut request = by_url(&[("query", "{ __typename }")]);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let status = if expected.is_some() { StatusCode::OK } else { StatusCode::NOT_ACCEPTABLE };
        assert_eq!(nobody.request(empty(request)).await.status, status, "{accept:?}");
    }
}

#[tokio::test]
async fn the_status_tells_what_its_media_type_lets_it_tell() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    // Syntax, validation, variables; then what is refused before; then what fails inside.
    for (query, old, new, has_data) in [
        ("{", 200, 400, false),
        ("{ nothing }", 200, 400, false),
        ("query($n: Int!) { posts(first: $n) { nodes { id } } }", 200, 400, false),
        ("query A { me { id } } query B { me { id } }", 400, 400, false),
        (
            "{ a: me { id } b: me { id } c: me { id } d: me { id } e: me { id } f: me { id } g: me { id } h: me { id } i: me { id } j: me { id } k: me { id } }",
            400,
            400,
            false,
        ),
        ("{ adminUsers { nodes { id } } }", 200, 200, true),
        ("{ post(id: \"x\") { id } }", 200, 200, true),
        ("{ me { id } }", 200, 200, true),
    ] {
        for (accept, status) in [("application/json", old), ("application/graphql-response+json", new)] {
            let (request, body) = by_post(query);
            let answer = nobody.request(request.header("accept", accept).body(body).unwrap()).await;
            assert_eq!(answer.status.as_u16(), status, "{query} {accept}: {}", answer.body);
            assert_eq!(answer.body.get("data").is_some(), has_data, "{query} {accept}: {}", answer.body);
            assert!(has_data || !answer.code().is_empty());
        }
    }
}

#[tokio::test]
async fn one_field_s_failure_leaves_its_neighbours() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let answer = amina.send("{ post(id: \"x\") { id } users { nodes { username } } }", Value::Null).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    assert_eq!(answer.body["data"], json!({ "post": null, "users": { "nodes": [{ "username": "amina" }] } }));
    assert_eq!(answer.body["errors"][0]["path"], json!(["post"]));
    // Below a root field too.
    let query = format!(
        "{{ post(id: \"{post}\") {{ body comments(first: 101) {{ nodes {{ id }} }} author {{ username }} }} }}"
    );
    let answer = amina.send(&query, Value::Null).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    let rest = json!({ "body": "hello", "comments": null, "author": { "username": "amina" } });
    assert_eq!(answer.body["data"], json!({ "post": rest }));
    // What a mutation has done is told, and those behind a failing one are done as well.
    server.write("DROP TABLE comment_likes", Vec::new()).await;
    let comment = amina.comment(&post, "hello").await;
    let create = |body: &str| format!("postCreate(input: {{ body: \"{body}\" }}) {{ post {{ body }} }}");
    let mutation = format!(
        "mutation {{ a: {} b: commentLike(input: {{ id: \"{comment}\" }}) {{ errors {{ code }} }} c: {} }}",
        create("one"),
        create("two")
    );
    let answer = amina.send(&mutation, Value::Null).await;
    assert_eq!(answer.body["errors"][0]["extensions"]["code"], "INTERNAL");
    let (one, two) = (json!({ "post": { "body": "one" } }), json!({ "post": { "body": "two" } }));
    assert_eq!(answer.body["data"], json!({ "a": one, "b": null, "c": two }));
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 3);
}

#[tokio::test]
async fn errors_of_syntax_and_validation_tell_the_place() {
    let server = Server::start().await;
    for (query, line, column) in [("{ me { id }", 1, 12), ("{\n  me { nothing }\n}", 2, 8)] {
        let answer = server.anonymous().send(query, Value::Null).await;
        assert_eq!(answer.code(), "BAD_REQUEST");
        assert_eq!(answer.body["errors"][0]["locations"][0], json!({ "line": line, "column": column }), "{query}");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(!message.contains('\n'), "{message}");
    }
}

#[tokio::test]
async fn the_answer_s_members_stand_in_the_query_s_order() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.publish("hello").await;
    let query = "{ z: me { username id displayName } users { pageInfo { startCursor hasNextPage } nodes { username id } } \
                 a: posts { nodes { id author { username id } body } } }";
    let (request, body) = by_post(query);
    let answer = text(server.send(signed(request, &amina).body(body).unwrap()).await).await;
    let mut at = 0;
    for key in [
        "data",
        "z",
        "username",
        "id",
        "displayName",
        "users",
        "pageInfo",
        "startCursor",
        "hasNextPage",
        "nodes",
        "username",
        "id",
        "a",
        "nodes",
        "id",
        "author",
        "username",
        "id",
        "body",
        "extensions",
    ] {
        let found =
            answer[at..].find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} after {at}: {answer}"));
        at += found + key.len();
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_get_json_with_a_code() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    for path in ["/nothing", "/graphql/", "/graphql/x", "//", "/health", "/graphiql/react/x.js", "/%ff", "/..%2fetc"] {
        let answer = nobody.request(empty(Request::get(path))).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "BAD_REQUEST"), "{path}");
    }
    for (method, path, allowed) in [
        ("PUT", "/graphql", "GET,HEAD,POST"),
        ("DELETE", "/graphql", "GET,HEAD,POST"),
        ("PATCH", "/graphql", "GET,HEAD,POST"),
        ("BREW", "/graphql", "GET,HEAD,POST"),
        ("POST", "/health/live", "GET,HEAD"),
        ("POST", "/schema.graphql", "GET,HEAD"),
        ("POST", "/", "GET,HEAD"),
    ] {
        let answer = nobody.request(empty(Request::builder().method(method).uri(path))).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::METHOD_NOT_ALLOWED, "BAD_REQUEST"), "{method} {path}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
    // An upgrade that is none.
    let answer = nobody.request(empty(Request::get("/graphql").header("upgrade", "websocket"))).await;
    assert!(answer.status.is_client_error());
    assert_eq!(answer.code(), "BAD_REQUEST");
}

#[tokio::test]
async fn a_request_s_id_is_in_its_header_and_in_its_errors() {
    let server = Server::with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    let nobody = server.anonymous();
    let first = nobody.send("{ nothing }", Value::Null).await;
    let second = nobody.send("{ nothing }", Value::Null).await;
    first.code();
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    // A proxy gives its own; nobody else may, and not any text.
    let with = |peer: &str, id: &str| nobody.clone().from(peer).header("x-request-id", id);
    let answer = with("10.0.0.1", "a-proxy-s-17").send("{ nothing }", Value::Null).await;
    assert_eq!((answer.code(), answer.header("x-request-id")), ("BAD_REQUEST", "a-proxy-s-17"));
    let answer = with("192.0.2.1", "a-proxy-s-17").send("{ nothing }", Value::Null).await;
    assert_ne!((answer.code(), answer.header("x-request-id")), ("BAD_REQUEST", "a-proxy-s-17"));
    let long = "a".repeat(65);
    for id in ["", " ", "a b", "a\"b", "<b>", "é", &long] {
        let answer = with("10.0.0.1", id).send("{ nothing }", Value::Null).await;
        answer.code();
        assert!(uuid::Uuid::parse_str(answer.header("x-request-id")).is_ok(), "{id:?}");
    }
}

#[tokio::test]
async fn a_bearer_token_is_read_whatever_the_scheme_s_case() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let token = amina.access_token.as_deref().unwrap();
    for value in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER  {token} ")] {
        let (request, body) = by_post("{ me { id } }");
        let answer = amina.request(request.header("authorization", &value).body(body).unwrap()).await;
        assert_eq!(answer.body["data"]["me"]["id"], amina.id, "{value}");
    }
}

/// What clients without a token write, and tokens that are none.
fn unusable(client: &Client) -> (Vec<String>, Vec<String>) {
    let (token, refresh) = (client.access_token.as_deref().unwrap(), client.refresh_token.as_deref().unwrap());
    let nothing = ["", " ", "Bearer", "Bearer ", "bearer  ", "Bearer null", "Bearer undefined"].map(str::to_owned);
    let refused = [
        "Bearer x".to_owned(),
        token.to_owned(),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},"),
        format!("Bearer {refresh}"),
        "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "Bearer é".to_owned(),
        "Bearer NULL".to_owned(),
    ];
    (nothing.to_vec(), refused.to_vec())
}

/// Sends an operation with whatever as `Authorization`.
async fn authorized(server: &Server, value: &str, query: &str) -> Answer {
    let (request, body) = by_post(query);
    let value = axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
    server.anonymous().request(request.header("authorization", &value).body(body).unwrap()).await
}

#[tokio::test]
async fn who_shows_a_token_that_is_none_is_turned_away_where_somebody_is_needed() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let (nothing, refused) = unusable(&amina);
    for (values, is_refused) in [(nothing, false), (refused, true)] {
        for value in values {
            let answer = authorized(&server, &value, PUBLISH).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::OK, "UNAUTHENTICATED"), "{value:?}");
            assert_eq!(answer.body["data"], json!({ "postCreate": null }), "{value:?}");
            assert_eq!(answer.refusal().get("tokenRefused").is_some(), is_refused, "{value:?}");
            let challenge = if is_refused { "Bearer error=\"invalid_token\"" } else { "" };
            assert_eq!(answer.header("www-authenticate"), challenge, "{value:?}");
            // Whether somebody is signed in is not told by a guess.
            let answer = authorized(&server, &value, "{ me { id } }").await;
            assert_eq!(answer.body["data"], json!({ "me": null }), "{value:?}");
            assert_eq!(answer.body.get("errors").is_some(), is_refused, "{value:?}");
        }
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_token_that_is_none_keeps_nobody_from_what_needs_nobody() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let (nothing, mut refused) = unusable(&amina);
    refused.push(format!("Bearer {}", amina.access_token.as_deref().unwrap()));
    server.advance(16 * 60);
    let session = "errors { code } result { ... on Session { user { id } } }";
    let login =
        format!("mutation {{ login(input: {{ login: \"amina\", password: \"{PASSWORD}\" }}) {{ {session} }} }}");
    let read = format!("{{ posts {{ nodes {{ body author {{ username }} }} }} node(id: \"{post}\") {{ id }} }}");
    let mut token = amina.refresh_token.clone().unwrap();
    for value in nothing.into_iter().chain(refused) {
        let refresh = format!(
            "mutation {{ tokenRefresh(input: {{ refreshToken: \"{token}\" }}) {{ session {{ refreshToken }} }} }}"
        );
        let answer = authorized(&server, &value, &refresh).await;
        token = answer.body["data"]["tokenRefresh"]["session"]["refreshToken"].as_str().unwrap().to_owned();
        let answer = authorized(&server, &value, &login).await;
        assert_eq!(answer.body["data"]["login"]["result"]["user"]["id"], amina.id.as_str(), "{value:?}");
        let answer = authorized(&server, &value, &read).await;
        assert_eq!(answer.body["data"]["posts"]["nodes"][0]["body"], "hello", "{value:?}");
        assert!(answer.body.get("errors").is_none(), "{value:?}: {}", answer.body);
    }
    // What says something about its owner is not made up.
    let stale = format!("Bearer {}", amina.access_token.as_deref().unwrap());
    let answer = authorized(&server, &stale, "{ posts { nodes { body viewerHasLiked } } }").await;
    assert_eq!(answer.body["data"]["posts"]["nodes"][0], json!({ "body": "hello", "viewerHasLiked": null }));
    assert_eq!(answer.code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_token_that_is_none_is_charged_to_its_address() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "3/hour")]).await;
    for _ in 0..3 {
        assert_eq!(authorized(&server, "Bearer x", "{ __typename }").await.status, StatusCode::OK);
    }
    assert_eq!(authorized(&server, "Bearer y", "{ __typename }").await.code(), "RATE_LIMITED");
}

#[tokio::test]
async fn large_answers_are_compressed_as_the_client_can_read() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    amina.publish(&"a long text ".repeat(200)).await;
    let get = async |encoding: &str, query: &str| {
        let request = by_url(&[("query", query)]).header("accept-encoding", encoding);
        let response = server.send(empty(request)).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 16 << 20).await.unwrap();
        let encoding = parts.headers.get("content-encoding").map_or("", |value| value.to_str().unwrap()).to_owned();
        (encoding, parts.headers.get("vary").map(|v| v.to_str().unwrap().to_owned()), bytes)
    };
    let large = "{ posts { nodes { body } } }";
    let (_, _, plain) = get("identity", large).await;
    assert!(plain.len() > 2000);
    for (accepted, used, magic) in [
        ("gzip", "gzip", &[0x1f, 0x8b][..]),
        ("br", "br", &[]),
        ("gzip;q=0.5, br;q=0.1", "gzip", &[0x1f, 0x8b]),
        // What browsers and Node's fetch send.
        ("gzip, deflate, br, zstd", "br", &[]),
        ("br, gzip, deflate", "br", &[]),
        ("gzip, deflate", "gzip", &[0x1f, 0x8b]),
    ] {
        let (encoding, vary, bytes) = get(accepted, large).await;
        assert_eq!(encoding, used, "{accepted}");
        assert!(bytes.starts_with(magic) && bytes.len() < plain.len() / 4, "{accepted}: {} bytes", bytes.len());
        assert!(vary.unwrap().contains("accept-encoding"), "{accepted}");
        // What is small travels as it is.
        assert_eq!(get(accepted, "{ me { id } }").await.0, "", "{accepted}");
    }
    for none in ["", "identity", "compress", "zstd", "gzip;q=0", "nonsense"] {
        assert_eq!(get(none, large).await.0, "", "{none}");
    }
}

#[tokio::test]
async fn the_operator_says_from_which_size_answers_are_compressed() {
    let server = Server::start().await;
    let request = || by_url(&[("query", "{ __typename }")]).header("accept-encoding", "gzip");
    let size = text(server.send(empty(request())).await).await.len();
    for (smallest, compressed) in [(size, true), (size + 1, false)] {
        let server = server.beside(&[("COMPRESSION_MIN_BYTES", &smallest.to_string())]).await;
        let answer = server.send(empty(request())).await;
        assert_eq!(answer.headers().contains_key("content-encoding"), compressed, "{size} bytes, from {smallest}");
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn a_request_may_be_packed_and_is_not_unpacked_beyond_its_limit() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let send = async |coding: &str, body: Vec<u8>| {
        let request = Request::post("/graphql").header("content-type", "application/json");
        nobody.request(request.header("content-encoding", coding).body(Body::from(body)).unwrap()).await
    };
    let operation = json!({ "query": "{ __typename }" }).to_string();
    for (coding, body) in [
        ("gzip", packed(&operation)),
        ("GZIP", packed(&operation)),
        ("identity", operation.clone().into_bytes()),
        // Two members are one text.
        ("gzip", [packed(&operation[..5]), packed(&operation[5..])].concat()),
    ] {
        assert_eq!(send(coding, body).await.body["data"]["__typename"], "Query", "{coding}");
    }
    let limit = server.app.config.limits.body_bytes;
    let bomb = packed(&" ".repeat(8 << 20));
    assert!(bomb.len() < 1 << 17);
    for (coding, body, status) in [
        ("gzip", packed(&" ".repeat(limit + 1)), StatusCode::PAYLOAD_TOO_LARGE),
        ("gzip", bomb, StatusCode::PAYLOAD_TOO_LARGE),
        ("gzip", operation.clone().into_bytes(), StatusCode::BAD_REQUEST),
        ("gzip", packed(&operation)[..20].to_vec(), StatusCode::BAD_REQUEST),
        ("br", packed(&operation), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("gzip, gzip", packed(&operation), StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let answer = send(coding, body).await;
        assert_eq!(answer.status, status, "{coding}: {}", answer.body);
        assert!(["BAD_REQUEST", "COST_EXCEEDED"].contains(&answer.code()), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_empty_cursor_is_the_beginning() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for body in ["one", "two", "three"] {
        amina.publish(body).await;
    }
    let bodies = async |page: &str| {
        let data = amina.ok(&format!("{{ posts({page}) {{ nodes {{ body }} }} }}"), Value::Null).await;
        data["posts"]["nodes"].clone()
    };
    let newest = json!([{ "body": "three" }, { "body": "two" }]);
    assert_eq!(bodies("first: 2, after: \"\"").await, newest);
    assert_eq!(bodies("first: 2, after: \"\", before: \"\"").await, newest);
    assert_eq!(bodies("last: 1, before: \"\"").await, json!([{ "body": "one" }]));
    assert_eq!(bodies("before: \"\"").await.as_array().unwrap()[0]["body"], "three");
    let mut socket = Socket::open(server.listen().await, amina.access_token.as_deref()).await;
    let query = "subscription { notificationReceived(after: \"\") { phase } }";
    socket.subscribe("1", query, Value::Null).await;
    assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");
}

#[tokio::test]
async fn the_schema_is_packed_once_and_sent_once() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "5/hour")]).await;
    let get = async |headers: &[(&str, &str)]| {
        let mut request = Request::get("/schema.graphql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = server.send(empty(request)).await.into_parts();
        (parts, to_bytes(body, 16 << 20).await.unwrap())
    };
    let (plain, sdl) = get(&[]).await;
    assert_eq!(sdl, agora::graphql::sdl());
    let tag = plain.headers["etag"].to_str().unwrap().to_owned();
    let (packed, bytes) = get(&[("accept-encoding", "br;q=1, gzip")]).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, agora::graphql::sdl());
    assert_eq!(packed.headers["etag"], tag.as_str());
    assert!(packed.headers["vary"].to_str().unwrap().contains("accept-encoding"));
    assert!(!get(&[("accept-encoding", "br")]).await.0.headers.contains_key("content-encoding"));
    for known in [tag.clone(), format!("\"x\", {tag}")] {
        let (unchanged, nothing) = get(&[("if-none-match", &known), ("accept-encoding", "gzip")]).await;
        assert_eq!((unchanged.status, nothing.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
    }
    // It is no way around the allowance.
    assert_eq!(get(&[]).await.0.status, StatusCode::TOO_MANY_REQUESTS);
}
