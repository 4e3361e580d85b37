//! Batch loading: many `load` calls of one moment become one statement. The fallback for what a list did not bring
//! along; hot lists fetch their relations themselves. Which loaders there are, each noun says beside its resolvers.
//!
//! The first caller of a batch dispatches it: it lets its siblings run until none of them adds a key any more, fetches,
//! and answers all of them at once, so that what they ask for next comes together again. Nothing is cached: a cache
//! goes stale on a socket and between the fields of a mutation.

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{
    app::App,
    domain::actor::Actor,
    error::{Error, Result},
    platform::once_list::{Link, OnceList},
};

/// What a batch gives for one key; errors are shared by the whole batch.
type Loaded<V> = std::result::Result<Option<V>, Arc<Error>>;

/// Who waits for which key.
type Waiting<F> = Vec<(<F as Fetch>::Key, oneshot::Sender<Loaded<<F as Fetch>::Value>>)>;

/// Loads values by key, in batches.
pub(crate) struct Batched<F: Fetch> {
    fetch: F,
    waiting: Mutex<Waiting<F>>,
}

/// Fetches the values of many keys with a constant number of statements. Absent keys are those that are not there or
/// that the actor may not see.
pub trait Fetch: Send + Sync {
    /// What is asked by.
    type Key: Eq + Hash + Clone + Send + Sync;
    /// What is found.
    type Value: Clone + Send;

    /// The values of those keys that have one.
    fn fetch(&self, keys: &[Self::Key]) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>>> + Send;
}

impl<F: Fetch> Batched<F> {
    fn new(fetch: F) -> Self {
        Self { fetch, waiting: Mutex::default() }
    }

    /// The value of a key; `None` when it is not there or not visible.
    ///
    /// Boxed, because the executor copies the future of every field, and makes room in it for the largest that any
    /// field of its type could have: what seldom runs must not make the others large.
    pub(crate) fn load(&self, key: F::Key) -> BoxFuture<'_, Result<Option<F::Value>>> {
        Box::pin(self.load_unboxed(key))
    }

    async fn load_unboxed(&self, key: F::Key) -> Result<Option<F::Value>> {
        loop {
            let (answer, answered) = oneshot::channel();
            let first = self.waiting(|waiting| {
                waiting.push((key.clone(), answer));
                waiting.len() == 1
            });
            if first {
                self.dispatch().await;
            }
            // Without tokio's budget, which would let only so many of a long list go on at once.
            match tokio::task::unconstrained(answered).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => {
                    return Err(match &*error {
                        Error::Refused(refusal) => refusal.clone().into(),
                        _ => Error::internal(error),
                    });
                }
                // The failure of a sibling dropped the caller that drove our batch: ask again.
                Err(_) => {}
            }
        }
    }

    async fn dispatch(&self) {
        // Dropped before it has taken the batch, it lets go of those who wait, who ask again.
        let abandoned = Abandon(self);
        let mut known = 0;
        loop {
            siblings_first().await;
            let now = self.waiting(|waiting| waiting.len());
            if now == known {
                break;
            }
            known = now;
        }
        let batch = self.waiting(std::mem::take);
        std::mem::forget(abandoned);
        let keys: Vec<F::Key> = batch.iter().map(|(key, _)| key.clone()).collect::<HashSet<_>>().into_iter().collect();
        let found = self.fetch.fetch(&keys).await.map_err(Arc::new);
        for (key, answer) in batch {
            // Who no longer waits was dropped.
            let _ = answer.send(found.as_ref().map(|found| found.get(&key).cloned()).map_err(Arc::clone));
        }
    }

    fn waiting<T>(&self, work: impl FnOnce(&mut Waiting<F>) -> T) -> T {
        work(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets go of everybody who waits.
struct Abandon<'a, F: Fetch>(&'a Batched<F>);

impl<F: Fetch> Drop for Abandon<'_, F> {
    fn drop(&mut self) {
        drop(self.0.waiting(std::mem::take));
    }
}

/// Lets what else is ready in this task run first. Unlike tokio's, it does not wait for other tasks.
async fn siblings_first() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl<F: Fetch> fmt::Debug for Batched<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Batched")
    }
}

/// What a noun has loaded in batches; `loaders!` defines it.
pub trait Loader: Fetch + Sized + 'static {
    /// One that sees what the actor may see.
    fn new(app: App, actor: Actor) -> Self;
}

