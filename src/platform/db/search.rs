//! Looking for words, and looking up what was found, at a cost that has a bound however many rows have them.

use sea_orm::{
    DatabaseBackend, EntityTrait, ExprTrait,
    sea_query::{CommonTableExpression, Expr, Order, Query, SelectStatement, UnionType, WithClause},
};

use super::Database;
use crate::platform::list::BOUND;

/// How many of the newest rows are read for a word that more have.
const RECENT: u64 = 50_000;

impl Database {
    /// The rows of a table, given with its alias (`posts p`), that `names` has the ids of, as one `FROM` clause: each is looked
    /// up by its id, whatever the database thinks of how many there are.
    #[must_use]
    pub fn rows_named_by(&self, names: &str, table: &str) -> String {
        let alias = table.rsplit(' ').next().unwrap_or(table);
        if self.backend() == DatabaseBackend::Postgres {
            // What has a limit is never turned into a join in another order.
            return format!(
                "{names} CROSS JOIN LATERAL (SELECT * FROM {table} WHERE {alias}.id = {names}.id LIMIT 1) {alias}"
            );
        }
        // SQLite takes a cross join in the order in which it is written.
        format!("{names} CROSS JOIN {table} ON {alias}.id = {names}.id")
    }

    /// The rows of several statements as one, to be read in this order (with its limit), which an index has for each of them.
    ///
    /// SQLite merges such statements as they stand, and reads each no further than it is wanted. PostgreSQL plans each by
    /// itself, and has to be told of the order and the limit there.
    #[must_use]
    pub fn all_of(&self, statements: &[String], order: &str) -> String {
        if self.backend() == DatabaseBackend::Postgres && statements.len() > 1 {
            let ordered: Vec<String> = statements.iter().map(|sql| format!("({sql} {order})")).collect();
            return ordered.join(" UNION ALL ");
        }
        statements.join(" UNION ALL ")
    }

    /// The same for some rows only, whichever come first, up to a limit. Told of an order, SQLite goes along the index that has
    /// it; it would rather walk through the table where a statement is met by many rows.
    #[must_use]
    pub fn some_of(&self, statements: &[String], order: &str, limit: u64) -> String {
        match self.backend() {
            DatabaseBackend::Postgres => {
                format!("{} LIMIT {limit}", self.all_of(statements, &format!("{order} LIMIT {limit}")))
            }
            _ => format!("{} {order} LIMIT {limit}", statements.join(" UNION ALL ")),
        }
    }

    /// A statement for the ids of the rows of `table` whose search text has every word of the placeholder's query, as made by
    /// [`Database::search_query`], newest first; to be read up to a limit.
    ///
    /// SQLite's index of words is in order of time. PostgreSQL's is in none, so it is asked for the first rows only, up to the
    /// limit. Where there are more, the newest rows of the table are read, as many as [`RECENT`]; and where these don't have
    /// enough, those that the index named are taken with them. So a word costs little whether nobody wrote it or everybody, and
    /// no guess of the planner decides about it.
    #[must_use]
    pub fn search(&self, table: &str, placeholder: &str) -> String {
        if self.backend() != DatabaseBackend::Postgres {
            return format!(
                "SELECT id FROM {table}_search WHERE {table}_search MATCH {placeholder} ORDER BY rowid DESC"
            );
        }
        let limit = BOUND + 1;
        let matches = format!("search_vector @@ (SELECT to_tsquery('simple', {placeholder}))");
        let newest = format!("SELECT id, search_vector FROM {table}_search ORDER BY id DESC LIMIT {RECENT}");
        format!(
            "WITH named AS MATERIALIZED (SELECT id FROM {table}_search WHERE {matches} LIMIT {limit}), \
             recent AS MATERIALIZED (SELECT id FROM ({newest}) newest \
             WHERE {matches} AND (SELECT COUNT(*) FROM named) = {limit} LIMIT {limit}) \
             SELECT id FROM (SELECT id FROM recent \
             UNION SELECT id FROM named WHERE (SELECT COUNT(*) FROM recent) < {limit}) matching ORDER BY id DESC"
        )
    }

