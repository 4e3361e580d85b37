//! Scalars of our own: exact decimals, currencies, money.

use std::fmt;

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value};

pub use crate::entity::Currency as CurrencyCode;
use crate::{domain::amounts, entity::money, error::Result};

/// An exact decimal number, as a JSON string: `"12.50"`. Numbers are refused, because many clients would round them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(String);

impl Decimal {
    /// From minor units of a currency.
    #[must_use]
    pub fn from_minor(minor: i64, currency: CurrencyCode) -> Self {
        Self(currency.format(minor))
    }

    /// Parses `-?digits(.digits)?`; nothing else: no exponent, no sign `+`, no white space, at most 80 characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (text.len() <= 80 && digits(whole) && digits(fraction)).then(|| Self(text.to_owned()))
    }

    /// As minor units of a currency with so many digits; `None` when it has more digits or is out of range.
    #[must_use]
    pub fn to_minor(&self, digits: usize) -> Option<i64> {
        let (negative, unsigned) = self.0.strip_prefix('-').map_or((false, self.0.as_str()), |rest| (true, rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        if fraction.len() > digits {
            return None;
        }
        let text = format!("{}{whole}{fraction:0<digits$}", if negative { "-" } else { "" });
        text.parse().ok()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An exact decimal number as a string, such as `"12.50"`: an optional minus, digits, and optionally a point and
/// digits. JSON numbers are refused, because many programs would round them.
#[Scalar]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => {
                Self::parse(text).ok_or_else(|| InputValueError::custom("a decimal is a string such as \"12.50\""))
            }
            _ => Err(InputValueError::custom("a decimal is a string such as \"12.50\", not a number")),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A currency by its ISO 4217 code in capitals, such as `USD`, `EGP`, `JPY`.
#[Scalar(name = "CurrencyCode")]
impl ScalarType for CurrencyCode {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Self::parse(text)
                .ok_or_else(|| InputValueError::custom("an ISO 4217 currency code such as USD is expected")),
            _ => Err(InputValueError::custom("an ISO 4217 currency code such as USD is expected")),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.as_str().to_owned())
    }
}

/// An amount of a currency, exact.
#[derive(Debug, Clone, SimpleObject)]
pub struct Money {
    /// With the currency's own number of digits: `12.50` USD, `1250` JPY, `12.500` KWD.
    pub amount: Decimal,
    /// Which currency.
    pub currency: CurrencyCode,
}

impl Money {
    /// From minor units (cents, fils …).
    #[must_use]
    pub fn from_minor(minor: i64, currency: CurrencyCode) -> Self {
        Self { amount: Decimal::from_minor(minor, currency), currency }
    }
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self::from_minor(money.minor, money.currency)
    }
}

/// An amount of a currency, as it is given.
#[derive(Debug, Clone, async_graphql::InputObject)]
pub struct MoneyInput {
    /// With no more digits behind the point than the currency has.
    pub amount: Decimal,
    /// Which currency.
    pub currency: CurrencyCode,
}

impl MoneyInput {
    /// In minor units; `None` when it has more digits than the currency, or is out of range.
    #[must_use]
    pub fn minor(&self) -> Option<i64> {
        self.amount.to_minor(self.currency.digits())
    }

    /// As an amount above zero, for the input's field. Codes: INVALID_AMOUNT, AMOUNT_TOO_LARGE.
    pub fn positive(&self, field: &'static str) -> Result<money::Money> {
        amounts::positive(field, self.minor(), self.currency)
    }
}

/// A day of the Gregorian calendar, as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(chrono::NaiveDate);

impl Date {
    /// Parses `YYYY-MM-DD`, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        (day.format("%Y-%m-%d").to_string() == text && text.len() == 10).then_some(Self(day))
    }

    /// The day.
    #[must_use]
    pub fn day(self) -> chrono::NaiveDate {
        self.0
    }
}

/// A day without a time, such as a date of birth: `YYYY-MM-DD` (RFC 3339, `full-date`).
#[Scalar]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Self::parse(text),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom("a date is a string such as \"2001-12-31\""))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// A language that messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "crate::error::Locale", name = "Locale")]
pub enum LocaleName {
    /// English.
    English,
    /// Arabic.
    Arabic,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_plain_decimals_are_read() {
        for bad in ["", "1e5", "NaN", "+1", " 1", "1.", ".5", "1,5", "--1", "0x1", "١"] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
        assert!(<Decimal as ScalarType>::parse(Value::from(1.5)).is_err());
        assert_eq!(Decimal::parse("0.001").unwrap().to_minor(2), None);
        assert_eq!(Decimal::parse("99999999999999999999").unwrap().to_minor(2), None);
        assert_eq!(Decimal::parse("-92233720368547758.08").unwrap().to_minor(2), Some(i64::MIN));
    }

    #[test]
    fn a_date_is_a_day_that_exists() {
        assert_eq!(Date::parse("2000-02-29").unwrap().to_value(), Value::from("2000-02-29"));
        for bad in ["", "2001-02-29", "2001-2-3", "01-02-2003", "2001-01-01T00:00:00Z", " 2001-01-01", "+2001-01-01"] {
            assert!(Date::parse(bad).is_none(), "{bad}");
        }
        assert!(<Date as ScalarType>::parse(Value::from(20_010_101)).is_err());
    }

    proptest! {
        #[test]
        fn minor_units_survive_the_round_trip(minor: i64, code in prop::sample::select(vec!["USD", "EGP", "JPY", "KWD"])) {
            let currency = CurrencyCode::parse(code).unwrap();
            let decimal = Decimal::from_minor(minor, currency);
            prop_assert_eq!(decimal.to_minor(currency.digits()), Some(minor));
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Some(decimal));
        }
    }
}
