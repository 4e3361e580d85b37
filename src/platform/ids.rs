//! Makes ids (UUID v7, RFC 9562: random in production, a repeatable series in tests) and secrets, always random.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::crypto::sha256;

/// A source of ids and of random bytes.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    series: Option<Arc<AtomicU64>>,
}

impl Ids {
    /// Ids that nobody can guess, as production has them.
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

/// The id of what its name alone tells from others, and no table keeps: the same wherever and whenever it is made.
#[must_use]
pub(crate) fn named(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(name.as_bytes())[..16]);
    Uuid::from_bytes(bytes)
}

/// A code of so many decimal digits (at most 18), every one as likely.
#[must_use]
pub(crate) fn random_digits(digits: u32) -> String {
    random_of(b"0123456789", digits)
}

/// A text of so many characters of an alphabet of at most 256, every one as likely.
#[must_use]
pub(crate) fn random_of(alphabet: &[u8], length: u32) -> String {
    // Bytes above the last whole multiple would make the first characters likelier: they are drawn again.
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length as usize);
    while text.len() < length as usize {
        let mut byte = [0];
        fill_random(&mut byte);
        let byte = usize::from(byte[0]);
        if byte < fair {
            text.push(char::from(alphabet[byte % alphabet.len()]));
        }
    }
    text
}

/// 256 random bits as 43 characters of URL-safe base 64.
#[must_use]
pub fn random_token() -> String {
    let mut bytes = [0; 32];
    fill_random(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Fills a buffer from the operating system's random source.
///
/// # Panics
///
/// When the operating system has no randomness: nothing may go on then.
pub(crate) fn fill_random(bytes: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "no key or id may be made without randomness")]
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}