    /// A condition that a row of `table`, which has this alias, is one of those that [`Database::search`] looks for.
    #[must_use]
    pub fn search_condition(&self, table: &str, alias: &str, placeholder: &str) -> String {
        match self.backend() {
            DatabaseBackend::Postgres => format!(
                "(SELECT s.search_vector @@ (SELECT to_tsquery('simple', {placeholder})) FROM {table}_search s WHERE s.id = {alias}.id)"
            ),
            _ => {
                format!("{alias}.rowid IN (SELECT rowid FROM {table}_search WHERE {table}_search MATCH {placeholder})")
            }
        }
    }

    /// The ids of the rows of `E` whose search text has every word of `words` (in search form), newest first, as a typed
    /// statement: see [`Database::search`].
    #[must_use]
    pub fn matching<E: EntityTrait>(&self, words: &str) -> SelectStatement {
        let index = search_table::<E>();
        let mut matching = Query::select();
        if self.backend() != DatabaseBackend::Postgres {
            return matching
                .column("id")
                .from(index)
                .and_where(self.is_match::<E>(words))
                .order_by_expr(Expr::col("rowid"), Order::Desc)
                .take();
        }
        let limit = BOUND + 1;
        let named =
            Query::select().column("id").from(index.clone()).and_where(self.is_match::<E>(words)).limit(limit).take();
        let newest = Query::select()
            .columns(["id", "search_vector"])
            .from(index)
            .order_by("id", Order::Desc)
            .limit(RECENT)
            .take();
        let is_crowded = Expr::cust(format!("(SELECT COUNT(*) FROM named) = {limit}"));
        let recent = Query::select()
            .column("id")
            .from_subquery(newest, "newest")
            .and_where(self.is_match::<E>(words))
            .and_where(is_crowded)
            .limit(limit)
            .take();
        let rest = Query::select()
            .column("id")
            .from("named")
            .and_where(Expr::cust(format!("(SELECT COUNT(*) FROM recent) < {limit}")))
            .take();
        let both = Query::select().column("id").from("recent").union(UnionType::Distinct, rest).take();
        let table = |name: &'static str, query| {
            CommonTableExpression::new().table_name(name).query(query).materialized(true).to_owned()
        };
        let with = WithClause::new().cte(table("named", named)).cte(table("recent", recent)).to_owned();
        matching.column("id").from_subquery(both, "matching").order_by("id", Order::Desc).with_cte(with).take()
    }

    /// That a row of the index of `E` has every word of `words`.
    fn is_match<E: EntityTrait>(&self, words: &str) -> Expr {
        let query = self.search_query(words);
        match self.backend() {
            DatabaseBackend::Postgres => {
                Expr::cust_with_values("search_vector @@ (SELECT to_tsquery('simple', $1))", [query])
            }
            _ => Expr::cust_with_values(format!("{} MATCH ?", search_table::<E>()), [query]),
        }
    }

    /// A condition that a row of `E` is one of those that [`Database::matching`] looks for.
    #[must_use]
    pub fn has_words<E: EntityTrait>(&self, words: &str) -> Expr {
        let (table, index) = (E::default().table_name(), search_table::<E>());
        let mut found = Query::select();
        found.from(index.clone());
        if self.backend() == DatabaseBackend::Postgres {
            found.expr(self.is_match::<E>(words)).and_where(Expr::col((index, "id")).eq(Expr::col((table, "id"))));
            Expr::SubQuery(None, Box::new(found.into()))
        } else {
            found.column("rowid").and_where(self.is_match::<E>(words));
            Expr::col((table, "rowid")).in_subquery(found)
        }
    }

    /// The full-text query for a person's words (already in search form): all of them, each from its beginning.
    #[must_use]
    pub fn search_query(&self, words: &str) -> String {
        let words = words.split_whitespace();
        match self.backend() {
            DatabaseBackend::Postgres => {
                words.map(|word| format!("'{}':*", word.replace(['\'', '\\'], ""))).collect::<Vec<_>>().join(" & ")
            }
            _ => words.map(|word| format!("\"{}\"*", word.replace('"', ""))).collect::<Vec<_>>().join(" "),
        }
    }
}

/// The table in which words of the rows of `E` are looked for.
fn search_table<E: EntityTrait>() -> String {
    format!("{}_search", E::default().table_name())
}
