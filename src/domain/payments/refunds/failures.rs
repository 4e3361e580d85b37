//! Refunds that do not arrive. One that a provider did and takes back later is taken back here, too: its money is where it
//! was before.

use sea_orm::{ActiveValue::Set, EntityTrait};

use super::{
    beyond::beyond_back_in,
    retries::again_in,
    rows::{lock_in, refunds_of},
};
use crate::{
    app::App,
    domain::{
        accounts,
        ledger::{self, AccountRef, NewTransfer, Origin},
        payments::{self, Payment, gateways::gateway, receipts, rows, rules, short, target},
    },
    entity::{
        ledger_transfer::TransferKind,
        payment,
        payment_event::EventSource,
        refund::{ActiveModel, Entity, Model as Refund, RefundDestination, RefundOrigin, RefundState},
    },
    error::{Error, Result},
    platform::{
        db::Transaction,
        providers::payments::{ChargeRefund, Failure, RefundProgress},
    },
};

/// Asks again about refunds that were done: a provider may take one back after days. When it tells something of the payment,
/// or says that it gave back less (`told`) than they come to. The failure is the provider's: try again later.
pub(crate) async fn recheck(
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
pub(crate) async fn come_back_in(app: &App, tx: &Transaction, refund: &Refund, failure: Option<&str>) -> Result<()> {
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
    rows::note_in(app, tx, &payment, "refund_failed", EventSource::System, failure).await?;
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
    if to == target.account_ref_in(tx, payment).await? {
        let transfer = refund.hold_id.ok_or_else(|| Error::internal("a refund without its transfer"))?;
        return ledger::reverse_in(app, tx, transfer, origin, "").await.map(|_| true);
    }
    let reference = payments::reference(payment.id);
    let new = NewTransfer {
        kind: TransferKind::Refund,
        from: AccountRef::Clearing(payment.provider),
        to,
        amount: refund.amount,
        currency: payment.currency,
        reference: Some(&reference),
        description: "",
        origin,
    };
    ledger::post_in(app, tx, new).await.map(|_| false)
}
