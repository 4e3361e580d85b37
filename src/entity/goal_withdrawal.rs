//! Table `goal_withdrawals`: what was raised, paid out to its owner's wallet.

use sea_orm::entity::prelude::*;

use super::{FeeLineId, GoalId, GoalWithdrawalId, TransferId, related};

/// A row of `goal_withdrawals`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_withdrawals")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalWithdrawalId,
    /// The goal that it is paid out of.
    pub goal_id: GoalId,
    /// What is paid out, fees included, in minor units of the goal's currency.
    pub amount: i64,
    /// The platform's share as it was then, in millionths.
    pub fee_rate: i64,
    /// Of the amount, the platform's, in minor units.
    pub fee: i64,
    /// The transfer by which the amount came into the wallet.
    pub payout_id: TransferId,
    /// The transfer by which the fee left it; null where there is no fee.
    pub commission_id: Option<TransferId>,
    /// The fee as it was frozen.
    pub fee_line_id: FeeLineId,
    /// When it was paid out.
    pub created_at: DateTimeUtc,
    /// When it was taken back; null while it stands.
    pub reversed_at: Option<DateTimeUtc>,
    /// Of the amount, what its owner owes since, because it went back to who gave it, in minor units.
    pub reclaimed: i64,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The goal that it is paid out of.
    #[sea_orm(belongs_to = "super::goal::Entity", from = "Column::GoalId", to = "super::goal::Column::Id")]
    Goal,
    /// The transfer of the amount.
    #[sea_orm(
        belongs_to = "super::ledger_transfer::Entity",
        from = "Column::PayoutId",
        to = "super::ledger_transfer::Column::Id"
    )]
    Payout,
    /// The transfer of the fee.
    #[sea_orm(
        belongs_to = "super::ledger_transfer::Entity",
        from = "Column::CommissionId",
        to = "super::ledger_transfer::Column::Id"
    )]
    Commission,
    /// The line of its fee.
    #[sea_orm(belongs_to = "super::fee_line::Entity", from = "Column::FeeLineId", to = "super::fee_line::Column::Id")]
    FeeLine,
}

related! {
    goal by Goal,
    fee_line by FeeLine,
}

impl ActiveModelBehavior for ActiveModel {}
