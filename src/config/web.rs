//! The settings of addresses: where clients reach this server, where the frontend is, and who may ask from elsewhere.

use url::Url;

use super::{fallback_url, reader::Reader};

/// Addresses, and who may ask.
pub(super) struct Web {
    pub public_url: Option<Url>,
    pub frontend_url: Url,
    pub allowed_hosts: Vec<String>,
    pub cors_origins: Vec<String>,
    pub cors_headers: Vec<String>,
}

/// Reads addresses, and who may ask.
pub(super) fn web(r: &mut Reader, production: bool) -> Web {
    let public_url: Option<Url> = r.optional("PUBLIC_URL", "an http or https address");
    let frontend_url: Option<Url> = r.parse("FRONTEND_URL", "an http or https address");
    for (name, url) in [("PUBLIC_URL", &public_url), ("FRONTEND_URL", &frontend_url)] {
        if let Some(url) = url {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                r.problem(name, "expected an http or https address");
            } else if production && url.scheme() != "https" {
                r.problem(name, "production expects an https address");
            }
        }
    }
    if production && public_url.is_none() && r.is_empty("PUBLIC_URL") {
        r.problem("PUBLIC_URL", "production expects the https address that clients use");
    }
    let mut allowed_hosts = r.list("ALLOWED_HOSTS");
    if allowed_hosts.is_empty() && production {
        allowed_hosts.extend(public_url.as_ref().and_then(Url::host_str).map(str::to_owned));
    }
    let cors_origins = cors_origins(r, frontend_url.as_ref(), production);
    let cors_headers = r.list("CORS_ALLOWED_HEADERS");
    if cors_headers.iter().any(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        r.problem("CORS_ALLOWED_HEADERS", "expected names of headers");
    }
    Web {
        public_url,
        frontend_url: frontend_url.unwrap_or_else(fallback_url),
        allowed_hosts,
        cors_origins,
        cors_headers,
    }
}

/// The origins whose pages may ask; the frontend's, if none is given.
fn cors_origins(r: &mut Reader, frontend_url: Option<&Url>, production: bool) -> Vec<String> {
    let mut cors_origins = r.list("CORS_ALLOWED_ORIGINS");
    if cors_origins.is_empty() {
        cors_origins.extend(frontend_url.map(|url| url.origin().ascii_serialization()));
    }
    for origin in &cors_origins {
        if origin == "*" {
            if production {
                r.problem("CORS_ALLOWED_ORIGINS", "production refuses *; list the origins");
            }
        } else if Url::parse(origin).map_or(true, |url| url.origin().ascii_serialization() != *origin) {
            r.problem("CORS_ALLOWED_ORIGINS", &format!("{origin} is not an origin such as https://example.org"));
        }
    }
    cors_origins
}
