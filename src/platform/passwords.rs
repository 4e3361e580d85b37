//! Password hashes: argon2id (RFC 9106) on a bounded number of blocking threads, so that a storm of sign-ins waits
//! in line instead of stalling everything else.
//!
//! This is what protects the server from all sign-ins together; a limit on their number would be something that
//! strangers can use up for everybody. Those who are known here have a line of their own, which is as long, and before
//! them stand at most as many strangers as are hashed at the same time: however many of those there are, the owner of an
//! account who signs in at home waits about as long as one hash takes. A line that is full is UNAVAILABLE, at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;

use super::ids::fill_random;
use crate::{
    catalogue::Text,
    config::PasswordHashing,
    error::{Code, Error, Refusal, Result},
};

/// A password as it is hashed, whatever keyboard it comes from: composed, in the forms of compatibility (NFKC), as NIST SP
/// 800-63B asks for.
#[must_use]
pub(crate) fn normalised(password: &str) -> String {
    password.nfkc().collect()
}

/// How many characters a password has.
#[must_use]
pub(crate) fn length(password: &str) -> usize {
    password.nfkc().count()
}

/// Whose password is hashed, which decides about the line that they wait in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who has proven something: who is signed in, has what was sent to their mailbox, or tries to come in where
    /// the owner of the account has had a session.
    Known,
    /// Anybody else, in a line of their own.
    Stranger,
}

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    /// One for each hash at work.
    permits: Arc<Semaphore>,
    known: Queue,
    strangers: Queue,
    /// Verified against when there is no account, so that both cases do the same work.
    decoy: Arc<str>,
    hashed: Arc<AtomicU64>,
}

/// Those who wait, and those of them whose turn it is to wait for a permit.
#[derive(Debug, Clone)]
struct Queue {
    slots: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Queue {
    fn new(slots: usize, turns: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), turns: Arc::new(Semaphore::new(turns)) }
    }
}

/// A slot in the queue before the hasher, from before a try is counted: who can't be served is told so before it costs them
/// anything.
#[derive(Debug)]
pub struct QueueSlot {
    passwords: Passwords,
    turns: Arc<Semaphore>,
    _slot: OwnedSemaphorePermit,
}

impl Passwords {
    /// Prepares the hasher; costs one hash.
    pub fn new(config: &PasswordHashing) -> Result<Self> {
        let params = Params::new(config.memory_kib, config.iterations, 1, None).map_err(Error::internal)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash_now(&argon2, "nobody has this password")?.into();
        let slots = config.parallel + config.waiting;
        Ok(Self {
            argon2,
            permits: Arc::new(Semaphore::new(config.parallel)),
            known: Queue::new(slots, slots),
            strangers: Queue::new(slots, config.parallel),
            decoy,
            hashed: Arc::default(),
        })
    }

    /// Takes a slot in the queue; UNAVAILABLE when it is full.
    pub fn enter(&self, caller: Caller) -> Result<QueueSlot> {
        let queue = match caller {
            Caller::Known => &self.known,
            Caller::Stranger => &self.strangers,
        };
        let slot = Arc::clone(&queue.slots).try_acquire_owned().map_err(|_| {
            tracing::warn!(?caller, "too many wait for a password to be hashed");
            Refusal::of(Code::Unavailable, Text::SignInBusy)
        })?;
        Ok(QueueSlot { passwords: self.clone(), turns: Arc::clone(&queue.turns), _slot: slot })
    }

    /// How many hashes were computed: tests compare the work of two cases by it.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }
}

impl QueueSlot {
    /// A PHC string (`$argon2id$v=19$…`) of the password.
    pub(crate) async fn hash(&self, password: String) -> Result<String> {
        let argon2 = self.passwords.argon2.clone();
        self.run(move || hash_now(&argon2, &normalised(&password))).await
    }

    /// Whether the password belongs to the hash. Without a hash the answer is no, after the same work. Hashes from before
    /// passwords were normalised are of what was typed: where that differs, it is tried, too.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool> {
        let (argon2, decoy) = (self.passwords.argon2.clone(), Arc::clone(&self.passwords.decoy));
        self.run(move || {
            let known = hash.is_some();
            let text = hash.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(text).map_err(Error::internal)?;
            let is_right = |password: &str| argon2.verify_password(password.as_bytes(), &parsed).is_ok();
            let normalised = normalised(&password);
            Ok((is_right(&normalised) || (normalised != password && is_right(&password))) && known)
        })
        .await
    }

    /// Does the work on a thread of its own when it is its turn. Whoever goes away meanwhile leaves the queue; a hash that
    /// has begun keeps its permit to its end.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(Error::internal)?;
        let permit = Arc::clone(&self.passwords.permits).acquire_owned().await.map_err(Error::internal)?;
        self.passwords.hashed.fetch_add(1, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || {
            let _held = (turn, permit);
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

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn passwords(parallel: usize, waiting: usize) -> Passwords {
        Passwords::new(&PasswordHashing { memory_kib: 8, iterations: 1, parallel, waiting }).unwrap()
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_the_known_have_one_of_their_own() {
        let passwords = passwords(1, 2);
        let slots: Vec<QueueSlot> = (0..3).map(|_| passwords.enter(Caller::Stranger).unwrap()).collect();
        let refused = passwords.enter(Caller::Stranger).unwrap_err();
        assert!(matches!(refused, Error::Refused(refusal) if refusal.code == Code::Unavailable));
        assert!(passwords.enter(Caller::Known).unwrap().hash("a".to_owned()).await.is_ok());
        drop(slots);
        assert!(passwords.enter(Caller::Stranger).is_ok(), "who goes away leaves the queue");
    }

    #[tokio::test]
    async fn a_password_is_the_same_from_every_keyboard_and_hashes_from_before_still_open() {
        let passwords = passwords(1, 0);
        let verify = async |password: &str, hash: &str| {
            passwords.enter(Caller::Known).unwrap().verify(password.to_owned(), Some(hash.to_owned())).await.unwrap()
        };
        let (composed, decomposed, wide) =
            ("crème brûlée 12", "cre\u{300}me bru\u{302}le\u{301}e 12", "crème brûlée １２");
        for typed in [composed, decomposed, wide] {
            let hash = passwords.enter(Caller::Stranger).unwrap().hash(typed.to_owned()).await.unwrap();
            for again in [composed, decomposed, wide] {
                assert!(verify(again, &hash).await, "{typed} {again}");
            }
            assert!(!verify("creme brulee 12", &hash).await);
        }
        let before = hash_now(&passwords.argon2, decomposed).unwrap();
        assert!(verify(decomposed, &before).await);
        assert!(!verify(composed, &before).await);
        assert!(!passwords.enter(Caller::Known).unwrap().verify(decomposed.to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn who_is_known_stands_before_the_strangers_that_wait() {
        let passwords = passwords(1, 100);
        // Nothing is hashed before all of them wait.
        let busy = Arc::clone(&passwords.permits).acquire_owned().await.unwrap();
        let done = Arc::new(AtomicU64::new(0));
        let hash = |caller: Caller| {
            let (slot, done) = (passwords.enter(caller).unwrap(), Arc::clone(&done));
            async move {
                slot.hash("a".to_owned()).await.unwrap();
                done.fetch_add(1, Ordering::SeqCst)
            }
        };
        let strangers = join_all((0..50).map(|_| hash(Caller::Stranger)));
        let (_, known, ()) = tokio::join!(strangers, hash(Caller::Known), async { drop(busy) });
        // One stranger stood before; of those behind, one or two may be told of first.
        assert!(known <= 3, "{known} strangers came first");
        assert_eq!(passwords.hashed(), 51);
    }
}
