//! The integration tests: one binary, over the real server. Every test has a database of its own, SQLite by default,
//! PostgreSQL with `TEST_DATABASE_URL`.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod harness;

mod accounts;
mod activity;
mod architecture;
mod audit;
mod auth;
mod authz;
mod catalogue;
mod components;
mod demo;
mod documents;
mod entities;
mod goals;
mod graphiql;
mod jobs;
mod language;
mod ledger;
mod limits;
mod lists;
mod messages;
mod nodes;
mod notifications;
mod payloads;
mod payments;
mod posts;
mod privacy;
mod profiles;
mod program;
mod refusals;
mod regressions;
mod schema;
mod storage;
mod transport;
mod wallets;
mod websocket;
