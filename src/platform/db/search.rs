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
    /// The ids of the rows of `E` whose search text has every word of `words` (in search form), newest first; to be read up to
    /// a limit.
    ///
    /// SQLite's index of words is in order of time. PostgreSQL's is in none, so it is asked for the first rows only, up to the
    /// limit. Where there are more, the newest rows of the table are read, as many as [`RECENT`]; and where these don't have
    /// enough, those that the index named are taken with them. So a word costs little whether nobody wrote it or everybody, and
    /// no guess of the planner decides about it.
    #[must_use]
    pub(crate) fn matching<E: EntityTrait>(&self, words: &str) -> SelectStatement {
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
    fn search_query(&self, words: &str) -> String {
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
