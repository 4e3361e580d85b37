//! The settings of wallets: which currencies there are, and how much goes out how easily.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::reader::Reader;
use crate::entity::Currency;

/// Currencies of wallets, and when money leaves them.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct Wallets {
    /// Empty: every one.
    pub currencies: Vec<Currency>,
    pub withdrawal_minimums: Amounts,
    pub withdrawal_daily_limits: Amounts,
    pub withdrawal_request_time: TimeDelta,
    pub second_person_above: Amounts,
}

impl Wallets {
    /// Whether money of this currency comes into wallets here.
    #[must_use]
    pub(crate) fn takes(&self, currency: Currency) -> bool {
        self.currencies.is_empty() || self.currencies.contains(&currency)
    }
}

/// An amount for each of some currencies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts(BTreeMap<Currency, i64>);

impl Amounts {
    /// The amount of a currency, in minor units; `None` where it is not listed.
    #[must_use]
    pub fn of(&self, currency: Currency) -> Option<i64> {
        self.0.get(&currency).copied()
    }
}

/// Reads the settings of wallets.
pub(super) fn wallets(r: &mut Reader) -> Wallets {
    let all = r.text("WALLET_CURRENCIES") == "all";
    Wallets {
        currencies: if all { Vec::new() } else { r.parsed_list("WALLET_CURRENCIES", "all, or codes of ISO 4217") },
        withdrawal_minimums: amounts(r, "WITHDRAWAL_MINIMUMS"),
        withdrawal_daily_limits: amounts(r, "WITHDRAWAL_DAILY_LIMITS"),
        withdrawal_request_time: TimeDelta::days(r.number("WITHDRAWAL_REQUEST_DAYS", 1, 3650)),
        second_person_above: amounts(r, "SECOND_PERSON_ABOVE"),
    }
}

/// A list such as `USD 10,EGP 100.50`; `none` for an empty one, because an empty text stands for the default.
fn amounts(r: &mut Reader, name: &str) -> Amounts {
    let mut found = BTreeMap::new();
    for item in r.list(name).into_iter().filter(|item| item != "none") {
        match amount(&item) {
            Some((currency, minor)) if !found.contains_key(&currency) => drop(found.insert(currency, minor)),
            _ => r.problem(name, "expected none, or a list such as USD 10,EGP 100.50, each currency once"),
        }
    }
    Amounts(found)
}

fn amount(item: &str) -> Option<(Currency, i64)> {
    let (code, amount) = item.split_once(char::is_whitespace)?;
    let currency = Currency::parse(code)?;
    let (whole, fraction) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > currency.digits() {
        return None;
    }
    let minor = format!("{whole}{fraction:0<width$}", width = currency.digits()).parse().ok()?;
    Some((currency, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_no_more_decimals_than_their_currency() {
        let currency = |code| Currency::parse(code).unwrap();
        for (text, code, minor) in
            [("USD 10", "USD", 1000), ("KWD 1.5", "KWD", 1500), ("JPY 100", "JPY", 100), ("EGP  0.05", "EGP", 5)]
        {
            assert_eq!(amount(text), Some((currency(code), minor)), "{text}");
        }
        for bad in ["USD", "USD ", "USD -1", "USD 1.001", "JPY 1.5", "XXX 1", "USD 1e3", "USD NaN", "usd 1"] {
            assert_eq!(amount(bad), None, "{bad}");
        }
    }
}
