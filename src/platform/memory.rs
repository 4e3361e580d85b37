//! What a process remembers, within bounds: an expiring set, high-water marks, and a cache of weak references.

use std::{
    any::Any,
    collections::HashMap,
    hash::Hash,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
};

use chrono::{DateTime, Utc};
use lru::LruCache;

/// Things that happened lately, each with its time.
#[derive(Debug)]
pub struct ExpiringSet<K> {
    times: RwLock<HashMap<K, DateTime<Utc>>>,
}

impl<K> Default for ExpiringSet<K> {
    fn default() -> Self {
        Self { times: RwLock::default() }
    }
}

impl<K: Eq + Hash> ExpiringSet<K> {
    /// Whether it is remembered.
    #[must_use]
    pub fn contains(&self, key: K) -> bool {
        self.times.read().unwrap_or_else(PoisonError::into_inner).contains_key(&key)
    }

    /// Remembers; true when it was not known.
    pub fn insert(&self, key: K, at: DateTime<Utc>) -> bool {
        self.times.write().unwrap_or_else(PoisonError::into_inner).insert(key, at).is_none()
    }

    /// Forgets what is older.
    pub(crate) fn forget_before(&self, before: DateTime<Utc>) {
        self.times.write().unwrap_or_else(PoisonError::into_inner).retain(|_, at| *at >= before);
    }
}

/// The highest number seen of each thing, for as many things as there is room.
#[derive(Debug)]
pub struct HighWaterMarks<K: Hash + Eq>(Mutex<LruCache<K, i64>>);

impl<K: Hash + Eq> HighWaterMarks<K> {
    /// With room for so many; those not asked for longest go first.
    #[must_use]
    pub fn new(room: usize) -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(room).unwrap_or(NonZeroUsize::MIN))))
    }

    /// Whether this number or a higher one was seen.
    #[must_use]
    pub(crate) fn has_reached(&self, key: &K, number: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).is_some_and(|seen| *seen >= number)
    }

    /// Remembers a number.
    pub(crate) fn raise(&self, key: K, number: i64) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = seen.get(&key).map_or(number, |known| number.max(*known));
        seen.put(key, highest);
    }
}

/// Things that live as long as somebody uses them, one for each key.
#[derive(Debug)]
pub struct WeakCache<K> {
    things: Mutex<HashMap<K, Weak<dyn Any + Send + Sync>>>,
}

impl<K> Default for WeakCache<K> {
    fn default() -> Self {
        Self { things: Mutex::default() }
    }
}

impl<K: Eq + Hash> WeakCache<K> {
    /// The thing of a key: the one in use, or a new one.
    pub(crate) fn get_or_insert<T: Send + Sync + 'static>(&self, key: K, make: impl FnOnce() -> T) -> Arc<T> {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thing) = things.get(&key).and_then(Weak::upgrade).and_then(|thing| thing.downcast().ok()) {
            return thing;
        }
        let thing = Arc::new(make());
        let weak: Weak<dyn Any + Send + Sync> = Arc::downgrade(&(Arc::clone(&thing) as Arc<dyn Any + Send + Sync>));
        things.insert(key, weak);
        thing
    }

    /// Forgets the keys whose thing nobody uses any more.
    pub(crate) fn forget_unused(&self) {
        self.things.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, thing| thing.strong_count() > 0);
    }
}
