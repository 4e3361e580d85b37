//! Rows of disputes, and the lists of them that people see.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    app::App,
    domain::{
        actor::Actor,
        payments::{queries, sql},
        permissions::Permission,
    },
    entity::{
        Currency, DisputeId, PaymentId, payment,
        payment_dispute::{Column, DisputeState, Entity, Model as Dispute},
    },
    error::Result,
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
    },
};

/// A dispute by the provider's own id. Its payment is locked by the caller, and so is it.
pub(super) async fn find_in(tx: &Transaction, payment: PaymentId, reference: &str) -> Result<Option<Dispute>> {
    let named = Entity::find().filter(Column::PaymentId.eq(payment)).filter(Column::ProviderReference.eq(reference));
    Ok(named.one(tx).await?)
}

/// Whether a payment has a dispute that nobody has decided.
pub(super) async fn has_open(app: &App, payment: PaymentId) -> Result<bool> {
    let open = Entity::find().filter(Column::PaymentId.eq(payment)).filter(Column::State.eq(DisputeState::Open));
    Ok(app.db.one(open).await?.is_some())
}

/// All disputes of a payment. No rights are asked here.
pub(super) async fn all_of(app: &App, payment: PaymentId) -> Result<Vec<Dispute>> {
    app.db.all(Entity::find().filter(Column::PaymentId.eq(payment)).order_by_asc(Column::Id)).await
}

/// The disputes of payments, by payment, oldest first: whoever sees a payment sees them.
pub(crate) async fn disputes_by_payment(
    app: &App,
    _actor: &Actor,
    ids: &[PaymentId],
) -> Result<HashMap<PaymentId, Vec<Dispute>>> {
    let mut found: HashMap<PaymentId, Vec<Dispute>> = HashMap::new();
    for dispute in sql::newest_of_each::<Entity>(app, Column::OpenedAt, ids).await? {
        found.entry(dispute.payment_id).or_default().push(dispute);
    }
    Ok(found)
}

/// A dispute with the currency of its payment.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub(crate) struct DisputeOfPayment {
    /// The row of `payment_disputes`.
    #[sea_orm(nested)]
    pub dispute: Dispute,
    /// What its amount is in.
    #[sea_orm(from_expr = "payment::Column::Currency")]
    pub currency: Currency,
}

/// Disputes by id, of payments that the actor may see.
pub(crate) async fn disputes_by_id(
    app: &App,
    actor: &Actor,
    ids: &[DisputeId],
) -> Result<HashMap<DisputeId, DisputeOfPayment>> {
    let disputes = Entity::find().left_join(payment::Entity).filter(any_id(Column::Id, ids));
    let found: Vec<DisputeOfPayment> = app.db.read(disputes).await?;
    let payments: Vec<PaymentId> = found.iter().map(|found| found.dispute.payment_id).collect();
    let visible = queries::payments_by_id(app, actor, &payments).await?;
    let found = found.into_iter().filter(|found| visible.contains_key(&found.dispute.payment_id));
    Ok(found.map(|found| (found.dispute.id, found)).collect())
}

/// What disputes have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DisputeFilter {
    /// How they stand.
    pub states: Option<Vec<DisputeState>>,
    /// When they became known.
    pub during: Span,
}

/// What cursors in the list of disputes are tied to.
pub(crate) const DISPUTE_SORT: &str = "disputes.newest";

/// A dispute's place in the list.
#[must_use]
pub(crate) fn dispute_cursor(found: &DisputeOfPayment) -> Cursor {
    Cursor { sort: DISPUTE_SORT, key: Key::Time(found.dispute.opened_at), id: found.dispute.id.0 }
}

/// All disputes, newest first, for those who may see them.
fn visible_to(actor: &Actor) -> Result<List<Entity>> {
    actor.require(Permission::SeeMoney)?;
    Ok(List::<Entity>::sorted(Sorting::descending(Column::OpenedAt, Column::Id)))
}

/// Everybody's disputes, newest first, for those who may see them.
pub(crate) async fn disputes(
    app: &App,
    actor: &Actor,
    filter: &DisputeFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<DisputeOfPayment>> {
    let mut list = visible_to(actor)?;
    list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?;
    list.during(Column::OpenedAt, filter.during)?;
    // LEFT, so that both databases begin with the disputes, in their order.
    list.page(&app.db, page, with_total, |disputes| disputes.left_join(payment::Entity)).await
}
