//! Makes ids: UUID v7 (RFC 9562), random in production, a repeatable series in tests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A source of ids and of random bytes.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    series: Option<Arc<AtomicU64>>,
}

impl Ids {
    /// Random ids.
    #[must_use]
    pub fn random() -> Self {
        Self::default()
    }

    /// A repeatable series, for tests.
    #[must_use]
    pub fn seeded() -> Self {
        Self { series: Some(Arc::new(AtomicU64::new(1))) }
    }

    /// A new id that sorts by `at`, to the millisecond.
    #[must_use]
    pub fn next(&self, at: DateTime<Utc>) -> Uuid {
        let mut bytes = [0; 10];
        match &self.series {
            Some(series) => bytes[2..].copy_from_slice(&series.fetch_add(1, Ordering::SeqCst).to_be_bytes()),
            None => fill_random(&mut bytes),
        }
        uuid::Builder::from_unix_timestamp_millis(at.timestamp_millis().max(0).cast_unsigned(), &bytes).into_uuid()
    }
}

/// Fills a buffer from the operating system's random source.
///
/// # Panics
///
/// When the operating system has no randomness: nothing may go on then.
pub fn fill_random(bytes: &mut [u8]) {
    #[allow(clippy::expect_used, reason = "no key or id may be made without randomness")]
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}
