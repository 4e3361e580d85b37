//! The middleware around every request: its identity, its permit, the time for its body, the hosts that
//! are served, panics, the headers that every answer carries, and the log line.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    body::Body,
    extract::{Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use tracing::Instrument;

use super::{
    Shared, body,
    client::{Identity, REQUEST_ID},
    headers,
    permits::Permit,
    respond::{self, Media, refuse},
    routes::metrics,
    serve::Beyond,
    timeouts::Holding,
};
use crate::{
    error::{Code, Refusal},
    graphql::engine::pipeline::panic_text,
};

/// Takes a request in, and gives its answer out.
pub(super) async fn pass(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let identity = Identity::of(&shared.app, &request);
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", id = identity.request_id, method = %request.method(), path);
    let began = Instant::now();
    let mut response = if !headers::host_allowed(&shared.app.config, &request) {
        refuse(&Refusal::new(Code::BadRequest, "This host is not served here."), Media::Json, &identity)
    } else if let Some(permit) = permit(&shared, &request, &identity) {
        request.extensions_mut().insert(identity.clone());
        let request = request.map(|sent| body::timed(sent, shared.app.config.connections.body));
        let answered = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind().await;
        let response = answered.unwrap_or_else(|panic| {
            span.in_scope(|| tracing::error!(panic = panic_text(&*panic), "a handler panicked"));
            refuse(&Refusal::internal(), Media::Json, &identity)
        });
        response.map(|body| Body::new(Holding::new(body, permit)))
    } else {
        body::discard(request.into_body()).await;
        respond::crowded(&identity)
    };
    headers::secure(&shared.app.config, &path, response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&identity.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    shared.answered.count(response.status());
    let status = response.status().as_u16();
    span.in_scope(|| tracing::debug!(status, elapsed = ?began.elapsed(), "answered"));
    response
}

/// The permit of a request until its answer is written; none when there is no room. Probes of health need none, nor does
/// monitoring, which is to see a flood.
fn permit(shared: &Shared, request: &Request, identity: &Identity) -> Option<Option<Permit>> {
    let path = request.uri().path();
    if path.starts_with("/health/") || (path == "/metrics" && metrics::is_admitted(&shared.app, request.headers())) {
        return Some(None);
    }
    if request.extensions().get::<Beyond>().is_some() {
        return None;
    }
    shared.requests.take(identity.client.address).map(Some)
}
