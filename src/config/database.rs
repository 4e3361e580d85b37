//! The settings of the database and its pool.

use std::time::Duration;

use secrecy::SecretString;

use super::reader::Reader;

/// When a commit on SQLite counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk.
    Full,
    /// When it is on its way there.
    Normal,
}

/// The database and its pool.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct DatabaseConfig {
    pub url: SecretString,
    pub max_connections: u32,
    pub connections_per_client: u32,
    pub min_connections: u32,
    pub statement_timeout: Duration,
    pub synchronous: Synchronous,
    pub acquire_timeout: Duration,
    pub migrate_on_start: bool,
}

/// Reads the settings of the database.
pub(super) fn database(r: &mut Reader) -> DatabaseConfig {
    let url = r.text("DATABASE_URL");
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        r.problem("DATABASE_URL", "expected sqlite://file or postgres://user:password@host/database");
    }
    if url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory") || url.len() < 10) {
        r.problem("DATABASE_URL", "expected a file: several connections share it, which a database in memory can't");
    }
    let database = DatabaseConfig {
        url: url.into(),
        max_connections: r.number("DATABASE_MAX_CONNECTIONS", 1, 1000),
        connections_per_client: r.number("DATABASE_CONNECTIONS_PER_CLIENT", 1, 1000),
        min_connections: r.number("DATABASE_MIN_CONNECTIONS", 0, 1000),
        statement_timeout: r.seconds("DATABASE_STATEMENT_TIMEOUT_SECONDS"),
        synchronous: r.choice("DATABASE_SYNCHRONOUS", &[("full", Synchronous::Full), ("normal", Synchronous::Normal)]),
        acquire_timeout: r.seconds("DATABASE_ACQUIRE_TIMEOUT_SECONDS"),
        migrate_on_start: r.flag("MIGRATE_ON_START", "true"),
    };
    if database.min_connections > database.max_connections {
        r.problem("DATABASE_MIN_CONNECTIONS", "expected at most DATABASE_MAX_CONNECTIONS");
    }
    database
}
