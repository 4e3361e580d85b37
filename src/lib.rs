//! Agora: one GraphQL API server for community commerce.
//!
//! The map of the house, from the ground up; arrows point one way only (`tests/it/architecture.rs` checks it):
//!
//! | room | what is in it | may use |
//! |---|---|---|
//! | [`catalogue`] | what people are told, in their language: reads `locales` | nothing |
//! | [`error`] | typed, coded errors; knows neither GraphQL nor axum | catalogue |
//! | [`entity`] | what is stored: a file per table; currencies | nothing |
//! | [`config`] | the only reader of the environment | entity, for currencies |
//! | [`platform`] | what knows no business: database, clock, keys, bus, rate limits | config, error, catalogue |
//! | [`app`] | what everything runs on | the rooms above |
//! | [`domain`] | what the rules are: a module per noun | app, entity, platform |
//! | [`graphql`] | what clients see | domain |
//! | [`http`] | axum: routes, sockets, headers | graphql |
//! | [`worker`] | jobs and schedules, in one list | domain |
//! | [`cli`] | the program's subcommands | all |
//!
//! A new operation touches three files, `domain/<noun>`, `graphql/<noun>.rs` and `tests/it/<noun>.rs`, and the
//! regenerated `schema.graphql`. A new noun: migration, entity, domain, graphql, test, each registered by one line.

#![recursion_limit = "256"]

pub mod app;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod domain;
pub mod entity;
pub mod error;
pub mod graphql;
pub mod http;
pub mod platform;
pub mod worker;
