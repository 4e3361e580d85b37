//! Calling payments off while nothing was taken: the provider is told first, so that nobody can pay any more; if somebody
//! has, that counts.

use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter};

use super::{charges, complete};
use crate::{
    app::App,
    catalogue::Text,
    domain::{
        actor::{Actor, Client},
        jobs::{self, Lane},
        payments::{
            self, Access, Payment,
            gateways::gateway,
            jobs::CallOff,
            payers::is_payer,
            queries,
            refunds::requests::MAX_REASON,
            rows,
            staff::{self, Act},
            wrong_state,
        },
    },
    entity::{
        PaymentId, UserId, job,
        payment::{Column, Entity, PaymentState, ProviderKind},
        payment_event::EventSource,
    },
    error::{Code, Refusal, Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        providers::payments::{Charge, ChargeState, Failure, NO_SUCH_CHARGE},
        text,
    },
};

/// How long a provider that is down is told again.
const GIVE_UP_AFTER: chrono::TimeDelta = chrono::TimeDelta::days(3);

/// Has the provider call a charge off; gives how it stands then.
pub(super) async fn call_off(app: &App, payment: &Payment) -> Result<Result<Charge, Failure>> {
    // The provider may know of it though its answer was lost: asked again, it gives the same charge.
    let payment = charges::start_unpaid(app, payment.id).await?;
    Ok(match (gateway(app, &payment), &payment.provider_reference) {
        (Some(gateway), Some(reference)) => match gateway.cancel_charge(reference).await {
            // Forgotten there: nobody can pay it any more.
            Err(Failure::Refused(cause)) if cause == NO_SUCH_CHARGE => Ok(over(&payment)),
            answer => answer,
        },
        (Some(_), None) if payment.state == PaymentState::Created => {
            Err(Failure::Unavailable("it does not know of the charge yet".to_owned()))
        }
        _ => Ok(over(&payment)),
    })
}

/// The charge of a payment that no provider can be asked about, and nobody paid.
pub(super) fn over(payment: &Payment) -> Charge {
    Charge { state: ChargeState::Cancelled, ..complete::by_hand(payment, 0) }
}

/// The payer does not want to pay any more. Again, it changes nothing. Codes: NOT_FOUND, WRONG_STATE. UNAVAILABLE when the
/// provider can't be reached.
pub(crate) async fn payment_cancel(app: &App, actor: &Actor, id: PaymentId, access: &Access) -> Result<Payment> {
    let payment = queries::find(app, actor, id, access).await?.filter(|payment| is_payer(actor, payment));
    let payment = payment.ok_or_else(payments::not_found)?;
    if payment.state == PaymentState::Cancelled {
        return Ok(payment);
    }
    let charge = charge_of(app, &payment).await?;
    let payment = complete::complete(app, id, EventSource::Confirm, &charge).await?;
    if is_over(&payment) { Ok(payment) } else { Err(wrong_state(payment.state)) }
}

/// Staff calls a payment of somebody else's off. Codes: NOT_FOUND, WRONG_STATE, SECOND_PERSON_NEEDED, BLANK, TOO_LONG,
/// INVALID_CHARACTERS. UNAVAILABLE when the provider can't be reached.
pub(crate) async fn admin_payment_cancel(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: PaymentId,
    reason: &str,
) -> Result<Payment> {
    let user = staff::require(actor)?;
    let reason = text::block("reason", reason, MAX_REASON)?;
    if reason.is_empty() {
        return Err(UserError::input("reason", UserErrorCode::Blank).into());
    }
    // Before the provider is told; what it answers is recorded in any case.
    let payment = app
        .db
        .transact(async |tx| {
            staff::authorise_in(app, &tx, actor).await?;
            staff::somebody_else_s_in(&tx, user, rows::lock_in(&tx, id).await?).await
        })
        .await?;
    let charge = charge_of(app, &payment).await?;
    let payment = app
        .db
        .transact(async |tx| {
            let payment = complete::complete_in(app, &tx, id, EventSource::Staff, &charge).await?;
            if is_over(&payment) {
                let act = Act { reason: Some(&reason), ..Act::on_payment("adminPaymentCancel", id) };
                staff::record_in(app, &tx, actor, client, act).await?;
            }
            Ok(payment)
        })
        .await?;
    if is_over(&payment) { Ok(payment) } else { Err(wrong_state(payment.state)) }
}

fn is_over(payment: &Payment) -> bool {
    matches!(payment.state, PaymentState::Cancelled | PaymentState::Expired)
}

/// Has a payment called off that can be. Code: WRONG_STATE.
async fn charge_of(app: &App, payment: &Payment) -> Result<Charge> {
    if payment.captured > 0 || payment.state.is_final() {
        return Err(wrong_state(payment.state));
    }
    match call_off(app, payment).await? {
        Ok(charge) => Ok(charge),
        Err(Failure::Refused(cause)) => {
            tracing::warn!(payment = %payment.id, cause, "the provider would not call a charge off");
            Err(wrong_state(payment.state))
        }
        Err(Failure::Unavailable(cause)) => {
            tracing::warn!(payment = %payment.id, cause, "the provider could not be told to call a charge off");
            Err(Refusal::of(Code::Unavailable, Text::PaymentProviderUnavailable).into())
        }
    }
}

/// The payments of a person that wait for something are called off, by jobs.
pub(crate) async fn cancel_all_in(app: &App, tx: &Transaction, payer: UserId) -> Result<()> {
    let waiting = [PaymentState::Created, PaymentState::Pending, PaymentState::Processing, PaymentState::Authorized];
    let open = Entity::find()
        .filter(Column::PayerId.eq(payer))
        .filter(Column::Captured.eq(0_i64))
        .filter(Column::State.is_in(waiting))
        .into_partial_model::<Open>();
    let job = |open: Open| (Lane::Provider(open.provider), CallOff { payment: open.id.0 });
    let each: Vec<(Lane, CallOff)> = open.all(tx).await?.into_iter().map(job).collect();
    jobs::enqueue_all_in(app, tx, &each).await
}

/// A payment that waits for something.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Open {
    id: PaymentId,
    provider: ProviderKind,
}

impl jobs::Job for CallOff {
    const KIND: &'static str = "payment_cancel";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        cancel(app, job, PaymentId(self.payment)).await
    }
}

/// Calls a payment off that nobody waits for any more. Harmless when repeated.
async fn cancel(app: &App, job: &job::Model, payment: PaymentId) -> Result<()> {
    let payment = queries::get(app, payment).await?;
    if payment.captured == 0 && !payment.state.is_final() {
        match call_off(app, &payment).await? {
            Ok(charge) => complete::complete(app, payment.id, EventSource::System, &charge).await.map(drop)?,
            // The poll goes on with it.
            Err(Failure::Refused(cause)) => {
                tracing::warn!(payment = %payment.id, cause, "the provider would not call a charge off");
            }
            Err(Failure::Unavailable(cause)) => return jobs::put_off(app, job, &cause, GIVE_UP_AFTER).await,
        }
    }
    app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await
}
