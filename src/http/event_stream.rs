//! Subscriptions over HTTP: server-sent events in the distinct connections mode of graphql-sse
//! (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md), a stream for each operation.
//!
//! A task of its own runs the operation, so that an answer that is begun is finished whether the client reads or not; what it
//! gives waits in a short queue, and while that is full no answer is begun. A stream that ends without `complete` was cut
//! off, and its client comes again with the last cursor that it saw.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};
use tracing::Instrument;

use super::{Shared, client::Identity, live::SessionEnd, respond};
use crate::{
    catalogue::Text,
    error::{Code, Refusal},
    graphql::engine::{
        context::RequestContext,
        error::refused,
        pipeline::{Prepared, Stage},
        subscription::Answer,
    },
};

/// How many events wait to be taken. Those that are not counted among the answers in flight are 256 KiB of them at most.
const QUEUE: usize = 16;
/// The last event of an operation that has ended by itself. Browsers pass over an event without data.
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// A comment: proxies and clients see that somebody is there.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// An answer as an event. JSON as it is written here has no line ends.
fn next(json: &[u8]) -> Vec<u8> {
    [b"event: next\ndata: ".as_slice(), json, b"\n\n"].concat()
}

/// The only answer of an operation, and its end.
pub(super) fn whole(json: &[u8]) -> Vec<u8> {
    [next(json).as_slice(), COMPLETE].concat()
}

/// Begins to run a subscription, if there is room for one more that is live.
pub(super) fn open(shared: &Shared, identity: &Identity, prepared: Prepared, context: RequestContext) -> Response {
    let Some(permit) = shared.live.take(identity.client.address) else { return respond::crowded(identity) };
    let (queue, mut queued) = mpsc::channel(QUEUE);
    let stream = EventStream { shared: shared.clone(), identity: identity.clone(), queue };
    let running = async move {
        stream.run(prepared, context).await;
        drop(permit);
    };
    shared.app.spawn(running.in_current_span());
    let events = stream::poll_fn(move |cx| queued.poll_recv(cx).map(|event| event.map(Ok::<_, Infallible>)));
    respond::stream(Body::from_stream(events))
}

struct EventStream {
    shared: Shared,
    identity: Identity,
    queue: mpsc::Sender<Bytes>,
}

impl EventStream {
    /// Runs until something ends it: the operation itself, the client, its session, or the program.
    async fn run(&self, prepared: Prepared, context: RequestContext) {
        let app = &self.shared.app;
        let mut session_end = SessionEnd::new(app.clone());
        let session = context.actor.session_id();
        let answers = self.shared.pipeline.subscribe(prepared, context);
        tokio::select! {
            biased;
            () = app.stop.cancelled() => {}
            // The client is gone.
            () = self.queue.closed() => {}
            () = session_end.of(session) => self.tell_session_ended(),
            () = self.follow(answers) => {}
        }
    }

    /// Passes the answers on as they come, until there are no more, or the client does not take them for too long.
    async fn follow(&self, mut answers: BoxStream<'static, Answer>) {
        let config = &self.shared.app.config.websocket;
        let mut alarm = interval(config.ping_interval);
        alarm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let Ok(Ok(slot)) = timeout(config.write_timeout, self.queue.reserve()).await else { return };
            let answer = loop {
                tokio::select! {
                    biased;
                    answer = answers.next() => break answer,
                    // Where there is no room, there is something else to be read.
                    _ = alarm.tick() => drop(self.queue.try_send(Bytes::from_static(KEEP_ALIVE))),
                }
            };
            let Some(answer) = answer else { return slot.send(Bytes::from_static(COMPLETE)) };
            let room = self.shared.answers.room(answer.bytes(), self.identity.client.address);
            // Without room, it is told by coming again.
            let Some(room) = room else { return };
            slot.send(room.hold(next(answer.json().get().as_bytes())));
        }
    }

    /// It is for good: whoever came again by this session would only be refused. Who does not read is not told.
    fn tell_session_ended(&self) {
        let refusal = Refusal::of(Code::Unauthenticated, Text::SessionOver);
        let response = refused(&refusal, &self.identity.request_id, self.identity.client.locale);
        let json = respond::json(&response, Stage::Refused, usize::MAX).unwrap_or_default();
        drop(self.queue.try_send(whole(&json).into()));
    }
}
