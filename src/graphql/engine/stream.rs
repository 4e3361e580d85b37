//! Live streams: where a client stands in one; cursors that are opaque, sealed and tied to the stream; and how a
//! subscription's resolver takes part in its two halves, opening the source of events and executing each.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::{Context, Enum};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use uuid::Uuid;

use super::context::RequestContext;
use crate::{
    domain::live::{Phase, Step},
    entity::event::StreamKind,
    error::{Error, Result},
};

/// Where you stand in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum StreamPhase {
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
pub(crate) fn seal(request: &RequestContext, kind: StreamKind, subject: Uuid, seq: i64) -> String {
    let bytes = seq.to_be_bytes();
    let seal = request.app.keys.cursor_seal(&format!("{}.stream", kind.as_str()), &sealed_bytes(subject, &bytes));
    URL_SAFE_NO_PAD.encode([bytes, seal].concat())
}

/// The place of `after` in a subject's stream, if it is given and not empty; BAD_REQUEST when it is none of it.
pub(crate) fn open(
    request: &RequestContext,
    kind: StreamKind,
    subject: Uuid,
    after: Option<&str>,
) -> Result<Option<i64>> {
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

/// A step of a stream on its way from its source to its execution.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    stream: (StreamKind, Uuid),
    seq: i64,
    phase: Phase,
    content: Option<Arc<dyn Any + Send + Sync>>,
}

impl Event {
    /// Whether there is something to see, beside where the client stands.
    #[must_use]
    pub(crate) fn has_content(&self) -> bool {
        self.content.is_some()
    }

    /// Whether it is from the past.
    #[must_use]
    pub(crate) fn is_missed(&self) -> bool {
        self.phase == Phase::Replay
    }

    /// Whether it is the same for all who see what it tells: it was read once for all of them, as it happened.
    #[must_use]
    pub(crate) fn is_shared(&self) -> bool {
        self.has_content() && self.phase == Phase::Live
    }

    /// Whether it is this very event, as it was read once.
    #[must_use]
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same = match (&self.content, &other.content) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        same && (self.stream, self.seq, self.phase) == (other.stream, other.seq, other.phase)
    }

    /// Whether somebody who has this one needs no earlier one.
    #[must_use]
    pub(crate) fn stands_for(&self, earlier: &Self) -> bool {
        let alike = self.stream == earlier.stream && self.phase == earlier.phase;
        self.stream.0.tells_state() && alike && self.has_content() && earlier.has_content()
    }
}

/// Where a subscription's events come from.
pub(crate) struct Source {
    /// Of which stream.
    pub stream: (StreamKind, Uuid),
    /// What happens; a failure is the last of it.
    pub events: BoxStream<'static, Result<Event>>,
}

/// In the request of a subscription that is opened: where its resolver leaves the source.
#[derive(Clone, Default)]
pub(crate) struct Opening(Arc<Mutex<Option<Source>>>);

impl Opening {
    /// The source, once the resolver has opened it.
    #[must_use]
    pub(crate) fn take(&self) -> Option<Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// In the request of an event's execution: what happened.
pub(crate) struct Happened(Mutex<Option<Result<Event>>>);

impl Happened {
    /// With what happened, to be taken out once.
    #[must_use]
    pub(crate) fn new(event: Result<Event>) -> Self {
        Self(Mutex::new(Some(event)))
    }
}

/// The type of a stream's events.
pub(crate) trait StreamEvent: Sized + Send {
    /// What they tell.
    type Content: Send + Sync + 'static;
    /// Of which kind of stream.
    const KIND: StreamKind;

    /// A step of a subject's stream.
    fn new(subject: Uuid, step: Step<Self::Content>) -> Self;
}

/// What a subscription's resolver gives to the executor: the event that is to be executed. Nothing while the subscription is
/// opened, when what `open` gives, the subject and the steps of its stream, becomes the source.
pub(crate) async fn events<E, S>(
    ctx: &Context<'_>,
    open: impl Future<Output = async_graphql::Result<(Uuid, S)>>,
) -> async_graphql::Result<stream::Iter<std::option::IntoIter<async_graphql::Result<E>>>>
where
    E: StreamEvent,
    S: Stream<Item = Result<Step<E::Content>>> + Send + 'static,
{
    if let Some(happened) = ctx.data_opt::<Happened>() {
        let event = happened.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let event = event.map(|event| {
            let Event { stream: (_, subject), seq, phase, content } = event?;
            let content = content.and_then(|content| content.downcast().ok());
            Ok(E::new(subject, Step { seq, phase, content }))
        });
        return Ok(stream::iter(event));
    }
    let (subject, steps) = open.await?;
    let stream = (E::KIND, subject);
    let events = steps.map(move |step| {
        let Step { seq, phase, content } = step?;
        Ok(Event { stream, seq, phase, content: content.map(|content| content as Arc<dyn Any + Send + Sync>) })
    });
    let opening = ctx.data::<Opening>()?;
    *opening.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Source { stream, events: events.fuse().boxed() });
    Ok(stream::iter(None))
}

/// Defines the type of a stream's events: where the client stands, and what there is to see.
macro_rules! stream_event {
    ($(#[$doc:meta])+ $name:ident of $kind:expr => { $(#[$field_doc:meta])+ $field:ident: $type:ty, from $item:ty }) => {
        $(#[$doc])+
        pub(crate) struct $name {
            step: $crate::domain::live::Step<$item>,
            subject: uuid::Uuid,
        }

        impl $crate::graphql::engine::stream::StreamEvent for $name {
            type Content = $item;
            const KIND: StreamKind = $kind;

            fn new(subject: uuid::Uuid, step: $crate::domain::live::Step<$item>) -> Self {
                Self { step, subject }
            }
        }

        $(#[$doc])+
        #[async_graphql::Object]
        impl $name {
            /// Pass the last one you saw as `after`, and nothing is missed or seen twice.
            async fn cursor(&self, ctx: &async_graphql::Context<'_>) -> String {
                $crate::graphql::engine::stream::seal(ctx.request(), $kind, self.subject, self.step.seq)
            }

            /// Where you stand.
            async fn phase(&self) -> $crate::graphql::engine::stream::StreamPhase {
                self.step.phase.into()
            }

            $(#[$field_doc])+
            async fn $field(&self) -> Option<$type> {
                self.step.content.as_deref().cloned().map(<$type>::from)
            }
        }
    };
}
pub(crate) use stream_event;
