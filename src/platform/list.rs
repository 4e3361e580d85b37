//! Lists: conditions with their values, and a page of what meets them, with its total when it is asked for.

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};

use super::{
    db::{Columns, Database},
    page::{Page, Slice},
};
use crate::error::Result;

/// A span of time; either end may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// At this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
}

/// Conditions that all must hold.
#[derive(Debug, Default)]
pub struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// One more condition, as it stands.
    pub fn that(&mut self, condition: impl Into<String>) {
        self.texts.push(condition.into());
    }

    /// One more value; gives its placeholder.
    pub fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// The column has this value, where one is asked for.
    pub fn equal(&mut self, column: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            let placeholder = self.value(value);
            self.that(format!("{column} = {placeholder}"));
        }
    }

    /// The column's time is within a span.
    pub fn during(&mut self, column: &str, span: Span) {
        for (time, sign) in [(span.from, ">="), (span.until, "<")] {
            if let Some(time) = time {
                let placeholder = self.value(time);
                self.that(format!("{column} {sign} {placeholder}"));
            }
        }
    }

    fn text(&self) -> String {
        if self.texts.is_empty() { "1 = 1".to_owned() } else { self.texts.join(" AND ") }
    }
}

/// What a list consists of.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What is read of each row.
    pub columns: &'a str,
    /// Tables, as after `FROM`.
    pub tables: &'a str,
    /// What the list is sorted by before the id.
    pub key: &'a str,
    /// What breaks ties.
    pub id: &'a str,
    /// Greatest first.
    pub descending: bool,
}

/// A page of a list, in one statement; in two with the total.
pub async fn page_of<T>(
    db: &Database,
    source: Source<'_>,
    mut conditions: Conditions,
    page: &Page,
    with_total: bool,
    read: impl Fn(&QueryResult) -> Result<T>,
) -> Result<Slice<T>> {
    let total = if with_total {
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {}", source.tables, conditions.text());
        db.rows(sql, conditions.values.clone()).await?.first().map(|row| Columns::new(row).take()).transpose()?
    } else {
        None
    };
    let (more, order) = page.clauses(source.key, source.id, source.descending, &mut conditions.values);
    conditions.texts.extend(more);
    let sql = format!("SELECT {} FROM {} WHERE {} {order}", source.columns, source.tables, conditions.text());
    let rows = db.rows(sql, conditions.values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Slice { total, ..page.slice(rows) })
}
