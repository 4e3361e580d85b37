//! Table `ledger_deltas`: changes of busy accounts that wait to be added up.

use sea_orm::entity::prelude::*;

use super::{EntryId, LedgerAccountId};

/// A row of `ledger_deltas`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_deltas")]
pub struct Model {
    /// The entry that it is of.
    #[sea_orm(primary_key, auto_increment = false)]
    pub entry_id: EntryId,
    /// Of which account.
    pub account_id: LedgerAccountId,
    /// What is added, in minor units.
    pub amount: i64,

    /// The entry.
    #[sea_orm(belongs_to, relation_enum = "Entry", from = "entry_id", to = "id", skip_fk)]
    pub entry: BelongsTo<super::ledger_entry::Entity>,
    /// The account.
    #[sea_orm(belongs_to, relation_enum = "Account", from = "account_id", to = "id", skip_fk)]
    pub account: BelongsTo<super::ledger_account::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
