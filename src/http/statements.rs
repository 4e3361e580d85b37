//! Statements of wallets, fetched by an expiring link, piece by piece.

use axum::{
    body::Body,
    extract::{Extension, Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;

use super::{
    Shared,
    client::{Identity, as_refusal, take_allowance},
    respond::{self, Media, refuse},
};
use crate::{
    domain::{actor::Actor, wallets},
    error::Error,
};

/// The statement, to be saved; not found when the link is none or over.
pub(super) async fn get(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    Path(token): Path<String>,
) -> Response {
    let refused = |error: Error| refuse(&as_refusal(error, &identity), Media::Json, &identity.request_id);
    if let Err(left) = take_allowance(&shared.app, &Actor::Anonymous, &identity.client) {
        return refused(left.refusal().into());
    }
    let statement = match wallets::download(&shared.app, &token).await {
        Ok(Some(statement)) => statement,
        Ok(None) => return respond::not_found(Extension(identity)).await,
        Err(error) => return refused(error),
    };
    let disposition = format!("attachment; filename=\"{}\"", statement.file_name);
    let disposition = HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    // Once it has begun, a failure can only end it early, without its closing line.
    let request_id = identity.request_id.clone();
    let pieces = statement.pieces.inspect_err(move |error| {
        tracing::error!(%request_id, %error, "a statement broke off");
    });
    (headers, Body::from_stream(pieces)).into_response()
}
