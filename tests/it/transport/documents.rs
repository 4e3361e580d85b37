//! Documents that the server knows: persisted by clients, trusted by the operator, parsed before.

use std::path::PathBuf;

use agora::{config::Problems, graphql::engine::trusted::TrustedDocuments, platform::crypto};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{PUBLISH, by_url, empty, signed, tempfile};
use crate::harness::{Server, Socket};

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

#[tokio::test]
async fn a_query_is_known_by_its_id_as_by_its_hash() {
    let server = Server::start().await;
    let nobody = server.anonymous();
    let (query, other) = ("query Named { __typename }", "query Other { __typename }");
    let id = format!("sha256:{}", hash(query));
    let by_id = json!({ "documentId": id }).to_string();
    let answer = nobody.post(by_id.clone()).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND"));
    let both = json!({ "documentId": id, "query": query }).to_string();
    assert_eq!(nobody.post(both).await.body["data"]["__typename"], "Query");
    assert_eq!(nobody.post(by_id).await.body["data"]["__typename"], "Query");
    assert_eq!(nobody.post(persisted(None, &hash(query))).await.body["data"]["__typename"], "Query");
    let answer = nobody.request(empty(by_url(&[("documentId", id.as_str()), ("operationName", "")]))).await;
    assert_eq!(answer.body["data"]["__typename"], "Query");

    let another = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(other) } });
    for wrong in [
        json!({ "documentId": id, "query": other }),
        json!({ "documentId": "own-id", "query": query }),
        json!({ "documentId": id, "extensions": another }),
        json!({ "documentId": "sha256:x" }),
        json!({ "documentId": "x".repeat(257) }),
        json!({ "documentId": "" }),
        json!({ "documentId": 17 }),
    ] {
        assert_eq!(nobody.post(wrong.to_string()).await.code(), "BAD_REQUEST", "{wrong}");
    }
    // Where there are no files, no document has an id of its own.
    assert_eq!(nobody.post(json!({ "documentId": "own-id" }).to_string()).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

/// Files as the operator lists them.
fn list(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.to_str().unwrap()).collect::<Vec<_>>().join(", ")
}

const MD5: &str = "d751713988987e9331980363e24189ce";

#[tokio::test]
async fn the_files_of_each_tool_are_read_and_several_together() {
    let named = |name: &str| format!("query {name} {{ me {{ username }} }}");
    let [apollo, own, bare, prefixed, relay] = ["Apollo", "Own", "Bare", "Prefixed", "Relay"].map(named);
    let files = [
        json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": [
            { "id": hash(&apollo), "name": "Apollo", "type": "query", "body": apollo },
            { "id": "own-id", "name": "Own", "type": "query", "body": own, "clientName": null },
        ] }),
        json!({ hash(&bare): bare, (format!("sha256:{}", hash(&prefixed))): prefixed }),
        // The same document of another application is no other one.
        json!({ MD5: relay, hash(&bare): bare, "own-id": own }),
    ]
    .map(|content| tempfile("documents.json", &content.to_string()));
    let ordinary = Server::start().await;
    let amina = ordinary.user("amina").await;
    let server = ordinary.beside(&[("TRUSTED_DOCUMENTS", list(&files).as_str())]).await;
    let amina = amina.through(server.router.clone());
    let mine = json!({ "me": { "username": "amina" } });

    let (long, short) = (format!("sha256:{}", hash(&bare)), hash(&prefixed));
    for id in [hash(&apollo).as_str(), "own-id", &hash(&bare), &long, &short, MD5] {
        assert_eq!(amina.post(json!({ "documentId": id }).to_string()).await.body["data"], mine, "{id}");
        // Apollo's clients call whatever id they have a hash.
        assert_eq!(amina.post(persisted(None, id)).await.body["data"], mine, "{id}");
        let answer = amina.request(empty(signed(by_url(&[("documentId", id)]), &amina))).await;
        assert_eq!(answer.body["data"], mine, "{id}");
    }
    for text in [&apollo, &own, &bare, &prefixed, &relay] {
        assert_eq!(amina.ok(text, Value::Null).await, mine);
    }
    let mut socket = Socket::open(server.listen().await, amina.access_token.as_deref()).await;
    socket.send(json!({ "id": "1", "type": "subscribe", "payload": { "documentId": MD5 } })).await;
    assert_eq!(socket.event().await, mine);

    for id in ["Own-id", "format", "sha256:own-id", &"0".repeat(64), &MD5.to_uppercase()] {
        let answer = amina.post(json!({ "documentId": id }).to_string()).await;
        let expected = if id.starts_with("sha256:") { "BAD_REQUEST" } else { "FORBIDDEN" };
        assert_eq!(answer.code(), expected, "{id}");
    }
    let another = json!({ "documentId": MD5, "query": own }).to_string();
    assert_eq!(amina.post(another).await.code(), "BAD_REQUEST");
    for file in files {
        std::fs::remove_file(file).unwrap();
    }
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

