//! Payments: money that people pay for something here, by whatever provider, and refunds.
//!
//! Owns `payments`, `payment_events`, `refunds`, `payment_disputes`, `payment_proposals`, `payment_methods`, `payment_customers` and
//! `webhook_events`. Always holds:
//! what was captured has been settled, with the ledger and with what the payment is for, in the transaction that recorded
//! it; what was refunded alike; and `refunded + refunding` is never above `captured` (the database checks it).
//!
//! The way of a payment: it is **opened** in a transaction (reserve, commit); **started** by telling the provider, whose
//! idempotency key is the payment's id; and every answer, whether of the start, of a confirmation, of a webhook or of the
//! sweeper's question, goes through **one** function, [`complete::complete`], which locks, compares and records. No provider
//! is called inside a transaction. Whoever dies between two steps is followed by the sweeper, which asks about every
//! payment that is not at its end.
//!
//! What a payment is for is none of this module's business: see [`target`], the port.

mod cancel;
pub mod complete;
mod deposits;
mod dispute_rows;
mod disputes;
mod disputes_by_hand;
mod drive;
mod given_back;
mod holdings;
mod jobs;
mod methods;
mod notices;
mod offline;
mod open;
mod privacy;
mod proposals;
mod queries;
mod receipts;
mod reconcile;
mod refund_failures;
mod refund_requests;
mod refund_rows;
mod refunds;
mod registration;
mod rows;
mod rules;
mod settlements;
mod staff;
mod sweep;
pub mod target;
mod webhooks;

use crate::{
    entity::{PaymentId, payment},
    error::{Error, UserError, UserErrorCode},
};

pub use cancel::{admin_payment_cancel, payment_cancel};
pub use deposits::{Deposits, WalletDeposit, wallet_deposit};
pub use dispute_rows::{
    DISPUTE_SORT, DisputeFilter, DisputeOfPayment, dispute_cursor, disputes, disputes_by_id, disputes_by_payment,
};
pub use disputes_by_hand::{DisputeSaid, admin_dispute_record};
pub use drive::{confirm, refresh, start};
pub use holdings::Disagreement;
pub(crate) use jobs::SendReceipt;
pub use methods::{
    MethodAdd, payment_method_add, payment_method_remove, payment_method_set_default, payment_methods,
    payment_methods_by_id,
};
pub use notices::{RefundDecided, RefundRequested};
pub use offline::{
    MoneyReceived, admin_payment_collect, admin_payment_confirm, admin_payment_remit, admin_refund_complete,
    admin_refund_fail, payment_proof_add,
};
pub use open::{NewPayment, Offer, Payer, Started, claimant, guest_token, offers, open_in, pay_at_once_in, started};
pub use proposals::awaited;
pub use queries::{
    Access, PaymentFilter, SORT, cursor, events_by_payment, find, follow, get, next_action, payments, payments_by_id,
    stream_head,
};
pub use reconcile::{Comparison, reconcile};
pub use refund_requests::{RefundAsk, payment_refund, refund_decide, refund_request};
pub use refund_rows::{
    REFUND_SORT, RefundFilter, RefundOfPayment, refund_cursor, refunds, refunds_by_id, refunds_by_payment,
};
pub use refunds::{REMEMBERED, grant_in};
pub(crate) use registration::DOMAIN;
pub use settlements::{ProviderSettlement, provider_settlement_record, settle};
pub use sweep::{tend, tend_to};
pub use target::{Settlement, Target};
pub use webhooks::{Received, receive};

/// A payment: a row of `payments`.
pub type Payment = payment::Model;

fn not_found() -> Error {
    UserError::input("id", UserErrorCode::NotFound).into()
}

/// The provider's own words, cut to what a column takes.
fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What a payment is called in the ledger.
fn reference(id: PaymentId) -> String {
    id.to_string()
}
