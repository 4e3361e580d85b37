//! Agora: one GraphQL API server for community commerce.
//!
//! Each module below is a room, from the ground up: [`catalogue`], [`error`], [`entity`], [`config`], [`platform`], [`app`],
//! [`domain`], [`demo`], [`graphql`], [`http`], [`worker`], [`cli`]. Arrows point one way only. `ARCHITECTURE.md` says what is in each room, which
//! way a request goes, and what the words mean; `tests/it/architecture.rs` checks the arrows; `CONTRIBUTING.md` says how to add an
//! operation and a noun. What a domain hands over to the others is one value, in [`domain::registration`]; what a noun of the
//! graph does, in [`graphql::registration`].

#![recursion_limit = "256"]

pub mod app;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod demo;
pub mod domain;
pub mod entity;
pub mod error;
pub mod graphql;
pub mod http;
pub mod platform;
pub mod worker;
