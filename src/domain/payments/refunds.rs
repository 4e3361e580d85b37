//! Refunds: asked for, granted, done. Granted money is held where it is, so that nobody else takes it; the provider is
//! called afterwards, under the refund's id, and the money moves when it says so, or is let go.

use chrono::{DateTime, Utc};

use super::{
    Payment, complete,
    drive::{self, gateway},
    jobs::GiveBack,
    notices::RefundDecided,
    queries, receipts,
    refund_failures::again_in,
    refund_rows::{get, lock_in, refunds_of, requests_in},
    rows, short, sweep, target,
};
use crate::{
    app::App,
    domain::{
        accounts,
        actor::Actor,
        jobs::{self, Lane},
        ledger::{self, End, NewTransfer, Origin, Place},
        notifications::notify_in,
    },
    entity::{
        Money, PaymentId, RefundId, TransferId, job,
        ledger_transfer::TransferKind,
        payment::ProviderKind,
        payment_event::EventSource,
        refund::{Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        payments::{ChargeRefund, Failure, NewRefund, RefundProgress},
    },
};

/// How long providers remember what was asked under a key, and a little less (Stripe: 24 hours).
pub const REMEMBERED: chrono::TimeDelta = chrono::TimeDelta::hours(20);
/// How long a provider that is down is tried.
const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::days(14);

// --------------------------------------------------------------------------------------------------------- granting

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
    let by = new.by.user_id().map(|user| user.0);
    let inserted = tx
        .execute(
            "INSERT INTO refunds (id, payment_id, amount, destination, state, reason, requested_by, decided_by, decided_at, \
             cause_key, created_at, origin) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (payment_id, cause_key) DO NOTHING",
            vec![
                new.id.0.into(),
                payment.id.0.into(),
                new.amount.into(),
                new.destination.as_str().into(),
                state.as_str().into(),
                new.reason.into(),
                by.into(),
                by.filter(|_| decided).into(),
                decided.then_some(now).into(),
                cause.map(str::to_owned).into(),
                now.into(),
                new.origin.as_str().into(),
            ],
        )
        .await?;
    Ok(inserted == 1)
}

/// Holds the money of a granted refund, and has it done: at once, or by the sweeper after a pause. Codes:
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
    complete::note_in(app, tx, &payment, "refund_granted", EventSource::System, None).await?;
    app.steps.reach("refund.granting").await;
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
    let (key, reference) = (id.to_string(), super::reference(payment.id));
    let from = target::of(payment.target_kind)?.place_in(tx, payment).await?;
    let hold = NewTransfer {
        kind: TransferKind::Refund,
        from,
        to: Place::Clearing(payment.provider),
        amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin: Origin::step(super::rules::REFUND_HOLD, &key),
    };
    let hold = ledger::hold_in(app, tx, hold, None).await?;
    let sql = "UPDATE refunds SET hold_id = $2, check_at = $3 WHERE id = $1";
    tx.execute(sql, vec![id.0.into(), hold.id.0.into(), check_at.into()]).await?;
    let sql = "UPDATE payments SET refunding = refunding + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), amount.into(), app.clock.now().into()]).await.map(drop)
}

/// Gives back all that is left of a payment, because of something that happens once, such as `goal_cancelled`: the program's
/// own decision. What was asked for already is granted by it, as it was asked. Locks the payment. Done before, it changes
/// nothing.
pub async fn grant_in(app: &App, tx: &Transaction, id: PaymentId, cause: &'static str) -> Result<()> {
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
        let sql = "UPDATE refunds SET state = $2, decided_at = $3, decision_reason = $4 WHERE id = $1";
        let values = vec![request.id.0.into(), state.as_str().into(), app.clock.now().into(), cause.into()];
        tx.execute(sql, values).await?;
        notify_in(app, tx, &RefundDecided { refund: request.id.0 }).await?;
        if granted {
            reserve_in(app, tx, &payment, (request.id, request.amount), None).await?;
        } else {
            complete::note_in(app, tx, &payment, "refund_refused", EventSource::System, None).await?;
        }
    }
    Ok(())
}

/// Gives back a part of a payment, once for each `key`; the payment is locked.
pub(super) async fn give_back_in(
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

// ------------------------------------------------------------------------------------------------------------ doing

impl jobs::Job for GiveBack {
    const KIND: &'static str = "refund";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        give_back(app, job, RefundId(self.refund)).await
    }
}

