//! Signatures with a time in them: `t=<seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`, as Stripe signs its webhooks
//! (https://docs.stripe.com/webhooks#verify-manually), and the sandbox its own.

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

use super::Rejected;
use crate::platform::crypto::hex;

/// How old a signature may be, in seconds: longer, and somebody else may be repeating it.
const TOLERANCE: i64 = 300;

/// Signs a body.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8], at: DateTime<Utc>) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &signed(at.timestamp(), body));
    format!("t={},v1={}", at.timestamp(), hex(tag.as_ref()))
}

/// Whether a body was signed with a secret, and lately. Several `v1` may be there while a secret is being changed.
pub(crate) fn verify(secret: &[u8], header: Option<&str>, body: &[u8], now: DateTime<Utc>) -> Result<(), Rejected> {
    let mut at = None;
    let mut tags = Vec::new();
    for (name, value) in header.unwrap_or_default().split(',').filter_map(|part| part.trim().split_once('=')) {
        match name {
            "t" => at = value.parse::<i64>().ok(),
            "v1" => tags.extend(from_hex(value)),
            _ => {}
        }
    }
    let at = at.ok_or(Rejected::Signature)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let message = signed(at, body);
    // In constant time.
    if !tags.iter().any(|tag| hmac::verify(&key, &message, tag).is_ok()) {
        return Err(Rejected::Signature);
    }
    if (now.timestamp() - at).abs() > TOLERANCE { Err(Rejected::Old) } else { Ok(()) }
}

fn signed(at: i64, body: &[u8]) -> Vec<u8> {
    [at.to_string().as_bytes(), b".", body].concat()
}

/// Bytes of a hexadecimal text of even length.
#[must_use]
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|two| (two[0] * 16 + two[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_body_that_was_signed_lately_passes() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let header = sign(b"secret", b"{}", now);
        assert_eq!(verify(b"secret", Some(&header), b"{}", now), Ok(()));
        assert_eq!(verify(b"secret", Some(&header), b"{} ", now), Err(Rejected::Signature));
        assert_eq!(verify(b"other", Some(&header), b"{}", now), Err(Rejected::Signature));
        assert_eq!(verify(b"secret", None, b"{}", now), Err(Rejected::Signature));
        assert_eq!(verify(b"secret", Some("t=1700000000,v1=zz"), b"{}", now), Err(Rejected::Signature));
        let later = now + chrono::TimeDelta::seconds(TOLERANCE + 1);
        assert_eq!(verify(b"secret", Some(&header), b"{}", later), Err(Rejected::Old));
        let moved = header.replace("t=1700000000", "t=1700000400");
        assert_eq!(verify(b"secret", Some(&moved), b"{}", later), Err(Rejected::Signature));
    }
}
