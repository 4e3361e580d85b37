//! The settings of payments: which providers there are, and how each knows us.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use url::Url;

use super::{messages::address, reader::Reader};

/// An account at Stripe.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct StripeAccount {
    pub public_key: String,
    pub secret_key: SecretString,
    pub webhook_secret: SecretString,
    pub url: Url,
}

/// An account at PayPal.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct PaypalAccount {
    pub client_id: String,
    pub client_secret: SecretString,
    pub webhook_id: String,
    pub url: Url,
}

/// An account at Paymob.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct PaymobAccount {
    pub public_key: String,
    pub secret_key: SecretString,
    /// `None`: the secret key asks about transactions, too.
    pub api_key: Option<SecretString>,
    pub hmac_secret: SecretString,
    pub integration_ids: Vec<i64>,
    pub url: Url,
}

/// By whom payments are taken, how long they wait, and the fees.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct Payments {
    pub sandbox: bool,
    pub stripe: Option<StripeAccount>,
    pub paypal: Option<PaypalAccount>,
    pub paymob: Option<PaymobAccount>,
    pub cash_on_delivery: bool,
    /// `None`: bank transfers are not offered.
    pub bank_account: Option<String>,
    pub bank_transfer_time: Duration,
    pub payment_time: Duration,
    pub webhook_retention: Duration,
    pub check_time: Duration,
    /// `None`: nothing is compared.
    pub reconcile_time: Option<TimeDelta>,
    pub reconcile_balances: bool,
    /// In millionths, as all three fees: 7.5 % is 75,000.
    pub fee_marketplace: i64,
    pub fee_digital: i64,
    pub fee_goal: i64,
    /// The fail point at which whoever reaches it stands still; development only.
    pub stop_at_step: Option<String>,
}

/// Reads the settings of payments.
pub(super) fn payments(r: &mut Reader, production: bool) -> Payments {
    let sandbox = r.flag("PAYMENT_SANDBOX", if production { "false" } else { "true" });
    if production && sandbox {
        r.problem("PAYMENT_SANDBOX", "production refuses the sandbox: its money is not real");
    }
    let stop_at_step = Some(r.text("STOP_AT_STEP")).filter(|name| !name.is_empty());
    if production && stop_at_step.is_some() {
        r.problem("STOP_AT_STEP", "production refuses it: it is for the project's own tests");
    }
    Payments {
        sandbox,
        stripe: together(r, &["STRIPE_SECRET_KEY", "STRIPE_PUBLIC_KEY", "STRIPE_WEBHOOK_SECRET"]).then(|| {
            StripeAccount {
                public_key: r.text("STRIPE_PUBLIC_KEY"),
                secret_key: r.text("STRIPE_SECRET_KEY").into(),
                webhook_secret: r.text("STRIPE_WEBHOOK_SECRET").into(),
                url: address(r, "STRIPE_API_URL", production).unwrap_or_else(super::fallback_url),
            }
        }),
        paypal: together(r, &["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"]).then(|| {
            PaypalAccount {
                client_id: r.text("PAYPAL_CLIENT_ID"),
                client_secret: r.text("PAYPAL_CLIENT_SECRET").into(),
                webhook_id: r.text("PAYPAL_WEBHOOK_ID"),
                url: address(r, "PAYPAL_API_URL", production).unwrap_or_else(super::fallback_url),
            }
        }),
        paymob: together(
            r,
            &["PAYMOB_SECRET_KEY", "PAYMOB_PUBLIC_KEY", "PAYMOB_HMAC_SECRET", "PAYMOB_INTEGRATION_IDS"],
        )
        .then(|| PaymobAccount {
            public_key: r.text("PAYMOB_PUBLIC_KEY"),
            secret_key: r.text("PAYMOB_SECRET_KEY").into(),
            api_key: Some(r.text("PAYMOB_API_KEY")).filter(|text| !text.is_empty()).map(Into::into),
            hmac_secret: r.text("PAYMOB_HMAC_SECRET").into(),
            integration_ids: r.parsed_list("PAYMOB_INTEGRATION_IDS", "whole numbers"),
            url: address(r, "PAYMOB_API_URL", production).unwrap_or_else(super::fallback_url),
        }),
        cash_on_delivery: r.flag("CASH_ON_DELIVERY", "false"),
        bank_account: Some(r.text("BANK_TRANSFER_ACCOUNT")).filter(|text| !text.is_empty()),
        bank_transfer_time: r.days("BANK_TRANSFER_DAYS", 1, 90),
        payment_time: Duration::from_secs(3600 * r.number::<u64>("PAYMENT_EXPIRY_HOURS", 1, 720)),
        webhook_retention: r.days("WEBHOOK_RETENTION_DAYS", 1, 3650),
        reconcile_time: Some(r.number("RECONCILE_DAYS", 0, 366)).filter(|days| *days > 0).map(TimeDelta::days),
        reconcile_balances: r.flag("RECONCILE_BALANCES", "true"),
        check_time: Duration::from_secs(r.number("PAYMENT_CHECK_SECONDS", 1, 3600)),
        fee_marketplace: percentage(r, "FEE_MARKETPLACE"),
        fee_digital: percentage(r, "FEE_DIGITAL"),
        fee_goal: percentage(r, "FEE_GOAL"),
        stop_at_step,
    }
}

