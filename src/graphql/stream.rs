//! Live streams: where a client stands in one, and cursors that are opaque, sealed and tied to the stream.

use async_graphql::Enum;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::context::RequestContext;
use crate::{
    domain::live::Phase,
    entity::event::StreamKind,
    error::{Error, Result},
};

/// Where you stand in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum StreamPhase {
    /// From the past, on the way to the present.
    Replay,
    /// As it happens. The first one after the replay, or without `after`, carries no content: you are up to date.
    Live,
    /// What you asked to continue from is gone: fetch anew, then go on from this cursor.
    Reset,
}

impl From<Phase> for StreamPhase {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Replay => Self::Replay,
            Phase::Live => Self::Live,
            Phase::Reset => Self::Reset,
        }
    }
}

fn sealed_bytes(subject: Uuid, seq: &[u8]) -> Vec<u8> {
    [subject.as_bytes(), seq].concat()
}

/// The opaque form of a place in a subject's stream.
pub fn seal(request: &RequestContext, kind: StreamKind, subject: Uuid, seq: i64) -> String {
    let bytes = seq.to_be_bytes();
    let seal = request.app.keys.cursor_seal(&format!("{}.stream", kind.as_str()), &sealed_bytes(subject, &bytes));
    URL_SAFE_NO_PAD.encode([bytes, seal].concat())
}

/// The place of `after` in a subject's stream, if it is given and not empty; BAD_REQUEST when it is none of it.
pub fn open(request: &RequestContext, kind: StreamKind, subject: Uuid, after: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = after.filter(|text| !text.is_empty()) else { return Ok(None) };
    let refuse = || Error::bad_request("This cursor is not one of this stream.");
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 16).ok_or_else(refuse)?;
    let (body, seal) = bytes.split_at(8);
    let sort = format!("{}.stream", kind.as_str());
    if !request.app.keys.cursor_verify(&sort, &sealed_bytes(subject, body), seal) {
        return Err(refuse());
    }
    body.try_into().map(i64::from_be_bytes).map(Some).map_err(|_| refuse())
}

/// Defines the type of a stream's events: where the client stands, and what there is to see.
macro_rules! stream_event {
    ($(#[$doc:meta])+ $name:ident of $kind:expr => { $(#[$field_doc:meta])+ $field:ident: $type:ty, from $item:ty }) => {
        $(#[$doc])+
        pub struct $name {
            step: $crate::domain::live::Step<$item>,
            subject: uuid::Uuid,
        }

        impl $name {
            /// A step of a subject's stream.
            pub fn new(subject: uuid::Uuid, step: $crate::domain::live::Step<$item>) -> Self {
                Self { step, subject }
            }
        }

        $(#[$doc])+
        #[async_graphql::Object]
        impl $name {
            /// Pass the last one you saw as `after`, and nothing is missed or seen twice.
            async fn cursor(&self, ctx: &async_graphql::Context<'_>) -> String {
                $crate::graphql::stream::seal(ctx.request(), $kind, self.subject, self.step.seq)
            }

            /// Where you stand.
            async fn phase(&self) -> $crate::graphql::stream::StreamPhase {
                self.step.phase.into()
            }

            $(#[$field_doc])+
            async fn $field(&self) -> Option<$type> {
                self.step.content.clone().map(<$type>::from)
            }
        }
    };
}
pub(crate) use stream_event;
