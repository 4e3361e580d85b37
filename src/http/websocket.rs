//! `graphql-transport-ws` (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md): one task per socket, which
//! reads, runs the operations and writes.
//!
//! What is to be written waits in a short queue; while it is full, no operation begins on another answer and its client is
//! not heard. An answer that is begun is finished whatever the queue holds: an operation that were stopped in the middle
//! would keep its locks and connections from everybody. So a client that does not read makes itself wait, and nobody
//! else, until it is cut off; and whatever is ready together is flushed together. A socket lives as long as its session:
//! the access token is checked when it opens, the session's end closes it.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    http::HeaderMap,
    response::Response,
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{self, AbortHandle, BoxStream, FuturesUnordered, StreamFuture},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, Sleep};

use super::{
    Shared,
    answers::Room,
    client::{self, Identity},
    graphql::foreign_page,
    headers::origin_allowed,
    live::SessionEnd,
    readiness::{Readiness, when_woken},
    respond::{self, Media, refuse},
};
use crate::{
    domain::actor::Actor,
    error::{Code, Error},
    graphql::engine::{
        context::{RequestContext, SessionKeeping},
        error::refused,
        pipeline::{GraphqlRequest, Transport},
        subscription::Answer,
    },
};

const PROTOCOL: &str = "graphql-transport-ws";
/// How long the closing handshake may take, with what was to be written before it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How many messages wait to be written before no further answer is begun, and how many bytes of them.
const QUEUE: (usize, usize) = (32, 256 << 10);
/// How often the queue is filled and emptied before other sockets get their turn.
const ROUNDS: usize = 4;
/// Frames that a client may send in a second: enough to begin all its operations again after a lost connection.
const FRAMES_PER_SECOND: u32 = 200;
/// Pings that may stay unanswered.
const MISSED_PINGS: u32 = 2;
/// Read at once: what clients send is short, and each socket has room for it as long as it is open.
const READ: usize = 2048;
/// What is gathered before it is written to the network unasked.
const GATHERED: usize = 4096;
/// What stands around an answer and its id in a message.
const ENVELOPE: usize = 64;

/// Why the server closes, by the protocol's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    GoingAway,
    TooLarge,
    Invalid(&'static str),
    Unauthorized,
    Forbidden,
    SessionEnded,
    Failed,
    Unavailable,
    WrongProtocol,
    InitTimeout,
    DuplicateId,
    TooManyInits,
    TooManyOperations,
    TooManyMessages,
}

impl Close {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Going away"),
            Self::TooLarge => (1009, "Message too large"),
            Self::Failed => (1011, "Internal error"),
            Self::Unavailable => (1013, "Try again later"),
            Self::Invalid(why) => (4400, why),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden"),
            Self::SessionEnded => (4403, "Session ended"),
            Self::WrongProtocol => (4406, "Subprotocol not acceptable"),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::DuplicateId => (4409, "Subscriber for this id already exists"),
            Self::TooManyInits => (4429, "Too many initialisation requests"),
            Self::TooManyOperations => (4429, "Too many operations at once"),
            Self::TooManyMessages => (4429, "Too many messages"),
        };
        CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
    }
}

/// What happens once in a long while.
enum Seldom {
    Stop,
    SessionEnd,
    Alarm,
}

