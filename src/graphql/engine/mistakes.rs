//! What somebody has mistyped in a mutation's arguments: a day that does not exist, a comma for a point, a number too
//! large. The mutation is not run; its payload says what is wrong and where, as it does with everything that the caller
//! can mend, and its neighbours in the operation go their way.

use async_graphql::{
    Name, Response, Value, Variables,
    indexmap::IndexMap,
    parser::types::{
        BaseType, DocumentOperations, ExecutableDocument, Field, OperationType, Selection, SelectionSet, Type,
    },
};

use super::{
    leaf::{self, By, Wrong},
    model::{Kind, Model, root_of},
    normal::filled_in,
};
use crate::error::{Locale, Reason, UserError, UserErrorCode};

/// A mutation that is not run.
#[derive(Debug, Clone)]
pub(crate) struct Mistaken {
    /// Its place among the root fields.
    place: usize,
    key: Name,
    /// The payload's type, and what is asked of it.
    payload: String,
    set: SelectionSet,
    mistakes: Vec<Mistake>,
}

#[derive(Debug, Clone)]
struct Mistake {
    path: Vec<String>,
    reason: Reason,
}

/// Takes the mutations that can't be run out of an operation in its normal form.
pub(crate) fn take(model: &Model, document: &mut ExecutableDocument, variables: &Variables) -> Vec<Mistaken> {
    let DocumentOperations::Single(operation) = &mut document.operations else { return Vec::new() };
    let mut mistaken = Vec::new();
    let mut place = 0;
    operation.node.selection_set.node.items.retain(|selection| {
        let Selection::Field(field) = &selection.node else { return true };
        place += 1;
        let mistakes = of_field(model, &field.node, variables);
        let known = model.field(root_of(OperationType::Mutation), &field.node.name.node);
        let (false, Some(known)) = (mistakes.is_empty(), known) else { return true };
        mistaken.push(Mistaken {
            place: place - 1,
            key: field.node.response_key().node.clone(),
            payload: known.of().to_owned(),
            set: field.node.selection_set.node.clone(),
            mistakes,
        });
        false
    });
    mistaken
}

fn of_field(model: &Model, field: &Field, variables: &Variables) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let known = model.field(root_of(OperationType::Mutation), &field.name.node);
    for input in known.iter().flat_map(|known| &known.arguments) {
        let value = field.get_argument(&input.name).and_then(|value| filled_in(&value.node, variables));
        look(model, &value.unwrap_or_default(), &input.ty, &mut vec![input.name.clone()], &mut mistakes);
    }
    mistakes
}

fn look(model: &Model, value: &Value, ty: &Type, path: &mut Vec<String>, mistakes: &mut Vec<Mistake>) {
    match (&ty.base, value) {
        (_, Value::Null) => {}
        (BaseType::List(of), Value::List(items)) => {
            for (number, item) in items.iter().enumerate() {
                path.push(number.to_string());
                look(model, item, of, path, mistakes);
                path.pop();
            }
        }
        (BaseType::List(of), value) => look(model, value, of, path, mistakes),
        (BaseType::Named(name), value) => match (model.ty(name), value) {
            (Some((_, Kind::Input { fields, .. })), Value::Object(given)) => {
                for field in fields {
                    if let Some(value) = given.get(field.name.as_str()) {
                        path.push(field.name.clone());
                        look(model, value, &field.ty, path, mistakes);
                        path.pop();
                    }
                }
            }
            (Some((name, kind @ Kind::Scalar)), value) => {
                // What is of another kind was refused before.
                if let Err(Wrong::Value(reason)) = leaf::check(name, kind, value.into(), By::Variable) {
                    mistakes.push(Mistake { path: path.clone(), reason });
                }
            }
            _ => {}
        },
    }
}

/// Puts the payloads of what was not run in their places in the answer.
pub(crate) fn tell(model: &Model, mistaken: &[Mistaken], locale: Locale, response: &mut Response) {
    let Value::Object(data) = &mut response.data else { return };
    for Mistaken { place, key, payload, set, mistakes } in mistaken {
        let value = answer(model, payload, set, mistakes, locale);
        data.shift_insert((*place).min(data.len()), key.clone(), value);
    }
}

/// A payload: nothing was done, and why.
fn answer(model: &Model, payload: &str, set: &SelectionSet, mistakes: &[Mistake], locale: Locale) -> Value {
    object(set, |name, below| match name {
        "__typename" => Value::from(payload),
        "errors" => Value::List(mistakes.iter().map(|mistake| error(mistake, below, locale)).collect()),
        name if model.field(payload, name).is_some_and(|field| field.ty.nullable) => Value::Null,
        // What can't be null says whether something was done, or how often.
        name if model.field(payload, name).is_some_and(|field| field.of() == "Int") => Value::from(0),
        _ => Value::Boolean(false),
    })
}

fn error(mistake: &Mistake, set: &SelectionSet, locale: Locale) -> Value {
    let error = UserError { reason: Some(mistake.reason), ..UserError::whole(UserErrorCode::Invalid) };
    object(set, |name, _| match name {
        "code" => Value::Enum(Name::new("INVALID")),
        "message" => Value::from(error.message(locale)),
        "path" => Value::List(mistake.path.iter().map(Value::from).collect()),
        // It is neither too early nor over a limit.
        "retryAfter" | "parameters" => Value::Null,
        _ => Value::from("UserError"),
    })
}

fn object(set: &SelectionSet, value: impl Fn(&str, &SelectionSet) -> Value) -> Value {
    let fields = set.items.iter().filter_map(|selection| match &selection.node {
        Selection::Field(field) => {
            let Field { name, selection_set, .. } = &field.node;
            Some((field.node.response_key().node.clone(), value(&name.node, &selection_set.node)))
        }
        _ => None,
    });
    Value::Object(fields.collect::<IndexMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands for a payload here has to be one: null where null may be, flags that are false, numbers that are 0,
    /// errors.
    #[test]
    fn every_payload_can_be_told_without_being_run() {
        let model = Model::of_graph(false).unwrap();
        let fields = |name: &str| match model.ty(name) {
            Some((_, Kind::Composite { fields, .. })) => fields,
            _ => panic!("{name}"),
        };
        for (mutation, field) in fields("Mutation") {
            let payload = fields(field.of());
            assert_eq!(payload["errors"].ty.to_string(), "[UserError!]!", "{mutation}");
            for (name, field) in payload {
                let ty = field.ty.to_string();
                let is_empty = field.ty.nullable || ["Boolean!", "Int!"].contains(&ty.as_str());
                assert!(name == "errors" || is_empty, "{mutation} {name}: {ty}");
            }
        }
        let mut names: Vec<_> = fields("UserError").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["code", "message", "parameters", "path", "retryAfter"]);
    }
}
