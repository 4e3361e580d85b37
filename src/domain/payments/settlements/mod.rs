//! What providers hold for us, keep and pay out; and whether what they say goes with our books.

pub(super) mod holdings;
pub(super) mod movements;
pub(super) mod reconcile;
