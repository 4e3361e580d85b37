//! Rows of disputes as hand-written SELECTs give them, and the lists that people see.

use std::collections::HashMap;

use sea_orm::QueryResult;

use super::queries;
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{
        Currency, DisputeId, PaymentId,
        payment_dispute::{DisputeState, Model as Dispute},
    },
    error::Result,
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
    },
};

/// Every column, of `payment_disputes d`.
const COLUMNS: &str = "d.id, d.payment_id, d.provider_reference, d.amount, d.reason, d.state, d.refund_id, d.respond_by, \
     d.opened_at, d.ended_at";

/// Every dispute has its payment. LEFT, so that both databases begin with the disputes, in their order.
const JOINS: &str = "LEFT JOIN payments p ON p.id = d.payment_id";

fn read(row: &QueryResult) -> Result<Dispute> {
    let mut columns = Columns::new(row);
    read_from(&mut columns)
}

fn read_from(columns: &mut Columns<'_>) -> Result<Dispute> {
    Ok(Dispute {
        id: columns.take()?,
        payment_id: columns.take()?,
        provider_reference: columns.take()?,
        amount: columns.take()?,
        reason: columns.take()?,
        state: columns.take()?,
        refund_id: columns.take()?,
        respond_by: columns.take()?,
        opened_at: columns.take()?,
        ended_at: columns.take()?,
    })
}

/// A dispute by the provider's own id. Its payment is locked by the caller, and so is it.
pub(super) async fn find_in(tx: &Transaction, payment: PaymentId, reference: &str) -> Result<Option<Dispute>> {
    let sql = format!("SELECT {COLUMNS} FROM payment_disputes d WHERE d.payment_id = $1 AND d.provider_reference = $2");
    tx.row(sql, vec![payment.0.into(), reference.into()]).await?.as_ref().map(read).transpose()
}

/// Whether a payment has a dispute that nobody has decided.
pub(super) async fn has_open(app: &App, payment: PaymentId) -> Result<bool> {
    let sql = "SELECT 1 FROM payment_disputes WHERE payment_id = $1 AND state = 'open' LIMIT 1";
    Ok(!app.db.rows(sql, vec![payment.0.into()]).await?.is_empty())
}

/// All disputes of a payment. No rights are asked here.
pub(super) async fn all_of(app: &App, payment: PaymentId) -> Result<Vec<Dispute>> {
    let sql = format!("SELECT {COLUMNS} FROM payment_disputes d WHERE d.payment_id = $1 ORDER BY d.id");
    app.db.rows(sql, vec![payment.0.into()]).await?.iter().map(read).collect()
}

/// The disputes of payments, by payment, oldest first: whoever sees a payment sees them.
pub async fn disputes_by_payment(
    app: &App,
    _actor: &Actor,
    ids: &[PaymentId],
) -> Result<HashMap<PaymentId, Vec<Dispute>>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let newest = "d.opened_at DESC, d.id DESC";
    let filter = "d.payment_id = p.id";
    let from = app.db.first_of_each("payments p", "payment_disputes", "d", filter, newest, queries::LISTED);
    let sql = format!("SELECT {COLUMNS} FROM {from} WHERE p.id IN ({list}) ORDER BY d.opened_at, d.id");
    let mut found: HashMap<PaymentId, Vec<Dispute>> = HashMap::new();
    for row in app.db.rows(sql, values).await? {
        let dispute = read(&row)?;
        found.entry(dispute.payment_id).or_default().push(dispute);
    }
    Ok(found)
}

/// A dispute with the currency of its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeOfPayment {
    /// The row of `disputes`.
    pub dispute: Dispute,
    /// What its amount is in.
    pub currency: Currency,
}

fn read_with_currency(row: &QueryResult) -> Result<DisputeOfPayment> {
    let mut columns = Columns::new(row);
    Ok(DisputeOfPayment { dispute: read_from(&mut columns)?, currency: columns.take()? })
}

/// Disputes by id, of payments that the actor may see.
pub async fn disputes_by_id(
    app: &App,
    actor: &Actor,
    ids: &[DisputeId],
) -> Result<HashMap<DisputeId, DisputeOfPayment>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS}, p.currency FROM payment_disputes d {JOINS} WHERE d.id IN ({list})");
    let found = app.db.rows(sql, values).await?.iter().map(read_with_currency).collect::<Result<Vec<_>>>()?;
    let payments: Vec<PaymentId> = found.iter().map(|found| found.dispute.payment_id).collect();
    let visible = queries::payments_by_id(app, actor, &payments).await?;
    let found = found.into_iter().filter(|found| visible.contains_key(&found.dispute.payment_id));
    Ok(found.map(|found| (found.dispute.id, found)).collect())
}

/// What disputes have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DisputeFilter {
    /// How they stand.
    pub states: Option<Vec<DisputeState>>,
    /// When they became known.
    pub during: Span,
}

/// What cursors in the list of disputes are tied to.
pub const DISPUTE_SORT: &str = "disputes.newest";

/// A dispute's place in the list.
#[must_use]
pub fn dispute_cursor(found: &DisputeOfPayment) -> Cursor {
    Cursor { sort: DISPUTE_SORT, key: Key::Time(found.dispute.opened_at), id: found.dispute.id.0 }
}

/// Everybody's disputes, newest first, for those who may see them.
pub async fn disputes(
    app: &App,
    actor: &Actor,
    filter: &DisputeFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<DisputeOfPayment>> {
    actor.require(Permission::SeeMoney)?;
    let mut conditions = Conditions::default();
    conditions.any_of("d.state", filter.states.as_deref(), |state| state.as_str())?;
    conditions.during("d.opened_at", filter.during)?;
    let columns = format!("{COLUMNS}, p.currency");
    let source = Source {
        columns: &columns,
        table: "payment_disputes d",
        joins: JOINS,
        key: "d.opened_at",
        id: "d.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read_with_currency).await
}
