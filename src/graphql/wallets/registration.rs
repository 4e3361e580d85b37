//! What wallets hand over.

use super::{
    CurrencyInfo, PayoutMethod, WalletAdjustment, WalletBalance, WalletTransaction, Withdrawal,
    loaders::{AdjustmentsById, BalancesById, PayoutMethodsById, TransactionsById, WithdrawalsById},
    mutations, staff, wallet_of,
};
use crate::{
    entity::{
        AdjustmentId, Currency, CurrencyId, EntryId, LedgerAccountId, PayoutMethodId, UserId, WalletId, WithdrawalId,
    },
    graphql::{
        engine::context::RequestExt,
        node::Node,
        registration::{ById, Noun},
    },
};

/// What wallets hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[mutations::RULES, staff::RULES],
    ids: &[
        ById {
            prefix: WalletId::PREFIX,
            find: |ctx, uuid| Box::pin(async move { Ok(wallet_of(ctx, UserId(uuid)).await?.map(Node::Wallet)) }),
        },
        ById::loaded::<BalancesById, WalletBalance>(LedgerAccountId::PREFIX),
        ById {
            prefix: CurrencyId::PREFIX,
            find: |ctx, uuid| {
                Box::pin(async move {
                    let found = Currency::of_id(CurrencyId(uuid));
                    Ok(found.map(|currency| Node::CurrencyInfo(CurrencyInfo::new(ctx.request(), currency))))
                })
            },
        },
        ById::loaded::<TransactionsById, WalletTransaction>(EntryId::PREFIX),
        ById::loaded::<PayoutMethodsById, PayoutMethod>(PayoutMethodId::PREFIX),
        ById::loaded::<WithdrawalsById, Withdrawal>(WithdrawalId::PREFIX),
        ById::loaded::<AdjustmentsById, WalletAdjustment>(AdjustmentId::PREFIX),
    ],
    texts: &[("WalletAdjustment", "reason", 500), ("Withdrawal", "reason", 500)],
    short_texts: &[
        "BankDetails.accountNumber",
        "BankDetails.holder",
        "BankDetails.iban",
        "PayoutMethod.bankName",
        "PayoutMethod.country",
        "PayoutMethod.lastFour",
        "Wallet.streamCursor",
        "WalletStatement.url",
        "WalletTransaction.description",
        "Withdrawal.bankName",
        "Withdrawal.lastFour",
        "Withdrawal.reference",
    ],
    lists: &[
        ("Query", "currencies", 180),
        ("User", "payoutMethods", 20),
        ("Wallet", "balances", 10),
        ("WalletActivity", "balances", 10),
    ],
    ..Noun::EMPTY
};
