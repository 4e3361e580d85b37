//! What is no operation, does not fit the graph, or is no id, cursor, page or text that can be meant.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{PUBLISH, refuse, refuse_operation};
use crate::harness::Server;

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
async fn what_does_not_fit_the_graph_is_refused() {
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
        (list, json!({ "where": { "authorIds": {} } })),
        (list, json!({ "where": { "text": 17 } })),
        (list, json!({ "where": { "unknown": "x" } })),
    ] {
        let refusal = refuse_operation(&server, &amina, query, variables.clone()).await;
        assert_eq!(refusal["code"], "BAD_REQUEST", "{variables}");
    }
    // What is not asked for does no harm.
    amina.ok(text, json!({ "body": "x", "more": { "a": [1] } })).await;
}

#[tokio::test]
async fn what_is_no_id_is_a_bad_request_in_a_query_and_no_node() {
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
            "query($id: ID!) { posts(where: { authorIds: [$id] }) { nodes { id } } }",
            [&post, "", "x", "user_", " ", "user_!"],
        ),
    ] {
        for id in ids {
            let refusal = refuse_operation(&server, &amina, query, json!({ "id": id })).await;
            assert_eq!(refusal["code"], "BAD_REQUEST", "{query} {id}");
        }
    }
    for id in [
        "",
        "17",
        "nothing_01jc0000000000000000000000",
        &upper,
        cut,
        &longer,
        "\u{0}",
        "post_\u{0}",
        "post",
        "_",
        &long,
    ] {
        let query = "query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }";
        assert_eq!(amina.ok(query, json!({ "id": id })).await, json!({ "node": null, "nodes": [null] }), "{id}");
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
        ("postLike(input: { id: $id })", &comment, "input.id"),
        ("postUnlike(input: { id: $id })", &comment, "input.id"),
        ("postDelete(input: { id: $id })", &comment, "input.id"),
        ("postUpdate(input: { id: $id, body: \"y\" })", &comment, "input.id"),
        ("postShare(input: { id: $id })", &comment, "input.id"),
        ("commentCreate(input: { target: { postId: $id }, body: \"y\" })", &comment, "input.target.postId"),
        ("commentCreate(input: { target: { commentId: $id }, body: \"y\" })", &post, "input.target.commentId"),
        ("commentUpdate(input: { id: $id, body: \"y\" })", &post, "input.id"),
        ("commentDelete(input: { id: $id })", &post, "input.id"),
        ("commentLike(input: { id: $id })", &post, "input.id"),
        ("commentUnlike(input: { id: $id })", &post, "input.id"),
        ("notificationMarkRead(input: { id: $id })", &post, "input.id"),
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
        "me { notifications(after: $after)",
        "posts(before: $before)",
    ] {
        let (name, given) = if list.contains("$before") {
            ("before", json!({ "before": wrong[0] }))
        } else {
            ("after", json!({ "after": cursor }))
        };
        let end = if list.starts_with("me {") { "} " } else { "" };
        let query = format!("query(${name}: String) {{ {list} {{ nodes {{ id }} }} {end}}}");
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
        "mutation($t: String!) {{ commentCreate(input: {{ target: {{ postId: \"{post}\" }}, body: $t }}) {{ errors {{ code path }} }} }}"
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
        let query = "query($t: String!) { posts(where: { text: $t, tags: [$t] }) { nodes { id } } users(where: { text: $t }) { nodes { id } } user(username: $t) { id } }";
        let answer = amina.send(query, json!({ "t": text })).await;
        if answer.body.get("errors").is_some() {
            assert_eq!(answer.code(), "BAD_REQUEST", "{text:?}");
        }
    }
}
