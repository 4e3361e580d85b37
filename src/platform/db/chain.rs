//! Dependent writes in one round trip, where the database can.

use sea_orm::{DatabaseBackend, QueryResult, Statement, Value};

use super::Transaction;
use crate::error::Result;

/// The type of a column that one step of a [`CteChain`] hands to the next.
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
/// write inside `WITH`; there a chain that writes runs step by step in a transaction, in process, and the rows of
/// earlier steps stand before a step as constants.
#[derive(Debug)]
pub struct CteChain {
    steps: Vec<CteStep>,
    values: Vec<Value>,
    result: &'static str,
}

#[derive(Debug)]
struct CteStep {
    name: &'static str,
    columns: &'static [(&'static str, ColumnType)],
    sql: String,
}

impl CteChain {
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
        self.steps.push(CteStep { name, columns, sql: sql.into() });
        self
    }

    /// All steps as one statement, where the database takes it.
    pub(super) fn single_statement(&self, backend: DatabaseBackend) -> Option<Statement> {
        // SQLite reads within `WITH`, and only writes outside of it.
        let is_taken =
            backend == DatabaseBackend::Postgres || self.steps.iter().all(|step| step.sql.starts_with("SELECT "));
        is_taken.then(|| self.as_one(backend))
    }

    pub(super) fn as_one(&self, backend: DatabaseBackend) -> Statement {
        let steps: Vec<_> = self.steps.iter().map(|step| format!("{} AS ({})", step.name, step.sql)).collect();
        let sql = format!("WITH {} SELECT * FROM {}", steps.join(", "), self.result);
        Statement::from_sql_and_values(backend, sql, self.values.clone())
    }

    pub(super) async fn run_in_steps(&self, tx: &Transaction) -> Result<Vec<QueryResult>> {
        let mut before: Vec<(&CteStep, Vec<Vec<Value>>)> = Vec::new();
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
