//! Reading and following payments.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::Stream;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr};
use uuid::Uuid;

use super::{Payment, sql};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        amounts::AmountRange,
        live::{self, Content, Step},
        permissions::Permission,
    },
    entity::{
        PaymentId, UserId,
        event::{self, StreamKind},
        payment::{Column, Entity, PaymentState, ProviderKind, TargetKind},
        payment_event,
    },
    error::Result,
    platform::{
        db::any_id,
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
    },
};

/// What somebody without an account shows to see their payment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// The token that they were given when it began.
    pub guest_token: Option<String>,
}

/// A payment. No rights are asked here. Code: NOT_FOUND.
pub(crate) async fn get(app: &App, id: PaymentId) -> Result<Payment> {
    find_by_id(app, id).await?.ok_or_else(super::not_found)
}

/// The same, if it is there.
pub(super) async fn find_by_id(app: &App, id: PaymentId) -> Result<Option<Payment>> {
    app.db.one(Entity::find_by_id(id)).await
}

/// A payment that the actor may see: their own; anybody's, with the permission; as a guest, the one of their token.
pub(crate) async fn find(app: &App, actor: &Actor, id: PaymentId, access: &Access) -> Result<Option<Payment>> {
    if let Some(found) = payments_by_id(app, actor, &[id]).await?.remove(&id) {
        return Ok(Some(found));
    }
    let token = access.guest_token.as_deref().and_then(|token| URL_SAFE_NO_PAD.decode(token).ok());
    let shown = token.is_some_and(|token| app.keys.fingerprint_verify("payment guest", &[&id.to_string()], &token));
    if !shown {
        actor.require_certain()?;
        return Ok(None);
    }
    Ok(Some(get(app, id).await?).filter(|payment| payment.payer_id.is_none()))
}

/// Payments by id that the actor may see.
pub(crate) async fn payments_by_id(app: &App, actor: &Actor, ids: &[PaymentId]) -> Result<HashMap<PaymentId, Payment>> {
    let Ok(viewer) = actor.require_user() else { return Ok(HashMap::new()) };
    let mut found = app.db.all(Entity::find().filter(any_id(Column::Id, ids))).await?;
    found.retain(|payment| payment.payer_id == Some(viewer.id) || actor.may(Permission::SeeMoney));
    Ok(found.into_iter().map(|payment| (payment.id, payment)).collect())
}

/// What payments have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PaymentFilter {
    /// Whose, of `everybodys`.
    pub payers: Option<Vec<UserId>>,
    /// Everybody's, for those who may see them.
    pub everybodys: bool,
    /// How far they have come.
    pub states: Option<Vec<PaymentState>>,
    /// Who moves the money.
    pub providers: Option<Vec<ProviderKind>>,
    /// What they are for.
    pub targets: Option<Vec<TargetKind>>,
    /// How much was to be paid.
    pub amount: Option<AmountRange>,
    /// When they began.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub(crate) const SORT: &str = "payments.newest";

/// A payment's place in the list.
#[must_use]
pub(crate) fn cursor(payment: &Payment) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(payment.created_at), id: payment.id.0 }
}

/// Payments that the actor may see, newest first, with the condition for each payer, where there are some: their own, or
/// everybody's for those who may see them.
fn visible_to(actor: &Actor, filter: &PaymentFilter) -> Result<(List<Entity>, Vec<Expr>)> {
    let payers = if filter.everybodys {
        actor.require(Permission::SeeMoney)?;
        filter.payers.clone()
    } else {
        Some(vec![actor.require_user()?.id])
    };
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    let each = list.any_of(Column::PayerId, payers.as_deref(), |payer| *payer)?;
    Ok((list, each))
}

/// Payments, newest first: the actor's own, or everybody's for those who may see them.
pub(crate) async fn payments(
    app: &App,
    actor: &Actor,
    filter: &PaymentFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Payment>> {
    let (mut list, payers) = visible_to(actor, filter)?;
    list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?;
    list.any_of(Column::Provider, filter.providers.as_deref(), |provider| provider.as_str())?;
    list.any_of(Column::TargetKind, filter.targets.as_deref(), |target| target.as_str())?;
    list.during(Column::CreatedAt, filter.during)?;
    if let Some(amount) = filter.amount {
        let amount = amount.narrow(&mut list, Column::Currency, Column::Amount);
        // One person's are few; of everybody's there is an index of amounts.
        let (among, order) = match payers.as_slice() {
            [one] => (one.clone(), Column::CreatedAt),
            _ => (amount, Column::Amount),
        };
        let ids = Entity::find().select_only().column(Column::Id).filter(among);
        list.among(ids.order_by_desc(order).order_by_desc(Column::Id).into_query());
    }
    list.page(&app.db, page, with_total, |payments| payments).await
}

/// The steps of payments, by payment, oldest first, the newest 100 of each: whoever sees a payment sees them.
pub(crate) async fn events_by_payment(
    app: &App,
    _actor: &Actor,
    ids: &[PaymentId],
) -> Result<HashMap<PaymentId, Vec<payment_event::Model>>> {
    let mut found: HashMap<PaymentId, Vec<payment_event::Model>> = HashMap::new();
    for step in sql::newest_of_each::<payment_event::Entity>(app, payment_event::Column::CreatedAt, ids).await? {
        found.entry(step.payment_id).or_default().push(step);
    }
    Ok(found)
}

// ---------------------------------------------------------------------------------------------------------- following

struct Steps;

impl Content for Steps {
    type Item = Payment;
    const KIND: StreamKind = StreamKind::Payment;

    async fn load(app: &App, id: Uuid, events: &[event::Model]) -> Result<Vec<Option<Arc<Payment>>>> {
        let payment = Arc::new(get(app, PaymentId(id)).await?);
        Ok(events.iter().map(|_| Some(Arc::clone(&payment))).collect())
    }
}

/// A payment that the actor may see, as it changes. Code: NOT_FOUND.
pub(crate) async fn follow(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    access: &Access,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<Payment>>> + Send + use<>> {
    find(app, actor, id, access).await?.ok_or_else(super::not_found)?;
    live::follow::<Steps>(app, actor, client, id.0, after).await
}
