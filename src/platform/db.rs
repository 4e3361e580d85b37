//! The database: connections, transactions, and the only place that knows SQLite from PostgreSQL.
//!
//! - [`Database::read`] is for queries; [`Database::transact`] for everything that writes: it takes SQLite's write
//!   lock at the start (BEGIN IMMEDIATE on the one writer connection), retries what may be retried, and sends the
//!   transaction's hints to the bus after the commit.
//! - SQL is written once, with `$1` placeholders, and runs on both.
//! - [`Chain`] runs several dependent writes in one round trip where the database can.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, TryGetable, Value,
};
use secrecy::ExposeSecret;

use super::{
    bus::{Bus, Hint},
    crypto::sha256,
};
use crate::{
    config::DatabaseConfig,
    error::{Error, Result},
};

/// A connection that was idle for so long is tried before it is used: the server may have gone meanwhile.
const IDLE: Duration = Duration::from_secs(30);

/// How often a transaction that lost a race is tried in all.
const ATTEMPTS: u32 = 8;

/// How many rows are deleted in a transaction, where many are.
const DELETED_AT_ONCE: u64 = 1000;

/// The pools.
#[derive(Debug, Clone)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// Readers that may take their time.
    patient: DatabaseConnection,
    bus: Bus,
    config: DatabaseConfig,
    statements: Arc<AtomicU64>,
}

/// A transaction that writes, as its work holds it. Rolled back when it ends without a commit.
#[derive(Debug, Clone)]
pub struct Transaction {
    inner: Arc<DatabaseTransaction>,
    hints: Arc<Mutex<Vec<Hint>>>,
}

impl Database {
    /// Opens the pools. The SQLite file is created when it is not there.
    pub async fn connect(config: &DatabaseConfig, bus: Bus) -> Result<Self> {
        let statements = Arc::new(AtomicU64::new(0));
        let url = config.url.expose_secret();
        let (reader, writer, patient) = if url.starts_with("sqlite:") {
            // WAL has to be on before readers open, or the first of them fails with SQLITE_BUSY.
            let mut writer = sea_orm::Database::connect(options(config, 1)).await?;
            let mut reader_options = options(config, config.max_connections);
            limit_time_on_sqlite(&mut reader_options, config.statement_timeout);
            let mut reader = sea_orm::Database::connect(reader_options).await?;
            let mut patient_options = options(config, config.max_connections);
            patient_options.min_connections(0);
            let mut patient = sea_orm::Database::connect(patient_options).await?;
            for pool in [&mut writer, &mut reader, &mut patient] {
                count(pool, &statements);
            }
            (reader, writer, patient)
        } else {
            let mut pool = sea_orm::Database::connect(options(config, config.max_connections)).await?;
            count(&mut pool, &statements);
            (pool.clone(), pool.clone(), pool)
        };
        Ok(Self { reader, writer, patient, bus, config: config.clone(), statements })
    }

    /// For queries. Writes through it are refused on SQLite only by convention: use [`Database::transact`].
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
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

