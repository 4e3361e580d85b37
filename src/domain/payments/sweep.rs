//! The sweeper: whatever a payment waits for, somebody asks in time. Also drives the sandbox, which has no process of its
//! own.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, future::join_all, stream};
use sea_orm::Iterable;
use uuid::Uuid;

use super::{Payment, cancel, complete, drive, refunds, webhooks};
use crate::{
    app::App,
    entity::{
        PaymentId, RefundId,
        payment::{PaymentState, ProviderKind},
        payment_event::EventSource,
    },
    error::Result,
    platform::{
        db::Columns,
        payments::{Envelope, Failure, NO_SUCH_CHARGE, sandbox::SIGNATURE},
    },
};

/// How many of a provider's are taken at once.
const BATCH: u64 = 50;
/// About how many of them it is asked at the same time.
const AT_ONCE: usize = 4;
/// The longest wait before a provider is asked again.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long after so many questions the next one comes.
pub(super) fn wait(app: &App, checks: i64) -> Duration {
    (app.config.payments.check_time * (1 << checks.clamp(0, 10))).min(LONGEST)
}

/// Where something waits for its time: a table, and how its rows tell their provider.
#[derive(Clone, Copy)]
struct Queue {
    table: &'static str,
    provider: &'static str,
}

const PAYMENTS: Queue = Queue { table: "payments", provider: "provider" };
const REFUNDS: Queue =
    Queue { table: "refunds", provider: "(SELECT p.provider FROM payments p WHERE p.id = refunds.payment_id)" };

/// Goes on with everything whose time has come; gives how much that was. No provider waits for another. Several processes may
/// do it at once.
pub async fn tend(app: &App) -> Result<u64> {
    join_all(ProviderKind::iter().map(|provider| tend_to(app, provider))).await.into_iter().sum()
}

/// The same, of one provider.
pub async fn tend_to(app: &App, provider: ProviderKind) -> Result<u64> {
    let mut done = if provider == ProviderKind::Sandbox { sandbox(app).await? } else { 0 };
    let payments = due(app, PAYMENTS, provider).await?;
    done += payments.len() as u64;
    let each = stream::iter(payments).map(PaymentId);
    each.for_each_concurrent(AT_ONCE, async |id| {
        // One that fails keeps nobody else's from being asked about.
        if let Err(error) = look_after(app, id).await {
            tracing::error!(payment = %id, %error, "a payment could not be gone on with");
        }
    })
    .await;
    let refunds = due(app, REFUNDS, provider).await?;
    done += refunds.len() as u64;
    stream::iter(refunds).map(RefundId).for_each_concurrent(AT_ONCE, async |id| refunds::go_on(app, id).await).await;
    Ok(done)
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

/// What of a provider's has come to its time, each for whoever took it: the next question is put off before this one is
/// asked.
async fn due(app: &App, Queue { table, provider: of }: Queue, provider: ProviderKind) -> Result<Vec<Uuid>> {
    let now = app.clock.now();
    let conditions = format!("FROM {table} WHERE check_at <= $1 AND {of} = $2");
    let values = || vec![now.into(), provider.as_str().into()];
    // Mostly there is nothing, and nothing to lock.
    if app.db.rows(format!("SELECT id {conditions} LIMIT 1"), values()).await?.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id, checks {conditions} ORDER BY check_at LIMIT {BATCH} {}", app.db.skip_locked());
    let put_off = format!("UPDATE {table} SET check_at = $2, checks = checks + 1 WHERE id = $1");
    app.db
        .transact(async |tx| {
            let mut due = Vec::new();
            for row in tx.rows(sql.as_str(), values()).await? {
                let mut columns = Columns::new(&row);
                let (id, checks): (Uuid, i64) = (columns.take()?, columns.take()?);
                tx.execute(put_off.as_str(), vec![id.into(), (now + wait(app, checks)).into()]).await?;
                due.push(id);
            }
            Ok(due)
        })
        .await
}

async fn look_after(app: &App, id: PaymentId) -> Result<()> {
    let payment = super::get(app, id).await?;
    let may_expire = !payment.state.is_final() && payment.state != PaymentState::Processing;
    if may_expire && payment.expires_at.is_some_and(|at| at <= app.clock.now()) {
        return expire(app, &payment).await;
    }
    if let Err(failure) = drive::refresh(app, id, EventSource::Poll).await? {
        tracing::warn!(payment = %id, %failure, "the provider could not be asked about a payment");
    }
    Ok(())
}

/// Its time is over.
async fn expire(app: &App, payment: &Payment) -> Result<()> {
    let charge = match cancel::call_off(app, payment).await? {
        Ok(charge) => charge,
        // Forgotten there: nobody can pay it any more.
        Err(Failure::Refused(cause)) if cause == NO_SUCH_CHARGE => cancel::over(payment),
        Err(Failure::Refused(cause)) => {
            tracing::warn!(payment = %payment.id, cause, "the provider would not call a charge off");
            return drive::refresh(app, payment.id, EventSource::Poll).await.map(drop);
        }
        // One that was never told of it, for so long: nobody can pay what nobody was shown.
        Err(Failure::Unavailable(_)) if payment.provider_reference.is_none() && payment.checks >= 20 => {
            cancel::over(payment)
        }
        Err(Failure::Unavailable(cause)) => {
            tracing::warn!(payment = %payment.id, cause, "the provider could not be told to call a charge off");
            return Ok(());
        }
    };
    complete::complete(app, payment.id, EventSource::Poll, &charge).await.map(drop)
}
