//! Table `post_likes`: who likes which post.

use sea_orm::entity::prelude::*;

use super::{PostId, UserId, related};

/// A row of `post_likes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "post_likes")]
pub struct Model {
    /// The post that is liked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// Who likes it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Since when they like it.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The post that is liked.
    #[sea_orm(
        belongs_to = "super::post::Entity",
        from = "Column::PostId",
        to = "super::post::Column::Id",
        on_delete = "Cascade"
    )]
    Post,
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
    post by Post,
    user by User,
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
