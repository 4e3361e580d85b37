//! Temporary: the smallest thing that answers, until the transport is in.
use crate::{app::App, domain::{accounts, actor::{Actor, Client}}, error::Result, graphql::{self, Graph, context::RequestContext}};
use axum::{Json, extract::State, http::HeaderMap, routing::post};
type Shared = (App, Graph);
/// Temporary.
pub fn router(app: App, graph: Graph) -> axum::Router {
    axum::Router::new().route("/graphql", post(run)).with_state((app, graph))
}
async fn run(State((app, graph)): State<Shared>, headers: HeaderMap, Json(request): Json<async_graphql::Request>) -> Json<async_graphql::Response> {
    let token = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    let actor = match token {
        Some(token) => match accounts::authenticate(&app, token).await { Ok(actor) => actor, Err(crate::error::Error::Refused(r)) => return Json(graphql::error::refused(&r, "x")), Err(_) => Actor::Anonymous },
        None => Actor::Anonymous,
    };
    let mut response = graph.execute(request.data(RequestContext::new(app, actor, Client::default(), "x".into()))).await;
    graphql::error::finish(&mut response, "x");
    Json(response)
}
/// Temporary.
pub async fn serve(app: App, listener: tokio::net::TcpListener) -> Result<()> {
    let router = router(app.clone(), graphql::build(true));
    let stop = app.stop.clone();
    axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await }).await?;
    Ok(())
}
