//! Table `backup_codes`: codes on paper, each good once in place of a second factor.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `backup_codes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_codes")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// HMAC-SHA256 over person and code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// Made.
    pub created_at: DateTimeUtc,
    /// Used.
    pub used_at: Option<DateTimeUtc>,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
