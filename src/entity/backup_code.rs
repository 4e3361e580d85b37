//! Table `backup_codes`: codes on paper, each good once in place of a second factor.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `backup_codes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backup_codes")]
pub struct Model {
    /// Whose code it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// HMAC-SHA256 over person and code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// When it was made; all of a person's are made at once.
    pub created_at: DateTimeUtc,
    /// When it was used; null while it is good.
    pub used_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose code it is.
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
