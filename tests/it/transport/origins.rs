//! Which pages and hosts are served, and what browsers are told; what newcomers are shown.

use std::io::Read;

use agora::demo;
use axum::{
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode},
};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::{PUBLISH, by_post, by_url, empty, signed, text};
use crate::harness::Server;

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
    assert_eq!(header(&listed, "access-control-allow-credentials"), "true");
    for name in [
        "apollographql-client-name",
        "apollographql-client-version",
        "apollo-require-preflight",
        "x-apollo-operation-name",
        "sentry-trace",
        "baggage",
        "traceparent",
        "tracestate",
        "x-request-id",
        "x-agora-session",
        "idempotency-key",
        "content-encoding",
    ] {
        assert!(allowed.split(',').any(|known| known == name), "{name}: {allowed}");
    }
    for origin in ["https://evil.example", "null"] {
        let foreign = preflight(origin).await;
        assert_eq!(header(&foreign, "access-control-allow-origin"), "", "{origin}");
        assert_eq!(header(&foreign, "access-control-allow-credentials"), "", "{origin}");
    }

    let (request, body) = by_post("{ __typename }");
    let request = request.header("origin", "https://app.example.org").body(body).unwrap();
    let answer = server.send(request).await;
    assert_eq!(header(&answer, "access-control-allow-origin"), "https://app.example.org");
    let exposed = header(&answer, "access-control-expose-headers");
    for name in ["x-request-id", "ratelimit", "ratelimit-policy", "retry-after", "www-authenticate"] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn the_operator_says_which_headers_pages_may_send() {
    let server = Server::with(&[("CORS_ALLOWED_HEADERS", "X-Mine,x-yours")]).await;
    let request = Request::options("/graphql")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST");
    let answer = server.send(empty(request)).await;
    let allowed = answer.headers()["access-control-allow-headers"].to_str().unwrap().to_ascii_lowercase();
    assert_eq!(allowed, "content-type,authorization,accept-language,x-agora-session,x-mine,x-yours");
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
async fn the_hosts_that_are_served_can_be_listed() {
    let server = Server::with(&[("ALLOWED_HOSTS", "a.example, b.example:8443")]).await;
    for (host, allowed) in [
        ("a.example", true),
        ("a.example:9000", true),
        ("b.example:8443", true),
        ("b.example", false),
        ("b.example:9000", false),
        ("x.a.example", false),
        ("localhost", false),
    ] {
        let request = by_url(&[("query", "{ __typename }")]).header("host", host);
        let answer = server.anonymous().request(empty(request)).await;
        let status = if allowed { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(answer.status, status, "{host}");
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
    // Nor what is near to a name that is not there.
    let misspelt = nobody.clone().header(host.0, host.1).send("{ psot(id: \"x\") { id } }", Value::Null).await;
    assert_eq!(misspelt.body["errors"][0]["message"], "\"Query\" has no field \"psot\".");
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
    assert_eq!(page_status(&server, "/graphiql/graphiql.js").await, StatusCode::OK);

    let server = Server::with(&[("INTROSPECTION", "false"), ("GRAPHIQL", "false")]).await;
    assert_eq!(page_status(&server, "/graphiql/graphiql.js").await, StatusCode::NOT_FOUND);
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
async fn graphiql_s_files_are_part_of_the_program_and_nothing_else_is_beside_them() {
    let server = Server::start().await;
    let html = text(server.send(empty(Request::get("/"))).await).await;
    assert!(html.contains("\"graphiql/graphiql.js\"") && html.contains("\"graphiql/graphiql.css\""), "{html}");
    assert!(!html.contains("://"), "it asks another server: {html}");
    for (name, kind) in
        [("graphiql.js", "text/javascript"), ("graphiql.css", "text/css"), ("licences.txt", "text/plain")]
    {
        let get = || Request::get(format!("/graphiql/{name}"));
        let packed = server.send(empty(get().header("accept-encoding", "gzip, br"))).await;
        assert_eq!(packed.status(), StatusCode::OK, "{name}");
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{name}");
        assert!(packed.headers()["content-type"].to_str().unwrap().starts_with(kind), "{name}");
        let tag = packed.headers()["etag"].clone();
        let packed = to_bytes(packed.into_body(), usize::MAX).await.unwrap();
        let mut unpacked = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
        let plain = server.send(empty(get())).await;
        assert!(!plain.headers().contains_key("content-encoding"), "{name}");
        assert!(text(plain).await == unpacked, "{name} differs");
        let known = server.send(empty(get().header("if-none-match", tag))).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{name}");
    }
    for path in [
        "/graphiql/",
        "/graphiql/package.json",
        "/graphiql/graphiql.js.gz",
        "/graphiql/../Cargo.toml",
        "/graphiql/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/graphiql//etc/passwd",
        "/graphiql/%ff",
    ] {
        let answer = server.anonymous().request(empty(Request::get(path))).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, "BAD_REQUEST"), "{path}");
    }

    let server = Server::with(&[("DEMO_DATA", "true")]).await;
    assert!(!html.contains(demo::PASSWORD), "{html}");
    let html = text(server.send(empty(Request::get("/"))).await).await;
    assert!(html.contains(demo::PASSWORD), "{html}");
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
        (post().header("authorization", "Bearer x").body(body("{}")), 400),
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
