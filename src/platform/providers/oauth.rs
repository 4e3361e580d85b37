//! The client's side of OAuth 2.0 (RFC 6749) with PKCE (RFC 7636): what every provider has in common.
//!
//! Always holds: only addresses that come from the configuration, or from the discovery document of a configured issuer,
//! are called; no answer is read beyond [`MAX_ANSWER`]; what a provider says in an error never reaches a client.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded::byte_serialize;

use super::http::{Http, cause};
use crate::platform::crypto::sha256;

/// Longest answer of a provider that is read.
pub(crate) const MAX_ANSWER: usize = 256 << 10;

/// Why something at a provider did not work: for the operator's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// With words for the log.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

/// What a provider gives, or why not.
pub(crate) type Answered<T> = Result<T, Failure>;

/// Sends a request and reads the JSON that comes back, within bounds. Anything but 200 is a failure.
pub(crate) async fn json<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Answered<T> {
    // The address is left out of what is logged: a code may be in it.
    let sent = request.header("accept", "application/json").send().await;
    let mut answer = sent.map_err(|error| Failure::new(format!("no answer: {}", cause(error))))?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| Failure::new(cause(error)))? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(Failure::new(format!("an answer of more than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    if status != reqwest::StatusCode::OK {
        return Err(Failure::new(format!("status {status}{}", said(&body))));
    }
    serde_json::from_slice(&body).map_err(|error| Failure::new(format!("an answer that is not understood: {error}")))
}

/// The coded word of an error (RFC 6749, 5.2), when there is one of its form.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    match serde_json::from_slice::<Said>(body) {
        Ok(Said { error }) if error.len() <= 64 && error.bytes().all(|b| b.is_ascii_graphic()) => format!(" ({error})"),
        _ => String::new(),
    }
}

/// The challenge of a PKCE verifier, method S256.
#[must_use]
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))
}

/// A code to be exchanged.
#[derive(Debug)]
#[allow(missing_docs, reason = "named as in RFC 6749")]
pub(crate) struct Exchange<'a> {
    pub endpoint: &'a str,
    pub client_id: &'a str,
    pub client_secret: &'a SecretString,
    /// In the body (`client_secret_post`), or in the header (`client_secret_basic`).
    pub secret_in_body: bool,
    pub code: &'a str,
    pub redirect_uri: &'a str,
    pub code_verifier: &'a str,
}

/// What a code was exchanged for.
#[derive(Clone)]
pub(crate) struct Tokens {
    /// Opens the provider's user API.
    pub access_token: SecretString,
    /// Says who it was, where the provider speaks OpenID Connect.
    pub id_token: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    token_type: Option<String>,
    id_token: Option<String>,
    error: Option<String>,
}

/// Exchanges a code for tokens.
pub(crate) async fn exchange(http: &Http, exchange: &Exchange<'_>) -> Answered<Tokens> {
    let secret = exchange.client_secret.expose_secret();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", exchange.code),
        ("redirect_uri", exchange.redirect_uri),
        ("code_verifier", exchange.code_verifier),
    ];
    let mut request = http.post(exchange.endpoint);
    if exchange.secret_in_body {
        form.extend([("client_id", exchange.client_id), ("client_secret", secret)]);
    } else {
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        request = request.basic_auth(encoded(exchange.client_id), Some(encoded(secret)));
    }
    let answer: TokenAnswer = json(request.form(&form)).await?;
    // GitHub tells errors with status 200.
    if let Some(error) = answer.error {
        let word: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
        return Err(Failure::new(format!("the code was refused ({word})")));
    }
    if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Failure::new("a token of an unknown type"));
    }
    let access_token = answer.access_token.ok_or_else(|| Failure::new("no access token"))?.into();
    Ok(Tokens { access_token, id_token: answer.id_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
