//! Who sends a request: its id, the client's address behind trusted proxies, and the actor of its token.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, header},
};
use ipnet::IpNet;

use super::cookies::{self, Token};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        auth,
    },
    entity::UserId,
    error::{Code, Error, Locale, Refusal, Result},
    platform::rate_limit::{Limiter, Policy, Remaining, address_key},
};

/// The request's id, as a trusted proxy gives it and as every answer carries it.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What is known of a request from the start; in its extensions.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// In the log, in the answer's `x-request-id`, and in every error.
    pub request_id: String,
    /// Address, program and language.
    pub client: Client,
}

impl Identity {
    /// From the peer's address and the headers; those of proxies count where the peer is a trusted one.
    pub(crate) fn of(app: &App, request: &Request) -> Self {
        let headers = request.headers();
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(peer)| peer.ip().to_canonical());
        let trusted = &app.config.trusted_proxies;
        let request_id = text(headers, &REQUEST_ID)
            .filter(|_| peer.is_some_and(|peer| is_trusted(trusted, peer)))
            .filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
            .map_or_else(|| app.ids.next(app.clock.now()).to_string(), Cow::into_owned);
        let client = Client {
            address: peer.map(|peer| address(trusted, peer, headers)),
            user_agent: text(headers, &header::USER_AGENT).map(|agent| agent.chars().take(255).collect()),
            locale: text(headers, &header::ACCEPT_LANGUAGE).map(|text| Locale::parse(&text)).unwrap_or_default(),
        };
        Self { request_id, client }
    }
}

/// A header's text. Bytes that are none stand for themselves only: they don't make the rest of it disappear.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
}

/// The parts of a header between separators, of all its lines; those that are not text are empty.
pub(super) fn parts<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    separator: u8,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines = headers.get_all(name).into_iter();
    let parts = lines.flat_map(move |line| line.as_bytes().split(move |byte| *byte == separator));
    parts.map(|part| str::from_utf8(part).unwrap_or_default().trim())
}

/// Whether an address is that of a proxy whose words about its clients are believed.
pub(super) fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The nearest address that is not a trusted proxy, from the right: what stands further left, anybody may have written.
fn address(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !is_trusted(trusted, peer) {
        return peer;
    }
    let hops: Vec<&str> = parts(headers, &FORWARDED_FOR, b',').collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        // What is no address, no proxy of ours has written: nobody further left can be believed.
        let Some(hop) = parse_hop(hop) else { return nearest };
        nearest = hop;
        if !is_trusted(trusted, hop) {
            return hop;
        }
    }
    nearest
}

/// An address, maybe in brackets, maybe with a port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let parsed = text.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    parsed.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()).map(|address| address.to_canonical())
}

/// The actor of a request: by its bearer token, by its cookie where that may count, or nobody.
pub(super) async fn actor(app: &App, headers: &HeaderMap, cookies_count: bool) -> Result<Actor> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return match value.to_str() {
            Ok(value) => bearer(app, value).await,
            Err(_) => Ok(Actor::Refused),
        };
    }
    let Some(token) = cookies::read(app, headers, Token::Access).filter(|_| cookies_count) else {
        return Ok(Actor::Anonymous);
    };
    Ok(match known(app, token).await? {
        // A cookie comes by itself: its browser did not say that somebody is signed in.
        Actor::Refused => Actor::Anonymous,
        actor => actor,
    })
}

/// The actor of the value of an `Authorization` header, or of a socket's `authorization`. A client that has no token may
/// well write what it has instead: nothing, or JavaScript's words for it.
pub(super) async fn bearer(app: &App, value: &str) -> Result<Actor> {
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    match token.trim() {
        "" if scheme.is_empty() => Ok(Actor::Anonymous),
        _ if !scheme.eq_ignore_ascii_case("bearer") => Ok(Actor::Refused),
        "" | "null" | "undefined" => Ok(Actor::Anonymous),
        token => known(app, token).await,
    }
}

/// The owner of a token, unless it is refused. A failure to ask is none: a token may be good though the database is away.
async fn known(app: &App, token: &str) -> Result<Actor> {
    match auth::authenticate(app, token).await {
        Err(Error::Refused(refusal)) if refusal.code == Code::Unauthenticated => Ok(Actor::Refused),
        other => other,
    }
}

/// What the caller learns of a failure before execution; a failure inside goes to the log.
pub(super) fn as_refusal(error: Error, identity: &Identity) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        error => {
            tracing::error!(request_id = identity.request_id, %error, "a request failed before its execution");
            Refusal::internal()
        }
    }
}

/// The actor of a request for one operation, taken from the allowance; and what is left of it.
///
/// One whose token was refused is charged to its address, as nobody is: guessing is not free.
pub(super) async fn admit(
    app: &App,
    headers: &HeaderMap,
    identity: &Identity,
) -> (Result<Actor, Refusal>, Option<Remaining>) {
    let actor = actor(app, headers, cookies::wanted(headers)).await.map_err(|error| as_refusal(error, identity));
    match take_allowance(app, actor.as_ref().unwrap_or(&Actor::Anonymous), &identity.client) {
        Ok(left) => (actor, left),
        Err(left) => (Err(left.refusal()), Some(left)),
    }
}

/// Operations of a person.
const USER: Policy<Limiter<UserId>> = Policy::of_calls("user", |rates| rates.user);
/// Operations of an address without a sign-in.
const ANONYMOUS: Policy<Limiter<IpAddr>> = Policy::of_calls("anonymous", |rates| rates.anonymous);

/// Takes one operation from the actor's allowance, or the address's when nobody is signed in.
pub(super) fn take_allowance(app: &App, actor: &Actor, client: &Client) -> Result<Option<Remaining>, Remaining> {
    match (actor, client.address) {
        (Actor::User(user), _) => app.limiters.of(&USER).check(&user.id).map(Some),
        (_, Some(address)) => app.limiters.of(&ANONYMOUS).check(&address_key(address)).map(Some),
        (_, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_says_is_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let seen = |peer: &str, forwarded: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value).unwrap());
            }
            address(&trusted, ip(peer), &headers)
        };
        assert_eq!(seen("192.0.2.9", &[b"203.0.113.1"]), ip("192.0.2.9"));
        assert_eq!(seen("10.0.0.1", &[b"203.0.113.1"]), ip("203.0.113.1"));
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1, 203.0.113.1, 10.0.0.2"]), ip("203.0.113.1"));
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1", b"203.0.113.1"]), ip("203.0.113.1"));
        assert_eq!(seen("10.0.0.1", &[b"nonsense"]), ip("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", &[b"[2001:db8::1]:443"]), ip("2001:db8::1"));
        // What a client wrote itself hides nothing, whatever it is.
        assert_eq!(seen("10.0.0.1", &[b"\xff, 203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(seen("10.0.0.1", &[b"\xff", b"203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(seen("10.0.0.1", &[b"\xc3\xa9, 203.0.113.9 , 10.0.0.2"]), ip("203.0.113.9"));
        assert_eq!(seen("10.0.0.1", &[b"1.1.1.1, \xff, 10.0.0.2"]), ip("10.0.0.2"));
        assert_eq!(seen("10.0.0.1", &[]), ip("10.0.0.1"));
    }
}
