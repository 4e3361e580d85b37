//! What is over a limit gets a coded error, and nothing is done. In the folder: what answers weigh, what bad input gets, and
//! who asks too often.

mod answers;
mod concurrency_limits;
mod input;
mod rates;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Answer, Client, Server, TIMEOUT, client::PASSWORD};

/// A mutation that would leave a row, were it executed.
const PUBLISH: &str = "mutation { postCreate(input: { body: \\\"x\\\" }) { post { id } errors { code } } }";

/// Sends it; the answer has to be a coded refusal, and no row may be there afterwards that was not before.
async fn refuse(server: &Server, client: &Client, what: &str, body: impl Into<Body>) -> Answer {
    let before = server.rows().await;
    let answer = client.post(body).await;
    assert!(answer.status.as_u16() < 500, "{what}: {}", answer.status);
    assert!(answer.body.get("errors").is_some(), "{what} was not refused: {}", answer.body);
    answer.refusal();
    assert_eq!(server.rows().await, before, "{what} wrote something");
    answer
}

/// The same for an operation; gives the first error's extensions.
async fn refuse_operation(server: &Server, client: &Client, query: &str, variables: Value) -> Value {
    let what = query.chars().take(200).collect::<String>();
    let answer = refuse(server, client, &what, json!({ "query": query, "variables": variables }).to_string()).await;
    answer.refusal().clone()
}

