//! What knows no business: the database, the clock, keys, passwords, the bus, rate limits, telemetry, and those who
//! carry messages.

pub mod bus;
pub mod clock;
pub mod crypto;
pub mod db;
pub mod http;
pub mod ids;
pub mod letter;
pub mod mail;
pub mod memory;
pub mod outbox;
pub mod page;
pub mod passwords;
pub mod rate_limit;
pub mod sigv4;
pub mod sms;
pub mod telemetry;
pub mod text;
