//! What providers of payments tell us: `POST /webhooks/{provider}`. The raw body is verified before anything is made of
//! it, kept, and answered; the work is done from the queue. Nothing is read for a provider that is not there. Verifying costs
//! something, with some a question to the provider: whoever sends too many that are not genuine is not heard for a while.

use std::net::IpAddr;

use axum::{
    body::Body,
    extract::{Extension, Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use url::form_urlencoded;

use crate::{
    domain::payments::{self, Received},
    http::{
        Shared, body,
        client::{Identity, as_refusal},
        respond::{self, Media, refuse, refuse_with},
    },
    platform::{
        providers::payments::{Envelope, Rejected},
        rate_limit::{Failures, Policy, address_key},
    },
};

/// Webhooks from an address that were not their provider's own.
const WEBHOOK_ADDRESS: Policy<Failures<IpAddr>> = Policy::of_failures("webhook-address", |rates| rates.webhook_address);

/// Most bytes of a webhook's body: providers send a few thousand.
const LONGEST: usize = 256 * 1024;

/// Takes a webhook in: checked as it came, and kept, before it is answered.
pub(in crate::http) async fn post(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    sent: Body,
) -> Response {
    let failures = shared.app.limiters.of(&WEBHOOK_ADDRESS);
    let address = identity.client.address.map(address_key);
    if let Some(Err(left)) = address.map(|address| failures.check(&address)) {
        let mut response = refuse(&left.refusal(), Media::Json, &identity);
        respond::tell_allowance(&mut response, &left);
        return response;
    }
    if shared.app.payments.gateway(&provider).is_none() {
        return respond::not_found(Extension(identity)).await;
    }
    let body = match body::read(&shared.app, &headers, sent, LONGEST).await {
        Ok(body) => body,
        Err((status, refusal)) => return refuse_with(status, &refusal, Media::Json, &identity),
    };
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
        Err(error) => refuse(&as_refusal(error, &identity), Media::Json, &identity),
    }
}
