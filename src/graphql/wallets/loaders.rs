//! What of wallets is loaded in batches.

use crate::{
    domain::{ledger::Account, wallets},
    entity::{AdjustmentId, EntryId, LedgerAccountId, PayoutMethodId, UserId, WithdrawalId},
    graphql::engine::loaders::loaders,
};

loaders! {
    /// Wallets that the viewer may see.
    WalletsByOwner: UserId => Vec<Account> = wallets::wallets_by_owner;
    /// What wallets that the viewer may see hold of a currency.
    BalancesById: LedgerAccountId => Account = wallets::balances_by_id;
    /// Where the stream of the viewer's own wallet stands.
    WalletHeads: UserId => i64 = wallets::stream_heads;
    /// Transactions of wallets that the viewer may see.
    TransactionsById: EntryId => wallets::WalletTransaction = wallets::transactions_by_id;
    /// The viewer's own bank accounts.
    PayoutMethodsById: PayoutMethodId => wallets::PayoutMethod = wallets::payout_methods_by_id;
    /// Withdrawals that the viewer may see.
    WithdrawalsById: WithdrawalId => wallets::Withdrawal = wallets::withdrawals_by_id;
    /// Corrections of wallets, for those who may see them.
    AdjustmentsById: AdjustmentId => wallets::Adjustment = wallets::adjustments_by_id;
}
