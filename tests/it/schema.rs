//! The contract: `schema.graphql` is what the code serves, everything in it is described, and what descriptions
//! promise is kept.

use std::collections::BTreeSet;

use agora::graphql::{
    self,
    engine::model::{Field, Kind, Model, named},
};
use async_graphql::parser::{
    parse_schema,
    types::{BaseType, Type, TypeKind, TypeSystemDefinition},
};

use crate::harness::contract;

#[test]
fn the_schema_file_is_what_the_code_serves() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    #[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
    if std::env::var("UPDATE_SCHEMA").is_ok() {
        std::fs::write(path, graphql::sdl()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == graphql::sdl(), "schema.graphql differs from the code; UPDATE_SCHEMA=1 cargo test writes it");
}

/// Types with their fields: `(type, field, is a root)` and whether each has a description.
fn undescribed() -> Vec<String> {
    let document = parse_schema(graphql::sdl()).unwrap();
    let mut missing = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let definition = definition.node;
        let name = definition.name.node.to_string();
        if definition.description.is_none() && !["Query", "Mutation", "Subscription"].contains(&name.as_str()) {
            missing.push(name.clone());
        }
        let fields = match &definition.kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            TypeKind::InputObject(input) => {
                for field in &input.fields {
                    if field.node.description.is_none() {
                        missing.push(format!("{name}.{}", field.node.name.node));
                    }
                }
                continue;
            }
            TypeKind::Enum(values) => {
                for value in &values.values {
                    if value.node.description.is_none() {
                        missing.push(format!("{name}.{}", value.node.value.node));
                    }
                }
                continue;
            }
            _ => continue,
        };
        for field in fields {
            let place = format!("{name}.{}", field.node.name.node);
            if field.node.description.is_none() {
                missing.push(place.clone());
            }
            for argument in &field.node.arguments {
                if argument.node.description.is_none() {
                    missing.push(format!("{place}({})", argument.node.name.node));
                }
            }
        }
    }
    missing
}

#[test]
fn everything_is_described() {
    assert_eq!(undescribed(), Vec::<String>::new());
}

/// One shape for all: nothing, or one `input` of the mutation's own name, which has to be there.
#[test]
fn a_mutation_takes_nothing_or_one_input_of_its_own_name() {
    let model = Model::of_graph(false).unwrap();
    let Some((_, Kind::Composite { fields, .. })) = model.ty("Mutation") else { panic!("no mutations") };
    for (name, field) in fields {
        let input = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
        let taken: Vec<_> = field.arguments.iter().map(|it| (it.name.as_str(), it.ty.to_string())).collect();
        assert!(taken.is_empty() || taken == [("input", input)], "{name}: {taken:?}");
    }
}

/// What is followed is named as what is read: by its `id`.
#[test]
fn a_subscription_takes_the_thing_that_it_follows_as_id() {
    let model = Model::of_graph(false).unwrap();
    let Some((_, Kind::Composite { fields, .. })) = model.ty("Subscription") else { panic!("no subscriptions") };
    for (name, field) in fields {
        for argument in &field.arguments {
            assert_eq!(named(&argument.ty) == "ID", argument.name == "id", "{name}({}:)", argument.name);
        }
    }
}

/// Whether a payload speaks of an earlier call, and whether there can be one that did the work.
#[test]
fn only_what_takes_an_idempotency_key_says_whether_it_was_replayed() {
    let model = Model::of_graph(false).unwrap();
    let Some((_, Kind::Composite { fields, .. })) = model.ty("Mutation") else { panic!("no mutations") };
    for (name, field) in fields {
        let takes_key = field.arguments.iter().any(|argument| {
            let Some((_, Kind::Input { fields, .. })) = model.ty(named(&argument.ty)) else { return false };
            fields.iter().any(|field| field.name == "idempotencyKey")
        });
        assert_eq!(model.field(field.of(), "replayed").is_some(), takes_key, "{name}");
    }
}

fn root_fields(root: &str) -> Vec<(String, bool, String)> {
    let document = parse_schema(graphql::sdl()).unwrap();
    for definition in document.definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && definition.node.name.node == root
            && let TypeKind::Object(object) = definition.node.kind
        {
            return object
                .fields
                .into_iter()
                .map(|field| {
                    let description = field.node.description.map(|text| text.node).unwrap_or_default();
                    (field.node.name.node.to_string(), field.node.ty.node.nullable, description)
                })
                .collect();
        }
    }
    panic!("no type {root}");
}

