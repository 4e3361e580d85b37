//! Table `ledger_entries`: what a transfer does to an account; immutable.

use sea_orm::entity::prelude::*;

use super::{EntryId, LedgerAccountId, TransferId, related};

/// A row of `ledger_entries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entries")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EntryId,
    /// The transfer that it is of.
    pub transfer_id: TransferId,
    /// The account that it is added to.
    pub account_id: LedgerAccountId,
    /// Why the money moved: the transfer's kind.
    pub kind: super::ledger_transfer::TransferKind,
    /// What is added, in minor units; never 0.
    pub amount: i64,
    /// The account's balance after it, in minor units, where entries are counted.
    pub balance_after: Option<i64>,
    /// 1, 2, 3 … within the account, where entries are counted.
    pub seq: Option<i64>,
    /// When it was written.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The transfer that it is of.
    #[sea_orm(
        belongs_to = "super::ledger_transfer::Entity",
        from = "Column::TransferId",
        to = "super::ledger_transfer::Column::Id"
    )]
    Transfer,
    /// The account that it is added to; no foreign key, which would lock the busy ones.
    #[sea_orm(
        belongs_to = "super::ledger_account::Entity",
        from = "Column::AccountId",
        to = "super::ledger_account::Column::Id",
        skip_fk
    )]
    Account,
    /// Its change of the account, while that waits to be added up.
    #[sea_orm(has_one = "super::ledger_delta::Entity")]
    Delta,
}

related! {
    ledger_transfer by Transfer,
    ledger_account by Account,
    ledger_delta by Delta,
}

impl ActiveModelBehavior for ActiveModel {}
