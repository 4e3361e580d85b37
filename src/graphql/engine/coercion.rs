//! The values of an operation's variables, all checked before anything runs
//! (https://spec.graphql.org/draft/#sec-Coercing-Variable-Values): the executor would look at each when the field is
//! run that takes it, after others have written.

use std::fmt::Write;

use async_graphql::{
    Name, Value, Variables,
    indexmap::IndexMap,
    parser::types::{BaseType, OperationDefinition, OperationType, Type, VariableDefinition},
};
use serde_json::{Map, Value as Json};

use super::{
    leaf::{self, By, Wrong},
    model::{Input, Kind, Model},
    suggestions::{did_you_mean, did_you_mean_value},
    validation::Facts,
};
use crate::error::{Code, Locale, Refusal};

/// How many errors are told.
const SHOWN_ERRORS: usize = 50;

/// An operation's variables, and whether a mutation's arguments among them hold something that a person has mistyped:
/// the payload has to say so.
#[derive(Debug)]
pub(crate) struct Coerced {
    /// Defaults filled in, and nothing but what is defined.
    pub variables: Variables,
    /// Whether something is mistyped.
    pub mistyped: bool,
}

/// Makes an operation's variables of what a client gave for them. With suggestions, a refusal names what was probably meant.
pub(crate) fn coerce(
    (model, suggestions): (&Model, bool),
    operation: &OperationDefinition,
    facts: &Facts,
    mut given: Map<String, Json>,
) -> Result<Coerced, Refusal> {
    let mut coercion = Coercion { model, suggestions, errors: Vec::new(), mistyped: false };
    let mut variables = Variables::default();
    for definition in &operation.variable_definitions {
        let VariableDefinition { name, var_type, default_value, .. } = &definition.node;
        let (name, ty) = (&name.node, &var_type.node);
        let may_be_null = ty.nullable && !facts.not_null.contains(name);
        let at = (definition.pos.line, definition.pos.column);
        let value = match (given.remove(name.as_str()), default_value) {
            (None, Some(default)) => Some(default.node.clone()),
            (None, None) if ty.nullable => None,
            (None, None) => {
                coercion.refuse(name, at, format!("The variable ${name} is required: it is a {ty}."));
                None
            }
            (Some(Json::Null), _) if !may_be_null => {
                coercion.refuse(name, at, format!("The variable ${name} can't be null where it stands: give a {ty}."));
                None
            }
            (Some(value), _) => {
                let by_payload = operation.ty == OperationType::Mutation && !facts.elsewhere.contains(name);
                let mut place = Place { variable: name, at, path: format!("${name}"), by_payload };
                Some(coercion.value(value, ty, &mut place))
            }
        };
        if let Some(value) = value {
            variables.insert(name.clone(), value);
        }
    }
    let mistyped = coercion.mistyped;
    Refusal::several(coercion.errors).map_or(Ok(Coerced { variables, mistyped }), Err)
}

/// Where a value stands.
struct Place<'a> {
    variable: &'a Name,
    at: (usize, usize),
    path: String,
    /// Whether a payload tells what is mistyped here.
    by_payload: bool,
}

struct Coercion<'m> {
    model: &'m Model,
    suggestions: bool,
    errors: Vec<Refusal>,
    mistyped: bool,
}

