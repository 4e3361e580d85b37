//! Who sends a request: its id, the client's address behind trusted proxies, and the actor of its token.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use tracing::Instrument;

use super::Shared;
use crate::{
    app::App,
    domain::{
        accounts,
        actor::{Actor, Client},
    },
    error::{Error, Locale, Result},
    platform::rate_limit::{Remaining, address_key},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What is known of a request from the start; in its extensions.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// In the log, in the answer's `x-request-id`, and in every error.
    pub request_id: String,
    /// The client.
    pub client: Client,
}

/// Gives the request its id and client, and writes the log line of its answer.
pub(super) async fn identify(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let trusted = &shared.app.config.trusted_proxies;
    let behind_proxy = peer.is_some_and(|peer| is_trusted(trusted, peer));
    let headers = request.headers();
    let request_id = headers
        .get(&REQUEST_ID)
        .filter(|_| behind_proxy)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        .map_or_else(|| shared.app.ids.next(shared.app.clock.now()).to_string(), str::to_owned);
    let client = Client {
        address: peer.map(|peer| address(trusted, peer, headers)),
        user_agent: text(headers, &header::USER_AGENT).map(|agent| agent.chars().take(255).collect()),
        locale: text(headers, &header::ACCEPT_LANGUAGE).map(Locale::parse).unwrap_or_default(),
    };
    let span = tracing::info_span!("request", id = request_id, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(Identity { request_id: request_id.clone(), client });
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, elapsed = ?began.elapsed(), "answered"));
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The nearest address that is not a trusted proxy, from the right: what stands further left, anybody may have written.
fn address(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !is_trusted(trusted, peer) {
        return peer;
    }
    let forwarded = headers.get_all(&FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
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

/// The actor of a request: by its bearer token, or nobody. This is the one place for further ways (cookies).
pub(super) async fn actor(app: &App, headers: &HeaderMap) -> Result<Actor> {
    match headers.get(header::AUTHORIZATION) {
        None => Ok(Actor::Anonymous),
        Some(value) => bearer(app, value.to_str().map_err(|_| Error::unauthenticated())?).await,
    }
}

/// The actor of the value of an `Authorization` header, or of a socket's `authorization`.
pub(super) async fn bearer(app: &App, value: &str) -> Result<Actor> {
    let (scheme, token) = value.trim().split_once(' ').ok_or_else(Error::unauthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::unauthenticated());
    }
    accounts::authenticate(app, token.trim()).await
}

/// Takes one operation from the actor's allowance, or the address's when nobody is signed in.
pub(super) fn take_allowance(app: &App, actor: &Actor, client: &Client) -> Result<Option<Remaining>, Remaining> {
    match (actor, client.address) {
        (Actor::User(user), _) => app.limiters.user.check(&user.id).map(Some),
        (_, Some(address)) => app.limiters.anonymous.check(&address_key(address)).map(Some),
        (_, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_says_is_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let seen = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            address(&trusted, ip(peer), &headers)
        };
        assert_eq!(seen("192.0.2.9", &["203.0.113.1"]), ip("192.0.2.9"));
        assert_eq!(seen("10.0.0.1", &["203.0.113.1"]), ip("203.0.113.1"));
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 203.0.113.1, 10.0.0.2"]), ip("203.0.113.1"));
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "203.0.113.1"]), ip("203.0.113.1"));
        assert_eq!(seen("10.0.0.1", &["nonsense"]), ip("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", &["[2001:db8::1]:443"]), ip("2001:db8::1"));
        assert_eq!(seen("10.0.0.1", &[]), ip("10.0.0.1"));
    }
}
