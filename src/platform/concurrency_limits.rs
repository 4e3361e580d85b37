//! Concurrency limits per client: how many connections of the database one may use at once, so that nobody holds them all
//! (a bulkhead).
//!
//! Whom work is done for is known where an operation begins, and asked where a statement does: it goes along with the task.
//! A permit is held from asking the pool for a connection until the answer is there, or to the end of a transaction, and
//! never while anything waits for a client. What is done for nobody, as by the worker, needs no permit.

use std::{hash::Hash, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::memory::WeakCache;
use crate::{
    catalogue::Text,
    error::{Code, Refusal, Result},
};

tokio::task_local! {
    static LIMIT: ConcurrencyLimit;
}

/// The limits of all, by who they are.
#[derive(Debug)]
pub struct ConcurrencyLimits<K> {
    permits: WeakCache<K>,
    size: usize,
    max_wait: Duration,
}

/// What somebody may use at once.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    size: usize,
    max_wait: Duration,
}

impl<K: Eq + Hash> ConcurrencyLimits<K> {
    /// So many connections each, for which one waits so long.
    #[must_use]
    pub fn new(size: usize, max_wait: Duration) -> Self {
        Self { permits: WeakCache::default(), size, max_wait }
    }

    /// The limit of somebody, the same however many operations they have under way.
    #[must_use]
    pub fn of(&self, client: K) -> ConcurrencyLimit {
        let permits = self.permits.get_or_insert(client, || Semaphore::new(self.size));
        ConcurrencyLimit { permits, size: self.size, max_wait: self.max_wait }
    }

    /// Forgets whoever has nothing under way.
    pub(crate) fn forget_unused(&self) {
        self.permits.forget_unused();
    }
}

impl ConcurrencyLimit {
    /// Does work within this limit.
    pub fn apply_to<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        LIMIT.scope(self, work)
    }
}

/// A permit to use a connection, to be held as long as it is used: RATE_LIMITED, when there was none for too long, because
/// what the client asked for before still runs.
pub(super) async fn permit() -> Result<Option<OwnedSemaphorePermit>> {
    let Ok(ConcurrencyLimit { permits, size, max_wait }) = LIMIT.try_with(Clone::clone) else { return Ok(None) };
    if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
        return Ok(Some(permit));
    }
    // Boxed: it is seldom needed, and would make the future of every statement larger.
    if let Ok(Ok(permit)) = Box::pin(tokio::time::timeout(max_wait, permits.acquire_owned())).await {
        return Ok(Some(permit));
    }
    let refusal = Refusal::of(Code::RateLimited, Text::TooMuchAtOnce).with("retryAfter", 1);
    Err(refusal.with("policy", "database").with("limit", size).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_waits_for_its_own_and_nobody_for_others() {
        let concurrency_limits = ConcurrencyLimits::new(2, Duration::from_millis(20));
        let (one, other) = ("amina", "badr");
        let first = concurrency_limits.of(one).apply_to(permit()).await.unwrap();
        let second = concurrency_limits.of(one).apply_to(permit()).await.unwrap();
        let refused = concurrency_limits.of(one).apply_to(permit()).await.unwrap_err();
        assert!(refused.to_string().starts_with("RATE_LIMITED"), "{refused}");
        assert!(concurrency_limits.of(other).apply_to(permit()).await.unwrap().is_some());
        assert!(permit().await.unwrap().is_none(), "nobody's work waits for nobody");
        drop(first);
        concurrency_limits.forget_unused();
        assert!(concurrency_limits.of(one).apply_to(permit()).await.unwrap().is_some());
        drop(second);
    }
}
