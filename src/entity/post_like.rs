//! Table `post_likes`: who likes which post.

use sea_orm::entity::prelude::*;

use super::{PostId, UserId};

/// A row of `post_likes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "post_likes")]
pub struct Model {
    /// What is liked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// By whom.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Since when.
    pub created_at: DateTimeUtc,

    /// The post.
    #[sea_orm(belongs_to, from = "post_id", to = "id", on_delete = "Cascade")]
    pub post: BelongsTo<super::post::Entity>,
    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

/// From a post to the people who like it.
#[derive(Debug, Clone, Copy)]
pub struct Likers;

impl Linked for Likers {
    type FromEntity = super::post::Entity;
    type ToEntity = super::user::Entity;

    fn link(&self) -> Vec<RelationDef> {
        vec![Relation::Post.def().rev(), Relation::User.def()]
    }
}

/// From a person to the posts that they like.
#[derive(Debug, Clone, Copy)]
pub struct LikedPosts;

impl Linked for LikedPosts {
    type FromEntity = super::user::Entity;
    type ToEntity = super::post::Entity;

    fn link(&self) -> Vec<RelationDef> {
        vec![Relation::User.def().rev(), Relation::Post.def()]
    }
}
