//! Currencies and amounts of them: whole minor units, and nothing that could round.

use std::{fmt, str::FromStr};

use sea_orm::DeriveValueType;
use uuid::Uuid;

use super::CurrencyId;

/// A currency of ISO 4217, stored as its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Currency {
    code: &'static str,
    digits: usize,
}

/// Codes in use (list one of ISO 4217, without funds and metals) by the digits behind the point.
const CURRENCIES: &[(usize, &str)] = &[
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC \
         CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR \
         JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD \
         NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN \
         SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG",
    ),
];

impl Currency {
    /// A currency by its code, in capitals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        CURRENCIES.iter().find_map(|(digits, codes)| {
            let code = codes.split_ascii_whitespace().find(|code| *code == text)?;
            Some(Self { code, digits: *digits })
        })
    }

    /// The code, in capitals.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.code
    }

    /// Digits behind the point, the exponent of ISO 4217: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn digits(self) -> usize {
        self.digits
    }

    /// Its id: the letters of its code, as they are in ASCII, at the end of a UUID that is otherwise empty.
    #[must_use]
    pub fn id(self) -> CurrencyId {
        let letters = self.code.bytes().fold(0, |letters, letter| (letters << 8) | u128::from(letter));
        CurrencyId(Uuid::from_u128(letters))
    }

    /// A currency by its id.
    #[must_use]
    pub fn of_id(id: CurrencyId) -> Option<Self> {
        let [rest @ .., first, second, third] = id.0.into_bytes();
        let code = [first, second, third];
        let known = rest.iter().all(|byte| *byte == 0);
        std::str::from_utf8(&code).ok().filter(|_| known).and_then(Self::parse)
    }

    /// Every currency, by code.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = CURRENCIES
            .iter()
            .flat_map(|(digits, codes)| codes.split_ascii_whitespace().map(|code| Self { code, digits: *digits }))
            .collect();
        all.sort_unstable();
        all
    }

    /// An amount in the currency's own number of digits: `12.50`, `1250`, `12.500`.
    #[must_use]
    pub fn format(self, minor: i64) -> String {
        let sign = if minor < 0 { "-" } else { "" };
        let magnitude = format!("{:0>width$}", minor.unsigned_abs(), width = self.digits + 1);
        let (whole, fraction) = magnitude.split_at(magnitude.len() - self.digits);
        let point = if self.digits == 0 { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code)
    }
}

/// Why a text is no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a currency of ISO 4217")]
pub struct NoCurrency;

impl FromStr for Currency {
    type Err = NoCurrency;

    fn from_str(text: &str) -> Result<Self, NoCurrency> {
        Self::parse(text).ok_or(NoCurrency)
    }
}

/// An amount of a currency in minor units (cents, fils …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// How many minor units.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

impl Money {
    /// So many minor units of a currency.
    #[must_use]
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }
}

/// With the currency's own digits and its code: `12.50 USD`.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.currency.format(self.minor), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_s_own_digits_are_written() {
        for (code, minor, text) in [
            ("USD", 1250, "12.50 USD"),
            ("EGP", 7, "0.07 EGP"),
            ("JPY", 1250, "1250 JPY"),
            ("KWD", 12_500, "12.500 KWD"),
            ("USD", -5, "-0.05 USD"),
            ("USD", i64::MIN, "-92233720368547758.08 USD"),
        ] {
            assert_eq!(Money::new(minor, Currency::parse(code).unwrap()).to_string(), text);
        }
        assert_eq!(Currency::parse("usd"), None);
        assert_eq!(Currency::parse("XXX"), None);
        assert!(Currency::all().windows(2).all(|two| two[0] < two[1]));
    }
}
