//! The poll of providers: whatever a payment waits for, somebody asks in time. Also runs the sandbox, which has no process
//! of its own.

use std::collections::BTreeMap;

use futures_util::{StreamExt, future::join_all, stream};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
    sea_query::{Expr, LockBehavior, LockType},
};
use uuid::Uuid;

use super::{cancel, charges, complete, webhooks};
use crate::{
    app::App,
    domain::payments::{Payment, gateways::wait, queries, refunds::execution},
    entity::{
        PaymentId, RefundId,
        payment::{self, PaymentState, ProviderKind},
        payment_event::EventSource,
        refund,
    },
    error::Result,
    platform::providers::payments::{Envelope, Failure, NO_SUCH_CHARGE, sandbox::SIGNATURE},
};

/// How many of a provider's are taken at once.
const BATCH: u64 = 50;
/// About how many of them it is asked at the same time.
const AT_ONCE: usize = 4;

/// Where something waits for its time: the columns of its table, and what its rows' provider is.
struct Queue<E: EntityTrait> {
    id: E::Column,
    check_at: E::Column,
    checks: E::Column,
    provider: Expr,
}

fn payment_queue() -> Queue<payment::Entity> {
    use payment::Column;
    let provider = Column::Provider.into_expr();
    Queue { id: Column::Id, check_at: Column::CheckAt, checks: Column::Checks, provider }
}

fn refund_queue() -> Queue<refund::Entity> {
    use refund::Column;
    let is_of = Expr::col((payment::Entity, payment::Column::Id)).equals((refund::Entity, Column::PaymentId));
    let of = payment::Entity::find().select_only().column(payment::Column::Provider).filter(is_of);
    Queue { id: Column::Id, check_at: Column::CheckAt, checks: Column::Checks, provider: Expr::from(of.into_query()) }
}

/// Something whose time has come.
#[derive(Debug, FromQueryResult)]
struct Due {
    id: Uuid,
    checks: i64,
}

/// Polls everything whose time has come; gives how much that was. No provider waits for another. Several processes may
/// do it at once.
pub async fn poll_all(app: &App) -> Result<u64> {
    join_all(ProviderKind::iter().map(|provider| poll_provider(app, provider))).await.into_iter().sum()
}

/// The same, of one provider.
pub(crate) async fn poll_provider(app: &App, provider: ProviderKind) -> Result<u64> {
    let mut done = if provider == ProviderKind::Sandbox { sandbox(app).await? } else { 0 };
    let payments = due(app, payment_queue(), provider).await?;
    done += payments.len() as u64;
    let each = stream::iter(payments).map(PaymentId);
    each.for_each_concurrent(AT_ONCE, async |id| {
        // One that fails keeps nobody else's from being asked about.
        if let Err(error) = poll_payment(app, id).await {
            tracing::error!(payment = %id, %error, "the poll of a payment failed");
        }
    })
    .await;
    let refunds = due(app, refund_queue(), provider).await?;
    done += refunds.len() as u64;
    stream::iter(refunds).map(RefundId).for_each_concurrent(AT_ONCE, async |id| execution::go_on(app, id).await).await;
    Ok(done)
}

async fn sandbox(app: &App) -> Result<u64> {
    let Some(sandbox) = app.payments.sandbox() else { return Ok(0) };
    let mut done = sandbox.settle_due().await?;
    for delivery in sandbox.deliveries().await? {
        let headers = BTreeMap::from([(SIGNATURE.to_owned(), delivery.signature)]);
        let envelope = Envelope { headers, query: BTreeMap::new() };
        webhooks::receive(app, "sandbox", &envelope, delivery.body.as_bytes()).await?;
        sandbox.delivered(delivery.id).await?;
        done += 1;
    }
    Ok(done)
}

/// What of a provider's has come to its time, each for whoever took it: the next question is put off before this one is
/// asked.
async fn due<E: EntityTrait>(app: &App, queue: Queue<E>, provider: ProviderKind) -> Result<Vec<Uuid>> {
    let now = app.clock.now();
    let Queue { id, check_at, checks, provider: of } = queue;
    let waiting: Select<E> = E::find().select_only().column(id).column(checks).filter(check_at.lte(now));
    let waiting = waiting.filter(of.eq(provider));
    // Mostly there is nothing, and nothing to lock.
    if app.db.select::<Due>(&waiting.clone().limit(1).into_query()).await?.is_empty() {
        return Ok(Vec::new());
    }
    let first = waiting.order_by_asc(check_at).limit(BATCH);
    let first = first.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    app.db
        .transact(async |tx| {
            let mut due = Vec::new();
            for one in first.clone().into_model::<Due>().all(&tx).await? {
                E::update_many()
                    .col_expr(check_at, Expr::val(now + wait(app, one.checks)))
                    .col_expr(checks, Expr::col(checks).add(1))
                    .filter(id.eq(one.id))
                    .exec(&tx)
                    .await?;
                due.push(one.id);
            }
            Ok(due)
        })
        .await
}

async fn poll_payment(app: &App, id: PaymentId) -> Result<()> {
    let payment = queries::get(app, id).await?;
    let may_expire = !payment.state.is_final() && payment.state != PaymentState::Processing;
    if may_expire && payment.expires_at.is_some_and(|at| at <= app.clock.now()) {
        return expire(app, &payment).await;
    }
    if let Err(failure) = charges::refresh(app, id, EventSource::Poll).await? {
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
            return charges::refresh(app, payment.id, EventSource::Poll).await.map(drop);
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
