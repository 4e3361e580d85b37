//! What Stripe lists beside charges: refunds, disputes, and what changed our balance; as far as it is read.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Deserialize;

use super::{REFERENCE, Refund, amounts::from_stripe};
use crate::platform::providers::payments::{
    DisputeProgress, ListedRefund, Movement, MovementKind, ToldDispute, exchange::harmless,
};

#[derive(Debug, Deserialize)]
pub(super) struct Refunds {
    pub(super) data: Vec<RefundOfIntent>,
    #[serde(default)]
    pub(super) has_more: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct RefundOfIntent {
    #[serde(flatten)]
    pub(super) refund: Refund,
    amount: i64,
    currency: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl RefundOfIntent {
    pub(super) fn listed(self) -> ListedRefund {
        let amount = from_stripe(self.amount, &self.currency.to_ascii_uppercase());
        let ours = self.metadata.and_then(|mut metadata| metadata.remove(REFERENCE));
        ListedRefund { refund: self.refund.told(), ours, amount }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Disputes {
    pub(super) data: Vec<Dispute>,
}

/// A dispute, as far as it is read (https://docs.stripe.com/api/disputes/object).
#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    id: String,
    status: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    evidence_details: Option<Evidence>,
    #[serde(default)]
    balance_transactions: Vec<Balanced>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    due_by: Option<i64>,
}

/// What became of our balance with Stripe by something.
#[derive(Debug, Deserialize)]
struct Balanced {
    fee: i64,
    currency: String,
}

impl Dispute {
    pub(super) fn told(self) -> ToldDispute {
        let progress = match self.status.as_str() {
            "lost" => DisputeProgress::Lost,
            // An inquiry that came to nothing, or a dispute that was averted.
            "won" | "warning_closed" | "prevented" => DisputeProgress::Won,
            _ => DisputeProgress::Open,
        };
        let fee: i64 = self.balance_transactions.iter().map(|balanced| balanced.fee).sum();
        let currency = self.balance_transactions.first().map(|balanced| balanced.currency.to_ascii_uppercase());
        let fee = currency.filter(|_| fee > 0).map(|currency| (from_stripe(fee, &currency), currency));
        let due = self.evidence_details.and_then(|evidence| evidence.due_by);
        ToldDispute {
            reference: self.id,
            progress,
            amount: from_stripe(self.amount, &self.currency.to_ascii_uppercase()),
            reason: harmless(&self.reason),
            respond_by: due.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            fee,
            is_given_back: false,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct BalancePage {
    pub(super) data: Vec<BalanceTransaction>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// Something that changed our balance, as far as it is read (https://docs.stripe.com/api/balance_transactions/object).
#[derive(Debug, Deserialize)]
pub(super) struct BalanceTransaction {
    pub(super) id: String,
    #[serde(rename = "type")]
    kind: String,
    amount: i64,
    #[serde(default)]
    fee: i64,
    currency: String,
    #[serde(default)]
    reporting_category: String,
}

impl BalanceTransaction {
    pub(super) fn movement(self) -> Option<Movement> {
        // What disputes cost is told with them.
        if self.reporting_category.starts_with("dispute") {
            return None;
        }
        let (kind, amount) = match (self.kind.as_str(), self.amount, self.fee) {
            ("payout", amount, _) => (MovementKind::Payout, -amount),
            ("payout_failure" | "payout_cancel", amount, _) => (MovementKind::PayoutBack, amount),
            ("stripe_fee", amount, _) if amount < 0 => (MovementKind::Fee, -amount),
            ("stripe_fee", amount, _) => (MovementKind::FeeBack, amount),
            (_, _, fee) if fee < 0 => (MovementKind::FeeBack, -fee),
            (_, _, fee) => (MovementKind::Fee, fee),
        };
        let currency = self.currency.to_ascii_uppercase();
        let amount = from_stripe(amount, &currency);
        (amount > 0).then_some(Movement { reference: self.id, kind, amount, currency })
    }
}

/// What Stripe holds for us, as far as it is read (https://docs.stripe.com/api/balance/balance_object).
#[derive(Debug, Deserialize)]
pub(super) struct Balance {
    #[serde(default)]
    available: Vec<Held>,
    #[serde(default)]
    pending: Vec<Held>,
}

#[derive(Debug, Deserialize)]
struct Held {
    amount: i64,
    currency: String,
}

impl Balance {
    pub(super) fn amounts(self) -> Vec<(String, i64)> {
        let amount = |held: Held| {
            let currency = held.currency.to_ascii_uppercase();
            let amount = from_stripe(held.amount, &currency);
            (currency, amount)
        };
        self.available.into_iter().chain(self.pending).map(amount).collect()
    }
}
