//! How Stripe counts money (https://docs.stripe.com/currencies).

use crate::platform::providers::payments::{Amount, Failure};

/// Currencies whose amounts Stripe wants a hundredfold, though they have no smaller unit, and one of which it takes whole
/// units only, though it has (https://docs.stripe.com/currencies#special-cases and #zero-decimal).
const HUNDREDFOLD: [&str; 2] = ["ISK", "UGX"];
const WHOLE: &str = "MGA";
/// Currencies of three digits; the last one has to be 0 (https://docs.stripe.com/currencies#three-decimal).
const THREE_DIGITS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// An amount as Stripe counts it. What it can't tell is refused, never rounded.
pub(super) fn to_stripe(amount: &Amount) -> Result<i64, Failure> {
    let refuse = |word: &str| Failure::Refused(word.to_owned());
    let exactly = |divisor: i64| amount.minor % divisor == 0;
    match amount.currency {
        code if HUNDREDFOLD.contains(&code) => amount.minor.checked_mul(100).ok_or_else(|| refuse("amount_too_large")),
        WHOLE if exactly(100) => Ok(amount.minor / 100),
        code if THREE_DIGITS.contains(&code) && exactly(10) => Ok(amount.minor),
        code if code == WHOLE || THREE_DIGITS.contains(&code) => Err(refuse("amount_not_possible")),
        _ if amount.digits > 2 => Err(refuse("currency_not_supported")),
        _ => Ok(amount.minor),
    }
}

/// An amount in minor units, from what Stripe counts.
pub(super) fn from_stripe(amount: i64, currency: &str) -> i64 {
    match currency {
        code if HUNDREDFOLD.contains(&code) => amount / 100,
        WHOLE => amount.saturating_mul(100),
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(minor: i64, currency: &'static str, digits: usize) -> Amount {
        Amount { minor, currency, digits }
    }

    #[test]
    fn amounts_are_told_as_stripe_counts_them_or_not_at_all() {
        for (minor, currency, digits, theirs) in [
            (1250, "USD", 2, 1250),
            (1250, "JPY", 0, 1250),
            (1250, "KRW", 0, 1250),
            (5, "ISK", 0, 500),
            (5, "UGX", 0, 500),
            (500, "MGA", 2, 5),
            (1250, "HUF", 2, 1250),
            (1250, "TWD", 2, 1250),
            (1_230, "KWD", 3, 1230),
            (10, "BHD", 3, 10),
        ] {
            let told = to_stripe(&amount(minor, currency, digits));
            assert_eq!(told, Ok(theirs), "{minor} {currency}");
            assert_eq!(from_stripe(theirs, currency), minor, "{minor} {currency}");
        }
        for (minor, currency, digits, word) in [
            (1_234, "KWD", 3, "amount_not_possible"),
            (1, "TND", 3, "amount_not_possible"),
            (550, "MGA", 2, "amount_not_possible"),
            (1_000, "IQD", 3, "currency_not_supported"),
            (10_000, "CLF", 4, "currency_not_supported"),
            (i64::MAX, "UGX", 0, "amount_too_large"),
        ] {
            let told = to_stripe(&amount(minor, currency, digits));
            assert_eq!(told, Err(Failure::Refused(word.to_owned())), "{minor} {currency}");
        }
    }
}
