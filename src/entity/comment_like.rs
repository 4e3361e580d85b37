//! Table `comment_likes`: who likes which comment.

use sea_orm::entity::prelude::*;

use super::{CommentId, UserId};

/// A row of `comment_likes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comment_likes")]
pub struct Model {
    /// What is liked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub comment_id: CommentId,
    /// By whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Since when.
    pub created_at: DateTimeUtc,

    /// The comment.
    #[sea_orm(belongs_to, from = "comment_id", to = "id", on_delete = "Cascade")]
    pub comment: BelongsTo<super::comment::Entity>,
    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
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
