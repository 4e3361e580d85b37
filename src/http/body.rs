//! Bodies of requests: every one has its time, whoever reads it; those that are read here have their size, too, packed and
//! unpacked.

use std::{
    io::Read,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, BodyDataStream, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::client::parts;
use crate::{
    app::App,
    error::{Code, Refusal},
};

/// How much of a body that is too large is still taken, and for how long, so that its sender hears the answer.
const DRAINED: (usize, Duration) = (16 << 20, Duration::from_secs(10));

/// How much is taken of the body of a request that there is no room for, and for how long: the same, in small.
const DISCARDED: (usize, Duration) = (64 << 10, Duration::from_secs(1));

/// Gives a body its time, from now on.
pub(super) fn timed(body: Body, time: Duration) -> Body {
    if body.is_end_stream() { body } else { Body::new(Timed { body, until: Instant::now() + time, alarm: None }) }
}

/// A body that is over when its time is, whether it is complete or not.
struct Timed {
    body: Body,
    until: Instant,
    /// Only a body that has to be waited for has one.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// The body did not arrive in its time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
struct Late;

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::into_inner)));
        }
        let until = self.until;
        ready!(self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until))).as_mut().poll(cx));
        Poll::Ready(Some(Err(Late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a body was not read: the status, and the words.
pub(super) type Unread = (StatusCode, Refusal);

/// The whole body, as far as it is allowed to be large.
pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut chunks = body.into_data_stream();
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(size) = announced.filter(|size| *size > limit as u64) {
        // Who asks first (`Expect: 100-continue`) need not begin.
        if !headers.contains_key(header::EXPECT) {
            drain(app, chunks);
        }
        return Err(too_large(limit, size));
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default() as usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(broken)?;
        if bytes.len() + chunk.len() > limit {
            drain(app, chunks);
            return Err(too_large(limit, (bytes.len() + chunk.len()) as u64));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Gzip,
}

impl Coding {
    /// By `Content-Encoding`; none when it is one that is not known here, or several.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut codings = parts(headers, &header::CONTENT_ENCODING, b',');
        let coding = codings.next().unwrap_or("identity").to_ascii_lowercase();
        match (coding.as_str(), codings.next()) {
            ("identity", None) => Some(Self::Plain),
            ("gzip" | "x-gzip", None) => Some(Self::Gzip),
            _ => None,
        }
    }

    /// What was packed, as far as it is allowed to be large: however much it would become, no more is unpacked.
    pub(super) fn unpack(self, bytes: Vec<u8>, limit: usize) -> Result<Vec<u8>, Unread> {
        if self == Self::Plain {
            return Ok(bytes);
        }
        let mut unpacked = Vec::new();
        match MultiGzDecoder::new(bytes.as_slice()).take(limit as u64 + 1).read_to_end(&mut unpacked) {
            Ok(size) if size > limit => Err(too_large(limit, size as u64)),
            Ok(_) => Ok(unpacked),
            Err(_) => Err(refuse(StatusCode::BAD_REQUEST, "The body is not gzip, as its content encoding says.")),
        }
    }
}

fn too_large(limit: usize, size: u64) -> Unread {
    (StatusCode::PAYLOAD_TOO_LARGE, Refusal::over_limit("body in bytes", limit as u64, size))
}

fn refuse(status: StatusCode, message: &str) -> Unread {
    (status, Refusal::new(Code::BadRequest, message))
}

fn broken(error: axum::Error) -> Unread {
    if error.into_inner().is::<Late>() {
        refuse(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")
    } else {
        refuse(StatusCode::BAD_REQUEST, "The body broke off.")
    }
}

/// Takes the rest of a refused body beside its answer: a connection that is closed with unread data loses the answer.
fn drain(app: &App, chunks: BodyDataStream) {
    let stop = app.stop.clone();
    app.spawn(async move {
        stop.run_until_cancelled(take(chunks, DRAINED)).await;
    });
}

/// Takes a body that nobody reads, before its answer.
pub(super) async fn discard(body: Body) {
    take(body.into_data_stream(), DISCARDED).await;
}

async fn take(mut chunks: BodyDataStream, (most, time): (usize, Duration)) {
    let taken = async move {
        let mut left = most;
        while let Some(Ok(chunk)) = chunks.next().await {
            let Some(rest) = left.checked_sub(chunk.len()) else { return };
            left = rest;
        }
    };
    let _ = tokio::time::timeout(time, taken).await;
}