/// The same for an operation over a limit; gives which limit, what it allows, and what was asked for.
async fn over_limit(server: &Server, client: &Client, query: &str) -> (String, u64, u64) {
    let refusal = refuse_operation(server, client, query, Value::Null).await;
    assert_eq!(refusal["code"], "COST_EXCEEDED", "{refusal}: {}", query.chars().take(300).collect::<String>());
    let number = |name: &str| refusal[name].as_u64().unwrap_or_else(|| panic!("no {name}: {refusal}"));
    (refusal["what"].as_str().unwrap().to_owned(), number("limit"), number("requested"))
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let limit = server.app.config.limits.body_bytes;
    let total = 50 << 20;
    for announced in [true, false] {
        let pulled = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&pulled);
        let chunk = vec![b' '; 16 << 10];
        let chunks = stream::iter((0..total / chunk.len()).map(move |_| {
            counter.fetch_add(chunk.len(), Ordering::SeqCst);
            Ok::<_, std::io::Error>(chunk.clone())
        }));
        let mut request = Request::post("/graphql").header("content-type", "application/json");
        if announced {
            request = request.header("content-length", total);
        }
        let answer = amina.request(request.body(Body::from_stream(chunks)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.code(), "COST_EXCEEDED");
        assert_eq!(answer.refusal()["limit"], limit);
        let read = pulled.load(Ordering::SeqCst);
        let allowed = if announced { 0 } else { limit + (32 << 10) };
        assert!(read <= allowed, "{read} bytes were read, announced: {announced}");
    }
    // A length that is a lie does not help.
    let request = Request::post("/graphql").header("content-type", "application/json").header("content-length", "2");
    let answer = amina.request(request.body(Body::from(vec![b' '; limit + 1])).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_client_on_the_wire_hears_413_without_having_sent_its_body() {
    let server = Server::start().await;
    let address = server.listen().await;
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        50 << 20
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(TIMEOUT, connection.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn documents_over_a_limit_are_told_which() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let many = |n: usize, item: &dyn Fn(usize) -> String| (0..n).map(item).collect::<String>();

    let long = format!("{{ me {{ id }} }} # {}", "x".repeat(20_000));
    assert_eq!(over_limit(&server, &amina, &long).await, ("length in bytes".to_owned(), 16_384, long.len() as u64));

    let (what, limit, requested) = over_limit(&server, &amina, &format!("{{ me {{ {} }} }}", "id ".repeat(3000))).await;
    assert_eq!((what.as_str(), limit), ("number of tokens", 2000));
    assert!(requested > 2000);

    let aliases = format!("{{ me {{ {} }} }}", many(31, &|n| format!("a{n}: id ")));
    assert_eq!(over_limit(&server, &amina, &aliases).await, ("number of aliases".to_owned(), 30, 31));

    let fields = format!("{{ {} }}", "me { id } ".repeat(11));
    assert_eq!(over_limit(&server, &amina, &fields).await, ("number of root fields".to_owned(), 10, 11));
    let fields =
        "{ ...A ...A ... { ...A } } fragment A on Query { a: me { id } b: me { id } c: me { id } d: me { id } }";
    assert_eq!(over_limit(&server, &amina, fields).await, ("number of root fields".to_owned(), 10, 12));

    let directives = format!("{{ me {{ id {} }} }}", "@include(if: true) ".repeat(51));
    assert_eq!(over_limit(&server, &amina, &directives).await, ("number of directives".to_owned(), 50, 51));

    let deep = format!("{{ post(id: \"x\") {{ {}id{} }} }}", "sharedPost { ".repeat(11), " }".repeat(11));
    assert_eq!(over_limit(&server, &amina, &deep).await, ("depth".to_owned(), 12, 13));

    // Limits are for the operations that run and for those that don't.
    let second = format!("query A {{ me {{ id }} }} query B {aliases}");
    let body = json!({ "query": second, "operationName": "A" }).to_string();
    assert_eq!(refuse(&server, &amina, "a second operation", body).await.code(), "COST_EXCEEDED");

    // None of it is told as a success.
    assert_eq!(amina.send(&aliases, Value::Null).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn ten_thousand_aliases_are_refused_even_where_texts_may_be_long() {
    let settings = [("LIMIT_DOCUMENT_BYTES", "1048576"), ("LIMIT_TOKENS", "100000"), ("LIMIT_BODY_BYTES", "1048576")];
    let server = Server::with(&settings).await;
    let nobody = server.anonymous();
    let aliases = (0..10_000).map(|n| format!("a{n}: id")).collect::<Vec<_>>().join(" ");
    let below = format!("{{ user(username: \"x\") {{ {aliases} }} }}");
    assert_eq!(over_limit(&server, &nobody, &below).await, ("number of aliases".to_owned(), 30, 10_000));
    let at_root = aliases.replace("id", "me { id }");
    let (what, ..) = over_limit(&server, &nobody, &format!("{{ {at_root} }}")).await;
    assert_eq!(what, "number of aliases");
}

#[tokio::test]
async fn deep_nesting_is_refused_before_anything_recurses() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let nested = |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    for n in [65, 1000] {
        for query in [
            format!("{{ {} }}", nested("a{", "}", n)),
            "a{".repeat(n),
            format!("{{ user(username: {}) {{ id }} }}", nested("[", "]", n)),
            format!("{{ user(username: {}1{}) {{ id }} }}", "{a:".repeat(n), "}".repeat(n)),
            format!("query($x: [String] = {}) {{ me {{ id }} }}", nested("[", "]", n)),
            format!("query($x: {}) {{ me {{ id }} }}", nested("[", "]", n)),
            format!("mutation {{ postCreate(input: {{ body: {} }}) {{ errors {{ code }} }} }}", nested("[", "]", n)),
            format!("{{ {}id{} }}", "... { ".repeat(n), " }".repeat(n)),
        ] {
            let (what, ..) = over_limit(&server, &amina, &query).await;
            assert!(["nesting", "number of tokens"].contains(&what.as_str()), "{what}: {n}");
        }
        // Variables: the reader of JSON has a limit of its own.
        let create = "mutation($input: PostCreateInput!) { postCreate(input: $input) { errors { code } } }";
        for value in [nested("[", "]", n), format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n))] {
            for place in [
                "variables\":{\"input\":VALUE}",
                "extensions\":{\"x\":VALUE}",
                "variables\":{\"input\":{\"body\":VALUE}}",
            ] {
                let publish = if place.starts_with('e') { PUBLISH.to_owned() } else { create.to_owned() };
                let body = format!("{{\"query\":\"{publish}\",\"{}}}", place.replace("VALUE", &value));
                if n == 65 && place.starts_with('e') {
                    continue; // Neither too deep nor looked at.
                }
                let answer = refuse(&server, &amina, place, body).await;
                assert_eq!(answer.code(), "BAD_REQUEST", "{n} {place}");
            }
        }
    }
    let body = format!("{{\"query\":\"{{ me {{ id }} }}\",\"unknown\":{}}}", nested("[", "]", 10_000));
    assert_eq!(amina.post(body).await.body["data"]["me"]["id"], amina.id);
}

#[tokio::test]
async fn a_comment_hides_nothing_from_the_limits() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    // A carriage return ends a comment, as a line feed does.
    for end in ["\n", "\r", "\r\n"] {
        let deep = format!("# a comment{end}{{ {}id{} }}", "a { ".repeat(100), " }".repeat(100));
        assert_eq!(over_limit(&server, &amina, &deep).await.0, "nesting", "{end:?}");
        let wide = format!("# a comment{end}{{ me {{ {} }} }}", "id ".repeat(3000));
        assert_eq!(over_limit(&server, &amina, &wide).await.0, "number of tokens", "{end:?}");
    }
    let hidden = format!("{{ me {{ id }} }} # {}", "{".repeat(1000));
    assert_eq!(amina.ok(&hidden, Value::Null).await["me"]["id"], amina.id);
    let text = format!("{{ me {{ id }} user(username: \"{}\") {{ id }} }}", "{".repeat(1000));
    assert_eq!(amina.ok(&text, Value::Null).await["me"]["id"], amina.id);
}

#[tokio::test]
async fn fragments_that_contain_themselves_are_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for query in [
        "{ me { ...A } } fragment A on User { id ...A }",
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { id ...A }",
        "{ me { id } } fragment A on User { ...B } fragment B on User { ...A }",
        "{ me { id } } fragment A on User { ... { ...A } }",
        "{ post(id: \"x\") { ...A } } fragment A on Post { sharedPost { ...A } }",
        "mutation { ...A } fragment A on Mutation { postCreate(input: { body: \"x\" }) { errors { code } } ...A }",
    ] {
        assert_eq!(refuse_operation(&server, &amina, query, Value::Null).await["code"], "BAD_REQUEST", "{query}");
    }
}

