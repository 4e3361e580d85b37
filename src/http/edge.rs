//! Where every request comes in and every answer goes out: its identity, the hosts that are served, panics, the headers
//! that every answer carries, and the log line.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use tracing::Instrument;

use super::{
    Shared,
    client::{Identity, REQUEST_ID},
    headers,
    respond::{Media, refuse},
};
use crate::{
    error::{Code, Refusal},
    graphql::pipeline::panic_text,
};

/// Takes a request in, and gives its answer out.
pub(super) async fn pass(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let identity = Identity::of(&shared.app, &request);
    let id = identity.request_id.clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", id, method = %request.method(), path);
    let began = Instant::now();
    let mut response = if headers::host_allowed(&shared.app.config, &request) {
        request.extensions_mut().insert(identity);
        let answered = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind().await;
        answered.unwrap_or_else(|panic| {
            span.in_scope(|| tracing::error!(panic = panic_text(&*panic), "a handler panicked"));
            refuse(&Refusal::internal(), Media::Json, &id)
        })
    } else {
        refuse(&Refusal::new(Code::BadRequest, "This host is not served here."), Media::Json, &id)
    };
    headers::secure(&shared.app.config, &path, response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, elapsed = ?began.elapsed(), "answered"));
    response
}
