//! Sessions in cookies: no script reads them, and no foreign page uses them.

use axum::http::{HeaderValue, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server, Socket, client::PASSWORD};

const LOGIN: &str = "mutation($login: String!, $password: String!) { login(input: { login: $login, password: $password }) { \
                     errors { code } result { ... on Session { accessToken refreshToken user { username } } } } }";
const REFRESH: &str =
    "mutation { tokenRefresh(input: {}) { errors { code } session { accessToken user { username } } } }";
const HOME: &str = "http://localhost:3000";

/// The `name=value` of every cookie that an answer sets, and what stands behind them.
fn cookies(answer: &Answer) -> Vec<(String, String)> {
    let all = answer.headers.get_all(header::SET_COOKIE).iter();
    all.map(|value| value.to_str().unwrap().split_once("; ").unwrap())
        .map(|(pair, attributes)| (pair.to_owned(), attributes.to_owned()))
        .collect()
}

/// A browser that was given these cookies, on a page of the frontend.
fn browser(client: &Client, answer: &Answer) -> Client {
    let pairs: Vec<_> = cookies(answer).into_iter().map(|(pair, _)| pair).collect();
    client.clone().header("cookie", &pairs.join("; "))
}

fn asking(server: &Server) -> Client {
    server.anonymous().header("x-agora-session", "cookie").header("origin", HOME)
}

async fn sign_in(server: &Server) -> Answer {
    server.user("amina").await;
    asking(server).send(LOGIN, json!({ "login": "amina", "password": PASSWORD })).await
}

#[tokio::test]
async fn tokens_go_into_cookies_that_no_script_reads_and_are_shown_to_nobody() {
    let server = Server::start().await;
    let answer = sign_in(&server).await;
    let session = &answer.body["data"]["login"]["result"];
    assert_eq!(*session, json!({ "accessToken": null, "refreshToken": null, "user": { "username": "amina" } }));
    let set = cookies(&answer);
    let names: Vec<_> = set.iter().map(|(pair, _)| pair.split_once('=').unwrap().0).collect();
    assert_eq!(names, ["agora_access", "agora_refresh"]);
    for ((_, attributes), seconds) in set.iter().zip([900, 7 * 86_400]) {
        assert_eq!(*attributes, format!("Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"));
    }
    let amina = browser(&asking(&server), &answer);
    assert_eq!(amina.ok("{ me { username email } }", Value::Null).await["me"]["email"], "amina@example.org");
    amina.publish("from a browser").await;
    // Who keeps the tokens themselves gets no cookies.
    let answer = server.anonymous().send(LOGIN, json!({ "login": "amina", "password": PASSWORD })).await;
    assert!(cookies(&answer).is_empty() && answer.body["data"]["login"]["result"]["accessToken"].is_string());
}

#[tokio::test]
async fn where_clients_come_by_https_cookies_are_secure_and_of_this_host_only() {
    let server = Server::with(&[("PUBLIC_URL", "https://api.example.org")]).await;
    let set = cookies(&sign_in(&server).await);
    for ((pair, attributes), name) in set.iter().zip(["__Host-agora_access", "__Host-agora_refresh"]) {
        assert!(pair.starts_with(&format!("{name}=")), "{pair}");
        assert!(attributes.ends_with("HttpOnly; SameSite=Strict; Secure") && attributes.starts_with("Path=/;"));
    }
}

#[tokio::test]
async fn a_cookie_alone_counts_for_nothing() {
    let server = Server::start().await;
    let answer = sign_in(&server).await;
    // As a foreign page's form or image would make the browser send it: without the header.
    let alone = browser(&server.anonymous(), &answer);
    assert_eq!(alone.ok("{ me { username } }", Value::Null).await["me"], Value::Null);
    let rows = server.rows().await;
    let post = "mutation { postCreate(input: { body: \"forged\" }) { errors { code } } }";
    assert_eq!(alone.refused(post, Value::Null).await, "UNAUTHENTICATED");
    assert_eq!(server.rows().await, rows);
}

#[tokio::test]
async fn a_foreign_page_is_refused_whatever_it_sends() {
    let server = Server::start().await;
    let answer = sign_in(&server).await;
    let rows = server.rows().await;
    for origin in ["https://evil.example", "null", "http://localhost:3000.evil.example"] {
        let foreign = server.anonymous().header("x-agora-session", "cookie").header("origin", origin);
        let foreign = browser(&foreign, &answer);
        for query in ["{ me { username } }", "mutation { logout { ended } }"] {
            let refused = foreign.send(query, Value::Null).await;
            assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "FORBIDDEN"), "{origin}");
        }
        let get = Request::get("/graphql?query=%7Bme%7Busername%7D%7D")
            .header("cookie", cookies(&answer)[0].0.as_str())
            .header("x-agora-session", "cookie")
            .header("origin", origin);
        let refused = server.anonymous().request(get.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(refused.code(), "FORBIDDEN");
        // And its browser would not even send it: the header is not allowed to foreign origins.
        let preflight = Request::builder()
            .method("OPTIONS")
            .uri("/graphql")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-agora-session");
        let response = server.send(preflight.body(axum::body::Body::empty()).unwrap()).await;
        assert!(response.headers().get("access-control-allow-origin").is_none(), "{origin}");
    }
    assert_eq!(server.rows().await, rows);
}

