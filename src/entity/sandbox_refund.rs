//! Table `sandbox_refunds`: what the sandbox was to give back.

use sea_orm::entity::prelude::*;

use super::related;

/// A row of `sandbox_refunds`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_refunds")]
pub struct Model {
    /// Primary key, of the sandbox's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The charge that it goes back of.
    pub charge_id: Uuid,
    /// The key that it was asked with.
    #[sea_orm(unique)]
    pub idempotency_key: String,
    /// How much goes back, in minor units.
    pub amount: i64,
    /// How far it has come, in the sandbox's own words.
    pub state: String,
    /// When it goes on by itself.
    pub due_at: Option<DateTimeUtc>,
    /// When it was begun.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The charge that it goes back of.
    #[sea_orm(
        belongs_to = "super::sandbox_charge::Entity",
        from = "Column::ChargeId",
        to = "super::sandbox_charge::Column::Id"
    )]
    Charge,
}

related! {
    sandbox_charge by Charge,
}

impl ActiveModelBehavior for ActiveModel {}
