//! Timeouts: how long a connection may keep the server waiting: for the head of a request, between requests, and for its
//! client to take an answer. hyper knows one time for the first two and none for the third, and looks at none before it has
//! seen which version of HTTP is spoken; so the times are kept here, by the stream itself.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::Version,
};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

use super::permits::Permit;
use crate::config::ConnectionLimits;

/// What a client that keeps an answer waiting has to take of it in each `ANSWER_STALL_SECONDS`.
const LEAST_TAKEN: usize = 64 << 10;
/// How long a head that has begun is waited for when the program is about to end.
const HEAD_AT_THE_END: Duration = Duration::from_secs(1);
/// How much of an answer is given to HTTP/2 at once: what it has been given, it keeps until the client wants it.
const PIECE: usize = 16 << 10;

/// What a connection is doing: known to its stream, and told by its requests.
#[derive(Debug)]
pub(super) struct Pulse {
    idle: Duration,
    head: Duration,
    stall: Duration,
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
    /// The program is about to end.
    stopping: bool,
    /// It is a WebSocket now, which has timeouts of its own.
    upgraded: bool,
    /// It speaks HTTP/2: many requests at once, and bytes that are of none.
    multiplexed: bool,
    /// Of HTTP/2, the answers that wait for their client, each by its number, and since when.
    waiting: HashMap<u64, Instant>,
    /// The number of the newest request.
    newest: u64,
}

impl Pulse {
    pub(super) fn new(limits: &ConnectionLimits) -> Arc<Self> {
        let state = State {
            requests: 0,
            idle_since: Instant::now(),
            head_since: None,
            stopping: false,
            upgraded: false,
            multiplexed: false,
            waiting: HashMap::new(),
            newest: 0,
        };
        Arc::new(Self { idle: limits.idle, head: limits.head, stall: limits.stall, state: Mutex::new(state) })
    }

    /// A request is here; it is under way until what is given is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> UnderWay {
        let mut state = self.state();
        state.requests += 1;
        state.head_since = None;
        state.multiplexed |= version == Version::HTTP_2;
        state.newest += 1;
        UnderWay { number: state.newest, multiplexed: state.multiplexed, pulse: Arc::clone(self) }
    }

    /// From now on it speaks another protocol.
    pub(super) fn upgraded(&self) {
        self.state().upgraded = true;
    }

    /// From now on nobody waits long for the rest of a head.
    pub(super) fn stop(&self) {
        self.state().stopping = true;
    }

    /// Bytes came, or went.
    fn beats(&self, read: bool) {
        let mut state = self.state();
        if state.requests > 0 || state.upgraded || state.multiplexed {
            return;
        }
        let now = Instant::now();
        state.idle_since = now;
        if read {
            state.head_since.get_or_insert(now);
        }
    }

    /// Until when the client has to send something, or to take something of an answer of HTTP/2. While a request is under
    /// way it is a time to look again: its end is told to nobody who waits for the stream.
    fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        if state.upgraded {
            return None;
        }
        if state.requests > 0 {
            let again = Instant::now() + self.idle;
            return Some(state.waiting.values().min().map_or(again, |since| again.min(*since + self.stall)));
        }
        let head = if state.stopping { self.head.min(HEAD_AT_THE_END) } else { self.head };
        Some(state.head_since.map_or(state.idle_since + self.idle, |since| since + head))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on a connection, as long as it is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pulse: Arc<Pulse>,
    number: u64,
    multiplexed: bool,
}

impl UnderWay {
    /// Whether its answer waits for the client from now on, as those of HTTP/2 do by a window that is closed: the stream
    /// itself goes on. Before, and where it is the server that has nothing yet, it waits for nobody.
    fn waits(&self, waits: bool) {
        let mut state = self.pulse.state();
        if waits {
            state.waiting.insert(self.number, Instant::now());
        } else {
            state.waiting.remove(&self.number);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.pulse.state();
        state.requests -= 1;
        state.waiting.remove(&self.number);
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

/// The stream of a connection. It holds its permit as long as it is open, as a WebSocket too.
#[derive(Debug)]
pub(super) struct TimedStream {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    stall: Duration,
    reading: Alarm,
    writing: Alarm,
    /// Since when the client keeps us waiting to write, and what it has taken since.
    waiting: Option<(Instant, usize)>,
    _permit: Option<Permit>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>, stall: Duration, permit: Option<Permit>) -> Self {
        let (reading, writing) = (Alarm::default(), Alarm::default());
        Self { stream, pulse, stall, reading, writing, waiting: None, _permit: permit }
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

impl AsyncRead for TimedStream {
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

impl AsyncWrite for TimedStream {
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
    type Data = Bytes;
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

/// An answer of a connection, until its client has taken it.
#[derive(Debug)]
pub(super) struct Answering {
    body: Body,
    under_way: UnderWay,
    /// What is left of a large piece.
    left: Bytes,
}

impl Answering {
    pub(super) fn new(body: Body, under_way: UnderWay) -> Self {
        Self { body, under_way, left: Bytes::new() }
    }

    fn piece(&mut self) -> Frame<Bytes> {
        Frame::data(self.left.split_to(self.left.len().min(PIECE)))
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if !this.under_way.multiplexed {
            return Pin::new(&mut this.body).poll_frame(cx);
        }
        if this.left.is_empty() {
            let frame = Pin::new(&mut this.body).poll_frame(cx);
            this.under_way.waits(matches!(frame, Poll::Ready(Some(Ok(_)))));
            match ready!(frame) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.left = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
        this.under_way.waits(true);
        Poll::Ready(Some(Ok(this.piece())))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.len() as u64;
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + left);
        }
        hint.set_lower(hint.lower() + left);
        hint
    }
}
