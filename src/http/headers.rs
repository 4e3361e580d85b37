//! What every answer carries, and which requests are not let in at all: other hosts, foreign origins.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority},
    middleware::Next,
    response::Response,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{
    Shared,
    client::Identity,
    respond::{Media, refuse},
};
use crate::{
    config::Config,
    error::{Code, Refusal},
};

/// Headers that make browsers careful. The page of GraphiQL sets a policy of its own.
const SECURE: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Adds the security headers.
pub(super) async fn secure(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let is_graph = request.uri().path() == "/graphql";
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURE {
        headers.entry(*name).or_insert(HeaderValue::from_static(value));
    }
    if is_graph {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if shared.app.config.is_production() {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Refuses requests that are addressed to another host than the allowed ones; probes of the platform's health may.
pub(super) async fn only_allowed_hosts(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let allowed = &shared.app.config.allowed_hosts;
    if allowed.is_empty() || request.uri().path().starts_with("/health/") {
        return next.run(request).await;
    }
    let authority = request.uri().authority().cloned().or_else(|| host(request.headers()));
    let known = authority.is_some_and(|authority| {
        allowed
            .iter()
            .any(|host| host.eq_ignore_ascii_case(authority.host()) || host.eq_ignore_ascii_case(authority.as_str()))
    });
    if known {
        return next.run(request).await;
    }
    let request_id = request.extensions().get::<Identity>().map_or("", |identity| identity.request_id.as_str());
    refuse(&Refusal::new(Code::BadRequest, "This host is not served here."), Media::Json, request_id)
}

fn host(headers: &HeaderMap) -> Option<Authority> {
    headers.get(header::HOST)?.to_str().ok()?.parse().ok()
}

/// Whether a request may come from the page that sent it: no page at all, this server's own, or an allowed one.
pub(super) fn origin_allowed(config: &Config, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if config.cors_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let own = origin.split_once("://").map(|(_, authority)| authority);
    own.is_some() && own == host(headers).as_ref().map(Authority::as_str)
}

/// What browsers may let other origins' pages read.
pub(super) fn cors(config: &Config) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            header::ACCEPT_LANGUAGE,
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            header::RETRY_AFTER,
        ])
        .max_age(Duration::from_secs(3600));
    if config.cors_origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    let origins = config.cors_origins.iter().filter_map(|origin| origin.parse::<HeaderValue>().ok());
    layer.allow_origin(AllowOrigin::list(origins)).allow_credentials(true)
}
