//! Every entity is its table, and every table has an entity: the same columns, of the same types and nullability, and the
//! same keys, in both directions.

use std::collections::BTreeSet;

use agora::entity::{self, Visitor};
use sea_orm::{
    ColumnTrait, ColumnType, DatabaseBackend, EntityTrait, ForeignKeyAction, IdenStatic, Iterable, RelationTrait,
};

use crate::harness::Server;

/// Tables without an entity, by what their names start with: those of the databases and of the migrations.
const OTHERS: &[&str] = &["sqlite_", "seaql_migrations", "breaking_steps"];

/// The tables of words that triggers keep for search (`searchable` and `search_apart` of the migrations); SQLite keeps more
/// beside each, of the same names and a word more.
const OF_WORDS: &[&str] = &["users_search", "posts_search", "goals_search"];

/// What is in a PostgreSQL: a line for each column, key, unique column and foreign key.
const POSTGRES: &[&str] = &[
    "SELECT c.table_name::text || '.' || c.column_name::text || ' ' || c.data_type::text \
     || CASE c.is_nullable::text WHEN 'YES' THEN ' NULL' ELSE ' NOT NULL' END \
     FROM information_schema.columns c \
     JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
     WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'",
    "SELECT c.conrelid::regclass::text || ' PRIMARY KEY (' || (SELECT string_agg(a.attname::text, ', ' ORDER BY k.place) \
     FROM unnest(c.conkey) WITH ORDINALITY k (number, place) \
     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) || ')' \
     FROM pg_constraint c WHERE c.contype = 'p' AND c.connamespace = to_regnamespace(current_schema()::text)",
    "SELECT c.conrelid::regclass::text || '.' || a.attname::text || ' UNIQUE' \
     FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
     WHERE c.contype = 'u' AND array_length(c.conkey, 1) = 1 \
     AND c.connamespace = to_regnamespace(current_schema()::text)",
    "SELECT c.conrelid::regclass::text || '.' || a.attname::text || ' REFERENCES ' || c.confrelid::regclass::text || '.' \
     || f.attname::text || ' ON DELETE ' \
     || CASE c.confdeltype::text WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'a' THEN 'NO ACTION' ELSE '?' END \
     FROM pg_constraint c \
     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) \
     JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = ANY (c.confkey) \
     WHERE c.contype = 'f' AND c.connamespace = to_regnamespace(current_schema()::text)",
];

/// The same of an SQLite. What is searched has a row number there, by which the words are found, and its id is unique beside
/// that (`{searched_id}` of the migrations): that is told as the key that it is on PostgreSQL.
const SQLITE: &[&str] = &[
    "SELECT m.name || '.' || c.name || ' ' || lower(c.type) || CASE c.\"notnull\" WHEN 1 THEN ' NOT NULL' ELSE ' NULL' END \
     FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name <> 'row_number'",
    "SELECT m.name || ' PRIMARY KEY (' || (SELECT replace(group_concat(c.name, ', '), 'row_number', 'id') \
     FROM (SELECT name FROM pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk) c) || ')' \
     FROM sqlite_master m WHERE m.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE pk > 0)",
    "SELECT m.name || '.' || MIN(c.name) || ' UNIQUE' \
     FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c \
     WHERE m.type = 'table' AND i.origin = 'u' GROUP BY m.name, i.name HAVING COUNT(*) = 1 AND MIN(c.name) <> 'id'",
    "SELECT m.name || '.' || f.\"from\" || ' REFERENCES ' || f.\"table\" || '.' || f.\"to\" || ' ON DELETE ' || f.on_delete \
     FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
];

/// What the entities say of themselves, in the same lines.
struct Said {
    backend: DatabaseBackend,
    lines: BTreeSet<String>,
}

impl Visitor for Said {
    fn see<E: EntityTrait>(&mut self, entity: E) {
        let table = entity.table_name();
        for column in <E::Column as Iterable>::iter() {
            let (name, definition) = (IdenStatic::as_str(&column), ColumnTrait::def(&column));
            let kind = self.kind(definition.get_column_type());
            let nullability = if definition.is_null() { "NULL" } else { "NOT NULL" };
            self.lines.insert(format!("{table}.{name} {kind} {nullability}"));
            if definition.is_unique() {
                self.lines.insert(format!("{table}.{name} UNIQUE"));
            }
        }
        let key: Vec<_> = <E::PrimaryKey as Iterable>::iter().map(|column| IdenStatic::as_str(&column)).collect();
        self.lines.insert(format!("{table} PRIMARY KEY ({})", key.join(", ")));
        for relation in <E::Relation as Iterable>::iter() {
            let relation = RelationTrait::def(&relation);
            if relation.is_owner || relation.skip_fk {
                continue;
            }
            let on_delete = match relation.on_delete {
                Some(ForeignKeyAction::Cascade) => "CASCADE",
                Some(ForeignKeyAction::SetNull) => "SET NULL",
                None => "NO ACTION",
                Some(other) => panic!("{table}: what {other:?} is called has to be said here"),
            };
            let target = relation.to_tbl.sea_orm_table();
            for (from, to) in relation.from_col.iter().zip(relation.to_col.iter()) {
                self.lines.insert(format!("{table}.{from} REFERENCES {target}.{to} ON DELETE {on_delete}"));
            }
        }
    }
}

impl Said {
    /// A column's type in the words of the database.
    fn kind(&self, kind: &ColumnType) -> &'static str {
        let (postgres, sqlite) = match kind {
            ColumnType::Text | ColumnType::String(_) => ("text", "text"),
            ColumnType::Uuid => ("uuid", "blob"),
            ColumnType::VarBinary(_) | ColumnType::Blob => ("bytea", "blob"),
            ColumnType::SmallInteger => ("smallint", "smallint"),
            ColumnType::Integer => ("integer", "integer"),
            ColumnType::BigInteger => ("bigint", "bigint"),
            ColumnType::Boolean => ("boolean", "boolean"),
            ColumnType::TimestampWithTimeZone => ("timestamp with time zone", "text"),
            other => panic!("what {other:?} is called has to be said here"),
        };
        if self.backend == DatabaseBackend::Postgres { postgres } else { sqlite }
    }
}

/// Whether a line is of a table that has no entity.
fn is_of_another(line: &str) -> bool {
    let table = line.split(['.', ' ']).next().unwrap_or_default();
    let is_kept = |words: &str| table.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    OTHERS.iter().any(|other| table.starts_with(*other)) || OF_WORDS.iter().any(|words| is_kept(words))
}

#[tokio::test]
async fn every_entity_is_its_table() {
    let server = Server::start().await;
    let db = &server.app.db;
    let mut said = Said { backend: db.backend(), lines: BTreeSet::new() };
    entity::visit(&mut said);
    let mut found = BTreeSet::new();
    let queries = if db.backend() == DatabaseBackend::Postgres { POSTGRES } else { SQLITE };
    for sql in queries {
        for row in db.rows(*sql, Vec::new()).await.unwrap() {
            found.insert(row.try_get_by_index::<String>(0).unwrap());
        }
    }
    found.retain(|line| !is_of_another(line));
    assert!(found.len() > 500, "the tables were not found: {found:?}");
    let only_said: Vec<_> = said.lines.difference(&found).collect();
    let only_found: Vec<_> = found.difference(&said.lines).collect();
    assert!(
        only_said.is_empty() && only_found.is_empty(),
        "only in the entities: {only_said:#?}\nonly in the database: {only_found:#?}"
    );
}
