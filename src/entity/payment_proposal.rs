//! Table `payment_proposals`: what one person of staff said of money by hand, until a second one says the same.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `payment_proposals`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_proposals")]
pub struct Model {
    /// The payment or refund that it is of: one of each, the last.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: Uuid,
    /// What is to be done.
    pub action: String,
    /// Of how much, in minor units of the payment's currency.
    pub amount: i64,
    /// The bank's own reference.
    pub reference: String,
    /// Who said it.
    pub proposed_by: UserId,
    /// Said.
    pub created_at: DateTimeUtc,

    /// Who said it.
    #[sea_orm(belongs_to, relation_enum = "Proposer", from = "proposed_by", to = "id", on_delete = "Cascade")]
    pub proposer: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
