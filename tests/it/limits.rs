//! What bad input gets: a coded error, never a cause, and nothing is done; and the limits of one operation.

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

use crate::harness::{Answer, Client, PATIENCE, Server, client::PASSWORD};

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

// --------------------------------------------------------------------------------------------- what is no operation

#[tokio::test]
async fn what_is_no_graphql_request_is_a_bad_request() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let publish = format!("\"query\":\"{PUBLISH}\"");
    for body in [
        String::new(),
        " ".to_owned(),
        "{".to_owned(),
        format!("{{{publish}"),
        format!("{{{publish}}} and more"),
        format!("[{{{publish}}}]"),
        format!("[{{{publish}}}, {{{publish}}}]"),
        "[]".to_owned(),
        "\"text\"".to_owned(),
        format!("\"{PUBLISH}\""),
        "null".to_owned(),
        "true".to_owned(),
        "17".to_owned(),
        "{}".to_owned(),
        "{\"query\":null}".to_owned(),
        "{\"query\":\"\"}".to_owned(),
        "{\"query\":\" \"}".to_owned(),
        "{\"query\":\"#\"}".to_owned(),
        "{\"query\":17}".to_owned(),
        "{\"query\":[\"{ me { id } }\"]}".to_owned(),
        format!("{{{publish},\"variables\":[]}}"),
        format!("{{{publish},\"variables\":\"x\"}}"),
        format!("{{{publish},\"operationName\":17}}"),
        format!("{{{publish},\"extensions\":[]}}"),
        format!("{{{publish},{publish}}}"),
        format!("{{{publish},\"variables\":{{\"x\":1e999}}}}"),
        format!("{{{publish},\"variables\":{{\"x\":NaN}}}}"),
        format!("{{{publish},}}"),
        format!("\u{feff}{{{publish}}}"),
    ] {
        let answer = refuse(&server, &amina, &body, body.clone()).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{body}");
        // Only what got as far as a document may be a 200.
        let has_document = ["{\"query\":\" \"}", "{\"query\":\"#\"}"].contains(&body.as_str());
        let status = if has_document { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.get("data").is_none(), "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn text_that_is_no_unicode_is_a_bad_request() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let create = "mutation($b: String!) { postCreate(input: { body: $b }) { errors { code } } }";
    let bodies: Vec<Vec<u8>> = vec![
        // Lone surrogates, in JSON's escapes: in the query, in a variable, in a name.
        b"{\"query\":\"{ user(username: \\\"\\ud800\\\") { id } }\"}".to_vec(),
        format!("{{\"query\":\"{create}\",\"variables\":{{\"b\":\"\\ud800\"}}}}").into_bytes(),
        format!("{{\"query\":\"{create}\",\"variables\":{{\"b\":\"\\udc00\\ud800\"}}}}").into_bytes(),
        format!("{{\"query\":\"{create}\",\"variables\":{{\"\\ud800\":\"x\", \"b\":\"x\"}}}}").into_bytes(),
        // And in GraphQL's own.
        br#"{"query":"mutation { postCreate(input: { body: \"\\ud800\" }) { errors { code } } }"}"#.to_vec(),
        br#"{"query":"mutation { postCreate(input: { body: \"\\udc00\\ud800\" }) { errors { code } } }"}"#.to_vec(),
        br#"{"query":"mutation { postCreate(input: { body: \"\\u{110000}\" }) { errors { code } } }"}"#.to_vec(),
        // Bytes that are no UTF-8.
        b"{\"query\":\"{ user(username: \\\"\xff\\\") { id } }\"}".to_vec(),
        b"{\"query\":\"{ me { id } }\",\"variables\":{\"b\":\"\xc3\x28\"}}".to_vec(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        // A zero byte, as such.
        b"{\"query\":\"{ me { id } }\x00\"}".to_vec(),
    ];
    for body in bodies {
        let what = String::from_utf8_lossy(&body).into_owned();
        let answer = refuse(&server, &amina, &what, body).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{what}");
    }
    // Pairs are characters.
    let body = format!("{{\"query\":\"{create}\",\"variables\":{{\"b\":\"\\ud83d\\ude00\"}}}}");
    assert_eq!(amina.post(body).await.body["data"]["postCreate"]["errors"], json!([]));
}

#[tokio::test]
async fn one_of_several_operations_has_to_be_named() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let body = "{ postCreate(input: { body: \"x\" }) { post { body } errors { code } } }";
    let query = format!("mutation A {body} mutation B {body} query C {{ me {{ username }} }}");
    for name in [json!(null), json!(""), json!("D"), json!("a"), json!("A "), json!("\u{0}")] {
        let request = json!({ "query": query, "operationName": name }).to_string();
        let answer = refuse(&server, &amina, &name.to_string(), request).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{name}");
    }
    for query in ["query C { me { username } }", "{ me { username } }"] {
        let request = json!({ "query": query, "operationName": "D" }).to_string();
        assert_eq!(refuse(&server, &amina, query, request).await.code(), "BAD_REQUEST");
    }
    let answer = amina.post(json!({ "query": query, "operationName": "C" }).to_string()).await;
    assert_eq!(answer.body["data"], json!({ "me": { "username": "amina" } }));
    assert_eq!(server.count("SELECT COUNT(*) FROM posts").await, 0);
}

#[tokio::test]
async fn what_does_not_fit_the_graph_is_refused_without_hints_at_what_would() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for query in [
        "{ mee { id } }",
        "{ me { usernam } }",
        "{ me }",
        "{ me { id { x } } }",
        "{ users(frist: 1) { nodes { id } } }",
        "{ users(sortBy: USERNAM) { nodes { id } } }",
        "{ posts(where: { txt: \"x\" }) { nodes { id } } }",
        "{ posts(first: \"3\") { nodes { id } } }",
        "{ posts(first: 3.5) { nodes { id } } }",
        "{ posts(first: 99999999999) { nodes { id } } }",
        "{ post { id } }",
        "{ post(id: null) { id } }",
        "{ me { ...Missing } }",
        "{ me { ... on Pst { id } } }",
        "{ me { ... on Post { id } } }",
        "{ me { id @incl(if: true) } }",
        "{ me { id @include } }",
        "{ me { a: id a: username } }",
        "query($x: Strng) { user(username: $x) { id } }",
        "query { user(username: $x) { id } }",
        "fragment F on User { id }",
        "type User { id: ID }",
        "mutation { postCreate(input: { bdy: \"x\" }) { errors { code } } }",
        "mutation { postCreate(input: { body: \"x\", more: 1 }) { errors { code } } }",
        "mutation { postCreate(input: { body: 17 }) { errors { code } } }",
        "mutation { postCreate(input: { body: null }) { errors { code } } }",
        "mutation { postCreate(input: {}) { errors { code } } }",
        "mutation { postCreate { errors { code } } }",
        "mutation { postCreate(input: { body: \"x\" }) { errors { cod } } }",
        "mutation { postCreate(input: { body: \"x\" }, input: { body: \"y\" }) { errors { code } } }",
        "mutation { postCreat(input: { body: \"x\" }) { errors { code } } }",
    ] {
        let refusal = refuse_operation(&server, &amina, query, Value::Null).await;
        assert_eq!(refusal["code"], "BAD_REQUEST", "{query}");
    }
}

