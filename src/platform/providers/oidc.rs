//! OpenID Connect Core 1.0, the relying party's side: what is known of issuers, and whether an id_token holds.
//!
//! By hand over `jsonwebtoken` rather than by the crate `openidconnect`: that one brings a second set of cryptography
//! (`rsa`, `p256`, `ed25519-dalek`, of which `rsa` has an open advisory on its timing) beside aws-lc-rs, for which we
//! would use a few checks. Those are here, each with its test: RS256 and ES256 only, with a key of the issuer's own,
//! `iss`, `aud`, `azp`, `exp`, `iat` by our clock, and the nonce.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{
    http::Http,
    oauth::{Answered, Failure, json},
};

/// How long what is known of an issuer counts.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// How far an issuer's clock may be off.
const DRIFT: i64 = 60;
/// Most keys of an issuer that are looked at.
const MAX_KEYS: usize = 64;

/// The claims of a token, or of the user info.
pub(crate) type Claims = Map<String, Value>;

/// Where an issuer has what (OpenID Connect Discovery 1.0).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// Who signs, letter by letter.
    pub issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    /// Where codes are exchanged.
    pub token_endpoint: String,
    /// Where more is told of who signed in.
    pub userinfo_endpoint: Option<String>,
    jwks_uri: String,
}

/// An issuer of OpenID Connect, as its discovery document and keys say.
#[derive(Debug)]
pub struct Issuer {
    /// Where it has what.
    pub discovery: Discovery,
    keys: Vec<Jwk>,
    fetched_at: DateTime<Utc>,
}

/// Issuers that were asked before. Bounded, because only those of the configuration are ever asked.
#[derive(Debug, Default)]
pub struct Issuers {
    known: Mutex<HashMap<String, Arc<Issuer>>>,
}

/// What an id_token has to be for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// Our id at the issuer; has to be the token's audience.
    pub client_id: &'a str,
    /// What was sent along when the sign-in began.
    pub nonce: &'a str,
    /// The time by our clock, against which the token's times are held.
    pub now: DateTime<Utc>,
}

impl Issuers {
    /// What is known of a configured issuer: remembered, or asked for.
    pub async fn get(&self, http: &Http, issuer: &str, now: DateTime<Utc>) -> Answered<Arc<Issuer>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned();
        match known.filter(|known| now < known.fetched_at + FRESH) {
            Some(known) => Ok(known),
            None => self.ask(http, issuer, now).await,
        }
    }

    async fn ask(&self, http: &Http, issuer: &str, now: DateTime<Utc>) -> Answered<Arc<Issuer>> {
        let base = issuer.trim_end_matches('/');
        let address = format!("{base}/.well-known/openid-configuration");
        let discovery: Discovery = json(http.get(address)).await?;
        // A document of another issuer would let that one sign for this.
        if discovery.issuer.trim_end_matches('/') != base {
            return Err(Failure::new("the discovery document is of another issuer"));
        }
        let encrypted = base.starts_with("https:");
        let endpoints = [&discovery.authorization_endpoint, &discovery.token_endpoint, &discovery.jwks_uri];
        for endpoint in endpoints.into_iter().chain(&discovery.userinfo_endpoint) {
            let scheme = Url::parse(endpoint).map(|url| url.scheme().to_owned()).unwrap_or_default();
            if scheme != "https" && (encrypted || scheme != "http") {
                return Err(Failure::new("the discovery document has an address that is not https"));
            }
        }
        let found = Arc::new(Issuer { keys: keys(http, &discovery.jwks_uri).await?, discovery, fetched_at: now });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(issuer.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// The claims of an id_token of this issuer, if it holds. A key that is not known is asked for once.
    pub(crate) async fn verify(
        &self,
        http: &Http,
        issuer: &str,
        token: &str,
        expected: Expected<'_>,
    ) -> Answered<(Arc<Issuer>, Claims)> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Failure::new("an id_token of an unknown form"))?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) || header.crit.is_some() {
            return Err(Failure::new("an id_token signed in a way that is not accepted"));
        }
        let mut known = self.get(http, issuer, expected.now).await?;
        if known.key(&header).is_none() {
            known = self.ask(http, issuer, expected.now).await?;
        }
        let claims = known.claims(token, &header, expected)?;
        Ok((known, claims))
    }
}

/// The issuer's keys; those of a form that is not known are left out.
async fn keys(http: &Http, address: &str) -> Answered<Vec<Jwk>> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<Value>,
    }
    let Keys { keys } = json(http.get(address)).await?;
    Ok(keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
}

impl Issuer {
    /// The key that a token says it is signed with; one without a name only where there is a single one of its kind.
    fn key(&self, header: &Header) -> Option<&Jwk> {
        let mut fitting = self.keys.iter().filter(|key| fits(key, header.alg));
        match &header.kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_ref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    fn claims(&self, token: &str, header: &Header, expected: Expected<'_>) -> Answered<Claims> {
        let refuse = |words: &str| Err(Failure::new(format!("an id_token {words}")));
        let Some(key) = self.key(header) else { return refuse("signed with an unknown key") };
        let key = DecodingKey::from_jwk(key).map_err(|_| Failure::new("a key of an unknown form"))?;
        // Everything but the signature is checked here: the crate would ask the system's clock.
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let Ok(data) = jsonwebtoken::decode::<Claims>(token, &key, &validation) else {
            return refuse("whose signature does not hold");
        };
        let (claims, now) = (data.claims, expected.now.timestamp());
        if !self.is_of_this_issuer(text(&claims, "iss")) {
            return refuse("of another issuer");
        }
        if !is_for(&claims, expected.client_id) {
            return refuse("for somebody else");
        }
        if time(&claims, "exp").is_none_or(|exp| exp + DRIFT <= now) {
            return refuse("that has expired");
        }
        if time(&claims, "iat").is_none_or(|iat| iat > now + DRIFT)
            || time(&claims, "nbf").is_some_and(|nbf| nbf > now + DRIFT)
        {
            return refuse("of the future");
        }
        if text(&claims, "nonce") != Some(expected.nonce) {
            return refuse("of another sign-in");
        }
        Ok(claims)
    }

    /// Google also names itself without the scheme.
    fn is_of_this_issuer(&self, iss: Option<&str>) -> bool {
        let own = self.discovery.issuer.as_str();
        iss == Some(own) || (own == "https://accounts.google.com" && iss == Some("accounts.google.com"))
    }
}

/// Whether a key is for signatures of this kind.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let (kind, named) = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => (true, KeyAlgorithm::RS256),
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            (key.curve == EllipticCurve::P256, KeyAlgorithm::ES256)
        }
        _ => return false,
    };
    let purpose = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    kind && purpose && key.common.key_algorithm.is_none_or(|known| known == named)
}

/// Whether a token is for this client: among its audience, and the authorized party where one is named.
fn is_for(claims: &Claims, client_id: &str) -> bool {
    let (among, several) = match claims.get("aud") {
        Some(Value::String(aud)) => (aud == client_id, false),
        Some(Value::Array(list)) => (list.iter().any(|aud| aud.as_str() == Some(client_id)), list.len() > 1),
        _ => (false, false),
    };
    match claims.get("azp") {
        None => among && !several,
        Some(azp) => among && azp.as_str() == Some(client_id),
    }
}

/// A claim that is a text with something in it.
#[must_use]
pub(crate) fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A claim that is a time, in seconds.
fn time(claims: &Claims, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}
