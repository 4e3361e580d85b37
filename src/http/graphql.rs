//! GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/): POST with JSON, GET for queries, answers as JSON
//! or as events; and the door to the WebSocket on the same path.

use async_graphql::parser::types::OperationType;
use axum::{
    extract::{Extension, FromRequestParts, Request, State, ws::WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Map, Value};

use super::{
    Shared,
    body::{self, Coding},
    client::{self, Identity},
    cookies, event_stream, headers,
    respond::{self, Media, refuse, refuse_with, tell_allowance},
    websocket,
};
use crate::{
    catalogue::Text,
    domain::actor::Actor,
    error::{Code, Refusal},
    graphql::engine::{
        context::{RequestContext, SessionKeeping},
        error::{refused, too_large},
        pipeline::{GraphqlRequest, Stage, Transport},
    },
};

/// A request that was not understood: the status, and why.
type Misunderstood = body::Unread;

fn misunderstood(status: StatusCode, message: impl Into<String>) -> Misunderstood {
    (status, Refusal::new(Code::BadRequest, message))
}

/// Queries by URL, and subscriptions as events; a WebSocket when that is asked for.
pub(super) async fn get(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = parts.headers.get(header::UPGRADE);
    if upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => websocket::open(shared, identity, &parts.headers, upgrade).await,
            Err(rejection) => {
                let refusal = Refusal::new(Code::BadRequest, rejection.body_text());
                refuse_with(rejection.status(), &refusal, Media::Json, &identity)
            }
        };
    }
    let Some(media) = Media::negotiate(&parts.headers) else { return not_acceptable(&identity) };
    let events = media == Media::EventStream;
    // Streams, as sockets, are not for every page that a browser may show.
    if (events || cookies::wanted(&parts.headers)) && !headers::origin_allowed(&shared.app.config, &parts.headers) {
        return foreign(&identity, media);
    }
    let request = async { from_url(parts.uri.query().unwrap_or_default()) };
    answer(&shared, &identity, &parts.headers, media, Transport::Get { events }, request).await
}

