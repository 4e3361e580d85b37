//! The machinery of the graph, which knows no noun: the way of a document from its text to its answer, and what resolvers are
//! written with: connections, scalars, loaders, errors, streams.

pub mod coercion;
pub mod connection;
pub mod context;
pub mod contract;
pub mod cost;
pub mod document;
pub mod error;
pub mod filters;
pub mod leaf;
pub mod loaders;
pub mod mistakes;
pub mod model;
pub mod normal;
pub mod part;
pub mod pipeline;
pub mod rules;
pub mod scalars;
pub mod stream;
pub mod subscription;
pub(crate) mod suggestions;
pub mod syntax;
pub mod trusted;
pub mod validation;
