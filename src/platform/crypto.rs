//! Keys and what is made with them. Every key derives from one secret by HKDF-SHA256 (RFC 5869), a label each.

use std::{fmt, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey},
    digest, hkdf,
    hmac::{self, HMAC_SHA256},
};
use secrecy::{ExposeSecret, SecretString};

use super::ids::fill_random;
use crate::error::{Error, Result};

/// What the keys of one secret are for.
struct KeySet {
    /// Names the secret in a token's `kid`, without telling anything of it.
    id: String,
    access_token: [u8; 32],
    refresh_token: hmac::Key,
    cursor: hmac::Key,
    fingerprint: hmac::Key,
    seal: RandomizedNonceKey,
}

/// Every key of the server; the newest secret first.
pub struct Keys {
    sets: Vec<KeySet>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("kids", &self.sets.iter().map(|set| &set.id).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Derives the keys of the present secret, and those of former ones, with which tokens are still accepted.
    pub(crate) fn derive(secret: &SecretString, old: &[SecretString]) -> Result<Self> {
        let sets = std::iter::once(secret).chain(old).map(KeySet::derive).collect::<Result<Vec<_>>>()?;
        Ok(Self { sets })
    }

    /// The key that signs access tokens, with its `kid`.
    #[must_use]
    pub fn signing(&self) -> (&str, &[u8]) {
        (&self.sets[0].id, &self.sets[0].access_token)
    }

    /// The key of a `kid`.
    #[must_use]
    pub(crate) fn verifying(&self, kid: &str) -> Option<&[u8]> {
        self.sets.iter().find(|set| set.id == kid).map(|set| set.access_token.as_slice())
    }

    /// The secret part of a refresh token, made with the present secret.
    #[must_use]
    pub fn refresh_seal(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.sets[0].refresh_token, message).as_ref().to_vec()
    }

    /// Whether a refresh token's secret part is ours, in constant time; former secrets count.
    #[must_use]
    pub(crate) fn refresh_verify(&self, message: &[u8], seal: &[u8]) -> bool {
        self.sets.iter().any(|set| hmac::verify(&set.refresh_token, message, seal).is_ok())
    }

    /// What is kept of a short secret instead of the secret: a keyed hash over its purpose and parts, from which nobody
    /// without the key finds it, however few there are to try.
    #[must_use]
    pub(crate) fn fingerprint(&self, purpose: &str, parts: &[&str]) -> Vec<u8> {
        self.sets[0].fingerprint(purpose, parts).as_ref().to_vec()
    }

    /// Every fingerprint that the secret may have been kept as: one for each former SECRET_KEY too.
    pub(crate) fn fingerprints(&self, purpose: &str, parts: &[&str]) -> impl Iterator<Item = Vec<u8>> {
        self.sets.iter().map(move |set| set.fingerprint(purpose, parts).as_ref().to_vec())
    }

    /// Whether a fingerprint is that of these parts, in constant time; former secrets count.
    #[must_use]
    pub(crate) fn fingerprint_verify(&self, purpose: &str, parts: &[&str], fingerprint: &[u8]) -> bool {
        self.sets.iter().any(|set| hmac::verify(&set.fingerprint, &message(purpose, parts), fingerprint).is_ok())
    }

    /// Seals bytes that have to be read again (AES-256-GCM, the nonce in front): nobody else reads or changes them, and
    /// they open for the same purpose only, such as `two_factor <user id>`.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = plain.to_vec();
        let nonce = self.sets[0]
            .seal
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut bytes)
            .map_err(|_| Error::internal("bytes could not be sealed"))?;
        Ok([nonce.as_ref().as_slice(), bytes.as_slice()].concat())
    }

    /// Opens what [`Keys::seal`] sealed for this purpose, with the present secret or a former one.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let failed = || Error::internal("sealed bytes do not open: another SECRET_KEY, or tampered with");
        let (nonce, bytes) = sealed.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| failed())?;
        let opened = self.sets.iter().find_map(|set| {
            let mut bytes = bytes.to_vec();
            let plain = set.seal.open_in_place((&nonce).into(), Aad::from(purpose.as_bytes()), &mut bytes).ok()?;
            Some(plain.to_vec())
        });
        opened.ok_or_else(failed)
    }

    /// Eight bytes that only this server can put under a cursor.
    #[must_use]
    pub fn cursor_seal(&self, sort: &str, bytes: &[u8]) -> [u8; 8] {
        self.sets[0].cursor_seal(sort, bytes)
    }

    /// Whether a cursor's seal is ours; former secrets count, so that nobody loses their place when the secret changes.
    #[must_use]
    pub(crate) fn cursor_verify(&self, sort: &str, bytes: &[u8], seal: &[u8]) -> bool {
        self.sets.iter().any(|set| set.cursor_seal(sort, bytes) == seal)
    }
}

