//! What PayPal keeps, pays out and holds, as its transaction search tells it
//! (https://developer.paypal.com/docs/api/transaction-search/v1/), as far as it is read.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amounts::{Money, signed};
use crate::platform::providers::payments::{Holdings, Movement, MovementKind};

#[derive(Debug, Deserialize)]
pub(super) struct Transactions {
    #[serde(default)]
    pub(super) transaction_details: Vec<Detail>,
    #[serde(default)]
    pub(super) total_pages: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Detail {
    transaction_info: Transaction,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    transaction_id: String,
    /// What it is (https://developer.paypal.com/docs/transaction-search/transaction-event-codes/).
    #[serde(default)]
    transaction_event_code: String,
    #[serde(default)]
    transaction_status: String,
    transaction_amount: Option<Money>,
    /// Below zero, what PayPal kept of it.
    fee_amount: Option<Money>,
}

/// To our bank account, back from there, and paid in from it.
const BANK: &[&str] = &["T03", "T04", "T1101"];
/// Fees that belong to no payment, such as for a chargeback, and fees that are given back.
const FEES: &[&str] = &["T01", "T1108", "T1109"];
/// The status of what has happened.
const DONE: &str = "S";

/// What is held for us, as PayPal's report of balances tells it
/// (https://developer.paypal.com/docs/api/transaction-search/v1/#balances_get), as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Balances {
    #[serde(default)]
    balances: Vec<Balance>,
    /// It may be some hours old.
    as_of_time: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct Balance {
    /// What is available, and what is withheld.
    total_balance: Option<Money>,
}

impl Balances {
    pub(super) fn holdings(self) -> Holdings {
        let totals = self.balances.into_iter().filter_map(|balance| balance.total_balance);
        // A currency that is not taken here has nothing of ours.
        let amounts = totals.filter_map(|total| signed(&total).ok().map(|amount| (total.currency_code, amount)));
        Holdings { at: self.as_of_time, amounts: amounts.collect() }
    }
}

impl Detail {
    /// What it changed beside charges and what went back of them: itself, and what PayPal kept of it.
    pub(super) fn movements(&self) -> Vec<Movement> {
        let Transaction { transaction_id: id, transaction_event_code: code, .. } = &self.transaction_info;
        if self.transaction_info.transaction_status != DONE {
            return Vec::new();
        }
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| code.starts_with(prefix));
        let kinds = if starts(BANK) {
            Some((MovementKind::Payout, MovementKind::PayoutBack))
        } else {
            starts(FEES).then_some((MovementKind::Fee, MovementKind::FeeBack))
        };
        let movement = |money: Option<&Money>, (out, back): (MovementKind, MovementKind), reference: String| {
            let money = money?;
            let amount = signed(money).ok().filter(|amount| *amount != 0)?;
            let kind = if amount < 0 { out } else { back };
            Some(Movement { reference, kind, amount: amount.abs(), currency: money.currency_code.clone() })
        };
        let own =
            kinds.and_then(|kinds| movement(self.transaction_info.transaction_amount.as_ref(), kinds, id.clone()));
        // A charge has its fee under its own id.
        let reference = if own.is_some() { format!("{id}-fee") } else { id.clone() };
        let fee =
            movement(self.transaction_info.fee_amount.as_ref(), (MovementKind::Fee, MovementKind::FeeBack), reference);
        own.into_iter().chain(fee).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transaction_tells_what_was_kept_and_paid_out() {
        let told = |code: &str, amount: &str, fee: Option<&str>| {
            let money = |value: &str| json!({ "currency_code": "USD", "value": value });
            let detail = json!({ "transaction_info": {
                "transaction_id": "T",
                "transaction_event_code": code,
                "transaction_status": "S",
                "transaction_amount": money(amount),
                "fee_amount": fee.map(money),
            } });
            let detail: Detail = serde_json::from_value(detail).unwrap();
            detail.movements().into_iter().map(|told| (told.reference, told.kind, told.amount)).collect::<Vec<_>>()
        };
        let one = |reference: &str, kind, amount| vec![(reference.to_owned(), kind, amount)];
        assert_eq!(told("T0006", "10.00", Some("-0.59")), one("T", MovementKind::Fee, 59));
        assert_eq!(told("T1107", "-10.00", Some("0.59")), one("T", MovementKind::FeeBack, 59));
        assert_eq!(told("T0400", "-100.00", None), one("T", MovementKind::Payout, 10_000));
        assert_eq!(told("T1101", "100.00", None), one("T", MovementKind::PayoutBack, 10_000));
        assert_eq!(told("T0300", "100.00", None), one("T", MovementKind::PayoutBack, 10_000));
        assert_eq!(told("T0106", "-20.00", None), one("T", MovementKind::Fee, 2_000));
        assert_eq!(
            told("T0403", "-100.00", Some("-1.00")),
            [one("T", MovementKind::Payout, 10_000), one("T-fee", MovementKind::Fee, 100)].concat()
        );
        assert_eq!(told("T0006", "10.00", None), []);
        assert_eq!(told("T0006", "10.00", Some("nonsense")), []);
    }
}
