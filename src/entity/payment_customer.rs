//! Table `payment_customers`: what providers call a person.

use sea_orm::entity::prelude::*;

use super::{UserId, payment::ProviderKind, related};

/// A row of `payment_customers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_customers")]
pub struct Model {
    /// Who is called so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The provider that calls them so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: ProviderKind,
    /// The provider's own id of them.
    pub reference: String,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who is called so.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

related! {
    user by User,
}

impl ActiveModelBehavior for ActiveModel {}
