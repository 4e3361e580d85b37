//! What the ways to write an operation become.

use async_graphql::parser::types::OperationType;
use serde_json::json;

use super::*;
use crate::graphql::engine::{syntax, validation::validate};

fn normal(query: &str, variables: serde_json::Value) -> ExecutableDocument {
    let model = Model::of_graph(true).unwrap();
    let limits = crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits;
    let (document, _) = syntax::parse(query, &limits).unwrap();
    validate(model, &document, true).unwrap();
    let (_, operation) = document.operations.iter().next().unwrap();
    normalize(model, &document, operation, &Variables::from_json(variables)).unwrap()
}

/// The form as text.
fn written(query: &str, variables: serde_json::Value) -> String {
    fn write(set: &SelectionSet) -> String {
        let items = set.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => {
                let Field { name, alias, arguments, selection_set, directives } = &field.node;
                assert!(directives.is_empty());
                let alias = alias.as_ref().map(|alias| format!("{}: ", alias.node)).unwrap_or_default();
                let arguments: Vec<_> = arguments.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(" ")) };
                let below =
                    if selection_set.node.items.is_empty() { String::new() } else { write(&selection_set.node) };
                format!("{alias}{}{arguments}{below}", name.node)
            }
            Selection::InlineFragment(inline) => {
                let on = &inline.node.type_condition.as_ref().unwrap().node.on.node;
                format!("... on {on}{}", write(&inline.node.selection_set.node))
            }
            Selection::FragmentSpread(_) => panic!("a spread"),
        });
        format!(" {{ {} }}", items.collect::<Vec<_>>().join(" "))
    }
    let document = normal(query, variables);
    assert!(document.fragments.is_empty());
    let (name, operation) = document.operations.iter().next().unwrap();
    assert!(name.is_none());
    write(&operation.node.selection_set.node).trim_start().to_owned()
}

#[test]
fn fields_of_one_response_key_are_one_in_the_order_of_their_first() {
    for (query, expected) in [
        ("{ me { id } me { username id } }", "{ me { id username } }"),
        (
            "{ posts { nodes { ...A id } nodes { ...B } } } fragment A on Post { author { id } } \
             fragment B on Post { body author { username } }",
            "{ posts { nodes { author { id username } id body } } }",
        ),
        ("{ a: me { id } me { id } ... { a: me { username } } }", "{ a: me { id username } me { id } }"),
        ("{ ... on Query { me { ... on Node { id } ... on User { id username } } } }", "{ me { id username } }"),
        (
            "mutation { ...A ...B } fragment A on Mutation { postCreate(input: { body: \"x\" }) { post { id } } } \
             fragment B on Mutation { postCreate(input: { body: \"x\" }) { errors { code } post { body } } }",
            "{ postCreate(input: {body: \"x\"}) { post { id body } errors { code } } }",
        ),
    ] {
        assert_eq!(written(query, json!({})), expected, "{query}");
    }
}

#[test]
fn what_is_told_apart_is_written_out_for_each_kind_of_object() {
    for (query, expected) in [
        // What clients add to every fragment is asked for once.
        (
            "{ node(id: \"x\") { __typename id ... on Post { __typename id body } ... on User { id username } } }",
            "{ node(id: \"x\") { __typename id ... on Post { body } ... on User { username } } }",
        ),
        (
            "{ node(id: \"x\") { ... on Post { author { id } } ... on User { username } ... on Post { author { username } body } } }",
            "{ node(id: \"x\") { ... on Post { author { id username } body } ... on User { username } } }",
        ),
        (
            "{ node(id: \"x\") { ... on Node { id } ... on Node { ... on Post { body } } } }",
            "{ node(id: \"x\") { id ... on Post { body } } }",
        ),
        (
            "mutation($input: LoginInput!) { login(input: $input) { result { ... on Session { user { id } } \
             ... on LoginResult { __typename ... on Session { user { username } } } } } }",
            "{ login(input: $input) { result { ... on Session { user { id username } } __typename } } }",
        ),
    ] {
        assert_eq!(written(query, json!({ "input": {} })), expected, "{query}");
    }
}

