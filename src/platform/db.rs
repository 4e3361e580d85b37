//! The database: connections, transactions, and the only place that knows SQLite from PostgreSQL.
//!
//! - [`Database::rows`], [`Database::one`] and [`Database::all`] are for queries; [`Database::transact`] for everything
//!   that writes: it takes SQLite's write lock at the start (BEGIN IMMEDIATE on the one writer connection), retries what
//!   may be retried, and sends the transaction's hints to the bus after the commit. What is acknowledged is stored: a
//!   transaction in which a statement failed is never committed, whatever its work makes of the failure. Each takes a turn
//!   of the share of whoever it is done for.
//! - One transaction has one connection: whoever asked for a second one in the midst of it would wait, with what it has
//!   locked, for others who wait for that. In debug builds, and so in tests, asking is an error in itself.
//! - SQL is written once, with `$1` placeholders, and runs on both.
//! - [`Chain`] runs several dependent writes in one round trip where the database can.

pub mod backup;
mod lending;
mod pool;
mod recording;
mod search;
mod transaction;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, EntityTrait, FromQueryResult,
    PartialModelTrait, QueryResult, QuerySelect, QueryTrait, Select, SqliteTransactionMode, Statement,
    StatementBuilder, TransactionOptions, Value,
    sea_query::{Expr, SelectStatement},
};
use secrecy::ExposeSecret;

use self::pool::{Purpose, options};
pub use self::{pool::Pool, transaction::Transaction};
use super::{bus::Bus, shares};
use crate::{
    config::DatabaseConfig,
    error::{DatabaseFailure, Error, Result},
};

/// How often a transaction that lost a race is tried in all.
const ATTEMPTS: u32 = 8;

/// For how long something that was stored shows that more can be.
const TRIED_FOR: Duration = Duration::from_secs(5);

/// How many rows are deleted in a transaction, where many are.
const DELETED_AT_ONCE: u64 = 1000;

tokio::task_local! {
    /// Set while the work of a transaction runs.
    static IN_TRANSACTION: ();
}

/// Called by everything that takes a connection.
fn check_it_is_the_only_one() {
    debug_assert!(
        IN_TRANSACTION.try_with(|()| ()).is_err(),
        "a second connection inside of a transaction: hand the transaction on"
    );
}

/// The database: its pools of connections, and every way in which others use it.
#[derive(Debug, Clone)]
pub struct Database {
    reader: Pool,
    writer: Pool,
    /// Readers that may take their time.
    patient: Pool,
    bus: Bus,
    config: DatabaseConfig,
    statements: Arc<AtomicU64>,
    stored: Arc<Stored>,
}

/// What is known of whether the database stores.
#[derive(Debug, Default)]
struct Stored {
    /// When something was stored; forgotten when something could not be.
    at: Mutex<Option<Instant>>,
    /// When a trial failed. Held by whoever tries: one at a time.
    trial: tokio::sync::Mutex<Option<Instant>>,
}

/// A transaction that did not come to its end.
struct Failed {
    error: Error,
    /// What the database said, where that is why, and nothing is stored for certain: it may run again.
    why: Option<DatabaseFailure>,
}

impl From<DbErr> for Failed {
    fn from(cause: DbErr) -> Self {
        Self { why: Some(DatabaseFailure::of(&cause)), error: cause.into() }
    }
}

impl Database {
    /// Opens the pools. The SQLite file is created when it is not there.
    pub async fn connect(config: &DatabaseConfig, bus: Bus) -> Result<Self> {
        let statements = Arc::new(AtomicU64::new(0));
        let all = config.max_connections;
        let open = async |config: &DatabaseConfig, connections, purpose| {
            // The operator who starts it wants to know why it can't.
            Pool::open(config, connections, purpose, &statements).await.map_err(Error::internal)
        };
        let (reader, writer, patient) = if config.url.expose_secret().starts_with("sqlite:") {
            // WAL has to be on before readers open, or the first of them fails with SQLITE_BUSY.
            let writer = open(config, 1, Purpose::Transactions).await?;
            let reader = open(config, all, Purpose::Reading).await?;
            let seldom = DatabaseConfig { min_connections: 0, ..config.clone() };
            (reader, writer, open(&seldom, all, Purpose::Transactions).await?)
        } else {
            let pool = open(config, all, Purpose::Transactions).await?;
            (pool.clone(), pool.clone(), pool)
        };
        Ok(Self { reader, writer, patient, bus, config: config.clone(), statements, stored: Arc::default() })
    }

