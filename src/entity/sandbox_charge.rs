//! Table `sandbox_charges`: what the sandbox, a provider of its own in the same database, was to take.

use sea_orm::entity::prelude::*;

use super::related;

/// A row of `sandbox_charges`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_charges")]
pub struct Model {
    /// Primary key: an id of the sandbox's, as foreign to us as another provider's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The key that it was asked with.
    #[sea_orm(unique)]
    pub idempotency_key: String,
    /// What we call it.
    pub merchant_reference: String,
    /// What the payer's page is reached by.
    #[sea_orm(unique)]
    pub secret: String,
    /// In which currency: ISO 4217.
    pub currency: String,
    /// What was to be taken, in minor units.
    pub amount: i64,
    /// The card that was tried last.
    pub card: Option<String>,
    /// How far it has come, in the sandbox's own words.
    pub state: String,
    /// What was taken, in minor units.
    pub captured: i64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it goes on by itself.
    pub due_at: Option<DateTimeUtc>,
    /// When it was begun.
    pub created_at: DateTimeUtc,
}

/// What belongs to a row.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// What goes back of it.
    #[sea_orm(has_many = "super::sandbox_refund::Entity")]
    Refunds,
    /// What its payer takes back.
    #[sea_orm(has_many = "super::sandbox_dispute::Entity")]
    Disputes,
}

related! {
    sandbox_refund by Refunds,
    sandbox_dispute by Disputes,
}

impl ActiveModelBehavior for ActiveModel {}
