//! Table `account_exports`: everything held about a person, for them to take along.

use sea_orm::entity::prelude::*;

use super::{AccountExportId, UserId, related};

/// A row of `account_exports`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_exports")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AccountExportId,
    /// Whom it is about.
    pub user_id: UserId,
    /// A ZIP of JSON files; null until it is made.
    pub archive: Option<Vec<u8>>,
    /// When they asked.
    pub requested_at: DateTimeUtc,
    /// When it was made.
    pub completed_at: Option<DateTimeUtc>,
    /// When it is deleted, fetched or not.
    pub expires_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whom it is about.
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
