//! Table `suspensions`: people who may not sign in.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `suspensions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suspensions")]
pub struct Model {
    /// Who may not sign in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Why; the person is told.
    pub reason: String,
    /// When it ends by itself; null: not before they are reinstated.
    pub until: Option<DateTimeUtc>,
    /// Since when they may not.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who may not sign in.
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
