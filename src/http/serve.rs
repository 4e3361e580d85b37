//! Connections: let in while there are permits, with timeouts, and brought to an end when the program stops.
//!
//! Room is counted in all and by address. Beyond it a few more connections are let in for a moment: they hear that there
//! are too many, and probes of the platform's health, and its monitoring, hear how the process is. Of these the oldest
//! makes way for the newest, so that nobody can use them up, and a descriptor is left for everything else that the
//! process does.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, Version, header},
    serve::Listener,
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tower::Service;

use super::{
    client::is_trusted,
    permits::{Permit, Permits},
    timeouts::{Answering, Pulse, TimedStream},
};
use crate::{app::App, config::ConnectionLimits, error::Result, graphql, platform::descriptors};

/// Connections beyond the room, and how long each may last.
const BEYOND: usize = 32;
const BEYOND_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest head of a request, and what is read of a body at once.
const READ_BUFFER: usize = 64 << 10;
/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 64;
/// How often, and for how long, it is asked whether anybody is still at the other end of one.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

/// On requests of connections that there is no room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beyond;

/// How many connections are possible at once.
fn room(limits: &ConnectionLimits) -> usize {
    let possible = descriptors::connections();
    match limits.max {
        Some(wanted) if wanted > possible => {
            tracing::warn!(wanted, possible, "the limit of open files does not allow MAX_CONNECTIONS");
            possible
        }
        wanted => wanted.unwrap_or(possible),
    }
}

/// Serves until the application stops. Then nothing more is accepted, sockets are closed, and requests and tasks that
/// are under way may finish, for a bounded time.
pub async fn serve(app: App, mut listener: TcpListener) -> Result<()> {
    let router = super::router(app.clone(), graphql::build(app.config.introspection))?;
    let limits = &app.config.connections;
    let permits = Permits::new(room(limits), limits.max_per_address);
    let mut beyond = VecDeque::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            // Axum's way to accept waits and goes on when there are no file descriptors left.
            accepted = Listener::accept(&mut listener) => accepted,
        };
        let permit = permits.take(counted(&app, peer));
        let is_beyond = permit.is_none();
        let connection = connection(app.clone(), router.clone(), stream, peer, permit);
        if is_beyond {
            let connection = tokio::time::timeout(BEYOND_TIMEOUT, connection);
            enqueue(&mut beyond, app.tasks.spawn(async move { drop(connection.await) }).abort_handle());
        } else {
            app.spawn(connection);
        }
    }
    drop(listener);
    app.tasks.close();
    if tokio::time::timeout(app.config.shutdown_grace, app.tasks.wait()).await.is_err() {
        tracing::warn!(left = app.tasks.len(), "requests or tasks did not finish in time");
    }
    Ok(())
}

/// The address that a connection counts for. Those of a trusted proxy are of many clients: what each of these may do at
/// once is counted by request.
fn counted(app: &App, peer: SocketAddr) -> Option<IpAddr> {
    Some(peer.ip().to_canonical()).filter(|address| !is_trusted(&app.config.trusted_proxies, *address))
}

/// One more beyond the room; where there are too many, the oldest ends.
fn enqueue(beyond: &mut VecDeque<AbortHandle>, newest: AbortHandle) {
    beyond.retain(|connection| !connection.is_finished());
    if beyond.len() >= BEYOND
        && let Some(oldest) = beyond.pop_front()
    {
        oldest.abort();
    }
    beyond.push_back(newest);
}

/// HTTP/1.1, and HTTP/2 for those who speak it at once: proxies that know that they may. What one connection can make the
/// server keep is bounded: streams at once, heads, and what is ready for a client that does not take it.
fn protocols() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None::<Duration>).max_buf_size(READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1)
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(STREAMS as usize)
        .max_local_error_reset_streams(STREAMS as usize)
        .max_header_list_size(READ_BUFFER as u32)
        .max_send_buf_size(READ_BUFFER);
    builder
}

/// Serves one connection to its end; without a permit it only hears that there is no room.
async fn connection(app: App, router: Router, stream: TcpStream, peer: SocketAddr, permit: Option<Permit>) {
    let is_beyond = permit.is_none();
    // Answers are written whole: waiting to fill a packet would only cost time.
    let _ = stream.set_nodelay(true);
    let limits = &app.config.connections;
    let pulse = Pulse::new(limits);
    let stream = TimedStream::new(stream, Arc::clone(&pulse), limits.stall, permit);
    let stopping = Arc::clone(&pulse);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let version = request.version();
        let under_way = pulse.begin(version);
        request.extensions_mut().insert(ConnectInfo(peer));
        if is_beyond {
            request.extensions_mut().insert(Beyond);
        }
        let answer = router.clone().call(request.map(Body::new));
        let pulse = Arc::clone(&pulse);
        async move {
            let mut response = answer.await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                pulse.upgraded();
            }
            // HTTP/2 has no such header; its time beyond the room is over soon.
            if is_beyond && version < Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(response.map(|body| Answering::new(body, under_way)))
        }
    });
    let builder = protocols();
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = app.stop.cancelled() => {
            stopping.stop();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection broke");
    }
}
