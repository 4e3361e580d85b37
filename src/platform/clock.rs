//! The one source of the present time, so that a test can stand still or jump.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// A clock: the system's, or one that a test moves by hand.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    fixed: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn fixed(start: DateTime<Utc>) -> Self {
        Self { fixed: Some(Arc::new(AtomicI64::new(start.timestamp_micros()))) }
    }

    /// Now, in UTC, truncated to microseconds: what PostgreSQL stores, so a row reads back as it was written.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        if let Some(micros) = &self.fixed {
            return DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default();
        }
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let now = Utc::now();
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }

    /// Moves a fixed clock; the system's is left alone.
    pub fn advance(&self, by: TimeDelta) {
        if let Some(micros) = &self.fixed {
            micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}
