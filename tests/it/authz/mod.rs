//! Who may do what: every root field × {anonymous, stranger, owner}, and those that need a permission × every role. A field
//! that is missing here fails the test. A call that is allowed does what it is for, which is seen in the rows; one that is
//! denied, and one that only reads, changes nothing at all.

mod money;
mod people;
mod scene;
mod staff;

use agora::{
    entity::user_role::Role,
    graphql::{
        self,
        engine::model::{Kind, Model, named},
    },
};
use async_graphql::parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use serde_json::Value;

use crate::harness::Client;
use scene::{Caller, Scene};

/// What a call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Done, or read.
    Allowed,
    /// A top-level error UNAUTHENTICATED.
    Unauthenticated,
    /// A user error NOT_ALLOWED: it is there to be seen, but somebody else's.
    NotAllowed,
    /// Null, or a user error NOT_FOUND: as if it were not there.
    Invisible,
    /// A top-level error FORBIDDEN: it needs a permission.
    Forbidden,
}

use Outcome::{Allowed, Forbidden, Invisible, NotAllowed, Unauthenticated};

/// Root field, operation, and what comes of it for nobody, for a stranger and for the owner.
type Case = (&'static str, &'static str, [Outcome; 3]);

/// All that is not for staff only.
fn matrix() -> impl Iterator<Item = Case> {
    people::PEOPLE.iter().chain(money::MONEY).copied()
}

fn root_fields() -> Vec<String> {
    let mut fields = Vec::new();
    for definition in parse_schema(graphql::sdl()).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && let name @ ("Query" | "Mutation" | "Subscription") = definition.node.name.node.as_str()
            && let TypeKind::Object(object) = &definition.node.kind
        {
            fields.extend(object.fields.iter().map(|field| format!("{name}.{}", field.node.name.node)));
        }
    }
    fields
}

#[test]
fn every_root_field_is_in_the_matrix_once() {
    let fields = matrix().map(|(field, ..)| field).chain(staff::STAFF.iter().map(|(field, ..)| *field));
    let mut listed: Vec<_> = fields.map(str::to_owned).collect();
    let mut served = root_fields();
    listed.sort();
    served.sort();
    assert_eq!(listed, served);
}

/// The fields of `User` that only the person themselves sees, as their descriptions say, with what is asked of them.
fn private_fields() -> Vec<String> {
    let model = Model::of_graph(true).unwrap();
    let mut fields = Vec::new();
    for definition in parse_schema(graphql::sdl()).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && definition.node.name.node == "User"
            && let TypeKind::Object(object) = definition.node.kind
        {
            for field in object.fields.into_iter().map(|field| field.node) {
                let description = field.description.map(|text| text.node).unwrap_or_default();
                if description.to_lowercase().replace('\n', " ").contains("for themselves only") {
                    let is_object = matches!(model.ty(named(&field.ty.node)), Some((_, Kind::Composite { .. })));
                    let below = if is_object { " { __typename }" } else { "" };
                    fields.push(format!("{}{below}", field.name.node));
                }
            }
        }
    }
    fields
}

/// What lies under `me` of money and news: no right of staff shows it there.
const OWN: &[&str] = &[
    "wallet",
    "payoutMethods",
    "payments",
    "paymentMethods",
    "contributions",
    "notifications",
    "notificationUnreadCount",
];

#[tokio::test]
async fn what_is_private_of_a_person_is_null_to_everybody_else() {
    let scene = Scene::new().await;
    let staff = scene.server.staff("onlooker", Role::Administrator).await;
    let query = format!("{{ user(username: \"olivia\") {{ {} }} }}", private_fields().join(" "));
    for caller in [Caller::Nobody, Caller::Stranger] {
        let seen = scene.client(caller).ok(&query, Value::Null).await;
        for (field, value) in seen["user"].as_object().unwrap() {
            assert!(value.is_null(), "{field} as {caller:?}: {value}");
        }
    }
    let seen_by_staff = staff.ok(&query, Value::Null).await["user"].clone();
    let own = scene.client(Caller::Owner).ok(&query, Value::Null).await["user"].clone();
    for field in OWN {
        assert!(seen_by_staff[field].is_null(), "{field}: {seen_by_staff}");
        assert!(!own[field].is_null(), "{field}: {own}");
    }
}

