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

/// Notes that a step keeps former versions from running, because it takes away or changes what they use; called by its `up`.
/// Its `down` takes the note away, by [`harmless`].
pub(crate) async fn breaking(manager: &SchemaManager<'_>, step: &impl MigrationName) -> Result<(), DbErr> {
    let sql = format!("INSERT INTO breaking_steps (step) VALUES ('{}')", step.name());
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
}

/// Takes away the note of a step that is undone.
pub(crate) async fn harmless(manager: &SchemaManager<'_>, step: &impl MigrationName) -> Result<(), DbErr> {
    let sql = format!("DELETE FROM breaking_steps WHERE step = '{}'", step.name());
    manager.get_connection().execute_unprepared(&sql).await.map(drop)
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

/// Changes what is checked of a table that nothing refers to: `checks` by the names of their constraints, none where the
/// condition is empty. SQLite can't, so there the table is made anew, of these columns, as `definition` says.
pub(crate) async fn recheck(
    manager: &SchemaManager<'_>,
    table: &str,
    checks: &[(&str, &str)],
    (definition, columns): (&str, &str),
) -> Result<(), DbErr> {
    let statements: Vec<String> = if manager.get_database_backend() == DatabaseBackend::Postgres {
        let change = |(name, condition): &(&str, &str)| {
            let drop = format!("ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}");
            let add = format!("ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})");
            if condition.is_empty() { vec![drop] } else { vec![drop, add] }
        };
        checks.iter().flat_map(change).collect()
    } else {
        vec![
            format!("CREATE TABLE {table}_new ({definition})"),
            format!("INSERT INTO {table}_new ({columns}) SELECT {columns} FROM {table}"),
            format!("DROP TABLE {table}"),
            format!("ALTER TABLE {table}_new RENAME TO {table}"),
        ]
    };
    run(manager, &statements.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Puts the words of `search_key` into a table `…_search` of their own on PostgreSQL, kept by triggers, as they are on SQLite
/// since [`searchable`]. The list of words that wait to be sorted in is short, because each search reads all of it.
pub(crate) async fn search_apart(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    let words = |row: &str| format!("to_tsvector(''simple'', {row}.search_key)");
    let (new, follow) = (words("new"), format!("{table}_search_follow"));
    let statements = [
        format!("DROP INDEX {table}_search"),
        format!("CREATE TABLE {table}_search (id uuid NOT NULL PRIMARY KEY, search_vector tsvector NOT NULL)"),
        format!("INSERT INTO {table}_search SELECT id, to_tsvector('simple', search_key) FROM {table}"),
        format!(
            "CREATE INDEX {table}_search_words ON {table}_search USING gin (search_vector) WITH (gin_pending_list_limit = 256)"
        ),
        format!(
            "CREATE FUNCTION {follow}() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN \
                CASE TG_OP \
                WHEN ''INSERT'' THEN INSERT INTO {table}_search VALUES (new.id, {new}); \
                WHEN ''UPDATE'' THEN UPDATE {table}_search SET search_vector = {new} WHERE id = new.id; \
                ELSE DELETE FROM {table}_search WHERE id = old.id; \
                END CASE; \
                RETURN NULL; \
              END'"
        ),
        format!(
            "CREATE TRIGGER {follow} AFTER INSERT OR DELETE OR UPDATE OF search_key ON {table} \
             FOR EACH ROW EXECUTE FUNCTION {follow}()"
        ),
    ];
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// Undoes [`search_apart`].
pub(crate) async fn search_within(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(());
    }
    let statements = [
        format!("DROP TRIGGER {table}_search_follow ON {table}"),
        format!("DROP FUNCTION {table}_search_follow()"),
        format!("DROP TABLE {table}_search"),
        format!("CREATE INDEX {table}_search ON {table} USING gin (to_tsvector('simple', search_key))"),
    ];
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// What the database refuses to do to rows that are there: to which table, the verb, and under which condition.
pub(crate) type Refusal = (&'static str, &'static str, &'static str);

/// Makes the database itself refuse what would change the past, whoever asks. `what` is the word for it: in the error that
/// comes, and in the name of the function behind the triggers on PostgreSQL.
pub(crate) async fn immutable(manager: &SchemaManager<'_>, what: &str, refusals: &[Refusal]) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let mut statements = Vec::new();
    if backend == DatabaseBackend::Postgres {
        statements.push(format!(
            "CREATE FUNCTION {what}_is_immutable() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''the {what} is immutable''; END'"
        ));
    }
    for (table, verb, condition) in refusals {
        let name = trigger(table, verb);
        statements.push(match backend {
            DatabaseBackend::Postgres => format!(
                "CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW WHEN ({condition}) \
                 EXECUTE FUNCTION {what}_is_immutable()"
            ),
            _ => format!(
                "CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN ({condition}) \
                 BEGIN SELECT RAISE(ABORT, 'the {what} is immutable'); END"
            ),
        });
    }
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// Undoes [`immutable`].
pub(crate) async fn mutable(manager: &SchemaManager<'_>, what: &str, refusals: &[Refusal]) -> Result<(), DbErr> {
    let is_postgres = manager.get_database_backend() == DatabaseBackend::Postgres;
    let mut statements: Vec<_> = refusals
        .iter()
        .map(|(table, verb, _)| {
            let on = if is_postgres { format!(" ON {table}") } else { String::new() };
            format!("DROP TRIGGER {}{on}", trigger(table, verb))
        })
        .collect();
    if is_postgres {
        statements.push(format!("DROP FUNCTION {what}_is_immutable()"));
    }
    for statement in statements {
        manager.get_connection().execute_unprepared(&statement).await?;
    }
    Ok(())
}

fn trigger(table: &str, verb: &str) -> String {
    format!("{table}_no_{}", verb.to_lowercase())
}
