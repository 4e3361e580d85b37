//! Documents that the server knows: persisted by clients, trusted by the operator, parsed before.

use agora::{app::App, platform::crypto};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{PUBLISH, by_url, empty, signed, tempfile};
use crate::harness::Server;

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
