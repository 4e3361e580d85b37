//! Table `sandbox_disputes`: payers who take a charge of the sandbox's back.

use sea_orm::entity::prelude::*;

use super::related;

/// A row of `sandbox_disputes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_disputes")]
pub struct Model {
    /// Primary key, of the sandbox's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The charge that is taken back.
    pub charge_id: Uuid,
    /// How much is taken back, in minor units.
    pub amount: i64,
    /// How it stands, in the sandbox's own words.
    pub state: String,
    /// When it was begun.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The charge that is taken back.
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