#[tokio::test]
async fn variables_of_the_wrong_type_are_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let create = "mutation($input: PostCreateInput!) { postCreate(input: $input) { errors { code } } }";
    let text = "mutation($body: String!) { postCreate(input: { body: $body }) { errors { code } } }";
    let list = "query($n: Int, $where: PostWhere, $sort: PostSort! = NEWEST) { posts(first: $n, where: $where, sortBy: $sort) { nodes { id } } }";
    for (query, variables) in [
        (create, json!(null)),
        (create, json!({})),
        (create, json!({ "input": null })),
        (create, json!({ "input": "x" })),
        (create, json!({ "input": [] })),
        (create, json!({ "input": [{ "body": "x" }] })),
        (create, json!({ "input": {} })),
        (create, json!({ "input": { "body": null } })),
        (create, json!({ "input": { "body": 17 } })),
        (create, json!({ "input": { "body": true } })),
        (create, json!({ "input": { "body": ["x"] } })),
        (create, json!({ "input": { "body": "x", "more": 1 } })),
        (create, json!({ "input": { "body": "x", "idempotencyKey": 17 } })),
        (text, json!({})),
        (text, json!({ "body": null })),
        (text, json!({ "body": 17 })),
        (text, json!({ "body": {} })),
        (list, json!({ "n": "3" })),
        (list, json!({ "n": 3.5 })),
        (list, json!({ "n": true })),
        (list, json!({ "n": [3] })),
        (list, json!({ "n": 99_999_999_999_i64 })),
        (list, json!({ "sort": "USERNAME" })),
        (list, json!({ "sort": 1 })),
        (list, json!({ "sort": null })),
        (list, json!({ "where": { "createdAt": { "from": "yesterday" } } })),
        (list, json!({ "where": { "createdAt": { "from": 17 } } })),
        (list, json!({ "where": { "authorId": {} } })),
        (list, json!({ "where": { "text": 17 } })),
        (list, json!({ "where": { "unknown": "x" } })),
    ] {
        let refusal = refuse_operation(&server, &amina, query, variables.clone()).await;
        assert_eq!(refusal["code"], "BAD_REQUEST", "{variables}");
    }
    // What is not asked for does no harm.
    amina.ok(text, json!({ "body": "x", "more": { "a": [1] } })).await;
}

