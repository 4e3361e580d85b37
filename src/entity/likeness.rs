//! Table `likenesses`: what people's names look like.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `likenesses`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "likenesses")]
pub struct Model {
    /// Whose names they are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// What the user name looks like; nothing where an older one looked the same before there was a rule.
    #[sea_orm(unique)]
    pub username: Option<String>,
    /// What the display name looks like.
    pub name: String,
    /// The display name in lower case.
    pub spelling: String,
    /// The display name looks like somebody else's, which is spelled otherwise.
    pub is_lookalike: bool,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose names they are.
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
