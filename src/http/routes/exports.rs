//! Archives of what is held about a person, fetched by an expiring link.

use axum::{
    extract::{Extension, Path, State},
    response::Response,
};

use crate::{
    domain::{actor::Actor, privacy},
    http::{
        Shared,
        client::as_refusal,
        respond::{self, Media, refuse},
        stranger::Stranger,
    },
};

/// The archive, to be saved; not found when the link is none or over.
pub(in crate::http) async fn get(
    State(shared): State<Shared>,
    Stranger(identity): Stranger,
    Path(token): Path<String>,
) -> Response {
    let concurrency_limit = shared.app.concurrency_limits.of(Actor::Anonymous.caller(&identity.client));
    match concurrency_limit.apply_to(privacy::download(&shared.app, &token)).await {
        Ok(Some(archive)) => match shared.answers.room(archive.len(), identity.client.address) {
            Some(room) => respond::attachment("application/zip", "agora-export.zip", room.hold(archive)),
            None => respond::crowded(&identity),
        },
        Ok(None) => respond::not_found(Extension(identity)).await,
        Err(error) => refuse(&as_refusal(error, &identity), Media::Json, &identity),
    }
}
