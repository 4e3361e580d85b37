//! Lists: conditions with their values, and a page of what meets them, with its total when it is asked for.
//!
//! Whatever a table holds, no list looks at more than a bounded part of it:
//!
//! - a list in the order of an index is read along it, as far as the page goes;
//! - one that is filtered by an index and sorted by something else, searches among them, chooses first the newest that the
//!   filter names, at most [`BOUND`], and sorts those ([`Conditions::among`]);
//! - one whose filter names several values of a column, reads what each of them has along its index, and merges the parts
//!   ([`Conditions::any_of`]);
//! - a total is counted up to [`BOUND`], and says so.
//!
//! `tests/it/lists` asks for every list of the graph at size, and looks at what the database does for it.

use chrono::{DateTime, Datelike, Utc};
use sea_orm::{QueryResult, Value};

use super::{
    db::{Columns, Database},
    page::{Page, Slice, Total},
};
use crate::error::{Error, Result};

/// Counting and choosing stop here.
pub const BOUND: u64 = 10_000;

/// As many values as a filter names at most.
pub const MAX_VALUES: usize = 50;

/// The order in which candidates are chosen.
const NEWEST: &str = "ORDER BY place DESC, id DESC";

/// A span of time; either end may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// At this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
}

impl Span {
    /// The same; BAD_REQUEST, where an end is beyond the years that the databases store and compare alike.
    pub fn checked(self) -> Result<Self> {
        let is_known = |time: DateTime<Utc>| (1..=9999).contains(&time.year());
        if [self.from, self.until].into_iter().flatten().all(is_known) {
            Ok(self)
        } else {
            Err(Error::bad_request("Times are of the years 1 to 9999."))
        }
    }
}

/// A span of numbers; either end may be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// This, or more.
    pub min: Option<i64>,
    /// This, or less.
    pub max: Option<i64>,
}

/// Conditions that all must hold.
#[derive(Debug, Default)]
pub struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
    candidates: Option<String>,
    /// One of these holds, too.
    either: Vec<String>,
    /// Nothing can meet them.
    is_hopeless: bool,
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

    /// The column has one of these values, as they are stored, where any are asked for; gives the condition for each. Of none,
    /// nothing meets that; more than [`MAX_VALUES`] are BAD_REQUEST.
    ///
    /// An index has the rows of each value in the list's order, not those of several: so the parts are merged.
    pub fn any_of<T, V>(&mut self, column: &str, values: Option<&[T]>, stored: impl Fn(&T) -> V) -> Result<Vec<String>>
    where
        V: Into<Value> + PartialEq,
    {
        let Some(values) = values else { return Ok(Vec::new()) };
        let mut distinct: Vec<V> = Vec::new();
        for value in values.iter().map(stored) {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
            if distinct.len() > MAX_VALUES {
                return Err(Error::bad_request(format!("A filter names at most {MAX_VALUES} values.")));
            }
        }
        let each = distinct.into_iter().map(|value| format!("{column} = {}", self.value(value)));
        let each: Vec<String> = each.collect();
        self.either(each.clone());
        Ok(each)
    }

    /// One of these holds; nothing meets none of them.
    fn either(&mut self, mut each: Vec<String>) {
        match each.len() {
            0 => self.is_hopeless = true,
            1 => self.texts.append(&mut each),
            // One condition leads along indexes; what else is asked for is looked at on the way.
            _ if self.either.is_empty() => self.either = each,
            _ => self.texts.push(any(&each)),
        }
    }

    /// Nothing meets them.
    pub fn nothing(&mut self) {
        self.is_hopeless = true;
    }

    /// The column's time is within a span; gives the condition, which is empty when both ends are open.
    pub fn during(&mut self, column: &str, span: Span) -> Result<String> {
        let Span { from, until } = span.checked()?;
        Ok(self.between(column, [(from.map(Value::from), ">="), (until.map(Value::from), "<")]))
    }

    /// The column's number is within a range; gives the condition, which is empty when both ends are open.
    pub fn within(&mut self, column: &str, range: Range) -> String {
        self.between(column, [(range.min.map(Value::from), ">="), (range.max.map(Value::from), "<=")])
    }

    fn between(&mut self, column: &str, ends: [(Option<Value>, &str); 2]) -> String {
        let ends = ends.into_iter().filter_map(|(end, sign)| Some(format!("{column} {sign} {}", self.value(end?))));
        let between = ends.collect::<Vec<_>>().join(" AND ");
        if !between.is_empty() {
            self.that(between.as_str());
        }
        between
    }

    /// Only the first [`BOUND`] whose ids this statement gives, as `id`: chosen before anything is sorted, so that no order of
    /// the list can make the database look at all of the table. Where several are named, the first one counts; says whether
    /// this is it.
    pub fn among(&mut self, candidates: impl Into<String>) -> bool {
        let is_first = self.candidates.is_none();
        self.candidates.get_or_insert(candidates.into());
        is_first
    }

    /// Only the newest of the rows that meet one of these conditions, where there are any: as [`Conditions::among`], of a list
    /// in another order than that of the time, which an index has for each of them.
    pub fn among_newest(&mut self, db: &Database, source: Source<'_>, time: &str, each: &[String]) {
        if !each.is_empty() {
            let parts = parts(Source { key: time, ..source }, &[], each);
            let all = db.all_of(&parts, &format!("{NEWEST} LIMIT {}", BOUND + 1));
            self.among(format!("{all} {NEWEST}"));
        }
    }

    /// The same of the rows that these statements give: ids, and as `place` the time. Several of them may give the same row:
    /// it is left out when their parts are together, for a part that had to skip what others have would have no end.
    pub fn among_newest_of_any(&mut self, statements: &[String]) -> bool {
        let part = |sql: &String| format!("SELECT id, place FROM ({sql} {NEWEST} LIMIT {}) part", BOUND + 1);
        let all = statements.iter().map(part).collect::<Vec<_>>().join(" UNION ALL ");
        self.among(format!("SELECT DISTINCT id, place FROM ({all}) parts {NEWEST}"))
    }

    fn text(&self) -> String {
        let mut texts = self.texts.clone();
        if !self.either.is_empty() {
            texts.push(any(&self.either));
        }
        if texts.is_empty() { "1 = 1".to_owned() } else { texts.join(" AND ") }
    }

    /// The parts of which each meets one of several conditions, where it is along them that the list is read.
    fn merged(&self, source: Source<'_>) -> Option<Vec<String>> {
        let is_read_so = self.candidates.is_none() && !self.either.is_empty();
        is_read_so.then(|| parts(source, &self.texts, &self.either))
    }

    /// The candidates, as what a statement begins with.
    fn found(&self) -> String {
        let found = |candidates: &String| format!("WITH found AS MATERIALIZED ({candidates} LIMIT {}) ", BOUND + 1);
        self.candidates.as_ref().map(found).unwrap_or_default()
    }
}

