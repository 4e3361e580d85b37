//! What all mutations refuse alike, of every one that the SDL names.

use std::collections::{HashMap, HashSet};

use agora::{entity::user_role::Role, graphql};
use async_graphql::parser::{
    parse_schema,
    types::{BaseType, InputValueDefinition, TypeKind, TypeSystemDefinition},
};
use serde_json::{Value, json};

use crate::harness::{Client, Server, contract};

/// What ids of things begin with.
const PREFIXES: &[&str] = &[
    "user",
    "session",
    "post",
    "comment",
    "notification",
    "job",
    "identity",
    "export",
    "payoutmethod",
    "withdrawal",
    "adjustment",
    "paymentmethod",
    "payment",
    "refund",
    "dispute",
    "goal",
    "contribution",
    "contributioncomment",
    "goalnews",
    "goalwithdrawal",
];

/// The inputs of the SDL by name, and the last value of each enum: the one that wants least else.
#[derive(Default)]
struct Inputs {
    fields: HashMap<String, Vec<InputValueDefinition>>,
    one_of: HashSet<String>,
    enums: HashMap<String, String>,
}

impl Inputs {
    fn read() -> Self {
        let mut inputs = Self::default();
        for definition in parse_schema(graphql::sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::InputObject(input) => {
                    if definition.node.directives.iter().any(|directive| directive.node.name.node == "oneOf") {
                        inputs.one_of.insert(name.clone());
                    }
                    inputs.fields.insert(name, input.fields.into_iter().map(|field| field.node).collect());
                }
                TypeKind::Enum(values) => {
                    let last = values.values.last().unwrap();
                    inputs.enums.insert(name, last.node.value.node.to_string());
                }
                _ => {}
            }
        }
        inputs
    }

    /// The smallest input of a type that is well-formed, with this for every id; where one of several is meant, the first.
    fn smallest(&self, ty: &str, id: &str) -> Value {
        let is_required = |field: &InputValueDefinition| !field.ty.node.nullable && field.default_value.is_none();
        let one_of = self.one_of.contains(ty);
        let needed = self.fields[ty].iter().enumerate().filter(
            |(number, field)| {
                if one_of { *number == 0 } else { is_required(field) }
            },
        );
        needed.map(|(_, field)| (field.name.node.to_string(), self.value(&field.ty.node.base, id))).collect()
    }

    fn value(&self, ty: &BaseType, id: &str) -> Value {
        let BaseType::Named(name) = ty else { return json!([]) };
        match name.as_str() {
            "ID" => json!(id),
            "String" => json!("because of this"),
            "Decimal" => json!("1.00"),
            "CurrencyCode" => json!("USD"),
            "DateTime" => json!("2026-06-01T12:00:00Z"),
            "Boolean" => json!(true),
            "Int" => json!(1),
            name if self.enums.contains_key(name) => json!(self.enums[name]),
            name => self.smallest(name, id),
        }
    }

    fn has_id(&self, ty: &str) -> bool {
        self.smallest(ty, "x").to_string().contains(":\"x\"")
    }
}

fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

/// What a mutation says of an id of a thing that is not there, whatever kind of thing it is about.
async fn codes(client: &Client, inputs: &Inputs, mutation: &str) -> Vec<String> {
    let ty = format!("{}Input", capital(mutation));
    let query = format!("mutation($input: {ty}!) {{ {mutation}(input: $input) {{ errors {{ code }} }} }}");
    for prefix in PREFIXES {
        let input = inputs.smallest(&ty, &format!("{prefix}_00000000000000000000000001"));
        let data = client.ok(&query, json!({ "input": input })).await;
        let codes: Vec<String> = data[mutation]["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["code"].as_str().unwrap().to_owned())
            .collect();
        if codes != ["INVALID_ID"] {
            return codes;
        }
    }
    panic!("of what kind are the ids of {mutation}?");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::start().await;
    let staff = server.staff("olivia", Role::Owner).await.seen().await;
    let inputs = Inputs::read();
    let mut tried = 0;
    for (mutation, listed) in contract::listed() {
        let says_so = listed.as_ref().is_some_and(|codes| codes.contains("NOT_FOUND"));
        if !says_so || !inputs.has_id(&format!("{}Input", capital(mutation))) {
            continue;
        }
        let before = server.contents().await;
        assert_eq!(codes(&staff, &inputs, mutation).await, ["NOT_FOUND"], "{mutation}");
        assert_eq!(server.changes_since(&before).await, Vec::<String>::new(), "{mutation}");
        tried += 1;
    }
    assert!(tried > 40, "{tried}");
}