/// Gives back what was granted, as far as it goes now. Harmless when repeated.
async fn give_back(app: &App, job: &job::Model, refund: RefundId) -> Result<()> {
    match execute(app, refund).await? {
        Ok(()) => app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await,
        Err(cause) => jobs::put_off(app, job, &cause, PATIENCE).await,
    }
}

/// Goes on with a refund as far as it goes now. The failure is the provider's: try again later.
async fn execute(app: &App, id: RefundId) -> Result<Result<(), String>> {
    app.steps.reach("refund.reserved").await;
    let refund = get(app, id).await?;
    // What becomes of a dispute decides about its refund.
    if refund.origin == RefundOrigin::Dispute || !is_open(&refund) {
        return Ok(Ok(()));
    }
    let payment = queries::get(app, refund.payment_id).await?;
    let to_wallet = refund.destination == RefundDestination::Wallet || payment.provider == ProviderKind::Wallet;
    let done = |reference: String, progress| ChargeRefund { reference, progress, failure: None };
    let answer = match gateway(app, &payment) {
        _ if to_wallet => done(id.to_string(), RefundProgress::Succeeded),
        // Staff gives it back by hand, and says so: see `offline`.
        None => done(String::new(), RefundProgress::Pending),
        Some(gateway) => {
            let charge = payment.provider_reference.as_deref().unwrap_or_default();
            let asked = if let Some(reference) = &refund.provider_reference {
                gateway.fetch_refund(reference, charge).await
            } else if is_asked_too_late(app, &refund) {
                // Providers forget what was asked under which key: asked again, the money might go back twice.
                return Ok(Err(
                    "asked too long ago to be asked again: look at the provider, then end it by hand".to_owned()
                ));
            } else {
                asking(app, &refund).await?;
                let amount = drive::amount(&payment, refund.amount);
                let others = told_of(app, &refund).await?;
                gateway.create_refund(&NewRefund { reference: &id.to_string(), charge, amount, others }).await
            };
            match asked {
                Ok(answer) => answer,
                Err(Failure::Unavailable(cause)) => return Ok(Err(cause)),
                Err(Failure::Refused(cause)) => {
                    tracing::error!(refund = %id, cause, "the provider refused a refund");
                    let reference = refund.provider_reference.clone().unwrap_or_default();
                    ChargeRefund { reference, progress: RefundProgress::Failed, failure: Some(cause) }
                }
            }
        }
    };
    app.steps.reach("refund.answered").await;
    app.db.transact(async |tx| answered_in(app, &tx, &refund, &answer).await).await?;
    app.steps.reach("refund.recorded").await;
    Ok(Ok(()))
}

/// Whether a refund is under way: its money is held.
pub(super) fn is_open(refund: &Refund) -> bool {
    matches!(refund.state, RefundState::Granted | RefundState::Pending)
}

/// From the first question on a provider may know of a refund, and only remembers for a time under which key.
async fn asking(app: &App, refund: &Refund) -> Result<()> {
    if refund.asked_at.is_some() {
        return Ok(());
    }
    let sql = "UPDATE refunds SET asked_at = $2 WHERE id = $1 AND asked_at IS NULL";
    app.db.transact(async |tx| tx.execute(sql, vec![refund.id.0.into(), app.clock.now().into()]).await).await?;
    app.steps.reach("refund.asking").await;
    Ok(())
}

/// Whether a provider that has not answered for a refund may have forgotten what it was asked: somebody has to look there,
/// and end the refund by hand.
pub(super) fn is_asked_too_late(app: &App, refund: &Refund) -> bool {
    refund.origin == RefundOrigin::Platform
        && refund.provider_reference.is_none()
        && refund.asked_at.is_some_and(|at| at + REMEMBERED <= app.clock.now())
}

/// What else the provider has told us that it gave, or gives, back of a payment.
async fn told_of(app: &App, refund: &Refund) -> Result<i64> {
    let others = refunds_of(app, &[refund.payment_id]).await?;
    Ok(others.iter().filter(|other| other.id != refund.id && is_told(other)).map(|other| other.amount).sum())
}

/// Whether the provider has told us that it gives, or gave, a refund back, and it stands.
pub(super) fn is_told(refund: &Refund) -> bool {
    refund.destination == RefundDestination::Source
        && refund.origin != RefundOrigin::Dispute
        && refund.provider_reference.is_some()
        && matches!(refund.state, RefundState::Granted | RefundState::Pending | RefundState::Succeeded)
}

