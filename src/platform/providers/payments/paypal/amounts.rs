//! How PayPal writes money: decimal texts, with the digits that PayPal gives a currency.

use serde::{Deserialize, Serialize};

use crate::platform::providers::payments::{Amount, Failure};

/// Currencies that PayPal takes, with two digits, and without any
/// (https://developer.paypal.com/api/rest/reference/currency-codes/).
const TWO_DIGITS: &str = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD";
const NO_DIGITS: &str = "HUF JPY TWD";

/// An amount as PayPal writes it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Money {
    pub(super) currency_code: String,
    pub(super) value: String,
}

/// How many digits a currency has with PayPal, and how many with us.
fn digits(currency: &str) -> Option<(usize, usize)> {
    let is_in = |list: &str| list.split(' ').any(|code| code == currency);
    match currency {
        "JPY" => Some((0, 0)),
        _ if is_in(NO_DIGITS) => Some((0, 2)),
        _ if is_in(TWO_DIGITS) => Some((2, 2)),
        _ => None,
    }
}

/// An amount as PayPal writes it. What it can't tell is refused, never rounded.
pub(super) fn to_paypal(amount: &Amount) -> Result<Money, Failure> {
    let refuse = |word: &str| Failure::Refused(word.to_owned());
    let (theirs, ours) = digits(amount.currency).ok_or_else(|| refuse("currency_not_supported"))?;
    let value = match (theirs, ours) {
        (0, 2) if amount.minor % 100 != 0 => return Err(refuse("amount_not_possible")),
        (0, 2) => (amount.minor / 100).to_string(),
        (0, _) => amount.minor.to_string(),
        _ => format!("{}.{:02}", amount.minor / 100, amount.minor % 100),
    };
    Ok(Money { currency_code: amount.currency.to_owned(), value })
}

/// An amount in minor units, from what PayPal writes: digit by digit.
pub(super) fn from_paypal(money: &Money) -> Result<i64, Failure> {
    let strange = || Failure::Unavailable("an amount that can't be understood".to_owned());
    let (_, ours) = digits(&money.currency_code).ok_or_else(strange)?;
    let (whole, fraction) = money.value.split_once('.').unwrap_or((&money.value, ""));
    let fraction = if ours == 0 { fraction.trim_end_matches('0') } else { fraction };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > ours || !is_number(whole) || !is_number(fraction) {
        return Err(strange());
    }
    format!("{whole}{fraction:0<ours$}").parse().map_err(|_| strange())
}

/// The same of an amount that may be below zero.
pub(super) fn signed(money: &Money) -> Result<i64, Failure> {
    let Some(value) = money.value.strip_prefix('-') else { return from_paypal(money) };
    let positive = Money { currency_code: money.currency_code.clone(), value: value.to_owned() };
    from_paypal(&positive).map(|amount| -amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(value: &str, currency: &str) -> Money {
        Money { currency_code: currency.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn amounts_are_written_in_the_currency_s_digits_or_not_at_all() {
        for (minor, currency, digits, value) in [
            (1250, "USD", 2, "12.50"),
            (5, "EUR", 2, "0.05"),
            (1250, "JPY", 0, "1250"),
            (125_000, "HUF", 2, "1250"),
            (100, "TWD", 2, "1"),
        ] {
            let told = to_paypal(&Amount { minor, currency, digits }).unwrap();
            assert_eq!(told.value, value);
            assert_eq!(from_paypal(&told), Ok(minor), "{value} {currency}");
        }
        for (minor, currency) in [(150, "TWD"), (1, "HUF"), (100, "EGP"), (100, "KWD")] {
            assert!(to_paypal(&Amount { minor, currency, digits: 2 }).is_err(), "{minor} {currency}");
        }
        for (value, currency, minor) in
            [("12.5", "USD", 1250), ("12", "USD", 1200), ("7.00", "JPY", 7), ("1.50", "HUF", 150)]
        {
            assert_eq!(from_paypal(&money(value, currency)), Ok(minor), "{value} {currency}");
        }
        for value in ["", "1.234", "-1.00", "1e3", "1,00", ".5", "NaN", "99999999999999999999.00"] {
            assert!(from_paypal(&money(value, "USD")).is_err(), "{value}");
        }
        assert!(from_paypal(&money("1.5", "JPY")).is_err());
    }
}
