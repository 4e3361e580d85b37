//! Where money goes when it leaves.

use async_graphql::{ID, Object};
use chrono::{DateTime, Utc};

use crate::{
    domain::wallets,
    graphql::engine::scalars::{CountryCode, CurrencyCode},
};

/// A bank account that your money can be paid out to.
pub(crate) struct PayoutMethod(wallets::PayoutMethod);

impl From<wallets::PayoutMethod> for PayoutMethod {
    fn from(method: wallets::PayoutMethod) -> Self {
        Self(method)
    }
}

/// A bank account that your money can be paid out to. Seen by you only; holder and number are never shown again.
#[Object]
impl PayoutMethod {
    /// Opaque and typed: `payoutmethod_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The bank's name, as it was given.
    async fn bank_name(&self) -> &str {
        &self.0.bank_name
    }

    /// The bank's country.
    async fn country(&self) -> CountryCode {
        self.0.country.as_str().into()
    }

    /// The currency that it takes.
    async fn currency(&self) -> CurrencyCode {
        self.0.currency
    }

    /// The last four characters of its number.
    async fn last_four(&self) -> &str {
        &self.0.last_four
    }

    /// When you added it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When you removed it; null as long as it can be used.
    async fn removed_at(&self) -> Option<DateTime<Utc>> {
        self.0.removed_at
    }
}
