//! Talking to providers, outside of every transaction.

use super::{Payment, complete, disputes, given_back, queries, queries::Access, refund_failures, refunds, target};
use crate::{
    app::App,
    domain::actor::Actor,
    entity::{
        PaymentId, UserId,
        payment::{PaymentState, ProviderKind},
        payment_customer,
        payment_event::EventSource,
        payment_method,
    },
    error::{Error, Result},
    platform::payments::{Amount, Charge, ChargeState, Failure, Gateway, NewCharge, NewCustomer, NextAction},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::OnConflict};

/// An amount as providers are told it.
pub(super) fn amount(payment: &Payment, minor: i64) -> Amount {
    Amount { minor, currency: payment.currency.as_str(), digits: payment.currency.digits() }
}

/// The provider of a payment, where one has to be asked.
pub(super) fn gateway<'a>(app: &'a App, payment: &Payment) -> Option<&'a dyn Gateway> {
    app.payments.gateway(payment.provider.as_str())
}

/// Tells the provider of a payment that it does not know of yet, and records its answer. Again, or for a payment that has
/// begun, it changes nothing. Where the provider can't be reached, the payment stays as it is, and the sweeper goes on.
pub async fn start(app: &App, id: PaymentId) -> Result<Payment> {
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

/// The payer as the provider knows them; made known when they are not yet.
pub(super) async fn customer(
    app: &App,
    gateway: &dyn Gateway,
    provider: ProviderKind,
    user: UserId,
) -> Result<String, Failure> {
    let broken = |error: Error| Failure::Unavailable(error.to_string());
    let find = async || app.db.one(payment_customer::Entity::find_by_id((user, provider))).await;
    if let Some(known) = find().await.map_err(broken)? {
        return Ok(known.reference);
    }
    let reference = user.to_string();
    let known = gateway.create_customer(&NewCustomer { reference: &reference, email: None }).await?;
    let row = payment_customer::ActiveModel { user_id: Set(user), provider: Set(provider), reference: Set(known) };
    let inserted = app.db.transact(async |tx| {
        let known = [payment_customer::Column::UserId, payment_customer::Column::Provider];
        let once = OnConflict::columns(known).do_nothing().to_owned();
        Ok(payment_customer::Entity::insert(row.clone()).on_conflict(once).exec_without_returning(&tx).await?)
    });
    inserted.await.map_err(broken)?;
    // Whoever came first at the same moment has the say.
    let known = find().await.map_err(broken)?;
    known.map(|known| known.reference).ok_or_else(|| Failure::Unavailable("a customer vanished".to_owned()))
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
    refunds::refresh_pending(app, &payment).await?;
    if let Err(failure) = refund_failures::recheck(app, &payment, source, charge.refunded).await? {
        return Ok(Err(failure));
    }
    // Both are rare, and large: not part of every future that asks. A dispute that is lost, and told of as given back, too,
    // makes room for that.
    if let Err(failure) = Box::pin(disputes::book(app, &payment, &charge, source)).await? {
        return Ok(Err(failure));
    }
    if let Err(failure) = Box::pin(given_back::book(app, &payment, charge.refunded)).await? {
        return Ok(Err(failure));
    }
    Ok(Ok(payment))
}

/// The payer says that they did their part: the provider is asked at once. Code: NOT_FOUND.
pub async fn confirm(app: &App, actor: &Actor, id: PaymentId, access: &Access) -> Result<Payment> {
    queries::find(app, actor, id, access).await?.ok_or_else(super::not_found)?;
    match refresh(app, id, EventSource::Confirm).await? {
        Ok(payment) => Ok(payment),
        Err(failure) => {
            tracing::warn!(payment = %id, %failure, "the provider could not be asked");
            queries::get(app, id).await
        }
    }
}
