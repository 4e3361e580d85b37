//! What a person can take along: each domain says by [`Table`]s which of its rows are about a person, and how they look
//! as JSON. `privacy` puts them into an archive.

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{
    ExprTrait, QueryResult, StatementBuilder,
    sea_query::{Expr, Order, Query},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    app::App,
    entity::{UserId, ids, told},
    error::Result,
    platform::archive::Archive,
};

/// How many rows are read at once.
const BATCH: u64 = 500;

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
    /// Where they are.
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
        let mut after = Uuid::nil();
        loop {
            let mut select = Query::select();
            select
                .column(self.key)
                .columns(self.columns.iter().map(|(_, column, _)| *column).filter(|column| *column != self.key))
                .from(self.table)
                .and_where(Expr::col(self.owner).eq(user))
                .and_where(Expr::col(self.key).gt(after))
                .order_by(self.key, Order::Asc)
                .limit(BATCH);
            let statement = StatementBuilder::build(&select, &app.db.backend());
            let values = statement.values.map(|values| values.0).unwrap_or_default();
            let rows = app.db.rows(statement.sql, values).await?;
            for row in &rows {
                after = row.try_get_by(self.key)?;
                archive.add(&self.json(row)?)?;
            }
            if (rows.len() as u64) < BATCH {
                return Ok(());
            }
        }
    }

    fn json(&self, row: &QueryResult) -> Result<Value> {
        let mut object = Map::new();
        for (name, column, kind) in self.columns {
            let value = match kind {
                Kind::Id(prefix) => {
                    row.try_get_by::<Option<Uuid>, _>(*column)?.map(|id| ids::encode(prefix, id).into())
                }
                Kind::Text => row.try_get_by::<Option<String>, _>(*column)?.map(Value::from),
                Kind::Word => row.try_get_by::<Option<String>, _>(*column)?.map(|word| told(&word).into()),
                Kind::Integer => row.try_get_by::<Option<i64>, _>(*column)?.map(Value::from),
                Kind::Time => row
                    .try_get_by::<Option<DateTime<Utc>>, _>(*column)?
                    .map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()),
            };
            object.insert((*name).to_owned(), value.unwrap_or_default());
        }
        Ok(object.into())
    }
}
