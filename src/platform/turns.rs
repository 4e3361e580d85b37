//! Turns at what there is little of: so many at once, and so many of these for one caller.

use std::{hash::Hash, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::memory::Shared;

/// The turns of a process.
#[derive(Debug)]
pub struct Turns<K> {
    all: Arc<Semaphore>,
    of_one: usize,
    callers: Shared<K>,
}

/// Somebody's turn; over when dropped.
#[derive(Debug)]
pub struct Turn {
    _own: Option<OwnedSemaphorePermit>,
    _common: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash> Turns<K> {
    /// So many at once, and so many of these for one caller; at least one each.
    #[must_use]
    pub fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all.max(1))), of_one: of_one.max(1), callers: Shared::default() }
    }

    /// Waits for a turn. Whoever is given one has to be asked to go on, or dropped: held by somebody who is neither, it is
    /// lost to everybody.
    pub async fn take(&self, caller: K) -> Turn {
        let own = self.callers.get_or_insert(caller, || Semaphore::new(self.of_one));
        // One's own first: whoever has none left waits there, and not in everybody's way. Neither is ever closed.
        let own = own.acquire_owned().await.ok();
        Turn { _own: own, _common: Arc::clone(&self.all).acquire_owned().await.ok() }
    }

    /// Forgets callers who have no turn.
    pub fn forget_idle(&self) {
        self.callers.forget_unused();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_caller_gets_a_share_and_all_together_theirs() {
        let turns = Turns::new(3, 2);
        let first = turns.take("amina").await;
        let second = turns.take("amina").await;
        assert!(turns.take("amina").now_or_never().is_none());
        let third = turns.take("badr").await;
        assert!(turns.take("badr").now_or_never().is_none());
        drop(first);
        let fourth = turns.take("badr").await;
        drop((second, third, fourth));
        turns.forget_idle();
        assert!(turns.take("amina").now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nothing_along() {
        let turns = Turns::new(1, 1);
        let held = turns.take("amina").await;
        for caller in ["amina", "badr", "chadi"] {
            assert!(turns.take(caller).now_or_never().is_none());
        }
        drop(held);
        assert!(turns.take("dina").now_or_never().is_some());
    }
}
