//! By which names the ledger knows the steps of payments, and where their money comes from; and what always holds between
//! payments, refunds and the ledger.
//!
//! A transfer that belongs to a payment says so by the key of its origin, which starts with the payment's UUID as 32
//! hexadecimal digits: databases can compare that, unlike the ids that people read.

use super::Payment;
use crate::{
    domain::ledger::AccountRef,
    entity::{PaymentId, payment::ProviderKind},
};

pub(crate) use super::sql::RULES;

/// The operation of transfers that record what was taken.
pub(super) const CAPTURE: &str = "payment";
/// The operation of transfers that hold what is to go back.
pub(super) const REFUND_HOLD: &str = "refund";
/// The operation of transfers that take a refund back, which its provider did not do after all; the key is the refund's id.
pub(super) const REFUND_BACK: &str = "refund_back";
/// The operation of transfers that record what couriers brought to the bank.
pub(super) const REMITTANCE: &str = "remittance";

/// The operation of transfers that record what a provider gave back beyond what a payment took.
pub(super) const REFUND_BEYOND: &str = "refund_beyond";

/// The operation of transfers that take that back; the key is the transfer's id.
pub(super) const REFUND_BEYOND_BACK: &str = "refund_beyond_back";

/// The operation of transfers that record what a provider kept for a dispute.
pub(super) const DISPUTE_FEE: &str = "dispute_fee";

/// The operation of transfers that record what providers kept for their work, and paid out.
pub(super) const SETTLEMENT: &str = "settlement";

/// What the keys of a payment's steps start with.
pub(super) fn prefix(id: PaymentId) -> String {
    format!("{}:", id.0.simple())
}

/// The key of the step that brought a payment's total to so much.
pub(super) fn step_key(id: PaymentId, total: i64) -> String {
    format!("{}:{total}", id.0.simple())
}

/// Where the money of a payment comes from, and goes back to.
pub(super) fn source(payment: &Payment) -> AccountRef {
    match (payment.provider, payment.payer_id) {
        (ProviderKind::Wallet, Some(payer)) => AccountRef::Wallet(payer),
        // Their wallet went with their account.
        (ProviderKind::Wallet, None) => AccountRef::Unclaimed,
        (provider, _) => AccountRef::Clearing(provider),
    }
}
