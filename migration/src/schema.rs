//! What the steps share: SQL written once, with the few words in which the databases differ.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

/// Runs SQL statements, with these words replaced:
///
/// | word | PostgreSQL | SQLite |
/// |---|---|---|
/// | `{uuid}` | `uuid` | `blob` |
/// | `{time}` | `timestamptz` | `text` |
/// | `{key}` | `text COLLATE "C"` (sorts by bytes) | `text` |
/// | `{bytes}` | `bytea` | `blob` |
/// | `{searched_id}` | `id uuid NOT NULL PRIMARY KEY` | the same, unique, beside a row number |
///
/// A table that [`searchable`] is to work on needs a row number that survives VACUUM on SQLite.
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let words = match manager.get_database_backend() {
        DatabaseBackend::Postgres => [
            ("{searched_id}", "id uuid NOT NULL PRIMARY KEY"),
            ("{uuid}", "uuid"),
            ("{time}", "timestamptz"),
            ("{key}", "text COLLATE \"C\""),
            ("{bytes}", "bytea"),
        ],
        _ => [
            ("{searched_id}", "row_number integer PRIMARY KEY, id blob NOT NULL UNIQUE"),
            ("{uuid}", "blob"),
            ("{time}", "text"),
            ("{key}", "text"),
            ("{bytes}", "blob"),
        ],
    };
    for statement in statements {
        let mut sql = (*statement).to_owned();
        for (word, replacement) in words {
            sql = sql.replace(word, replacement);
        }
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Makes the column `search_key` of `table` searchable by words: a GIN index on PostgreSQL, an FTS5 table kept by
/// triggers on SQLite. The application writes the key in its search form, so no language rules apply.
pub(crate) async fn searchable(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    let statements = match manager.get_database_backend() {
        DatabaseBackend::Postgres => {
            vec![format!("CREATE INDEX {table}_search ON {table} USING gin (to_tsvector('simple', search_key))")]
        }
        _ => vec![
            format!(
                "CREATE VIRTUAL TABLE {table}_search USING fts5(id UNINDEXED, search_key, tokenize = 'unicode61 remove_diacritics 0')"
            ),
            format!(
                "CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} BEGIN INSERT INTO {table}_search(rowid, id, search_key) VALUES (new.rowid, new.id, new.search_key); END"
            ),
            format!(
                "CREATE TRIGGER {table}_search_update AFTER UPDATE OF search_key ON {table} BEGIN UPDATE {table}_search SET search_key = new.search_key WHERE rowid = new.rowid; END"
            ),
            format!(
                "CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} BEGIN DELETE FROM {table}_search WHERE rowid = old.rowid; END"
            ),
        ],
    };
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// Undoes [`searchable`].
pub(crate) async fn unsearchable(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        manager.get_connection().execute_unprepared(&format!("DROP TABLE {table}_search")).await?;
    }
    Ok(())
}
