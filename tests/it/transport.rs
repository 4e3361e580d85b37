//! GraphQL over HTTP: methods, media types, origins, headers, persisted and trusted documents, time, health.

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use agora::{app::App, platform::crypto};
use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode, request},
};
use sea_orm::TransactionTrait;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::harness::{Answer, Client, PATIENCE, Server, hold_writer};

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

// --------------------------------------------------------------------------------------------------- methods and media

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
    amina.ok("{ notificationUnreadCount }", Value::Null).await;
}

#[tokio::test]
async fn subscriptions_go_over_a_socket_only() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "subscription { notificationReceived { cursor } }";
    let answer = amina.send(query, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
    let answer = amina.request(empty(signed(by_url(&[("query", query)]), &amina))).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"));
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
        ("{ notificationUnreadCount }", 200, 200, true),
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
    server.app.db.transact(async |tx| tx.execute("DROP TABLE comment_likes", Vec::new()).await).await.unwrap();
    let comment = amina.comment(&post, "hello").await;
    let create = |body: &str| format!("postCreate(input: {{ body: \"{body}\" }}) {{ post {{ body }} }}");
    let mutation = format!(
        "mutation {{ a: {} b: commentLike(id: \"{comment}\") {{ errors {{ code }} }} c: {} }}",
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

// --------------------------------------------------------------------------------------------------- origins and hosts

#[tokio::test]
async fn pages_of_foreign_origins_change_nothing() {
    let server = Server::with(&[("CORS_ALLOWED_ORIGINS", "https://app.example.org,http://localhost:5173")]).await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let send = async |origin: &str| {
        let (request, body) = by_post(PUBLISH);
        let request = signed(request, &amina).header("host", "api.example.org:8443").header("origin", origin);
        amina.request(request.body(body).unwrap()).await
    };
    for origin in [
        "https://evil.example",
        "null",
        "",
        "https://app.example.org.evil.example",
        "https://evilapp.example.org",
        "http://app.example.org",
        "https://app.example.org:444",
        "https://api.example.org",
        "api.example.org:8443",
        "https://api.example.org:8443.evil.example",
        "http://localhost:51730",
        "*",
    ] {
        let answer = send(origin).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{origin}");
        assert_eq!(server.rows().await, before, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
    // Its own, and those that are listed.
    for origin in ["https://api.example.org:8443", "https://app.example.org", "http://localhost:5173"] {
        let answer = send(origin).await;
        assert_eq!(answer.status, StatusCode::OK, "{origin}");
        assert_eq!(answer.body["data"]["postCreate"]["errors"], json!([]), "{origin}");
    }
}

#[tokio::test]
async fn browsers_learn_which_origins_may_read_answers() {
    let server = Server::with(&[("CORS_ALLOWED_ORIGINS", "https://app.example.org")]).await;
    let preflight = async |origin: &str| {
        let request = Request::options("/graphql")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,authorization");
        server.send(empty(request)).await
    };
    let header = |response: &Response<Body>, name: &str| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_ascii_lowercase()).unwrap_or_default()
    };
    let listed = preflight("https://app.example.org").await;
    assert_eq!(listed.status(), StatusCode::OK);
    assert_eq!(header(&listed, "access-control-allow-origin"), "https://app.example.org");
    assert!(header(&listed, "access-control-allow-methods").contains("post"));
    let allowed = header(&listed, "access-control-allow-headers");
    assert!(allowed.contains("content-type") && allowed.contains("authorization"), "{allowed}");
    assert!(header(&listed, "vary").contains("origin"));
    for origin in ["https://evil.example", "null"] {
        assert_eq!(header(&preflight(origin).await, "access-control-allow-origin"), "", "{origin}");
    }

    let (request, body) = by_post("{ __typename }");
    let request = request.header("origin", "https://app.example.org").body(body).unwrap();
    let answer = server.send(request).await;
    assert_eq!(header(&answer, "access-control-allow-origin"), "https://app.example.org");
    let exposed = header(&answer, "access-control-expose-headers");
    for name in ["x-request-id", "ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
}

const PRODUCTION: &[(&str, &str)] = &[
    ("AGORA_ENV", "production"),
    ("PUBLIC_URL", "https://api.example.org"),
    ("FRONTEND_URL", "https://example.org"),
    ("PASSWORD_HASH_MEMORY_KIB", "19456"),
    ("PASSWORD_HASH_ITERATIONS", "2"),
];

#[tokio::test]
async fn production_serves_only_its_own_hosts() {
    let server = Server::with(PRODUCTION).await;
    let nobody = server.anonymous();
    for host in [None, Some("evil.example"), Some("api.example.org.evil.example"), Some("192.0.2.1"), Some("")] {
        for path in ["/graphql?query=%7B__typename%7D", "/", "/schema.graphql", "/nothing"] {
            let mut request = Request::get(path);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let answer = nobody.request(empty(request)).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST"), "{host:?} {path}");
        }
        for path in ["/health/live", "/health/ready"] {
            let mut request = Request::get(path);
            if let Some(host) = host {
                request = request.header("host", host);
            }
            assert_eq!(nobody.request(empty(request)).await.status, StatusCode::OK, "{host:?} {path}");
        }
    }
    for host in ["api.example.org", "API.example.org", "api.example.org:443"] {
        let request = by_url(&[("query", "{ __typename }")]).header("host", host);
        assert_eq!(nobody.request(empty(request)).await.body["data"]["__typename"], "Query", "{host}");
    }
}

#[tokio::test]
async fn production_shows_no_more_than_it_must() {
    let server = Server::with(PRODUCTION).await;
    let nobody = server.anonymous();
    let host = ("host", "api.example.org");
    let get = |path: &str| empty(Request::get(path).header(host.0, host.1));
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"User\") { name } }"] {
        let answer = nobody.clone().header(host.0, host.1).send(query, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body.to_string().contains("\"User\""), "{query}: {}", answer.body);
    }
    let page = nobody.request(get("/")).await;
    assert_eq!((page.status, &page.body["graphql"]), (StatusCode::OK, &json!("/graphql")));
    let sdl = text(server.send(get("/schema.graphql")).await).await;
    assert_eq!(sdl, agora::graphql::sdl());
    assert_eq!(
        nobody.request(get("/")).await.header("strict-transport-security"),
        "max-age=31536000; includeSubDomains"
    );
}

#[tokio::test]
async fn introspection_and_graphiql_are_there_in_development_and_can_be_switched_off() {
    let server = Server::start().await;
    let query = "{ __schema { queryType { name } } __type(name: \"User\") { name } }";
    let data = server.anonymous().ok(query, Value::Null).await;
    assert_eq!(data, json!({ "__schema": { "queryType": { "name": "Query" } }, "__type": { "name": "User" } }));
    let page = server.send(empty(Request::get("/"))).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let html = text(page).await;
    assert!(html.contains("GraphiQL") && html.contains(&format!("nonce=\"{nonce}\"")), "{html}");
    assert!(!html.contains("{{"), "{html}");
    let again = server.send(empty(Request::get("/"))).await;
    assert!(!again.headers()["content-security-policy"].to_str().unwrap().contains(&nonce), "a nonce came twice");
    assert_eq!(page_status(&server, "/graphiql/react/umd/react.production.min.js").await, StatusCode::NOT_FOUND);

    let server = Server::with(&[("INTROSPECTION", "false"), ("GRAPHIQL", "false")]).await;
    for query in [
        "{ __schema { types { name } } }",
        "{ __type(name: \"User\") { name } }",
        "{ ...A } fragment A on Query { s: __schema { types { name } } }",
    ] {
        let answer = server.anonymous().send(query, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert!(!answer.body.to_string().contains("\"User\""), "{}", answer.body);
    }
    assert_eq!(server.anonymous().ok("{ __typename }", Value::Null).await, json!({ "__typename": "Query" }));
    let page = server.anonymous().request(empty(Request::get("/"))).await;
    assert_eq!(page.body["schema"], "/schema.graphql");
}

async fn page_status(server: &Server, path: &str) -> StatusCode {
    server.send(empty(Request::get(path))).await.status()
}

#[tokio::test]
async fn graphiql_s_files_come_from_the_operator_s_folder_and_nothing_else_does() {
    let folder = tempfile("graphiql", "");
    std::fs::remove_file(&folder).unwrap();
    for file in ["graphiql/graphiql.min.css", "graphiql/graphiql.min.js", "react/package.json"] {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("/* {file} */")).unwrap();
    }
    let server = Server::with(&[("GRAPHIQL_ASSETS", folder.to_str().unwrap())]).await;
    let style = server.send(empty(Request::get("/graphiql/graphiql/graphiql.min.css"))).await;
    assert_eq!((style.status(), style.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "text/css"));
    assert_eq!(text(style).await, "/* graphiql/graphiql.min.css */");
    for path in [
        "/graphiql/react/package.json",
        "/graphiql/react/umd/react.production.min.js",
        "/graphiql/graphiql/../react/package.json",
        "/graphiql/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/graphiql//etc/passwd",
        "/graphiql/%ff",
    ] {
        let answer = server.anonymous().request(empty(Request::get(path))).await;
        assert!(answer.status.is_client_error(), "{path}");
        assert_eq!(answer.code(), "BAD_REQUEST", "{path}");
    }
    let html = text(server.send(empty(Request::get("/"))).await).await;
    assert!(html.contains("\"/graphiql/graphiql/graphiql.min.js\"") && !html.contains("cdn."), "{html}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn every_answer_makes_browsers_careful() {
    let server = Server::with(&[("RATE_LIMIT_USER", "1/hour")]).await;
    let amina = server.user("amina").await;
    let post = || Request::post("/graphql").header("content-type", "application/json");
    let body = |text: &str| Body::from(text.to_owned());
    let foreign = post().header("origin", "https://evil.example");
    for (request, status) in [
        (post().body(body(r#"{"query":"{ __typename }"}"#)), 200),
        (post().body(body("{")), 400),
        (post().header("authorization", "Bearer x").body(body("{}")), 401),
        (foreign.body(body("{}")), 403),
        (Request::get("/nothing").body(body("")), 404),
        (Request::put("/graphql").body(body("")), 405),
        (post().header("accept", "text/html").body(body("{}")), 406),
        (post().header("content-length", "999999999").body(body("{}")), 413),
        (Request::post("/graphql").body(body("{}")), 415),
        (signed(post(), &amina).body(body(r#"{"query":"{ __typename }"}"#)), 200),
        (signed(post(), &amina).body(body("{}")), 429),
        (Request::get("/health/live").body(body("")), 200),
        (Request::get("/schema.graphql").body(body("")), 200),
        (Request::get("/").body(body("")), 200),
        (Request::options("/graphql").header("origin", "https://evil.example").body(body("")), 200),
    ] {
        let request = request.unwrap();
        let what = format!("{} {}", request.method(), request.uri());
        let is_graph = request.uri().path() == "/graphql";
        let response = server.send(request).await;
        if !what.starts_with("OPTIONS") {
            assert_eq!(response.status().as_u16(), status, "{what}");
        }
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{what} {status}");
        assert_eq!(header("x-frame-options"), "DENY", "{what} {status}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{what} {status}");
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{what} {status}");
        assert!(!header("x-request-id").is_empty(), "{what} {status}");
        assert_eq!(header("strict-transport-security"), "", "{what}: only where https is certain");
        assert_eq!(header("server"), "", "{what}");
        if is_graph {
            assert_eq!(header("cache-control"), "no-store", "{what} {status}");
        }
    }
}

// ------------------------------------------------------------------------------------------------------ who is asking

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

#[tokio::test]
async fn who_shows_a_token_that_is_none_is_turned_away() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let before = server.rows().await;
    let token = amina.access_token.clone().unwrap();
    let refresh = amina.refresh_token.clone().unwrap();
    for value in [
        "".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        "Bearer null".to_owned(),
        "Bearer undefined".to_owned(),
        token.clone(),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},"),
        format!("Bearer {refresh}"),
        "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "Bearer é".to_owned(),
    ] {
        let (request, body) = by_post(PUBLISH);
        let value = axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let answer = amina.request(request.header("authorization", &value).body(body).unwrap()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{value:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{value:?}");
        assert!(answer.body.get("data").is_none());
    }
    assert_eq!(server.rows().await, before);
}

// --------------------------------------------------------------------------------------------------------- compression

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
        ("zstd", "zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
        ("gzip;q=0.1, zstd", "zstd", &[0x28, 0xb5, 0x2f, 0xfd]),
    ] {
        let (encoding, vary, bytes) = get(accepted, large).await;
        assert_eq!(encoding, used, "{accepted}");
        assert!(bytes.starts_with(magic) && bytes.len() < plain.len() / 4, "{accepted}: {} bytes", bytes.len());
        assert!(vary.unwrap().contains("accept-encoding"), "{accepted}");
        // What is small travels as it is.
        assert_eq!(get(accepted, "{ me { id } }").await.0, "", "{accepted}");
    }
    for none in ["", "identity", "compress", "gzip;q=0", "nonsense"] {
        assert_eq!(get(none, large).await.0, "", "{none}");
    }
}

// ------------------------------------------------------------------------------------- persisted and trusted documents

fn hash(query: &str) -> String {
    crypto::hex(&crypto::sha256(query.as_bytes()))
}

fn persisted(query: Option<&str>, hash: &str) -> String {
    let mut body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    if let Some(query) = query {
        body["query"] = json!(query);
    }
    body.to_string()
}

#[tokio::test]
async fn a_query_is_known_by_its_hash_once_it_was_sent_with_it() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let query = "query($n: Int) { users(first: $n) { nodes { id } } }";
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(query) } }).to_string();

    let unknown = nobody.post(persisted(None, &hash(query))).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND"));
    assert_eq!(unknown.body["errors"][0]["message"], "PersistedQueryNotFound");
    let unknown = nobody.request(empty(by_url(&[("extensions", &extensions)]))).await;
    assert_eq!(unknown.code(), "PERSISTED_QUERY_NOT_FOUND");
    let request = by_url(&[("extensions", &extensions)]).header("accept", "application/graphql-response+json");
    assert_eq!(nobody.request(empty(request)).await.status, StatusCode::BAD_REQUEST);
    // Sent without its hash it is not remembered.
    nobody.ok(query, Value::Null).await;
    assert_eq!(nobody.post(persisted(None, &hash(query))).await.code(), "PERSISTED_QUERY_NOT_FOUND");

    let registered = nobody.post(persisted(Some(query), &hash(query))).await;
    assert_eq!(registered.body["data"], json!({ "users": { "nodes": [] } }));
    server.user("amina").await;
    let by_hash = nobody.post(persisted(None, &hash(query).to_uppercase())).await;
    assert_eq!(by_hash.body["data"]["users"]["nodes"].as_array().unwrap().len(), 1);
    let parameters = [("extensions", extensions.as_str()), ("variables", "{\"n\":0}")];
    let by_hash = nobody.request(empty(by_url(&parameters))).await;
    assert_eq!(by_hash.body["data"], json!({ "users": { "nodes": [] } }));
    // Its variables are looked at as ever.
    let parameters = [("extensions", extensions.as_str()), ("variables", "{\"n\":\"x\"}")];
    assert_eq!(nobody.request(empty(by_url(&parameters))).await.code(), "BAD_REQUEST");
}

#[tokio::test]
async fn a_hash_that_is_not_the_query_s_is_refused_and_remembers_nothing() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let (query, other) = ("{ me { id } }", "{ me { username } }");
    assert_eq!(nobody.post(persisted(Some(query), &hash(other))).await.code(), "BAD_REQUEST");
    assert_eq!(nobody.post(persisted(None, &hash(other))).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(nobody.post(persisted(None, &hash(query))).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    let good = hash(query);
    for value in [
        json!({ "version": 1 }),
        json!({ "sha256Hash": good }),
        json!({ "version": 2, "sha256Hash": good }),
        json!({ "version": "1", "sha256Hash": good }),
        json!({ "version": 1, "sha256Hash": "x" }),
        json!({ "version": 1, "sha256Hash": "x".repeat(64) }),
        json!({ "version": 1, "sha256Hash": "+1".repeat(32) }),
        json!({ "version": 1, "sha256Hash": "é".repeat(32) }),
        json!({ "version": 1, "sha256Hash": format!("{good}00") }),
        json!({ "version": 1, "sha256Hash": 17 }),
        json!("x"),
        json!([]),
    ] {
        let body = json!({ "query": query, "extensions": { "persistedQuery": value } }).to_string();
        assert_eq!(nobody.post(body).await.code(), "BAD_REQUEST", "{value}");
    }
    // What may not run is not remembered either.
    for wrong in ["{ me {", "{ ...A } fragment A on Query { ...A }"] {
        assert_eq!(nobody.post(persisted(Some(wrong), &hash(wrong))).await.code(), "BAD_REQUEST");
        assert_eq!(nobody.post(persisted(None, &hash(wrong))).await.code(), "PERSISTED_QUERY_NOT_FOUND", "{wrong}");
    }
}

#[tokio::test]
async fn only_so_many_queries_are_remembered_the_least_used_goes_first() {
    let server = Server::with(&[("PERSISTED_QUERIES", "2")]).await;
    let nobody = server.anonymous();
    let (a, b, c) = ("{ a: __typename }", "{ b: __typename }", "{ c: __typename }");
    nobody.post(persisted(Some(a), &hash(a))).await;
    nobody.post(persisted(Some(b), &hash(b))).await;
    assert_eq!(nobody.post(persisted(None, &hash(a))).await.body["data"]["a"], "Query");
    nobody.post(persisted(Some(c), &hash(c))).await;
    assert_eq!(nobody.post(persisted(None, &hash(a))).await.body["data"]["a"], "Query");
    assert_eq!(nobody.post(persisted(None, &hash(b))).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(nobody.post(persisted(None, &hash(c))).await.body["data"]["c"], "Query");

    let server = Server::with(&[("PERSISTED_QUERIES", "0")]).await;
    let nobody = server.anonymous();
    assert_eq!(nobody.post(persisted(Some(a), &hash(a))).await.body["data"]["a"], "Query");
    assert_eq!(nobody.post(persisted(None, &hash(a))).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn a_mutation_known_by_its_hash_still_does_not_go_by_url() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let answer = amina.post(persisted(Some(PUBLISH), &hash(PUBLISH))).await;
    assert_eq!(answer.body["data"]["postCreate"]["errors"], json!([]));
    let before = server.rows().await;
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(PUBLISH) } }).to_string();
    let answer = amina.request(empty(signed(by_url(&[("extensions", &extensions)]), &amina))).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.rows().await, before);
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
async fn where_documents_are_trusted_no_others_run() {
    let (read, write) = ("query Me { me { username } }", PUBLISH);
    let manifest = json!({ hash(read): read, hash(write): write }).to_string();
    let file = tempfile("trusted.json", &manifest);
    let ordinary = Server::start().await;
    let amina = ordinary.user("amina").await;
    let server = ordinary.beside(&[("TRUSTED_DOCUMENTS", file.to_str().unwrap())]).await;
    std::fs::remove_file(&file).unwrap();
    let amina = amina.through(server.router.clone());

    let mine = json!({ "me": { "username": "amina" } });
    assert_eq!(amina.ok(read, Value::Null).await, mine);
    assert_eq!(amina.post(persisted(None, &hash(read))).await.body["data"], mine);
    assert_eq!(amina.post(persisted(Some(read), &hash(read))).await.body["data"], mine);
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(read) } }).to_string();
    let answer = amina.request(empty(signed(by_url(&[("extensions", &extensions)]), &amina))).await;
    assert_eq!(answer.body["data"], mine);
    assert_eq!(amina.ok(write, Value::Null).await["postCreate"]["errors"], json!([]));

    let before = server.rows().await;
    let others = [
        "query Me { me { username } } ".to_owned(),
        "query Me { me { id } }".to_owned(),
        "{ __schema { types { name } } }".to_owned(),
        write.replace("\"x\"", "\"y\""),
    ];
    for other in &others {
        let answer = amina.send(other, Value::Null).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{other}");
        // Nor can they be made known.
        assert_eq!(amina.post(persisted(Some(other), &hash(other))).await.code(), "FORBIDDEN", "{other}");
        assert_eq!(amina.post(persisted(None, &hash(other))).await.code(), "FORBIDDEN", "{other}");
        assert_eq!(amina.post(persisted(Some(other), &hash(read))).await.code(), "BAD_REQUEST", "{other}");
    }
    assert_eq!(amina.post("{}").await.code(), "BAD_REQUEST");
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_manifest_that_is_wrong_keeps_the_server_from_starting() {
    let app = Server::start().await.app.clone();
    let read = "{ me { id } }";
    for manifest in [
        "nonsense".to_owned(),
        "[]".to_owned(),
        json!({ hash(read): "{ me { username } }" }).to_string(),
        json!({ "x": read }).to_string(),
        json!({ hash(read): 17 }).to_string(),
    ] {
        let file = tempfile("manifest.json", &manifest);
        let mut config = app.config.clone();
        config.trusted_documents = Some(file.clone());
        let app = App::start(config, app.clock.clone(), app.ids.clone()).await.unwrap();
        let graph = agora::graphql::build(true);
        assert!(agora::http::router(app.clone(), graph).is_err(), "{manifest}");
        std::fs::remove_file(file).unwrap();
    }
}

// --------------------------------------------------------------------------------- what is cached, what takes too long

#[tokio::test]
async fn a_document_that_is_known_has_its_variables_looked_at_each_time() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let create = "mutation($b: String!) { postCreate(input: { body: $b }) { post { body } errors { code } } }";
    for body in ["one", "two"] {
        let data = amina.ok(create, json!({ "b": body })).await;
        assert_eq!(data["postCreate"]["post"]["body"], body);
    }
    let before = server.rows().await;
    for wrong in [json!({}), json!({ "b": null }), json!({ "b": 17 }), json!({ "b": ["x"] })] {
        assert_eq!(amina.refused(create, wrong).await, "BAD_REQUEST");
    }
    assert_eq!(server.rows().await, before);

    let choose = "query($yes: Boolean!, $no: Boolean! = false) { me { id @include(if: $yes) username @skip(if: $yes) \
                  ... @include(if: $no) { bio } ...F @skip(if: $no) } } fragment F on User { kind }";
    for _ in 0..2 {
        let data = amina.ok(choose, json!({ "yes": true })).await;
        assert_eq!(data["me"], json!({ "id": amina.id, "kind": "CUSTOMER" }));
        let data = amina.ok(choose, json!({ "yes": false, "no": true })).await;
        assert_eq!(data["me"], json!({ "username": "amina", "bio": "" }));
        assert_eq!(amina.refused(choose, json!({ "yes": "true" })).await, "BAD_REQUEST");
        assert_eq!(amina.refused(choose, json!({})).await, "BAD_REQUEST");
    }
    // The same document for somebody else.
    assert_eq!(server.anonymous().ok(choose, json!({ "yes": true })).await, json!({ "me": null }));
}

/// Takes every connection that reads; whoever reads waits until the sender goes.
async fn hold_readers(app: &App) -> oneshot::Sender<()> {
    let (release, released) = oneshot::channel::<()>();
    #[allow(clippy::disallowed_methods, reason = "nothing is written")]
    let transaction = app.db.read().begin().await.unwrap();
    app.spawn(async move {
        let _ = released.await;
        transaction.rollback().await.unwrap();
    });
    release
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended() {
    let server = Server::with(&[("LIMIT_QUERY_SECONDS", "1"), ("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let release = hold_readers(&server.app).await;
    let answer = server.anonymous().send("{ users { nodes { id } } }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "TIMEOUT"));
    assert_eq!(answer.body["data"], Value::Null);
    assert_eq!(answer.refusal()["limit"], 1);
    // It left nothing behind: the next one is answered.
    release.send(()).unwrap();
    server.anonymous().ok("{ users { nodes { id } } }", Value::Null).await;
}

#[tokio::test]
async fn a_mutation_that_takes_too_long_is_told_so_and_still_completes() {
    let server = Server::with(&[("LIMIT_QUERY_SECONDS", "1")]).await;
    let amina = server.user("amina").await;
    // The first use of a token is written down; it is not what is to wait here.
    amina.ok("{ me { id } }", Value::Null).await;
    let release = hold_writer(&server.app).await;
    let answer = amina.send(PUBLISH, Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "TIMEOUT"));
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("idempotency key"), "{message}");
    assert_eq!(answer.body["data"], Value::Null);
    release.send(()).unwrap();
    everything_done(&server.app).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 1);
}

/// Waits for every task that a shutdown waits for.
async fn everything_done(app: &App) {
    app.tasks.close();
    tokio::time::timeout(PATIENCE, app.tasks.wait()).await.expect("a task did not end");
}

/// Polls a request until the server works on it, then lets it go, as when a client hangs up.
async fn hang_up(app: &App, request: impl Future<Output = Answer>) {
    let tasks = app.tasks.len();
    tokio::pin!(request);
    let begun = async {
        while app.tasks.len() == tasks {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = &mut request => panic!("answered: {}", answer.body),
        begun = tokio::time::timeout(PATIENCE, begun) => begun.expect("it did not begin"),
    }
}

#[tokio::test]
async fn a_mutation_completes_though_its_client_is_gone() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    // The first use of a token is written down; it is not what is to wait here.
    amina.ok("{ me { id } }", Value::Null).await;
    let release = hold_writer(&server.app).await;
    hang_up(&server.app, amina.send(PUBLISH, Value::Null)).await;
    release.send(()).unwrap();
    everything_done(&server.app).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 1);
}

// -------------------------------------------------------------------------------------------------------------- health

#[tokio::test]
async fn health_tells_whether_the_server_lives_and_can_work() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let live = nobody.request(empty(Request::get("/health/live"))).await;
    assert_eq!((live.status, live.body), (StatusCode::OK, json!({ "status": "ok" })));
    let ready = nobody.request(empty(Request::get("/health/ready"))).await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(ready.body, json!({ "status": "ok", "database": true, "stopping": false }));

    server.app.stop.cancel();
    let ready = nobody.request(empty(Request::get("/health/ready"))).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body, json!({ "status": "unavailable", "database": true, "stopping": true }));
    assert_eq!(nobody.request(empty(Request::get("/health/live"))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_its_database_the_server_is_not_ready() {
    let server = Server::start().await;
    server.app.db.close().await;
    let ready = server.anonymous().request(empty(Request::get("/health/ready"))).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body, json!({ "status": "unavailable", "database": false, "stopping": false }));
    let live = server.anonymous().request(empty(Request::get("/health/live"))).await;
    assert_eq!(live.status, StatusCode::OK);
}

#[tokio::test]
async fn what_fails_inside_is_told_without_its_cause() {
    let server = Server::start().await;
    server.app.db.transact(async |tx| tx.execute("DROP TABLE comment_likes", Vec::new()).await).await.unwrap();
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let comment = amina.comment(&post, "hello").await;
    let mutation = format!("mutation {{ commentLike(id: \"{comment}\") {{ errors {{ code }} }} }}");
    let answer = amina.send(&mutation, Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["data"]["commentLike"], Value::Null);
    let error = &answer.body["errors"][0];
    assert_eq!(error["path"], json!(["commentLike"]));
    assert_eq!(error["extensions"]["code"], "INTERNAL");
    assert_eq!(error["extensions"]["requestId"], answer.header("x-request-id"));
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Something went wrong on our side"), "{message}");
    assert!(!answer.body.to_string().contains("comment_likes"), "{}", answer.body);
}

#[tokio::test]
async fn while_the_database_is_away_answers_say_so() {
    let server = Server::start().await;
    server.app.db.close().await;
    let answer = server.anonymous().send("{ users { nodes { id } } }", Value::Null).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "UNAVAILABLE"));
    assert_eq!(answer.body["data"]["users"], Value::Null);
}
