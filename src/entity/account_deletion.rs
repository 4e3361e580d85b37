//! Table `account_deletions`: accounts whose owners want to leave, until they do.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `account_deletions`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_deletions")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// When they asked.
    pub requested_at: DateTimeUtc,
    /// When it happens, unless they change their mind before.
    pub due_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
