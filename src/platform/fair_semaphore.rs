//! A fair semaphore: so many permits at once, and so many of these for one caller.

use std::{hash::Hash, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::memory::WeakCache;

/// The permits of a process.
#[derive(Debug)]
pub struct FairSemaphore<K> {
    all: Arc<Semaphore>,
    of_one: usize,
    callers: WeakCache<K>,
}

/// A permit of a caller's; given back when dropped.
#[derive(Debug)]
pub(crate) struct FairPermit {
    _own: Option<OwnedSemaphorePermit>,
    _common: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash> FairSemaphore<K> {
    /// So many at once, and so many of these for one caller; at least one each.
    #[must_use]
    pub fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all.max(1))), of_one: of_one.max(1), callers: WeakCache::default() }
    }

    /// Waits for a permit. Whoever is given one has to be asked to go on, or dropped: held by somebody who is neither, it
    /// is lost to everybody.
    pub(crate) async fn acquire(&self, caller: K) -> FairPermit {
        let own = self.callers.get_or_insert(caller, || Semaphore::new(self.of_one));
        // One's own first: whoever has none left waits there, and not in everybody's way. Neither is ever closed.
        let own = own.acquire_owned().await.ok();
        FairPermit { _own: own, _common: Arc::clone(&self.all).acquire_owned().await.ok() }
    }

    /// Forgets callers who have no permit.
    pub(crate) fn forget_idle(&self) {
        self.callers.forget_unused();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_caller_gets_a_share_and_all_together_theirs() {
        let semaphore = FairSemaphore::new(3, 2);
        let first = semaphore.acquire("amina").await;
        let second = semaphore.acquire("amina").await;
        assert!(semaphore.acquire("amina").now_or_never().is_none());
        let third = semaphore.acquire("badr").await;
        assert!(semaphore.acquire("badr").now_or_never().is_none());
        drop(first);
        let fourth = semaphore.acquire("badr").await;
        drop((second, third, fourth));
        semaphore.forget_idle();
        assert!(semaphore.acquire("amina").now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nothing_along() {
        let semaphore = FairSemaphore::new(1, 1);
        let held = semaphore.acquire("amina").await;
        for caller in ["amina", "badr", "chadi"] {
            assert!(semaphore.acquire(caller).now_or_never().is_none());
        }
        drop(held);
        assert!(semaphore.acquire("dina").now_or_never().is_some());
    }
}