/// Whether all of them are given; a problem when only some are.
fn together(r: &mut Reader, names: &[&str]) -> bool {
    let missing: Vec<&str> = names.iter().copied().filter(|name| r.is_empty(name)).collect();
    if missing.is_empty() {
        return true;
    }
    if missing.len() < names.len() {
        for name in missing {
            r.problem(name, &format!("given all or none: {}", names.join(", ")));
        }
    }
    false
}

/// A percentage such as `7.5`, in millionths; exact, with at most four decimals.
fn percentage(r: &mut Reader, name: &str) -> i64 {
    let text = r.text(name);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = (!whole.is_empty() && whole.len() <= 3 && fraction.len() <= 4 && digits(whole) && digits(fraction))
        .then(|| format!("{whole}{fraction:0<4}").parse::<i64>().ok())
        .flatten();
    parsed.filter(|millionths| *millionths <= 1_000_000).unwrap_or_else(|| {
        r.problem(name, "expected a percentage from 0 to 100 with at most four decimals, such as 7.5");
        0
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Config;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let values: BTreeMap<_, _> = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Config::from_values(values).map_err(|problems| problems.to_string())
    }

    #[test]
    fn percentages_are_exact() {
        for (text, millionths) in [("7.5", 75_000), ("10", 100_000), ("0", 0), ("100", 1_000_000), ("0.0001", 1)] {
            assert_eq!(read(&[("FEE_DIGITAL", text)]).unwrap().payments.fee_digital, millionths, "{text}");
        }
        for bad in ["-1", "101", "7,5", "1e1", "0.00001", "NaN", "."] {
            assert!(read(&[("FEE_DIGITAL", bad)]).unwrap_err().contains("FEE_DIGITAL"), "{bad}");
        }
    }

    #[test]
    fn a_provider_is_configured_wholly_or_not_at_all() {
        let config = read(&[]).unwrap().payments;
        assert!(config.sandbox && config.stripe.is_none() && config.paypal.is_none() && config.paymob.is_none());
        let problems = read(&[("STRIPE_SECRET_KEY", "s3cret")]).unwrap_err();
        assert!(problems.contains("STRIPE_WEBHOOK_SECRET") && !problems.contains("s3cret"), "{problems}");
        let stripe = [
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("STRIPE_PUBLIC_KEY", "pk_test_1"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
        ];
        assert_eq!(read(&stripe).unwrap().payments.stripe.unwrap().url.as_str(), "https://api.stripe.com/");
    }
}
