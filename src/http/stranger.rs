//! Whoever asks for what is beside the graph, such as a link's file: nobody says there who they are, so their address is charged.

use axum::{
    extract::{Extension, FromRequestParts},
    http::request::Parts,
    response::{IntoResponse, Response},
};

use super::{
    Shared,
    client::{Identity, take_allowance},
    respond::{Media, refuse},
};
use crate::domain::actor::Actor;

/// Who asks, once an operation is taken from the allowance of their address. Who has none left is refused before the handler.
pub(super) struct Stranger(pub(super) Identity);

impl FromRequestParts<Shared> for Stranger {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let identity = Extension::<Identity>::from_request_parts(parts, shared).await;
        let Extension(identity) = identity.map_err(IntoResponse::into_response)?;
        match take_allowance(&shared.app, &Actor::Anonymous, &identity.client) {
            Ok(_) => Ok(Self(identity)),
            Err(left) => Err(refuse(&left.refusal(), Media::Json, &identity)),
        }
    }
}
