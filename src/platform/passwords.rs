//! Password hashes: argon2id (RFC 9106) on a bounded number of blocking threads, so that a storm of sign-ins waits
//! in line instead of stalling everything else.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use super::ids::fill_random;
use crate::{
    config::PasswordHashing,
    error::{Error, Result},
};

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    permits: Arc<Semaphore>,
    /// Verified against when there is no account, so that both cases do the same work.
    decoy: Arc<str>,
    hashed: Arc<AtomicU64>,
}

impl Passwords {
    /// Prepares the hasher; costs one hash.
    pub fn new(config: &PasswordHashing) -> Result<Self> {
        let params = Params::new(config.memory_kib, config.iterations, 1, None).map_err(Error::internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash_now(&argon2, "nobody has this password")?.into();
        Ok(Self { argon2, permits: Arc::new(Semaphore::new(config.parallel)), decoy, hashed: Arc::default() })
    }

    /// A PHC string (`$argon2id$v=19$…`) of the password.
    pub async fn hash(&self, password: String) -> Result<String> {
        let argon2 = self.argon2.clone();
        self.run(move || hash_now(&argon2, &password)).await
    }

    /// Whether the password belongs to the hash. Without a hash the answer is no, after the same work.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let (argon2, decoy) = (self.argon2.clone(), Arc::clone(&self.decoy));
        self.run(move || {
            let known = hash.is_some();
            let text = hash.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(text).map_err(Error::internal)?;
            Ok(argon2.verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await
    }

    /// How many hashes were computed: tests compare the work of two cases by it.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        self.hashed.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(Error::internal)?
    }
}

fn hash_now(argon2: &Argon2<'_>, password: &str) -> Result<String> {
    let mut salt = [0; 16];
    fill_random(&mut salt);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(Error::internal)?;
    Ok(hash.to_string())
}