impl KeySet {
    fn derive(secret: &SecretString) -> Result<Self> {
        let id = expand(secret, b"agora kid v1")?;
        Ok(Self {
            id: hex(&id[..6]),
            access_token: expand(secret, b"agora access token v1")?,
            refresh_token: hmac::Key::new(HMAC_SHA256, &expand(secret, b"agora refresh token v1")?),
            cursor: hmac::Key::new(HMAC_SHA256, &expand(secret, b"agora cursor v1")?),
            fingerprint: hmac::Key::new(HMAC_SHA256, &expand(secret, b"agora fingerprint v1")?),
            seal: RandomizedNonceKey::new(&AES_256_GCM, &expand(secret, b"agora seal v1")?)
                .map_err(|_| Error::internal("a key could not be made"))?,
        })
    }

    fn fingerprint(&self, purpose: &str, parts: &[&str]) -> hmac::Tag {
        hmac::sign(&self.fingerprint, &message(purpose, parts))
    }

    fn cursor_seal(&self, sort: &str, bytes: &[u8]) -> [u8; 8] {
        let mut context = hmac::Context::with_key(&self.cursor);
        context.update(sort.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        let mut seal = [0; 8];
        seal.copy_from_slice(&context.sign().as_ref()[..8]);
        seal
    }
}

/// Purpose and parts, each behind its length, so that nothing can move from one to the next.
fn message(purpose: &str, parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for part in std::iter::once(&purpose).chain(parts) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

fn expand(secret: &SecretString, label: &[u8]) -> Result<[u8; 32]> {
    let failed = |_| Error::internal("a key could not be derived");
    let mut key = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"agora")
        .extract(secret.expose_secret().as_bytes())
        .expand(&[label], hkdf::HKDF_SHA256)
        .map_err(failed)?
        .fill(&mut key)
        .map_err(failed)?;
    Ok(key)
}

/// Bytes as lower-case hexadecimal, two digits each.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The key that development uses when SECRET_KEY is not set: generated once, kept in a file that only its owner reads.
pub(crate) fn development_secret(file: &Path) -> std::io::Result<SecretString> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0; 32];
    fill_random(&mut bytes);
    let text = hex(&bytes);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(file)?, text.as_bytes())?;
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str, old: &[&str]) -> Keys {
        let old: Vec<SecretString> = old.iter().map(|old| (*old).into()).collect();
        Keys::derive(&secret.into(), &old).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only_and_unchanged_only() {
        let (old, new, other) = (keys("old", &[]), keys("new", &["old"]), keys("other", &[]));
        let sealed = old.seal("two_factor 1", b"secret").unwrap();
        assert_ne!(sealed, old.seal("two_factor 1", b"secret").unwrap());
        assert_eq!(old.open("two_factor 1", &sealed).unwrap(), b"secret");
        assert_eq!(new.open("two_factor 1", &sealed).unwrap(), b"secret");
        assert!(old.open("two_factor 2", &sealed).is_err());
        assert!(other.open("two_factor 1", &sealed).is_err());
        assert!(old.open("two_factor 1", &sealed[..5]).is_err());
        for index in 0..sealed.len() {
            let mut tampered = sealed.clone();
            tampered[index] ^= 1;
            assert!(old.open("two_factor 1", &tampered).is_err(), "{index}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_one_purpose_and_of_parts_that_can_t_move() {
        let (old, new) = (keys("old", &[]), keys("new", &["old"]));
        let kept = old.fingerprint("reset", &["amina", "123456"]);
        assert!(old.fingerprint_verify("reset", &["amina", "123456"], &kept));
        assert!(new.fingerprint_verify("reset", &["amina", "123456"], &kept));
        for (purpose, parts) in
            [("verify", ["amina", "123456"]), ("reset", ["amina1", "23456"]), ("reset", ["amina", "123457"])]
        {
            assert!(!old.fingerprint_verify(purpose, &parts, &kept));
        }
        assert!(new.fingerprints("reset", &["amina", "123456"]).any(|one| one == kept));
    }
}
