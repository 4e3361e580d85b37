//! The way of a payment: opened in a transaction, started at its provider, gone on with by whatever that says, to its end.

pub(super) mod cancel;
pub mod complete;
pub(super) mod deposits;
pub(super) mod drive;
pub(super) mod next_actions;
pub(super) mod open;
pub(super) mod sweep;
pub(super) mod webhooks;