// ----------------------------------------------------------------------------------------- what is no id, no cursor …

#[tokio::test]
async fn what_is_no_id_is_a_bad_request_in_a_query() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let comment = amina.comment(&post, "hello").await;
    let upper = post.to_uppercase();
    let (cut, longer) = (&post[..post.len() - 1], format!("{post}0"));
    let long = "x".repeat(10_000);
    for (query, ids) in [
        ("query($id: ID!) { post(id: $id) { id } }", [amina.id.as_str(), &comment, "", "post_", "nonsense", cut]),
        (
            "query($id: ID!) { node(id: $id) { id } }",
            ["", "17", "nothing_01jc0000000000000000000000", &upper, cut, &longer],
        ),
        ("query($id: ID!) { nodes(ids: [$id]) { id } }", ["", "\u{0}", "post_\u{0}", "post", "_", &long]),
        (
            "query($id: ID) { posts(where: { authorId: $id }) { nodes { id } } }",
            [&post, "", "x", "user_", " ", "user_!"],
        ),
    ] {
        for id in ids {
            let refusal = refuse_operation(&server, &amina, query, json!({ "id": id })).await;
            assert_eq!(refusal["code"], "BAD_REQUEST", "{query} {id}");
        }
    }
    assert_eq!(amina.ok("query($id: ID!) { post(id: $id) { id } }", json!({ "id": post })).await["post"]["id"], post);
}

