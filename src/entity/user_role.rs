//! Table `user_roles`: what a person may do beyond their own affairs.

use sea_orm::entity::prelude::*;

use super::{UserId, related, stored_enum};

stored_enum! {
    /// A role beyond that of an ordinary user; what each may do is in `domain::permissions`.
    Role {
        /// Sells.
        Seller = "seller",
        /// Answers those who ask for help.
        SupportAgent = "support_agent",
        /// Keeps the community in order.
        Moderator = "moderator",
        /// Runs the service.
        Administrator = "administrator",
        /// Answers for it.
        Owner = "owner",
    }
}

/// A row of `user_roles`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_roles")]
pub struct Model {
    /// Who has it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Which role; one at a time.
    pub role: Role,
    /// Since when they have it.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who has it.
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