#[test]
fn every_root_field_is_nullable_so_that_one_failure_leaves_its_neighbours() {
    for root in ["Query", "Mutation"] {
        for (field, nullable, _) in root_fields(root) {
            assert!(nullable, "{root}.{field}");
        }
    }
}

#[test]
fn every_mutation_lists_codes_that_exist() {
    let known: Vec<String> = agora::error::UserErrorCode::ALL
        .iter()
        .map(|code| {
            let mut text = String::new();
            for character in format!("{code:?}").chars() {
                if character.is_ascii_uppercase() && !text.is_empty() {
                    text.push('_');
                }
                text.push(character.to_ascii_uppercase());
            }
            text
        })
        .collect();
    for (field, _, description) in root_fields("Mutation") {
        let listed = contract::listed()[&field].as_ref().unwrap_or_else(|| panic!("{field} has no @userErrors"));
        for code in listed {
            assert!(known.contains(code), "{field} lists an unknown code: {code}");
        }
        // People read the same, and are told when there is none.
        assert_eq!(listed.is_empty(), description.contains("No codes."), "{field}: {description}");
    }
}

/// Codes of mutations that no test gets, and why; `*` is every mutation.
const NEVER_GIVEN: &[(&str, &[&str], &str)] = &[
    (
        "*",
        &["BLANK", "TOO_LONG", "INVALID_CHARACTERS"],
        "texts and keys are cleaned by the same few functions everywhere",
    ),
    ("*", &["INVALID"], "what is mistyped is told for all mutations in one place, before they run"),
    ("*", &["INVALID_ID"], "ids are read by one function"),
    ("*", &["IDEMPOTENCY_KEY_REUSED"], "keys are claimed by one function"),
    ("*", &["INVALID_AMOUNT", "AMOUNT_TOO_LARGE"], "amounts are read by one function"),
];

/// The other direction of what the harness checks at every answer. `.ci/run` runs it after the suite.
#[test]
#[ignore = "reads in USER_ERRORS_SEEN what a run of the whole suite has been given"]
fn every_code_that_a_mutation_lists_was_given() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
    let path = std::env::var("USER_ERRORS_SEEN").unwrap();
    let seen = std::fs::read_to_string(path).unwrap();
    let seen: BTreeSet<&str> = seen.lines().collect();
    let mut never = Vec::new();
    for (mutation, codes) in contract::listed() {
        for code in codes.iter().flatten() {
            let is_known = NEVER_GIVEN
                .iter()
                .any(|(of, codes, _)| (*of == "*" || of == mutation) && codes.contains(&code.as_str()));
            if !is_known && !seen.contains(format!("{mutation} {code}").as_str()) {
                never.push(format!("{mutation} {code}"));
            }
        }
    }
    never.sort();
    assert!(never.is_empty(), "listed, and given in no test:\n{}", never.join("\n"));
}

/// Fields of objects and interfaces: where they are, whether they can be null, whether only because they failed, and their
/// description.
fn output_fields(sdl: &str) -> Vec<(String, bool, bool, String)> {
    let mut found = Vec::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let parent = definition.node.name.node.to_string();
        let fields = match definition.node.kind {
            TypeKind::Object(object) => object.fields,
            TypeKind::Interface(interface) => interface.fields,
            _ => continue,
        };
        for field in fields {
            let field = field.node;
            let is_marked = field.directives.iter().any(|directive| directive.node.name.node == "semanticNonNull");
            let description = field.description.map(|text| text.node).unwrap_or_default();
            found.push((format!("{parent}.{}", field.name.node), field.ty.node.nullable, is_marked, description));
        }
    }
    found
}

#[test]
fn null_says_one_thing_that_it_failed_or_what_the_description_tells() {
    for (field, nullable, marked, description) in output_fields(graphql::sdl()) {
        assert!(nullable || !marked, "{field} can't be null, and says when it is");
        let described = description.to_lowercase().contains("null");
        assert!(!nullable || marked || described, "{field} does not say what its null means");
        // Of `nodes`, each may be null for itself; what a mutation's input may clear by null is another matter.
        let is_of_others = field == "Query.nodes" || field.starts_with("Mutation.");
        assert!(!marked || !described || is_of_others, "{field} says that its null means something");
        // A mutation that was refused says so in its payload.
        assert!(marked || !field.starts_with("Mutation."), "{field}");
    }
}

#[test]
fn for_those_who_throw_what_is_null_only_because_it_failed_is_not() {
    let (served, strict) = (graphql::sdl(), graphql::engine::contract::strict(graphql::sdl()));
    assert_eq!(served.lines().count(), strict.lines().count());
    for ((field, nullable, marked, _), (_, in_strict, still, _)) in
        output_fields(served).iter().zip(output_fields(&strict))
    {
        assert_eq!(in_strict, *nullable && !marked, "{field}");
        assert!(!still, "{field}");
    }
}

