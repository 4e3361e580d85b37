//! `graphql-transport-ws` (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md): one task per socket, which
//! reads, runs the operations and writes. A client that does not read makes its own operations wait, and nobody else's.
//!
//! A socket lives as long as its session: the access token is checked when it opens, the session's end closes it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::{
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    http::HeaderMap,
    response::Response,
};
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    stream::{self, AbortHandle, BoxStream, SelectAll, SplitSink, SplitStream},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Shared,
    client::{Identity, bearer, take_allowance},
    headers::origin_allowed,
    respond::{Media, refuse},
};
use crate::{
    domain::actor::Actor,
    error::{Code, Refusal},
    graphql::{
        context::RequestContext,
        error::refused,
        pipeline::{GraphqlRequest, Transport},
    },
};

const PROTOCOL: &str = "graphql-transport-ws";
/// How long a write may wait for a client that does not read.
const WRITE_PATIENCE: Duration = Duration::from_secs(60);
/// How long the closing handshake may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// How many events are written before the buffer is flushed.
const COALESCED: usize = 128;

/// Why the server closes, by the protocol's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    GoingAway,
    TooLarge,
    Invalid(&'static str),
    Unauthorized,
    Forbidden,
    SessionEnded,
    WrongProtocol,
    InitTimeout,
    DuplicateId,
    TooManyInits,
    TooManyOperations,
}

impl Close {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Going away"),
            Self::TooLarge => (1009, "Message too large"),
            Self::Invalid(why) => (4400, why),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden"),
            Self::SessionEnded => (4403, "Session ended"),
            Self::WrongProtocol => (4406, "Subprotocol not acceptable"),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::DuplicateId => (4409, "Subscriber for this id already exists"),
            Self::TooManyInits => (4429, "Too many initialisation requests"),
            Self::TooManyOperations => (4429, "Too many operations at once"),
        };
        CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
    }
}

