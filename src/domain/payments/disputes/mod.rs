//! Disputes: payers who take a payment back through their bank, or through the provider.

pub(super) mod booking;
pub(super) mod by_hand;
pub(super) mod rows;
