//! Pools of connections: every wait for one, and on one, has an end, and none is used again that can't be trusted.
//!
//! All of it is ours to see to, because the driver (sqlx 0.9) does not:
//! - SQLite ends a transaction by itself when its disk is full. The driver's ROLLBACK then fails and it goes on counting
//!   that transaction as open (`sqlx-sqlite`, `connection/worker.rs`), so that all later ones become savepoints within one
//!   that nobody ever commits. Here a connection that is still in a transaction when it comes back, or on which the
//!   machine failed, is closed.
//! - A server, or a network, that falls silent without closing anything is waited for without an end: by statements, and
//!   by the pool itself, which asks each connection that comes back whether it lives (sqlx's issues 3540 and 4146). Here
//!   statements have a limit, and when it is reached the whole pool is left behind for a new one, because what hangs inside
//!   of it can't be reached. And a connection comes back to it only now and then (see [`connection_reuse`](super::connection_reuse)).
//! - When a transaction's beginning is dropped in the midst, on PostgreSQL, the driver does not count what has begun
//!   (sqlx's issues 4385 and 4393): the connection would go on to others, who would write into a transaction that nobody
//!   commits. Here each beginning comes to its end, whoever waits for it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnAcquireErr, ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    ExecResult, QueryResult, RuntimeErr, Statement, TransactionOptions, TransactionTrait,
};
use secrecy::ExposeSecret;
use sqlx::{
    Connection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio_util::sync::CancellationToken;

use super::connection_reuse::{ConnectionReuse, Slot};
use crate::{
    config::{DatabaseConfig, Synchronous},
    error::DatabaseFailure,
};

/// A connection that was idle for so long is tried before it is used: the server may have gone meanwhile.
const IDLE: Duration = Duration::from_secs(30);
/// How long a connection that is tried may take to answer.
const PING: Duration = Duration::from_secs(2);
/// How much longer than the server's own limits an answer may take before the server counts as silent.
const GRACE: Duration = Duration::from_secs(2);
/// How often one looks for the server that may write.
const STANDBY: Duration = Duration::from_secs(1);
/// How long closing may take.
const CLOSING: Duration = Duration::from_secs(3);

/// Connections to one database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    options: ConnectOptions,
    doubt: Doubt,
    statements: Arc<AtomicU64>,
    /// How long one statement may take, waiting for a connection included; none on SQLite, which is not on a network.
    time_limit: Option<Duration>,
    current: RwLock<Arc<Generation>>,
}

/// Connections that were opened by one pool of the driver's.
pub(super) struct Generation {
    pub connection: DatabaseConnection,
    /// Its connections between two statements, on PostgreSQL.
    reuse: Option<ConnectionReuse>,
    statements: Arc<AtomicU64>,
    /// Cancelled when it is left behind for a newer one.
    left: CancellationToken,
    opened: Instant,
    /// When the database last answered on it.
    heard: Mutex<Instant>,
}

/// Since when connections have to prove themselves.
#[derive(Clone, Default)]
pub(super) struct Doubt(Arc<DoubtInner>);

#[derive(Default)]
struct DoubtInner {
    since: Mutex<Option<Instant>>,
    /// An idle connection did not answer.
    silence: AtomicBool,
}

impl Doubt {
    fn raise(&self) {
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether it came up within the last `time`.
    pub(super) fn arose_within(&self, time: Duration) -> bool {
        let since = *self.0.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() <= time)
    }
}

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Statements that read, one at a time, each within its time limit.
    Reading,
    /// Transactions of whatever length.
    Transactions,
}

impl Pool {
    pub(super) async fn open(
        config: &DatabaseConfig,
        max_connections: u32,
        purpose: Purpose,
        statements: &Arc<AtomicU64>,
    ) -> Result<Self, DbErr> {
        let doubt = Doubt::default();
        let mut options = options(config, max_connections, purpose);
        let remote = !config.url.expose_secret().starts_with("sqlite:");
        if remote {
            configure_postgres(&mut options, &doubt);
        } else {
            let limit = (purpose == Purpose::Reading).then_some(config.statement_timeout);
            configure_sqlite(&mut options, &doubt, limit);
        }
        let time_limit = (remote && !config.statement_timeout.is_zero())
            .then(|| config.acquire_timeout + config.statement_timeout + GRACE);
        let first = Generation::open(options.clone(), &doubt, statements).await?;
        options.connect_lazy(true);
        let current = RwLock::new(Arc::new(first));
        Ok(Self(Arc::new(Inner { options, doubt, statements: Arc::clone(statements), time_limit, current })))
    }

