//! What a provider gave back on its own, as when somebody refunds at its pages: found by asking what went back of a charge,
//! and written down as refunds that nobody granted here; what goes beyond a payment, too.

use super::{
    beyond::{BY_PROVIDER, beyond, beyond_in, beyond_of},
    execution::answered_in,
    rows::{is_open, is_told, refunds_in, refunds_of},
    taken_back::{Held, Taken, take_in},
};
use crate::{
    app::App,
    domain::{
        notifications::notify_in,
        payments::{Payment, gateways::gateway, notices::TakenBack, rows},
    },
    entity::{
        PaymentId, RefundId,
        refund::{Model as Refund, RefundOrigin, RefundState},
    },
    error::Result,
    platform::{
        db::Transaction,
        providers::payments::{ChargeRefund, Failure, GivenBack, ListedRefund, RefundProgress},
    },
};

/// Looks for what went back beside what we know of, when the provider says that it gave `told` back in all. The failure is
/// the provider's: try again later.
pub(crate) async fn book(app: &App, payment: &Payment, told: i64) -> Result<Result<(), Failure>> {
    let Some(gateway) = gateway(app, payment) else { return Ok(Ok(())) };
    if told == 0 || told <= known(app, payment).await? {
        return Ok(Ok(()));
    }
    let charge = payment.provider_reference.as_deref().unwrap_or_default();
    let listed = match gateway.given_back(charge).await {
        Ok(listed) => listed,
        Err(failure) => return Ok(Err(failure)),
    };
    app.fail_points.reach("refund.listed").await;
    match listed {
        GivenBack::Each(listed) => {
            for one in &listed {
                app.db.transact(async |tx| book_in(app, &tx, payment.id, one).await).await?;
            }
        }
        GivenBack::Total(total) => app.db.transact(async |tx| book_total_in(app, &tx, payment.id, total).await).await?,
    }
    app.fail_points.reach("refund.booked").await;
    Ok(Ok(()))
}

/// How much we know that the provider gives, or gave, back, beyond the payment included.
async fn known(app: &App, payment: &Payment) -> Result<i64> {
    let refunds = refunds_of(app, &[payment.id]).await?;
    let told: i64 = refunds.iter().filter(|refund| is_told(refund)).map(|refund| refund.amount).sum();
    Ok(told + beyond(app, payment.id).await?)
}

/// Where a provider only tells how much it gave back: what we know nothing of, once nothing of ours can be part of it.
async fn book_total_in(app: &App, tx: &Transaction, id: PaymentId, total: i64) -> Result<()> {
    rows::lock_in(tx, id).await?;
    let refunds = refunds_in(tx, id).await?;
    let beyond = beyond_of(id).read_in(tx).await?;
    let told: i64 = refunds.iter().filter(|refund| is_told(refund)).map(|refund| refund.amount).sum::<i64>() + beyond;
    // One that was asked for, and not answered, may be part of it.
    let asked = |refund: &&Refund| is_open(refund) && refund.asked_at.is_some() && !is_told(refund);
    let least = refunds.iter().filter(asked).map(|refund| refund.amount).min();
    if total <= told || least.is_some_and(|least| total - told >= least) {
        return Ok(());
    }
    let (reference, progress) = (format!("total-{total}"), RefundProgress::Succeeded);
    let refund = ChargeRefund { reference, progress, failure: None };
    book_in(app, tx, id, &ListedRefund { refund, ours: None, amount: total - told }).await
}

/// Writes down a refund as its provider lists it. Again, it changes nothing.
async fn book_in(app: &App, tx: &Transaction, id: PaymentId, listed: &ListedRefund) -> Result<()> {
    let payment = rows::lock_in(tx, id).await?;
    let refunds = refunds_in(tx, id).await?;
    let answer = &listed.refund;
    let by_reference = |refund: &&Refund| refund.provider_reference.as_ref() == Some(&answer.reference);
    let ours = listed.ours.as_deref().and_then(|ours| ours.parse::<RefundId>().ok());
    // One that was given up here, and done there all the same, is the provider's own from now on.
    let stands = |refund: &&Refund| Some(refund.id) == ours && refund.state != RefundState::Failed;
    if let Some(refund) = refunds.iter().find(by_reference).or_else(|| refunds.iter().find(stands)) {
        return answered_in(app, tx, refund, answer).await;
    }
    if answer.progress == RefundProgress::Failed || listed.amount <= 0 {
        return Ok(());
    }
    let taken = Taken {
        key: format!("{BY_PROVIDER}{}", answer.reference),
        reference: Some(&answer.reference),
        reason: "given_back_by_provider",
        amount: listed.amount,
        origin: RefundOrigin::Provider,
    };
    let Held { refund, beyond } = take_in(app, tx, &payment, &refunds, &taken).await?;
    beyond_in(app, tx, &payment, &taken.key, beyond).await?;
    let Some(refund) = refund else { return Ok(()) };
    answered_in(app, tx, &refund, answer).await?;
    tracing::warn!(payment = %id, refund = %refund.id, amount = listed.amount, "a provider gave money back on its own");
    notify_in(app, tx, &TakenBack { refund: refund.id.0 }).await
}
