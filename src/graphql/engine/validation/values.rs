//! Arguments in a document: what is written is of the type that is taken, and which variables stand where.

use async_graphql::{
    Name, Pos, Positioned,
    indexmap::IndexMap,
    parser::types::{BaseType, Type},
};
use async_graphql_value::Value;

use super::{Place, Usage, Uses, Validator};
use crate::{
    error::Locale,
    graphql::engine::{
        leaf::{self, By, Wrong},
        model::{Input, Kind},
    },
};

/// Where a value stands.
#[derive(Debug, Clone)]
pub(super) struct Spot<'t> {
    pub(super) at: Pos,
    /// The way to it from the argument, for messages.
    pub(super) path: String,
    pub(super) default: bool,
    pub(super) whole: bool,
    pub(super) one_of: Option<&'t str>,
    pub(super) place: Place,
}

// Types are the model's, or the document's own where a variable's default is looked at.
impl<'m> Validator<'m, '_> {
    /// The value of an argument; `input` is what is taken, where that is known.
    pub(super) fn argument<'t>(
        &mut self,
        name: &Name,
        value: &Positioned<Value>,
        input: Option<&'t Input>,
        place: Place,
        uses: &mut Uses<'t, '_>,
    ) where
        'm: 't,
    {
        let default = input.is_some_and(|input| input.default.is_some());
        let spot = Spot { at: value.pos, path: name.to_string(), default, whole: true, one_of: None, place };
        self.value(&value.node, input.map(|input| &input.ty), &spot, uses);
    }

    pub(super) fn value<'t>(&mut self, value: &Value, ty: Option<&'t Type>, spot: &Spot<'t>, uses: &mut Uses<'t, '_>)
    where
        'm: 't,
    {
        match (value, ty) {
            (Value::Variable(variable), _) => uses.variables.push(Usage {
                variable: variable.clone(),
                at: spot.at,
                ty,
                default: spot.default,
                whole: spot.whole,
                one_of: spot.one_of,
                place: spot.place,
            }),
            (Value::List(items), None) => items.iter().for_each(|item| self.value(item, None, &inner(spot), uses)),
            (Value::Object(fields), None) => fields.values().for_each(|it| self.value(it, None, &inner(spot), uses)),
            (_, None) => {}
            (Value::Null, Some(ty)) => {
                if !ty.nullable {
                    self.unfit(value, ty, spot);
                }
            }
            (_, Some(Type { base: BaseType::List(of), .. })) => match value {
                Value::List(items) => {
                    for (number, item) in items.iter().enumerate() {
                        let spot = Spot { path: format!("{}.{number}", spot.path), ..inner(spot) };
                        self.value(item, Some(of), &spot, uses);
                    }
                }
                // One stands for a list of one.
                _ => self.value(value, Some(of), spot, uses),
            },
            (_, Some(ty @ Type { base: BaseType::Named(name), .. })) => match (self.model.ty(name), value) {
                (Some((name, Kind::Input { fields, one_of })), Value::Object(given)) => {
                    self.object((name, fields, *one_of), given, spot, uses);
                }
                (Some((name, kind @ (Kind::Scalar | Kind::Enum(_)))), _) => {
                    self.leaf((name, kind), value, ty, spot, uses);
                }
                _ => self.unfit(value, ty, spot),
            },
        }
    }

    fn object<'t>(
        &mut self,
        (name, fields, one_of): (&'t str, &'t [Input], bool),
        given: &IndexMap<Name, Value>,
        spot: &Spot<'t>,
        uses: &mut Uses<'t, '_>,
    ) where
        'm: 't,
    {
        for (key, value) in given {
            let field = fields.iter().find(|field| field.name == **key);
            if field.is_none() {
                let suggestion = self.suggest(key, fields.iter().map(|field| field.name.as_str()));
                let message = format!("At \"{}\": \"{name}\" has no field \"{key}\".{suggestion}", spot.path);
                self.report([spot.at], message);
            }
            let spot = Spot {
                path: format!("{}.{key}", spot.path),
                default: field.is_some_and(|field| field.default.is_some()),
                one_of: one_of.then_some(name),
                ..inner(spot)
            };
            self.value(value, field.map(|field| &field.ty), &spot, uses);
        }
        for field in fields {
            if field.is_required() && !given.contains_key(field.name.as_str()) {
                let what = format!("\"{}\" of type \"{}\"", field.name, field.ty);
                self.report([spot.at], format!("At \"{}\": \"{name}\" needs the field {what}.", spot.path));
            }
        }
        if one_of && (given.len() != 1 || given.values().any(|value| *value == Value::Null)) {
            let message = format!("At \"{}\": \"{name}\" takes exactly one of its fields, and not null.", spot.path);
            self.report([spot.at], message);
        }
    }

    fn leaf<'t>(
        &mut self,
        (name, kind): (&str, &Kind),
        value: &Value,
        ty: &Type,
        spot: &Spot<'t>,
        uses: &mut Uses<'t, '_>,
    ) where
        'm: 't,
    {
        match leaf::check(name, kind, value.into(), By::Literal) {
            Ok(_) => {}
            Err(Wrong::Value(_)) if spot.place == Place::Mutation => uses.mistyped = true,
            Err(Wrong::Value(reason)) => {
                let expected = reason.text(Locale::English);
                let expected = expected.trim_end_matches('.');
                self.report([spot.at], format!("At \"{}\": {expected}, not {}.", spot.path, shown(value)));
            }
            Err(Wrong::Kind) => {
                let suggestion = match (kind, value) {
                    (Kind::Enum(values), Value::Enum(given)) => {
                        self.suggest_value(given, values.iter().map(String::as_str))
                    }
                    (Kind::Enum(values), Value::String(given)) => {
                        self.suggest_value(given, values.iter().map(String::as_str))
                    }
                    _ => String::new(),
                };
                let message = format!("At \"{}\": {ty} is expected, not {}.{suggestion}", spot.path, shown(value));
                self.report([spot.at], message);
            }
        }
    }

    fn unfit(&mut self, value: &Value, ty: &Type, spot: &Spot<'_>) {
        self.report([spot.at], format!("At \"{}\": {ty} is expected, not {}.", spot.path, shown(value)));
    }
}

/// A place within the value that stands there.
fn inner<'t>(spot: &Spot<'t>) -> Spot<'t> {
    Spot { default: false, whole: false, one_of: None, ..spot.clone() }
}

/// The beginning of a value, for a message.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    match value {
        Value::List(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        value => {
            let text = value.to_string();
            let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
            cut.map_or_else(|| text.clone(), |at| format!("{}…", &text[..at]))
        }
    }
}
