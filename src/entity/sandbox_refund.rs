//! Table `sandbox_refunds`: what the sandbox was to give back.

use sea_orm::entity::prelude::*;

/// A row of `sandbox_refunds`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_refunds")]
pub struct Model {
    /// Primary key, of the sandbox's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Of which charge.
    pub charge_id: Uuid,
    /// The key that it was asked with.
    #[sea_orm(unique)]
    pub idempotency_key: String,
    /// In minor units.
    pub amount: i64,
    /// How far it has come, in the sandbox's own words.
    pub state: String,
    /// When it goes on by itself.
    pub due_at: Option<DateTimeUtc>,
    /// Begun.
    pub created_at: DateTimeUtc,

    /// The charge.
    #[sea_orm(belongs_to, relation_enum = "Charge", from = "charge_id", to = "id")]
    pub charge: BelongsTo<super::sandbox_charge::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
