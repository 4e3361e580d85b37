//! Rows of payments, as those who change them hold them; and the steps that are written down of them.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, LockType},
};

use super::{Payment, short};
use crate::{
    app::App,
    domain::events::{self, NewEvent},
    entity::{
        PaymentEventId, PaymentId,
        event::{EventKind, StreamKind},
        payment::{Column, Entity},
        payment_event::{self, EventSource},
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
async fn next_event_in(tx: &Transaction, id: PaymentId) -> Result<i64> {
    let mut update = Entity::update_many()
        .col_expr(Column::EventSeq, Expr::col(Column::EventSeq).add(1))
        .filter(Column::Id.eq(id))
        .into_query();
    update.returning_col(Column::EventSeq);
    let row = tx.query_one(&update).await?.ok_or_else(super::not_found)?;
    Ok(row.try_get("", "event_seq")?)
}

/// Writes a step down, and tells those who follow the payment. Its row is locked.
pub(super) async fn note_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    kind: &str,
    source: EventSource,
    detail: Option<&str>,
) -> Result<()> {
    let now = app.clock.now();
    let step = payment_event::ActiveModel {
        id: Set(PaymentEventId(app.ids.next(now))),
        payment_id: Set(payment.id),
        kind: Set(kind.to_owned()),
        source: Set(source),
        authorised: Set(payment.authorised),
        captured: Set(payment.captured),
        refunded: Set(payment.refunded),
        pending: Set(payment.amount - payment.captured + payment.refunding),
        detail: Set(detail.map(short)),
        created_at: Set(now),
    };
    payment_event::Entity::insert(step).exec_without_returning(tx).await?;
    let seq = next_event_in(tx, payment.id).await?;
    let event = NewEvent { kind: EventKind::PaymentChanged, actor_id: None, subject_id: None };
    events::write_in(app, tx, StreamKind::Payment, payment.id.0, seq, event).await
}
