//! What knows no business: the database, the clock, keys, passwords, the bus, rate limits, telemetry, and those who
//! carry messages.

pub mod archive;
pub mod bus;
pub mod clock;
pub mod concurrency_limits;
pub mod crypto;
pub mod db;
pub(crate) mod descriptors;
pub mod fail_points;
pub mod fair_semaphore;
pub mod ids;
pub mod list;
pub mod memory;
pub(crate) mod once_list;
pub(crate) mod page;
pub mod passwords;
pub mod providers;
pub mod rate_limit;
pub(crate) mod telemetry;
pub mod text;
