//! What a person can take along: each domain says by [`Table`]s which of its rows are about a person, and how they look
//! as JSON. `privacy` puts them into an archive.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::QueryResult;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    app::App,
    entity::{UserId, ids, told},
    error::Result,
    platform::archive::Archive,
};

/// How many rows are read at once.
const BATCH: usize = 500;
/// What the key of a row is read as.
const KEY: &str = "export_key";

/// How a column is read, and shown.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An id, with the prefix of its type.
    Id(&'static str),
    /// A text, as it is.
    Text,
    /// A word of the program's own.
    Word,
    /// A whole number.
    Integer,
    /// A time, in RFC 3339.
    Time,
}

/// Rows about a person.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The file in the archive, such as `posts.json`.
    pub file: &'static str,
    /// The table that they are in, or several, as they stand after `FROM`.
    pub table: &'static str,
    /// The column that says whose they are.
    pub owner: &'static str,
    /// The column that tells a person's rows apart: a UUID.
    pub key: &'static str,
    /// Name in the JSON, column, and how it is shown. What is secret, or of the service's own making, is left out.
    pub columns: &'static [(&'static str, &'static str, Kind)],
}

impl Table {
    /// Writes a person's rows into an archive, in batches, in the order of their keys.
    pub async fn write(&self, app: &App, user: UserId, archive: &mut Archive) -> Result<()> {
        archive.begin(self.file)?;
        // Text, because tables may be joined, and columns be expressions.
        let columns: Vec<_> = self.columns.iter().map(|(name, column, _)| format!("{column} AS \"{name}\"")).collect();
        let sql = format!(
            "SELECT {key} AS {KEY}, {columns} FROM {table} WHERE {owner} = $1 AND {key} > $2 ORDER BY {key} LIMIT {BATCH}",
            key = self.key,
            columns = columns.join(", "),
            table = self.table,
            owner = self.owner,
        );
        let mut after = Uuid::nil();
        loop {
            let rows = app.db.rows(sql.as_str(), vec![user.0.into(), after.into()]).await?;
            for row in &rows {
                after = row.try_get_by(KEY)?;
                archive.add(&self.json(row)?)?;
            }
            if rows.len() < BATCH {
                return Ok(());
            }
        }
    }

    fn json(&self, row: &QueryResult) -> Result<Value> {
        let mut object = Map::new();
        for (name, _, kind) in self.columns {
            let value = match kind {
                Kind::Id(prefix) => row.try_get_by::<Option<Uuid>, _>(*name)?.map(|id| ids::encode(prefix, id).into()),
                Kind::Text => row.try_get_by::<Option<String>, _>(*name)?.map(Value::from),
                Kind::Word => row.try_get_by::<Option<String>, _>(*name)?.map(|word| told(&word).into()),
                Kind::Integer => row.try_get_by::<Option<i64>, _>(*name)?.map(Value::from),
                Kind::Time => row
                    .try_get_by::<Option<DateTime<Utc>>, _>(*name)?
                    .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()),
            };
            object.insert((*name).to_owned(), value.unwrap_or_default());
        }
        Ok(object.into())
    }
}
