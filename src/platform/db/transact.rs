//! Work in transactions: what writes, what sees one moment, and whether anything can be stored at all.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{DatabaseBackend, DbErr, QueryResult, SqliteTransactionMode, TransactionOptions, Value};

use super::{CteChain, Database, Transaction};
use crate::{
    error::{DatabaseFailure, Error, Result},
    platform::concurrency_limits,
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
pub(super) fn check_it_is_the_only_one() {
    debug_assert!(
        IN_TRANSACTION.try_with(|()| ()).is_err(),
        "a second connection inside of a transaction: hand the transaction on"
    );
}

/// What is known of whether the database stores.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// When something was stored; forgotten when something could not be.
    at: Mutex<Option<Instant>>,
    /// When a trial failed. Held by whoever tries: one at a time.
    trial: tokio::sync::Mutex<Option<Instant>>,
}

/// A transaction that did not come to its end.
pub(super) struct Failed {
    pub(super) error: Error,
    /// What the database said, where that is why, and nothing is stored for certain: it may run again.
    pub(super) why: Option<DatabaseFailure>,
}

impl From<DbErr> for Failed {
    fn from(cause: DbErr) -> Self {
        Self { why: Some(DatabaseFailure::of(&cause)), error: cause.into() }
    }
}

impl Database {
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
        let _permit = concurrency_limits::permit().await?;
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
    pub(crate) async fn can_store(&self, trial: &'static str, values: Vec<Value>) -> bool {
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
        let _permit = concurrency_limits::permit().await?;
        let transaction = Transaction::begin(self.long_reads().await?, options).await?;
        transaction.without_time_limit().await?;
        let result = IN_TRANSACTION.scope((), Box::pin(work(transaction.clone()))).await;
        transaction.roll_back().await;
        result
    }

    /// Runs a [`CteChain`] in a transaction of its own, in one round trip where the database can.
    pub async fn chain(&self, chain: &CteChain) -> Result<Vec<QueryResult>> {
        check_it_is_the_only_one();
        if self.backend() != DatabaseBackend::Postgres {
            return self.transact(async |tx| tx.chain(chain).await).await;
        }
        let _permit = concurrency_limits::permit().await?;
        let mut attempt = 1;
        loop {
            let asked = self.writer.ask(chain.as_one(self.backend()), false, |generation, statement| async move {
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

    /// Deletes the rows of a table whose time, a column with an index, is before another; a thousand at a time and those of
    /// the same moment, so that nobody waits long for a lock; gives how many.
    pub(crate) async fn delete_before(
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
}