/// Operations as JSON.
pub(super) async fn post(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Response {
    let (parts, sent) = request.into_parts();
    let headers = &parts.headers;
    let Some(media) = Media::negotiate(headers) else { return not_acceptable(&identity) };
    if !headers::origin_allowed(&shared.app.config, headers) {
        return foreign(&identity, media);
    }
    let request = async {
        let Some(coding) = Coding::of(headers).filter(|_| is_json(headers)) else {
            let message = "Send the operation as application/json, in UTF-8, as it is or as gzip.";
            return Err(misunderstood(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        };
        let limit = shared.app.config.limits.body_bytes;
        let bytes = coding.unpack(body::read(&shared.app, headers, sent, limit).await?, limit)?;
        GraphqlRequest::parse(&bytes).map_err(|refusal| (StatusCode::BAD_REQUEST, refusal))
    };
    let transport = Transport::Post { events: media == Media::EventStream };
    answer(&shared, &identity, headers, media, transport, request).await
}

/// Who asks, what is left to them, what they ask for: in this order, so that nothing is read for nobody.
async fn answer(
    shared: &Shared,
    identity: &Identity,
    headers: &HeaderMap,
    media: Media,
    transport: Transport,
    request: impl Future<Output = Result<GraphqlRequest, Misunderstood>>,
) -> Response {
    let (actor, left) = client::admit(&shared.app, headers, identity).await;
    let token_refused = actor == Ok(Actor::Refused);
    let mut response = match actor {
        Err(refusal) => refuse(&refusal, media, identity),
        Ok(actor) => match request.await {
            Err((status, refusal)) => refuse_with(status, &refusal, media, identity),
            Ok(request) => {
                let keeping = cookies::keeping(&shared.app, headers);
                run(shared, identity, (actor, keeping), media, transport, request).await
            }
        },
    };
    if token_refused {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(left) = left {
        tell_allowance(&mut response, &left);
    }
    response
}

async fn run(
    shared: &Shared,
    identity: &Identity,
    (actor, keeping): (Actor, SessionKeeping),
    media: Media,
    transport: Transport,
    request: GraphqlRequest,
) -> Response {
    let prepared = match shared.pipeline.prepare(request, transport, &actor) {
        Ok(prepared) => prepared,
        Err(refusal) => return refuse_document(&refusal, media, identity),
    };
    let (app, client, request_id) = (shared.app.clone(), identity.client.clone(), identity.request_id.clone());
    let context = RequestContext::new(app, actor, client, request_id, keeping.clone());
    if prepared.kind == OperationType::Subscription {
        // A stream is for a session: nobody wants to follow things as nobody because a token ran out.
        return match context.actor.require_certain() {
            Ok(()) => event_stream::open(shared, identity, prepared, context),
            Err(error) => refuse_document(&client::as_refusal(error, identity), media, identity),
        };
    }
    let (address, mutation) = (identity.client.address, prepared.kind == OperationType::Mutation);
    // What a mutation does is not taken back when there is no room to say so: it is looked for before.
    let expected = if mutation { usize::try_from(prepared.cost.bytes).unwrap_or(usize::MAX) } else { 0 };
    let Some(reserved) = shared.answers.room(expected, address) else { return respond::crowded(identity) };
    let (mut response, stage) = shared.pipeline.execute(prepared, context).await;
    let status = match (stage, media) {
        (Stage::Refused, Media::GraphqlResponse) => StatusCode::BAD_REQUEST,
        (Stage::Failed, Media::GraphqlResponse | Media::Json) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let limit = shared.app.config.limits.answer_bytes;
    let text = respond::json(&response, stage, limit).unwrap_or_else(|| {
        let extensions = std::mem::take(&mut response.extensions);
        response = refused(&too_large(limit, mutation), &identity.request_id, identity.client.locale);
        response.extensions = extensions;
        respond::json(&response, stage, usize::MAX).unwrap_or_default()
    });
    let text = media.frame(text);
    let room = if mutation { Some(reserved) } else { shared.answers.room(text.len(), address) };
    let Some(room) = room else { return respond::crowded(identity) };
    let mut response = respond::written(status, &response, room.hold(text), media);
    cookies::write(&shared.app, keeping.change(), response.headers_mut());
    response
}

/// A document that may not run. With `application/json`, a request that is well-formed as such gets 200 even when its
/// document does not parse, and an event stream tells every such refusal by an event; a mutation by GET is a wrong method.
fn refuse_document(refusal: &Refusal, media: Media, identity: &Identity) -> Response {
    if refusal.details.iter().any(|(name, _)| *name == "allow") {
        let mut response = refuse_with(StatusCode::METHOD_NOT_ALLOWED, refusal, media, identity);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    if media == Media::EventStream || (media == Media::Json && !refusal.locations.is_empty()) {
        return refuse_with(StatusCode::OK, refusal, media, identity);
    }
    refuse(refusal, media, identity)
}

/// A page that is not of the operator's.
pub(super) fn foreign_page() -> Refusal {
    Refusal::of(Code::Forbidden, Text::OriginNotAllowed)
}

fn foreign(identity: &Identity, media: Media) -> Response {
    refuse(&foreign_page(), media, identity)
}

fn not_acceptable(identity: &Identity) -> Response {
    let message = "Accept application/graphql-response+json, application/json or text/event-stream, in UTF-8.";
    let refusal = Refusal::new(Code::BadRequest, message);
    refuse_with(StatusCode::NOT_ACCEPTABLE, &refusal, Media::Json, identity)
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

/// The parameters of a query's URL; objects are written as JSON.
fn from_url(query: &str) -> Result<GraphqlRequest, Misunderstood> {
    let bad = |message: String| misunderstood(StatusCode::BAD_REQUEST, message);
    let object = |name: &str, text: &str| {
        serde_json::from_str::<Option<Map<String, Value>>>(text).map_err(|_| bad(format!("`{name}` is a JSON object.")))
    };
    let mut request = GraphqlRequest::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        // What stands in the place of bytes that are not UTF-8.
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err(bad("The URL's parameters are not UTF-8.".to_owned()));
        }
        match &*name {
            "query" => request.query = Some(value.into_owned()),
            "documentId" => request.document_id = Some(value.into_owned()),
            "operationName" => request.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => request.variables = object("variables", &value)?,
            "extensions" if !value.is_empty() => request.extensions = object("extensions", &value)?,
            _ => {}
        }
    }
    Ok(request)
}
