//! Table `comments`: an answer to a post, or a reply to an answer.

use sea_orm::entity::prelude::*;

use super::{CommentId, PostId, UserId, related};

/// A row of `comments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CommentId,
    /// The post that it is on.
    pub post_id: PostId,
    /// The comment it replies to; null when it answers the post.
    pub parent_id: Option<CommentId>,
    /// Who wrote it; null once erased.
    pub author_id: Option<UserId>,
    /// At most 2,000 characters; empty when deleted.
    pub body: String,
    /// Rows of `comment_likes`.
    pub like_count: i64,
    /// Replies that are not deleted.
    pub reply_count: i64,
    /// Replies that are listed: those not deleted, and tombstones with listed replies of their own.
    pub visible_reply_count: i64,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// Last change by the author.
    pub edited_at: Option<DateTimeUtc>,
    /// When it was deleted; the row stays as a tombstone for its replies.
    pub deleted_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The post that it is on.
    #[sea_orm(
        belongs_to = "super::post::Entity",
        from = "Column::PostId",
        to = "super::post::Column::Id",
        on_delete = "Cascade"
    )]
    Post,
    /// The comment it replies to.
    #[sea_orm(belongs_to = "Entity", from = "Column::ParentId", to = "Column::Id", on_delete = "Cascade")]
    Parent,
    /// What replies to it.
    #[sea_orm(has_many = "Entity", via_rel = "Relation::Parent")]
    Replies,
    /// Who wrote it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::AuthorId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Author,
    /// Who likes it.
    #[sea_orm(has_many = "super::comment_like::Entity")]
    Likes,
}

related! {
    post by Post,
    user by Author,
    comment_like by Likes,
}

impl ActiveModelBehavior for ActiveModel {}
