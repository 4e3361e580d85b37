//! What every answer carries, and which requests are not let in at all: other hosts, foreign origins.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts, uri::Authority},
};
use tower_http::cors::{AllowCredentials, AllowOrigin, CorsLayer};

use super::cookies;
use crate::config::Config;

/// Headers that make browsers careful. The page of GraphiQL sets a policy of its own.
static SECURE: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Adds the security headers to an answer.
pub(super) fn secure(config: &Config, path: &str, headers: &mut HeaderMap) {
    for (name, value) in &SECURE {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if path == "/graphql" || is_probe(path) {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if config.is_production() {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// What the platform around it asks for, by whatever name it knows the process: whether it is healthy, and its metrics, which
/// want a token.
fn is_probe(path: &str) -> bool {
    path.starts_with("/health/") || path == "/metrics"
}

/// Whether a request is addressed to a host that is served here; probes may ask by any.
pub(super) fn host_allowed(config: &Config, request: &Request) -> bool {
    let allowed = &config.allowed_hosts;
    if allowed.is_empty() || is_probe(request.uri().path()) {
        return true;
    }
    let authority = request.uri().authority().cloned().or_else(|| host(request.headers()));
    authority.is_some_and(|authority| {
        let is =
            |host: &str| host.eq_ignore_ascii_case(authority.host()) || host.eq_ignore_ascii_case(authority.as_str());
        allowed.iter().any(|host| is(host))
    })
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
    match (origin.split_once("://"), host(headers)) {
        (Some((scheme, page)), Some(own)) => {
            let port = match scheme {
                "https" => ":443",
                _ => ":80",
            };
            page.eq_ignore_ascii_case(own.as_str().trim_end_matches(port))
        }
        _ => false,
    }
}

/// What browsers may let other origins' pages send and read.
pub(super) fn cors(config: &Config) -> CorsLayer {
    let own = [header::CONTENT_TYPE, header::AUTHORIZATION, header::ACCEPT_LANGUAGE, cookies::SESSION_MODE];
    let further = config.cors_headers.iter().filter_map(|name| name.parse::<HeaderName>().ok());
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(own.into_iter().chain(further).collect::<Vec<_>>())
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(Duration::from_secs(3600));
    if config.cors_origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    let origins: Vec<HeaderValue> = config.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let listed = origins.clone();
    // Foreign pages are told nothing, not even that others may send cookies.
    let credentials = AllowCredentials::predicate(move |origin: &HeaderValue, _: &Parts| listed.contains(origin));
    layer.allow_origin(AllowOrigin::list(origins)).allow_credentials(credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_call_the_server_it_came_from_and_the_listed_ones() {
        let values = [("CORS_ALLOWED_ORIGINS", "https://shop.example")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = Config::from_values(values).unwrap();
        let allowed = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            headers.insert(header::HOST, host.parse().unwrap());
            origin_allowed(&config, &headers)
        };
        assert!(allowed("https://shop.example", "api.example"));
        assert!(allowed("https://api.example", "api.example"));
        assert!(allowed("https://api.example", "api.example:443"));
        assert!(allowed("http://localhost:8000", "localhost:8000"));
        assert!(allowed("http://[::1]:8000", "[::1]:8000"));
        for foreign in
            ["https://evil.example", "null", "https://shop.example.evil", "http://localhost:8001", "localhost:8000"]
        {
            assert!(!allowed(foreign, "localhost:8000"), "{foreign}");
        }
        assert!(origin_allowed(&config, &HeaderMap::new()));
    }
}