#[tokio::test]
async fn a_bomb_of_fragments_is_refused_whatever_it_is_made_of() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    // Deep enough to take seconds were it unfolded, not so deep that a failing test would never end.
    let bomb = |start: &str, on: &str, last: &str| {
        let mut query = format!("{start} fragment F9 on {on} {{ {last} }}");
        for n in 0..9 {
            let next = format!("...F{} ", n + 1);
            query += &format!(" fragment F{n} on {on} {{ {} }}", next.repeat(4));
        }
        query
    };
    for (query, limited) in [
        (bomb("{ ...F0 }", "Query", "me { id }"), "number of root fields"),
        (bomb("{ me { ...F0 } }", "User", "id"), "number of fields"),
        (bomb("{ me { ...F0 } }", "User", "a: id"), "number of aliases"),
        (bomb("{ me { ...F0 } }", "User", "id @include(if: true)"), "number of directives"),
        (bomb("{ me { ...F0 } }", "User", "... { ... { id } }"), "number of fields"),
    ] {
        let (what, _, requested) = over_limit(&server, &amina, &query).await;
        assert_eq!(what, limited);
        assert_eq!(requested, 4_u64.pow(9) + u64::from(limited == "number of fields"));
    }
    // One that the operation does not use may not be there at all.
    let unused = bomb("{ me { id } }", "User", "id");
    assert_eq!(refuse_operation(&server, &amina, &unused, Value::Null).await["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn every_answer_tells_what_the_operation_may_have_cost() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for (query, cost) in [
        ("{ __typename }", 0),
        ("{ me { id username } }", 1),
        ("{ users(first: 5) { nodes { id } } }", 6),
        ("{ users { totalCount } }", 11),
        ("{ posts(first: 10) { nodes { author { id } } } }", 21),
        ("mutation { postCreate(input: { body: \"x\" }) { post { id } errors { code } } }", 13),
        // Also when it failed.
        ("{ post(id: \"nonsense\") { id } }", 1),
    ] {
        let answer = amina.send(query, Value::Null).await;
        assert_eq!(answer.body["extensions"]["cost"]["limit"], 1000, "{query}: {}", answer.body);
        assert_eq!(answer.body["extensions"]["cost"]["requested"], cost, "{query}");
    }
}

