//! Table `suspensions`: people who may not sign in.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `suspensions`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suspensions")]
pub struct Model {
    /// Whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Why; the person is told.
    pub reason: String,
    /// When it ends by itself; null: not before they are reinstated.
    pub until: Option<DateTimeUtc>,
    /// Since when.
    pub created_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