impl Coercion<'_> {
    fn refuse(&mut self, variable: &Name, at: (usize, usize), message: String) {
        if self.errors.len() < SHOWN_ERRORS {
            let mut refusal = Refusal::new(Code::BadRequest, message).with("variable", variable.as_str());
            refusal.locations = vec![at];
            self.errors.push(refusal);
        }
    }

    fn refuse_at(&mut self, place: &Place<'_>, why: impl std::fmt::Display) {
        self.refuse_with(place, why, "");
    }

    /// The same with a sentence behind it.
    fn refuse_with(&mut self, place: &Place<'_>, why: impl std::fmt::Display, suggestion: &str) {
        let message = format!("The variable ${} is wrong at {}: {why}.{suggestion}", place.variable, place.path);
        self.refuse(place.variable, place.at, message);
    }

    /// What was probably meant, where that is told.
    fn suggest(&self, sentence: impl FnOnce() -> String) -> String {
        if self.suggestions && self.errors.len() < SHOWN_ERRORS { sentence() } else { String::new() }
    }

    fn value(&mut self, value: Json, ty: &Type, place: &mut Place<'_>) -> Value {
        match (&ty.base, value) {
            (_, Json::Null) => {
                if !ty.nullable {
                    self.refuse_at(place, format_args!("{ty} is expected, not null"));
                }
                Value::Null
            }
            (BaseType::List(of), Json::Array(items)) => {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(n, item)| within(place, n, |place| self.value(item, of, place))).collect())
            }
            // One stands for a list of one.
            (BaseType::List(of), value) => Value::List(vec![self.value(value, of, place)]),
            (BaseType::Named(name), value) => match (self.model.ty(name), value) {
                (Some((name, Kind::Input { fields, one_of })), Json::Object(given)) => {
                    self.object(name, (fields, *one_of), given, place)
                }
                (Some((name, kind @ (Kind::Scalar | Kind::Enum(_)))), value) => self.leaf(name, kind, value, place),
                (_, value) => {
                    self.refuse_at(place, format_args!("{ty} is expected, not {}", shown(&value)));
                    Value::Null
                }
            },
        }
    }

    fn object(
        &mut self,
        name: &str,
        (fields, one_of): (&[Input], bool),
        mut given: Map<String, Json>,
        place: &mut Place<'_>,
    ) -> Value {
        if one_of && (given.len() != 1 || given.values().any(Json::is_null)) {
            self.refuse_at(place, format_args!("{name} takes exactly one of its fields, and not null"));
        }
        let mut object = IndexMap::new();
        for field in fields {
            match given.remove(&field.name) {
                Some(value) => {
                    let value = within(place, &field.name, |place| self.value(value, &field.ty, place));
                    object.insert(Name::new(&field.name), value);
                }
                None if field.is_required() => {
                    let what = format!("{} needs the field {} of type {}", name, field.name, field.ty);
                    self.refuse_at(place, what);
                }
                None => {}
            }
        }
        for unknown in given.keys().take(SHOWN_ERRORS) {
            let suggestion = self.suggest(|| did_you_mean(unknown, fields.iter().map(|field| field.name.as_str())));
            self.refuse_with(place, format_args!("{name} has no field {unknown:?}"), &suggestion);
        }
        Value::Object(object)
    }

    fn leaf(&mut self, name: &str, kind: &Kind, value: Json, place: &Place<'_>) -> Value {
        let text = shown(&value);
        // Numbers are read as those of documents are: within the range of 64 bits, exactly.
        let value = Value::from_json(value).unwrap_or_default();
        match leaf::check(name, kind, (&value).into(), By::Variable) {
            Ok(passed) => return passed.unwrap_or(value),
            Err(Wrong::Value(_)) if place.by_payload => self.mistyped = true,
            Err(Wrong::Value(reason)) => {
                let expected = reason.text(Locale::English);
                let expected = expected.trim_end_matches('.');
                self.refuse_at(place, format_args!("{expected}, not {text}"));
            }
            Err(Wrong::Kind) => {
                let suggestion = match (kind, &value) {
                    (Kind::Enum(values), Value::String(given)) => {
                        self.suggest(|| did_you_mean_value(given, values.iter().map(String::as_str)))
                    }
                    _ => String::new(),
                };
                self.refuse_with(place, format_args!("{name} is expected, not {text}"), &suggestion);
            }
        }
        value
    }
}

/// Goes into a part of the value, and out again.
fn within<T>(place: &mut Place<'_>, part: impl std::fmt::Display, go: impl FnOnce(&mut Place<'_>) -> T) -> T {
    let length = place.path.len();
    // Writing to a text never fails.
    let _ = write!(place.path, ".{part}");
    let result = go(place);
    place.path.truncate(length);
    result
}