/// That the program says so and does not start: `program::configuration`.
#[tokio::test]
async fn all_that_is_wrong_with_files_is_told_with_their_names() {
    let limits = Server::start().await.app.config.limits.clone();
    let (read, other) = ("{ me { id } }", "{ me { username } }");
    let manifest = |format: &str, version: u64, operations: Value| {
        json!({ "format": format, "version": version, "operations": operations }).to_string()
    };
    let apollo = "apollo-persisted-query-manifest";
    for (content, told) in [
        ("nonsense".to_owned(), "neither"),
        ("[]".to_owned(), "neither"),
        (json!({ hash(read): 17 }).to_string(), "neither"),
        (json!({ hash(read): other }).to_string(), "is not the SHA-256 of its document"),
        (json!({ (format!("sha256:{}", hash(read))): other }).to_string(), "is not the SHA-256 of its document"),
        (json!({ "sha256:x": read }).to_string(), "can't be the id of a document"),
        (json!({ "": read }).to_string(), "can't be the id of a document"),
        (json!({ "x": "{ me {" }).to_string(), "x: "),
        (format!("{{\"x\": \"{read}\", \"x\": \"{other}\"}}"), "two documents have the id x"),
        (manifest("another", 1, json!([])), "is not known"),
        (manifest(apollo, 2, json!([])), "is not known"),
        (manifest(apollo, 1, json!([{ "id": "x" }])), "manifest of Apollo's tool"),
        (manifest(apollo, 1, json!([{ "id": hash(read), "body": other }])), "is not the SHA-256 of its document"),
        (manifest(apollo, 1, json!([{ "id": "x", "body": read }, { "id": "x", "body": other }])), "the id x"),
    ] {
        let file = tempfile("documents.json", &content);
        let Problems(lines) = TrustedDocuments::read(std::slice::from_ref(&file), &limits).unwrap_err();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(lines.len(), 1, "{content}: {lines:?}");
        assert!(lines[0].starts_with(&format!("TRUSTED_DOCUMENTS: {}: ", file.display())), "{lines:?}");
        assert!(lines[0].contains(told), "{content}: {lines:?}");
    }
    // Two files that are at odds, and one that is not there: all of it at once.
    let [first, second] = [read, other].map(|text| tempfile("documents.json", &json!({ "x": text }).to_string()));
    let missing = PathBuf::from("/there/is/no/such/file.json");
    let Problems(lines) = TrustedDocuments::read(&[first.clone(), missing, second.clone()], &limits).unwrap_err();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("/there/is/no/such/file.json"), "{lines:?}");
    assert!(lines[1].contains(second.to_str().unwrap()) && lines[1].contains(first.to_str().unwrap()), "{lines:?}");
    for file in [first, second] {
        std::fs::remove_file(file).unwrap();
    }
}

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