    pub(super) fn current(&self) -> Arc<Generation> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long one statement may take.
    pub(super) fn time_limit(&self) -> Option<Duration> {
        self.0.time_limit
    }

    /// Begins a transaction. The slot is its connection's, as long as it has one.
    pub(super) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<(DatabaseTransaction, Option<Slot>, Arc<Generation>), DbErr> {
        loop {
            let generation = self.current();
            let beginning = generation.begin(options);
            match self.bounded(&generation, self.0.time_limit, beginning).await {
                Err(error) if generation.was_left_before(&error) => {}
                Err(error) => {
                    if DatabaseFailure::of(&error) == DatabaseFailure::Statement {
                        // Such as "within a transaction": what this connection is in is not known.
                        self.0.doubt.raise();
                    }
                    return Err(error);
                }
                Ok((transaction, slot)) => return Ok((transaction, slot, generation)),
            }
        }
    }

    /// Waits for an answer as long as it may take, `time_limit`; without one, as long as the pool is not left behind.
    pub(super) async fn bounded<T>(
        &self,
        generation: &Arc<Generation>,
        time_limit: Option<Duration>,
        work: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        if self.0.time_limit.is_none() {
            return work.await.inspect_err(|error| self.judge(error));
        }
        tokio::pin!(work);
        let silence = async {
            match time_limit {
                Some(time_limit) => tokio::time::sleep(time_limit).await,
                None => generation.left.cancelled().await,
            }
        };
        let result = tokio::select! {
            biased;
            result = &mut work => result,
            () = silence => {
                // Before the work is dropped: its connection must not go back where it would be waited for.
                self.leave(generation).await;
                let cause = std::io::Error::new(std::io::ErrorKind::TimedOut, "the database said nothing");
                Err(DbErr::Query(RuntimeErr::SqlxError(sqlx::Error::Io(cause).into())))
            }
        };
        match &result {
            Ok(_) => generation.has_answered(),
            Err(error) => self.judge(error),
        }
        let is_useless = match &result {
            Ok(_) => false,
            Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) => {
                self.0.time_limit.is_some_and(|time_limit| generation.is_unheard_for(time_limit))
            }
            Err(error) => {
                DatabaseFailure::of(error) == DatabaseFailure::Standby && generation.opened.elapsed() > STANDBY
            }
        };
        if is_useless || self.0.doubt.0.silence.load(Ordering::Relaxed) {
            self.leave(generation).await;
        }
        result
    }

    /// What an error says of the connections.
    fn judge(&self, error: &DbErr) {
        if DatabaseFailure::of(error).spoils_connection() {
            self.0.doubt.raise();
        }
    }

    /// What happened makes the connections doubtful.
    pub(super) fn doubt(&self) {
        self.0.doubt.raise();
    }

    /// Goes on with new connections, whatever hangs on those that there are.
    async fn leave(&self, generation: &Arc<Generation>) {
        // It connects when it is first used.
        let fresh = match Generation::open(self.0.options.clone(), &self.0.doubt, &self.0.statements).await {
            Ok(fresh) => Arc::new(fresh),
            Err(error) => {
                tracing::error!(%error, "there could be no new pool");
                return;
            }
        };
        {
            let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&current, generation) {
                return;
            }
            *current = fresh;
            self.0.doubt.0.silence.store(false, Ordering::Relaxed);
        }
        tracing::warn!("the database is silent, or may no longer write; its connections are left behind for new ones");
        generation.left.cancel();
        if let Some(reuse) = &generation.reuse {
            reuse.abandon();
        }
        let pool = generation.connection.get_postgres_connection_pool();
        while let Some(idle) = pool.try_acquire() {
            drop(idle.detach());
        }
        // From now on it takes none back. That all are back is not waited for.
        drop(pool.close());
    }

    /// Asks once, and once more where nothing came of it because the connection was gone already, as after a restart of
    /// the server: at once where the database was not reached at all; else only what `reads`.
    pub(super) async fn ask<T, W>(
        &self,
        statement: Statement,
        reads: bool,
        ask: impl Fn(Arc<Generation>, Statement) -> W,
    ) -> Result<T, DbErr>
    where
        W: Future<Output = Result<T, DbErr>>,
    {
        let spare = self.0.time_limit.is_some().then(|| statement.clone());
        let generation = self.current();
        // On the heap once, instead of in each of the futures that it is handed through.
        let asking = Box::pin(ask(Arc::clone(&generation), statement));
        let result = self.bounded(&generation, self.0.time_limit, asking).await;
        let (Some(statement), Err(error)) = (spare, &result) else { return result };
        let is_lost = DatabaseFailure::of(error) == DatabaseFailure::ConnectionLost;
        if !(generation.was_left_before(error) || (reads && is_lost)) {
            return result;
        }
        let generation = self.current();
        self.bounded(&generation, self.0.time_limit, Box::pin(ask(Arc::clone(&generation), statement))).await
    }

    /// Closes every connection, within a bounded time.
    pub(super) async fn close(&self) {
        let generation = self.current();
        if let Some(reuse) = &generation.reuse {
            reuse.close();
        }
        match tokio::time::timeout(CLOSING, generation.connection.close_by_ref()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a pool did not close cleanly"),
            Err(_) => tracing::warn!("connections to the database are still in use; they end with the program"),
        }
    }
}