/// One of these holds.
fn any(each: &[String]) -> String {
    format!("({})", each.join(" OR "))
}

/// The rows that meet all of some conditions and one of others, a statement for each of these: their ids, and as `place` what
/// they are sorted by.
fn parts(source: Source<'_>, all: &[String], each: &[String]) -> Vec<String> {
    let Source { table, key, id, .. } = source;
    let part = |one: &String| {
        let wanted = all.iter().chain([one]).map(String::as_str).collect::<Vec<_>>().join(" AND ");
        format!("SELECT {id} AS id, {key} AS place FROM {table} WHERE {wanted}")
    };
    each.iter().map(part).collect()
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
    /// Whether the greatest key comes first, as with "newest first".
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
    if conditions.is_hopeless {
        return Ok(Total::exactly(0));
    }
    let (table, wanted, values) = (source.table, conditions.text(), conditions.values.clone());
    let direction = if source.descending { "DESC" } else { "ASC" };
    if let Some(parts) = conditions.merged(source) {
        let order = format!("ORDER BY place {direction}, id {direction}");
        return count(db, &format!("FROM ({}) merged", db.some_of(&parts, &order, BOUND + 1)), values).await;
    }
    if conditions.candidates.is_none() {
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
    if conditions.is_hopeless {
        return Ok(page.slice(Vec::new()));
    }
    let Source { columns, table, joins, key, id, descending } = source;
    let (more, order) = page.clauses(key, id, descending, &mut conditions.values);
    conditions.texts.extend(more);
    let wanted = conditions.text();
    let chosen = if conditions.candidates.is_some() {
        let rows = db.rows_named_by("found", table);
        Some(format!(
            "{}, page AS MATERIALIZED (SELECT {id} AS id FROM {rows} WHERE {wanted} {order})",
            conditions.found()
        ))
    } else {
        let order = page.order("place", "id", descending);
        let merged = conditions.merged(source);
        merged.map(|parts| format!("WITH page AS MATERIALIZED ({} {order})", db.all_of(&parts, &order)))
    };
    let sql = match chosen {
        // First which rows, then what is read of them and joined to them: of a page, not of all candidates.
        Some(chosen) => {
            format!("{chosen} SELECT {columns} FROM {} {joins} {order}", db.rows_named_by("page", table))
        }
        None => format!("SELECT {columns} FROM {table} {joins} WHERE {wanted} {order}"),
    };
    let rows = db.rows(sql, conditions.values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(page.slice(rows))
}
