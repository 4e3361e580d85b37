//! Refunds: asked for, granted, done. Granted money is held where it is; the provider is called afterwards, and the money moves
//! when it says so, or is let go. What providers and banks took back on their own is booked as refunds, too, whatever our rules
//! say.

pub(super) mod beyond;
pub(super) mod execution;
pub(super) mod failures;
pub(super) mod given_back;
pub(super) mod granting;
pub(super) mod requests;
mod retries;
pub(super) mod rows;
pub(super) mod taken_back;
