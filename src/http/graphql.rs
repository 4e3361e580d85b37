//! GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/): POST with JSON, GET for queries; and the
//! door to the WebSocket on the same path.

use axum::{
    body::{Body, Bytes},
    extract::{Extension, FromRequestParts, Request, State, ws::WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Shared,
    client::{self, Identity},
    headers,
    respond::{self, Media, refuse, refuse_with, tell_allowance},
    websocket,
};
use crate::{
    error::{Code, Error, Refusal},
    graphql::{
        context::RequestContext,
        pipeline::{GraphqlRequest, Transport},
    },
};

/// Queries by URL; a WebSocket when that is asked for.
pub(super) async fn get(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let wants_socket =
        parts.headers.get(header::UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if wants_socket {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => websocket::open(shared, identity, &parts.headers, upgrade),
            Err(rejection) => rejection.into_response(),
        };
    }
    let Some(media) = Media::negotiate(&parts.headers) else { return not_acceptable(&identity) };
    let request = from_url(parts.uri.query().unwrap_or_default());
    run(&shared, identity, &parts.headers, media, Transport::Get, request).await
}

/// Queries and mutations as JSON.
pub(super) async fn post(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let Some(media) = Media::negotiate(headers) else { return not_acceptable(&identity) };
    if !is_json(headers) {
        let refusal = Refusal::new(Code::BadRequest, "Send the operation as application/json, in UTF-8.");
        return refuse_with(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refusal, media, &identity.request_id);
    }
    if !headers::origin_allowed(&shared.app.config, headers) {
        let refusal = Refusal::new(Code::Forbidden, "Pages of this origin may not call this server.");
        return refuse(&refusal, media, &identity.request_id);
    }
    let limit = shared.app.config.limits.body_bytes;
    match read(headers, body, limit).await {
        Ok(bytes) => run(&shared, identity, headers, media, Transport::Post, GraphqlRequest::parse(&bytes)).await,
        Err(refusal) => refuse_with(StatusCode::PAYLOAD_TOO_LARGE, &refusal, media, &identity.request_id),
    }
}

async fn run(
    shared: &Shared,
    identity: Identity,
    headers: &HeaderMap,
    media: Media,
    transport: Transport,
    request: Result<GraphqlRequest, Refusal>,
) -> Response {
    let app = &shared.app;
    let actor = match client::actor(app, headers).await {
        Ok(actor) => actor,
        Err(error) => return refuse(&as_refusal(error, &identity.request_id), media, &identity.request_id),
    };
    let left = match client::take_allowance(app, &actor, &identity.client) {
        Ok(left) => left,
        Err(left) => {
            let mut response = refuse(&left.refusal(), media, &identity.request_id);
            tell_allowance(&mut response, &left);
            return response;
        }
    };
    let mut response = match request.map(|request| shared.pipeline.prepare(request, transport)) {
        Ok(Ok(prepared)) => {
            let context = RequestContext::new(app.clone(), actor, identity.client.clone(), identity.request_id.clone());
            let (response, began) = shared.pipeline.execute(prepared, context).await;
            let status = if began || media == Media::Json { StatusCode::OK } else { StatusCode::BAD_REQUEST };
            respond::graphql(status, &response, began, media)
        }
        Ok(Err(refusal)) => refuse_document(&refusal, media, &identity.request_id),
        Err(refusal) => refuse(&refusal, media, &identity.request_id),
    };
    if let Some(left) = left {
        tell_allowance(&mut response, &left);
    }
    response
}

/// A document that may not run. With `application/json`, a request that is well-formed as such gets 200 even when its
/// document does not parse; a mutation by GET is a wrong method.
fn refuse_document(refusal: &Refusal, media: Media, request_id: &str) -> Response {
    if refusal.details.iter().any(|(name, _)| *name == "allow") {
        let mut response = refuse_with(StatusCode::METHOD_NOT_ALLOWED, refusal, media, request_id);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    if media == Media::Json && !refusal.locations.is_empty() {
        return refuse_with(StatusCode::OK, refusal, media, request_id);
    }
    refuse(refusal, media, request_id)
}

/// What the caller learns of a failure before execution; a failure inside goes to the log.
fn as_refusal(error: Error, request_id: &str) -> Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        error => {
            tracing::error!(request_id, %error, "a request failed before its execution");
            Refusal::new(Code::Internal, "Something went wrong on our side; the request id helps to find out what.")
        }
    }
}

fn not_acceptable(identity: &Identity) -> Response {
    let message = "Accept application/graphql-response+json or application/json, in UTF-8.";
    let refusal = Refusal::new(Code::BadRequest, message);
    refuse_with(StatusCode::NOT_ACCEPTABLE, &refusal, Media::Json, &identity.request_id)
}

/// `application/json`, if need be with `charset=utf-8`. Forms and plain text, which any page may send anywhere, are not.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
                charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// The body, as far as the limit; a larger one is not read to its end.
async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_large = |size| Refusal::over_limit("body in bytes", limit as u64, size);
    if let Some(size) = announced.filter(|size| *size > limit as u64) {
        return Err(too_large(size));
    }
    axum::body::to_bytes(body, limit).await.map_err(|_| too_large(limit as u64 + 1))
}

fn from_url(query: &str) -> Result<GraphqlRequest, Refusal> {
    let mut request = GraphqlRequest::default();
    let object = |name: &str, text: &str| {
        serde_json::from_str::<Option<serde_json::Map<_, _>>>(text)
            .map_err(|_| Refusal::new(Code::BadRequest, format!("`{name}` is a JSON object.")))
    };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "query" => request.query = Some(value.into_owned()),
            "operationName" => request.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => request.variables = object("variables", &value)?,
            "extensions" if !value.is_empty() => request.extensions = object("extensions", &value)?,
            _ => {}
        }
    }
    Ok(request)
}
