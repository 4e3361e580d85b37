//! Table `account_deletions`: accounts whose owners want to leave, until they do.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `account_deletions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_deletions")]
pub struct Model {
    /// Whose account it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// When they asked.
    pub requested_at: DateTimeUtc,
    /// When it happens, unless they change their mind before.
    pub due_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who wants to leave; the row goes with them.
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
