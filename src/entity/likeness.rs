//! Table `likenesses`: what people's names look like.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `likenesses`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "likenesses")]
pub struct Model {
    /// Whose.
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

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
