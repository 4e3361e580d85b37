//! Every rule with what breaks it, and what keeps all of them.

use super::*;
use crate::graphql::engine::syntax;

fn check(query: &str) -> Result<HashMap<Option<Name>, Facts>, Refusal> {
    let model = Model::of_graph(true).unwrap();
    let limits = crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits;
    let (document, _) = syntax::parse(query, &limits).unwrap();
    validate(model, &document, true)
}

fn message(query: &str) -> String {
    check(query).map_or_else(|refusal| refusal.message, |_| panic!("{query} is valid"))
}

fn facts(query: &str) -> Facts {
    check(query).unwrap_or_else(|why| panic!("{why}: {query}")).into_values().next().unwrap()
}

#[test]
fn every_rule_refuses_what_breaks_it() {
    for (query, expected) in [
        ("{ me { emial } }", "\"User\" has no field \"emial\"."),
        ("{ psot(id: \"x\") { id } }", "Did you mean \"post\""),
        ("{ me }", "say which of its fields"),
        ("{ me { username { id } } }", "which has no fields"),
        ("{ node(id: \"x\") { body } }", "\"Node\" has no field"),
        ("{ post(id: \"x\", nr: 1) { id } }", "\"post\" has no argument \"nr\""),
        ("{ post { id } }", "\"post\" needs the argument \"id\" of type \"ID!\""),
        ("{ post(id: \"x\", id: \"x\") { id } }", "given twice"),
        ("{ post(id: null) { id } }", "ID! is expected, not null"),
        ("{ post(id: X) { id } }", "ID! is expected, not X"),
        ("{ posts(first: \"1\") { nodes { id } } }", "Int is expected"),
        ("{ posts(sortBy: \"NEWEST\") { nodes { id } } }", "Did you mean the enum value \"NEWEST\"?"),
        ("{ posts(sortBy: NEWST) { nodes { id } } }", "Did you mean the enum value \"NEWEST\"?"),
        ("{ posts(where: { createdAt: { from: \"x\" } }) { nodes { id } } }", "At \"where.createdAt.from\": a time"),
        ("{ posts(where: { nr: 1 }) { nodes { id } } }", "At \"where\": \"PostWhere\" has no field \"nr\""),
        ("{ nodes(ids: [\"x\", null]) { id } }", "At \"ids.1\": ID! is expected"),
        ("mutation { postCreate(input: {}) { errors { code } } }", "needs the field"),
        ("mutation { postCreate(input: 1) { errors { code } } }", "PostCreateInput! is expected, not 1"),
        (
            "mutation { commentCreate(input: { target: {}, body: \"x\" }) { errors { code } } }",
            "\"CommentTargetInput\" takes exactly one of its fields",
        ),
        (
            "mutation { commentCreate(input: { target: { postId: \"x\", commentId: null }, body: \"x\" }) { errors { code } } }",
            "\"CommentTargetInput\" takes exactly one of its fields",
        ),
        (
            "mutation($id: ID) { commentCreate(input: { target: { postId: $id }, body: \"x\" }) { errors { code } } }",
            "may be null, which \"CommentTargetInput\" does not take",
        ),
        ("query($id: Nr!) { post(id: $id) { id } }", "There is no type \"Nr\""),
        ("query($id: Post) { post(id: $id) { id } }", "can't be of type \"Post\""),
        ("query($id: ID) { post(id: $id) { id } }", "stands where \"ID!\" is taken"),
        ("query($i: String!) { post(id: $i) { id } }", "is of type \"String!\""),
        ("query($id: ID! $id: ID!) { post(id: $id) { id } }", "defined twice"),
        ("query($id: ID!) { me { id } }", "\"$id\" is not used"),
        ("{ post(id: $id) { id } }", "\"$id\" is not defined"),
        ("{ ...F } fragment F on Query { post(id: $id) { id } }", "\"$id\" is not defined"),
        ("query($n: Int = \"x\") { posts(first: $n) { nodes { id } } }", "At \"$n\": Int is expected"),
        ("query($n: Int = null) { posts(sortBy: $n) { nodes { id } } }", "stands where"),
        ("query($id: ID) { nodes(ids: [$id]) { id } }", "stands where \"ID!\" is taken"),
        ("{ me { ...F } }", "There is no fragment \"F\""),
        ("{ me { id } } fragment F on User { id }", "\"F\" is not used"),
        ("{ me { ...F } } fragment F on Usr { id }", "There is no type \"Usr\""),
        ("{ me { ... on String { id } } }", "is on an object, interface or union"),
        ("{ me { ... on Post { id } } }", "which \"User\" can never be"),
        ("{ me { ...F } } fragment F on Post { id }", "which \"User\" can never be"),
        ("{ me @nr { id } }", "no directive \"@nr\""),
        ("query @skip(if: true) { me { id } }", "that can stand here"),
        ("{ me { ...F } } fragment F on User @skip(if: true) { id }", "that can stand here"),
        ("{ me @skip(if: true) @skip(if: true) { id } }", "stands here twice"),
        ("{ me @skip { id } }", "\"@skip\" needs the argument \"if\""),
        ("{ me @skip(if: 1) { id } }", "Boolean! is expected"),
        ("{ me { x: id x: username } }", "are \"id\" and \"username\""),
        ("{ me { x: id ... on Node { x: id } ... on User { x: username } } }", "are \"id\" and \"username\""),
        ("{ posts(first: 1) { nodes { id } } posts(first: 2) { nodes { id } } }", "different arguments"),
        ("{ posts { nodes { x: id } } posts { nodes { x: body } } }", "are \"id\" and \"body\""),
        (
            "{ node(id: \"x\") { ... on Post { x: body } ... on User { x: postCount } } }",
            "are of types \"String!\" and",
        ),
        (
            "{ node(id: \"x\") { ... on Post { x: author { y: id } } ... on Comment { x: author { y: postCount } } } }",
            "are of types",
        ),
        (
            "subscription { notificationReceived { cursor } b: notificationReceived { cursor } }",
            "exactly one root field",
        ),
        ("subscription { __typename }", "exactly one root field"),
        ("subscription { notificationReceived @skip(if: false) { cursor } }", "not subject to"),
    ] {
        let message = message(query);
        assert!(message.contains(expected), "{query}: {message}");
    }
}