#[tokio::test]
async fn what_is_no_id_is_a_user_error_with_its_path_in_a_mutation() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let comment = amina.comment(&post, "hello").await;
    let before = server.rows().await;
    for (call, wrong, path) in [
        ("postLike(id: $id)", &comment, "id"),
        ("postUnlike(id: $id)", &comment, "id"),
        ("postDelete(id: $id)", &comment, "id"),
        ("postUpdate(id: $id, input: { body: \"y\" })", &comment, "id"),
        ("postShare(id: $id)", &comment, "id"),
        ("commentCreate(input: { postId: $id, body: \"y\" })", &comment, "input.postId"),
        ("commentCreate(input: { commentId: $id, body: \"y\" })", &post, "input.commentId"),
        ("commentUpdate(id: $id, input: { body: \"y\" })", &post, "id"),
        ("commentDelete(id: $id)", &post, "id"),
        ("commentLike(id: $id)", &post, "id"),
        ("commentUnlike(id: $id)", &post, "id"),
        ("notificationMarkRead(id: $id)", &post, "id"),
    ] {
        for id in [wrong.as_str(), "", "nonsense", "post_", "post_zzzzzzzzzzzzzzzzzzzzzzzzzz", "\u{0}"] {
            let query = format!("mutation($id: ID!) {{ {call} {{ errors {{ code path }} }} }}");
            let errors = amina.user_errors(&query, json!({ "id": id })).await;
            assert_eq!(errors, [("INVALID_ID".to_owned(), path.to_owned())], "{call} {id}");
        }
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_cursor_that_was_tampered_with_or_is_of_another_list_is_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for body in ["one", "two", "three"] {
        amina.publish(body).await;
    }
    let query = "query($after: String) { posts(first: 1, after: $after) { nodes { body } pageInfo { endCursor } } }";
    let first = amina.ok(query, Value::Null).await;
    let cursor = first["posts"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
    let second = amina.ok(query, json!({ "after": cursor })).await;
    assert_eq!(second["posts"]["nodes"][0]["body"], "two");

    let mut wrong: Vec<String> = (0..cursor.len())
        .map(|at| {
            let mut bytes = cursor.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        })
        .collect();
    wrong.extend([
        String::new(),
        "nonsense".to_owned(),
        "AAAA".to_owned(),
        format!("{cursor}A"),
        cursor[1..].to_owned(),
        "A".repeat(5000),
        "\u{0}".to_owned(),
        "é".to_owned(),
    ]);
    for text in &wrong {
        let refusal = refuse_operation(&server, &amina, query, json!({ "after": text })).await;
        assert_eq!(refusal["code"], "BAD_REQUEST", "{text}");
    }
    for list in [
        "posts(sortBy: MOST_LIKED, after: $after)",
        "users(after: $after)",
        "notifications(after: $after)",
        "posts(before: $before)",
    ] {
        let (name, given) = if list.contains("$before") {
            ("before", json!({ "before": wrong[0] }))
        } else {
            ("after", json!({ "after": cursor }))
        };
        let query = format!("query(${name}: String) {{ {list} {{ nodes {{ id }} }} }}");
        assert_eq!(refuse_operation(&server, &amina, &query, given).await["code"], "BAD_REQUEST", "{list}");
    }
}

#[tokio::test]
async fn a_page_is_at_most_a_hundred_and_asked_for_in_one_direction() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for arguments in ["first: 101", "last: 101", "first: -1", "last: -1", "first: 1, last: 1", "first: 2147483647"] {
        for list in ["posts", "users", "notifications"] {
            let query = format!("{{ {list}({arguments}) {{ nodes {{ id }} }} }}");
            let refusal = refuse_operation(&server, &amina, &query, Value::Null).await;
            assert_eq!(refusal["code"], "BAD_REQUEST", "{query}");
        }
    }
    let by_variable = "query($n: Int) { posts(first: $n) { nodes { id } } }";
    assert_eq!(refuse_operation(&server, &amina, by_variable, json!({ "n": 101 })).await["code"], "BAD_REQUEST");
    for n in [json!(0), json!(100), json!(null)] {
        amina.ok(by_variable, json!({ "n": n })).await;
    }
    let ids: Vec<&str> = vec![&amina.id; 101];
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(refuse_operation(&server, &amina, query, json!({ "ids": ids })).await["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn texts_with_control_characters_or_over_their_limit_are_user_errors() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let post = amina.publish("hello").await;
    let before = server.rows().await;
    let create = "mutation($t: String!) { postCreate(input: { body: $t }) { errors { code path } } }";
    let comment = format!(
        "mutation($t: String!) {{ commentCreate(input: {{ postId: \"{post}\", body: $t }}) {{ errors {{ code path }} }} }}"
    );
    let key =
        "mutation($t: String!) { postCreate(input: { body: \"x\", idempotencyKey: $t }) { errors { code path } } }";
    let first_name = "mutation($t: String!) { profileUpdate(input: { firstName: $t }) { errors { code path } } }";
    for (query, text, code, path) in [
        (create, "a\u{0}b".to_owned(), "INVALID_CHARACTERS", "input.body"),
        (create, "a\u{7}b".to_owned(), "INVALID_CHARACTERS", "input.body"),
        (create, "a\u{1b}[31mb".to_owned(), "INVALID_CHARACTERS", "input.body"),
        (create, "a\u{202e}b".to_owned(), "INVALID_CHARACTERS", "input.body"),
        (create, "a".repeat(10_001), "TOO_LONG", "input.body"),
        (create, " \n\t ".to_owned(), "BLANK", "input.body"),
        (&comment, "a\u{0}b".to_owned(), "INVALID_CHARACTERS", "input.body"),
        (&comment, "é".repeat(2001), "TOO_LONG", "input.body"),
        (key, "x".repeat(1000), "TOO_LONG", "input.idempotencyKey"),
        (first_name, "a\u{0}b".to_owned(), "INVALID_CHARACTERS", "input.firstName"),
        (first_name, "a".repeat(51), "TOO_LONG", "input.firstName"),
    ] {
        let errors = amina.user_errors(query, json!({ "t": text })).await;
        let shown: String = text.escape_debug().take(20).collect();
        assert_eq!(errors, [(code.to_owned(), path.to_owned())], "{query} {shown}");
    }
    assert_eq!(server.rows().await, before);
    // Searching for nonsense finds nothing, and breaks nothing.
    for text in ["a\u{0}b", "\" OR 1=1 --", "'; DROP TABLE posts", "* & | ! : ( )", "\\", "NEAR(", "\u{202e}"] {
        let query = "query($t: String!) { posts(where: { text: $t, tag: $t }) { nodes { id } } users(where: { text: $t }) { nodes { id } } user(username: $t) { id } }";
        let answer = amina.send(query, json!({ "t": text })).await;
        if answer.body.get("errors").is_some() {
            assert_eq!(answer.code(), "BAD_REQUEST", "{text:?}");
        }
    }
}

// ------------------------------------------------------------------------------------------------------ size and shape

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
    tokio::time::timeout(PATIENCE, connection.read_exact(&mut answer)).await.unwrap().unwrap();
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
    let aliases: String = (0..10_000).map(|n| format!("a{n}: id ")).collect();
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

// ---------------------------------------------------------------------------------------------------------------- cost

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
    let expected = 1 + 100 * (1 + 1 + 10 * 2);
    let refusal = answer.refusal();
    assert_eq!(
        (&refusal["what"], &refusal["limit"], &refusal["requested"]),
        (&json!("cost"), &json!(1000), &json!(expected))
    );
    assert!(answer.body.get("data").is_none());
    // The same text is fine where the variable asks for less, and not again where it asks for more.
    amina.ok(query, json!({ "n": 1 })).await;
    assert_eq!(amina.refused(query, json!({ "n": 10 })).await, "COST_EXCEEDED");

    let likes = "mutation { postCreate(input: { body: \"x\" }) { post { likes(first: 100) { nodes { user { posts(first: 100) { nodes { id } } } } } } errors { code } } }";
    assert_eq!(over_limit(&server, &amina, likes).await.0, "cost");

    let server = Server::with(&[("LIMIT_COST", "1000000")]).await;
    let query = "{ posts(first: 100) { nodes { comments(first: 100) { nodes { author { id } } } } } }";
    let (what, limit, requested) = over_limit(&server, &server.anonymous(), query).await;
    assert_eq!((what.as_str(), limit, requested), ("number of nodes", 10_000, 100 + 100 * 100 * 2));
}

// ------------------------------------------------------------------------------------------------ what stands alone

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

// --------------------------------------------------------------------------------------------------------- rate limits

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
