//! A list of the graph: the rows of an entity that meet typed conditions, in an order, a page at a time.
//!
//! Whatever a table holds, no list looks at more than a bounded part of it:
//!
//! - a list in the order of an index is read along it, as far as the page goes;
//! - one that is filtered by an index and sorted by something else, searches among them, chooses first the newest that the
//!   filter names, at most [`BOUND`], and sorts those ([`List::among`]);
//! - one whose filter names several values of a column, reads what each of them has along its index, and merges the parts
//!   ([`List::any_of`]);
//! - a total is counted up to [`BOUND`], and says so.
//!
//! `tests/it/lists` asks for every list of the graph at size, and looks at what the database does for it.

use chrono::{DateTime, Datelike, Utc};
use sea_orm::{
    ColumnTrait, DatabaseBackend, EntityTrait, ExprTrait, FromQueryResult, PartialModelTrait, QueryResult, QuerySelect,
    QueryTrait, Select, StatementBuilder, Value,
    sea_query::{
        Alias, Asterisk, CommonTableExpression, Expr, IntoColumnRef, JoinType, Order, Query, SelectStatement,
        UnionType, WithClause,
    },
};

use super::{
    db::Database,
    page::{Page, Slice, Total},
};
use crate::error::{Error, Result};

/// Counting and choosing stop here.
pub(crate) const BOUND: u64 = 10_000;

/// As many values as a filter names at most.
pub(crate) const MAX_VALUES: usize = 50;

/// The id of a row in what is chosen before a page is read.
const ID: &str = "id";
/// What such a row is sorted by.
const PLACE: &str = "place";
/// The rows that are chosen first, of which a page is.
const FOUND: &str = "found";
/// The rows of a page.
const PAGE: &str = "page";

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
    pub(crate) fn checked(self) -> Result<Self> {
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
pub(crate) struct Range {
    /// This, or more.
    pub min: Option<i64>,
    /// This, or less.
    pub max: Option<i64>,
}

/// What a list is sorted by: a column, and another that breaks ties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sorting<C> {
    /// Before the id.
    pub key: C,
    /// Different in each row.
    pub id: C,
    /// Whether the greatest come first, and not the least.
    pub descending: bool,
}

impl<C> Sorting<C> {
    /// By a column and the id, greatest first.
    pub(crate) fn descending(key: C, id: C) -> Self {
        Self { key, id, descending: true }
    }

    /// By a column and the id, least first.
    pub(crate) fn ascending(key: C, id: C) -> Self {
        Self { key, id, descending: false }
    }
}

/// Rows of an entity that meet conditions, in an order.
#[derive(Debug)]
pub(crate) struct List<E: EntityTrait> {
    sorting: Sorting<E::Column>,
    /// All of these hold.
    all: Vec<Expr>,
    /// One of these holds, too.
    either: Vec<Expr>,
    candidates: Option<SelectStatement>,
    /// Nothing can meet them.
    is_hopeless: bool,
}

