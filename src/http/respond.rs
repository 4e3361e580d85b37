//! Answers outside of the graph: refusals as the same JSON that the graph would give.

use std::io;

use axum::{
    body::{Body, Bytes},
    extract::{Extension, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Serialize;

use super::{
    client::{Identity, parts},
    event_stream,
};
use crate::{
    catalogue::Text,
    error::{Code, Refusal},
    graphql::engine::{error::refused, pipeline::Stage},
    platform::rate_limit::Remaining,
};

/// Media type of a GraphQL response, as the GraphQL-over-HTTP specification names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status tells whether it went well.
    GraphqlResponse,
    /// `application/json`: any well-formed request gets 200.
    Json,
    /// `text/event-stream`: whatever becomes of the operation is told by events. What is refused before it is an operation is
    /// refused as JSON, by its status.
    EventStream,
}

impl Media {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
        })
    }

    /// The JSON of an operation's only answer, as it is sent.
    pub(super) fn frame(self, json: Vec<u8>) -> Vec<u8> {
        if self == Self::EventStream { event_stream::whole(&json) } else { json }
    }

    /// The best of what `Accept` allows; `None` when it allows none of them. Nothing said is `application/json`.
    pub(super) fn negotiate(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(header::ACCEPT) {
            return Some(Self::Json);
        }
        let mut best: Option<(u16, Self)> = None;
        for (weight, media) in parts(headers, &header::ACCEPT, b',').filter_map(Self::of_range) {
            if weight > 0 && best.is_none_or(|(known, _)| weight > known) {
                best = Some((weight, media));
            }
        }
        best.map(|(_, media)| media)
    }

    /// What a range of `Accept` stands for, and its weight in thousandths.
    fn of_range(range: &str) -> Option<(u16, Self)> {
        let mut parts = range.split(';').map(str::trim);
        let media = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => Self::GraphqlResponse,
            "application/json" | "application/*" | "*/*" => Self::Json,
            "text/event-stream" => Self::EventStream,
            _ => return None,
        };
        let mut weight = 1000;
        for parameter in parts {
            match parameter.split_once('=') {
                Some(("q", q)) => weight = q.parse::<f32>().map_or(0, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16),
                Some(("charset", charset)) if !charset.trim_matches('"').eq_ignore_ascii_case("utf-8") => return None,
                _ => {}
            }
        }
        Some((weight, media))
    }
}

/// Something to be saved under a name, and nowhere on the way.
pub(super) fn attachment(content_type: &'static str, file_name: &str, body: impl Into<Body>) -> Response {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{file_name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment"))),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body.into()).into_response()
}

/// A refusal of a whole request, with the status of its code.
pub(super) fn refuse(refusal: &Refusal, media: Media, identity: &Identity) -> Response {
    let status = match refusal.code {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::ReauthenticationRequired | Code::TwoFactorSetupRequired => StatusCode::FORBIDDEN,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        // What Apollo's clients expect of the protocol.
        Code::PersistedQueryNotFound if media == Media::Json => StatusCode::OK,
        Code::BadRequest | Code::CostExceeded | Code::PersistedQueryNotFound => StatusCode::BAD_REQUEST,
    };
    refuse_with(status, refusal, media, identity)
}

/// A refusal with a status of its own.
pub(super) fn refuse_with(status: StatusCode, refusal: &Refusal, media: Media, identity: &Identity) -> Response {
    let refused = refused(refusal, &identity.request_id, identity.client.locale);
    let mut response = graphql(status, &refused, Stage::Refused, media);
    if refusal.code == Code::Unauthenticated {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// More at once than there is room for.
pub(super) fn crowded(identity: &Identity) -> Response {
    let refusal = Refusal::of(Code::Unavailable, Text::TooManyConnections);
    refuse(&refusal.with("retryAfter", 10), Media::Json, identity)
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [async_graphql::ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a async_graphql::Value>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, async_graphql::Value>,
}

/// What is written into it has a limit.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text of a GraphQL response; none when it would be larger than `most`. What was refused before execution has no
/// `data`.
pub(super) fn json(response: &async_graphql::Response, stage: Stage, most: usize) -> Option<Vec<u8>> {
    let answer = Answer {
        errors: &response.errors,
        data: (stage == Stage::Executed).then_some(&response.data),
        extensions: &response.extensions,
    };
    let mut text = Bounded { bytes: Vec::with_capacity(512), most };
    match serde_json::to_writer(&mut text, &answer) {
        Ok(()) => Some(text.bytes),
        Err(error) if error.io_error_kind() == Some(io::ErrorKind::FileTooLarge) => None,
        Err(error) => {
            tracing::error!(%error, "a response could not be written");
            None
        }
    }
}

/// A GraphQL response of a few words.
pub(super) fn graphql(status: StatusCode, response: &async_graphql::Response, stage: Stage, media: Media) -> Response {
    let media = if media == Media::EventStream && status != StatusCode::OK { Media::Json } else { media };
    let text = json(response, stage, usize::MAX).unwrap_or_default();
    written(status, response, Bytes::from(media.frame(text)), media)
}

/// Events, as they come.
pub(super) fn stream(events: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, Media::EventStream.content_type()),
        // nginx gathers what it passes on, unless it is told not to.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, events).into_response()
}

/// A GraphQL response with its text, in the frame of its media type.
pub(super) fn written(status: StatusCode, response: &async_graphql::Response, text: Bytes, media: Media) -> Response {
    let mut answer = (status, Body::from(text)).into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, media.content_type());
    let wait = response.errors.iter().filter_map(|error| retry_after(error.extensions.as_ref()?)).max();
    if let Some(wait) = wait {
        answer.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    answer
}

fn retry_after(extensions: &async_graphql::ErrorExtensionValues) -> Option<u64> {
    match extensions.get("retryAfter")? {
        async_graphql::Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

/// The `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers).
pub(super) fn tell_allowance(response: &mut Response, left: &Remaining) {
    let period = left.period.as_secs();
    let wait = left.retry_after.as_secs_f64().ceil() as u64;
    let reset = if left.remaining == 0 { wait.max(1) } else { period };
    let policy = format!("\"{}\";q={};w={period}", left.policy, left.limit);
    let state = format!("\"{}\";r={};t={reset}", left.policy, left.remaining);
    for (name, text) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// A page of the server's own, with a form at most: it runs nothing, and nothing of it is kept.
pub(super) fn page(html: String) -> Response {
    let mut response = Html(html).into_response();
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Text as it can stand in a page, in quotation marks too.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// No route has this path.
pub(super) async fn not_found(Extension(identity): Extension<Identity>) -> Response {
    let refusal = Refusal::new(Code::BadRequest, "There is nothing at this path; the API is at /graphql.");
    refuse_with(StatusCode::NOT_FOUND, &refusal, Media::Json, &identity)
}

/// The path has no such method; axum adds `Allow`.
pub(super) async fn method_not_allowed(Extension(identity): Extension<Identity>, request: Request) -> Response {
    let refusal = Refusal::new(Code::BadRequest, format!("{} is not possible here.", request.method()));
    refuse_with(StatusCode::METHOD_NOT_ALLOWED, &refusal, Media::Json, &identity)
}
