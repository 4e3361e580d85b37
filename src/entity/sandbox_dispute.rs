//! Table `sandbox_disputes`: payers who take a charge of the sandbox's back.

use sea_orm::entity::prelude::*;

/// A row of `sandbox_disputes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_disputes")]
pub struct Model {
    /// Primary key, of the sandbox's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Of which charge.
    pub charge_id: Uuid,
    /// In minor units.
    pub amount: i64,
    /// How it stands, in the sandbox's own words.
    pub state: String,
    /// Begun.
    pub created_at: DateTimeUtc,

    /// The charge.
    #[sea_orm(belongs_to, relation_enum = "Charge", from = "charge_id", to = "id")]
    pub charge: BelongsTo<super::sandbox_charge::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
