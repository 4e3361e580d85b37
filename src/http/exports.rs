//! Archives of what is held about a person, fetched by an expiring link.

use axum::{
    extract::{Extension, Path, State},
    response::Response,
};

use super::{
    Shared,
    client::{Identity, as_refusal, take_allowance},
    respond::{self, Media, refuse},
};
use crate::{
    domain::{actor::Actor, privacy},
    error::Error,
};

/// The archive, to be saved; not found when the link is none or over.
pub(super) async fn get(
    State(shared): State<Shared>,
    Extension(identity): Extension<Identity>,
    Path(token): Path<String>,
) -> Response {
    let refused = |error: Error| refuse(&as_refusal(error, &identity), Media::Json, &identity);
    if let Err(left) = take_allowance(&shared.app, &Actor::Anonymous, &identity.client) {
        return refused(left.refusal().into());
    }
    let share = shared.app.shares.of(Actor::Anonymous.caller(&identity.client));
    match share.pays_for(privacy::download(&shared.app, &token)).await {
        Ok(Some(archive)) => match shared.answers.room(archive.len(), identity.client.address) {
            Some(room) => respond::attachment("application/zip", "agora-export.zip", room.hold(archive)),
            None => respond::crowded(&identity),
        },
        Ok(None) => respond::not_found(Extension(identity)).await,
        Err(error) => refused(error),
    }
}
