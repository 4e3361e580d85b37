//! For newcomers: GraphiQL in the browser, and the graph's SDL.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::Shared;
use crate::platform::ids::fill_random;

const PAGE: &str = include_str!("graphiql.html");

/// The page's placeholders, the npm package with its version, and the file in it.
const FILES: &[(&str, &str, &str, &str)] = &[
    ("{{GRAPHIQL_CSS}}", "graphiql", "4.1.2", "graphiql.min.css"),
    ("{{GRAPHIQL_JS}}", "graphiql", "4.1.2", "graphiql.min.js"),
    ("{{REACT_JS}}", "react", "18.3.1", "umd/react.production.min.js"),
    ("{{REACT_DOM_JS}}", "react-dom", "18.3.1", "umd/react-dom.production.min.js"),
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
    for (placeholder, package, version, file) in FILES {
        let address = if config.graphiql_assets.is_some() {
            format!("/graphiql/{package}/{file}")
        } else {
            format!("https://cdn.jsdelivr.net/npm/{package}@{version}/{file}")
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
pub(super) async fn asset(State(shared): State<Shared>, Path(path): Path<String>) -> Response {
    let known = FILES.iter().find(|(_, package, _, file)| path == format!("{package}/{file}"));
    let (Some((_, package, _, file)), Some(folder)) = (known, &shared.app.config.graphiql_assets) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match tokio::fs::read(folder.join(package).join(file)).await {
        Ok(bytes) => {
            let kind = if file.ends_with(".css") { "text/css" } else { "text/javascript" };
            let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
            ([(header::CONTENT_TYPE, kind), (resource_policy, "same-origin")], bytes).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, package, file, "GRAPHIQL_ASSETS lacks a file");
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

/// The graph in the schema definition language.
pub(super) async fn schema(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], shared.sdl.to_string()).into_response()
}
