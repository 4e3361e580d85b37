//! Table `wallet_adjustments`: corrections of wallets by staff.

use sea_orm::entity::prelude::*;

use super::{AdjustmentId, Currency, TransferId, UserId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallet_adjustments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AdjustmentId,
    /// Whose wallet.
    pub user_id: UserId,
    /// In which currency.
    pub currency: Currency,
    /// What is added, in minor units; below zero, what is taken.
    pub amount: i64,
    /// Why.
    pub reason: String,
    /// How far it has come.
    pub state: AdjustmentState,
    /// Who wants it.
    pub proposed_by: UserId,
    /// The second person.
    pub decided_by: Option<UserId>,
    /// How it was written.
    pub transfer_id: Option<TransferId>,
    /// Proposed.
    pub created_at: DateTimeUtc,
    /// Applied or refused.
    pub decided_at: Option<DateTimeUtc>,

    /// The person, while they are there: money records outlive accounts.
    #[sea_orm(belongs_to, from = "user_id", to = "id", skip_fk)]
    pub user: BelongsTo<super::user::Entity>,
    /// The transfer.
    #[sea_orm(belongs_to, relation_enum = "Transfer", from = "transfer_id", to = "id")]
    pub transfer: BelongsTo<Option<super::ledger_transfer::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
