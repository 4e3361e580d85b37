//! Table `user_roles`: what a person may do beyond their own affairs.

use sea_orm::entity::prelude::*;

use super::{UserId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_roles")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Which; one at a time.
    pub role: Role,
    /// Since when.
    pub created_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
