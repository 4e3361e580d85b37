//! What is served beside the graph: pages, links that expire, webhooks, probes, figures for monitoring.

pub(crate) mod exports;
pub(crate) mod graphiql;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod oauth;
pub(crate) mod sandbox;
pub(crate) mod statements;
pub(crate) mod unsubscribe;
pub(crate) mod webhooks;