impl fmt::Debug for Pool {
    /// Without the address, which has a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").field("time_limit", &self.0.time_limit).finish_non_exhaustive()
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Generation").field("left", &self.left.is_cancelled()).finish_non_exhaustive()
    }
}

impl Generation {
    async fn open(options: ConnectOptions, doubt: &Doubt, statements: &Arc<AtomicU64>) -> Result<Self, DbErr> {
        let mut connection = sea_orm::Database::connect(options).await?;
        let statements = Arc::clone(statements);
        let counted = Arc::clone(&statements);
        connection.set_metric_callback(move |info| {
            counted.fetch_add(1, Ordering::Relaxed);
            tracing::trace!(sql = info.statement.sql, elapsed = ?info.elapsed, "statement");
        });
        let is_postgres = connection.get_database_backend() == DatabaseBackend::Postgres;
        let reuse = is_postgres.then(|| ConnectionReuse::new(connection.get_postgres_connection_pool(), doubt));
        let now = Instant::now();
        Ok(Self { connection, reuse, statements, left: CancellationToken::new(), opened: now, heard: Mutex::new(now) })
    }

    async fn begin(&self, options: TransactionOptions) -> Result<(DatabaseTransaction, Option<Slot>), DbErr> {
        let Some(reuse) = &self.reuse else {
            return Ok((self.connection.begin_with_options(options).await?, None));
        };
        let slot = reuse.slot().await?;
        let (connection, left) = (self.connection.clone(), self.left.clone());
        let beginning = async move {
            let begun = left.run_until_cancelled(connection.begin_with_options(options)).await;
            let begun = begun.ok_or(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))??;
            Ok::<_, DbErr>((begun, Some(slot)))
        };
        // In a task of its own, to its end, whoever is dropped meanwhile: what nobody waits for any more is rolled back.
        #[expect(
            clippy::disallowed_methods,
            reason = "whoever waits for it is waited for; closing the pool has a limit"
        )]
        let begun = tokio::spawn(beginning);
        begun.await.map_err(|error| DbErr::Custom(error.to_string()))?
    }

    async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let Some(reuse) = &self.reuse else { return self.connection.execute_raw(statement).await };
        self.note(&statement);
        reuse.execute(statement).await
    }

    async fn one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if self.reuse.is_none() {
            return self.connection.query_one_raw(statement).await;
        }
        Ok(self.all(statement).await?.into_iter().next())
    }

    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Some(reuse) = &self.reuse else { return self.connection.query_all_raw(statement).await };
        self.note(&statement);
        reuse.all(statement).await
    }

    /// What the library would tell of a statement, where it does not run it.
    fn note(&self, statement: &Statement) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        tracing::trace!(sql = statement.sql, "statement");
    }

    fn has_answered(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_unheard_for(&self, time: Duration) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > time
    }

    /// Whether there was no connection because others had left them behind meanwhile.
    fn was_left_before(&self, error: &DbErr) -> bool {
        matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)) && self.left.is_cancelled()
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.current().connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.ask(statement, false, |generation, statement| async move { generation.execute(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let generation = self.current();
        self.bounded(&generation, self.0.time_limit, generation.connection.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.ask(statement, true, |generation, statement| async move { generation.one(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.ask(statement, true, |generation, statement| async move { generation.all(statement).await }).await
    }
}

/// The settings of connections, to whichever database.
pub(super) fn options(config: &DatabaseConfig, max_connections: u32, purpose: Purpose) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.expose_secret());
    let timeout = config.statement_timeout;
    let durability = match (purpose, config.synchronous) {
        (Purpose::Transactions, Synchronous::Full) => SqliteSynchronous::Full,
        (Purpose::Reading, _) | (_, Synchronous::Normal) => SqliteSynchronous::Normal,
    };
    options
        .max_connections(max_connections)
        .min_connections(config.min_connections.min(max_connections))
        .acquire_timeout(config.acquire_timeout)
        .connect_timeout(config.acquire_timeout)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        // Ours does it, with a time limit.
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(durability)
                .busy_timeout(timeout)
                .foreign_keys(true)
                .statement_cache_capacity(256)
                .pragma("cache_size", "-16000")
                .pragma("temp_store", "memory")
                .optimize_on_close(true, 400)
        })
        .map_sqlx_postgres_opts(move |postgres| {
            postgres.application_name("agora").statement_cache_capacity(256).options([
                ("statement_timeout", timeout.as_millis().to_string().as_str()),
                // By default a page that lies elsewhere counts four times as much as the next one, as on disks that turn:
                // lists would rather read a whole table than look along an index of it.
                ("random_page_cost", "1.1"),
                // What a process holds that is cut off in the midst of a transaction, the server lets go.
                ("idle_in_transaction_session_timeout", "60s"),
                ("tcp_keepalives_idle", "30"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
            ])
        });
    options
}

/// Tries connections that were idle for long, or not used since one broke, before they are used.
fn configure_postgres(options: &mut ConnectOptions, doubt: &Doubt) {
    async fn is_alive(connection: &mut sqlx::PgConnection, idle: Duration, doubt: Doubt) -> Result<bool, sqlx::Error> {
        if idle < IDLE && !doubt.arose_within(idle) {
            return Ok(true);
        }
        if let Ok(answer) = tokio::time::timeout(PING, connection.ping()).await {
            return answer.map(|()| true);
        }
        doubt.raise();
        doubt.0.silence.store(true, Ordering::Relaxed);
        Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
    }
    let doubt = doubt.clone();
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let doubt = doubt.clone();
        pool.before_acquire(move |connection, of| Box::pin(is_alive(connection, of.idle_for, doubt.clone())))
    });
}

