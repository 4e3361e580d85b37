//! Payments: money that people pay for something here, by whatever provider, and refunds.
//!
//! Owns `payments`, `payment_events`, `refunds`, `payment_disputes`, `payment_proposals`, `payment_methods`, `payment_customers` and
//! `webhook_events`. Always holds:
//! what was captured has been settled, with the ledger and with what the payment is for, in the transaction that recorded
//! it; what was refunded alike; and `refunded + refunding` is never above `captured` (the database checks it).
//!
//! The way of a payment: it is **opened** in a transaction (reserve, commit); **started** by telling the provider, whose
//! idempotency key is the payment's id; and every answer, whether of the start, of a confirmation, of a webhook or of the
//! poll, goes through **one** function, [`complete::complete`], which locks, compares and records. No provider
//! is called inside a transaction. Whoever dies between two steps is followed by the poll, which asks about every
//! payment that is not at its end.
//!
//! What a payment is for is none of this module's business: see [`target`], the port.
//!
//! Files and folders use those that stand before them: rows, names in the ledger, sums and providers; reading; saved ways to
//! pay; `refunds`, which hold and move what goes back; `disputes`; `processing`, which goes on with a payment by what its
//! provider says; `offline`, where people say it; `settlements`, which compare all of it with what providers say.

mod disputes;
mod gateways;
mod jobs;
mod methods;
mod notices;
mod offline;
mod payers;
mod privacy;
mod processing;
mod queries;
mod receipts;
mod refunds;
mod registration;
mod rows;
mod rules;
mod settlements;
mod sql;
mod staff;
mod sums;
pub mod target;

use crate::{
    entity::{PaymentId, payment},
    error::{Error, State, UserError, UserErrorCode},
};

pub(crate) use disputes::{
    by_hand::{DisputeSaid, admin_dispute_record},
    rows::{
        DISPUTE_SORT, DisputeFilter, DisputeOfPayment, dispute_cursor, disputes, disputes_by_id, disputes_by_payment,
    },
};
pub(crate) use gateways::{Offer, offers};
pub(crate) use jobs::SendReceipt;
pub(crate) use methods::{
    MethodAdd, payment_method_add, payment_method_remove, payment_method_set_default, payment_methods,
    payment_methods_by_id,
};
pub(crate) use notices::{RefundDecided, RefundRequested};
pub(crate) use offline::{
    payments::{MoneyReceived, admin_payment_collect, admin_payment_confirm, admin_payment_remit, payment_proof_add},
    proposals::awaited,
    refunds::{admin_refund_complete, admin_refund_fail},
};
pub use payers::Payer;
pub(crate) use payers::claimant;
pub(crate) use processing::{
    cancel::admin_payment_cancel, cancel::payment_cancel, charges::confirm, deposits::WalletDeposit,
    deposits::wallet_deposit, next_actions::next_action, open::pay_at_once_in, webhooks::Received, webhooks::receive,
};
pub use processing::{
    charges::Started, charges::refresh, charges::started, complete, open::NewPayment, open::open_in, poll::poll_all,
};
pub(crate) use queries::{
    Access, PaymentFilter, SORT, cursor, events_by_payment, find, follow, get, payments, payments_by_id,
};
pub(crate) use refunds::{
    execution::REMEMBERED,
    granting::grant_in,
    requests::{RefundAsk, payment_refund, refund_decide, refund_request},
    rows::{REFUND_SORT, RefundFilter, RefundOfPayment, refund_cursor, refunds, refunds_by_id, refunds_by_payment},
};
pub(crate) use registration::DOMAIN;
pub(crate) use settlements::movements::{ProviderSettlement, provider_settlement_record};
pub use settlements::{holdings::Disagreement, movements::settle, reconcile::Comparison, reconcile::reconcile};
pub use target::{Settlement, Target};

/// A payment: a row of `payments`.
pub(crate) type Payment = payment::Model;

fn not_found() -> Error {
    UserError::input("id", UserErrorCode::NotFound).into()
}

fn wrong_state(state: impl Into<State>) -> Error {
    UserError::input("id", UserErrorCode::WrongState).with("state", state.into()).into()
}

/// The provider's own words, cut to what a column takes.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What a payment is called in the ledger.
fn reference(id: PaymentId) -> String {
    id.to_string()
}
