//! The providers of payments: which are offered here, and how those that can be asked are. Nobody does within a transaction.

use std::time::Duration;

use sea_orm::{ActiveValue::Set, EntityTrait, Iterable, sea_query::OnConflict};

use super::{Payment, target};
use crate::{
    app::App,
    entity::{
        PaymentProviderId, UserId,
        payment::{ProviderKind, TargetKind},
        payment_customer,
    },
    error::{Error, Result},
    platform::{
        ids::named,
        providers::payments::{Amount, Failure, Gateway, NewCustomer},
    },
};

/// The longest wait before a provider is asked again.
const LONGEST: Duration = Duration::from_secs(3600);

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
pub(crate) struct Offer {
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
pub(crate) fn offers(app: &App) -> Vec<Offer> {
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

/// An amount as providers are told it.
pub(super) fn amount(payment: &Payment, minor: i64) -> Amount {
    Amount { minor, currency: payment.currency.as_str(), digits: payment.currency.digits() }
}

/// The provider of a payment, where one has to be asked.
pub(super) fn gateway<'a>(app: &'a App, payment: &Payment) -> Option<&'a dyn Gateway> {
    app.payments.gateway(payment.provider.as_str())
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

/// How long after so many questions the next one comes.
pub(super) fn wait(app: &App, checks: i64) -> Duration {
    (app.config.payments.check_time * (1 << checks.clamp(0, 10))).min(LONGEST)
}
