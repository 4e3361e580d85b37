//! Table `comment_likes`: who likes which comment.

use sea_orm::entity::prelude::*;

use super::{CommentId, UserId, related};

/// A row of `comment_likes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comment_likes")]
pub struct Model {
    /// The comment that is liked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub comment_id: CommentId,
    /// Who likes it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Since when they like it.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The comment that is liked.
    #[sea_orm(
        belongs_to = "super::comment::Entity",
        from = "Column::CommentId",
        to = "super::comment::Column::Id",
        on_delete = "Cascade"
    )]
    Comment,
    /// The person who likes it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

related! {
    comment by Comment,
    user by User,
}

impl ActiveModelBehavior for ActiveModel {}

/// From a comment to the people who like it.
#[derive(Debug, Clone, Copy)]
pub struct Likers;

impl Linked for Likers {
    type FromEntity = super::comment::Entity;
    type ToEntity = super::user::Entity;

    fn link(&self) -> Vec<RelationDef> {
        vec![Relation::Comment.def().rev(), Relation::User.def()]
    }
}

/// From a person to the comments that they like.
#[derive(Debug, Clone, Copy)]
pub struct LikedComments;

impl Linked for LikedComments {
    type FromEntity = super::user::Entity;
    type ToEntity = super::comment::Entity;

    fn link(&self) -> Vec<RelationDef> {
        vec![Relation::User.def().rev(), Relation::Comment.def()]
    }
}