    /// For queries here: a read by it alone would take no turn of anybody's share.
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
        tokio::join!(self.reader.close(), self.writer.close(), self.patient.close());
    }

    /// Runs `work` in a transaction that may write, commits it, then sends its hints.
    ///
    /// `work` runs again, from the start, when the database says that the transaction lost a race (serialization
    /// failure, deadlock, busy), and once when the connection was lost before the commit: it must have no effect outside
    /// of the transaction.
    pub async fn transact<T, F, W>(&self, work: F) -> Result<T>
    where
        F: Fn(Transaction) -> W,
        W: Future<Output = Result<T>>,
    {
        check_it_is_the_only_one();
        let _turn = shares::turn().await?;
        let mut attempt = 1;
        loop {
            // On the heap, because the executor makes room in every field's future for the largest of them.
            let Failed { error, why } = match Box::pin(self.attempt(&work)).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            match why {
                Some(DatabaseFailure::LostRace) if attempt < ATTEMPTS => {
                    tracing::debug!(attempt, %error, "a transaction lost a race and runs again");
                    tokio::time::sleep(Duration::from_millis(u64::from(attempt * attempt) * 3)).await;
                }
                Some(DatabaseFailure::ConnectionLost) if attempt == 1 => {
                    tracing::debug!(%error, "a transaction lost its connection and runs again");
                }
                _ => return Err(error),
            }
            attempt += 1;
        }
    }

    async fn attempt<T, F, W>(&self, work: &F) -> Result<T, Failed>
    where
        F: Fn(Transaction) -> W,
        W: Future<Output = Result<T>>,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = Transaction::begin(&self.writer, options).await.inspect_err(|error| self.judge(error))?;
        let worked = IN_TRANSACTION.scope((), Box::pin(work(transaction.clone()))).await;
        match (worked, transaction.failure()) {
            (Ok(value), None) => match transaction.commit().await {
                Ok(hints) => {
                    self.has_stored();
                    for hint in hints {
                        self.bus.send(hint);
                    }
                    Ok(value)
                }
                Err(failed) => {
                    self.has_not_stored();
                    Err(failed)
                }
            },
            (worked, why) => {
                transaction.roll_back().await;
                if why.is_some_and(DatabaseFailure::spoils_connection) {
                    self.has_not_stored();
                }
                let refusal = why.and_then(DatabaseFailure::refusal);
                let error = match (worked, refusal) {
                    (Err(error @ (Error::Refused(_) | Error::User(_))), _) | (Err(error), None) => error,
                    (_, Some(refusal)) => refusal.into(),
                    (Ok(_), None) => Error::internal("a statement failed, and its transaction went on"),
                };
                Err(Failed { error, why })
            }
        }
    }

    fn judge(&self, error: &DbErr) {
        if DatabaseFailure::of(error).spoils_connection() {
            self.has_not_stored();
        }
    }

    fn has_stored(&self) {
        *self.stored.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn has_not_stored(&self) {
        *self.stored.at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn has_stored_lately(&self) -> bool {
        let at = *self.stored.at.lock().unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < TRIED_FOR)
    }

    /// Whether something can be stored: something was just now, or a statement goes well as a `trial`. Whoever asks often
    /// causes no more than one trial at a time, and one a second while they fail.
    pub async fn can_store(&self, trial: &'static str, values: Vec<Value>) -> bool {
        if self.has_stored_lately() {
            return true;
        }
        let mut failed = self.stored.trial.lock().await;
        if self.has_stored_lately() {
            return true;
        }
        if failed.is_some_and(|at| at.elapsed() < Duration::from_secs(1)) {
            return false;
        }
        // Counts as failed also when nobody waits for its end any more.
        *failed = Some(Instant::now());
        let went_well = self.transact(async |tx| tx.execute(trial, values.clone()).await).await.is_ok();
        if went_well {
            *failed = None;
        }
        went_well
    }

    /// Runs `work` in a transaction that only reads and sees one moment, however long it takes.
    pub async fn snapshot<T, F, W>(&self, work: F) -> Result<T>
    where
        F: FnOnce(Transaction) -> W,
        W: Future<Output = Result<T>>,
    {
        check_it_is_the_only_one();
        let postgres = self.backend() == DatabaseBackend::Postgres;
        let options = TransactionOptions {
            isolation_level: postgres.then_some(sea_orm::IsolationLevel::RepeatableRead),
            access_mode: postgres.then_some(sea_orm::AccessMode::ReadOnly),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        };
        let _turn = shares::turn().await?;
        let transaction = Transaction::begin(&self.patient, options).await?;
        transaction.without_time_limit().await?;
        let result = IN_TRANSACTION.scope((), Box::pin(work(transaction.clone()))).await;
        transaction.roll_back().await;
        result
    }

    /// Runs a [`Chain`] in a transaction of its own, in one round trip where the database can.
    pub async fn chain(&self, chain: &Chain) -> Result<Vec<QueryResult>> {
        check_it_is_the_only_one();
        if self.backend() != DatabaseBackend::Postgres {
            return self.transact(async |tx| chain.run_in_steps(&tx).await).await;
        }
        let _turn = shares::turn().await?;
        let mut attempt = 1;
        loop {
            let asked = self.writer.ask(chain.single_statement(), false, |generation, statement| async move {
                generation.all(statement).await
            });
            let error = match Box::pin(asked).await {
                Ok(rows) => {
                    self.has_stored();
                    return Ok(rows);
                }
                Err(error) => error,
            };
            let failure = DatabaseFailure::of(&error);
            if failure == DatabaseFailure::LostRace && attempt < ATTEMPTS {
                attempt += 1;
            } else if failure.spoils_connection() {
                self.has_not_stored();
                tracing::warn!(%error, "a write's answer was lost");
                return Err(DatabaseFailure::unknown_outcome().into());
            } else {
                return Err(error.into());
            }
        }
    }

    /// Reads one of an entity's rows.
    pub async fn one<E: EntityTrait>(&self, select: Select<E>) -> Result<Option<E::Model>> {
        let reader = self.reader();
        let _turn = shares::turn().await?;
        Ok(select.one(reader).await?)
    }

    /// Reads an entity's rows.
    pub async fn all<E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<E::Model>> {
        let reader = self.reader();
        let _turn = shares::turn().await?;
        Ok(select.all(reader).await?)
    }

    /// Reads what a shape has of an entity's rows, and of what is joined to them.
    pub async fn read<P: PartialModelTrait, E: EntityTrait>(&self, select: Select<E>) -> Result<Vec<P>> {
        let mut select = P::select_cols(select.select_only());
        self.select(QueryTrait::query(&mut select)).await
    }

    /// The same of one row.
    pub async fn read_one<P: PartialModelTrait, E: EntityTrait>(&self, select: Select<E>) -> Result<Option<P>> {
        Ok(self.read(select.limit(1)).await?.pop())
    }

    /// Reads rows by a typed statement, each into a shape by the names of its columns.
    pub async fn select<P: FromQueryResult>(&self, select: &SelectStatement) -> Result<Vec<P>> {
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
        let _turn = shares::turn().await?;
        Ok(reader.query_all_raw(statement).await?)
    }

    /// Whether the database answers.
    pub async fn answers(&self) -> Result<()> {
        self.rows("SELECT 1", Vec::new()).await.map(drop)
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

/// That a column has one of these ids: as [`placeholders`], so that lists of any length share a few statement texts.
pub fn any_id<C: ColumnTrait, V: Into<Value> + Clone>(column: C, ids: &[V]) -> Expr {
    let padded = ids.len().next_power_of_two() - ids.len();
    let last = ids.last().into_iter().flat_map(|last| std::iter::repeat_n(last, padded));
    column.is_in(ids.iter().chain(last).cloned())
}

/// That a column has this value, which stands in the statement itself: so an index of such rows alone serves whatever plan.
pub fn is_literally<C: ColumnTrait>(column: C, value: impl Into<Value>) -> Expr {
    sea_orm::ExprTrait::eq(column.into_expr(), Expr::Constant(value.into()))
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
async fn take_migration_lock(connection: &DatabaseConnection, patience: Duration) -> Result<()> {
    let sql = format!("SELECT pg_try_advisory_lock({MIGRATION_LOCK})");
    let mut told = false;
    loop {
        let asking = connection.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql.as_str()));
        let silent = |_| Error::internal("the database does not answer");
        let row = tokio::time::timeout(patience, asking).await.map_err(silent)??;
        if row.map(|row| row.try_get_by_index(0)).transpose()? == Some(true) {
            return Ok(());
        }
        if !std::mem::replace(&mut told, true) {
            tracing::info!("another process migrates; waiting for it");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
