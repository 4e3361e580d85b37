//! Disputes at PayPal (https://developer.paypal.com/docs/api/customer-disputes/v1/), as far as they are read.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::amounts::{Money, from_paypal};
use crate::platform::providers::payments::{DisputeProgress, Failure, ToldDispute, exchange::harmless};

#[derive(Debug, Deserialize)]
pub(super) struct Disputes {
    #[serde(default)]
    pub(super) items: Vec<DisputeItem>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DisputeItem {
    pub(super) dispute_id: String,
}

/// A dispute, as far as it is read (https://developer.paypal.com/docs/api/customer-disputes/v1/).
#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    dispute_id: String,
    #[serde(default)]
    reason: String,
    status: String,
    dispute_amount: Money,
    dispute_outcome: Option<DisputeOutcome>,
    seller_response_due_date: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct DisputeOutcome {
    #[serde(default)]
    outcome_code: String,
}

impl Dispute {
    /// Where PayPal gives the payer the money, it says so by a refund or a reversal of the capture.
    pub(super) fn told(self) -> Result<ToldDispute, Failure> {
        let outcome = self.dispute_outcome.map(|outcome| outcome.outcome_code).unwrap_or_default();
        let progress = match (self.status.as_str(), outcome.as_str()) {
            ("RESOLVED", "RESOLVED_BUYER_FAVOUR" | "ACCEPTED") => DisputeProgress::Lost,
            ("RESOLVED", _) => DisputeProgress::Won,
            _ => DisputeProgress::Open,
        };
        Ok(ToldDispute {
            amount: from_paypal(&self.dispute_amount)?,
            reason: harmless(&self.reason),
            reference: self.dispute_id,
            progress,
            respond_by: self.seller_response_due_date,
            fee: None,
            is_given_back: true,
        })
    }
}
