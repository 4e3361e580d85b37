//! Keys and what is made with them. Every key derives from one secret by HKDF-SHA256 (RFC 5869), a label each.

use std::{fmt, path::Path};

use aws_lc_rs::{
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
    pub fn derive(secret: &SecretString, old: &[SecretString]) -> Result<Self> {
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
    pub fn verifying(&self, kid: &str) -> Option<&[u8]> {
        self.sets.iter().find(|set| set.id == kid).map(|set| set.access_token.as_slice())
    }

    /// The secret part of a refresh token, made with the present secret.
    #[must_use]
    pub fn refresh_seal(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.sets[0].refresh_token, message).as_ref().to_vec()
    }

    /// Whether a refresh token's secret part is ours, in constant time; former secrets count.
    #[must_use]
    pub fn refresh_verify(&self, message: &[u8], seal: &[u8]) -> bool {
        self.sets.iter().any(|set| hmac::verify(&set.refresh_token, message, seal).is_ok())
    }

    /// Eight bytes that only this server can put under a cursor.
    #[must_use]
    pub fn cursor_seal(&self, sort: &str, bytes: &[u8]) -> [u8; 8] {
        self.sets[0].cursor_seal(sort, bytes)
    }

    /// Whether a cursor's seal is ours; former secrets count, so that nobody loses their place when the secret changes.
    #[must_use]
    pub fn cursor_verify(&self, sort: &str, bytes: &[u8], seal: &[u8]) -> bool {
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
        })
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

/// Lower-case hexadecimal.
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
pub fn development_secret(file: &Path) -> Result<SecretString> {
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= 32 => return Ok(text.trim().to_owned().into()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
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
