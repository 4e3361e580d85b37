//! A transaction as its work holds it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, ExecResult, FromQueryResult, QueryResult, Statement,
    StatementBuilder, TransactionOptions, Value,
};

use super::{
    CteChain,
    connection_reuse::Slot,
    dialect::{for_update, statement},
    pool::{Generation, Pool},
    transact::Failed,
};
use crate::{
    error::{DatabaseFailure, Error, Result},
    platform::{bus::Hint, crypto::sha256},
};

/// How long a rollback may take. It only frees what ends with the connection anyway.
const ROLLBACK: Duration = Duration::from_secs(2);

/// A transaction, as its work holds it. Rolled back when it ends without a commit.
///
/// Once a statement in it has failed it runs no others, and can't be committed: PostgreSQL would roll back and call it
/// well done, and SQLite, if it has ended the transaction by itself, would carry out what follows without one.
#[derive(Debug, Clone)]
pub struct Transaction {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transaction: DatabaseTransaction,
    /// Its connection's: it goes after it.
    slot: Option<Slot>,
    pool: Pool,
    generation: Arc<Generation>,
    hints: Mutex<Vec<Hint>>,
    failure: Mutex<Option<DatabaseFailure>>,
    /// Whether its statements may take as long as they like.
    has_no_timeout: AtomicBool,
}

impl Transaction {
    pub(super) async fn begin(pool: &Pool, options: TransactionOptions) -> Result<Self, DbErr> {
        let (transaction, slot, generation) = pool.begin(options).await?;
        let inner = Inner {
            transaction,
            slot,
            pool: pool.clone(),
            generation,
            hints: Mutex::default(),
            failure: Mutex::default(),
            has_no_timeout: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Commits; gives what is to be told of it.
    pub(super) async fn commit(self) -> Result<Vec<Hint>, Failed> {
        let outlived = || Failed { error: Error::internal("a transaction outlived its work"), why: None };
        let Inner { transaction, slot, pool, generation, hints, has_no_timeout, .. } =
            Arc::into_inner(self.inner).ok_or_else(outlived)?;
        let time_limit = pool.time_limit().filter(|_| !has_no_timeout.into_inner());
        let committed = pool.bounded(&generation, time_limit, transaction.commit()).await;
        drop(slot);
        let Err(error) = committed else {
            return Ok(hints.into_inner().unwrap_or_else(PoisonError::into_inner));
        };
        if !DatabaseFailure::of(&error).spoils_connection() {
            // It says no: nothing is stored.
            return Err(error.into());
        }
        tracing::warn!(%error, "a commit's answer was lost");
        Err(Failed { error: DatabaseFailure::unknown_outcome().into(), why: None })
    }

    /// Undoes everything. Where the database has ended the transaction by itself, the end of the connection does it.
    pub(super) async fn roll_back(self) {
        if self.failure().is_some_and(DatabaseFailure::spoils_connection) {
            return;
        }
        let Some(Inner { transaction, slot, pool, generation, .. }) = Arc::into_inner(self.inner) else {
            tracing::error!("a transaction outlived its work");
            return;
        };
        let time_limit = pool.time_limit().map(|_| ROLLBACK);
        let rolled_back = pool.bounded(&generation, time_limit, transaction.rollback()).await;
        drop(slot);
        if let Err(rollback) = rolled_back {
            tracing::warn!(%rollback, "a rollback failed; the connection's end will do it");
            pool.doubt();
        }
    }

    /// What went wrong in it, if something did.
    pub(super) fn failure(&self) -> Option<DatabaseFailure> {
        *self.inner.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if self.failure().is_some() {
            return Err(DbErr::Custom("a statement before it failed, and the transaction with it".to_owned()));
        }
        let has_no_timeout = self.inner.has_no_timeout.load(Ordering::Relaxed);
        let time_limit = self.inner.pool.time_limit().filter(|_| !has_no_timeout);
        let result = self.inner.pool.bounded(&self.inner.generation, time_limit, work).await;
        if let Err(error) = &result {
            *self.inner.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(DatabaseFailure::of(error));
        }
        result
    }

    /// Sends a hint once this transaction is committed.
    pub(crate) fn hint(&self, hint: Hint) {
        self.inner.hints.lock().unwrap_or_else(PoisonError::into_inner).push(hint);
    }

    /// Reads or writes rows by SQL text with `$1` placeholders.
    pub async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<QueryResult>> {
        Ok(self.query_all_raw(statement(self, sql, values)).await?)
    }

    /// Runs a typed statement that gives rows, and reads each into a shape by the names of its columns.
    pub async fn read<P: FromQueryResult>(&self, statement: &impl StatementBuilder) -> Result<Vec<P>> {
        let rows = self.query_all(statement).await?;
        Ok(rows.iter().map(|row| P::from_query_result(row, "")).collect::<Result<_, _>>()?)
    }

    /// The first row, if any.
    pub async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Option<QueryResult>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement; gives the number of rows it changed.
    pub async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64> {
        Ok(self.execute_raw(statement(self, sql, values)).await?.rows_affected())
    }

    /// Runs a [`CteChain`] as part of this transaction, in one round trip where the database can.
    pub async fn chain(&self, chain: &CteChain) -> Result<Vec<QueryResult>> {
        match chain.single_statement(self.get_database_backend()) {
            Some(statement) => Ok(self.query_all_raw(statement).await?),
            None => chain.run_in_steps(self).await,
        }
    }

    /// For maintenance that may take long: lifts the statements' time limit for this transaction.
    pub(crate) async fn without_time_limit(&self) -> Result<()> {
        if self.get_database_backend() == DatabaseBackend::Postgres {
            self.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            self.inner.has_no_timeout.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// An id as text, for people to read.
    #[must_use]
    pub(crate) fn id_as_text(&self, column: &str) -> String {
        match self.get_database_backend() {
            DatabaseBackend::Postgres => format!("CAST({column} AS text)"),
            _ => format!("lower(hex({column}))"),
        }
    }

    /// Takes an advisory lock until the end of the transaction: those that name the same thing run one after the other,
    /// where several writers exist. For rules about rows that may not be there yet, which nobody can lock.
    pub(crate) async fn advisory_lock(&self, names: &[&str]) -> Result<()> {
        if self.get_database_backend() != DatabaseBackend::Postgres {
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
        for_update(self.get_database_backend())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.transaction.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(self.inner.transaction.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.run(self.inner.transaction.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(self.inner.transaction.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(self.inner.transaction.query_all_raw(statement)).await
    }
}
