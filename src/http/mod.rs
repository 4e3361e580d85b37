//! axum: routes, the way in of a request, and the way out of a response.
//!
//! Outermost first: request id and log line, panics, security headers, allowed hosts, CORS, compression, the route.

mod client;
mod graphiql;
mod graphql;
mod headers;
mod health;
mod respond;
mod websocket;

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware, routing::get};
use tokio::sync::Semaphore;
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, predicate::SizeAbove},
};

use crate::{
    app::App,
    error::Result,
    graphql::{Graph, pipeline::Pipeline},
};

/// What the routes share.
#[derive(Debug, Clone)]
pub struct Shared {
    app: App,
    pipeline: Arc<Pipeline>,
    sdl: Arc<str>,
    sockets: Arc<Semaphore>,
}

/// The whole service as a router. It wants the peer's address (`ConnectInfo<SocketAddr>`) with each request.
pub fn router(app: App, graph: Graph) -> Result<Router> {
    let sockets = Arc::new(Semaphore::new(app.config.websocket.max_connections));
    let pipeline = Arc::new(Pipeline::new(app.clone(), graph)?);
    let shared = Shared { pipeline, sdl: crate::graphql::sdl().into(), sockets, app };
    let config = &shared.app.config;
    let mut router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/schema.graphql", get(graphiql::schema))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/", get(graphiql::page));
    if config.graphiql && config.graphiql_assets.is_some() {
        router = router.route("/graphiql/{*file}", get(graphiql::asset));
    }
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(config.compression_min_bytes));
    Ok(router
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::method_not_allowed)
        .layer(DefaultBodyLimit::disable())
        .layer(compression)
        .layer(headers::cors(config))
        .layer(middleware::from_fn_with_state(shared.clone(), headers::only_allowed_hosts))
        .layer(middleware::from_fn_with_state(shared.clone(), headers::secure))
        .layer(CatchPanicLayer::custom(respond::panicked))
        .layer(middleware::from_fn_with_state(shared.clone(), client::identify))
        .with_state(shared))
}

/// Serves until the application stops, then lets requests in flight finish, for a bounded time.
pub async fn serve(app: App, listener: tokio::net::TcpListener) -> Result<()> {
    let graph = crate::graphql::build(app.config.introspection);
    let service = router(app.clone(), graph)?.into_make_service_with_connect_info::<SocketAddr>();
    let stop = app.stop.clone();
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Answers are written whole: waiting to fill a packet would only cost time.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let grace = app.config.shutdown_grace;
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = async { serving.await } => result?,
        () = overdue => tracing::warn!("requests in flight did not finish in time"),
    }
    app.tasks.close();
    if tokio::time::timeout(grace, app.tasks.wait()).await.is_err() {
        tracing::warn!("background tasks did not finish in time");
    }
    Ok(())
}