/// Whether a field of an object gives what its interface promises: the same, or one of it.
fn keeps(model: &Model, own: &Type, promised: &Type) -> bool {
    let same = match (&own.base, &promised.base) {
        (BaseType::List(own), BaseType::List(promised)) => keeps(model, own, promised),
        (BaseType::Named(own), BaseType::Named(promised)) => {
            own == promised || model.possible(promised).is_some_and(|possible| possible.contains(own.as_str()))
        }
        _ => false,
    };
    same && (promised.nullable || !own.nullable)
}

#[test]
fn what_has_an_interface_has_all_of_it() {
    let model = Model::of_graph(false).unwrap();
    let arguments = |field: &Field| -> Vec<_> {
        field.arguments.iter().map(|argument| (argument.name.clone(), argument.ty.to_string())).collect()
    };
    let mut interfaces = BTreeSet::new();
    for name in model.names().filter(|name| !name.starts_with("__")) {
        let Some((_, Kind::Composite { fields, possible })) = model.ty(name) else { continue };
        if fields.is_empty() || possible.contains(name) {
            continue;
        }
        interfaces.insert(name);
        // Of one object alone, nothing is alike.
        assert!(possible.len() > 1, "{name}");
        for object in possible {
            for (field, promised) in fields {
                let own = model.field(object, field).unwrap_or_else(|| panic!("{object} has no {field} of {name}"));
                assert!(keeps(model, &own.ty, &promised.ty), "{object}.{field}: {} of {name}", own.ty);
                assert_eq!(arguments(own), arguments(promised), "{object}.{field}");
            }
        }
    }
    let known = ["Commentable", "Discussion", "DiscussionComment", "DiscussionEdge", "Likeable", "Node"];
    assert_eq!(interfaces, BTreeSet::from(known));
}

/// What people mistype is told with this code, before the mutation is run.
#[test]
fn every_mutation_that_takes_what_can_be_mistyped_lists_invalid() {
    let model = Model::of_graph(true).unwrap();
    let Some((_, Kind::Composite { fields, .. })) = model.ty("Mutation") else { panic!("no mutations") };
    for (field, _, description) in root_fields("Mutation") {
        let mut types: Vec<&str> = fields[&field].arguments.iter().map(|argument| named(&argument.ty)).collect();
        let mut at = 0;
        while at < types.len() {
            if let Some((_, Kind::Input { fields, .. })) = model.ty(types[at]) {
                let more: Vec<_> =
                    fields.iter().map(|field| named(&field.ty)).filter(|ty| !types.contains(ty)).collect();
                types.extend(more);
            }
            at += 1;
        }
        let typed = types.iter().any(|ty| ["DateTime", "Date", "Decimal", "CurrencyCode", "Int"].contains(ty));
        let codes = description.split_once("Code").map_or("", |(_, codes)| codes);
        let listed = codes.split(|character: char| !character.is_ascii_uppercase() && character != '_');
        assert!(!typed || listed.into_iter().any(|code| code == "INVALID"), "{field} does not list INVALID");
    }
}

/// Code generators map scalars by hand: whoever writes such a map has to know what is in each.
#[test]
fn every_scalar_says_in_our_words_what_it_is_and_where_it_is_specified() {
    let mut scalars = BTreeSet::new();
    for definition in parse_schema(graphql::sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let definition = definition.node;
        if !matches!(definition.kind, TypeKind::Scalar) {
            continue;
        }
        let name = definition.name.node.to_string();
        let description = definition.description.map(|text| text.node).unwrap_or_default();
        assert!(description.starts_with(['A', 'T']) && description.contains('`'), "{name}: {description}");
        let specified = definition.directives.iter().find(|directive| directive.node.name.node == "specifiedBy");
        let url = specified.and_then(|directive| directive.node.get_argument("url")).map(|url| url.node.to_string());
        assert!(url.is_some_and(|url| url.starts_with("\"https://")), "{name} has no specification");
        scalars.insert(name);
    }
    let expected = ["CountryCode", "CurrencyCode", "Date", "DateTime", "Decimal", "EmailAddress", "PhoneNumber", "URL"];
    assert!(scalars.iter().eq(expected), "{scalars:?}");
}

#[test]
fn no_field_of_the_graph_is_a_float() {
    assert!(!graphql::sdl().contains("Float"));
}
