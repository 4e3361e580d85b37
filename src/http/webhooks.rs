//! What providers of payments tell us: `POST /webhooks/{provider}`. The raw body is verified before anything is made of
//! it, kept, and answered; the work is done from the queue. Verifying costs something, with some a question to the provider:
//! whoever sends too many that are not genuine is not heard for a while.

use axum::{
    body::{Body, to_bytes},
    extract::{Extension, Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use url::form_urlencoded;

use super::{
    Shared,
    client::{Identity, as_refusal},
    respond::{self, Media, refuse},
};
use crate::{
    domain::payments::{self, Received},
    platform::{
        payments::{Envelope, Rejected},
        rate_limit::address_key,
    },
};

/// Most bytes of a webhook's body: providers send a few thousand.
const LONGEST: usize = 256 * 1024;

/// Takes one in.
pub(super) async fn post(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let failures = &shared.app.limiters.webhook_address;
    let address = identity.client.address.map(address_key);
    if let Some(Err(left)) = address.map(|address| failures.check(&address)) {
        let mut response = refuse(&left.refusal(), Media::Json, &identity.request_id);
        respond::tell_allowance(&mut response, &left);
        return response;
    }
    let Ok(body) = to_bytes(body, LONGEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let envelope = Envelope {
        headers: headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect(),
        query: form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect(),
    };
    match payments::receive(&shared.app, &provider, &envelope, &body).await {
        Ok(Received::Kept) => StatusCode::OK.into_response(),
        Ok(Received::Unknown) => respond::not_found(Extension(identity)).await,
        Ok(Received::Rejected(Rejected::Unavailable(cause))) => {
            tracing::warn!(provider, cause, "a webhook could not be verified now");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        Ok(Received::Rejected(rejected)) => {
            tracing::warn!(provider, %rejected, "a webhook was rejected");
            if let Some(address) = address {
                failures.count(&address);
            }
            StatusCode::BAD_REQUEST.into_response()
        }
        Err(error) => refuse(&as_refusal(error, &identity), Media::Json, &identity.request_id),
    }
}
