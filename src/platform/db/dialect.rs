//! What the two databases say differently, and pieces of statements that both take.

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, Statement, Value, sea_query::Expr};

use super::Database;
use crate::error::Error;

impl Database {
    /// "The first `count` rows of a table for each row of `outer`", as one `FROM` clause; the table has an `id`.
    #[must_use]
    pub(crate) fn first_of_each(
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
    pub(crate) fn first_rows_of_each(
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

pub(super) fn statement(connection: &impl ConnectionTrait, sql: impl Into<String>, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// Placeholders `$from, $from+1 …` for a list of values, padded to the next power of two by repeating the last
/// value, so that lists of any length share a few statement texts (and their prepared plans).
pub(crate) fn placeholders<V: Into<Value> + Clone>(values: &mut Vec<Value>, list: &[V]) -> String {
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
pub(crate) fn any_id<C: ColumnTrait, V: Into<Value> + Clone>(column: C, ids: &[V]) -> Expr {
    let padded = ids.len().next_power_of_two() - ids.len();
    let last = ids.last().into_iter().flat_map(|last| std::iter::repeat_n(last, padded));
    column.is_in(ids.iter().chain(last).cloned())
}

/// That a column has this value, which stands in the statement itself: so an index of such rows alone serves whatever plan.
pub(crate) fn is_literally<C: ColumnTrait>(column: C, value: impl Into<Value>) -> Expr {
    sea_orm::ExprTrait::eq(column.into_expr(), Expr::Constant(value.into()))
}

pub(super) fn for_update(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Postgres => "FOR NO KEY UPDATE",
        _ => "",
    }
}

/// Whether the database refused a row because a unique constraint has it already.
#[must_use]
pub(crate) fn is_unique_violation(error: &Error) -> bool {
    let Error::Internal(cause) = error else { return false };
    cause
        .downcast_ref::<DbErr>()
        .and_then(DbErr::sql_err)
        .is_some_and(|kind| matches!(kind, sea_orm::SqlErr::UniqueConstraintViolation(_)))
}
