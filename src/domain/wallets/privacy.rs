//! What wallets hold about a person, how they forget them, and what must always hold.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, LockType, UnionType},
};

use super::sql;
use crate::{
    domain::{
        events,
        export::{
            Kind::{Id, Integer, Text, Time, Word},
            Table,
        },
    },
    entity::{
        LedgerAccountId, UserId,
        event::StreamKind,
        ledger_account::{self, AccountKind},
        payout_method, wallet_adjustment,
        withdrawal::{self, WithdrawalState},
    },
    error::Result,
    platform::db::Transaction,
};

pub(crate) use super::sql::RULES;

/// What wallets hold about a person. Amounts are in minor units; numbers of bank accounts stay sealed.
pub(super) const EXPORT: &[Table] = &[
    Table {
        file: "payout_methods.json",
        table: "payout_methods",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("payoutmethod")),
            ("bankName", "bank_name", Text),
            ("country", "country", Text),
            ("currency", "currency", Text),
            ("lastFour", "last_four", Text),
            ("createdAt", "created_at", Time),
            ("removedAt", "removed_at", Time),
        ],
    },
    Table {
        file: "withdrawals.json",
        table: "withdrawals",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("withdrawal")),
            ("payoutMethodId", "payout_method_id", Id("payoutmethod")),
            ("bankName", "bank_name", Text),
            ("lastFour", "last_four", Text),
            ("currency", "currency", Text),
            ("amount", "amount", Integer),
            ("state", "state", Word),
            ("reference", "reference", Text),
            ("reason", "reason", Text),
            ("requestedAt", "requested_at", Time),
            ("approvedAt", "approved_at", Time),
            ("endedAt", "ended_at", Time),
        ],
    },
    Table {
        file: "adjustments.json",
        table: "wallet_adjustments",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("adjustment")),
            ("currency", "currency", Text),
            ("amount", "amount", Integer),
            ("reason", "reason", Text),
            ("state", "state", Word),
            ("createdAt", "created_at", Time),
            ("decidedAt", "decided_at", Time),
        ],
    },
    Table {
        file: "debts.json",
        table: sql::ENTRIES_OF_DEBTS,
        owner: "d.owner_id",
        key: "e.id",
        columns: &[
            ("currency", "d.currency", Text),
            ("amount", "e.amount", Integer),
            ("balanceAfter", "e.balance_after", Integer),
            ("createdAt", "e.created_at", Time),
        ],
    },
    Table {
        file: "transactions.json",
        table: sql::ENTRIES_OF_WALLETS,
        owner: "a.owner_id",
        key: "e.id",
        columns: &[
            ("id", "e.id", Id("transaction")),
            ("kind", "e.kind", Text),
            ("currency", "a.currency", Text),
            ("amount", "e.amount", Integer),
            ("balanceAfter", "e.balance_after", Integer),
            ("description", "t.description", Text),
            ("reference", "t.reference", Text),
            ("createdAt", "e.created_at", Time),
        ],
    },
];

/// Whether there is no money in a person's wallet, none on its way out of it, and nothing that they owe. The person is locked by the caller, and
/// their accounts here: nothing comes in before the end of the transaction.
pub async fn is_empty_in(tx: &Transaction, user: UserId) -> Result<bool> {
    let own = ledger_account::Entity::find()
        .filter(ledger_account::Column::OwnerId.eq(user.0))
        .filter(ledger_account::Column::Kind.is_in([AccountKind::Wallet, AccountKind::Debt]));
    let locked = own.clone().select_only().column(ledger_account::Column::Id);
    let locked = locked.order_by_asc(ledger_account::Column::Id).lock(LockType::NoKeyUpdate);
    locked.into_tuple::<LedgerAccountId>().all(tx).await?;
    let has_something = ledger_account::Column::Balance.ne(0_i64).or(ledger_account::Column::Held.ne(0_i64));
    let under_way = withdrawal::Entity::find()
        .select_only()
        .expr(Expr::cust("1"))
        .filter(withdrawal::Column::UserId.eq(user))
        .filter(withdrawal::Column::State.is_in([WithdrawalState::Requested, WithdrawalState::Approved]));
    let mut anything = own.select_only().expr(Expr::cust("1")).filter(has_something).into_query();
    anything.union(UnionType::All, under_way.into_query()).limit(1);
    Ok(tx.query_one(&anything).await?.is_none())
}

/// Forgets a person who is about to be deleted, whose wallet is empty. What the books need stays, without a name.
pub(super) async fn erase_in(tx: &Transaction, user: UserId) -> Result<()> {
    payout_method::Entity::delete_many().filter(payout_method::Column::UserId.eq(user)).exec(tx).await?;
    let nameless = withdrawal::ActiveModel {
        sealed_details: Set(Vec::new()),
        bank_name: Set(String::new()),
        last_four: Set(String::new()),
        reason: Set(None),
        reference: Set(None),
        ..Default::default()
    };
    withdrawal::Entity::update_many().set(nameless).filter(withdrawal::Column::UserId.eq(user)).exec(tx).await?;
    let nameless = wallet_adjustment::ActiveModel { reason: Set("-".to_owned()), ..Default::default() };
    let own = wallet_adjustment::Column::UserId.eq(user);
    wallet_adjustment::Entity::update_many().set(nameless).filter(own).exec(tx).await?;
    events::erase_in(tx, StreamKind::Wallet, user.0).await
}
