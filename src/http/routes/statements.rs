//! Statements of wallets, fetched by an expiring link, piece by piece.

use axum::{
    body::Body,
    extract::{Extension, Path, State},
    response::Response,
};
use futures_util::TryStreamExt;

use crate::{
    domain::{actor::Actor, wallets},
    http::{
        Shared,
        client::as_refusal,
        respond::{self, Media, refuse},
        stranger::Stranger,
    },
};

/// The statement, to be saved; not found when the link is none or over.
pub(in crate::http) async fn get(
    State(shared): State<Shared>,
    Stranger(identity): Stranger,
    Path(token): Path<String>,
) -> Response {
    let concurrency_limit = shared.app.concurrency_limits.of(Actor::Anonymous.caller(&identity.client));
    let statement = match wallets::download(&shared.app, concurrency_limit, &token).await {
        Ok(Some(statement)) => statement,
        Ok(None) => return respond::not_found(Extension(identity)).await,
        Err(error) => return refuse(&as_refusal(error, &identity), Media::Json, &identity),
    };
    // Once it has begun, a failure can only end it early, without its closing line.
    let request_id = identity.request_id.clone();
    let pieces = statement.pieces.inspect_err(move |error| {
        tracing::error!(%request_id, %error, "a statement broke off");
    });
    respond::attachment("text/csv; charset=utf-8", &statement.file_name, Body::from_stream(pieces))
}
