//! Granting refunds: their money is held where it is, so that nobody else takes it, and a job does the rest.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

use super::rows::requests_in;
use crate::{
    app::App,
    domain::{
        actor::Actor,
        jobs::{self, Lane},
        ledger::{self, AccountRef, NewTransfer, Origin},
        notifications::notify_in,
        payments::{self, Payment, jobs::GiveBack, notices::RefundDecided, rows, rules, target},
    },
    entity::{
        Money, PaymentId, RefundId,
        ledger_transfer::TransferKind,
        payment::{self, ProviderKind},
        payment_event::EventSource,
        refund::{ActiveModel, Column, Entity, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// A refund that is to be written down.
pub(super) struct NewRow<'a> {
    pub(super) id: RefundId,
    pub(super) amount: i64,
    pub(super) destination: RefundDestination,
    pub(super) reason: &'a str,
    pub(super) by: &'a Actor,
    pub(super) origin: RefundOrigin,
}

/// Writes a refund down. False when there is one with this cause already.
pub(super) async fn insert_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    new: &NewRow<'_>,
    state: RefundState,
    cause: Option<&str>,
) -> Result<bool> {
    let now = app.clock.now();
    let decided = state == RefundState::Granted;
    let by = new.by.user_id();
    let row = ActiveModel {
        id: Set(new.id),
        payment_id: Set(payment.id),
        amount: Set(new.amount),
        destination: Set(new.destination),
        state: Set(state),
        reason: Set(new.reason.to_owned()),
        requested_by: Set(by),
        decided_by: Set(by.filter(|_| decided)),
        decided_at: Set(decided.then_some(now)),
        cause_key: Set(cause.map(str::to_owned)),
        created_at: Set(now),
        origin: Set(new.origin),
        ..Default::default()
    };
    let once = OnConflict::columns([Column::PaymentId, Column::CauseKey]).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(once).exec_without_returning(tx).await? == 1)
}

/// Holds the money of a granted refund, and has it done: at once, or by the poll after a pause. Codes:
/// INSUFFICIENT_FUNDS, AMOUNT_TOO_LARGE.
pub(super) async fn reserve_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    (id, amount): (RefundId, i64),
    pause: Option<chrono::TimeDelta>,
) -> Result<()> {
    let left = payment.captured - payment.refunded - payment.refunding;
    if amount > left {
        let max = Money::new(left, payment.currency);
        return Err(UserError::input("amount", UserErrorCode::AmountTooLarge).with("max", max).into());
    }
    let target = target::of(payment.target_kind)?;
    target.check_refund_in(app, tx, payment, amount).await?;
    let check_at = app.clock.now() + pause.unwrap_or(chrono::TimeDelta::minutes(10));
    hold_in(app, tx, payment, (id, amount), Some(check_at)).await?;
    if pause.is_none() {
        jobs::enqueue_in_lane(app, tx, Lane::Provider(payment.provider), &GiveBack { refund: id.0 }).await?;
    }
    let payment = rows::lock_in(tx, payment.id).await?;
    rows::note_in(app, tx, &payment, "refund_granted", EventSource::System, None).await?;
    app.fail_points.reach("refund.granting").await;
    Ok(())
}

/// Holds the money of a refund, which is looked at again at some time. Code: INSUFFICIENT_FUNDS.
pub(super) async fn hold_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    (id, amount): (RefundId, i64),
    check_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let (key, reference) = (id.to_string(), payments::reference(payment.id));
    let from = target::of(payment.target_kind)?.account_ref_in(tx, payment).await?;
    let hold = NewTransfer {
        kind: TransferKind::Refund,
        from,
        to: AccountRef::Clearing(payment.provider),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin: Origin::step(rules::REFUND_HOLD, &key),
    };
    let hold = ledger::hold_in(app, tx, hold, None).await?;
    let held = ActiveModel { id: Set(id), hold_id: Set(Some(hold.id)), check_at: Set(check_at), ..Default::default() };
    Entity::update(held).exec_without_returning(tx).await?;
    rows::add_in(app, tx, payment.id, &[(payment::Column::Refunding, amount)]).await
}

/// Gives back all that is left of a payment, because of something that happens once, such as `goal_cancelled`: the program's
/// own decision. What was asked for already is granted by it, as it was asked. Locks the payment. Done before, it changes
/// nothing.
pub(crate) async fn grant_in(app: &App, tx: &Transaction, id: PaymentId, cause: &'static str) -> Result<()> {
    let payment = rows::lock_in(tx, id).await?;
    answer_requests_in(app, tx, &payment, cause).await?;
    let payment = rows::lock_in(tx, id).await?;
    let left = payment.captured - payment.refunded - payment.refunding;
    give_back_in(app, tx, &payment, left, (cause, cause)).await
}

/// Nobody has to decide any more about what was asked for: all of it goes back. What can't go back as it was asked is refused,
/// and goes another way.
async fn answer_requests_in(app: &App, tx: &Transaction, payment: &Payment, cause: &str) -> Result<()> {
    for request in requests_in(tx, payment.id).await? {
        let payment = rows::lock_in(tx, payment.id).await?;
        let fits = request.amount <= payment.captured - payment.refunded - payment.refunding;
        let granted = fits && (request.destination == RefundDestination::Source || payment.payer_id.is_some());
        let state = if granted { RefundState::Granted } else { RefundState::Refused };
        let decided = ActiveModel {
            id: Set(request.id),
            state: Set(state),
            decided_at: Set(Some(app.clock.now())),
            decision_reason: Set(Some(cause.to_owned())),
            ..Default::default()
        };
        Entity::update(decided).exec_without_returning(tx).await?;
        notify_in(app, tx, &RefundDecided { refund: request.id.0 }).await?;
        if granted {
            reserve_in(app, tx, &payment, (request.id, request.amount), None).await?;
        } else {
            rows::note_in(app, tx, &payment, "refund_refused", EventSource::System, None).await?;
        }
    }
    Ok(())
}

/// Gives back a part of a payment, once for each `key`; the payment is locked.
pub(crate) async fn give_back_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    amount: i64,
    (cause, key): (&'static str, &str),
) -> Result<()> {
    let by_hand = matches!(payment.provider, ProviderKind::CashOnDelivery | ProviderKind::BankTransfer);
    let destination = match payment.payer_id {
        Some(_) if by_hand => RefundDestination::Wallet,
        _ => RefundDestination::Source,
    };
    let id = RefundId(app.ids.next(app.clock.now()));
    let (by, origin) = (&Actor::System, RefundOrigin::Platform);
    give_in(app, tx, payment, &NewRow { id, amount, destination, reason: cause, by, origin }, key, None).await
}

/// The same by a row that says where it goes; after a pause, if there is one.
pub(super) async fn give_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    new: &NewRow<'_>,
    key: &str,
    pause: Option<chrono::TimeDelta>,
) -> Result<()> {
    if new.amount <= 0 || !insert_in(app, tx, payment, new, RefundState::Granted, Some(key)).await? {
        return Ok(());
    }
    reserve_in(app, tx, payment, (new.id, new.amount), pause).await
}
