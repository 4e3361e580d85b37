//! Everybody's share of the database: how much of it one client may use at once, so that nobody holds all connections.
//!
//! Whom work is done for is known where an operation begins, and asked where a statement does: it goes along with the task.
//! A turn is held from asking the pool for a connection until the answer is there, or to the end of a transaction, and never
//! while anything waits for a client. What is done for nobody, as by the worker, waits for no turn.

use std::{hash::Hash, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::memory::Shared;
use crate::{
    catalogue::Text,
    error::{Code, Refusal, Result},
};

tokio::task_local! {
    static SHARE: Share;
}

/// The shares of all, by who they are.
#[derive(Debug)]
pub struct Shares<K> {
    turns: Shared<K>,
    size: usize,
    patience: Duration,
}

/// What somebody may use at once.
#[derive(Debug, Clone)]
pub struct Share {
    turns: Arc<Semaphore>,
    size: usize,
    patience: Duration,
}

impl<K: Eq + Hash> Shares<K> {
    /// So many connections each, for which one waits so long.
    #[must_use]
    pub fn new(size: usize, patience: Duration) -> Self {
        Self { turns: Shared::default(), size, patience }
    }

    /// The share of somebody, the same however many operations they have under way.
    #[must_use]
    pub fn of(&self, client: K) -> Share {
        let turns = self.turns.get_or_insert(client, || Semaphore::new(self.size));
        Share { turns, size: self.size, patience: self.patience }
    }

    /// Forgets whoever has nothing under way.
    pub fn forget_unused(&self) {
        self.turns.forget_unused();
    }
}

impl Share {
    /// Does work on this account.
    pub fn pays_for<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        SHARE.scope(self, work)
    }
}

/// A turn to use a connection, to be held as long as it is used: RATE_LIMITED, when there was none for too long, because what
/// the client asked for before still runs.
pub(super) async fn turn() -> Result<Option<OwnedSemaphorePermit>> {
    let Ok(Share { turns, size, patience }) = SHARE.try_with(Clone::clone) else { return Ok(None) };
    if let Ok(turn) = Arc::clone(&turns).try_acquire_owned() {
        return Ok(Some(turn));
    }
    // Boxed: it is seldom needed, and would make the future of every statement larger.
    if let Ok(Ok(turn)) = Box::pin(tokio::time::timeout(patience, turns.acquire_owned())).await {
        return Ok(Some(turn));
    }
    let refusal = Refusal::of(Code::RateLimited, Text::TooMuchAtOnce).with("retryAfter", 1);
    Err(refusal.with("policy", "database").with("limit", size).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_waits_for_its_own_and_nobody_for_others() {
        let shares = Shares::new(2, Duration::from_millis(20));
        let (one, other) = ("amina", "badr");
        let first = shares.of(one).pays_for(turn()).await.unwrap();
        let second = shares.of(one).pays_for(turn()).await.unwrap();
        let refused = shares.of(one).pays_for(turn()).await.unwrap_err();
        assert!(refused.to_string().starts_with("RATE_LIMITED"), "{refused}");
        assert!(shares.of(other).pays_for(turn()).await.unwrap().is_some());
        assert!(turn().await.unwrap().is_none(), "nobody's work waits for nobody");
        drop(first);
        shares.forget_unused();
        assert!(shares.of(one).pays_for(turn()).await.unwrap().is_some());
        drop(second);
    }
}