/// What ends the loop: a reason to tell, or nobody there to tell.
enum End {
    Close(Close),
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

#[derive(Deserialize)]
struct ClientMessage<'a> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct ServerMessage<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

/// Of a running operation.
enum Event {
    Next(String, Box<GraphqlResponse>),
    Done(String),
}

/// Lets a client in, if its page's origin and the number of sockets allow.
pub(super) fn open(shared: Shared, identity: Identity, headers: &HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let app = &shared.app;
    if !origin_allowed(&app.config, headers) {
        let refusal = Refusal::new(Code::Forbidden, "Pages of this origin may not call this server.");
        return refuse(&refusal, Media::Json, &identity.request_id);
    }
    let Ok(permit) = Arc::clone(&shared.sockets).try_acquire_owned() else {
        let refusal = Refusal::new(Code::Unavailable, "There are too many connections; try again later.");
        return refuse(&refusal, Media::Json, &identity.request_id);
    };
    let limit = app.config.websocket.max_message_bytes;
    // Twice the limit: a message just above it is still read, so that the reason can be told.
    let upgrade =
        upgrade.read_buffer_size(4096).max_message_size(limit * 2).max_frame_size(limit * 2).protocols([PROTOCOL]);
    let right_protocol = upgrade.selected_protocol().is_some();
    let tracked = app.tasks.token();
    upgrade.on_upgrade(move |socket| async move {
        let (sink, mut frames) = socket.split();
        let mut connection = Connection {
            sink,
            actor: None,
            operations: SelectAll::new(),
            running: HashMap::new(),
            shared,
            identity,
            unanswered_pings: 0,
        };
        let end = if right_protocol { connection.run(&mut frames).await } else { Close::WrongProtocol.into() };
        if let End::Close(close) = end {
            connection.close(close, &mut frames).await;
        }
        drop((tracked, permit));
    })
}

type Frames = SplitStream<WebSocket>;

struct Connection {
    sink: SplitSink<WebSocket, Message>,
    /// Who it is, once acknowledged.
    actor: Option<Actor>,
    operations: SelectAll<BoxStream<'static, Event>>,
    running: HashMap<String, AbortHandle>,
    shared: Shared,
    identity: Identity,
    unanswered_pings: u32,
}

impl Connection {
    /// Runs the socket until something ends it.
    async fn run(&mut self, frames: &mut Frames) -> End {
        let app = self.shared.app.clone();
        let init_timeout = tokio::time::sleep(app.config.websocket.init_timeout);
        tokio::pin!(init_timeout);
        let mut pings = tokio::time::interval(app.config.websocket.ping_interval);
        pings.reset();
        let mut ended_sessions = app.db.bus().ended_sessions();
        loop {
            let step = tokio::select! {
                frame = frames.next() => self.receive(frame).await,
                Some(event) = self.operations.next(), if !self.operations.is_empty() => self.deliver(event).await,
                ended = ended_sessions.recv() => self.session_ended(ended.ok()),
                _ = pings.tick() => self.ping().await,
                () = &mut init_timeout, if self.actor.is_none() => Err(Close::InitTimeout.into()),
                () = app.stop.cancelled() => Err(Close::GoingAway.into()),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn receive(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.unanswered_pings = 0;
        match frame {
            Some(Ok(Message::Text(text))) => {
                if text.len() > self.shared.app.config.websocket.max_message_bytes {
                    return Err(Close::TooLarge.into());
                }
                let Ok(message) = serde_json::from_str::<ClientMessage<'_>>(&text) else {
                    return Err(Close::Invalid("Invalid message").into());
                };
                self.obey(message).await
            }
            Some(Ok(Message::Binary(_))) => Err(Close::Invalid("Messages are text").into()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(End::Gone),
            Some(Err(error)) => {
                let text = error.to_string();
                if text.contains("too long") || text.contains("too large") || text.contains("Space limit") {
                    return Err(Close::TooLarge.into());
                }
                Err(Close::Invalid("Invalid frame").into())
            }
        }
    }

    async fn obey(&mut self, message: ClientMessage<'_>) -> Result<(), End> {
        match (message.kind.as_str(), message.id, &self.actor) {
            ("connection_init", _, Some(_)) => Err(Close::TooManyInits.into()),
            ("connection_init", _, None) => self.initialise(message.payload).await,
            ("ping", ..) => self.send(None, "pong", None::<()>).await,
            ("pong", ..) => Ok(()),
            ("subscribe", _, None) => Err(Close::Unauthorized.into()),
            ("subscribe", Some(id), Some(actor)) => {
                let actor = actor.clone();
                self.subscribe(id, message.payload, actor).await
            }
            ("complete", Some(id), _) => {
                if let Some(operation) = self.running.remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
            _ => Err(Close::Invalid("Invalid message").into()),
        }
    }

    /// Who it is: by `authorization` in the payload (or in its `headers`, as some clients send it), or nobody.
    async fn initialise(&mut self, payload: Option<&RawValue>) -> Result<(), End> {
        let payload: serde_json::Value = match payload {
            None => serde_json::Value::Null,
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| Close::Invalid("Invalid message"))?,
        };
        let find = |object: &serde_json::Value| {
            let members = object.as_object()?.iter();
            members
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
                .map(|(_, value)| value.clone())
        };
        let given = find(&payload).or_else(|| find(payload.get("headers")?));
        let actor = match given {
            None | Some(serde_json::Value::Null) => Actor::Anonymous,
            Some(serde_json::Value::String(text)) if text.is_empty() => Actor::Anonymous,
            Some(serde_json::Value::String(text)) => {
                bearer(&self.shared.app, &text).await.map_err(|_| Close::Forbidden)?
            }
            Some(_) => return Err(Close::Forbidden.into()),
        };
        self.actor = Some(actor);
        self.send(None, "connection_ack", None::<()>).await
    }

    async fn subscribe(&mut self, id: String, payload: Option<&RawValue>, actor: Actor) -> Result<(), End> {
        let app = self.shared.app.clone();
        if id.is_empty() || id.len() > 256 {
            return Err(Close::Invalid("Invalid id").into());
        }
        if self.running.contains_key(&id) {
            return Err(Close::DuplicateId.into());
        }
        if self.running.len() >= app.config.websocket.max_subscriptions {
            return Err(Close::TooManyOperations.into());
        }
        let Some(payload) = payload else { return Err(Close::Invalid("Invalid message").into()) };
        let request = GraphqlRequest::parse(payload.get().as_bytes()).map_err(|_| Close::Invalid("Invalid payload"))?;
        if request.query.is_none() && request.extensions.is_none() {
            return Err(Close::Invalid("Invalid payload").into());
        }
        let prepared = match take_allowance(&app, &actor, &self.identity.client) {
            Err(left) => Err(left.refusal()),
            Ok(_) => self.shared.pipeline.prepare(request, Transport::Socket),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => {
                let response = refused(&refusal, &self.identity.request_id);
                return self.send(Some(&id), "error", Some(&response.errors)).await;
            }
        };
        let request_id = app.ids.next(app.clock.now()).to_string();
        let context = RequestContext::new(app, actor, self.identity.client.clone(), request_id);
        let (events, handle) = stream::abortable(self.shared.pipeline.subscribe(prepared, context));
        let (next_id, done_id) = (id.clone(), id.clone());
        let events = events.map(move |response| Event::Next(next_id.clone(), Box::new(response)));
        // An aborted operation ends without its last word: the client said that it wants no more.
        let aborted = handle.clone();
        let done = stream::once(async move { Event::Done(done_id) }).filter(move |_| {
            let wanted = !aborted.is_aborted();
            async move { wanted }
        });
        self.operations.push(events.chain(done).boxed());
        self.running.insert(id, handle);
        Ok(())
    }

    /// Writes an event and those that are ready behind it, then flushes once.
    async fn deliver(&mut self, event: Event) -> Result<(), End> {
        self.write(event).await?;
        for _ in 0..COALESCED {
            match self.operations.next().now_or_never() {
                Some(Some(event)) => self.write(event).await?,
                _ => break,
            }
        }
        match tokio::time::timeout(WRITE_PATIENCE, self.sink.flush()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn write(&mut self, event: Event) -> Result<(), End> {
        let text = match event {
            Event::Next(id, response) => {
                if !self.running.contains_key(&id) {
                    return Ok(());
                }
                if refused_before_execution(&response) {
                    // The protocol's last word of an operation that never began.
                    self.running.remove(&id).inspect(AbortHandle::abort);
                    encode(Some(&id), "error", Some(&response.errors))
                } else {
                    encode(Some(&id), "next", Some(&*response))
                }
            }
            Event::Done(id) => {
                if self.running.remove(&id).is_none() {
                    return Ok(());
                }
                encode(Some(&id), "complete", None::<()>)
            }
        };
        let message = Message::Text(text?.into());
        match tokio::time::timeout(WRITE_PATIENCE, self.sink.feed(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn send<P: Serialize>(
        &mut self,
        id: Option<&str>,
        kind: &'static str,
        payload: Option<P>,
    ) -> Result<(), End> {
        let message = Message::Text(encode(id, kind, payload)?.into());
        match tokio::time::timeout(WRITE_PATIENCE, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// A peer that answers nothing for two pings is gone.
    async fn ping(&mut self) -> Result<(), End> {
        if self.unanswered_pings >= 2 {
            return Err(End::Gone);
        }
        self.unanswered_pings += 1;
        match tokio::time::timeout(WRITE_PATIENCE, self.sink.send(Message::Ping(bytes::Bytes::new()))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// `None`: some ids were missed; then the list of ended sessions knows.
    fn session_ended(&self, ended: Option<uuid::Uuid>) -> Result<(), End> {
        let Some(Actor::User(user)) = &self.actor else { return Ok(()) };
        let over = ended.map_or_else(
            || self.shared.app.ended_sessions.contains(user.session_id),
            |ended| ended == user.session_id.0,
        );
        if over { Err(Close::SessionEnded.into()) } else { Ok(()) }
    }

    /// Says why, then waits a moment for the client's own farewell.
    async fn close(&mut self, close: Close, frames: &mut Frames) {
        let farewell = async {
            if self.sink.send(Message::Close(Some(close.frame()))).await.is_ok() {
                while let Some(Ok(_)) = frames.next().await {}
            }
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, farewell).await;
    }
}

/// Validation refuses with errors that have no path, and no data.
fn refused_before_execution(response: &GraphqlResponse) -> bool {
    let pathless = |error: &ServerError| error.path.is_empty();
    response.data == async_graphql::Value::Null && !response.errors.is_empty() && response.errors.iter().all(pathless)
}

fn encode<P: Serialize>(id: Option<&str>, kind: &'static str, payload: Option<P>) -> Result<String, End> {
    serde_json::to_string(&ServerMessage { id, kind, payload }).map_err(|error| {
        tracing::error!(%error, "a message could not be written");
        End::Gone
    })
}
