//! The machinery of the graph, which knows no noun: the way of a document from its text to its answer, and what resolvers are
//! written with: connections, scalars, loaders, errors, streams.

pub(crate) mod coercion;
pub(crate) mod connection;
pub mod context;
pub mod contract;
pub mod cost;
pub(crate) mod document;
pub(crate) mod error;
pub(crate) mod filters;
pub(crate) mod leaf;
pub mod loaders;
pub(crate) mod mistakes;
pub mod model;
pub(crate) mod normal;
pub(crate) mod part;
pub mod pipeline;
pub mod rules;
pub(crate) mod scalars;
pub(crate) mod stream;
pub mod subscription;
pub(crate) mod suggestions;
pub(crate) mod syntax;
pub mod trusted;
pub(crate) mod validation;