    /// Closes every connection.
    pub async fn close(&self) {
        for pool in [&self.reader, &self.writer, &self.patient] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::debug!(%error, "a pool did not close cleanly");
            }
        }
    }

    /// Runs `work` in a transaction that may write, commits it, then sends its hints.
    ///
    /// `work` runs again, from the start, when the database says that the transaction lost a race (serialization
    /// failure, deadlock, busy): it must have no effect outside of the transaction.
    pub async fn transact<T, F, W>(&self, work: F) -> Result<T>
    where
        F: Fn(Transaction) -> W,
        W: Future<Output = Result<T>>,
    {
        let mut attempt = 1;
        loop {
            match self.attempt(&work).await {
                Err(error) if attempt < ATTEMPTS && lost_race(&error) => {
                    tracing::debug!(attempt, %error, "a transaction lost a race and runs again");
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt) * 3)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt<T, F, W>(&self, work: &F) -> Result<T>
    where
        F: Fn(Transaction) -> W,
        W: Future<Output = Result<T>>,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = Arc::new(self.writer.begin_with_options(options).await?);
        let transaction = Transaction { inner, hints: Arc::default() };
        let hints = Arc::clone(&transaction.hints);
        let handle = Arc::clone(&transaction.inner);
        let result = work(transaction).await;
        let inner = Arc::into_inner(handle).ok_or_else(|| Error::internal("a transaction outlived its work"))?;
        match result {
            Ok(value) => {
                inner.commit().await?;
                for hint in std::mem::take(&mut *hints.lock().unwrap_or_else(PoisonError::into_inner)) {
                    self.bus.send(hint);
                }
                Ok(value)
            }
            Err(error) => {
                if let Err(rollback) = inner.rollback().await {
                    tracing::warn!(%rollback, "a rollback failed; the connection's end will do it");
                }
                Err(error)
            }
        }
    }

    /// Runs `work` in a transaction that only reads and sees one moment, however long it takes.
    pub async fn snapshot<T, F, W>(&self, work: F) -> Result<T>
    where
        F: FnOnce(Transaction) -> W,
        W: Future<Output = Result<T>>,
    {
        let postgres = self.backend() == DatabaseBackend::Postgres;
        let options = TransactionOptions {
            isolation_level: postgres.then_some(sea_orm::IsolationLevel::RepeatableRead),
            access_mode: postgres.then_some(sea_orm::AccessMode::ReadOnly),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        };
        let inner = Arc::new(self.patient.begin_with_options(options).await?);
        let transaction = Transaction { inner: Arc::clone(&inner), hints: Arc::default() };
        transaction.without_time_limit().await?;
        let result = work(transaction).await;
        if let Some(inner) = Arc::into_inner(inner) {
            inner.rollback().await?;
        }
        result
    }

    /// Runs a [`Chain`] in a transaction of its own, in one round trip where the database can.
    pub async fn chain(&self, chain: &Chain) -> Result<Vec<QueryResult>> {
        match self.backend() {
            DatabaseBackend::Postgres => {
                let mut attempt = 1;
                loop {
                    match self.writer.query_all_raw(chain.single_statement()).await.map_err(Error::from) {
                        Err(error) if attempt < ATTEMPTS && lost_race(&error) => attempt += 1,
                        result => return result,
                    }
                }
            }
            _ => self.transact(async |tx| chain.run_in_steps(&tx).await).await,
        }
    }

    /// Reads rows by SQL text with `$1` placeholders.
    pub async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<QueryResult>> {
        Ok(self.reader.query_all_raw(statement(&self.reader, sql, values)).await?)
    }

    /// Deletes the rows of a table whose time, a column with an index, is before another; a thousand at a time and those of
    /// the same moment, so that nobody waits long for a lock; gives how many.
    pub async fn delete_before(
        &self,
        table: &'static str,
        column: &'static str,
        before: chrono::DateTime<chrono::Utc>,
    ) -> Result<u64> {
        // From a time to a time, and not by a list of keys: where PostgreSQL takes the table for empty, it would compare
        // each with each. With both ends it always takes the index.
        let due = format!("SELECT {column} FROM {table} WHERE {column} < $1 ORDER BY {column} LIMIT");
        let sql = format!(
            "DELETE FROM {table} WHERE {column} BETWEEN ({due} 1) AND (SELECT MAX(b.{column}) FROM ({due} {DELETED_AT_ONCE}) b)"
        );
        let mut deleted = 0;
        loop {
            let batch = self.transact(async |tx| tx.execute(sql.as_str(), vec![before.into()]).await).await?;
            deleted += batch;
            if batch < DELETED_AT_ONCE {
                return Ok(deleted);
            }
        }
    }

    /// "The first `count` rows of a table for each row of `outer`", as one `FROM` clause; the table has an `id`.
    #[must_use]
    pub fn first_of_each(
        &self,
        outer: &str,
        table: &str,
        alias: &str,
        filter: &str,
        order: &str,
        count: u64,
    ) -> String {
        self.first_rows_of_each(outer, (table, alias, "id"), filter, order, count)
    }

    /// The same for a table with another key (its columns, comma-separated).
    ///
    /// PostgreSQL has LATERAL for it; SQLite looks the keys up by a correlated subquery. Both stop after `count`
    /// rows a group, however many the group has.
    #[must_use]
    pub fn first_rows_of_each(
        &self,
        outer: &str,
        (table, alias, key): (&str, &str, &str),
        filter: &str,
        order: &str,
        count: u64,
    ) -> String {
        if self.backend() == DatabaseBackend::Postgres {
            return format!(
                "{outer} CROSS JOIN LATERAL (SELECT * FROM {table} {alias} WHERE {filter} ORDER BY {order} LIMIT {count}) {alias}"
            );
        }
        let key = key.split(", ").map(|column| format!("{alias}.{column}")).collect::<Vec<_>>().join(", ");
        format!(
            "{outer} JOIN {table} {alias} ON ({key}) IN \
             (SELECT {key} FROM {table} {alias} WHERE {filter} ORDER BY {order} LIMIT {count})"
        )
    }

    /// A condition that `id_column` is among the rows of `table` whose search text has every word of the
    /// placeholder's query, as made by [`Database::search_query`].
    #[must_use]
    pub fn search_condition(&self, table: &str, id_column: &str, placeholder: &str) -> String {
        match self.backend() {
            DatabaseBackend::Postgres => format!(
                "{id_column} IN (SELECT id FROM {table} WHERE to_tsvector('simple', search_key) @@ to_tsquery('simple', {placeholder}))"
            ),
            _ => format!("{id_column} IN (SELECT id FROM {table}_search WHERE {table}_search MATCH {placeholder})"),
        }
    }

    /// The full-text query for a person's words (already in search form): all of them, the last as a prefix too.
    #[must_use]
    pub fn search_query(&self, words: &str) -> String {
        let words = words.split_whitespace();
        match self.backend() {
            DatabaseBackend::Postgres => {
                words.map(|word| format!("'{}':*", word.replace(['\'', '\\'], ""))).collect::<Vec<_>>().join(" & ")
            }
            _ => words.map(|word| format!("\"{}\"*", word.replace('"', ""))).collect::<Vec<_>>().join(" "),
        }
    }

    /// Locks a row until the end of the statement's transaction, where several writers exist; see [`Transaction::for_update`].
    #[must_use]
    pub fn for_update(&self) -> &'static str {
        for_update(self.backend())
    }

    /// `FOR UPDATE SKIP LOCKED` where several writers exist; nothing on SQLite, whose one writer needs none.
    #[must_use]
    pub fn skip_locked(&self) -> &'static str {
        match self.backend() {
            DatabaseBackend::Postgres => "FOR UPDATE SKIP LOCKED",
            _ => "",
        }
    }
}

