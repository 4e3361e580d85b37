//! Connections: accepted, bounded in their patience, and brought to an end when the program stops.

use std::net::SocketAddr;

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::{app::App, error::Result, graphql};

/// How long a connection may say nothing, or take for the head of a request. Longer than load balancers keep idle
/// connections (60 s), so that it is they who close them.
const HEAD_PATIENCE: std::time::Duration = std::time::Duration::from_secs(75);
/// The longest head of a request, and what is read of a body at once.
const READ_BUFFER: usize = 64 << 10;

/// Serves until the application stops. Then nothing more is accepted, sockets are closed, and requests and tasks that
/// are under way may finish, for a bounded time.
pub async fn serve(app: App, mut listener: TcpListener) -> Result<()> {
    let router = super::router(app.clone(), graphql::build(app.config.introspection))?;
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            // Axum's way to accept waits and goes on when there are no file descriptors left.
            accepted = Listener::accept(&mut listener) => accepted,
        };
        app.spawn(connection(app.stop.clone(), router.clone(), stream, peer));
    }
    drop(listener);
    app.tasks.close();
    if tokio::time::timeout(app.config.shutdown_grace, app.tasks.wait()).await.is_err() {
        tracing::warn!(left = app.tasks.len(), "requests or tasks did not finish in time");
    }
    Ok(())
}

async fn connection(stop: CancellationToken, router: Router, stream: TcpStream, peer: SocketAddr) {
    // Answers are written whole: waiting to fill a packet would only cost time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection broke");
    }
}
