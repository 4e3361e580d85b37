//! Rows of refunds as hand-written SELECTs give them, and the lists that people see.

use std::collections::HashMap;

use sea_orm::QueryResult;

use super::queries;
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{
        Currency, PaymentId, RefundId,
        refund::{Model as Refund, RefundState},
    },
    error::Result,
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
    },
};

/// Every column, of `refunds r`.
const COLUMNS: &str = "r.id, r.payment_id, r.amount, r.destination, r.state, r.reason, r.decision_reason, r.requested_by, \
     r.decided_by, r.hold_id, r.provider_reference, r.failure, r.cause_key, r.check_at, r.checks, r.created_at, r.decided_at, \
     r.ended_at, r.origin, r.asked_at";

/// Refunds with their payments.
const JOINS: &str = "JOIN payments p ON p.id = r.payment_id";

fn read(row: &QueryResult) -> Result<Refund> {
    let mut columns = Columns::new(row);
    Ok(Refund {
        id: columns.take()?,
        payment_id: columns.take()?,
        amount: columns.take()?,
        destination: columns.take()?,
        state: columns.take()?,
        reason: columns.take()?,
        decision_reason: columns.take()?,
        requested_by: columns.take()?,
        decided_by: columns.take()?,
        hold_id: columns.take()?,
        provider_reference: columns.take()?,
        failure: columns.take()?,
        cause_key: columns.take()?,
        check_at: columns.take()?,
        checks: columns.take()?,
        created_at: columns.take()?,
        decided_at: columns.take()?,
        ended_at: columns.take()?,
        origin: columns.take()?,
        asked_at: columns.take()?,
    })
}

/// A refund by its id. No rights are asked here.
pub(super) async fn get(app: &App, id: RefundId) -> Result<Refund> {
    let rows = app.db.rows(format!("SELECT {COLUMNS} FROM refunds r WHERE r.id = $1"), vec![id.0.into()]).await?;
    read(rows.first().ok_or_else(super::not_found)?)
}

pub(super) async fn lock_in(tx: &Transaction, id: RefundId) -> Result<Refund> {
    let sql = format!("SELECT {COLUMNS} FROM refunds r WHERE r.id = $1 {}", tx.for_update());
    read(&tx.row(sql, vec![id.0.into()]).await?.ok_or_else(super::not_found)?)
}

/// All refunds of a payment, oldest first. The payment is locked by the caller, and so are they.
pub(super) async fn refunds_in(tx: &Transaction, payment: PaymentId) -> Result<Vec<Refund>> {
    let sql = format!("SELECT {COLUMNS} FROM refunds r WHERE r.payment_id = $1 ORDER BY r.created_at, r.id");
    tx.rows(sql, vec![payment.0.into()]).await?.iter().map(read).collect()
}

/// The refunds of a payment that nobody has decided about, locked.
pub(super) async fn requests_in(tx: &Transaction, payment: PaymentId) -> Result<Vec<Refund>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM refunds r WHERE r.payment_id = $1 AND r.state = 'requested' ORDER BY r.id {}",
        tx.for_update()
    );
    tx.rows(sql, vec![payment.0.into()]).await?.iter().map(read).collect()
}

/// The refunds of payments, by payment, oldest first, the newest 100 of each: whoever sees a payment sees them.
pub async fn refunds_by_payment(
    app: &App,
    _actor: &Actor,
    ids: &[PaymentId],
) -> Result<HashMap<PaymentId, Vec<Refund>>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let newest = "r.created_at DESC, r.id DESC";
    let from = app.db.first_of_each("payments p", "refunds", "r", "r.payment_id = p.id", newest, queries::LISTED);
    let sql = format!("SELECT {COLUMNS} FROM {from} WHERE p.id IN ({list}) ORDER BY r.created_at, r.id");
    let mut found: HashMap<PaymentId, Vec<Refund>> = HashMap::new();
    for row in app.db.rows(sql, values).await? {
        let refund = read(&row)?;
        found.entry(refund.payment_id).or_default().push(refund);
    }
    Ok(found)
}

/// All refunds of payments, oldest first. No rights are asked here.
pub(super) async fn refunds_of(app: &App, ids: &[PaymentId]) -> Result<Vec<Refund>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS} FROM refunds r WHERE r.payment_id IN ({list}) ORDER BY r.created_at, r.id");
    app.db.rows(sql, values).await?.iter().map(read).collect()
}

/// A refund with the currency of its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOfPayment {
    /// The row of `refunds`.
    pub refund: Refund,
    /// What its amount is in.
    pub currency: Currency,
}

fn read_with_currency(row: &QueryResult) -> Result<RefundOfPayment> {
    let refund = read(row)?;
    let mut columns = Columns::new(row);
    columns.skip(20);
    Ok(RefundOfPayment { refund, currency: columns.take()? })
}

/// A refund by its id, with its currency. No rights are asked here.
pub(super) async fn get_with_currency(app: &App, id: RefundId) -> Result<RefundOfPayment> {
    let sql = format!("SELECT {COLUMNS}, p.currency FROM refunds r {JOINS} WHERE r.id = $1");
    let rows = app.db.rows(sql, vec![id.0.into()]).await?;
    read_with_currency(rows.first().ok_or_else(super::not_found)?)
}

/// Refunds by id, of payments that the actor may see.
pub async fn refunds_by_id(app: &App, actor: &Actor, ids: &[RefundId]) -> Result<HashMap<RefundId, RefundOfPayment>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS}, p.currency FROM refunds r {JOINS} WHERE r.id IN ({list})");
    let found = app.db.rows(sql, values).await?.iter().map(read_with_currency).collect::<Result<Vec<_>>>()?;
    let payments: Vec<PaymentId> = found.iter().map(|found| found.refund.payment_id).collect();
    let visible = queries::payments_by_id(app, actor, &payments).await?;
    let found = found.into_iter().filter(|found| visible.contains_key(&found.refund.payment_id));
    Ok(found.map(|found| (found.refund.id, found)).collect())
}

/// What refunds have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefundFilter {
    /// How far they have come.
    pub states: Option<Vec<RefundState>>,
    /// When they were asked for.
    pub during: Span,
}

/// What cursors in the list of refunds are tied to.
pub const REFUND_SORT: &str = "refunds.newest";

/// A refund's place in the list.
#[must_use]
pub fn refund_cursor(found: &RefundOfPayment) -> Cursor {
    Cursor { sort: REFUND_SORT, key: Key::Time(found.refund.created_at), id: found.refund.id.0 }
}

/// Everybody's refunds, newest first, for those who may see them.
pub async fn refunds(
    app: &App,
    actor: &Actor,
    filter: &RefundFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<RefundOfPayment>> {
    actor.require(Permission::SeeMoney)?;
    let mut conditions = Conditions::default();
    conditions.any_of("r.state", filter.states.as_deref(), |state| state.as_str())?;
    conditions.during("r.created_at", filter.during)?;
    let columns = format!("{COLUMNS}, p.currency");
    let source = Source {
        columns: &columns,
        table: "refunds r",
        joins: JOINS,
        key: "r.created_at",
        id: "r.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read_with_currency).await
}
