//! Doing refunds that are granted: the provider is called under the refund's id, outside of every transaction, and the money
//! moves when it says so, or is let go.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::{
    retries::again_in,
    rows::{get, is_open, is_told, lock_in, refunds_of},
};
use crate::{
    app::App,
    domain::{
        accounts, jobs,
        ledger::{self, AccountRef, End},
        payments::{
            Payment,
            gateways::{amount, gateway, wait},
            jobs::GiveBack,
            queries, receipts, rows, rules, short, target,
        },
    },
    entity::{
        RefundId, TransferId, job,
        payment::{self, ProviderKind},
        payment_event::EventSource,
        refund::{ActiveModel, Column, Entity, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Error, Result},
    platform::{
        db::Transaction,
        providers::payments::{ChargeRefund, Failure, NewRefund, RefundProgress},
    },
};

/// How long providers remember what was asked under a key, and a little less (Stripe: 24 hours).
pub(crate) const REMEMBERED: chrono::TimeDelta = chrono::TimeDelta::hours(20);
/// How long a provider that is down is tried.
const GIVE_UP_AFTER: chrono::TimeDelta = chrono::TimeDelta::days(14);

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
        Err(cause) => jobs::put_off(app, job, &cause, GIVE_UP_AFTER).await,
    }
}

/// Goes on with a refund as far as it goes now. The failure is the provider's: try again later.
async fn execute(app: &App, id: RefundId) -> Result<Result<(), String>> {
    app.fail_points.reach("refund.reserved").await;
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
        // Staff gives it back by hand, and says so: see `offline::refunds`.
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
                let amount = amount(&payment, refund.amount);
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
    app.fail_points.reach("refund.answered").await;
    app.db.transact(async |tx| answered_in(app, &tx, &refund, &answer).await).await?;
    app.fail_points.reach("refund.recorded").await;
    Ok(Ok(()))
}

/// From the first question on a provider may know of a refund, and only remembers for a time under which key.
async fn asking(app: &App, refund: &Refund) -> Result<()> {
    if refund.asked_at.is_some() {
        return Ok(());
    }
    let asked = ActiveModel { asked_at: Set(Some(app.clock.now())), ..Default::default() };
    let first = Entity::update_many().set(asked).filter(Column::Id.eq(refund.id)).filter(Column::AskedAt.is_null());
    app.db.transact(async |tx| Ok(first.clone().exec(&tx).await?)).await?;
    app.fail_points.reach("refund.asking").await;
    Ok(())
}

/// Whether a provider that has not answered for a refund may have forgotten what it was asked: somebody has to look there,
/// and end the refund by hand.
pub(crate) fn is_asked_too_late(app: &App, refund: &Refund) -> bool {
    refund.origin == RefundOrigin::Platform
        && refund.provider_reference.is_none()
        && refund.asked_at.is_some_and(|at| at + REMEMBERED <= app.clock.now())
}

/// What else the provider has told us that it gave, or gives, back of a payment.
async fn told_of(app: &App, refund: &Refund) -> Result<i64> {
    let others = refunds_of(app, &[refund.payment_id]).await?;
    Ok(others.iter().filter(|other| other.id != refund.id && is_told(other)).map(|other| other.amount).sum())
}

/// Records how a refund stands; again with the same, it changes nothing.
pub(crate) async fn answered_in(app: &App, tx: &Transaction, refund: &Refund, answer: &ChargeRefund) -> Result<()> {
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
        RefundProgress::Pending => (RefundState::Pending, Some(now + wait(app, 0)), None),
        RefundProgress::Succeeded => (RefundState::Succeeded, None, Some(now)),
        RefundProgress::Failed => (RefundState::Failed, None, Some(now)),
    };
    if state == refund.state {
        return Ok(());
    }
    let named = Some(answer.reference.clone()).filter(|text| !text.is_empty());
    let change = ActiveModel {
        id: Set(refund.id),
        state: Set(state),
        provider_reference: Set(refund.provider_reference.clone().or(named)),
        failure: Set(answer.failure.as_deref().map(short)),
        check_at: Set(check_at),
        ended_at: Set(ended_at),
        ..Default::default()
    };
    Entity::update(change).exec_without_returning(tx).await?;
    match answer.progress {
        RefundProgress::Pending => {}
        RefundProgress::Succeeded => succeed_in(app, tx, &payment, &refund, hold).await?,
        RefundProgress::Failed => fail_in(app, tx, &payment, &refund, hold).await?,
    }
    let payment = rows::lock_in(tx, payment.id).await?;
    let kind = format!("refund_{}", state.as_str());
    rows::note_in(app, tx, &payment, &kind, EventSource::System, answer.failure.as_deref()).await?;
    if state == RefundState::Failed { again_in(app, tx, &payment, &refund).await } else { Ok(()) }
}

async fn succeed_in(app: &App, tx: &Transaction, payment: &Payment, refund: &Refund, hold: TransferId) -> Result<()> {
    // So that nobody is erased while money comes in.
    if let Some(payer) = payment.payer_id {
        accounts::lock_in(tx, &[payer]).await?;
    }
    let totals = [(payment::Column::Refunding, -refund.amount), (payment::Column::Refunded, refund.amount)];
    rows::add_in(app, tx, payment.id, &totals).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    target::of(payment.target_kind)?.unsettle_in(app, tx, &payment, refund.amount).await?;
    let to = match (refund.destination, payment.payer_id) {
        (RefundDestination::Wallet, Some(payer)) => AccountRef::Wallet(payer),
        // Their wallet went with their account.
        (RefundDestination::Wallet, None) => AccountRef::Unclaimed,
        (RefundDestination::Source, _) => rules::source(&payment),
    };
    // Into the very wallet that it is held at: nothing moves.
    let at = target::of(payment.target_kind)?.account_ref_in(tx, &payment).await?;
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
    rows::add_in(app, tx, payment.id, &[(payment::Column::Refunding, -refund.amount)]).await?;
    ledger::end_hold_in(app, tx, hold, End::Voided).await.map(drop)
}

/// Asks about the refunds of a payment that are under way.
pub(crate) async fn refresh_pending(app: &App, payment: &Payment) -> Result<()> {
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
pub(crate) async fn go_on(app: &App, id: RefundId) {
    match execute(app, id).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => tracing::warn!(refund = %id, cause, "the provider could not be asked about a refund"),
        Err(error) => tracing::error!(refund = %id, %error, "the poll of a refund failed"),
    }
}
