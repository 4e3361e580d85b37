//! The settings that nobody may know, and how passwords are kept.

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// Parameters of argon2id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct PasswordHashing {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallel: usize,
    pub waiting: usize,
}

/// What nobody may know.
pub(super) struct Secrets {
    pub key: Option<SecretString>,
    pub old_keys: Vec<SecretString>,
    pub metrics_token: Option<SecretString>,
}

/// Reads what nobody may know.
pub(super) fn secrets(r: &mut Reader, production: bool) -> Secrets {
    let key = Some(r.text("SECRET_KEY")).filter(|key| !key.is_empty()).map(SecretString::from);
    match &key {
        None if production => r.problem("SECRET_KEY", "production expects a key of at least 32 characters"),
        Some(key) if weak_key(key.expose_secret()) => {
            r.problem("SECRET_KEY", "expected at least 32 characters, not all alike, from a good random source");
        }
        _ => {}
    }
    let old_keys: Vec<SecretString> = r.list("SECRET_KEYS_OLD").into_iter().map(SecretString::from).collect();
    if old_keys.iter().any(|key| weak_key(key.expose_secret())) {
        r.problem("SECRET_KEYS_OLD", "expected keys of at least 32 characters: tokens signed with them are accepted");
    }
    let metrics_token = Some(r.text("METRICS_TOKEN")).filter(|token| !token.is_empty()).map(SecretString::from);
    if metrics_token.as_ref().is_some_and(|token| weak_key(token.expose_secret())) {
        r.problem("METRICS_TOKEN", "expected at least 32 characters, not all alike, from a good random source");
    }
    Secrets { key, old_keys, metrics_token }
}

/// Reads how passwords are kept: in production not below what is recommended.
pub(super) fn password_hashing(r: &mut Reader, production: bool) -> PasswordHashing {
    PasswordHashing {
        memory_kib: r.number("PASSWORD_HASH_MEMORY_KIB", if production { 19_456 } else { 8 }, 4_194_304),
        iterations: r.number("PASSWORD_HASH_ITERATIONS", if production { 2 } else { 1 }, 100),
        parallel: r.number("PASSWORD_HASH_PARALLEL", 1, 256),
        waiting: r.number("PASSWORD_HASH_WAITING", 0, 10_000),
    }
}

/// Too short, or so uniform that nobody generated it.
fn weak_key(key: &str) -> bool {
    let mut distinct: Vec<char> = key.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    key.len() < 32 || distinct.len() < 10
}
