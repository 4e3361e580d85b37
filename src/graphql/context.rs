//! What a resolver knows of its request.

use async_graphql::Context;

use super::loaders::Loaders;
use crate::{
    app::App,
    domain::actor::{Actor, Client},
};

/// One request: who asks, by what, and the loaders that live as long as it does. For a subscription, each event is a
/// request of its own as far as the loaders are concerned: they do not cache.
#[derive(Debug)]
pub struct RequestContext {
    /// What everything runs on.
    pub app: App,
    /// Who asks.
    pub actor: Actor,
    /// By what.
    pub client: Client,
    /// In the log, in the header `x-request-id` and in every error.
    pub request_id: String,
    /// Batch loading.
    pub loaders: Loaders,
}

impl RequestContext {
    /// A request's context.
    #[must_use]
    pub fn new(app: App, actor: Actor, client: Client, request_id: String) -> Self {
        let loaders = Loaders::new(&app, &actor);
        Self { app, actor, client, request_id, loaders }
    }
}

/// `ctx.request()` gives the request's context.
pub trait RequestExt {
    /// The request that this resolver works for.
    fn request(&self) -> &RequestContext;
}

impl RequestExt for Context<'_> {
    fn request(&self) -> &RequestContext {
        self.data_unchecked::<RequestContext>()
    }
}
