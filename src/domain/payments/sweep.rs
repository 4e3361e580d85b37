//! The sweeper: whatever a payment waits for, somebody asks in time. Also drives the sandbox, which has no process of its
//! own.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Payment, complete,
    drive::{self, gateway},
    refunds, webhooks,
};
use crate::{
    app::App,
    entity::{PaymentId, payment::PaymentState, payment_event::EventSource},
    error::Result,
    platform::{
        db::Columns,
        payments::{Charge, ChargeState, Envelope, Failure, NextAction, sandbox::SIGNATURE},
    },
};

/// How many payments are asked about at once.
const BATCH: u64 = 50;
/// The longest wait before a provider is asked again.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long after so many questions the next one comes.
pub(super) fn wait(app: &App, checks: i64) -> Duration {
    (app.config.payments.check_time * (1 << checks.clamp(0, 10))).min(LONGEST)
}

/// Goes on with everything whose time has come; gives how much that was. Several processes may do it at once.
pub async fn tend(app: &App) -> Result<u64> {
    let mut done = sandbox(app).await?;
    for id in due(app).await? {
        done += 1;
        // One that fails keeps nobody else's from being asked about.
        if let Err(error) = look_after(app, id).await {
            tracing::error!(payment = %id, %error, "a payment could not be gone on with");
        }
    }
    Ok(done + refunds::tend(app).await?)
}

async fn sandbox(app: &App) -> Result<u64> {
    let Some(sandbox) = app.payments.sandbox() else { return Ok(0) };
    let mut done = sandbox.settle_due().await?;
    for delivery in sandbox.deliveries().await? {
        let headers = BTreeMap::from([(SIGNATURE.to_owned(), delivery.signature)]);
        let envelope = Envelope { headers, query: BTreeMap::new() };
        webhooks::receive(app, "sandbox", &envelope, delivery.body.as_bytes()).await?;
        done += 1;
    }
    Ok(done)
}

/// Payments whose time has come, each for whoever took it: the next question is put off before this one is asked.
async fn due(app: &App) -> Result<Vec<PaymentId>> {
    let now = app.clock.now();
    let sql = format!(
        "SELECT id, checks FROM payments WHERE check_at <= $1 ORDER BY check_at LIMIT {BATCH} {}",
        app.db.skip_locked()
    );
    app.db
        .transact(async |tx| {
            let mut due = Vec::new();
            for row in tx.rows(sql.as_str(), vec![now.into()]).await? {
                let mut columns = Columns::new(&row);
                let (id, checks): (PaymentId, i64) = (columns.take()?, columns.take()?);
                let sql = "UPDATE payments SET check_at = $2, checks = checks + 1 WHERE id = $1";
                tx.execute(sql, vec![id.0.into(), (now + wait(app, checks)).into()]).await?;
                due.push(id);
            }
            Ok(due)
        })
        .await
}

async fn look_after(app: &App, id: PaymentId) -> Result<()> {
    let payment = super::get(app, id).await?;
    if payment.expires_at.is_some_and(|at| at <= app.clock.now()) && payment.state != PaymentState::Processing {
        return expire(app, &payment).await;
    }
    if let Err(failure) = drive::refresh(app, id, EventSource::Poll).await? {
        tracing::warn!(payment = %id, %failure, "the provider could not be asked about a payment");
    }
    Ok(())
}

/// Its time is over: the provider is told first, so that nobody can pay any more; if somebody has, that counts.
async fn expire(app: &App, payment: &Payment) -> Result<()> {
    let charge = match (gateway(app, payment), &payment.provider_reference) {
        (Some(gateway), Some(reference)) => match gateway.cancel_charge(reference).await {
            Ok(charge) => charge,
            Err(Failure::Refused(cause)) => {
                tracing::warn!(payment = %payment.id, cause, "the provider would not call a charge off");
                return drive::refresh(app, payment.id, EventSource::Poll).await.map(drop);
            }
            Err(Failure::Unavailable(cause)) => {
                tracing::warn!(payment = %payment.id, cause, "the provider could not be told to call a charge off");
                return Ok(());
            }
        },
        // The provider may know of it though its answer was lost: asked again, it gives the same charge.
        (Some(_), None) if payment.checks < 20 => {
            return drive::start(app, payment.id).await.map(drop);
        }
        _ => over(payment),
    };
    complete::complete(app, payment.id, EventSource::Poll, &charge).await.map(drop)
}

/// The charge of a payment that no provider can be asked about, and nobody paid.
fn over(payment: &Payment) -> Charge {
    let none = complete::by_hand(payment, 0);
    Charge { state: ChargeState::Cancelled, next: NextAction::None, ..none }
}
