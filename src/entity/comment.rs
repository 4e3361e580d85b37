//! Table `comments`: an answer to a post, or a reply to an answer.

use sea_orm::entity::prelude::*;

use super::{CommentId, PostId, UserId};

/// A row of `comments`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CommentId,
    /// On which post.
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
    /// Written.
    pub created_at: DateTimeUtc,
    /// Last change by the author.
    pub edited_at: Option<DateTimeUtc>,
    /// Deleted; the row stays as a tombstone for its replies.
    pub deleted_at: Option<DateTimeUtc>,

    /// The post.
    #[sea_orm(belongs_to, from = "post_id", to = "id", on_delete = "Cascade")]
    pub post: BelongsTo<super::post::Entity>,
    /// The comment it replies to.
    #[sea_orm(
        self_ref,
        relation_enum = "Parent",
        relation_reverse = "Replies",
        from = "parent_id",
        to = "id",
        on_delete = "Cascade"
    )]
    pub parent: BelongsTo<Option<Entity>>,
    /// What replies to it.
    #[sea_orm(self_ref, relation_enum = "Replies", relation_reverse = "Parent")]
    pub replies: HasMany<Entity>,
    /// Who wrote it.
    #[sea_orm(belongs_to, relation_enum = "Author", from = "author_id", to = "id", on_delete = "SetNull")]
    pub author: BelongsTo<Option<super::user::Entity>>,
    /// Who likes it.
    #[sea_orm(has_many, relation_enum = "Likes")]
    pub likes: HasMany<super::comment_like::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
