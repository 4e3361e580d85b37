//! What the rules are. Lower modules know nothing of higher ones:
//! permissions, actor → events, live, jobs, idempotency → messages, codes, activity → accounts → posts → notifications →
//! digests → demo.

pub mod accounts;
pub mod activity;
pub mod actor;
pub mod codes;
pub mod demo;
pub mod digests;
pub mod events;
pub mod idempotency;
pub mod jobs;
pub mod live;
pub mod messages;
pub mod notifications;
pub mod permissions;
pub mod posts;

/// The outcome of something that an idempotency key makes happen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once<T> {
    /// The result, in its present state.
    pub value: T,
    /// Whether an earlier call did the work.
    pub replayed: bool,
}