impl<E: EntityTrait> List<E>
where
    E::Column: Copy,
{
    /// All rows, in this order.
    #[must_use]
    pub(crate) fn sorted(sorting: Sorting<E::Column>) -> Self {
        Self { sorting, all: Vec::new(), either: Vec::new(), candidates: None, is_hopeless: false }
    }

    /// Only rows that meet this condition, too.
    pub(crate) fn filter(&mut self, condition: impl Into<Expr>) {
        self.all.push(condition.into());
    }

    /// Only rows whose column has this value, where one is asked for.
    pub(crate) fn equal(&mut self, column: E::Column, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.filter(column.eq(value.into()));
        }
    }

    /// Only rows whose column has one of these values, as they are stored, where any are asked for; gives the condition for each.
    /// Of none, nothing meets that; more than [`MAX_VALUES`] are BAD_REQUEST.
    ///
    /// An index has the rows of each value in the list's order, not those of several: so the parts are merged.
    pub(crate) fn any_of<T, V>(
        &mut self,
        column: E::Column,
        values: Option<&[T]>,
        stored: impl Fn(&T) -> V,
    ) -> Result<Vec<Expr>>
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
        let each: Vec<Expr> = distinct.into_iter().map(|value| column.eq(value.into())).collect();
        self.either(each.clone());
        Ok(each)
    }

    /// One of these holds; nothing meets none of them.
    fn either(&mut self, mut each: Vec<Expr>) {
        match each.len() {
            0 => self.is_hopeless = true,
            1 => self.all.append(&mut each),
            // One condition leads along indexes; what else is asked for is looked at on the way.
            _ if self.either.is_empty() => self.either = each,
            _ => self.all.push(any(each)),
        }
    }

    /// No rows at all.
    pub(crate) fn nothing(&mut self) {
        self.is_hopeless = true;
    }

    /// Only rows whose time is within a span; gives the condition, unless both ends are open.
    pub(crate) fn during(&mut self, column: E::Column, span: Span) -> Result<Option<Expr>> {
        let Span { from, until } = span.checked()?;
        Ok(self.between([from.map(|from| column.gte(from)), until.map(|until| column.lt(until))]))
    }

    /// Only rows whose number is within a range; gives the condition, unless both ends are open.
    pub(crate) fn within(&mut self, column: E::Column, Range { min, max }: Range) -> Option<Expr> {
        self.between([min.map(|min| column.gte(min)), max.map(|max| column.lte(max))])
    }

    fn between(&mut self, ends: [Option<Expr>; 2]) -> Option<Expr> {
        let between = ends.into_iter().flatten().reduce(ExprTrait::and)?;
        self.filter(between.clone());
        Some(between)
    }

    /// Only the first [`BOUND`] whose ids this statement gives, as `id`: chosen before anything is sorted, so that no order of
    /// the list can make the database look at all of the table. Where several are named, the first one counts; says whether
    /// this is it.
    pub(crate) fn among(&mut self, candidates: SelectStatement) -> bool {
        let is_first = self.candidates.is_none();
        self.candidates.get_or_insert(candidates);
        is_first
    }

    /// Only the newest of the rows that meet one of these conditions, where there are any: as [`List::among`], of a list in
    /// another order than that of the time, which an index has for each of them.
    pub(crate) fn among_newest(&mut self, db: &Database, time: E::Column, each: Vec<Expr>) {
        if each.is_empty() {
            return;
        }
        let parts = each.into_iter().map(|one| part::<E>(self.sorting.id, time, [one]));
        let newest = Ordered { descending: true, limit: BOUND + 1 };
        let mut all = newest.merge(db.backend(), parts.collect());
        newest.apply(&mut all);
        self.among(all);
    }

    /// The same of the rows that these statements give: ids as `id`, and as `place` the time. Several of them may give the same
    /// row: it is left out when their parts are together, for a part that had to skip what others have would have no end.
    pub(crate) fn among_newest_of_any(&mut self, statements: Vec<SelectStatement>) -> bool {
        let newest = Ordered { descending: true, limit: BOUND + 1 };
        let parts = statements.into_iter().map(|statement| newest.nested(statement));
        let Some(all) = union(parts) else { return self.among(nobody()) };
        let mut distinct = Query::select();
        distinct.distinct().columns([ID, PLACE]).from_subquery(all, "parts");
        newest.apply(&mut distinct);
        self.among(distinct)
    }

    /// How many rows there are: of the candidates, where there are some; else in the list's own order, so that it is the index
    /// of this order that is read.
    pub(crate) async fn total(&self, db: &Database) -> Result<Total> {
        if self.is_hopeless {
            return Ok(Total::exactly(0));
        }
        let ordered = Ordered { descending: self.sorting.descending, limit: BOUND + 1 };
        if let Some(candidates) = &self.candidates {
            let mut counted = Query::select();
            counted.expr(Expr::cust("COUNT(*)"));
            look_up::<E>(db.backend(), &mut counted, FOUND, self.sorting.id);
            self.restrict(&mut counted);
            let mut found = Query::select();
            found.expr(Expr::cust("COUNT(*)")).from(FOUND);
            let mut both = Query::select();
            both.expr_as(subquery(counted), "counted")
                .expr_as(subquery(found), "candidates")
                .with_cte(WithClause::new().cte(cte(FOUND, limited(candidates.clone()))).to_owned());
            let counts: Option<Counts> = db.select(&both).await?.into_iter().next();
            let Counts { counted, candidates } = counts.unwrap_or(Counts { counted: 0, candidates: 0 });
            let bound = BOUND.cast_signed();
            return Ok(Total { count: std::cmp::min(bound, counted), is_exact: bound >= candidates });
        }
        let mut rows = match self.parts() {
            Some(parts) => ordered.merge(db.backend(), parts),
            None => part::<E>(self.sorting.id, self.sorting.key, self.conditions()),
        };
        ordered.apply(&mut rows);
        let mut counted = Query::select();
        counted.expr_as(Expr::cust("COUNT(*)"), "counted").from_subquery(rows, "merged");
        let counted = db.select::<Counted>(&counted).await?.first().map_or(0, |row| row.counted);
        Ok(counted_as_far(counted))
    }

    /// A page, in one statement; in two with the total. `reading` joins what is read of other entities.
    pub(crate) async fn page<P: PartialModelTrait>(
        self,
        db: &Database,
        page: &Page,
        with_total: bool,
        reading: impl FnOnce(Select<E>) -> Select<E> + Send,
    ) -> Result<Slice<P>> {
        let total = if with_total { Some(self.total(db).await?) } else { None };
        Ok(Slice { total, ..self.rows(db, page, reading).await? })
    }

    /// A page, in one statement.
    pub(crate) async fn rows<P: PartialModelTrait>(
        self,
        db: &Database,
        page: &Page,
        reading: impl FnOnce(Select<E>) -> Select<E> + Send,
    ) -> Result<Slice<P>> {
        let reading = |select| P::select_cols(reading(select));
        self.rows_read(db, page, reading, |row| Ok(P::from_query_result(row, "")?)).await
    }

    /// A page, in one statement, where what is read depends on more than a type: `reading` joins it and names its columns.
    pub(crate) async fn rows_read<T>(
        self,
        db: &Database,
        page: &Page,
        reading: impl FnOnce(Select<E>) -> Select<E> + Send,
        read: impl Fn(&QueryResult) -> Result<T> + Send,
    ) -> Result<Slice<T>> {
        if self.is_hopeless {
            return Ok(page.slice(Vec::new()));
        }
        let backend = db.backend();
        let statement = StatementBuilder::build(&self.statement(backend, page, reading), &backend);
        let rows = db.ask(statement).await?;
        Ok(page.slice(rows.iter().map(read).collect::<Result<Vec<T>>>()?))
    }

    fn statement(
        mut self,
        backend: DatabaseBackend,
        page: &Page,
        reading: impl FnOnce(Select<E>) -> Select<E>,
    ) -> SelectStatement {
        let Sorting { key, id, descending } = self.sorting;
        self.all.extend(page.conditions(column(key), column(id), descending));
        let ordered = Ordered { descending: page.reads_descending(descending), limit: page.size + 1 };
        let chosen = if let Some(candidates) = self.candidates.take() {
            let mut chosen = Query::select();
            chosen.expr_as(column(id), ID);
            look_up::<E>(backend, &mut chosen, FOUND, id);
            self.restrict(&mut chosen);
            ordered.apply_by(&mut chosen, column(key), column(id));
            Some(vec![cte(FOUND, limited(candidates)), cte(PAGE, chosen)])
        } else {
            self.parts().map(|parts| {
                let mut merged = ordered.merge(backend, parts);
                ordered.apply(&mut merged);
                vec![cte(PAGE, merged)]
            })
        };
        let mut select = E::find().select_only();
        if chosen.is_some() {
            // First which rows, then what is read of them and joined to them: of a page, not of all candidates.
            let statement = QueryTrait::query(&mut select);
            statement.from_clear();
            look_up::<E>(backend, statement, PAGE, id);
        }
        let mut select = reading(select);
        let statement = QueryTrait::query(&mut select);
        match chosen {
            Some(tables) => {
                let mut with = WithClause::new();
                for table in tables {
                    with.cte(table);
                }
                statement.with_cte(with);
            }
            None => self.restrict(statement),
        }
        ordered.apply_by(statement, column(key), column(id));
        statement.take()
    }

    /// Everything that has to hold.
    fn conditions(&self) -> Vec<Expr> {
        let either = (!self.either.is_empty()).then(|| any(self.either.clone()));
        self.all.iter().cloned().chain(either).collect()
    }

    fn restrict(&self, statement: &mut SelectStatement) {
        for condition in self.conditions() {
            statement.and_where(condition);
        }
    }

    /// The parts of which each meets one of several conditions, where it is along them that the list is read.
    fn parts(&self) -> Option<Vec<SelectStatement>> {
        let is_read_so = self.candidates.is_none() && !self.either.is_empty();
        is_read_so.then(|| {
            let Sorting { key, id, .. } = self.sorting;
            let each = self.either.iter();
            each.map(|one| part::<E>(id, key, self.all.iter().chain([one]).cloned())).collect()
        })
    }
}

