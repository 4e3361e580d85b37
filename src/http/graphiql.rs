//! For newcomers: GraphiQL in the browser, and the graph's SDL.

use std::{io::Write, sync::OnceLock};

use axum::{
    Json,
    body::Bytes,
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{
    Shared,
    client::{Identity, parts, take_allowance},
    respond::{self, Media, refuse},
};
use crate::{
    domain::actor::Actor,
    error::{Error, Result},
    platform::{
        crypto::{hex, sha256},
        ids::fill_random,
    },
};

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
    if let Err(left) = take_allowance(&shared.app, &Actor::Anonymous, &identity.client) {
        return refuse(&left.refusal(), Media::Json, &identity);
    }
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

/// The graph's SDL as it is sent: compressed once, and known by its tag.
#[derive(Debug)]
pub(super) struct Sdl {
    text: Bytes,
    compressed: Bytes,
    /// A weak one: it stands for both forms.
    tag: HeaderValue,
}

impl Sdl {
    /// That of our own graph.
    pub(super) fn of_graph() -> Result<&'static Self> {
        static SDL: OnceLock<Sdl> = OnceLock::new();
        if let Some(sdl) = SDL.get() {
            return Ok(sdl);
        }
        let packed = Self::new(crate::graphql::sdl())?;
        Ok(SDL.get_or_init(|| packed))
    }

    fn new(text: &'static str) -> Result<Self> {
        let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
        compressed.write_all(text.as_bytes())?;
        let tag = format!("W/\"{}\"", &hex(&sha256(text.as_bytes()))[..32]);
        let tag = HeaderValue::try_from(tag).map_err(Error::internal)?;
        Ok(Self { text: text.into(), compressed: compressed.finish()?.into(), tag })
    }
}

/// On answers that are not to be compressed on their way.
#[derive(Debug, Clone, Copy)]
pub(super) struct AsItIs;

/// The graph in the schema definition language.
pub(super) async fn schema(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
) -> Response {
    if let Err(left) = take_allowance(&shared.app, &Actor::Anonymous, &identity.client) {
        return refuse(&left.refusal(), Media::Json, &identity);
    }
    let sdl = &shared.sdl;
    let is_known =
        parts(&headers, &header::IF_NONE_MATCH, b',').any(|tag| tag == "*" || tag.as_bytes() == sdl.tag.as_bytes());
    let compressed = accepts_gzip(&headers);
    let mut response = match (is_known, compressed) {
        (true, _) => StatusCode::NOT_MODIFIED.into_response(),
        (_, true) => sdl.compressed.clone().into_response(),
        (_, false) => sdl.text.clone().into_response(),
    };
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.insert(header::ETAG, sdl.tag.clone());
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if compressed && !is_known {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.extensions_mut().insert(AsItIs);
    response
}

/// Whether the client can read gzip: it says so, and does not take it back by a weight of 0.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    parts(headers, &header::ACCEPT_ENCODING, b',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().trim_start_matches("q=").parse::<f32>().unwrap_or(1.0);
        name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
    })
}
