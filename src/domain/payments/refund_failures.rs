//! Refunds that do not arrive. One that a provider did and takes back later is taken back here, too: its money is where it
//! was before. Where money can't stay, as in the escrow of a goal that was called off, it is granted anew: into the giver's
//! wallet; to a guest, who has none, the same way again, a few times, then it is for staff to look into.

use chrono::TimeDelta;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::{
    Payment, complete,
    drive::gateway,
    given_back::beyond_back_in,
    receipts,
    refund_rows::{lock_in, refunds_of},
    refunds::{NewRow, give_in},
    rows, rules, short, target,
};
use crate::{
    app::App,
    domain::{
        accounts,
        actor::Actor,
        ledger::{self, NewTransfer, Origin, Place},
    },
    entity::{
        RefundId,
        ledger_transfer::TransferKind,
        payment,
        payment_event::EventSource,
        refund::{ActiveModel, Column, Entity, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Error, Result},
    platform::{
        db::Transaction,
        payments::{ChargeRefund, Failure, RefundProgress},
    },
};

/// What the keys of refunds that are granted anew start with; the id of the one that failed follows.
const AGAIN: &str = "again:";
/// How long after each failure a guest's money is given back again. Shorter than providers remember what they were asked.
const PAUSES: [TimeDelta; 3] = [TimeDelta::hours(1), TimeDelta::hours(4), TimeDelta::hours(16)];

/// Asks again about refunds that were done: a provider may take one back after days. When it tells something of the payment,
/// or says that it gave back less (`told`) than they come to. The failure is the provider's: try again later.
pub(super) async fn recheck(
    app: &App,
    payment: &Payment,
    source: EventSource,
    told: i64,
) -> Result<Result<(), Failure>> {
    let Some(gateway) = gateway(app, payment) else { return Ok(Ok(())) };
    let mut done = refunds_of(app, &[payment.id]).await?;
    done.retain(|refund| {
        refund.state == RefundState::Succeeded
            && refund.destination == RefundDestination::Source
            && refund.origin != RefundOrigin::Dispute
    });
    if source != EventSource::Webhook && told >= done.iter().map(|refund| refund.amount).sum::<i64>() {
        return Ok(Ok(()));
    }
    let charge = payment.provider_reference.as_deref().unwrap_or_default();
    for refund in &done {
        // What staff gave back by hand no provider speaks of.
        let Some(reference) = &refund.provider_reference else { continue };
        match gateway.fetch_refund(reference, charge).await {
            Ok(ChargeRefund { progress: RefundProgress::Failed, failure, .. }) => {
                app.db.transact(async |tx| come_back_in(app, &tx, refund, failure.as_deref()).await).await?;
            }
            Ok(_) => {}
            Err(Failure::Refused(cause)) => {
                tracing::warn!(refund = %refund.id, cause, "the provider does not know a refund that it did");
            }
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok(()))
}

/// The money of a refund that had succeeded is back. Again, it changes nothing.
pub(super) async fn come_back_in(app: &App, tx: &Transaction, refund: &Refund, failure: Option<&str>) -> Result<()> {
    let payment = rows::lock_in(tx, refund.payment_id).await?;
    let refund = lock_in(tx, refund.id).await?;
    if refund.state != RefundState::Succeeded {
        return Ok(());
    }
    // So that nobody is erased while money comes in.
    if let Some(payer) = payment.payer_id {
        accounts::lock_in(tx, &[payer]).await?;
    }
    let failed = ActiveModel {
        id: Set(refund.id),
        state: Set(RefundState::Failed),
        failure: Set(failure.map(short)),
        ended_at: Set(Some(app.clock.now())),
        ..Default::default()
    };
    Entity::update(failed).exec_without_returning(tx).await?;
    rows::add_in(app, tx, payment.id, &[(payment::Column::Refunded, -refund.amount)]).await?;
    let payment = rows::lock_in(tx, payment.id).await?;
    let is_where_it_was = take_back_in(app, tx, &payment, &refund).await?;
    tracing::error!(refund = %refund.id, payment = %payment.id, failure, "a refund that was done has come back");
    if refund.origin != RefundOrigin::Dispute {
        receipts::refund_came_back_in(app, tx, &payment, &refund).await?;
    }
    complete::note_in(app, tx, &payment, "refund_failed", EventSource::System, failure).await?;
    // What its provider gave back on its own may have been more than the payment had.
    if let Some(key) = refund.cause_key.as_ref().filter(|_| refund.origin == RefundOrigin::Provider) {
        beyond_back_in(app, tx, &payment, key).await?;
    }
    if is_where_it_was { again_in(app, tx, &payment, &refund).await } else { Ok(()) }
}

/// Takes the transfer of a refund back, so that totals and ledger are as before it; false when the money is nobody's now, as
/// its wallet is gone.
async fn take_back_in(app: &App, tx: &Transaction, payment: &Payment, refund: &Refund) -> Result<bool> {
    let target = target::of(payment.target_kind)?;
    let to = target.restore_in(app, tx, payment, refund.amount).await?;
    let key = refund.id.0.simple().to_string();
    let origin = Origin::step(rules::REFUND_BACK, &key);
    if to == target.place_in(tx, payment).await? {
        let transfer = refund.hold_id.ok_or_else(|| Error::internal("a refund without its transfer"))?;
        return ledger::reverse_in(app, tx, transfer, origin, "").await.map(|_| true);
    }
    let reference = super::reference(payment.id);
    let new = NewTransfer {
        kind: TransferKind::Refund,
        from: Place::Clearing(payment.provider),
        to,
        amount: refund.amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin,
    };
    ledger::post_in(app, tx, new).await.map(|_| false)
}

/// A refund has failed, and its money is where it was: where it can't stay, it is granted anew, once for each that failed. The
/// payment is locked.
pub(super) async fn again_in(app: &App, tx: &Transaction, payment: &Payment, failed: &Refund) -> Result<()> {
    let word = target::of(payment.target_kind)?.must_go_back_in(tx, payment).await?;
    let decided_here = failed.cause_key.as_ref().filter(|_| failed.origin == RefundOrigin::Platform);
    let cause = match (word, decided_here) {
        (Some(word), _) => word,
        // The program's own decision stands.
        (None, Some(_)) => failed.reason.as_str(),
        (None, None) => return Ok(()),
    };
    let is_guest = payment.payer_id.is_none();
    let pause = if is_guest { pause_in(app, tx, payment).await? } else { None };
    if is_guest && pause.is_none() {
        let (refund, payment) = (failed.id, payment.id);
        tracing::error!(%refund, %payment, "a guest's money could not be given back; refund it anew by hand");
        return Ok(());
    }
    let destination = if is_guest { RefundDestination::Source } else { RefundDestination::Wallet };
    let amount = failed.amount.min(payment.captured - payment.refunded - payment.refunding);
    let id = RefundId(app.ids.next(app.clock.now()));
    let origin = RefundOrigin::Platform;
    let new = NewRow { id, amount, destination, reason: cause, by: &Actor::System, origin };
    give_in(app, tx, payment, &new, &format!("{AGAIN}{}", failed.id), pause).await.map(drop)
}

/// After which time a guest's money is given back again; `None` when that was tried often enough, or is done by hand.
async fn pause_in(app: &App, tx: &Transaction, payment: &Payment) -> Result<Option<TimeDelta>> {
    if gateway(app, payment).is_none() {
        return Ok(None);
    }
    let failed = Entity::find().filter(Column::PaymentId.eq(payment.id)).filter(Column::State.eq(RefundState::Failed));
    let tried = failed.filter(Column::CauseKey.starts_with(AGAIN)).count(tx).await?;
    Ok(usize::try_from(tried).ok().and_then(|tried| PAUSES.get(tried)).copied())
}
