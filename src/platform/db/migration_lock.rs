//! Migrating: on a connection of its own, by one process at a time.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};

use super::{
    Database,
    pool::{Purpose, options},
};
use crate::{
    config::DatabaseConfig,
    error::{Error, Result},
};

/// Any number that nobody else uses on this database: "agora" in ASCII.
const MIGRATION_LOCK: i64 = 0x0061_676f_7261;

impl Database {
    /// A connection of its own to migrate on: without a time limit, and on PostgreSQL with a lock that makes several
    /// processes take turns. It ends with the connection.
    pub async fn migration_connection(&self) -> Result<DatabaseConnection> {
        let unhurried = DatabaseConfig { statement_timeout: Duration::ZERO, ..self.config.clone() };
        let mut options = options(&unhurried, 1, Purpose::Transactions);
        options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        let connection = sea_orm::Database::connect(options).await?;
        if self.backend() == DatabaseBackend::Postgres {
            take_migration_lock(&connection, self.config.acquire_timeout).await?;
        }
        Ok(connection)
    }
}

/// Asks for it again and again, and not once for however long it takes: a server that fell silent would never be noticed.
async fn take_migration_lock(connection: &DatabaseConnection, timeout: Duration) -> Result<()> {
    let sql = format!("SELECT pg_try_advisory_lock({MIGRATION_LOCK})");
    let mut told = false;
    loop {
        let asking = connection.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql.as_str()));
        let silent = |_| Error::internal("the database does not answer");
        let row = tokio::time::timeout(timeout, asking).await.map_err(silent)??;
        if row.map(|row| row.try_get_by_index(0)).transpose()? == Some(true) {
            return Ok(());
        }
        if !std::mem::replace(&mut told, true) {
            tracing::info!("another process migrates; waiting for it");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
