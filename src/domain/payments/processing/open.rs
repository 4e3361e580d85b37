//! Opening a payment: the part that is one transaction, before any provider knows of it.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, SelectExt};
use uuid::Uuid;

use super::{complete, next_actions::seal_next};
use crate::{
    app::App,
    domain::payments::{Payment, gateways, payers::Payer, rows, target},
    entity::{
        Money, PaymentId, PaymentMethodId,
        payment::{self, PaymentState, ProviderKind, TargetKind},
        payment_event::EventSource,
        payment_method,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{db::Transaction, ids::random_of, providers::payments::NextAction},
};

/// Letters and digits of references that people copy: without those that look alike.
const REFERENCE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A payment that is to be opened.
#[derive(Debug, Clone)]
pub struct NewPayment {
    /// The id that it is going to have.
    pub id: PaymentId,
    /// What it is for.
    pub target: TargetKind,
    /// The target's id: whose wallet, or which contribution.
    pub target_id: Uuid,
    /// By whom it is paid.
    pub payer: Payer,
    /// Their language, as stored.
    pub locale: &'static str,
    /// Who moves the money.
    pub provider: ProviderKind,
    /// By which saved way to pay.
    pub method: Option<PaymentMethodId>,
    /// What is to be paid, above zero.
    pub amount: Money,
}

/// Opens a payment, within the caller's transaction. The caller writes what it is for, then calls [`pay_at_once_in`]; after
/// the commit it calls [`super::charges::started`]. Codes: PROVIDER_NOT_AVAILABLE, NOT_FOUND (of the saved way to pay).
pub async fn open_in(app: &App, tx: &Transaction, new: &NewPayment) -> Result<Payment> {
    let unavailable = || Error::from(UserError::input("provider", UserErrorCode::ProviderNotAvailable));
    if !gateways::is_offered(app, new.provider) || !target::of(new.target)?.accepts(new.provider) {
        return Err(unavailable());
    }
    let (payer_id, payer_email) = match &new.payer {
        Payer::User(user) => (Some(*user), None),
        Payer::Guest(email) => (None, Some(email.clone())),
    };
    if payer_id.is_none() && new.provider == ProviderKind::Wallet {
        return Err(unavailable());
    }
    if let Some(method) = new.method {
        let saved = payment_method::Entity::find_by_id(method)
            .filter(payment_method::Column::UserId.eq(payer_id))
            .filter(payment_method::Column::Provider.eq(new.provider))
            .filter(payment_method::Column::RemovedAt.is_null());
        if !saved.exists(tx).await? {
            return Err(UserError::input("methodId", UserErrorCode::NotFound).into());
        }
    }
    let now = app.clock.now();
    let config = &app.config.payments;
    // Where no provider can be asked, there is nothing to look at before its time is over.
    let (state, next, lives) = match new.provider {
        ProviderKind::BankTransfer => {
            let reference = format!("AG{}", random_of(REFERENCE, 10));
            let instructions = config.bank_account.clone().unwrap_or_default();
            (PaymentState::Pending, Some(NextAction::Reference { reference, instructions }), config.bank_transfer_time)
        }
        ProviderKind::CashOnDelivery => {
            let reference = format!("AG{}", random_of(REFERENCE, 10));
            let next = NextAction::Reference { reference, instructions: String::new() };
            (PaymentState::Pending, Some(next), config.bank_transfer_time)
        }
        _ => (PaymentState::Created, None, config.payment_time),
    };
    let provider_reference = match &next {
        Some(NextAction::Reference { reference, .. }) => Some(reference.clone()),
        _ => None,
    };
    // By then its start has ended, or died.
    let first_check = if next.is_some() { now + lives } else { now + config.check_time };
    let sealed = next.as_ref().map(|next| seal_next(app, new.id, next)).transpose()?;
    let row = payment::ActiveModel {
        id: Set(new.id),
        provider: Set(new.provider),
        target_kind: Set(new.target),
        target_id: Set(new.target_id),
        payer_id: Set(payer_id),
        payer_email: Set(payer_email),
        payer_locale: Set(new.locale.to_owned()),
        method_id: Set(new.method),
        currency: Set(new.amount.currency),
        amount: Set(new.amount.minor),
        state: Set(state),
        provider_reference: Set(provider_reference),
        sealed_next_action: Set(sealed),
        check_at: Set(Some(first_check)),
        expires_at: Set(Some(now + lives)),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    payment::Entity::insert(row).exec_without_returning(tx).await?;
    let payment = rows::lock_in(tx, new.id).await?;
    rows::note_in(app, tx, &payment, payment.state.as_str(), EventSource::Create, None).await?;
    Ok(payment)
}

/// Pays at once, where no provider has to be waited for: out of the payer's wallet. Call it when what the payment is for is
/// written. Code: INSUFFICIENT_FUNDS.
pub(crate) async fn pay_at_once_in(app: &App, tx: &Transaction, payment: Payment) -> Result<Payment> {
    if payment.provider != ProviderKind::Wallet {
        return Ok(payment);
    }
    let charge = complete::by_hand(&payment, payment.amount);
    complete::complete_in(app, tx, payment.id, EventSource::System, &charge).await
}
