//! Connections to PostgreSQL that go from statement to statement.
//!
//! The driver's pool asks each connection that comes back whether it lives: for every statement a task, and a round trip
//! more, which were a tenth of what a small request cost. Here a connection whose statement has ended well is handed to the
//! next one as it is, and goes back to the driver's pool, which asks, after a second. One whose statement failed, or was
//! dropped in the midst, goes back at once. Those that were last used before there was reason for doubt are closed: a
//! server that has fallen silent would let the pool wait for its answer.
//!
//! Whoever wants a connection, for a statement or a transaction, first takes a place. There are as many as the driver's pool
//! may have connections, so that whoever has a place finds a connection: at hand, or in the driver's pool, where one is put
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
pub(super) struct Lending(Arc<Inner>);

struct Inner {
    pool: PgPool,
    doubt: Doubt,
    /// One for each connection that there may be.
    turns: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Places that are taken, each for a connection of the driver's pool.
    taken: usize,
    /// The one that was used last comes last.
    at_hand: Vec<Kept>,
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
pub(super) struct Place {
    lending: Arc<Inner>,
    /// The connection, when it is handed to whoever comes next.
    kept: Option<Kept>,
    _turn: OwnedSemaphorePermit,
}

/// A connection and the place that it is for. Dropped without being kept, it goes back to the driver's pool.
struct Lease {
    kept: Kept,
    place: Place,
}

impl Lending {
    pub(super) fn new(pool: &PgPool, doubt: &Doubt) -> Self {
        let places = pool.options().get_max_connections();
        let turns = Arc::new(Semaphore::new(usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner { pool: pool.clone(), doubt: doubt.clone(), turns, state: Mutex::default() }))
    }

    /// A place for whoever takes a connection from the driver's pool by themselves: there is one in it.
    pub(super) async fn place(&self) -> Result<Place, DbErr> {
        let turn = self.turn().await?;
        let mut state = self.0.state();
        let all = usize::try_from(self.0.pool.options().get_max_connections()).unwrap_or(usize::MAX);
        let is_short = state.taken + state.at_hand.len() >= all && !state.at_hand.is_empty();
        let spare = is_short.then(|| state.at_hand.remove(0));
        state.taken += 1;
        drop(state);
        drop(spare.and_then(|spare| self.0.trusted(spare)));
        Ok(Place { lending: Arc::clone(&self.0), kept: None, _turn: turn })
    }

    async fn lease(&self) -> Result<Lease, DbErr> {
        let asked = Instant::now();
        let turn = self.turn().await?;
        let kept = {
            let mut state = self.0.state();
            state.taken += 1;
            state.at_hand.pop()
        };
        let place = Place { lending: Arc::clone(&self.0), kept: None, _turn: turn };
        if let Some(kept) = kept.and_then(|kept| self.0.trusted(kept)) {
            return Ok(Lease { kept, place });
        }
        // Both waits together: with twice the time, a server that is only busy would be taken for a silent one.
        let patience = self.0.pool.options().get_acquire_timeout().saturating_sub(asked.elapsed());
        let acquired = tokio::time::timeout(patience, self.0.pool.acquire()).await;
        let connection = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
        })?;
        let now = Instant::now();
        Ok(Lease { kept: Kept { connection, since: now, used: now }, place })
    }

    /// Waits for it as long as for a connection.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, DbErr> {
        let closed = DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
        match Arc::clone(&self.0.turns).try_acquire_owned() {
            Ok(turn) => return Ok(turn),
            Err(TryAcquireError::Closed) => return Err(closed),
            Err(TryAcquireError::NoPermits) => {}
        }
        let patience = self.0.pool.options().get_acquire_timeout();
        match tokio::time::timeout(patience, Arc::clone(&self.0.turns).acquire_owned()).await {
            Ok(turn) => turn.map_err(|_| closed),
            Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    pub(super) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut lease = self.lease().await?;
        let result = query(statement).execute(lease.connection()).await;
        let result = result.map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))?;
        lease.keep();
        Ok(result.into())
    }

    pub(super) async fn all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut lease = self.lease().await?;
        let rows = query(statement).fetch_all(lease.connection()).await;
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        lease.keep();
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// From now on there are no places, and nothing is kept. Those at hand go back to the driver's pool.
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
        self.0.turns.close();
        let mut state = self.0.state();
        state.closed = true;
        std::mem::take(&mut state.at_hand)
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

    /// A place is free again. Takes its connection, if it may be kept; gives it back otherwise.
    fn leave(self: &Arc<Self>, kept: Option<Kept>) -> Option<Kept> {
        let mut state = self.state();
        state.taken -= 1;
        let kept = kept?;
        if state.closed || kept.since.elapsed() >= TENANCY {
            return Some(kept);
        }
        state.at_hand.push(kept);
        if !state.is_watched {
            state.is_watched = true;
            drop(state);
            self.watch();
        }
        None
    }

    /// While there are any at hand, looks for those that have been here too long.
    fn watch(self: &Arc<Self>) {
        let lending = Arc::downgrade(self);
        #[expect(clippy::disallowed_methods, reason = "a shutdown closes what it looks at")]
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TENANCY).await;
                if lending.upgrade().is_none_or(|lending| !lending.sweep()) {
                    return;
                }
            }
        });
    }

    /// Gives back those that have been here too long; says whether others are left.
    fn sweep(&self) -> bool {
        let mut state = self.state();
        let over: Vec<_> = state.at_hand.extract_if(.., |kept| kept.since.elapsed() >= TENANCY).collect();
        state.is_watched = !state.at_hand.is_empty();
        let is_watched = state.is_watched;
        drop(state);
        drop(over);
        is_watched
    }
}

impl Lease {
    fn connection(&mut self) -> &mut PgConnection {
        &mut self.kept.connection
    }

    /// The statement has ended well: the next one may have the connection.
    fn keep(self) {
        let Self { mut kept, mut place } = self;
        kept.used = Instant::now();
        place.kept = Some(kept);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Before whoever waits for the place gets it.
        drop(self.lending.leave(self.kept.take()));
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Place").finish_non_exhaustive()
    }
}

fn query(statement: Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}