#[tokio::test]
async fn the_frontend_s_preflight_is_let_through_with_credentials() {
    let server = Server::start().await;
    let preflight = Request::builder()
        .method("OPTIONS")
        .uri("/graphql")
        .header("origin", HOME)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-agora-session");
    let response = server.send(preflight.body(axum::body::Body::empty()).unwrap()).await;
    let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert_eq!(header("access-control-allow-origin"), HOME);
    assert_eq!(header("access-control-allow-credentials"), "true");
    assert!(header("access-control-allow-headers").contains("x-agora-session"));
}

#[tokio::test]
async fn the_refresh_cookie_carries_the_session_on_and_logout_takes_both_away() {
    let server = Server::start().await;
    let first = sign_in(&server).await;
    server.advance(3600);
    // The access cookie is over: nobody is signed in, until the other cookie is exchanged.
    let amina = browser(&asking(&server), &first);
    assert_eq!(amina.ok("{ me { username } }", Value::Null).await["me"], Value::Null);
    let second = amina.send(REFRESH, Value::Null).await;
    let session = &second.body["data"]["tokenRefresh"]["session"];
    assert_eq!(*session, json!({ "accessToken": null, "user": { "username": "amina" } }));
    let amina = browser(&asking(&server), &second);
    assert_eq!(amina.ok("{ me { username } }", Value::Null).await["me"]["username"], "amina");
    let out = amina.send("mutation { logout { ended } }", Value::Null).await;
    for (pair, attributes) in cookies(&out) {
        assert!(pair.ends_with('=') && attributes.contains("Max-Age=0;"), "{pair}; {attributes}");
    }
    assert_eq!(cookies(&out).len(), 2);
    assert_eq!(amina.ok("{ me { username } }", Value::Null).await["me"], Value::Null);
    // A cookie whose session is over does not keep its browser out, and is taken away when it is tried.
    let again = amina.send(REFRESH, Value::Null).await;
    assert_eq!(again.body["data"]["tokenRefresh"]["errors"][0]["code"], "INVALID_REFRESH_TOKEN");
    assert!(cookies(&again).iter().all(|(_, attributes)| attributes.contains("Max-Age=0;")));
    assert_eq!(cookies(&again).len(), 2);
    let back = amina.send(LOGIN, json!({ "login": "amina", "password": PASSWORD })).await;
    assert_eq!(cookies(&back).len(), 2);
}

#[tokio::test]
async fn a_forged_or_swapped_cookie_is_nobody() {
    let server = Server::start().await;
    let answer = sign_in(&server).await;
    let refresh = cookies(&answer)[1].0.split_once('=').unwrap().1.to_owned();
    for value in ["", "nonsense", "a.b.c", &refresh] {
        let forged = asking(&server).header("cookie", &format!("agora_access={value}"));
        assert_eq!(forged.ok("{ me { username } }", Value::Null).await["me"], Value::Null, "{value}");
    }
}

#[tokio::test]
async fn a_socket_is_known_by_its_cookie_from_the_frontend_s_pages_only() {
    let server = Server::start().await;
    let address = server.listen().await;
    let answer = sign_in(&server).await;
    let cookie = cookies(&answer)[0].0.clone();
    let headers =
        |origin| [("sec-websocket-protocol", "graphql-transport-ws"), ("cookie", cookie.as_str()), ("origin", origin)];
    let mut socket = Socket::connect_with(address, &headers(HOME)).await.unwrap();
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.next().await["type"], "connection_ack");
    socket.subscribe("1", "subscription { notificationReceived { phase } }", Value::Null).await;
    assert_eq!(socket.event().await["notificationReceived"]["phase"], "LIVE");
    for origin in ["https://evil.example", "null"] {
        assert!(Socket::connect_with(address, &headers(origin)).await.is_err(), "{origin}");
    }
    // Its session's end closes it.
    browser(&asking(&server), &answer).ok("mutation { logout { ended } }", Value::Null).await;
    assert_eq!(socket.closed().await.0, 4403);
}

#[tokio::test]
async fn signing_out_works_by_the_refresh_cookie_alone() {
    let server = Server::start().await;
    let answer = sign_in(&server).await;
    server.advance(3600);
    let (refresh, _) = &cookies(&answer)[1];
    let out = asking(&server).header("cookie", refresh).send("mutation { logout { ended } }", Value::Null).await;
    assert_eq!(out.body["data"]["logout"]["ended"], true);
    assert_eq!(cookies(&out).len(), 2);
    assert_eq!(server.count("SELECT COUNT(*) FROM sessions WHERE end_reason = 'logout'").await, 1);
    let again = asking(&server).header("cookie", refresh).send(REFRESH, Value::Null).await;
    assert_eq!(again.body["data"]["tokenRefresh"]["errors"][0]["code"], "INVALID_REFRESH_TOKEN");
}

#[tokio::test]
async fn another_cookie_hides_none_of_ours_whatever_is_in_it() {
    let server = Server::start().await;
    let answer = sign_in(&server).await;
    let ours: Vec<_> = cookies(&answer).into_iter().map(|(pair, _)| pair).collect();
    let other = [b"theme=caf\xe9; ".as_slice(), ours.join("; ").as_bytes()].concat();
    let mut request = Request::get("/graphql?query=%7Bme%7Busername%7D%7D").header("x-agora-session", "cookie");
    request = request.header("user-agent", HeaderValue::from_bytes(b"Caf\xe9/1").unwrap());
    let request = request.header("cookie", HeaderValue::from_bytes(&other).unwrap());
    let answer = server.anonymous().request(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.body["data"]["me"]["username"], "amina", "{}", answer.body);
}
