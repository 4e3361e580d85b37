//! Table `goal_withdrawals`: what was raised, paid out to its owner's wallet.

use sea_orm::entity::prelude::*;

use super::{FeeLineId, GoalId, GoalWithdrawalId, TransferId};

/// A row of `goal_withdrawals`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_withdrawals")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalWithdrawalId,
    /// Of which goal.
    pub goal_id: GoalId,
    /// Fees included, in minor units.
    pub amount: i64,
    /// In millionths, as it was.
    pub fee_rate: i64,
    /// Of the amount, the platform's.
    pub fee: i64,
    /// How the amount came into the wallet.
    pub payout_id: TransferId,
    /// How the fee left it.
    pub commission_id: Option<TransferId>,
    /// The fee as it was frozen.
    pub fee_line_id: FeeLineId,
    /// Paid out.
    pub created_at: DateTimeUtc,
    /// Taken back.
    pub reversed_at: Option<DateTimeUtc>,
    /// Of it, what its owner owes since, because it went back to who gave it.
    pub reclaimed: i64,

    /// The goal.
    #[sea_orm(belongs_to, from = "goal_id", to = "id")]
    pub goal: BelongsTo<super::goal::Entity>,
    /// The transfer of the amount.
    #[sea_orm(belongs_to, relation_enum = "Payout", from = "payout_id", to = "id")]
    pub payout: BelongsTo<super::ledger_transfer::Entity>,
    /// The transfer of the fee.
    #[sea_orm(belongs_to, relation_enum = "Commission", from = "commission_id", to = "id")]
    pub commission: BelongsTo<Option<super::ledger_transfer::Entity>>,
    /// The line of its fee.
    #[sea_orm(belongs_to, from = "fee_line_id", to = "id")]
    pub fee_line: BelongsTo<super::fee_line::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
