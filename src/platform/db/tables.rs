//! Which tables a database has, how long they are, and of which columns: for operators, in the words of each database.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

use crate::error::Result;

/// Tables by name.
pub(crate) type Tables = BTreeMap<String, Table>;

/// What is known of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// How many rows it has.
    pub rows: i64,
    /// What its columns are called.
    pub columns: BTreeSet<String>,
}

/// Reads what is there; the databases' own tables, and those that an index keeps, left out.
pub(crate) async fn read(connection: &impl ConnectionTrait) -> Result<Tables> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DatabaseBackend::Postgres => {
            "SELECT CAST(c.table_name AS text), CAST(c.column_name AS text) FROM information_schema.columns c \
             JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name NOT IN ('seaql_migrations', 'breaking_steps')"
        }
        _ => {
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' \
             AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name NOT LIKE '%\\_search%' ESCAPE '\\' \
             AND m.name NOT IN ('seaql_migrations', 'breaking_steps')"
        }
    };
    let mut tables = Tables::new();
    for row in connection.query_all_raw(Statement::from_string(backend, sql)).await? {
        let (table, column): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        tables.entry(table).or_default().columns.insert(column);
    }
    for (name, table) in &mut tables {
        let sql = format!("SELECT COUNT(*) FROM \"{name}\"");
        if let Some(row) = connection.query_one_raw(Statement::from_string(backend, sql)).await? {
            table.rows = row.try_get_by_index(0)?;
        }
    }
    Ok(tables)
}
