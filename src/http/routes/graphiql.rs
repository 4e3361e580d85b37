//! For newcomers: GraphiQL in the browser, and the graph's SDL.
//!
//! The page's files are built from the folder `graphiql` and kept there as they are sent, so that the program needs neither
//! node to be built nor a network to show them. They are of GraphiQL 4, the last on CodeMirror: 430 kB compressed, with
//! all that it needs. GraphiQL 5 edits in Monaco, which takes 1.4 MB and workers of 390 kB more; 3 would save 30 kB and
//! is no longer kept.

use std::{
    io::{Read, Write},
    sync::OnceLock,
};

use axum::{
    Json,
    body::Bytes,
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::json;

use crate::{
    demo,
    domain::actor::Actor,
    error::{Error, Refusal, Result},
    http::{
        Shared,
        client::{Identity, parts, take_allowance},
        respond::{self, Media, refuse},
    },
    platform::{
        crypto::{hex, sha256},
        ids::fill_random,
    },
};

const PAGE: &str = include_str!("graphiql.html");

/// The page's files: name, kind, and what `graphiql/build.mjs` made.
const FILES: [(&str, &str, &[u8]); 3] = [
    ("graphiql.js", "text/javascript; charset=utf-8", include_bytes!("../../../graphiql/dist/graphiql.js.gz")),
    ("graphiql.css", "text/css; charset=utf-8", include_bytes!("../../../graphiql/dist/graphiql.css.gz")),
    ("licences.txt", TEXT, include_bytes!("../../../graphiql/dist/licences.txt.gz")),
];

const TEXT: &str = "text/plain; charset=utf-8";

/// GraphiQL; where it is switched off, a few words on where to go.
pub(in crate::http) async fn page(State(shared): State<Shared>) -> Response {
    let config = &shared.app.config;
    if !config.graphiql {
        let links =
            json!({ "name": "Agora", "graphql": "/graphql", "schema": "/schema.graphql", "health": "/health/ready" });
        return Json(links).into_response();
    }
    let mut nonce = [0; 16];
    fill_random(&mut nonce);
    let nonce = URL_SAFE_NO_PAD.encode(nonce);
    let demo_password = if config.demo_data { demo::PASSWORD } else { "" };
    let page = PAGE.replace("{{NONCE}}", &nonce).replace("{{DEMO_PASSWORD}}", demo_password);
    // Only what carries the nonce runs and styles: the two files, and the styles that GraphiQL's menus add.
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = Html(page).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One of the page's files.
pub(in crate::http) async fn file(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let name = uri.path().strip_prefix("/graphiql/").unwrap_or_default();
    match shared.texts.files.iter().find(|(known, _)| *known == name) {
        Some((_, file)) => send(file, &shared, &identity, &headers),
        None => respond::not_found(Extension(identity)).await,
    }
}

/// The graph in the schema definition language.
pub(in crate::http) async fn schema(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
) -> Response {
    send(&shared.texts.sdl, &shared, &identity, &headers)
}

/// What is the same for everybody.
#[derive(Debug)]
pub(in crate::http) struct Texts {
    sdl: Packed,
    files: [(&'static str, Packed); 3],
}

impl Texts {
    /// Those of our own graph, once for all servers of a process.
    pub(in crate::http) fn of_graph() -> Result<&'static Self> {
        static TEXTS: OnceLock<Texts> = OnceLock::new();
        if let Some(texts) = TEXTS.get() {
            return Ok(texts);
        }
        let [script, style, licences] =
            FILES.map(|(name, kind, gzip)| Packed::of_gzip(kind, gzip).map(|packed| (name, packed)));
        let texts = Self { sdl: Packed::of_text(TEXT, crate::graphql::sdl())?, files: [script?, style?, licences?] };
        Ok(TEXTS.get_or_init(|| texts))
    }
}

/// A text as it is sent, in two forms: the one that is not there from the start is made when the first client asks for it.
/// It is known by its tag.
#[derive(Debug)]
struct Packed {
    kind: HeaderValue,
    compressed: OnceLock<Bytes>,
    /// For clients that can't read gzip.
    text: OnceLock<Bytes>,
    /// A weak one: it stands for both forms.
    tag: HeaderValue,
}

impl Packed {
    fn of_text(kind: &'static str, text: &'static str) -> Result<Self> {
        let text = Bytes::from_static(text.as_bytes());
        Ok(Self {
            kind: HeaderValue::from_static(kind),
            compressed: OnceLock::new(),
            tag: tag(&text)?,
            text: text.into(),
        })
    }

    fn of_gzip(kind: &'static str, gzip: &'static [u8]) -> Result<Self> {
        let gzip = Bytes::from_static(gzip);
        Ok(Self {
            kind: HeaderValue::from_static(kind),
            tag: tag(&gzip)?,
            compressed: gzip.into(),
            text: OnceLock::new(),
        })
    }

    fn compressed(&self) -> Result<Bytes> {
        if let Some(compressed) = self.compressed.get() {
            return Ok(compressed.clone());
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        if let Some(text) = self.text.get() {
            encoder.write_all(text)?;
        }
        let compressed = encoder.finish()?;
        Ok(self.compressed.get_or_init(|| compressed.into()).clone())
    }

    fn text(&self) -> Result<Bytes> {
        if let Some(text) = self.text.get() {
            return Ok(text.clone());
        }
        let mut text = Vec::new();
        GzDecoder::new(&self.compressed()?[..]).read_to_end(&mut text)?;
        Ok(self.text.get_or_init(|| text.into()).clone())
    }
}

fn tag(bytes: &[u8]) -> Result<HeaderValue> {
    HeaderValue::try_from(format!("W/\"{}\"", &hex(&sha256(bytes))[..32])).map_err(Error::internal)
}

/// On answers that are not to be compressed on their way.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct AsItIs;

/// Sends a text in the form that the client reads, or tells it that it has it already.
fn send(packed: &Packed, shared: &Shared, identity: &Identity, headers: &HeaderMap) -> Response {
    if let Err(left) = take_allowance(&shared.app, &Actor::Anonymous, &identity.client) {
        return refuse(&left.refusal(), Media::Json, identity);
    }
    let is_known =
        parts(headers, &header::IF_NONE_MATCH, b',').any(|tag| tag == "*" || tag.as_bytes() == packed.tag.as_bytes());
    let compressed = accepts_gzip(headers);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let form = if compressed { packed.compressed() } else { packed.text() };
        match form {
            Ok(bytes) => bytes.into_response(),
            Err(error) => {
                tracing::error!(%error, "a text of the program's own can't be packed or unpacked");
                return refuse(&Refusal::internal(), Media::Json, identity);
            }
        }
    };
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, packed.kind.clone());
    answer.insert(header::ETAG, packed.tag.clone());
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
