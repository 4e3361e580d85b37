//! Rows of refunds, and the lists of them that people see.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::LockType,
};

use crate::{
    app::App,
    domain::{
        actor::Actor,
        payments::{self, queries, sql},
        permissions::Permission,
    },
    entity::{
        Currency, PaymentId, RefundId, payment,
        refund::{Column, Entity, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::Result,
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
    },
};

/// A refund by its id. No rights are asked here.
pub(crate) async fn get(app: &App, id: RefundId) -> Result<Refund> {
    app.db.one(Entity::find_by_id(id)).await?.ok_or_else(payments::not_found)
}

pub(crate) async fn lock_in(tx: &Transaction, id: RefundId) -> Result<Refund> {
    let row = Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?;
    row.ok_or_else(payments::not_found)
}

/// All refunds of a payment, oldest first. The payment is locked by the caller, and so are they.
pub(crate) async fn refunds_in(tx: &Transaction, payment: PaymentId) -> Result<Vec<Refund>> {
    let refunds = Entity::find().filter(Column::PaymentId.eq(payment));
    Ok(refunds.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(tx).await?)
}

/// The refunds of a payment that nobody has decided about, locked.
pub(super) async fn requests_in(tx: &Transaction, payment: PaymentId) -> Result<Vec<Refund>> {
    let requests =
        Entity::find().filter(Column::PaymentId.eq(payment)).filter(Column::State.eq(RefundState::Requested));
    Ok(requests.order_by_asc(Column::Id).lock(LockType::NoKeyUpdate).all(tx).await?)
}

/// Whether a refund is under way: its money is held.
pub(super) fn is_open(refund: &Refund) -> bool {
    matches!(refund.state, RefundState::Granted | RefundState::Pending)
}

/// Whether the provider has told us that it gives, or gave, a refund back, and it stands.
pub(super) fn is_told(refund: &Refund) -> bool {
    refund.destination == RefundDestination::Source
        && refund.origin != RefundOrigin::Dispute
        && refund.provider_reference.is_some()
        && matches!(refund.state, RefundState::Granted | RefundState::Pending | RefundState::Succeeded)
}

/// The refunds of payments, by payment, oldest first, the newest 100 of each: whoever sees a payment sees them.
pub(crate) async fn refunds_by_payment(
    app: &App,
    _actor: &Actor,
    ids: &[PaymentId],
) -> Result<HashMap<PaymentId, Vec<Refund>>> {
    let mut found: HashMap<PaymentId, Vec<Refund>> = HashMap::new();
    for refund in sql::newest_of_each::<Entity>(app, Column::CreatedAt, ids).await? {
        found.entry(refund.payment_id).or_default().push(refund);
    }
    Ok(found)
}

/// All refunds of payments, oldest first. No rights are asked here.
pub(crate) async fn refunds_of(app: &App, ids: &[PaymentId]) -> Result<Vec<Refund>> {
    let refunds = Entity::find().filter(any_id(Column::PaymentId, ids));
    app.db.all(refunds.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id)).await
}

/// A refund with the currency of its payment.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub(crate) struct RefundOfPayment {
    /// The row of `refunds`.
    #[sea_orm(nested)]
    pub refund: Refund,
    /// What its amount is in.
    #[sea_orm(from_expr = "payment::Column::Currency")]
    pub currency: Currency,
}

/// A refund by its id, with its currency. No rights are asked here.
pub(crate) async fn get_with_currency(app: &App, id: RefundId) -> Result<RefundOfPayment> {
    let refund = Entity::find_by_id(id).left_join(payment::Entity);
    app.db.read_one(refund).await?.ok_or_else(payments::not_found)
}

/// Refunds by id, of payments that the actor may see.
pub(crate) async fn refunds_by_id(
    app: &App,
    actor: &Actor,
    ids: &[RefundId],
) -> Result<HashMap<RefundId, RefundOfPayment>> {
    let refunds = Entity::find().left_join(payment::Entity).filter(any_id(Column::Id, ids));
    let found: Vec<RefundOfPayment> = app.db.read(refunds).await?;
    let payments: Vec<PaymentId> = found.iter().map(|found| found.refund.payment_id).collect();
    let visible = queries::payments_by_id(app, actor, &payments).await?;
    let found = found.into_iter().filter(|found| visible.contains_key(&found.refund.payment_id));
    Ok(found.map(|found| (found.refund.id, found)).collect())
}

/// What refunds have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RefundFilter {
    /// How far they have come.
    pub states: Option<Vec<RefundState>>,
    /// When they were asked for.
    pub during: Span,
}

/// What cursors in the list of refunds are tied to.
pub(crate) const REFUND_SORT: &str = "refunds.newest";

/// A refund's place in the list.
#[must_use]
pub(crate) fn refund_cursor(found: &RefundOfPayment) -> Cursor {
    Cursor { sort: REFUND_SORT, key: Key::Time(found.refund.created_at), id: found.refund.id.0 }
}

/// All refunds, newest first, for those who may see them.
fn visible_to(actor: &Actor) -> Result<List<Entity>> {
    actor.require(Permission::SeeMoney)?;
    Ok(List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id)))
}

/// Everybody's refunds, newest first, for those who may see them.
pub(crate) async fn refunds(
    app: &App,
    actor: &Actor,
    filter: &RefundFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<RefundOfPayment>> {
    let mut list = visible_to(actor)?;
    list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?;
    list.during(Column::CreatedAt, filter.during)?;
    // LEFT, so that both databases begin with the refunds, in their order.
    list.page(&app.db, page, with_total, |refunds| refunds.left_join(payment::Entity)).await
}
