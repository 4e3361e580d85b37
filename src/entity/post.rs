//! Table `posts`: a text that a person published, or another's post passed on.

use sea_orm::entity::prelude::*;

use super::{PostId, UserId};

/// A row of `posts`.
#[sea_orm::model]
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
    /// Published.
    pub created_at: DateTimeUtc,
    /// Last change by the author.
    pub edited_at: Option<DateTimeUtc>,
    /// Deleted; the row stays as a tombstone for its comments and shares.
    pub deleted_at: Option<DateTimeUtc>,

    /// Who wrote it.
    #[sea_orm(belongs_to, relation_enum = "Author", from = "author_id", to = "id", on_delete = "SetNull")]
    pub author: BelongsTo<Option<super::user::Entity>>,
    /// The post that it passes on.
    #[sea_orm(
        self_ref,
        relation_enum = "SharedPost",
        relation_reverse = "Shares",
        from = "shared_post_id",
        to = "id",
        on_delete = "SetNull"
    )]
    pub shared_post: BelongsTo<Option<Entity>>,
    /// The posts that pass it on.
    #[sea_orm(self_ref, relation_enum = "Shares", relation_reverse = "SharedPost")]
    pub shares: HasMany<Entity>,
    /// What answers it, replies included.
    #[sea_orm(has_many, relation_enum = "Comments")]
    pub comments: HasMany<super::comment::Entity>,
    /// Who likes it.
    #[sea_orm(has_many, relation_enum = "Likes")]
    pub likes: HasMany<super::post_like::Entity>,
    /// Its tags.
    #[sea_orm(has_many, relation_enum = "Tags")]
    pub tags: HasMany<super::post_tag::Entity>,
    /// The goal that is attached to it.
    #[sea_orm(has_one, relation_enum = "Goal")]
    pub goal: HasOne<super::goal::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