fn outcome(body: &Value) -> Outcome {
    if let Some(code) = body["errors"][0]["extensions"]["code"].as_str() {
        return match code {
            "UNAUTHENTICATED" => Unauthenticated,
            "FORBIDDEN" => Forbidden,
            other => panic!("{other}: {body}"),
        };
    }
    let field = body["data"].as_object().unwrap().values().next().unwrap();
    if field.is_null() {
        return Invisible;
    }
    match field["errors"][0]["code"].as_str() {
        None => Allowed,
        Some("NOT_ALLOWED") => NotAllowed,
        // Without a flow there is nothing that a provider could complete.
        Some("NOT_FOUND" | "PROVIDER_FAILED") => Invisible,
        Some(other) => panic!("{other}: {body}"),
    }
}

/// Those that may not, and those that only read.
async fn what_is_denied_or_only_reads_changes_nothing(cases: &[Case]) {
    let mut scene = Scene::new().await;
    let mut calls = Vec::new();
    for (field, operation, outcomes) in cases.iter().filter(|(_, operation, _)| !operation.is_empty()) {
        let mut of_field = Vec::new();
        for (caller, expected) in Caller::ALL.into_iter().zip(*outcomes) {
            if expected != Allowed || field.starts_with("Query.") {
                of_field.push((caller, scene.operation(field, operation, caller).await, expected));
            }
        }
        calls.push((field, of_field));
    }
    let before = scene.server.contents().await;
    for (field, of_field) in calls {
        for (caller, operation, expected) in of_field {
            let answer = scene.client(caller).send(&operation, Value::Null).await;
            assert_eq!(outcome(&answer.body), expected, "{field} as {caller:?}");
        }
        let changes = scene.server.changes_since(&before).await;
        assert!(changes.is_empty(), "{field}: {changes:#?}");
    }
}

/// Each mutation that somebody may call, in a scene of its own.
async fn what_is_allowed_is_done(cases: &[Case]) {
    for (field, operation, outcomes) in cases.iter().filter(|(field, ..)| field.starts_with("Mutation.")) {
        for (caller, expected) in Caller::ALL.into_iter().zip(*outcomes) {
            if expected == Allowed {
                let mut scene = Scene::new().await;
                let operation = scene.operation(field, operation, caller).await;
                // What is only a time is seen to change, too.
                scene.server.advance(1);
                let before = scene.server.contents().await;
                let answer = scene.client(caller).send(&operation, Value::Null).await;
                assert!(operation.contains("errors { code }"), "{field}");
                assert_eq!(outcome(&answer.body), Allowed, "{field} as {caller:?}: {}", answer.body);
                assert!(!scene.server.changes_since(&before).await.is_empty(), "{field} as {caller:?} changed nothing");
            }
        }
    }
}

/// What goes otherwise with nobody than with somebody, though both may do it.
const OTHERWISE: &[&str] = &["Mutation.goalContribute"];

/// What comes of each call for nobody.
fn as_nobody(cases: &'static [Case]) -> impl Iterator<Item = (&'static str, &'static str, Outcome)> {
    cases.iter().map(|(field, operation, [nobody, ..])| (*field, *operation, *nobody))
}

/// A token that is refused is told where a call needs one; where it does not, the call goes as nobody's.
async fn a_token_that_is_refused_allows_no_more_than_none(
    cases: impl Iterator<Item = (&'static str, &'static str, Outcome)>,
) {
    let mut denied = Scene::new().await;
    let mut calls = Vec::new();
    for (field, operation, nobody) in cases.filter(|(_, operation, _)| !operation.is_empty()) {
        let needs_nobody = nobody == Allowed && !OTHERWISE.contains(&field);
        if needs_nobody && field.starts_with("Mutation.") {
            // What changes something has a scene of its own.
            let mut scene = Scene::new().await;
            let operation = scene.operation(field, operation, Caller::Nobody).await;
            let answer = refused(&scene).send(&operation, Value::Null).await;
            assert_eq!(outcome(&answer.body), Allowed, "{field}: {}", answer.body);
        } else {
            let expected = if needs_nobody { Allowed } else { Unauthenticated };
            calls.push((field, denied.operation(field, operation, Caller::Nobody).await, expected));
        }
    }
    let before = denied.server.contents().await;
    for (field, operation, expected) in calls {
        let answer = refused(&denied).send(&operation, Value::Null).await;
        assert_eq!(outcome(&answer.body), expected, "{field}: {}", answer.body);
        let changes = denied.server.changes_since(&before).await;
        assert!(changes.is_empty(), "{field}: {changes:#?}");
    }
}

/// Whoever comes with the owner's token and a letter too many.
fn refused(scene: &Scene) -> Client {
    let owner = scene.client(Caller::Owner);
    scene.server.anonymous().token(&format!("{}x", owner.access_token.as_deref().unwrap()))
}
