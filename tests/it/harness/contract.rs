//! What mutations answer is held against the contract: every code of their `errors` is one that they list, and whatever asks
//! for a recent authentication is declared to.

use std::{
    collections::{BTreeSet, HashMap},
    io::Write,
    sync::{LazyLock, Mutex, PoisonError},
};

use agora::graphql::{self, engine::rules};
use async_graphql::{
    Value as GraphqlValue,
    parser::{
        parse_query, parse_schema,
        types::{
            ExecutableDocument, FieldDefinition, OperationType, Selection, SelectionSet, TypeKind, TypeSystemDefinition,
        },
    },
};
use serde_json::Value;

/// The codes that each mutation lists by `@userErrors`; `None` where it has no such directive.
pub(crate) fn listed() -> &'static HashMap<String, Option<BTreeSet<String>>> {
    static LISTED: LazyLock<HashMap<String, Option<BTreeSet<String>>>> = LazyLock::new(|| {
        for definition in parse_schema(graphql::sdl()).unwrap().definitions {
            if let TypeSystemDefinition::Type(definition) = definition
                && definition.node.name.node == "Mutation"
                && let TypeKind::Object(object) = definition.node.kind
            {
                let fields = object.fields.into_iter().map(|field| field.node);
                return fields.map(|field| (field.name.node.to_string(), codes_of(&field))).collect();
            }
        }
        panic!("there are no mutations");
    });
    &LISTED
}

fn codes_of(field: &FieldDefinition) -> Option<BTreeSet<String>> {
    let directive = field.directives.iter().find(|directive| directive.node.name.node == "userErrors")?;
    let GraphqlValue::List(codes) = &directive.node.get_argument("codes")?.node else { return None };
    let code = |code: &GraphqlValue| match code {
        GraphqlValue::Enum(name) => Some(name.to_string()),
        _ => None,
    };
    codes.iter().map(code).collect()
}

/// Looks at the answer to an operation. Codes are noted in the file that `USER_ERRORS_SEEN` names, if it names one.
pub(crate) fn check(query: &str, body: &Value) {
    let Some(data) = body["data"].as_object().filter(|_| query.contains("mutation")) else { return };
    if !body["errors"].is_array() && data.values().all(|payload| user_errors(payload).is_empty()) {
        // Most answers: their documents need not be read.
        return;
    }
    let Ok(document) = parse_query(query) else { return };
    let mut fields = Vec::new();
    for (_, operation) in document.operations.iter() {
        if operation.node.ty == OperationType::Mutation {
            root_fields(&operation.node.selection_set.node, &document, &mut fields);
        }
    }
    for (key, name) in fields {
        let refused = body["errors"].as_array().into_iter().flatten().filter(|error| error["path"][0] == key.as_str());
        for refusal in refused.filter(|error| error["extensions"]["code"] == "REAUTHENTICATION_REQUIRED") {
            assert!(rules::of(&name).recent_authentication.is_some(), "{name} has no rule that says so: {refusal}");
        }
        let errors = data.get(&key).map(user_errors).unwrap_or_default();
        for code in errors.iter().filter_map(|error| error["code"].as_str()) {
            let listed = listed().get(&name).and_then(Option::as_ref);
            assert!(
                listed.is_some_and(|listed| listed.contains(code)),
                "{name} gives {code}, which the line `Codes: …` of its description does not list: {query} {body}"
            );
            note(&name, code);
        }
    }
}

fn user_errors(payload: &Value) -> &[Value] {
    payload["errors"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Response key and name of each field; what ran has no fragment that contains itself.
fn root_fields(set: &SelectionSet, document: &ExecutableDocument, found: &mut Vec<(String, String)>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                found.push((field.node.response_key().node.to_string(), field.node.name.node.to_string()));
            }
            Selection::InlineFragment(fragment) => root_fields(&fragment.node.selection_set.node, document, found),
            Selection::FragmentSpread(spread) => {
                let fragment = &document.fragments[&spread.node.fragment_name.node];
                root_fields(&fragment.node.selection_set.node, document, found);
            }
        }
    }
}

fn note(mutation: &str, code: &str) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite")]
    let Ok(path) = std::env::var("USER_ERRORS_SEEN") else { return };
    let line = format!("{mutation} {code}\n");
    if NOTED.lock().unwrap_or_else(PoisonError::into_inner).insert(line.clone()) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}
