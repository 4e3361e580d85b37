//! Sessions of browsers: the tokens in cookies that no script can read (RFC 6265), for clients that ask for it.
//!
//! Asking is a header of our own, `x-agora-session: cookie`. Without it cookies count for nothing over HTTP: a foreign
//! page can make a browser send our cookies, but not this header, unless CORS allows its origin; and the Origin is
//! checked, too. A WebSocket can't carry the header, so there the Origin alone decides.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::client;
use crate::{
    app::App,
    domain::auth::IssuedSession,
    graphql::engine::context::{SessionChange, SessionKeeping},
};

/// Says how the client wants its session kept.
pub(super) const SESSION_MODE: HeaderName = HeaderName::from_static("x-agora-session");

/// The two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Access,
    Refresh,
}

/// Whether the client asks for cookies.
pub(super) fn wanted(headers: &HeaderMap) -> bool {
    headers.get(&SESSION_MODE).is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"cookie"))
}

/// How the session of a request is kept: in cookies, when the client asks for it.
pub(super) fn keeping(app: &App, headers: &HeaderMap) -> SessionKeeping {
    if wanted(headers) {
        SessionKeeping::in_cookies(read(app, headers, Token::Refresh).map(str::to_owned))
    } else {
        SessionKeeping::by_client()
    }
}

/// A token from its cookie. Other cookies of the same site may be anything: they hide none of ours.
pub(super) fn read<'a>(app: &App, headers: &'a HeaderMap, token: Token) -> Option<&'a str> {
    let name = name(app, token);
    client::parts(headers, &header::COOKIE, b';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then_some(value)
    })
}

/// Adds what has become of the session to the answer's headers.
pub(super) fn write(app: &App, change: Option<SessionChange>, headers: &mut HeaderMap) {
    let cookies = match change {
        None => return,
        Some(SessionChange::Begun(session)) => begun(app, &session),
        Some(SessionChange::Ended) => [Token::Access, Token::Refresh].map(|token| cookie(app, token, "", 0)),
    };
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
}

fn begun(app: &App, session: &IssuedSession) -> [String; 2] {
    let now = app.clock.now();
    let left = |at: chrono::DateTime<chrono::Utc>| (at - now).num_seconds().max(0);
    [
        cookie(app, Token::Access, &session.access_token, left(session.access_token_expires_at)),
        cookie(app, Token::Refresh, &session.refresh_token, left(session.refresh_token_expires_at)),
    ]
}

/// `Secure` and `__Host-` wherever clients come by https, as they always do in production.
fn is_secure(app: &App) -> bool {
    app.config.is_production() || app.config.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
}

fn name(app: &App, token: Token) -> &'static str {
    match (token, is_secure(app)) {
        (Token::Access, true) => "__Host-agora_access",
        (Token::Refresh, true) => "__Host-agora_refresh",
        (Token::Access, false) => "agora_access",
        (Token::Refresh, false) => "agora_refresh",
    }
}

/// Tokens are made of characters that a cookie may hold.
fn cookie(app: &App, token: Token, value: &str, seconds: i64) -> String {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", name(app, token))
}
