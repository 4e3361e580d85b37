//! Table `fee_lines`: fees as they were when they were taken.

use sea_orm::entity::prelude::*;

use super::{Currency, FeeLineId, related, stored_enum};

stored_enum! {
    /// What a fee is taken of.
    FeeKind {
        /// Things sold here.
        Marketplace = "marketplace",
        /// Digital goods sold here.
        Digital = "digital",
        /// What a goal pays out.
        Goal = "goal",
    }
}

/// A row of `fee_lines`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fee_lines")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FeeLineId,
    /// What it was taken of.
    pub kind: FeeKind,
    /// The id of what it was taken of, such as a withdrawal from a goal.
    pub reference: String,
    /// In which currency.
    pub currency: Currency,
    /// What it was reckoned of, in minor units; below zero in a reversal.
    pub base: i64,
    /// The fee's share of the base, in millionths.
    pub rate: i64,
    /// The fee, in minor units; below zero in a reversal.
    pub fee: i64,
    /// The line that it takes back; null in one that takes a fee.
    pub reverses_id: Option<FeeLineId>,
    /// When the fee was taken, or taken back.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The line that it takes back.
    #[sea_orm(belongs_to = "Entity", from = "Column::ReversesId", to = "Column::Id")]
    Reverses,
    /// The lines that take it back.
    #[sea_orm(has_many = "Entity", via_rel = "Relation::Reverses")]
    Reversals,
    /// The withdrawals that it is the fee of.
    #[sea_orm(has_many = "super::goal_withdrawal::Entity")]
    GoalWithdrawals,
}

related! {
    goal_withdrawal by GoalWithdrawals,
}

impl ActiveModelBehavior for ActiveModel {}
