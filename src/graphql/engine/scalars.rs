//! Scalars of our own: exact decimals, currencies, days, addresses, numbers, countries; and money.

use std::{fmt, ops::Deref};

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value};

pub(crate) use crate::entity::Currency as CurrencyCode;
use crate::{domain::amounts, entity::money, error::Result};

/// An exact decimal number, as a JSON string: `"12.50"`. Numbers are refused, because many clients would round them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal(String);

impl Decimal {
    /// From minor units of a currency.
    #[must_use]
    pub(crate) fn from_minor(minor: i64, currency: CurrencyCode) -> Self {
        Self(currency.format(minor))
    }

    /// Parses `-?digits(.digits)?`; nothing else: no exponent, no sign `+`, no white space, at most 80 characters.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (text.len() <= 80 && digits(whole) && digits(fraction)).then(|| Self(text.to_owned()))
    }

    /// As minor units of a currency with so many digits; `None` when it has more digits or is out of range.
    #[must_use]
    pub(crate) fn to_minor(&self, digits: usize) -> Option<i64> {
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
/// digits, all of which XML Schema's decimals may have, too. JSON numbers are refused, because many programs would round
/// them.
#[Scalar(specified_by_url = "https://www.w3.org/TR/xmlschema-2/#decimal")]
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
#[Scalar(name = "CurrencyCode", specified_by_url = "https://www.iso.org/iso-4217-currency-codes.html")]
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
pub(crate) struct Money {
    /// With the currency's own number of digits: `12.50` USD, `1250` JPY, `12.500` KWD.
    pub amount: Decimal,
    /// The currency's code of ISO 4217.
    pub currency: CurrencyCode,
}

impl Money {
    /// From minor units (cents, fils …).
    #[must_use]
    pub(crate) fn from_minor(minor: i64, currency: CurrencyCode) -> Self {
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
pub(crate) struct MoneyInput {
    /// With no more digits behind the point than the currency has.
    pub amount: Decimal,
    /// The currency's code of ISO 4217.
    pub currency: CurrencyCode,
}

impl MoneyInput {
    /// In minor units; `None` when it has more digits than the currency, or is out of range.
    #[must_use]
    pub(crate) fn minor(&self) -> Option<i64> {
        self.amount.to_minor(self.currency.digits())
    }

    /// As an amount above zero, for the input's field. Codes: INVALID_AMOUNT, AMOUNT_TOO_LARGE.
    pub(crate) fn positive(&self, field: &'static str) -> Result<money::Money> {
        amounts::positive(field, self.minor(), self.currency)
    }
}

/// A day of the Gregorian calendar, as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(chrono::NaiveDate);

impl Date {
    /// Parses `YYYY-MM-DD`, and nothing else.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let day = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        (day.format("%Y-%m-%d").to_string() == text && text.len() == 10).then_some(Self(day))
    }

    /// As the calendar's type.
    #[must_use]
    pub(crate) fn day(self) -> chrono::NaiveDate {
        self.0
    }
}

/// A day without a time, such as a date of birth: `YYYY-MM-DD` (RFC 3339, `full-date`).
#[Scalar(specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339#section-5.6")]
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

/// What `DateTime` says of itself in the graph: the type is the library's, its description shall be ours.
pub(crate) const DATE_TIME: &str = "A moment, as RFC 3339 writes it. The server answers in UTC, with up to six digits behind the \
    second: `2030-12-31T18:00:00.123456+00:00`. Given in any offset, which must not be missing: `2030-12-31T18:00:00Z`, \
    `2030-12-31T20:00:00+02:00`.";

/// Scalars that are texts to the graph. Whether one is what it should be, the domain says, together with whatever else is
/// wrong with the input: a check here would tell of this one alone, and in other codes for what is blank or too long.
pub(crate) const TEXTS: &[&str] = &["CountryCode", "EmailAddress", "PhoneNumber", "URL"];

macro_rules! text_scalar {
    ($(#[$doc:meta])+ $name:ident, $graph_name:tt, $specification:tt) => {
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(String);

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(scalar: $name) -> Self {
                scalar.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        $(#[$doc])+
        #[Scalar(name = $graph_name, specified_by_url = $specification)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => Ok(Self(text)),
                    _ => Err(InputValueError::custom("a string is expected")),
                }
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.clone())
            }
        }
    };
}

text_scalar! {
    /// The address of something in the web, as browsers read it, such as `https://example.org/a.png`. Where one is given,
    /// the mutation judges it and says what is wrong in its `errors`: INVALID, BLANK, TOO_LONG, INVALID_CHARACTERS.
    Url, "URL", "https://url.spec.whatwg.org/"
}

text_scalar! {
    /// An e-mail address, such as `amina@example.org`; letters of all scripts may be in it. Case and white space around it
    /// don't matter where one is given; there the mutation judges it and says what is wrong in its `errors`: INVALID, BLANK,
    /// TOO_LONG, INVALID_CHARACTERS.
    EmailAddress, "EmailAddress", "https://datatracker.ietf.org/doc/html/rfc6531#section-3.3"
}

text_scalar! {
    /// A telephone number. The server answers in E.164, such as `+201001234567`. Given as people write it, with separators
    /// and digits of any script, and where a country is known without the country's code; there the mutation judges it and
    /// says what is wrong in its `errors`: INVALID, BLANK.
    PhoneNumber, "PhoneNumber", "https://www.itu.int/rec/T-REC-E.164"
}

text_scalar! {
    /// A country by its two letters of ISO 3166-1 (alpha-2), such as `EG`; and `XK`, Kosovo. The server answers in capitals.
    /// Given in any case; there the mutation judges it and says what is wrong in its `errors`: INVALID.
    CountryCode, "CountryCode", "https://www.iso.org/iso-3166-country-codes.html"
}

/// A language that messages are written in, by its code of ISO 639-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
#[graphql(remote = "crate::error::Locale")]
pub(crate) enum LanguageCode {
    /// English (`en`).
    #[graphql(name = "EN")]
    English,
    /// Arabic (`ar`), written from right to left.
    #[graphql(name = "AR")]
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

    #[test]
    fn a_text_scalar_takes_every_text_and_nothing_else() {
        for text in ["https://example.org/a.png", "", "nonsense"] {
            assert_eq!(<Url as ScalarType>::parse(text.into()).unwrap().to_value(), Value::from(text));
        }
        assert!(<CountryCode as ScalarType>::parse(Value::from(20)).is_err());
        assert!(<PhoneNumber as ScalarType>::parse(Value::from(201_001_234_567_i64)).is_err());
        assert_eq!(EmailAddress::from("amina@example.org").len(), 17);
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
