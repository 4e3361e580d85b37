//! Corrections of wallets by staff.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::person;
use crate::{
    domain::wallets::{self, AdjustmentFilter},
    error::Result,
    graphql::{
        accounts::User,
        engine::{
            connection::Listed,
            error::Nullable,
            filters::{self, DateTimeRange, query_ids},
            scalars::Money,
        },
    },
};

/// How far an adjustment has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::wallet_adjustment::AdjustmentState")]
pub(crate) enum WalletAdjustmentState {
    /// It waits for a second person; nothing has moved.
    Proposed,
    /// The wallet has it.
    Applied,
    /// It was refused; nothing has moved.
    Refused,
}

/// Which way an adjustment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum WalletAdjustmentDirection {
    /// Money comes into the wallet.
    Credit,
    /// Money is taken out of the wallet.
    Debit,
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminWalletAdjustmentWhere {
    /// Ids of the people whose wallets they are for.
    user_ids: Option<Vec<ID>>,
    /// How far they have come.
    states: Option<Vec<WalletAdjustmentState>>,
    /// When they were proposed.
    created_at: Option<DateTimeRange>,
}

impl AdminWalletAdjustmentWhere {
    pub(super) fn filter(self) -> Result<AdjustmentFilter> {
        Ok(AdjustmentFilter {
            owners: query_ids(self.user_ids)?,
            states: filters::values(self.states),
            during: filters::span(self.created_at),
        })
    }
}

/// A correction of a wallet by staff.
pub(crate) struct WalletAdjustment(pub(super) wallets::Adjustment);

impl From<wallets::Adjustment> for WalletAdjustment {
    fn from(adjustment: wallets::Adjustment) -> Self {
        Self(adjustment)
    }
}

impl Listed for WalletAdjustment {
    const LIST_NAME: &'static str = "WalletAdjustment";
}

/// A correction of a wallet by staff. Seen by those with the permission SEE_MONEY.
#[Object]
impl WalletAdjustment {
    /// Opaque and typed: `adjustment_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Whose wallet; null when the account is erased.
    async fn user(&self, ctx: &Context<'_>) -> Nullable<User> {
        person(ctx, Some(self.0.user_id)).await
    }

    /// What comes into the wallet; below zero, what is taken out.
    async fn amount(&self) -> Money {
        Money::from_minor(self.0.amount, self.0.currency)
    }

    /// Why; the owner sees it as the transaction's description.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// How far it has come.
    async fn state(&self) -> WalletAdjustmentState {
        self.0.state.into()
    }

    /// Who wants it; null when the account is erased.
    async fn proposed_by(&self, ctx: &Context<'_>) -> Nullable<User> {
        person(ctx, Some(self.0.proposed_by)).await
    }

    /// Who agreed or refused; null until then, and where nobody has to.
    async fn decided_by(&self, ctx: &Context<'_>) -> Nullable<User> {
        person(ctx, self.0.decided_by).await
    }

    /// When it was wanted.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was applied or refused; null until then.
    async fn decided_at(&self) -> Option<DateTime<Utc>> {
        self.0.decided_at
    }
}
