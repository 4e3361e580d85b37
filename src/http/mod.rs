//! axum: routes, the way in of a request, and the way out of a response.
//!
//! Outermost first: connection permits and timeouts (`serve`, `permits`, `timeouts`), request id, headers and log line
//! (`middleware`), CORS, compression, the route.

mod answers;
mod body;
mod client;
mod cookies;
mod event_stream;
mod graphql;
mod headers;
mod live;
mod middleware;
mod permits;
mod readiness;
mod respond;
pub(crate) mod routes;
mod serve;
mod stranger;
mod timeouts;
mod websocket;

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    http::{Extensions, HeaderMap, StatusCode, Version},
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
};

use self::routes::metrics::Answered;
use answers::Answers;
use permits::Permits;
pub use serve::serve;

use crate::{
    app::App,
    error::Result,
    graphql::{Graph, engine::pipeline::Pipeline},
    platform::descriptors,
};

/// What the routes share. Every layer clones it for every request.
#[derive(Debug, Clone)]
struct Shared(Arc<Common>);

#[derive(Debug)]
struct Common {
    app: App,
    pipeline: Arc<Pipeline>,
    texts: &'static routes::graphiql::Texts,
    /// Of requests that are under way.
    requests: Permits,
    /// Of WebSockets and event streams.
    live: Permits,
    answers: Answers,
    answered: Answered,
}

impl Deref for Shared {
    type Target = Common;

    fn deref(&self) -> &Common {
        &self.0
    }
}

/// The whole service as a router. It wants the peer's address (`ConnectInfo<SocketAddr>`) with each request.
pub fn router(app: App, graph: Graph) -> Result<Router> {
    let (connections, websocket) = (&app.config.connections, &app.config.websocket);
    let requests = connections.max.unwrap_or_else(descriptors::connections);
    let requests = Permits::new(requests, connections.max_per_address);
    let live = Permits::new(websocket.max_connections, websocket.max_per_address);
    let answers = Answers::new(&app.config.limits);
    let pipeline = Arc::new(Pipeline::new(app.clone(), graph)?);
    let texts = routes::graphiql::Texts::of_graph()?;
    let answered = Answered::default();
    let shared = Shared(Arc::new(Common { app, pipeline, texts, requests, live, answers, answered }));
    let config = &shared.app.config;
    let mut router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/schema.graphql", get(routes::graphiql::schema))
        .route("/exports/{token}", get(routes::exports::get))
        .route("/statements/{token}", get(routes::statements::get))
        .route("/unsubscribe/{token}", get(routes::unsubscribe::page).post(routes::unsubscribe::unsubscribe))
        .route("/oauth/callback/{provider}", get(routes::oauth::callback))
        .route("/webhooks/{provider}", post(routes::webhooks::post))
        .route("/health/live", get(routes::health::live))
        .route("/health/ready", get(routes::health::ready))
        .route("/", get(routes::graphiql::page));
    if config.payments.sandbox {
        router = router.route("/sandbox/pay", get(routes::sandbox::page).post(routes::sandbox::pay));
    }
    if config.metrics_token.is_some() {
        router = router.route("/metrics", get(routes::metrics::get));
    }
    if config.graphiql {
        router = router.route("/graphiql/{file}", get(routes::graphiql::file));
    }
    let is_content = |status: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions| {
        status != StatusCode::SWITCHING_PROTOCOLS && extensions.get::<routes::graphiql::AsItIs>().is_none()
    };
    // Events are not kept until there are enough of them to be packed.
    let worth_it = SizeAbove::new(config.compression_min_bytes).and(is_content).and(NotForContentType::SSE);
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it);
    Ok(router
        .fallback(respond::not_found)
        .method_not_allowed_fallback(respond::method_not_allowed)
        .layer(compression)
        .layer(headers::cors(config))
        .layer(from_fn_with_state(shared.clone(), middleware::pass))
        .with_state(shared))
}
