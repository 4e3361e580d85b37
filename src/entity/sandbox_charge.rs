//! Table `sandbox_charges`: what the sandbox, a provider of its own in the same database, was to take.

use sea_orm::entity::prelude::*;

/// A row of `sandbox_charges`.
#[sea_orm::model]
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
    /// ISO 4217.
    pub currency: String,
    /// In minor units.
    pub amount: i64,
    /// The card that was tried last.
    pub card: Option<String>,
    /// How far it has come, in the sandbox's own words.
    pub state: String,
    /// What was taken.
    pub captured: i64,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it goes on by itself.
    pub due_at: Option<DateTimeUtc>,
    /// Begun.
    pub created_at: DateTimeUtc,

    /// What goes back of it.
    #[sea_orm(has_many, relation_enum = "Refunds")]
    pub refunds: HasMany<super::sandbox_refund::Entity>,
    /// Its disputes.
    #[sea_orm(has_many, relation_enum = "Disputes")]
    pub disputes: HasMany<super::sandbox_dispute::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
