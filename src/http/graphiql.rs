//! For newcomers: GraphiQL in the browser, and the graph's SDL.

use axum::{
    Json,
    extract::{Extension, State},
    http::{HeaderValue, Uri, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{Shared, client::Identity, respond};
use crate::platform::ids::fill_random;

const PAGE: &str = include_str!("graphiql.html");

/// A file that the page wants.
struct File {
    placeholder: &'static str,
    package: &'static str,
    version: &'static str,
    path: &'static str,
    media_type: &'static str,
}

const fn file(
    placeholder: &'static str,
    (package, version): (&'static str, &'static str),
    path: &'static str,
    media_type: &'static str,
) -> File {
    File { placeholder, package, version, path, media_type }
}

const GRAPHIQL: (&str, &str) = ("graphiql", "4.1.2");
const REACT: (&str, &str) = ("react", "18.3.1");
const REACT_DOM: (&str, &str) = ("react-dom", "18.3.1");

/// Of npm's packages; the page has the hash of each.
const FILES: &[File] = &[
    file("{{GRAPHIQL_CSS}}", GRAPHIQL, "graphiql.min.css", "text/css"),
    file("{{GRAPHIQL_JS}}", GRAPHIQL, "graphiql.min.js", "text/javascript"),
    file("{{REACT_JS}}", REACT, "umd/react.production.min.js", "text/javascript"),
    file("{{REACT_DOM_JS}}", REACT_DOM, "umd/react-dom.production.min.js", "text/javascript"),
];

/// GraphiQL; where it is switched off, a few words on where to go.
pub(super) async fn page(State(shared): State<Shared>) -> Response {
    let config = &shared.app.config;
    if !config.graphiql {
        let links =
            json!({ "name": "Agora", "graphql": "/graphql", "schema": "/schema.graphql", "health": "/health/ready" });
        return Json(links).into_response();
    }
    let mut nonce = [0; 16];
    fill_random(&mut nonce);
    let nonce = URL_SAFE_NO_PAD.encode(nonce);
    let mut page = PAGE.replace("{{NONCE}}", &nonce);
    for File { placeholder, package, version, path, .. } in FILES {
        let address = if config.graphiql_assets.is_some() {
            format!("/graphiql/{package}/{path}")
        } else {
            format!("https://cdn.jsdelivr.net/npm/{package}@{version}/{path}")
        };
        page = page.replace(placeholder, &address);
    }
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; \
         font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = Html(page).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One of the page's files, from the operator's folder. Only these four have an address, so no path can lead astray.
pub(super) async fn asset(State(shared): State<Shared>, identity: Extension<Identity>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix("/graphiql/").unwrap_or_default();
    let known = FILES.iter().find(|file| path == format!("{}/{}", file.package, file.path));
    let (Some(file), Some(folder)) = (known, &shared.app.config.graphiql_assets) else {
        return respond::not_found(identity).await;
    };
    match tokio::fs::read(folder.join(file.package).join(file.path)).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, file.media_type)], bytes).into_response(),
        Err(error) => {
            tracing::warn!(%error, path, "GRAPHIQL_ASSETS lacks a file");
            respond::not_found(identity).await
        }
    }
}

/// The graph in the schema definition language.
pub(super) async fn schema(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], shared.sdl.to_string()).into_response()
}
