//! What knows no business: the database, the clock, keys, passwords, the bus, rate limits, telemetry.

pub mod bus;
pub mod clock;
pub mod crypto;
pub mod db;
pub mod ids;
pub mod list;
pub mod memory;
pub mod outbox;
pub mod page;
pub mod passwords;
pub mod rate_limit;
pub mod telemetry;
pub mod text;
