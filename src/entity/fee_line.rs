//! Table `fee_lines`: fees as they were when they were taken.

use sea_orm::entity::prelude::*;

use super::{Currency, FeeLineId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fee_lines")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FeeLineId,
    /// Of what.
    pub kind: FeeKind,
    /// The id of what it was taken of.
    pub reference: String,
    /// In which currency.
    pub currency: Currency,
    /// What it was reckoned of, in minor units; below zero in a reversal.
    pub base: i64,
    /// In millionths.
    pub rate: i64,
    /// The fee; below zero in a reversal.
    pub fee: i64,
    /// The line that it takes back.
    pub reverses_id: Option<FeeLineId>,
    /// Written.
    pub created_at: DateTimeUtc,

    /// The line that it takes back.
    #[sea_orm(self_ref, relation_enum = "Reverses", relation_reverse = "Reversals", from = "reverses_id", to = "id")]
    pub reverses: BelongsTo<Option<Entity>>,
    /// The lines that take it back.
    #[sea_orm(self_ref, relation_enum = "Reversals", relation_reverse = "Reverses")]
    pub reversals: HasMany<Entity>,
    /// The withdrawals that it is the fee of.
    #[sea_orm(has_many, relation_enum = "GoalWithdrawals")]
    pub goal_withdrawals: HasMany<super::goal_withdrawal::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