/// Records how a refund stands; again with the same, it changes nothing.
pub(super) async fn answered_in(app: &App, tx: &Transaction, refund: &Refund, answer: &ChargeRefund) -> Result<()> {
    let payment = rows::lock_in(tx, refund.payment_id).await?;
    let refund = lock_in(tx, refund.id).await?;
    if !is_open(&refund) {
        return Ok(());
    }
    let hold = refund.hold_id.ok_or_else(|| Error::internal("a granted refund holds nothing"))?;
    let now = app.clock.now();
    let (state, check_at, ended_at) = match answer.progress {
        // Nobody can be asked about it.
        RefundProgress::Pending if gateway(app, &payment).is_none() => (RefundState::Pending, None, None),
        RefundProgress::Pending => (RefundState::Pending, Some(now + sweep::wait(app, 0)), None),
        RefundProgress::Succeeded => (RefundState::Succeeded, None, Some(now)),
        RefundProgress::Failed => (RefundState::Failed, None, Some(now)),
    };
    if state == refund.state {
        return Ok(());
    }
    tx.execute(
        "UPDATE refunds SET state = $2, provider_reference = COALESCE(provider_reference, $3), failure = $4, check_at = $5, \
         ended_at = $6 WHERE id = $1",
        vec![
            refund.id.0.into(),
            state.as_str().into(),
            Some(answer.reference.clone()).filter(|text| !text.is_empty()).into(),
            answer.failure.as_deref().map(short).into(),
            check_at.into(),
            ended_at.into(),
        ],
    )
    .await?;
    match answer.progress {
        RefundProgress::Pending => {}
        RefundProgress::Succeeded => succeed_in(app, tx, &payment, &refund, hold).await?,
        RefundProgress::Failed => fail_in(app, tx, &payment, &refund, hold).await?,
    }
    let payment = rows::lock_in(tx, payment.id).await?;
    let kind = format!("refund_{}", state.as_str());
    complete::note_in(app, tx, &payment, &kind, EventSource::System, answer.failure.as_deref()).await?;
    if state == RefundState::Failed { again_in(app, tx, &payment, &refund).await } else { Ok(()) }
}

async fn succeed_in(app: &App, tx: &Transaction, payment: &Payment, refund: &Refund, hold: TransferId) -> Result<()> {
    // So that nobody is erased while money comes in.
    if let Some(payer) = payment.payer_id {
        accounts::lock_in(tx, &[payer]).await?;
    }
    let sql = "UPDATE payments SET refunding = refunding - $2, refunded = refunded + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), refund.amount.into(), app.clock.now().into()]).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    target::of(payment.target_kind)?.unsettle_in(app, tx, &payment, refund.amount).await?;
    let to = match (refund.destination, payment.payer_id) {
        (RefundDestination::Wallet, Some(payer)) => Place::Wallet(payer),
        // Their wallet went with their account.
        (RefundDestination::Wallet, None) => Place::Unclaimed,
        (RefundDestination::Source, _) => complete::source(&payment),
    };
    // Into the very wallet that it is held at: nothing moves.
    let at = target::of(payment.target_kind)?.place_in(tx, &payment).await?;
    let ended = if at == to {
        ledger::end_hold_in(app, tx, hold, End::Voided).await?
    } else {
        ledger::post_hold_in(app, tx, hold, to).await?
    };
    if !ended {
        return Err(Error::internal(format!("the money of {} was no longer held", refund.id)));
    }
    if refund.origin == RefundOrigin::Dispute {
        return Ok(());
    }
    receipts::refunded_in(app, tx, &payment, refund).await
}

pub(super) async fn fail_in(
    app: &App,
    tx: &Transaction,
    payment: &Payment,
    refund: &Refund,
    hold: TransferId,
) -> Result<()> {
    let sql = "UPDATE payments SET refunding = refunding - $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, vec![payment.id.0.into(), refund.amount.into(), app.clock.now().into()]).await?;
    ledger::end_hold_in(app, tx, hold, End::Voided).await.map(drop)
}

/// Asks about the refunds of a payment that are under way.
pub(super) async fn refresh_pending(app: &App, payment: &Payment) -> Result<()> {
    for refund in refunds_of(app, &[payment.id]).await? {
        if refund.state == RefundState::Pending
            && let Err(cause) = execute(app, refund.id).await?
        {
            tracing::warn!(refund = %refund.id, cause, "the provider could not be asked about a refund");
        }
    }
    Ok(())
}

/// Goes on with a refund whose time has come.
pub(super) async fn go_on(app: &App, id: RefundId) {
    match execute(app, id).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => tracing::warn!(refund = %id, cause, "the provider could not be asked about a refund"),
        Err(error) => tracing::error!(refund = %id, %error, "a refund could not be gone on with"),
    }
}
