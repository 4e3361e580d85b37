//! What GraphiQL's page offers is good: operations of this graph, within its limits, with variables that fit.

use std::{collections::BTreeSet, path::Path};

use agora::{
    domain::actor::Actor,
    graphql::{
        self,
        engine::pipeline::{GraphqlRequest, Pipeline, Transport},
    },
};
use async_graphql::parser::{parse_query, types::OperationType};
use serde_json::{Map, Value, json};

use crate::harness::Server;

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("graphiql").join(path)).ok()
}

/// The names of the examples' files, without their ends.
fn examples() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/graphiql/examples");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The names of a document's operations, with their kinds and variables.
fn operations(text: &str) -> Vec<(String, OperationType, BTreeSet<String>)> {
    let document = parse_query(text).unwrap();
    let operations = document.operations.iter().map(|(name, operation)| {
        let variables = operation.node.variable_definitions.iter();
        let variables = variables.map(|variable| variable.node.name.node.to_string()).collect();
        (name.expect("an operation without a name").to_string(), operation.node.ty, variables)
    });
    operations.collect()
}

/// Whether an operation would run; what is wrong with a mutation's input would only be told in its payload.
fn prepare(pipeline: &Pipeline, text: &str, name: &str, kind: OperationType, variables: &Map<String, Value>) {
    let transport = match kind {
        OperationType::Subscription => Transport::Socket,
        OperationType::Query | OperationType::Mutation => Transport::Post { events: false },
    };
    let request = GraphqlRequest {
        query: Some(text.to_owned()),
        document_id: None,
        operation_name: Some(name.to_owned()),
        variables: Some(variables.clone()),
        extensions: None,
    };
    let prepared = pipeline.prepare(request, transport, &Actor::Anonymous);
    let prepared = prepared.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
    let prepared = format!("{prepared:?}");
    assert!(prepared.contains("mistaken: []"), "{name}: {prepared}");
}

#[tokio::test]
async fn every_example_of_the_page_would_run_with_the_variables_beside_it() {
    let server = Server::start().await;
    let pipeline = Pipeline::new(server.app.clone(), graphql::build(true)).unwrap();
    let tabs = read("src/examples.js").unwrap();
    for example in examples() {
        assert!(tabs.contains(&format!("\"../examples/{example}.graphql\"")), "no tab shows {example}");
        let text = read(&format!("examples/{example}.graphql")).unwrap();
        let variables = read(&format!("examples/{example}.json"));
        let variables: Map<String, Value> =
            variables.map_or_else(Map::new, |json| serde_json::from_str(&json).unwrap());
        let mut unused: BTreeSet<String> = variables.keys().cloned().collect();
        for (name, kind, wanted) in operations(&text) {
            prepare(&pipeline, &text, &name, kind, &variables);
            for variable in wanted {
                assert!(variables.contains_key(&variable), "{example}: ${variable} of {name} has no value");
                unused.remove(&variable);
            }
        }
        assert_eq!(unused, BTreeSet::new(), "{example}");
    }
}

#[tokio::test]
async fn the_page_s_sign_in_would_run() {
    let server = Server::start().await;
    let pipeline = Pipeline::new(server.app.clone(), graphql::build(true)).unwrap();
    let text = read("src/session.graphql").unwrap();
    for (name, kind, _) in operations(&text) {
        let input = match name.as_str() {
            "Login" => json!({ "login": "amina", "password": "secret" }),
            "SendCode" => json!({ "challengeToken": "token", "method": "EMAIL" }),
            "Verify" => json!({ "challengeToken": "token", "method": "TOTP", "code": "123456" }),
            "Refresh" => json!({ "refreshToken": "token" }),
            _ => Value::Null,
        };
        let variables = Map::from_iter((!input.is_null()).then(|| ("input".to_owned(), input)));
        prepare(&pipeline, &text, &name, kind, &variables);
    }
}
