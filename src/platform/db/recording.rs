//! What a piece of work asks the database, for tests that look at how it answers.

use std::sync::{Mutex, PoisonError};

use sea_orm::Statement;

use super::Database;

tokio::task_local! {
    static RECORDED: Mutex<Vec<Statement>>;
}

impl Database {
    /// Does the work, and gives beside its result what it asked by [`Database::rows`].
    pub async fn recorded<F: Future>(work: F) -> (F::Output, Vec<Statement>) {
        let recorded = async {
            let result = work.await;
            (
                result,
                RECORDED.with(|recorded| std::mem::take(&mut *recorded.lock().unwrap_or_else(PoisonError::into_inner))),
            )
        };
        RECORDED.scope(Mutex::default(), recorded).await
    }
}

/// Writes a statement down, where somebody wants to know.
pub(super) fn note(statement: &Statement) {
    let _ = RECORDED.try_with(|recorded| {
        recorded.lock().unwrap_or_else(PoisonError::into_inner).push(statement.clone());
    });
}
