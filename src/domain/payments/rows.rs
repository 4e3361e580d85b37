//! Rows of payments as hand-written SELECTs give them.

use sea_orm::QueryResult;

use super::Payment;
use crate::{
    entity::PaymentId,
    error::Result,
    platform::db::{Columns, Transaction},
};

/// Every column, of `payments p`.
pub(super) const COLUMNS: &str = "p.id, p.provider, p.target_kind, p.target_id, p.payer_id, p.payer_email, p.payer_locale, \
     p.method_id, p.currency, p.amount, p.state, p.authorised, p.captured, p.refunded, p.refunding, p.remitted, \
     p.provider_reference, p.provider_answer, p.sealed_next_action, p.proof, p.failure, p.event_seq, p.check_at, p.checks, \
     p.expires_at, p.created_at, p.updated_at, p.completed_at";

pub(super) fn read(row: &QueryResult) -> Result<Payment> {
    let mut columns = Columns::new(row);
    Ok(Payment {
        id: columns.take()?,
        provider: columns.take()?,
        target_kind: columns.take()?,
        target_id: columns.take()?,
        payer_id: columns.take()?,
        payer_email: columns.take()?,
        payer_locale: columns.take()?,
        method_id: columns.take()?,
        currency: columns.take()?,
        amount: columns.take()?,
        state: columns.take()?,
        authorised: columns.take()?,
        captured: columns.take()?,
        refunded: columns.take()?,
        refunding: columns.take()?,
        remitted: columns.take()?,
        provider_reference: columns.take()?,
        provider_answer: columns.take()?,
        sealed_next_action: columns.take()?,
        proof: columns.take()?,
        failure: columns.take()?,
        event_seq: columns.take()?,
        check_at: columns.take()?,
        checks: columns.take()?,
        expires_at: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
        completed_at: columns.take()?,
    })
}

/// Locks a payment until the end of the transaction: before anything else that belongs to it.
pub(super) async fn lock_in(tx: &Transaction, id: PaymentId) -> Result<Payment> {
    let sql = format!("SELECT {COLUMNS} FROM payments p WHERE p.id = $1 {}", tx.for_update());
    read(&tx.row(sql, vec![id.0.into()]).await?.ok_or_else(super::not_found)?)
}
