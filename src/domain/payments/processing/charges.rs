//! Charges at providers: they are started, asked about and confirmed, outside of every transaction.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::complete;
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::Actor,
        payments::{
            self, Access, Payment, disputes,
            gateways::{amount, customer, gateway},
            payers::guest_token,
            queries,
            refunds::{execution, failures, given_back},
            target,
        },
    },
    entity::{PaymentId, payment::PaymentState, payment_event::EventSource, payment_method},
    error::{Error, Result},
    platform::providers::payments::{Charge, ChargeState, Failure, Gateway, NewCharge, NextAction},
};

/// A payment that was begun, with the token by which a guest comes back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The row of `payments`, as it is now.
    pub payment: Payment,
    /// For somebody without an account.
    pub guest_token: Option<String>,
}

/// Goes on with a payment that was opened just now, or by an earlier call with the same key: tells its provider.
pub async fn started(app: &App, actor: &Actor, outcome: Idempotent<PaymentId>) -> Result<Idempotent<Started>> {
    app.fail_points.reach("payment.reserved").await;
    let payment = start(app, outcome.value).await?;
    let is_guest = payment.payer_id.is_none() && payment.payer_email.is_some() && actor.user_id().is_none();
    let guest_token = is_guest.then(|| guest_token(app, payment.id));
    Ok(Idempotent { value: Started { payment, guest_token }, replayed: outcome.replayed })
}

/// Tells the provider of a payment that it does not know of yet, and records its answer. Again, or for a payment that has
/// begun, it changes nothing. Where the provider can't be reached, the payment stays as it is, and the poll goes on.
pub(crate) async fn start(app: &App, id: PaymentId) -> Result<Payment> {
    start_by(app, id, true).await
}

/// The same for a payment that is only begun to be called off: a saved way to pay is not charged for it.
pub(super) async fn start_unpaid(app: &App, id: PaymentId) -> Result<Payment> {
    start_by(app, id, false).await
}

async fn start_by(app: &App, id: PaymentId, pays: bool) -> Result<Payment> {
    let payment = queries::get(app, id).await?;
    if payment.state != PaymentState::Created {
        return Ok(payment);
    }
    let Some(gateway) = gateway(app, &payment) else { return Ok(payment) };
    let answer = match create(app, gateway, &payment, pays).await {
        Ok(charge) => charge,
        Err(Failure::Refused(cause)) => {
            tracing::info!(payment = %id, cause, "the provider refused a charge");
            refused(&payment, cause)
        }
        Err(Failure::Unavailable(cause)) => {
            tracing::warn!(payment = %id, cause, "the provider could not be told of a charge");
            return Ok(payment);
        }
    };
    complete::complete(app, id, EventSource::Create, &answer).await
}

async fn create(app: &App, gateway: &dyn Gateway, payment: &Payment, pays: bool) -> Result<Charge, Failure> {
    let broken = |error: Error| Failure::Unavailable(error.to_string());
    let method = if pays { method(app, payment).await.map_err(broken)? } else { None };
    let customer = match (payment.payer_id, &method) {
        (Some(payer), Some(_)) => Some(customer(app, gateway, payment.provider, payer).await?),
        _ => None,
    };
    let description = target::of(payment.target_kind).map_err(broken)?;
    let description = description.describe(app, payment).await.map_err(broken)?;
    let reference = payment.id.to_string();
    let new = NewCharge {
        reference: &reference,
        amount: amount(payment, payment.amount),
        description: &description,
        customer: customer.as_deref(),
        method: method.as_deref(),
        email: payment.payer_email.as_deref(),
        return_url: &app.frontend_link("payment", &[("id", &reference)]),
    };
    gateway.create_charge(&new).await
}

/// What the provider calls the saved way to pay.
async fn method(app: &App, payment: &Payment) -> Result<Option<String>> {
    let Some(id) = payment.method_id else { return Ok(None) };
    let kept = payment_method::Entity::find_by_id(id).filter(payment_method::Column::RemovedAt.is_null());
    let found = app.db.one(kept).await?;
    Ok(found.and_then(|method| method.provider_reference))
}

/// The charge that a provider would not begin.
fn refused(payment: &Payment, cause: String) -> Charge {
    Charge {
        state: ChargeState::Failed,
        authorised: 0,
        captured: 0,
        failure: Some(cause),
        next: NextAction::None,
        ..complete::by_hand(payment, 0)
    }
}

/// Asks the provider how a payment stands, and records it, with the refunds that are under way. A payment that no provider
/// speaks of stays as it is. The failure is the provider's: try again later.
pub async fn refresh(app: &App, id: PaymentId, source: EventSource) -> Result<Result<Payment, Failure>> {
    let payment = queries::get(app, id).await?;
    let Some(gateway) = gateway(app, &payment) else { return Ok(Ok(payment)) };
    if payment.state == PaymentState::Created {
        return start(app, id).await.map(Ok);
    }
    let Some(reference) = &payment.provider_reference else { return Ok(Ok(payment)) };
    let charge = match gateway.advance_charge(reference, &id.to_string()).await {
        Ok(charge) => charge,
        Err(failure) => return Ok(Err(failure)),
    };
    let payment = complete::complete(app, id, source, &charge).await?;
    execution::refresh_pending(app, &payment).await?;
    if let Err(failure) = failures::recheck(app, &payment, source, charge.refunded).await? {
        return Ok(Err(failure));
    }
    // Both are rare, and large: not part of every future that asks. A dispute that is lost, and told of as given back, too,
    // makes room for that.
    if let Err(failure) = Box::pin(disputes::booking::book(app, &payment, &charge, source)).await? {
        return Ok(Err(failure));
    }
    if let Err(failure) = Box::pin(given_back::book(app, &payment, charge.refunded)).await? {
        return Ok(Err(failure));
    }
    Ok(Ok(payment))
}

/// The payer says that they did their part: the provider is asked at once. Code: NOT_FOUND.
pub(crate) async fn confirm(app: &App, actor: &Actor, id: PaymentId, access: &Access) -> Result<Payment> {
    queries::find(app, actor, id, access).await?.ok_or_else(payments::not_found)?;
    match refresh(app, id, EventSource::Confirm).await? {
        Ok(payment) => Ok(payment),
        Err(failure) => {
            tracing::warn!(payment = %id, %failure, "the provider could not be asked");
            queries::get(app, id).await
        }
    }
}
