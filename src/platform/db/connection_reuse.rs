//! Connection reuse: connections to PostgreSQL that go from statement to statement.
//!
//! The driver's pool asks each connection that comes back whether it lives: for every statement a task, and a round trip
//! more, which were a tenth of what a small request cost. Here a connection whose statement has ended well is handed to the
//! next one as it is, and goes back to the driver's pool, which asks, after a second. One whose statement failed, or was
//! dropped in the midst, goes back at once. Those that were last used before there was reason for doubt are closed: a
//! server that has fallen silent would let the pool wait for its answer.
//!
//! Whoever wants a connection, for a statement or a transaction, first takes a slot. There are as many as the driver's pool
//! may have connections, so that whoever has a slot finds a connection: at hand, or in the driver's pool, where one is put
//! for them when all are here.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, sea_query::Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, pool::PoolConnection, query::Query};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::pool::Doubt;

/// For how long a connection goes from statement to statement before the driver's pool has it again: those who ask that
/// pool itself wait no longer, and connections that nobody needs end as it says.
const TENANCY: Duration = Duration::from_secs(1);

/// The connections of one of the driver's pools.
pub(super) struct ConnectionReuse(Arc<Inner>);

struct Inner {
    pool: PgPool,
    doubt: Doubt,
    /// One for each connection that there may be.
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Slots that are taken, each for a connection of the driver's pool.
    taken: usize,
    /// The one that was used last comes last.
    idle: Vec<Kept>,
    /// Nothing is kept any more.
    closed: bool,
    /// Whether somebody comes to look for those that have been here too long.
    is_watched: bool,
}

/// A connection that is not in the driver's pool.
struct Kept {
    connection: PoolConnection<Postgres>,
    since: Instant,
    used: Instant,
}

/// The right to one of the connections, until it is dropped.
pub(super) struct Slot {
    reuse: Arc<Inner>,
    /// The connection, when it is handed to whoever comes next.
    kept: Option<Kept>,
    _permit: OwnedSemaphorePermit,
}

/// A connection and the slot that it is for. Dropped without being kept, it goes back to the driver's pool.
struct CheckedOut {
    kept: Kept,
    slot: Slot,
}

impl ConnectionReuse {
    pub(super) fn new(pool: &PgPool, doubt: &Doubt) -> Self {
        let slots = pool.options().get_max_connections();
        let permits = Arc::new(Semaphore::new(usize::try_from(slots).unwrap_or(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { pool: pool.clone(), doubt: doubt.clone(), permits, state: Mutex::default() }))
    }

    /// A slot for whoever takes a connection from the driver's pool by themselves: there is one in it.
    pub(super) async fn slot(&self) -> Result<Slot, DbErr> {
        let permit = self.permit().await?;
        let mut state = self.0.state();
        let all = usize::try_from(self.0.pool.options().get_max_connections()).unwrap_or(usize::MAX);
        let is_short = state.taken + state.idle.len() >= all && !state.idle.is_empty();
        let spare = is_short.then(|| state.idle.remove(0));
        state.taken += 1;
        drop(state);
        drop(spare.and_then(|spare| self.0.trusted(spare)));
        Ok(Slot { reuse: Arc::clone(&self.0), kept: None, _permit: permit })
    }

    async fn check_out(&self) -> Result<CheckedOut, DbErr> {
        let asked = Instant::now();
        let permit = self.permit().await?;
        let kept = {
            let mut state = self.0.state();
            state.taken += 1;
            state.idle.pop()
        };
        let slot = Slot { reuse: Arc::clone(&self.0), kept: None, _permit: permit };
        if let Some(kept) = kept.and_then(|kept| self.0.trusted(kept)) {
            return Ok(CheckedOut { kept, slot });
        }
        // Both waits together: with twice the time, a server that is only busy would be taken for a silent one.
        let acquire_timeout = self.0.pool.options().get_acquire_timeout().saturating_sub(asked.elapsed());
        let acquired = tokio::time::timeout(acquire_timeout, self.0.pool.acquire()).await;
        let connection = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
        })?;
        let now = Instant::now();
        Ok(CheckedOut { kept: Kept { connection, since: now, used: now }, slot })
    }

    /// Waits for it as long as for a connection.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, DbErr> {
        let closed = DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
        match Arc::clone(&self.0.permits).try_acquire_owned() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(closed),
            Err(TryAcquireError::NoPermits) => {}
        }
        let acquire_timeout = self.0.pool.options().get_acquire_timeout();
        match tokio::time::timeout(acquire_timeout, Arc::clone(&self.0.permits).acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| closed),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    pub(super) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut checked_out = self.check_out().await?;
        let result = query(statement).execute(checked_out.connection()).await;
        let result = result.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))?;
        checked_out.keep();
        Ok(result.into())
    }

    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut checked_out = self.check_out().await?;
        let rows = query(statement).fetch_all(checked_out.connection()).await;
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        checked_out.keep();
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// From now on there are no slots, and nothing is kept. Those at hand go back to the driver's pool.
    pub(super) fn close(&self) {
        drop(self.end());
    }

    /// The same, where the database is silent and the driver's pool would wait for it.
    pub(super) fn abandon(&self) {
        for kept in self.end() {
            drop(kept.connection.detach());
        }
    }

    fn end(&self) -> Vec<Kept> {
        self.0.permits.close();
        let mut state = self.0.state();
        state.closed = true;
        std::mem::take(&mut state.idle)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, unless there was reason for doubt since it was used: then it is closed.
    fn trusted(&self, kept: Kept) -> Option<Kept> {
        if !self.doubt.arose_within(kept.used.elapsed()) {
            return Some(kept);
        }
        drop(kept.connection.detach());
        None
    }

    /// A slot is free again. Takes its connection, if it may be kept; gives it back otherwise.
    fn release(self: &Arc<Self>, kept: Option<Kept>) -> Option<Kept> {
        let mut state = self.state();
        state.taken -= 1;
        let kept = kept?;
        if state.closed || kept.since.elapsed() >= TENANCY {
            return Some(kept);
        }
        state.idle.push(kept);
        if !state.is_watched {
            state.is_watched = true;
            drop(state);
            self.watch();
        }
        None
    }

    /// While there are any at hand, looks for those that have been here too long.
    fn watch(self: &Arc<Self>) {
        let reuse = Arc::downgrade(self);
        #[expect(clippy::disallowed_methods, reason = "a shutdown closes what it looks at")]
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TENANCY).await;
                if reuse.upgrade().is_none_or(|reuse| !reuse.release_expired()) {
                    return;
                }
            }
        });
    }

    /// Gives back those that have been here too long; says whether others are left.
    fn release_expired(&self) -> bool {
        let mut state = self.state();
        let over: Vec<_> = state.idle.extract_if(.., |kept| kept.since.elapsed() >= TENANCY).collect();
        state.is_watched = !state.idle.is_empty();
        let is_watched = state.is_watched;
        drop(state);
        drop(over);
        is_watched
    }
}

impl CheckedOut {
    fn connection(&mut self) -> &mut PgConnection {
        &mut self.kept.connection
    }

    /// The statement has ended well: the next one may have the connection.
    fn keep(self) {
        let Self { mut kept, mut slot } = self;
        kept.used = Instant::now();
        slot.kept = Some(kept);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Before whoever waits for the slot gets it.
        drop(self.reuse.release(self.kept.take()));
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Slot").finish_non_exhaustive()
    }
}

fn query(statement: Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}