impl Transaction {
    /// Sends a hint once this transaction is committed.
    pub fn hint(&self, hint: Hint) {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner).push(hint);
    }

    /// Reads or writes rows by SQL text with `$1` placeholders.
    pub async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<QueryResult>> {
        Ok(self.inner.query_all_raw(statement(&*self.inner, sql, values)).await?)
    }

    /// The first row, if any.
    pub async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Option<QueryResult>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement; gives the number of rows it changed.
    pub async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64> {
        Ok(self.inner.execute_raw(statement(&*self.inner, sql, values)).await?.rows_affected())
    }

    /// Runs a [`Chain`] as part of this transaction, in one round trip where the database can.
    pub async fn chain(&self, chain: &Chain) -> Result<Vec<QueryResult>> {
        match self.inner.get_database_backend() {
            DatabaseBackend::Postgres => Ok(self.inner.query_all_raw(chain.single_statement()).await?),
            _ => chain.run_in_steps(self).await,
        }
    }

    /// For maintenance that may take long: lifts the statements' time limit for this transaction.
    pub async fn without_time_limit(&self) -> Result<()> {
        if self.inner.get_database_backend() == DatabaseBackend::Postgres {
            self.inner.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
        }
        Ok(())
    }

    /// An id as text, for people to read.
    #[must_use]
    pub fn id_as_text(&self, column: &str) -> String {
        match self.inner.get_database_backend() {
            DatabaseBackend::Postgres => format!("CAST({column} AS text)"),
            _ => format!("lower(hex({column}))"),
        }
    }

    /// Makes transactions that name the same thing run one after the other, where several writers exist. For rules about
    /// rows that may not be there yet, which nobody can lock.
    pub async fn take_turns(&self, names: &[&str]) -> Result<()> {
        if self.inner.get_database_backend() != DatabaseBackend::Postgres {
            return Ok(());
        }
        let mut keys: Vec<i64> = names
            .iter()
            .map(|name| {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&sha256(name.as_bytes())[..8]);
                i64::from_be_bytes(bytes)
            })
            .collect();
        // In one order everywhere, so that nobody waits in a circle.
        keys.sort_unstable();
        for key in keys {
            self.execute("SELECT pg_advisory_xact_lock($1)", vec![key.into()]).await?;
        }
        Ok(())
    }

    /// Locks a row until the end of the transaction, where several writers exist. Rows that refer to it may still be
    /// added meanwhile: keys are never changed.
    #[must_use]
    pub fn for_update(&self) -> &'static str {
        for_update(self.inner.get_database_backend())
    }

    /// The same, and waits for those who rely on the row as it is: see [`Self::while_there`].
    #[must_use]
    pub fn for_removal(&self) -> &'static str {
        match self.inner.get_database_backend() {
            DatabaseBackend::Postgres => "FOR UPDATE",
            _ => "",
        }
    }

    /// Keeps rows, named by their aliases, from being deleted or locked [for removal](Self::for_removal) until the end of
    /// the transaction, where several writers exist. Their counters may change meanwhile.
    #[must_use]
    pub fn while_there(&self, aliases: &str) -> String {
        match self.inner.get_database_backend() {
            DatabaseBackend::Postgres => format!("FOR KEY SHARE OF {aliases}"),
            _ => String::new(),
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
    }
}