/// The total of a list of which so many rows were counted, up to one more than [`BOUND`].
pub(crate) fn counted_as_far(rows: i64) -> Total {
    let bound = BOUND.cast_signed();
    Total { count: std::cmp::min(bound, rows), is_exact: bound >= rows }
}

#[derive(Debug, FromQueryResult)]
struct Counted {
    counted: i64,
}

#[derive(Debug, FromQueryResult)]
struct Counts {
    counted: i64,
    candidates: i64,
}

/// An order, by `place` and `id`, and how far it is read.
#[derive(Debug, Clone, Copy)]
struct Ordered {
    descending: bool,
    limit: u64,
}

impl Ordered {
    fn apply(self, statement: &mut SelectStatement) {
        self.apply_by(statement, Expr::col(PLACE), Expr::col(ID));
    }

    fn apply_by(self, statement: &mut SelectStatement, key: Expr, id: Expr) {
        let order = if self.descending { Order::Desc } else { Order::Asc };
        statement.order_by_expr(key, order.clone()).order_by_expr(id, order).limit(self.limit);
    }

    /// The statement as a part that has this order by itself.
    fn nested(self, statement: SelectStatement) -> SelectStatement {
        let mut nested = Query::select();
        nested.columns([ID, PLACE]).from_subquery(statement, "part");
        self.apply(&mut nested);
        let mut outer = Query::select();
        outer.columns([ID, PLACE]).from_subquery(nested, "ordered");
        outer
    }

