//! Lists: conditions with their values, and a page of what meets them, with its total when it is asked for.
//!
//! Whatever a table holds, no list looks at more than a bounded part of it:
//!
//! - a list in the order of an index is read along it, as far as the page goes;
//! - one that is filtered by an index and sorted by something else, searches among them, chooses first the newest that the
//!   filter names, at most [`BOUND`], and sorts those ([`Conditions::among`]);
//! - a total is counted up to [`BOUND`], and says so.
//!
//! `tests/it/lists` asks for every list of the graph at size, and looks at what the database does for it.

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};

use super::{
    db::{Columns, Database},
    page::{Page, Slice, Total},
};
use crate::error::Result;

/// Counting and choosing stop here.
pub const BOUND: u64 = 10_000;

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
    candidates: Option<String>,
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

    /// The column's time is within a span; gives the condition, which is empty when both ends are open.
    pub fn during(&mut self, column: &str, span: Span) -> String {
        let ends = [(span.from, ">="), (span.until, "<")].into_iter();
        let ends = ends.filter_map(|(time, sign)| time.map(|time| format!("{column} {sign} {}", self.value(time))));
        let within = ends.collect::<Vec<_>>().join(" AND ");
        if !within.is_empty() {
            self.that(within.as_str());
        }
        within
    }

    /// Only the first [`BOUND`] whose ids this statement gives, as `id`: chosen before anything is sorted, so that no order of
    /// the list can make the database look at all of the table. Where several are named, the first one counts.
    pub fn among(&mut self, candidates: impl Into<String>) {
        self.candidates.get_or_insert(candidates.into());
    }

    fn text(&self) -> String {
        if self.texts.is_empty() { "1 = 1".to_owned() } else { self.texts.join(" AND ") }
    }

    /// The candidates, as what a statement begins with.
    fn found(&self) -> String {
        let found = |candidates: &String| format!("WITH found AS MATERIALIZED ({candidates} LIMIT {}) ", BOUND + 1);
        self.candidates.as_ref().map(found).unwrap_or_default()
    }
}

/// What a list consists of.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What is read of each row.
    pub columns: &'a str,
    /// The table and its alias, which all conditions are about: `posts p`.
    pub table: &'a str,
    /// What else the columns are read from.
    pub joins: &'a str,
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
    conditions: Conditions,
    page: &Page,
    with_total: bool,
    read: impl Fn(&QueryResult) -> Result<T>,
) -> Result<Slice<T>> {
    let total = if with_total { Some(total_of(db, source, &conditions).await?) } else { None };
    Ok(Slice { total, ..rows_of(db, source, conditions, page, read).await? })
}

/// How many rows meet the conditions: of the candidates, where there are some; else in the list's own order, so that it is
/// the index of this order that is read.
pub async fn total_of(db: &Database, source: Source<'_>, conditions: &Conditions) -> Result<Total> {
    let (table, wanted, values) = (source.table, conditions.text(), conditions.values.clone());
    if conditions.candidates.is_none() {
        let direction = if source.descending { "DESC" } else { "ASC" };
        let order = format!("ORDER BY {} {direction}, {} {direction}", source.key, source.id);
        return count(db, &format!("FROM {table} WHERE {wanted} {order}"), values).await;
    }
    let rows = db.rows_named_by("found", table);
    let sql = format!(
        "{}SELECT (SELECT COUNT(*) FROM {rows} WHERE {wanted}), (SELECT COUNT(*) FROM found)",
        conditions.found()
    );
    let (mut counted, mut candidates) = (0, 0);
    if let Some(row) = db.rows(sql, values).await?.first() {
        let mut columns = Columns::new(row);
        (counted, candidates) = (columns.take()?, columns.take()?);
    }
    let bound = BOUND.cast_signed();
    Ok(Total { count: bound.min(counted), is_exact: bound >= candidates })
}

/// How many rows there are, as far as the bound; `rows` begins with `FROM`.
pub async fn count(db: &Database, rows: &str, values: Vec<Value>) -> Result<Total> {
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 {rows} LIMIT {}) counted", BOUND + 1);
    let counted = db.rows(sql, values).await?.first().map_or(Ok(0), |row| Columns::new(row).take())?;
    let bound = BOUND.cast_signed();
    Ok(Total { count: bound.min(counted), is_exact: bound >= counted })
}

/// A page of a list, in one statement.
pub async fn rows_of<T>(
    db: &Database,
    source: Source<'_>,
    mut conditions: Conditions,
    page: &Page,
    read: impl Fn(&QueryResult) -> Result<T>,
) -> Result<Slice<T>> {
    let Source { columns, table, joins, key, id, descending } = source;
    let (more, order) = page.clauses(key, id, descending, &mut conditions.values);
    conditions.texts.extend(more);
    let (found, wanted) = (conditions.found(), conditions.text());
    let sql = if conditions.candidates.is_none() {
        format!("SELECT {columns} FROM {table} {joins} WHERE {wanted} {order}")
    } else {
        // First which rows, then what is read of them and joined to them: of a page, not of all candidates.
        format!(
            "{found}, page AS MATERIALIZED (SELECT {id} AS id FROM {} WHERE {wanted} {order}) \
             SELECT {columns} FROM {} {joins} {order}",
            db.rows_named_by("found", table),
            db.rows_named_by("page", table),
        )
    };
    let rows = db.rows(sql, conditions.values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.slice(rows))
}
