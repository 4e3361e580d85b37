//! Table `wallet_adjustments`: corrections of wallets by staff.

use sea_orm::entity::prelude::*;

use super::{AdjustmentId, Currency, TransferId, UserId, related, stored_enum};

stored_enum! {
    /// How far an adjustment has come.
    AdjustmentState {
        /// It waits for a second person.
        Proposed = "proposed",
        /// The wallet has it.
        Applied = "applied",
        /// It was not to be.
        Refused = "refused",
    }
}

/// A row of `wallet_adjustments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallet_adjustments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AdjustmentId,
    /// Whose wallet is corrected.
    pub user_id: UserId,
    /// In which currency.
    pub currency: Currency,
    /// What is added, in minor units; below zero, what is taken.
    pub amount: i64,
    /// Why it is corrected, in the words of who proposed it.
    pub reason: String,
    /// How far it has come.
    pub state: AdjustmentState,
    /// Who wants it.
    pub proposed_by: UserId,
    /// The second person, who applied or refused it; null before, and where none is needed.
    pub decided_by: Option<UserId>,
    /// The transfer that corrects the wallet; null unless it is applied.
    pub transfer_id: Option<TransferId>,
    /// When it was proposed.
    pub created_at: DateTimeUtc,
    /// When it was applied or refused; null before.
    pub decided_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose wallet it is, while they are there: money records outlive accounts.
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::UserId", to = "super::user::Column::Id", skip_fk)]
    User,
    /// The transfer that corrects the wallet.
    #[sea_orm(
        belongs_to = "super::ledger_transfer::Entity",
        from = "Column::TransferId",
        to = "super::ledger_transfer::Column::Id"
    )]
    Transfer,
}

related! {
    user by User,
    ledger_transfer by Transfer,
}

impl ActiveModelBehavior for ActiveModel {}
