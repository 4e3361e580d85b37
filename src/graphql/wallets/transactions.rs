//! What happened to a wallet.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use crate::{
    domain::wallets::{self, TransactionFilter},
    entity::{ids, ledger_transfer::TransferKind},
    graphql::{
        accounts::{User, user_by_id},
        engine::{
            connection::Listed,
            error::{Nullable, nullable},
            filters::{self, DateTimeRange},
            scalars::{CurrencyCode, Money},
        },
        node::{self, Node},
    },
};

/// Why money came into a wallet or left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum WalletTransactionKind {
    /// You paid money in.
    Deposit,
    /// Money left to a bank, by `walletWithdraw`.
    Withdrawal,
    /// Something was paid for.
    Payment,
    /// Money came back that was paid.
    Refund,
    /// A fee of the platform's.
    Commission,
    /// Something was given to a goal.
    Contribution,
    /// Staff corrected the wallet; the description says why.
    Adjustment,
    /// What was raised or earned came into your wallet, such as by `goalWithdraw`.
    Payout,
    /// From one person's wallet into another's.
    Transfer,
    /// Something had to go back that you no longer had: it was lent to you. Or you paid such a debt.
    Debt,
}

impl From<TransferKind> for WalletTransactionKind {
    fn from(kind: TransferKind) -> Self {
        match kind {
            TransferKind::Deposit => Self::Deposit,
            TransferKind::Withdrawal => Self::Withdrawal,
            TransferKind::Payment => Self::Payment,
            TransferKind::Refund => Self::Refund,
            TransferKind::Commission => Self::Commission,
            TransferKind::Contribution => Self::Contribution,
            // Settlements and providers' fees are between accounts of the platform: no wallet ever has one.
            TransferKind::Adjustment | TransferKind::Settlement | TransferKind::ProviderFee => Self::Adjustment,
            TransferKind::Payout => Self::Payout,
            TransferKind::Transfer => Self::Transfer,
            TransferKind::Debt => Self::Debt,
        }
    }
}

impl From<WalletTransactionKind> for TransferKind {
    fn from(kind: WalletTransactionKind) -> Self {
        match kind {
            WalletTransactionKind::Deposit => Self::Deposit,
            WalletTransactionKind::Withdrawal => Self::Withdrawal,
            WalletTransactionKind::Payment => Self::Payment,
            WalletTransactionKind::Refund => Self::Refund,
            WalletTransactionKind::Commission => Self::Commission,
            WalletTransactionKind::Contribution => Self::Contribution,
            WalletTransactionKind::Adjustment => Self::Adjustment,
            WalletTransactionKind::Payout => Self::Payout,
            WalletTransactionKind::Transfer => Self::Transfer,
            WalletTransactionKind::Debt => Self::Debt,
        }
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct WalletTransactionWhere {
    /// Of one of these kinds.
    kinds: Option<Vec<WalletTransactionKind>>,
    /// In one of these currencies.
    currencies: Option<Vec<CurrencyCode>>,
    /// When they happened.
    created_at: Option<DateTimeRange>,
}

impl From<WalletTransactionWhere> for TransactionFilter {
    fn from(filter: WalletTransactionWhere) -> Self {
        Self {
            kinds: filters::values(filter.kinds),
            currencies: filter.currencies,
            during: filters::span(filter.created_at),
        }
    }
}

/// Something that happened to a wallet.
pub(crate) struct WalletTransaction(pub(super) wallets::WalletTransaction);

impl From<wallets::WalletTransaction> for WalletTransaction {
    fn from(transaction: wallets::WalletTransaction) -> Self {
        Self(transaction)
    }
}

impl Listed for WalletTransaction {
    const LIST_NAME: &'static str = "WalletTransaction";
}

/// Something that happened to a wallet. It never changes: a mistake is taken back by another transaction. Seen by the
/// wallet's owner, and by those with the permission SEE_MONEY.
#[Object]
impl WalletTransaction {
    /// Opaque and typed: `transaction_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Why money came or went.
    async fn kind(&self) -> WalletTransactionKind {
        self.0.kind.into()
    }

    /// What came; below zero, what went.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The wallet's balance in this currency after it, of which some may have been held.
    async fn balance_after(&self) -> Money {
        Money::from_minor(self.0.balance_after, self.0.amount.currency)
    }

    /// In words, such as the note of a transfer; may be empty.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The id of what it is for, though you may not see it; null where there is nothing.
    async fn reference(&self) -> Option<ID> {
        self.0.reference.as_deref().map(ID::from)
    }

    /// What it is for; null where there is nothing, or nothing that you may see.
    async fn subject(&self, ctx: &Context<'_>) -> Nullable<Node> {
        nullable(async {
            let Some((prefix, id)) = self.0.reference.as_deref().and_then(ids::decode) else { return Ok(None) };
            node::find_typed(ctx, prefix, id).await
        })
        .await
    }

    /// Whose wallet it came from, or went to; null where it was none, or the account is erased.
    async fn counterparty(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, self.0.counterparty)).await
    }

    /// When it happened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}
