//! What knows no business: the database, the clock, keys, passwords, the bus, rate limits, telemetry, and those who
//! carry messages.

pub mod archive;
pub mod bus;
pub mod clock;
pub mod crypto;
pub mod db;
pub mod http;
pub mod ids;
pub mod letter;
pub mod list;
pub mod mail;
pub mod memory;
pub mod oauth;
pub mod oidc;
pub mod outbox;
pub mod page;
pub mod passwords;
pub mod payments;
pub mod phone;
pub mod rate_limit;
pub mod sigv4;
pub mod sms;
pub mod steps;
pub mod telemetry;
pub mod text;
pub mod web_address;