/// Closes connections on which the machine failed since they were opened, and those that a transaction hangs on.
///
/// SQLite has no time limit for statements either: its progress handler, asked every so many steps, ends those that are
/// over theirs. Each statement that reads takes a connection anew, which sets the deadline.
fn configure_sqlite(options: &mut ConnectOptions, doubt: &Doubt, limit: Option<Duration>) {
    async fn set_deadline(connection: &mut sqlx::SqliteConnection, limit: Option<Duration>) -> Result<(), sqlx::Error> {
        if let Some(limit) = limit {
            let deadline = Instant::now() + limit;
            connection.lock_handle().await?.set_progress_handler(10_000, move || Instant::now() < deadline);
        }
        Ok(())
    }
    async fn is_sound(
        connection: &mut sqlx::SqliteConnection,
        age: Duration,
        doubt: Doubt,
    ) -> Result<bool, sqlx::Error> {
        if doubt.arose_within(age) {
            return Ok(false);
        }
        if connection.is_in_transaction() {
            // Of a transaction that was dropped the rollback may still be on its way; the ping comes after it.
            connection.ping().await?;
        }
        Ok(!connection.is_in_transaction())
    }
    let doubt = doubt.clone();
    options.map_sqlx_sqlite_pool_opts(move |pool| {
        let (before, after) = (doubt.clone(), doubt.clone());
        pool.after_connect(move |connection, _| Box::pin(set_deadline(connection, limit)))
            .before_acquire(move |connection, of| {
                let doubt = before.clone();
                Box::pin(async move {
                    set_deadline(connection, limit).await?;
                    is_sound(connection, of.age, doubt).await
                })
            })
            .after_release(move |connection, of| Box::pin(is_sound(connection, of.age, after.clone())))
    });
}