    /// The rows of several statements as one, to be read in this order, which an index has for each of them.
    ///
    /// SQLite merges such statements as they stand, and reads each no further than it is wanted. PostgreSQL plans each by
    /// itself, and has to be told of the order and the limit there.
    fn merge(self, backend: DatabaseBackend, parts: Vec<SelectStatement>) -> SelectStatement {
        let tell = backend == DatabaseBackend::Postgres && parts.len() > 1;
        let parts = parts.into_iter().map(|mut part| {
            if !tell {
                return part;
            }
            self.apply(&mut part);
            let mut outer = Query::select();
            outer.columns([ID, PLACE]).from_subquery(part, "part");
            outer
        });
        union(parts).unwrap_or_else(nobody)
    }
}

/// The rows that meet all of some conditions: their ids, and as `place` what they are sorted by.
fn part<E: EntityTrait>(id: E::Column, key: E::Column, all: impl IntoIterator<Item = Expr>) -> SelectStatement {
    let mut part = Query::select();
    part.expr_as(column(id), ID).expr_as(column(key), PLACE).from(E::default().table_ref());
    for condition in all {
        part.and_where(condition);
    }
    part
}

/// Rows that `names` has the ids of: each is looked up by its id, whatever the database thinks of how many there are.
fn look_up<E: EntityTrait>(
    backend: DatabaseBackend,
    statement: &mut SelectStatement,
    names: &'static str,
    id: E::Column,
) {
    let is_named = column(id).eq(Expr::col((names, ID)));
    statement.from(names);
    if backend == DatabaseBackend::Postgres {
        // What has a limit is never turned into a join in another order.
        let mut row = Query::select();
        row.column(Asterisk).from(E::default().table_ref()).and_where(is_named).limit(1);
        statement.join_lateral(JoinType::InnerJoin, row, Alias::new(E::default().table_name()), Expr::cust("TRUE"));
    } else {
        // SQLite takes a cross join in the order in which it is written.
        statement.cross_join(E::default().table_ref()).and_where(is_named);
    }
}

/// A column with the name of its table.
fn column<C: ColumnTrait>(column: C) -> Expr {
    Expr::col(column.as_column_ref().into_column_ref())
}

/// One of these holds.
fn any(each: Vec<Expr>) -> Expr {
    each.into_iter().reduce(ExprTrait::or).unwrap_or_else(|| Expr::cust("1 = 0"))
}

fn union(statements: impl IntoIterator<Item = SelectStatement>) -> Option<SelectStatement> {
    statements.into_iter().reduce(|mut first, next| first.union(UnionType::All, next).take())
}

/// A statement that gives nothing.
fn nobody() -> SelectStatement {
    Query::select()
        .expr_as(Expr::cust("NULL"), ID)
        .expr_as(Expr::cust("NULL"), PLACE)
        .and_where(Expr::cust("1 = 0"))
        .take()
}

fn limited(candidates: SelectStatement) -> SelectStatement {
    let mut candidates = candidates;
    candidates.limit(BOUND + 1);
    candidates
}

fn cte(name: &'static str, query: SelectStatement) -> CommonTableExpression {
    CommonTableExpression::new().table_name(name).query(query).materialized(true).to_owned()
}

fn subquery(query: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(query.into()))
}