fn statement(connection: &impl ConnectionTrait, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// Placeholders `$from, $from+1 …` for a list of values, padded to the next power of two by repeating the last
/// value, so that lists of any length share a few statement texts (and their prepared plans).
pub fn placeholders<V: Into<Value> + Clone>(values: &mut Vec<Value>, list: &[V]) -> String {
    let first = values.len() + 1;
    values.extend(list.iter().cloned().map(Into::into));
    if let Some(last) = list.last() {
        for _ in list.len()..list.len().next_power_of_two() {
            values.push(last.clone().into());
        }
    }
    if list.is_empty() {
        return "NULL".to_owned();
    }
    (first..=values.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// Reads a row's columns from left to right.
#[derive(Debug)]
pub struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Columns<'a> {
    /// Starts at the first column.
    #[must_use]
    pub fn new(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub fn take<T: TryGetable>(&mut self) -> Result<T> {
        let value = self.row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// Passes over columns, as of a part that is absent.
    pub fn skip(&mut self, columns: usize) {
        self.next += columns;
    }
}

/// The type of a column that one step of a [`Chain`] hands to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A UUID.
    Uuid,
    /// A 64-bit integer.
    Integer,
}

/// Dependent writes: each step may read the rows that an earlier one returned, by the earlier step's name.
///
/// On PostgreSQL the whole chain is one `WITH` statement: one round trip, one implicit transaction. SQLite cannot
/// write inside `WITH`; there the steps run one after the other in a transaction, in process, and the rows of
/// earlier steps stand before a step as constants.
#[derive(Debug)]
pub struct Chain {
    steps: Vec<Step>,
    values: Vec<Value>,
    result: &'static str,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    columns: &'static [(&'static str, ColumnType)],
    sql: String,
}

impl Chain {
    /// A chain whose steps share these values as `$1`, `$2` …, and that gives the rows of the step named `result`.
    #[must_use]
    pub fn new(values: Vec<Value>, result: &'static str) -> Self {
        Self { steps: Vec::new(), values, result }
    }

    /// Adds a value; gives its placeholder.
    pub fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Adds a step: a writing statement with a `RETURNING` that has `columns`, which later steps may read
    /// (none, when nothing reads it).
    #[must_use]
    pub fn step(
        mut self,
        name: &'static str,
        columns: &'static [(&'static str, ColumnType)],
        sql: impl Into<String>,
    ) -> Self {
        self.steps.push(Step { name, columns, sql: sql.into() });
        self
    }

    fn single_statement(&self) -> Statement {
        let steps: Vec<_> = self.steps.iter().map(|step| format!("{} AS ({})", step.name, step.sql)).collect();
        let sql = format!("WITH {} SELECT * FROM {}", steps.join(", "), self.result);
        Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, self.values.clone())
    }

    async fn run_in_steps(&self, tx: &Transaction) -> Result<Vec<QueryResult>> {
        let mut before: Vec<(&Step, Vec<Vec<Value>>)> = Vec::new();
        let mut result = Vec::new();
        for step in &self.steps {
            let (mut values, mut tables) = (self.values.clone(), Vec::new());
            for (earlier, earlier_rows) in before.iter().filter(|(earlier, _)| !earlier.columns.is_empty()) {
                let columns: Vec<_> = earlier.columns.iter().map(|(name, _)| *name).collect();
                let body = if earlier_rows.is_empty() {
                    format!("SELECT {} WHERE 1 = 0", vec!["NULL"; columns.len()].join(", "))
                } else {
                    let mut lines = Vec::new();
                    for row in earlier_rows {
                        let first = values.len() + 1;
                        values.extend(row.iter().cloned());
                        lines.push(format!(
                            "({})",
                            (first..=values.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
                        ));
                    }
                    format!("VALUES {}", lines.join(", "))
                };
                tables.push(format!("{}({}) AS ({body})", earlier.name, columns.join(", ")));
            }
            let prefix = if tables.is_empty() { String::new() } else { format!("WITH {} ", tables.join(", ")) };
            let rows = tx.rows(format!("{prefix}{}", step.sql), values).await?;
            let mut kept = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut line = Vec::with_capacity(step.columns.len());
                for (name, kind) in step.columns {
                    line.push(match kind {
                        ColumnType::Uuid => Value::from(row.try_get_by::<Option<uuid::Uuid>, _>(*name)?),
                        ColumnType::Integer => Value::from(row.try_get_by::<Option<i64>, _>(*name)?),
                    });
                }
                kept.push(line);
            }
            before.push((step, kept));
            if step.name == self.result {
                result = rows;
            }
        }
        Ok(result)
    }
}

fn for_update(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Postgres => "FOR NO KEY UPDATE",
        _ => "",
    }
}

/// Whether the database refused a row because a unique constraint has it already.
#[must_use]
pub fn is_unique_violation(error: &Error) -> bool {
    let Error::Internal(cause) = error else { return false };
    cause
        .downcast_ref::<DbErr>()
        .and_then(DbErr::sql_err)
        .is_some_and(|kind| matches!(kind, sea_orm::SqlErr::UniqueConstraintViolation(_)))
}

/// Serialization failure, deadlock (PostgreSQL 40001, 40P01) or a busy file (SQLite 5, 6 and their extensions).
fn lost_race(error: &Error) -> bool {
    let Error::Internal(cause) = error else { return false };
    let Some(DbErr::Conn(cause) | DbErr::Exec(cause) | DbErr::Query(cause)) = cause.downcast_ref::<DbErr>() else {
        return false;
    };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    let Some(cause) = cause.as_database_error() else { return false };
    matches!(cause.code().as_deref(), Some("40001" | "40P01" | "5" | "6" | "261" | "262" | "517"))
}

fn options(config: &DatabaseConfig, max_connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.expose_secret());
    let timeout = config.statement_timeout;
    options
        .max_connections(max_connections)
        .min_connections(config.min_connections.min(max_connections))
        .acquire_timeout(config.acquire_timeout)
        .connect_timeout(config.acquire_timeout)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .test_before_acquire_if_idle_for(IDLE)
        .map_sqlx_sqlite_opts(move |sqlite| {
            use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .busy_timeout(timeout)
                .foreign_keys(true)
                .statement_cache_capacity(256)
                .pragma("cache_size", "-16000")
                .pragma("temp_store", "memory")
                .optimize_on_close(true, 400)
        })
        .map_sqlx_postgres_opts(move |postgres| {
            postgres
                .application_name("agora")
                .statement_cache_capacity(256)
                .options([("statement_timeout", timeout.as_millis().to_string())])
        });
    options
}

