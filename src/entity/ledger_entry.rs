//! Table `ledger_entries`: what a transfer does to an account; immutable.

use sea_orm::entity::prelude::*;

use super::{EntryId, LedgerAccountId, TransferId};

/// A row of `ledger_entries`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entries")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EntryId,
    /// Of which transfer.
    pub transfer_id: TransferId,
    /// Which account.
    pub account_id: LedgerAccountId,
    /// The transfer's.
    pub kind: super::ledger_transfer::TransferKind,
    /// What is added, in minor units; never 0.
    pub amount: i64,
    /// The balance after it, where entries are counted.
    pub balance_after: Option<i64>,
    /// 1, 2, 3 … of the account, where entries are counted.
    pub seq: Option<i64>,
    /// Written.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
