//! Table `account_exports`: everything held about a person, for them to take along.

use sea_orm::entity::prelude::*;

use super::{AccountExportId, UserId};

/// A row of `account_exports`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_exports")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AccountExportId,
    /// Whose.
    pub user_id: UserId,
    /// A ZIP of JSON files; null until it is made.
    pub archive: Option<Vec<u8>>,
    /// When they asked.
    pub requested_at: DateTimeUtc,
    /// When it was made.
    pub completed_at: Option<DateTimeUtc>,
    /// When it goes.
    pub expires_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