/// Defines loaders: key, value, and the domain's function that fetches a batch.
macro_rules! loaders {
    ($($(#[$doc:meta])+ $name:ident: $key:ty => $value:ty = $function:path;)+) => {$(
        $(#[$doc])+
        pub(in crate::graphql) struct $name {
            app: $crate::app::App,
            actor: $crate::domain::actor::Actor,
        }

        impl $crate::graphql::engine::loaders::Fetch for $name {
            type Key = $key;
            type Value = $value;

            async fn fetch(
                &self,
                keys: &[$key],
            ) -> $crate::error::Result<std::collections::HashMap<$key, $value>> {
                $function(&self.app, &self.actor, keys).await
            }
        }

        impl $crate::graphql::engine::loaders::Loader for $name {
            fn new(app: $crate::app::App, actor: $crate::domain::actor::Actor) -> Self {
                Self { app, actor }
            }
        }
    )+};
}
pub(crate) use loaders;

/// A loader of some kind.
type Anything = dyn Any + Send + Sync;

/// The loaders of one request. Each is made when it is first asked: most requests need none of them.
#[derive(Debug)]
pub struct Loaders {
    app: App,
    actor: Actor,
    made: OnceList<Anything>,
}

impl Loaders {
    /// Loaders that see what the actor may see.
    #[must_use]
    pub fn new(app: App, actor: Actor) -> Self {
        Self { app, actor, made: OnceList::default() }
    }

    /// The value of a key; `None` when it is not there or not visible.
    pub fn load<L: Loader>(&self, key: L::Key) -> BoxFuture<'_, Result<Option<L::Value>>> {
        let batched = self.made.find_or_add(Anything::downcast_ref::<Batched<L>>, || {
            Box::new(Link::<Anything, _>::new(Batched::new(L::new(self.app.clone(), self.actor.clone()))))
        });
        batched.load(key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::{join_all, try_join_all};

    use super::*;

    /// Doubles what is even, takes its time, and counts how often it is asked; fails at the largest number.
    #[derive(Default)]
    struct Doubles(AtomicUsize);

    impl Fetch for Doubles {
        type Key = u32;
        type Value = u32;

        async fn fetch(&self, keys: &[u32]) -> Result<HashMap<u32, u32>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if keys.contains(&u32::MAX) {
                return Err(Error::bad_request("too large"));
            }
            Ok(keys.iter().filter(|key| *key % 2 == 0).map(|key| (*key, key * 2)).collect())
        }
    }

    #[tokio::test]
    async fn a_list_of_any_length_is_one_batch_at_each_depth() {
        for length in [1_u32, 29, 31, 130, 700] {
            let [first, second] = [(); 2].map(|()| Batched::new(Doubles::default()));
            let both = |key| {
                let (first, second) = (&first, &second);
                async move {
                    let doubled = first.load(key).await.unwrap().unwrap_or(key * 2);
                    join_all([second.load(doubled), second.load(doubled + 2)]).await
                }
            };
            for (key, found) in join_all((0..length).map(both)).await.into_iter().enumerate() {
                let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
                assert_eq!(found, [Some(key as u32 * 4), Some(key as u32 * 4 + 4)]);
            }
            assert_eq!([&first, &second].map(|loader| loader.fetch.0.load(Ordering::Relaxed)), [1, 1], "{length}");
        }
    }

    #[tokio::test]
    async fn a_failure_reaches_everybody_who_waits_and_the_next_batch_is_a_new_one() {
        let loader = Batched::new(Doubles::default());
        for result in join_all([loader.load(u32::MAX), loader.load(2)]).await {
            assert!(matches!(result, Err(Error::Refused(_))), "{result:?}");
        }
        assert_eq!(loader.load(2).await.unwrap(), Some(4));
        assert_eq!(loader.load(3).await.unwrap(), None);
    }

    #[tokio::test]
    async fn who_waits_for_a_batch_whose_driver_was_dropped_asks_again() {
        // Dropped before the batch is taken, and while it is fetched.
        for yields in 0..6 {
            let loader = Batched::new(Doubles::default());
            let fails = async {
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
                Err::<Option<u32>, _>(Error::bad_request("a sibling fails"))
            };
            let dropped = try_join_all([
                Box::pin(loader.load(2)) as std::pin::Pin<Box<dyn Future<Output = _> + '_>>,
                Box::pin(fails),
            ]);
            let (dropped, other) = tokio::join!(dropped, loader.load(4));
            assert!(dropped.is_err());
            assert_eq!(other.unwrap(), Some(8), "{yields}");
        }
    }
}
