//! Opening a payment: the part that is one transaction, before any provider knows of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, Iterable, QueryFilter, SelectExt};
use uuid::Uuid;

use super::{Payment, complete, drive, rows, target};
use crate::{
    app::App,
    domain::{Once, actor::Actor},
    entity::{
        Money, PaymentId, PaymentMethodId, PaymentProviderId, UserId,
        payment::{self, PaymentState, ProviderKind, TargetKind},
        payment_event::EventSource,
        payment_method,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        crypto::sha256,
        db::Transaction,
        ids::{named, random_of},
        mailbox,
        payments::{Gateway, NextAction},
    },
};

/// Letters and digits of references that people copy: without those that look alike.
const REFERENCE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Who pays, with an account or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// Somebody who has an account.
    User(UserId),
    /// Somebody without an account, by their e-mail address.
    Guest(String),
}

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

/// A payment that was begun, with the token by which a guest comes back to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The row of `payments`, as it is now.
    pub payment: Payment,
    /// For somebody without an account.
    pub guest_token: Option<String>,
}

/// What stands for who pays, where keys are kept.
#[must_use]
pub fn claimant(payer: &Payer) -> Uuid {
    match payer {
        Payer::User(user) => user.0,
        Payer::Guest(email) => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&sha256(format!("guest\n{}", mailbox::key(email)).as_bytes())[..16]);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        }
    }
}

/// By which a guest comes back to a payment.
#[must_use]
pub fn guest_token(app: &App, id: PaymentId) -> String {
    URL_SAFE_NO_PAD.encode(app.keys.fingerprint("payment guest", &[&id.to_string()]))
}

/// Whether a provider is offered here at all.
#[must_use]
pub(super) fn is_offered(app: &App, provider: ProviderKind) -> bool {
    let config = &app.config.payments;
    match provider {
        ProviderKind::Wallet => true,
        ProviderKind::CashOnDelivery => config.cash_on_delivery,
        ProviderKind::BankTransfer => config.bank_account.is_some(),
        gateway => app.payments.gateway(gateway.as_str()).is_some(),
    }
}

/// A way to pay that is offered here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Made of the provider's name.
    pub id: PaymentProviderId,
    /// Who moves the money.
    pub provider: ProviderKind,
    /// What the provider's own program in the browser wants.
    pub public_key: Option<String>,
    /// Whether ways to pay can be saved with it.
    pub saves_methods: bool,
    /// What can be paid by it.
    pub targets: Vec<TargetKind>,
}

/// The ways to pay that are offered here.
#[must_use]
pub fn offers(app: &App) -> Vec<Offer> {
    let all = ProviderKind::iter().filter(|provider| is_offered(app, *provider));
    all.map(|provider| {
        let gateway = app.payments.gateway(provider.as_str());
        Offer {
            id: PaymentProviderId(named(provider.as_str())),
            provider,
            public_key: gateway.and_then(|gateway| gateway.public_key().map(str::to_owned)),
            saves_methods: gateway.is_some_and(Gateway::saves_methods),
            targets: target::all().filter(|target| target.accepts(provider)).map(target::Target::kind).collect(),
        }
    })
    .collect()
}

/// Opens a payment, within the caller's transaction. The caller writes what it is for, then calls [`pay_at_once_in`]; after
/// the commit it calls [`started`]. Codes: PROVIDER_NOT_AVAILABLE, NOT_FOUND (of the saved way to pay).
pub async fn open_in(app: &App, tx: &Transaction, new: &NewPayment) -> Result<Payment> {
    let unavailable = || Error::from(UserError::input("provider", UserErrorCode::ProviderNotAvailable));
    if !is_offered(app, new.provider) || !target::of(new.target)?.accepts(new.provider) {
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
    complete::note_in(app, tx, &payment, payment.state.as_str(), EventSource::Create, None).await?;
    Ok(payment)
}

/// Pays at once, where no provider has to be waited for: out of the payer's wallet. Call it when what the payment is for is
/// written. Code: INSUFFICIENT_FUNDS.
pub async fn pay_at_once_in(app: &App, tx: &Transaction, payment: Payment) -> Result<Payment> {
    if payment.provider != ProviderKind::Wallet {
        return Ok(payment);
    }
    let charge = complete::by_hand(&payment, payment.amount);
    complete::complete_in(app, tx, payment.id, EventSource::System, &charge).await
}

/// Goes on with a payment that was opened just now, or by an earlier call with the same key: tells its provider.
pub async fn started(app: &App, actor: &Actor, once: Once<PaymentId>) -> Result<Once<Started>> {
    app.steps.reach("payment.reserved").await;
    let payment = drive::start(app, once.value).await?;
    let is_guest = payment.payer_id.is_none() && payment.payer_email.is_some() && actor.user_id().is_none();
    let guest_token = is_guest.then(|| guest_token(app, payment.id));
    Ok(Once { value: Started { payment, guest_token }, replayed: once.replayed })
}

fn purpose(id: PaymentId) -> String {
    format!("next action {id}")
}

pub(super) fn seal_next(app: &App, id: PaymentId, next: &NextAction) -> Result<Vec<u8>> {
    app.keys.seal(&purpose(id), &serde_json::to_vec(next)?)
}

pub(super) fn open_next(app: &App, payment: &Payment) -> Result<NextAction> {
    match &payment.sealed_next_action {
        None => Ok(NextAction::None),
        Some(sealed) => Ok(serde_json::from_slice(&app.keys.open(&purpose(payment.id), sealed)?)?),
    }
}
