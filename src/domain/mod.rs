//! What the rules are. Lower modules know nothing of higher ones:
//! permissions, actor, amounts, states → events, live, jobs, idempotency → messages, codes, export, activity, audit → accounts →
//! auth → profiles → notifications → posts → ledger → wallets → payments → fees → goals → books → alerts → digests,
//! refold, recount, retention, privacy, admin. The list, with what each hands over, is [`DOMAINS`].

pub mod accounts;
pub mod activity;
pub mod actor;
pub mod admin;
pub mod alerts;
pub(crate) mod amounts;
pub mod audit;
pub mod auth;
pub mod books;
pub mod codes;
pub mod digests;
pub mod events;
pub mod export;
pub mod fees;
pub mod goals;
pub mod idempotency;
pub mod jobs;
pub mod ledger;
pub mod live;
pub mod messages;
pub mod notifications;
pub mod payments;
pub mod permissions;
pub mod posts;
pub mod privacy;
pub(crate) mod profiles;
pub mod recount;
pub(crate) mod refold;
pub mod registration;
pub(crate) mod retention;
mod states;
pub mod wallets;

pub use registration::{DOMAINS, Domain};

/// The idempotent outcome of something that an idempotency key makes happen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotent<T> {
    /// The result, in its present state.
    pub value: T,
    /// Whether an earlier call did the work.
    pub replayed: bool,
}
