//! What scalars and enums take: the one place that decides it, for literals and for variables, before anything runs.

use async_graphql::{Name, ScalarType, Value};
use async_graphql_value::{Number, Value as Literal};
use chrono::{DateTime, FixedOffset};

use super::{
    model::Kind,
    scalars::{CurrencyCode, Date, Decimal, TEXTS},
};
use crate::error::Reason;

/// A value without parts, as a document or a variable has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given<'a> {
    /// A text; in a variable, this can be an enum's value as well.
    String(&'a str),
    /// A number, whole or not.
    Number(&'a Number),
    /// True or false.
    Boolean,
    /// An enum's value in a document.
    Enum(&'a str),
    /// A list, an object, null.
    Other,
}

impl<'a> From<&'a Literal> for Given<'a> {
    fn from(value: &'a Literal) -> Self {
        match value {
            Literal::String(text) => Self::String(text),
            Literal::Number(number) => Self::Number(number),
            Literal::Boolean(_) => Self::Boolean,
            Literal::Enum(name) => Self::Enum(name),
            _ => Self::Other,
        }
    }
}

impl<'a> From<&'a Value> for Given<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::String(text),
            Value::Number(number) => Self::Number(number),
            Value::Boolean(_) => Self::Boolean,
            Value::Enum(name) => Self::Enum(name),
            _ => Self::Other,
        }
    }
}

/// Why a value is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is of another kind: the client's developer has to mend it.
    Kind,
    /// It is of the right kind, but none that is possible: whoever typed it can mend it.
    Value(Reason),
}

/// How a value was given: what a document may write for a type, and JSON for the same, differ a little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// In the document's text.
    Literal,
    /// In the request's variables, as JSON.
    Variable,
}

/// Checks a value for the scalar or enum of this name. Gives what is to be passed on in its stead, if anything.
pub(crate) fn check(name: &str, kind: &Kind, given: Given<'_>, by: By) -> Result<Option<Value>, Wrong> {
    if let Kind::Enum(values) = kind {
        let ((Given::Enum(value), By::Literal) | (Given::String(value), By::Variable)) = (given, by) else {
            return Err(Wrong::Kind);
        };
        let known = values.get(value).ok_or(Wrong::Kind)?;
        return Ok((by == By::Variable).then(|| Value::Enum(Name::new(known))));
    }
    match (name, given) {
        ("Boolean", Given::Boolean) | ("String" | "ID", Given::String(_)) => Ok(None),
        ("ID", Given::Number(number)) if number.is_i64() || number.is_u64() => Ok(None),
        ("Int", Given::Number(number)) => integer(number, by),
        ("DateTime", Given::String(text)) => possible(text.parse::<DateTime<FixedOffset>>().is_ok(), Reason::Time),
        ("Date", Given::String(text)) => possible(reads::<Date>(text), Reason::Day),
        ("Decimal", Given::String(text)) => possible(reads::<Decimal>(text), Reason::DecimalNumber),
        ("CurrencyCode", Given::String(text)) => possible(reads::<CurrencyCode>(text), Reason::CurrencyCode),
        (name, Given::String(_)) if TEXTS.contains(&name) => Ok(None),
        _ => Err(Wrong::Kind),
    }
}

fn reads<T: ScalarType>(text: &str) -> bool {
    T::parse(Value::from(text)).is_ok()
}

fn possible(is: bool, reason: Reason) -> Result<Option<Value>, Wrong> {
    if is { Ok(None) } else { Err(Wrong::Value(reason)) }
}

