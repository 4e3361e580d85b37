//! What a column comes to in some rows: 0 where there are none.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, Func, Query, SelectStatement},
};

use crate::{app::App, error::Result, platform::db::Transaction};

/// What the sum is called in its row.
const SUM: &str = "sum";

/// A statement that gives a sum, and nothing else.
#[derive(Debug, Clone)]
pub(super) struct Sum(SelectStatement);

#[derive(Debug, FromQueryResult)]
struct Row {
    sum: i64,
}

impl Sum {
    /// What a column of minor units comes to in these rows. PostgreSQL's own sum of them is of another type.
    pub(super) fn of<E: EntityTrait>(rows: Select<E>, column: E::Column) -> Self {
        let sum = Func::coalesce([column.sum().cast_as("bigint"), Expr::val(0_i64)]);
        Self(rows.select_only().expr_as(sum, SUM).into_query())
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(Query::select().expr_as(self.into_expr().add(other.into_expr()), SUM).take())
    }

    /// As a part of another statement, which the rows may refer to.
    pub(super) fn into_expr(self) -> Expr {
        Expr::from(self.0)
    }

    pub(super) async fn read(self, app: &App) -> Result<i64> {
        let rows: Vec<Row> = app.db.select(&self.0).await?;
        Ok(rows.first().map_or(0, |row| row.sum))
    }

    pub(super) async fn read_in(self, tx: &Transaction) -> Result<i64> {
        match tx.query_one(&self.0).await? {
            Some(row) => Ok(row.try_get("", SUM)?),
            None => Ok(0),
        }
    }
}
