//! Money on its way to a bank.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::person;
use crate::{
    domain::{
        permissions::Permission,
        wallets::{self, WithdrawalFilter},
    },
    entity::withdrawal,
    error::Result,
    graphql::{
        accounts::User,
        engine::{
            connection::Listed,
            context::RequestExt,
            error::{Nullable, nullable},
            filters::{self, DateTimeRange, MoneyRange, query_ids},
            scalars::Money,
        },
    },
};

/// How far a withdrawal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::withdrawal::WithdrawalState")]
pub(crate) enum WithdrawalState {
    /// It waits for staff; its money is held. It can be canceled.
    Requested,
    /// It is going to be paid; its money is held.
    Approved,
    /// The bank has the money.
    Paid,
    /// It could not be paid; `reason` says why. The money is back in the wallet.
    Failed,
    /// It was paid, and the bank sent it back, such as from an account that is closed; `reason` says why. The money is back in the
    /// wallet.
    Returned,
    /// Taken back by its owner, refused (then `reason` says why), or nobody decided about it in time; the money is back in the wallet.
    #[graphql(name = "CANCELED")]
    Cancelled,
}

/// What a bank has to know to pay.
#[derive(SimpleObject)]
pub(crate) struct BankDetails {
    /// Whose account it is at the bank.
    holder: String,
    /// The IBAN, without spaces; null where the account has another number.
    iban: Option<String>,
    /// The number, where it is no IBAN; null where it is one.
    account_number: Option<String>,
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct WithdrawalWhere {
    /// How far they have come.
    states: Option<Vec<WithdrawalState>>,
    /// How much. The wallet's 10,000 newest withdrawals are looked at.
    amount: Option<MoneyRange>,
    /// When they were asked for.
    requested_at: Option<DateTimeRange>,
}

impl WithdrawalWhere {
    pub(super) fn filter(self) -> Result<WithdrawalFilter> {
        Ok(WithdrawalFilter {
            owners: None,
            states: filters::values(self.states),
            amount: self.amount.as_ref().map(MoneyRange::amounts).transpose()?,
            during: filters::span(self.requested_at),
        })
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminWithdrawalWhere {
    /// Ids of those who asked for them.
    user_ids: Option<Vec<ID>>,
    /// How far they have come.
    states: Option<Vec<WithdrawalState>>,
    /// How much. Of more than 10,000 the largest are looked at.
    amount: Option<MoneyRange>,
    /// When they were asked for.
    requested_at: Option<DateTimeRange>,
}

impl AdminWithdrawalWhere {
    pub(super) fn filter(self) -> Result<WithdrawalFilter> {
        Ok(WithdrawalFilter {
            owners: query_ids(self.user_ids)?,
            states: filters::values(self.states),
            amount: self.amount.as_ref().map(MoneyRange::amounts).transpose()?,
            during: filters::span(self.requested_at),
        })
    }
}

/// Money on its way to a bank.
pub(crate) struct Withdrawal(pub(super) wallets::Withdrawal);

impl From<wallets::Withdrawal> for Withdrawal {
    fn from(withdrawal: wallets::Withdrawal) -> Self {
        Self(withdrawal)
    }
}

impl Listed for Withdrawal {
    const LIST_NAME: &'static str = "Withdrawal";
}

/// Money on its way to a bank. Seen by its owner, and by those with the permission SEE_MONEY.
#[Object]
impl Withdrawal {
    /// Opaque and typed: `withdrawal_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Whose money it is; null when the account is erased.
    async fn user(&self, ctx: &Context<'_>) -> Nullable<User> {
        person(ctx, Some(self.0.user_id)).await
    }

    /// How far it has come.
    async fn state(&self) -> WithdrawalState {
        self.0.state.into()
    }

    /// What leaves the wallet.
    async fn amount(&self) -> Money {
        Money::from_minor(self.0.amount, self.0.currency)
    }

    /// The bank; empty when the account of its owner is erased.
    async fn bank_name(&self) -> &str {
        &self.0.bank_name
    }

    /// The last four characters of the number; empty when the account of its owner is erased.
    async fn last_four(&self) -> &str {
        &self.0.last_four
    }

    /// Where the money goes. For those with the permission MANAGE_MONEY; null for everybody else, its owner included, and
    /// when the account of its owner is erased.
    async fn bank_details(&self, ctx: &Context<'_>) -> Nullable<BankDetails> {
        nullable(async {
            let request = ctx.request();
            let details = wallets::bank_details(&request.app, &request.actor, &self.0)?;
            Ok(details.map(|details| BankDetails {
                holder: details.holder,
                iban: details.iban,
                account_number: details.account_number,
            }))
        })
        .await
    }

    /// Whether one person of two has agreed to it, or said that the bank sent it back, and another has to.
    async fn awaits_second_person(&self) -> bool {
        match self.0.state {
            withdrawal::WithdrawalState::Requested => self.0.approved_by.is_some(),
            withdrawal::WithdrawalState::Paid => self.0.return_proposed_by.is_some(),
            _ => false,
        }
    }

    /// Who agreed to it first; null for those without the permission SEE_MONEY.
    async fn approved_by(&self, ctx: &Context<'_>) -> Nullable<User> {
        let seen = ctx.request().actor.may(Permission::SeeMoney);
        person(ctx, self.0.approved_by.filter(|_| seen)).await
    }

    /// Who agreed to it, too; null where nobody has to, and for those without the permission SEE_MONEY.
    async fn seconded_by(&self, ctx: &Context<'_>) -> Nullable<User> {
        let seen = ctx.request().actor.may(Permission::SeeMoney);
        person(ctx, self.0.seconded_by.filter(|_| seen)).await
    }

    /// The bank's own reference; null until it is paid.
    async fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// Why it was refused, could not be paid, or was sent back; null otherwise.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Whether you can take it back now by `withdrawalCancel`.
    async fn viewer_can_cancel(&self, ctx: &Context<'_>) -> bool {
        let own = ctx.request().actor.user_id() == Some(self.0.user_id);
        own && self.0.state == withdrawal::WithdrawalState::Requested
    }

    /// When it was asked for.
    async fn requested_at(&self) -> DateTime<Utc> {
        self.0.requested_at
    }

    /// When all who have to had agreed to it; null until then.
    async fn approved_at(&self) -> Option<DateTime<Utc>> {
        self.0.approved_at
    }

    /// When it was paid, failed, was canceled, or came back; null until then.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }
}
