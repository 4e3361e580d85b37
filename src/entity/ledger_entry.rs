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

    /// The transfer.
    #[sea_orm(belongs_to, relation_enum = "Transfer", from = "transfer_id", to = "id")]
    pub transfer: BelongsTo<super::ledger_transfer::Entity>,
    /// The account; no foreign key, which would lock the busy ones.
    #[sea_orm(belongs_to, relation_enum = "Account", from = "account_id", to = "id", skip_fk)]
    pub account: BelongsTo<super::ledger_account::Entity>,
    /// Its change of the account, while that waits to be added up.
    #[sea_orm(has_one, relation_enum = "Delta")]
    pub delta: HasOne<super::ledger_delta::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
