//! The way of a payment: opened in a transaction, started at its provider, gone on with by whatever that says, to its end.

pub(super) mod cancel;
pub(super) mod charges;
pub mod complete;
pub(super) mod deposits;
pub(super) mod next_actions;
pub(super) mod open;
pub(super) mod poll;
pub(super) mod webhooks;