/// What ends the loop: a reason to tell, or nobody there to tell.
#[derive(Debug)]
enum End {
    Close(Close),
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

impl From<axum::Error> for End {
    fn from(_: axum::Error) -> Self {
        Self::Gone
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

/// What an operation gives; nothing more at its end.
type Event = (Arc<str>, Option<Answer>);

/// What is to be written. An answer becomes a message only then: until then it is shared with whoever else gets it.
enum Outgoing {
    Message(Message),
    /// It holds its room among the answers in flight.
    Next(Arc<str>, Answer, Room),
}

impl Outgoing {
    fn bytes(&self) -> usize {
        match self {
            Self::Message(Message::Text(text)) => text.len(),
            Self::Message(_) => 0,
            Self::Next(_, answer, _) => answer.bytes(),
        }
    }
}

/// A running operation.
struct Running {
    handle: AbortHandle,
    /// Whether something of it was sent.
    began: bool,
}

/// Lets a client in, if its page's origin and the number of what is live allow.
pub(super) async fn open(
    shared: Shared,
    identity: Identity,
    headers: &HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let app = &shared.app;
    if !origin_allowed(&app.config, headers) {
        return refuse(&foreign_page(), Media::Json, &identity);
    }
    // A browser sends its cookies, and its page's origin was just allowed; other clients may be known by a header before
    // they say so in the first message.
    let from_header = match client::actor(app, headers, true).await {
        Ok(actor) => actor,
        Err(error) => return refuse(&client::as_refusal(error, &identity), Media::Json, &identity),
    };
    let Some(permit) = shared.live.take(identity.client.address) else {
        return respond::crowded(&identity);
    };
    let limit = app.config.websocket.max_message_bytes;
    let upgrade = upgrade
        .read_buffer_size(READ)
        .write_buffer_size(GATHERED)
        // Twice the limit: a message just above it is still read, so that the reason can be told.
        .max_message_size(limit * 2)
        .max_frame_size(limit * 2)
        .protocols([PROTOCOL]);
    let right_protocol = upgrade.selected_protocol().is_some();
    let tracked = app.tasks.token();
    upgrade.on_upgrade(move |socket| async move {
        let mut connection = Connection::new(shared, identity, from_header, socket);
        let end = if right_protocol { connection.run().await } else { Close::WrongProtocol.into() };
        if let End::Close(close) = end {
            // On the heap, as all that is seldom: otherwise each socket would have room for it.
            Box::pin(connection.close(close)).await;
        }
        drop((connection, tracked, permit));
    })
}

struct Connection {
    shared: Shared,
    identity: Identity,
    socket: WebSocket,
    /// Rings when the client has sent something.
    client_readiness: Readiness,
    /// Who it is, if the first message does not say.
    from_header: Actor,
    /// Who it is, once acknowledged.
    actor: Option<Actor>,
    /// On their way to their next answer.
    operations: FuturesUnordered<StreamFuture<BoxStream<'static, Event>>>,
    /// Between two answers, where they hold nothing, until there is room for another.
    paused: VecDeque<BoxStream<'static, Event>>,
    running: HashMap<Arc<str>, Running>,
    queue: VecDeque<Outgoing>,
    queued_bytes: usize,
    unflushed: bool,
    /// Of the answer that is being written.
    writing: Option<Room>,
    /// Rings when the client has not taken a message for too long; there while it is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
    unanswered_pings: u32,
    /// When the present second began, and the frames since.
    frames: (Instant, u32),
}

impl Connection {
    fn new(shared: Shared, identity: Identity, from_header: Actor, socket: WebSocket) -> Self {
        Self {
            shared,
            identity,
            socket,
            client_readiness: Readiness::new(),
            from_header,
            actor: None,
            operations: FuturesUnordered::new(),
            paused: VecDeque::new(),
            running: HashMap::new(),
            queue: VecDeque::new(),
            queued_bytes: 0,
            unflushed: false,
            writing: None,
            stalled: None,
            unanswered_pings: 0,
            frames: (Instant::now(), 0),
        }
    }

    /// Runs the socket until something ends it.
    async fn run(&mut self) -> End {
        let app = self.shared.app.clone();
        let config = &app.config.websocket;
        let mut session_end = SessionEnd::new(app.clone());
        let stopped = app.stop.cancelled();
        // First for the initialisation, from then on for the pings.
        let alarm = tokio::time::sleep(config.init_timeout);
        tokio::pin!(stopped, alarm);
        loop {
            let session = self.actor.as_ref().and_then(Actor::session_id);
            let seldom = when_woken(async {
                tokio::select! {
                    biased;
                    () = &mut stopped => Seldom::Stop,
                    () = session_end.of(session) => Seldom::SessionEnd,
                    () = &mut alarm => Seldom::Alarm,
                }
            });
            let step = tokio::select! {
                biased;
                seldom = seldom => match seldom {
                    Seldom::Stop => Err(Close::GoingAway.into()),
                    Seldom::SessionEnd => Err(Close::SessionEnded.into()),
                    Seldom::Alarm => {
                        alarm.as_mut().reset(Instant::now() + config.ping_interval);
                        self.ping()
                    }
                },
                frame = poll_fn(|cx| self.poll(cx)) => match frame {
                    Ok(frame) => {
                        let known = self.actor.is_some();
                        let step = Box::pin(self.receive(frame)).await;
                        if !known && self.actor.is_some() {
                            alarm.as_mut().reset(Instant::now() + config.ping_interval);
                        }
                        step
                    }
                    Err(end) => Err(end),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Lets operations and writing go on; gives what the client sends.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, End>> {
        for _ in 0..ROUNDS {
            self.poll_operations(cx)?;
            let written = self.poll_write(cx)?.is_ready();
            if self.has_room()
                && let Poll::Ready(frame) = self.client_readiness.poll(cx, |cx| self.socket.poll_next_unpin(cx))
            {
                return Poll::Ready(frame.map_or(Err(End::Gone), |frame| frame.map_err(|error| unreadable(&error))));
            }
            if self.paused.is_empty() || !written {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn has_room(&self) -> bool {
        self.queue.len() < QUEUE.0 && self.queued_bytes < QUEUE.1
    }

    /// Lets the operations go on, and takes what they have. Those that are on their way to an answer always go on.
    fn poll_operations(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if self.has_room() {
            for _ in self.queue.len()..QUEUE.0 {
                let Some(operation) = self.paused.pop_front() else { break };
                self.operations.push(operation.into_future());
            }
        }
        while let Poll::Ready(Some((event, operation))) = self.operations.poll_next_unpin(cx) {
            let Some(event) = event else { continue };
            self.deliver(event)?;
            if self.has_room() {
                self.operations.push(operation.into_future());
            } else {
                self.paused.push_back(operation);
            }
        }
        Ok(())
    }

    /// Ready when everything is written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, End> {
        while !self.queue.is_empty() {
            if self.socket.poll_ready_unpin(cx)?.is_pending() {
                return self.poll_stalled(cx);
            }
            // What was handed over before is written.
            self.stalled = None;
            drop(self.writing.take());
            if let Some(outgoing) = self.queue.pop_front() {
                self.queued_bytes -= outgoing.bytes();
                let message = match outgoing {
                    Outgoing::Message(message) => message,
                    Outgoing::Next(id, answer, room) => {
                        self.writing = Some(room);
                        text(Some(&id), "next", Some(answer.json()), answer.bytes())?
                    }
                };
                self.socket.start_send_unpin(message)?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            if self.socket.poll_flush_unpin(cx)?.is_pending() {
                return self.poll_stalled(cx);
            }
            self.unflushed = false;
        }
        self.stalled = None;
        drop(self.writing.take());
        Ok(Poll::Ready(()))
    }

    /// Pending, until the client has not taken a message for too long: then nobody is told why, who does not read.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, End> {
        let write_timeout = self.shared.app.config.websocket.write_timeout;
        let alarm = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(write_timeout)));
        if alarm.as_mut().poll(cx).is_ready() { Err(End::Gone) } else { Ok(Poll::Pending) }
    }

    fn push(&mut self, outgoing: Outgoing) {
        self.queued_bytes += outgoing.bytes();
        self.queue.push_back(outgoing);
    }

    fn deliver(&mut self, (id, answer): Event) -> Result<(), End> {
        let Some(answer) = answer else {
            self.running.remove(&id);
            return self.send(Some(&id), "complete", None::<()>);
        };
        let first = self.running.get_mut(&id).is_some_and(|operation| !std::mem::replace(&mut operation.began, true));
        if let Some(refusal) = answer.refusal().filter(|_| first) {
            // It did not begin: that is the last word of it.
            self.forget(&id);
            return self.send(Some(&id), "error", Some(refusal));
        }
        // Without room, it is told by reconnecting: a subscription goes on from its cursor, and whether a mutation was done is
        // asked anew.
        let room = self.shared.answers.room(answer.bytes(), self.identity.client.address);
        self.push(Outgoing::Next(id, answer, room.ok_or(Close::Unavailable)?));
        Ok(())
    }

    async fn receive(&mut self, frame: Message) -> Result<(), End> {
        self.unanswered_pings = 0;
        self.count_frame()?;
        match frame {
            Message::Text(text) if text.len() > self.shared.app.config.websocket.max_message_bytes => {
                Err(Close::TooLarge.into())
            }
            Message::Text(text) => {
                let message = serde_json::from_str(&text).map_err(|_| Close::Invalid("Invalid message"))?;
                self.obey(message).await
            }
            Message::Binary(_) => Err(Close::Invalid("Messages are text").into()),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Gone),
        }
    }

    fn count_frame(&mut self) -> Result<(), Close> {
        let (since, count) = &mut self.frames;
        if since.elapsed() >= Duration::from_secs(1) {
            (*since, *count) = (Instant::now(), 0);
        }
        *count += 1;
        if *count > FRAMES_PER_SECOND { Err(Close::TooManyMessages) } else { Ok(()) }
    }

    async fn obey(&mut self, message: ClientMessage<'_>) -> Result<(), End> {
        match (message.kind.as_str(), message.id, &self.actor) {
            ("connection_init", _, Some(_)) => Err(Close::TooManyInits.into()),
            ("connection_init", _, None) => self.initialise(message.payload).await,
            ("ping", ..) => self.send(None, "pong", message.payload),
            ("pong", ..) => Ok(()),
            ("subscribe", _, None) => Err(Close::Unauthorized.into()),
            ("subscribe", Some(id), Some(actor)) => {
                let actor = actor.clone();
                self.subscribe(id.into(), message.payload, actor)
            }
            ("complete", Some(id), _) => {
                self.forget(&id);
                Ok(())
            }
            _ => Err(Close::Invalid("Invalid message").into()),
        }
    }

    /// Who it is: by `authorization` in the payload (or in its `headers`, as some clients send it), or nobody.
    async fn initialise(&mut self, payload: Option<&RawValue>) -> Result<(), End> {
        let payload: serde_json::Map<String, serde_json::Value> = match payload {
            None => serde_json::Map::new(),
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| Close::Invalid("Invalid payload"))?,
        };
        let find = |members: &serde_json::Map<String, serde_json::Value>| {
            let mut members = members.iter();
            members.find(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value.clone())
        };
        let given = find(&payload).or_else(|| find(payload.get("headers")?.as_object()?));
        let actor = match given {
            None | Some(serde_json::Value::Null) => self.from_header.clone(),
            Some(serde_json::Value::String(text)) => {
                match client::bearer(&self.shared.app, &text).await.map_err(|error| self.not_known(error))? {
                    // It has no token.
                    Actor::Anonymous => self.from_header.clone(),
                    actor => actor,
                }
            }
            Some(_) => Actor::Refused,
        };
        // A socket is for a session: nobody wants to follow things as nobody because a token ran out.
        if actor == Actor::Refused {
            return Err(Close::Forbidden.into());
        }
        self.actor = Some(actor);
        self.send(None, "connection_ack", None::<()>)
    }

    /// Why nobody could be recognised: only who is not who they say learns that they may not.
    fn not_known(&self, error: Error) -> Close {
        match client::as_refusal(error, &self.identity).code {
            Code::Unavailable | Code::Timeout => Close::Unavailable,
            Code::Internal => Close::Failed,
            _ => Close::Forbidden,
        }
    }

    fn subscribe(&mut self, id: Arc<str>, payload: Option<&RawValue>, actor: Actor) -> Result<(), End> {
        let app = &self.shared.app;
        if id.is_empty() || id.len() > 256 {
            return Err(Close::Invalid("Invalid id").into());
        }
        if self.running.contains_key(&id) {
            return Err(Close::DuplicateId.into());
        }
        if self.running.len() >= app.config.websocket.max_subscriptions {
            return Err(Close::TooManyOperations.into());
        }
        let payload = payload.map(|payload| GraphqlRequest::parse(payload.get().as_bytes()));
        let request = match payload {
            Some(Ok(request)) if request.names_a_document() => request,
            _ => return Err(Close::Invalid("Invalid payload").into()),
        };
        let request_id = app.ids.next(app.clock.now()).to_string();
        let prepared = match client::take_allowance(app, &actor, &self.identity.client) {
            Err(left) => Err(left.refusal()),
            Ok(_) => self.shared.pipeline.prepare(request, Transport::Socket, &actor),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refusal) => {
                let refused = refused(&refusal, &request_id, self.identity.client.locale);
                return self.send(Some(&id), "error", Some(&refused.errors));
            }
        };
        let context = {
            let client = self.identity.client.clone();
            RequestContext::new(app.clone(), actor, client, request_id, SessionKeeping::by_client())
        };
        let (answers, handle) = stream::abortable(self.shared.pipeline.subscribe(prepared, context));
        let (of, aborted) = (Arc::clone(&id), handle.clone());
        let events = answers.map(Some).chain(stream::once(std::future::ready(None)));
        // What the client has completed says nothing more, not even that it is complete.
        let events = events.take_while(move |_| std::future::ready(!aborted.is_aborted()));
        self.operations.push(events.map(move |answer| (Arc::clone(&of), answer)).boxed().into_future());
        self.running.insert(id, Running { handle, began: false });
        Ok(())
    }

    fn forget(&mut self, id: &str) {
        if let Some(operation) = self.running.remove(id) {
            operation.handle.abort();
        }
    }

    fn send<P: Serialize>(&mut self, id: Option<&str>, kind: &'static str, payload: Option<P>) -> Result<(), End> {
        self.push(Outgoing::Message(text(id, kind, payload, 0)?));
        Ok(())
    }

    /// The alarm rang: nobody has said who they are, or it is time to ask whether somebody is there.
    fn ping(&mut self) -> Result<(), End> {
        if self.actor.is_none() {
            return Err(Close::InitTimeout.into());
        }
        if self.unanswered_pings >= MISSED_PINGS {
            return Err(End::Gone);
        }
        self.unanswered_pings += 1;
        self.push(Outgoing::Message(Message::Ping(bytes::Bytes::new())));
        Ok(())
    }

    /// Writes what there is and says why, then waits a moment for the client's own farewell.
    async fn close(&mut self, close: Close) {
        // What still runs is not asked any more, and must not keep what it holds.
        self.operations.clear();
        self.paused.clear();
        self.push(Outgoing::Message(Message::Close(Some(close.frame()))));
        let farewell = async {
            let written = poll_fn(|cx| Poll::Ready(ready!(self.poll_all_written(cx)))).await;
            while written.is_ok() && matches!(self.socket.next().await, Some(Ok(_))) {}
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, farewell).await;
    }

    fn poll_all_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        self.poll_write(cx)?.map(Ok)
    }
}

/// A message whose payload has so many bytes, if that is known.
fn text<P: Serialize>(id: Option<&str>, kind: &'static str, payload: Option<P>, length: usize) -> Result<Message, End> {
    let mut text = Vec::with_capacity(length + id.map_or(0, str::len) + ENVELOPE);
    serde_json::to_writer(&mut text, &ServerMessage { id, kind, payload }).map_err(|error| {
        tracing::error!(%error, "a message could not be written");
        End::Gone
    })?;
    let text = Utf8Bytes::try_from(text).map_err(|error| {
        tracing::error!(%error, "a message is no text");
        End::Gone
    })?;
    Ok(Message::Text(text))
}

/// The library says by words only that a message was too large for it.
fn unreadable(error: &axum::Error) -> End {
    let text = error.to_string();
    if text.contains("Space limit exceeded") { Close::TooLarge.into() } else { Close::Invalid("Invalid frame").into() }
}
