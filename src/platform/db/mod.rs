//! The database: connections, transactions, and the only place that knows SQLite from PostgreSQL.
//!
//! - [`Database::rows`], [`Database::one`] and [`Database::all`] are for queries; [`Database::transact`] for everything
//!   that writes: it takes SQLite's write lock at the start (BEGIN IMMEDIATE on the one writer connection), retries what
//!   may be retried, and sends the transaction's hints to the bus after the commit. What is acknowledged is stored: a
//!   transaction in which a statement failed is never committed, whatever its work makes of the failure. Each takes a
//!   permit of whoever it is done for.
//! - One transaction has one connection: whoever asked for a second one in the midst of it would wait, with what it has
//!   locked, for others who wait for that. In debug builds, and so in tests, asking is an error in itself.
//! - SQL is written once, with `$1` placeholders, and runs on both.
//! - [`CteChain`] runs several dependent writes in one round trip where the database can.

pub(crate) mod backup;
mod chain;
mod connection_reuse;
mod dialect;
mod migration_lock;
mod pool;
mod recording;
mod search;
pub(crate) mod tables;
mod transact;
mod transaction;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, EntityTrait, FromQueryResult, PartialModelTrait, QueryResult,
    QuerySelect, QueryTrait, Select, Statement, StatementBuilder, Value, sea_query::SelectStatement,
};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

pub use self::{chain::ColumnType, chain::CteChain, transaction::Transaction};
pub(crate) use self::{
    dialect::any_id, dialect::is_literally, dialect::is_unique_violation, dialect::placeholders, pool::Pool,
};
use self::{
    pool::Purpose,
    transact::{Stored, check_it_is_the_only_one},
};
use super::{bus::Bus, concurrency_limits};
use crate::{
    config::DatabaseConfig,
    error::{Error, Result},
};

/// The database: its pools of connections, and every way in which others use it.
#[derive(Debug, Clone)]
pub struct Database {
    reader: Pool,
    writer: Pool,
    /// For long reads, which have no time limit. SQLite has a pool of their own for them, opened when the first one comes:
    /// a connection costs a thread, and reads the whole schema.
    long_reads: Arc<OnceCell<Pool>>,
    bus: Bus,
    config: DatabaseConfig,
    statements: Arc<AtomicU64>,
    stored: Arc<Stored>,
}

impl Database {
    /// Opens the pools. The SQLite file is created when it is not there.
    pub async fn connect(config: &DatabaseConfig, bus: Bus) -> Result<Self> {
        let statements = Arc::new(AtomicU64::new(0));
        let all = config.max_connections;
        let open = async |connections, purpose| {
            // The operator who starts it wants to know why it can't.
            Pool::open(config, connections, purpose, &statements).await.map_err(Error::internal)
        };
        let (reader, writer, long_reads) = if config.url.expose_secret().starts_with("sqlite:") {
            // WAL has to be on before readers open, or the first of them fails with SQLITE_BUSY.
            let writer = open(1, Purpose::Transactions).await?;
            (open(all, Purpose::Reading).await?, writer, OnceCell::new())
        } else {
            let pool = open(all, Purpose::Transactions).await?;
            (pool.clone(), pool.clone(), OnceCell::from(pool))
        };
        let (long_reads, config, stored) = (Arc::new(long_reads), config.clone(), Arc::default());
        Ok(Self { reader, writer, long_reads, bus, config, statements, stored })
    }

    /// Connections for long reads.
    async fn long_reads(&self) -> Result<&Pool> {
        let open = || {
            Box::pin(async {
                let seldom = DatabaseConfig { min_connections: 0, ..self.config.clone() };
                Pool::open(&seldom, seldom.max_connections, Purpose::Transactions, &self.statements).await
            })
        };
        Ok(self.long_reads.get_or_try_init(open).await?)
    }

    /// For queries here: a read by it alone would take nobody's permit.
    fn reader(&self) -> &Pool {
        check_it_is_the_only_one();
        &self.reader
    }

    /// The connections themselves, as they are now, for what needs them as the library has them.
    #[must_use]
    pub fn connections(&self) -> DatabaseConnection {
        self.reader.current().connection.clone()
    }

    /// The bus that hints go to after a commit.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Which database this is.
    #[must_use]
    pub fn backend(&self) -> DatabaseBackend {
        self.reader.get_database_backend()
    }

    /// How many statements have run so far: for tests and metrics.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes every connection; those that don't, within a bounded time, end with the program.
    pub async fn close(&self) {
        let long_reads = async {
            if let Some(pool) = self.long_reads.get() {
                pool.close().await;
            }
        };
        tokio::join!(self.reader.close(), self.writer.close(), long_reads);
    }

    /// Reads one of an entity's rows.
    pub async fn one<E: EntityTrait>(&self, select: Select<E>) -> Result<Option<E::Model>> {
        let reader = self.reader();
        let _permit = concurrency_limits::permit().await?;
        Ok(select.one(reader).await?)
    }

    /// Reads an entity's rows.
    pub async fn all<E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<E::Model>> {
        let reader = self.reader();
        let _permit = concurrency_limits::permit().await?;
        Ok(select.all(reader).await?)
    }

    /// Reads what a shape has of an entity's rows, and of what is joined to them.
    pub async fn read<P: PartialModelTrait, E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<P>> {
        let mut select = P::select_cols(select.select_only());
        self.select(QueryTrait::query(&mut select)).await
    }

    /// The same of one row.
    pub(crate) async fn read_one<P: PartialModelTrait, E: EntityTrait>(&self, select: Select<E>) -> Result<Option<P>> {
        Ok(self.read(select.limit(1)).await?.pop())
    }

    /// Reads rows by a typed statement, each into a shape by the names of its columns.
    pub(crate) async fn select<P: FromQueryResult>(&self, select: &SelectStatement) -> Result<Vec<P>> {
        let rows = self.ask(StatementBuilder::build(select, &self.backend())).await?;
        Ok(rows.iter().map(|row| P::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }

    /// Reads rows by SQL text with `$1` placeholders.
    pub async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<QueryResult>> {
        self.ask(Statement::from_sql_and_values(self.backend(), sql, values)).await
    }

    /// Reads rows by a statement with `$1` placeholders, as both databases take it.
    pub async fn ask(&self, statement: Statement) -> Result<Vec<QueryResult>> {
        let reader = self.reader();
        let statement = Statement { db_backend: reader.get_database_backend(), ..statement };
        recording::note(&statement);
        let _permit = concurrency_limits::permit().await?;
        Ok(reader.query_all_raw(statement).await?)
    }

    /// Whether the database answers.
    pub(crate) async fn answers(&self) -> Result<()> {
        self.rows("SELECT 1", Vec::new()).await.map(drop)
    }
}