/// 32 bits, to GraphQL. JSON knows no difference between 1 and 1.0; a document does.
fn integer(number: &Number, by: By) -> Result<Option<Value>, Wrong> {
    if let Some(whole) = number.as_i64() {
        return possible(i32::try_from(whole).is_ok(), Reason::Integer);
    }
    match number.as_f64() {
        // More than 64 bits.
        Some(float) if float.fract() == 0.0 && float.abs() >= 2_f64.powi(53) => Err(Wrong::Value(Reason::Integer)),
        Some(float) if float.fract() == 0.0 && by == By::Variable => {
            let whole = Number::from(float as i64);
            integer(&whole, by).map(|_| Some(Value::Number(whole)))
        }
        _ => Err(Wrong::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::engine::model::Model;

    fn outcome(name: &str, given: Given<'_>, by: By) -> Result<Option<Value>, Wrong> {
        check(name, &Kind::Scalar, given, by)
    }

    /// One that this module does not know would be refused whatever is given for it.
    #[test]
    fn every_scalar_of_the_graph_takes_something() {
        let model = Model::of_graph(true).unwrap();
        let one = Number::from(1);
        let examples = ["x", "2030-12-31T18:00:00Z", "2001-12-31", "12.50", "USD"].map(Given::String);
        let examples = [Given::Number(&one), Given::Boolean].into_iter().chain(examples).collect::<Vec<_>>();
        for name in model.names() {
            if let Some((name, Kind::Scalar)) = model.ty(name) {
                assert!(examples.iter().any(|given| outcome(name, *given, By::Literal).is_ok()), "{name}");
            }
        }
    }

    #[test]
    fn an_integer_has_32_bits() {
        for fine in [0, -2_147_483_648, 2_147_483_647] {
            assert_eq!(outcome("Int", Given::Number(&Number::from(fine)), By::Literal), Ok(None), "{fine}");
        }
        for wrong in [-2_147_483_649, 2_147_483_648, i64::MIN, i64::MAX] {
            let outcome = outcome("Int", Given::Number(&Number::from(wrong)), By::Variable);
            assert_eq!(outcome, Err(Wrong::Value(Reason::Integer)), "{wrong}");
        }
        let float = |value| Number::from_f64(value).unwrap();
        assert_eq!(outcome("Int", Given::Number(&float(3.0)), By::Variable), Ok(Some(Value::from(3))));
        assert_eq!(outcome("Int", Given::Number(&float(3.0)), By::Literal), Err(Wrong::Kind));
        assert_eq!(outcome("Int", Given::Number(&float(3.5)), By::Variable), Err(Wrong::Kind));
        assert_eq!(outcome("Int", Given::Number(&float(1e30)), By::Variable), Err(Wrong::Value(Reason::Integer)));
    }

    #[test]
    fn a_text_is_no_enum_in_a_document_and_one_in_json() {
        let kind = Kind::Enum(["NEWEST".to_owned()].into());
        assert_eq!(check("PostSort", &kind, Given::String("NEWEST"), By::Literal), Err(Wrong::Kind));
        assert_eq!(check("PostSort", &kind, Given::Enum("NEWEST"), By::Literal), Ok(None));
        let passed = check("PostSort", &kind, Given::String("NEWEST"), By::Variable);
        assert_eq!(passed, Ok(Some(Value::Enum(Name::new("NEWEST")))));
        assert_eq!(check("PostSort", &kind, Given::String("OLDEST"), By::Variable), Err(Wrong::Kind));
    }

    #[test]
    fn what_the_domain_judges_is_any_text() {
        for name in TEXTS {
            let number = Number::from(1);
            assert_eq!(outcome(name, Given::String("nonsense"), By::Variable), Ok(None), "{name}");
            assert_eq!(outcome(name, Given::Number(&number), By::Variable), Err(Wrong::Kind), "{name}");
        }
    }

    #[test]
    fn what_is_typed_wrong_is_told_from_what_is_of_another_kind() {
        for (name, text) in
            [("DateTime", "2026-02-30T00:00:00Z"), ("Date", "2001-02-29"), ("Decimal", "1,5"), ("CurrencyCode", "usd")]
        {
            assert!(matches!(outcome(name, Given::String(text), By::Literal), Err(Wrong::Value(_))), "{name}");
            let number = Number::from(1);
            assert_eq!(outcome(name, Given::Number(&number), By::Literal), Err(Wrong::Kind), "{name}");
        }
    }
}
