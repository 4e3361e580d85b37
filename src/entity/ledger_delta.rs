//! Table `ledger_deltas`: changes of busy accounts that wait to be added up.

use sea_orm::entity::prelude::*;

use super::{EntryId, LedgerAccountId, related};

/// A row of `ledger_deltas`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_deltas")]
pub struct Model {
    /// The entry that it is of.
    #[sea_orm(primary_key, auto_increment = false)]
    pub entry_id: EntryId,
    /// The account that it is to be added to.
    pub account_id: LedgerAccountId,
    /// What is added, in minor units.
    pub amount: i64,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The entry that it is of.
    #[sea_orm(
        belongs_to = "super::ledger_entry::Entity",
        from = "Column::EntryId",
        to = "super::ledger_entry::Column::Id",
        skip_fk
    )]
    Entry,
    /// The account that it is to be added to.
    #[sea_orm(
        belongs_to = "super::ledger_account::Entity",
        from = "Column::AccountId",
        to = "super::ledger_account::Column::Id",
        skip_fk
    )]
    Account,
}

related! {
    ledger_entry by Entry,
    ledger_account by Account,
}

impl ActiveModelBehavior for ActiveModel {}