#[test]
fn what_keeps_the_rules_is_valid() {
    for query in [
        "{ me { id ...F ... on Node { id } ... { username } } __typename } fragment F on User { id username }",
        "{ node(id: \"x\") { ... on Post { x: body } ... on User { x: username } } }",
        "{ node(id: 1) { id __typename ... on Post { id } } }",
        "query($s: PostSort) { posts(sortBy: $s) { nodes { id } } }",
        "query($s: PostSort! = NEWEST) { posts(sortBy: $s) { nodes { id } } }",
        "query($id: ID = \"x\") { post(id: $id) { id } }",
        "query($id: ID!) { nodes(ids: [$id, 1]) { id } }",
        "query($ids: [ID!]! = \"x\") { nodes(ids: $ids) { id } }",
        "query A { ...F } query B { ...F } fragment F on Query { me { id } }",
        "subscription { ...F } fragment F on Subscription { notificationReceived { cursor } }",
        "subscription { notificationReceived { cursor } notificationReceived { phase } }",
        "query($a: Boolean!) { me @skip(if: $a) @include(if: true) { id } }",
        "mutation { postCreate(input: { body: \"\\u{1F600}\" }) { errors { code } } }",
        "{ __schema { types { name fields(includeDeprecated: true) { name } } } __type(name: \"Post\") { kind } }",
    ] {
        assert!(check(query).is_ok(), "{query}: {:?}", check(query).unwrap_err());
    }
}

#[test]
fn facts_tell_what_comes_behind() {
    let sorted = facts("query($s: PostSort, $n: Int) { posts(sortBy: $s, first: $n) { nodes { id } } }");
    assert_eq!(sorted.optional, HashSet::from([Name::new("s")]));
    assert_eq!(sorted.not_null, HashSet::from([Name::new("s")]));
    assert_eq!(sorted.elsewhere.len(), 2);
    assert!(!sorted.conditional && !sorted.mistyped);
    assert!(facts("query($c: Boolean!) { me { id @skip(if: $c) username } }").conditional);
    let mistyped = "mutation { goalCreate(input: { postId: 1, title: \"x\", funding: FLEXIBLE, \
                    target: { amount: \"1,5\", currency: \"USD\" } }) { errors { code } } }";
    assert!(facts(mistyped).mistyped);
    let variable = "mutation($b: String!) { postCreate(input: { body: $b }) { errors { code } } }";
    assert!(facts(variable).elsewhere.is_empty());
}

/// A production server tells nobody more of its graph than was asked.
#[test]
fn nothing_is_suggested_unless_that_is_wanted() {
    let model = Model::of_graph(true).unwrap();
    let limits = crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits;
    let (document, _) = syntax::parse("{ psot(id: \"x\") { id } }", &limits).unwrap();
    let refusal = validate(model, &document, false).unwrap_err();
    assert!(!refusal.message.contains("Did you mean"), "{refusal}");
}

#[test]
fn many_mistakes_are_told_up_to_a_bound() {
    let query = format!("{{ {} }}", (0..60).map(|n| format!("x{n}")).collect::<Vec<_>>().join(" "));
    let refusal = check(&query).unwrap_err();
    assert_eq!(refusal.others.len() + 1, SHOWN_ERRORS);
}
