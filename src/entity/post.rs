//! Table `posts`: a text that a person published, or another's post passed on.

use sea_orm::entity::prelude::*;

use super::{PostId, UserId, related};

/// A row of `posts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PostId,
    /// Who wrote it; null once erased.
    pub author_id: Option<UserId>,
    /// At most 10,000 characters; empty when deleted, or on a share without a text.
    pub body: String,
    /// Search form of the body.
    pub search_key: String,
    /// The post that this one passes on.
    pub shared_post_id: Option<PostId>,
    /// Rows of `post_likes`.
    pub like_count: i64,
    /// Rows of `comments` that are not deleted.
    pub comment_count: i64,
    /// Posts that pass this one on and are not deleted.
    pub share_count: i64,
    /// Sequence of the last event on this post's stream.
    pub event_seq: i64,
    /// When it was published.
    pub created_at: DateTimeUtc,
    /// Last change by the author.
    pub edited_at: Option<DateTimeUtc>,
    /// When it was deleted; the row stays as a tombstone for its comments and shares.
    pub deleted_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who wrote it, while they are there.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::AuthorId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Author,
    /// The post that it passes on.
    #[sea_orm(belongs_to = "Entity", from = "Column::SharedPostId", to = "Column::Id", on_delete = "SetNull")]
    SharedPost,
    /// The posts that pass it on.
    #[sea_orm(has_many = "Entity", via_rel = "Relation::SharedPost")]
    Shares,
    /// What answers it, replies included.
    #[sea_orm(has_many = "super::comment::Entity")]
    Comments,
    /// Who likes it.
    #[sea_orm(has_many = "super::post_like::Entity")]
    Likes,
    /// The tags that its text has.
    #[sea_orm(has_many = "super::post_tag::Entity")]
    Tags,
    /// The goal that is attached to it.
    #[sea_orm(has_one = "super::goal::Entity")]
    Goal,
}

related! {
    user by Author,
    comment by Comments,
    post_like by Likes,
    post_tag by Tags,
    goal by Goal,
}

impl ActiveModelBehavior for ActiveModel {}
