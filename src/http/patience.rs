//! How long a connection may keep the server waiting: for the head of a request, between requests, and for its client to
//! take an answer. hyper knows one time for the first two and none for the third, and looks at none before it has seen
//! which version of HTTP is spoken; so the times are kept here, by the stream itself.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

use super::places::Place;
use crate::config::ConnectionLimits;

/// What a client that keeps an answer waiting has to take of it in each `ANSWER_STALL_SECONDS`.
const LEAST_TAKEN: usize = 64 << 10;

/// What a connection is doing: known to its stream, and told by its requests.
#[derive(Debug)]
pub(super) struct Pulse {
    idle: Duration,
    head: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Requests that are under way: read, worked on, answered.
    requests: usize,
    /// Since when there are none.
    idle_since: Instant,
    /// Since when the head of the next one comes.
    head_since: Option<Instant>,
    /// It is a WebSocket now, which minds itself.
    upgraded: bool,
}

impl Pulse {
    pub(super) fn new(limits: &ConnectionLimits) -> Arc<Self> {
        let state = State { requests: 0, idle_since: Instant::now(), head_since: None, upgraded: false };
        Arc::new(Self { idle: limits.idle, head: limits.head, state: Mutex::new(state) })
    }

    /// A request is here; it is under way until what is given is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.requests += 1;
        state.head_since = None;
        UnderWay(Arc::clone(self))
    }

    /// From now on it speaks another protocol.
    pub(super) fn upgraded(&self) {
        self.state().upgraded = true;
    }

    /// Bytes came, or went.
    fn beats(&self, read: bool) {
        let mut state = self.state();
        if state.requests > 0 || state.upgraded {
            return;
        }
        let now = Instant::now();
        state.idle_since = now;
        if read {
            state.head_since.get_or_insert(now);
        }
    }

    /// Until when the client has to send something.
    fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        if state.requests > 0 || state.upgraded {
            return None;
        }
        Some(state.head_since.map_or(state.idle_since + self.idle, |since| since + self.head))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on a connection, as long as it is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Pulse>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        if state.requests == 0 {
            state.idle_since = Instant::now();
        }
    }
}

/// A clock that is set forward without much ado: an earlier time that it was set to only makes it look again.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

/// The stream of a connection. It holds its place as long as it is open, as a WebSocket too.
#[derive(Debug)]
pub(super) struct Patient {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    stall: Duration,
    reading: Alarm,
    writing: Alarm,
    /// Since when the client keeps us waiting to write, and what it has taken since.
    waiting: Option<(Instant, usize)>,
    _place: Place,
}

impl Patient {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>, stall: Duration, place: Place) -> Self {
        let (reading, writing) = Default::default();
        Self { stream, pulse, stall, reading, writing, waiting: None, _place: place }
    }

    fn written(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => {
                self.pulse.beats(false);
                if let Some((_, taken)) = &mut self.waiting {
                    *taken += bytes;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                ready!(self.poll_stalled(cx));
                // What the system still has of the answer is not kept for somebody who does not take it.
                let _ = self.stream.set_zero_linger();
                return Poll::Ready(Err(late("the client does not take its answer")));
            }
        }
        written
    }

    /// Ready when the client has taken too little for too long.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (since, taken) = self.waiting.get_or_insert_with(|| (Instant::now(), 0));
        loop {
            ready!(self.writing.poll(*since + self.stall, cx));
            if *taken < LEAST_TAKEN {
                return Poll::Ready(());
            }
            (*since, *taken) = (Instant::now(), 0);
        }
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before {
                this.pulse.beats(true);
            }
            return read;
        }
        let Some(deadline) = this.pulse.deadline() else { return Poll::Pending };
        ready!(this.reading.poll(deadline, cx));
        Poll::Ready(Err(late("the client keeps silent")))
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Whoever writes here flushes when nothing is left to be written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer, and what is held until it is written, or its client is gone.
#[derive(Debug)]
pub(super) struct Holding<T> {
    body: Body,
    _held: T,
}

impl<T> Holding<T> {
    pub(super) fn new(body: Body, held: T) -> Self {
        Self { body, _held: held }
    }
}

impl<T: Unpin> HttpBody for Holding<T> {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