#[test]
fn conditions_are_decided() {
    let query = "query($no: Boolean!, $yes: Boolean!) { me { id @skip(if: $yes) username @include(if: $yes) \
                 ... @include(if: $no) { bio } ...F @skip(if: $no) } } fragment F on User { bio @include(if: $yes) }";
    assert_eq!(written(query, json!({ "no": false, "yes": true })), "{ me { username bio } }");
    assert_eq!(written(query, json!({ "no": true, "yes": false })), "{ me { id bio } }");
    let both = "{ me { id @skip(if: false) @include(if: false) username @skip(if: false) @include(if: true) } }";
    assert_eq!(written(both, json!({})), "{ me { username } }");
}

#[test]
fn an_argument_whose_variable_is_absent_is_left_to_its_default() {
    let query = "query($sort: PostSort, $n: Int) { posts(sortBy: $sort, first: $n) { nodes { id } } }";
    assert_eq!(written(query, json!({})), "{ posts(first: $n) { nodes { id } } }");
    assert_eq!(written(query, json!({ "n": null })), "{ posts(first: $n) { nodes { id } } }");
    let both = json!({ "sort": "NEWEST", "n": 1 });
    assert_eq!(written(query, both), "{ posts(sortBy: $sort first: $n) { nodes { id } } }");
}

/// What differs between objects is multiplied where interfaces nest; that ends.
#[test]
fn the_form_is_bounded() {
    let model = Model::new(
        "interface I { i: I! x: Int } type A implements I { i: I! x: Int } type B implements I { i: I! x: Int } \
         type C implements I { i: I! x: Int } type Query { i: I! }",
        false,
    )
    .unwrap();
    let mut inner = "x".to_owned();
    for n in 0..15 {
        inner = format!("i {{ ... on A {{ a{n}: x }} ... on B {{ b{n}: x }} {inner} }} ... on A {{ i {{ c{n}: x }} }}");
    }
    let limits = crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits;
    let (document, _) = syntax::parse(&format!("{{ i {{ {inner} }} }}"), &limits).unwrap();
    let (_, operation) = document.operations.iter().next().unwrap();
    assert_eq!(operation.node.ty, OperationType::Query);
    let refusal = normalize(&model, &document, operation, &Variables::default()).unwrap_err();
    assert_eq!(refusal.details[0].1, "number of fields");
}

#[test]
fn a_fingerprint_tells_meanings_apart_and_ways_of_writing_not() {
    let print = |query: &str, variables: serde_json::Value| {
        fingerprint(&normal(query, variables.clone()), &Variables::from_json(variables))
    };
    let one = print(
        "query($n: Int) { me { wallet { transactions(first: $n, reverse: true) { nodes { id } } } } }",
        json!({ "n": 1 }),
    );
    for same in [
        "{ me { wallet { transactions(reverse: true, first: 1) { nodes { id } } } } }",
        "{ ...F me { wallet { ...G } } } fragment F on Query { me { wallet { transactions(first: 1, reverse: true) { nodes { id id } } } } } \
         fragment G on Wallet { transactions(first: 1, reverse: true) { nodes { id } } }",
    ] {
        assert_eq!(print(same, json!({})), one, "{same}");
    }
    for other in [
        "{ me { wallet { transactions(first: 2, reverse: true) { nodes { id } } } } }",
        "{ me { wallet { a: transactions(first: 1, reverse: true) { nodes { id } } } } }",
        "{ me { a: wallet { transactions(first: 1, reverse: true) { nodes { id } } } } }",
        "{ me { wallet { transactions(first: 1, reverse: true) { nodes { kind } } } } }",
    ] {
        assert_ne!(print(other, json!({})), one, "{other}");
    }
    // What chooses the events is no part of what is asked of them.
    let user = "query($u: String!) { user(username: $u) { id } }";
    assert_eq!(print(user, json!({ "u": "a" })), print(user, json!({ "u": "b" })));
    // What is absent hides nothing of what stands beside it.
    let filtered = "query($a: [CurrencyCode!], $b: [WalletTransactionKind!]) { me { wallet { transactions(where: { currencies: $a, kinds: $b }) { nodes { id } } } } }";
    assert_ne!(print(filtered, json!({ "b": ["X"] })), print(filtered, json!({ "b": ["Y"] })));
}
