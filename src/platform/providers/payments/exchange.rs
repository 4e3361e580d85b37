//! Asking a provider over HTTP: a bounded answer, what it means that it is not the one hoped for, and tokens that let us in
//! for a while.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Mutex;

use super::Failure;
use crate::platform::providers::http;

/// Most of an answer that is read. A page of a hundred charges is a fraction of it.
const LONGEST: usize = 4 * 1024 * 1024;

/// A token is not used in its last minutes: it has to last until the provider has read it.
const MARGIN: Duration = Duration::from_secs(120);
/// How long one lasts whose provider does not say.
const HOUR: u64 = 3600;

/// What a provider answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    body: String,
}

/// Sends a request.
pub(super) async fn ask(request: RequestBuilder) -> Result<Answer, Failure> {
    let broken = |error| Failure::Unavailable(http::cause(error));
    let response = request.send().await.map_err(broken)?;
    let status = response.status().as_u16();
    let body = http::text(response, LONGEST).await.map_err(broken)?;
    Ok(Answer { status, body })
}

/// The token that lets us in, until it is over. One asks for the next, the others wait for it.
#[derive(Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<Option<(SecretString, Instant)>>>);

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct NewToken {
    #[serde(alias = "access_token")]
    token: String,
    expires_in: Option<u64>,
}

impl Tokens {
    /// The token; `login` asks for one, and is sent when there is none.
    pub(super) async fn get(&self, login: RequestBuilder) -> Result<SecretString, Failure> {
        let mut known = self.0.lock().await;
        if let Some((token, _)) = known.as_ref().filter(|(_, until)| *until > Instant::now()) {
            return Ok(token.clone());
        }
        let answer = ask(login).await?;
        if !answer.is_done() {
            // Whatever is wrong with our own account, no payment fails for it.
            return Err(Failure::Unavailable(format!("no token: status {}", answer.status)));
        }
        let NewToken { token, expires_in } = answer.read()?;
        let lasts = Duration::from_secs(expires_in.unwrap_or(HOUR).min(24 * HOUR)).saturating_sub(MARGIN);
        let token = SecretString::from(token);
        *known = Some((token.clone(), Instant::now() + lasts));
        Ok(token)
    }

    /// Sends a request with the token; with a new one where the provider took it back before its time.
    pub(super) async fn ask(&self, request: RequestBuilder, login: RequestBuilder) -> Result<Answer, Failure> {
        let again = (request.try_clone(), login.try_clone());
        let answer = ask(request.bearer_auth(self.get(login).await?.expose_secret())).await?;
        match again {
            (Some(request), Some(login)) if answer.status == 401 => {
                *self.0.lock().await = None;
                ask(request.bearer_auth(self.get(login).await?.expose_secret())).await
            }
            _ => Ok(answer),
        }
    }
}

impl Answer {
    /// Whether it was done.
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the request itself is at fault: the same will be refused again. That our key is not accepted is for the
    /// operator to mend, and no payment fails for it.
    pub(super) fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status) && !matches!(self.status, 401 | 403 | 408 | 409 | 424 | 425 | 429)
    }

    /// Its JSON. One that was cut, or is none, is taken for an outage: what became of the request has to be asked.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(|error| {
            // Not the error's own text: it quotes.
            let at = format!("line {}, column {}", error.line(), error.column());
            Failure::Unavailable(format!("status {}, and an answer that can't be read at {at}", self.status))
        })
    }

    /// The failure that it is; `word` is the provider's own for it.
    pub(super) fn failure(&self, word: &str) -> Failure {
        let word = harmless(word);
        if self.is_refusal() {
            let word = if word.is_empty() { format!("status_{}", self.status) } else { word };
            return Failure::Refused(word);
        }
        Failure::Unavailable(format!("status {} {word}", self.status).trim_end().to_owned())
    }

    /// Whether it says something.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

/// A provider's word as it is fit for a log and for people: short, no blanks.
pub(super) fn harmless(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(60).collect()
}

/// Whether a text is an id of a provider's, and so may stand in an address.
pub(super) fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_help_to_repeat_is_no_refusal() {
        let answer = |status| Answer { status, body: "{\"a\":".to_owned() };
        for status in [301, 401, 403, 408, 409, 429, 500, 502, 503] {
            assert!(matches!(answer(status).failure("x"), Failure::Unavailable(_)), "{status}");
        }
        for status in [400, 402, 404, 422] {
            assert_eq!(answer(status).failure("card declined!"), Failure::Refused("carddeclined".to_owned()));
        }
        assert_eq!(answer(400).failure(""), Failure::Refused("status_400".to_owned()));
        assert!(matches!(answer(200).read::<serde_json::Value>(), Err(Failure::Unavailable(_))));
    }

    #[test]
    fn an_id_can_not_leave_its_place_in_an_address() {
        assert!(is_id("pi_3Mtw-BwLkd") && !is_id("") && !is_id("pm_1/../../customers") && !is_id("a?b") && !is_id("é"));
    }
}
