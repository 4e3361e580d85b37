//! Table `payment_proposals`: what one person of staff said of money by hand, until a second one says the same.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `payment_proposals`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_proposals")]
pub struct Model {
    /// The payment or refund that it is of: one of each, the last.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: Uuid,
    /// What is to be done.
    pub action: String,
    /// How much it is about, in minor units of the payment's currency.
    pub amount: i64,
    /// The bank's own reference.
    pub reference: String,
    /// Who said it.
    pub proposed_by: UserId,
    /// When they said it.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who of staff said it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::ProposedBy",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    Proposer,
}

related! {
    user by Proposer,
}

impl ActiveModelBehavior for ActiveModel {}