#[tokio::test]
async fn an_operation_over_its_cost_or_its_number_of_nodes_is_not_begun() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "query($n: Int) { posts(first: 100) { nodes { comments(first: $n) { nodes { author { id } } } } } }";
    let answer = amina.send(query, json!({ "n": 10 })).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.code(), "COST_EXCEEDED");
    // Objects, and their bytes: some hundred for each comment.
    let expected = 1 + 100 * (1 + 1 + 10 * 2) + 10;
    let refusal = answer.refusal();
    assert_eq!(
        (&refusal["what"], &refusal["limit"], &refusal["requested"]),
        (&json!("cost"), &json!(1000), &json!(expected))
    );
    assert!(answer.body.get("data").is_none());
    // The same text is fine where the variable asks for less, and not again where it asks for more.
    amina.ok(query, json!({ "n": 1 })).await;
    assert_eq!(amina.refused(query, json!({ "n": 10 })).await, "COST_EXCEEDED");

    let likes = "mutation { postCreate(input: { body: \"x\" }) { post { likes(first: 100) { nodes { posts(first: 100) { nodes { id } } } } } errors { code } } }";
    assert_eq!(over_limit(&server, &amina, likes).await.0, "cost");

    let server = Server::with(&[("LIMIT_COST", "1000000")]).await;
    let query = "{ posts(first: 100) { nodes { comments(first: 100) { nodes { author { id } } } } } }";
    let (what, limit, requested) = over_limit(&server, &server.anonymous(), query).await;
    assert_eq!((what.as_str(), limit, requested), ("number of nodes", 10_000, 100 + 100 * 100 * 2));
}

#[tokio::test]
async fn signing_in_stands_alone_in_its_operation() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let hashed = server.app.passwords.hashed();
    let login = |password: &str| {
        format!("login(input: {{ login: \"amina\", password: \"{password}\" }}) {{ errors {{ code }} }}")
    };
    let (wrong, right) = (login("not the password"), login(PASSWORD));
    let register = "register(input: { username: \"b_b\", email: \"b@example.org\", password: \"correct horse battery\" }) { errors { code } }";
    let refresh = "tokenRefresh(input: { refreshToken: \"x\" }) { errors { code } }";
    for query in [
        format!("mutation {{ a: {wrong} b: {right} }}"),
        format!("mutation {{ {wrong} b: {wrong} }}"),
        format!("mutation {{ {right} {right} }}"),
        format!(
            "mutation {{ ...A ...B }} fragment A on Mutation {{ a: {wrong} }} fragment B on Mutation {{ b: {wrong} }}"
        ),
        format!("mutation {{ ...A ...A }} fragment A on Mutation {{ {right} }}"),
        format!("mutation {{ a: {wrong} ... on Mutation {{ b: {wrong} }} }}"),
        format!("mutation {{ a: {wrong} ... {{ ... {{ b: {wrong} }} }} }}"),
        format!("mutation {{ a: {wrong} b: {} }}", wrong.replace(") {", ") @skip(if: true) {")),
        format!("mutation {{ {wrong} {register} }}"),
        format!("mutation {{ a: {register} b: {register} }}"),
        format!("mutation {{ a: {refresh} b: {refresh} }}"),
        format!("mutation {{ logout {{ ended }} {right} }}"),
        format!("mutation {{ postCreate(input: {{ body: \"x\" }}) {{ errors {{ code }} }} {right} }}"),
    ] {
        let (what, limit, requested) = over_limit(&server, &amina, &query).await;
        assert_eq!((what.as_str(), limit, requested), ("number of root fields", 1, 2), "{query}");
        assert_eq!(server.app.passwords.hashed(), hashed, "{query}");
    }
    // Alone, by whatever way, it is fine.
    let query = format!("mutation {{ ...A }} fragment A on Mutation {{ b: {right} }}");
    assert_eq!(amina.ok(&query, Value::Null).await["b"]["errors"], json!([]));
    assert_eq!(server.app.passwords.hashed(), hashed + 1);
}