/// SQLite has no time limit for statements: its progress handler, asked every so many steps, ends those that are over
/// theirs. Only [`Database::read`] has one: each statement takes a connection anew, which sets the deadline.
fn limit_time_on_sqlite(options: &mut ConnectOptions, limit: Duration) {
    async fn set_deadline(connection: &mut sqlx::SqliteConnection, limit: Duration) -> Result<(), sqlx::Error> {
        let deadline = Instant::now() + limit;
        connection.lock_handle().await?.set_progress_handler(10_000, move || Instant::now() < deadline);
        Ok(())
    }
    options.map_sqlx_sqlite_pool_opts(move |pool| {
        pool.after_connect(move |connection, _| Box::pin(set_deadline(connection, limit))).before_acquire(
            move |connection, _| Box::pin(async move { set_deadline(connection, limit).await.map(|()| true) }),
        )
    });
}

fn count(connection: &mut DatabaseConnection, statements: &Arc<AtomicU64>) {
    let statements = Arc::clone(statements);
    connection.set_metric_callback(move |info| {
        statements.fetch_add(1, Ordering::Relaxed);
        tracing::trace!(sql = info.statement.sql, elapsed = ?info.elapsed, "statement");
    });
}

/// Any number that nobody else uses on this database: "agora" in ASCII.
const MIGRATION_LOCK: i64 = 0x0061_676f_7261;

impl Database {
    /// A connection of its own to migrate on: without a time limit, and on PostgreSQL with a lock that makes several
    /// processes take turns. It ends with the connection.
    pub async fn migration_connection(&self) -> Result<DatabaseConnection> {
        let unhurried = DatabaseConfig { statement_timeout: Duration::ZERO, ..self.config.clone() };
        let mut options = options(&unhurried, 1);
        options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
        let connection = sea_orm::Database::connect(options).await?;
        if self.backend() == DatabaseBackend::Postgres {
            connection.execute_unprepared(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})")).await?;
        }
        Ok(connection)
    }
}