/// The beginning of a value, for a message.
fn shown(value: &Json) -> String {
    const LONGEST: usize = 60;
    match value {
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        value => {
            let text = value.to_string();
            let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
            cut.map_or_else(|| text.clone(), |at| format!("{}…", &text[..at]))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graphql::engine::{syntax, validation::validate};

    fn coerced(query: &str, given: Json) -> Result<Coerced, Refusal> {
        suggesting(true, query, given)
    }

    fn suggesting(suggestions: bool, query: &str, given: Json) -> Result<Coerced, Refusal> {
        let model = Model::of_graph(true).unwrap();
        let limits = crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits;
        let (document, _) = syntax::parse(query, &limits).unwrap();
        let facts = validate(model, &document, true).unwrap();
        let (name, operation) = document.operations.iter().next().unwrap();
        let Json::Object(given) = given else { panic!("not an object") };
        coerce((model, suggestions), &operation.node, &facts[&name.cloned()], given)
    }

    fn message(query: &str, given: Json) -> String {
        coerced(query, given).unwrap_err().message
    }

    const LIST: &str = "query($first: Int = 5, $where: PostWhere, $sort: PostSort) { \
                        posts(first: $first, where: $where, sortBy: $sort) { nodes { id } } }";

    #[test]
    fn what_is_absent_stays_absent_and_defaults_are_filled_in() {
        let variables = coerced(LIST, json!({ "unknown": 1 })).unwrap().variables;
        assert_eq!(variables, Variables::from_json(json!({ "first": 5 })));
        let variables = coerced(LIST, json!({ "first": null, "where": null })).unwrap().variables;
        assert_eq!(variables, Variables::from_json(json!({ "first": null, "where": null })));
        assert!(message(LIST, json!({ "sort": null })).contains("$sort can't be null"));
    }

    #[test]
    fn where_one_of_several_is_meant_it_is_exactly_one_and_no_null() {
        let query = "mutation($target: CommentTargetInput!) { \
                     commentCreate(input: { target: $target, body: \"x\" }) { errors { code } } }";
        coerced(query, json!({ "target": { "postId": "x" } })).unwrap();
        for wrong in [
            json!({}),
            json!({ "postId": null }),
            json!({ "postId": "x", "commentId": null }),
            json!({ "postId": "x", "commentId": "y" }),
        ] {
            let message = message(query, json!({ "target": wrong }));
            assert!(message.contains("CommentTargetInput takes exactly one of its fields"), "{wrong}: {message}");
        }
    }

    #[test]
    fn a_single_value_stands_for_a_list_of_one() {
        let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let variables = coerced(nodes, json!({ "ids": "x" })).unwrap().variables;
        assert_eq!(variables, Variables::from_json(json!({ "ids": ["x"] })));
        assert!(message(nodes, json!({ "ids": [["x"]] })).contains("$ids.0: ID is expected, not a list"));
    }

    #[test]
    fn a_message_says_where_and_what_is_expected() {
        for (given, expected) in [
            (json!({ "first": 1.5 }), "$first: Int is expected, not 1.5"),
            (json!({ "first": 3_000_000_000_u32 }), "$first: a whole number between"),
            (
                json!({ "where": { "createdAt": { "from": "yesterday" } } }),
                "$where.createdAt.from: a time with its offset",
            ),
            (
                json!({ "where": { "createdAt": { "from": 17 } } }),
                "$where.createdAt.from: DateTime is expected, not 17",
            ),
            (json!({ "where": { "nonsense": 1 } }), "$where: PostWhere has no field \"nonsense\""),
            (json!({ "sort": "BEST" }), "$sort: PostSort is expected, not \"BEST\""),
        ] {
            let message = message(LIST, given);
            assert!(message.contains(expected), "{message}");
        }
        let all = coerced(LIST, json!({ "first": "x", "sort": "BEST" })).unwrap_err();
        assert_eq!(all.others.len(), 1);
    }

    #[test]
    fn what_was_probably_meant_is_named_where_that_is_wanted() {
        for (given, meant) in [
            (json!({ "sort": "newest" }), " Did you mean the enum value \"NEWEST\"?"),
            (json!({ "where": { "txet": "x" } }), " Did you mean \"text\"?"),
        ] {
            assert!(message(LIST, given.clone()).ends_with(meant), "{given}");
            let refused = suggesting(false, LIST, given).unwrap_err();
            assert!(refused.message.ends_with('.') && !refused.message.contains("Did you mean"), "{refused:?}");
        }
    }

    #[test]
    fn what_is_mistyped_in_a_mutation_is_for_its_payload_to_tell() {
        let create = "mutation($input: GoalCreateInput!) { goalCreate(input: $input) { errors { code } } }";
        let input = json!({ "postId": "x", "title": "x", "funding": "FLEXIBLE", "target": { "amount": "1,5", "currency": "USD" }, "deadline": "tomorrow" });
        let refused = coerced(create, json!({ "input": { "deadline": 17 } })).unwrap_err();
        assert!(refused.others.len() + 1 >= 2, "{refused:?}");
        match coerced(create, json!({ "input": input })) {
            Ok(coerced) => assert!(coerced.mistyped),
            Err(refusal) => panic!("{refusal:?}"),
        }
    }
}
