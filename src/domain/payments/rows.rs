//! Rows of payments, as those who change them hold them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, LockType},
};

use super::Payment;
use crate::{
    app::App,
    entity::{
        PaymentId,
        payment::{Column, Entity},
    },
    error::Result,
    platform::db::Transaction,
};

/// Locks a payment until the end of the transaction: before anything else that belongs to it.
pub(super) async fn lock_in(tx: &Transaction, id: PaymentId) -> Result<Payment> {
    let row = Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?;
    row.ok_or_else(super::not_found)
}

/// Adds to totals of a payment, which is locked; what is below zero is taken off.
pub(super) async fn add_in(app: &App, tx: &Transaction, id: PaymentId, totals: &[(Column, i64)]) -> Result<()> {
    let mut update = Entity::update_many().col_expr(Column::UpdatedAt, Expr::val(app.clock.now()));
    for &(column, amount) in totals {
        update = update.col_expr(column, Expr::col(column).add(amount));
    }
    update.filter(Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

/// The next number on the stream of a payment, which is locked.
pub(super) async fn next_event_in(tx: &Transaction, id: PaymentId) -> Result<i64> {
    let mut update = Entity::update_many()
        .col_expr(Column::EventSeq, Expr::col(Column::EventSeq).add(1))
        .filter(Column::Id.eq(id))
        .into_query();
    update.returning_col(Column::EventSeq);
    let row = tx.query_one(&update).await?.ok_or_else(super::not_found)?;
    Ok(row.try_get("", "event_seq")?)
}
