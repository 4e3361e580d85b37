//! Table `post_tags`: which posts have which tags.

use sea_orm::entity::prelude::*;

use super::PostId;

/// A row of `post_tags`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "post_tags")]
pub struct Model {
    /// In its folded form, without the number sign.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag: String,
    /// Of which post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// When that was published, for the order of a tag's posts.
    pub created_at: DateTimeUtc,

    /// The post.
    #[sea_orm(belongs_to, from = "post_id", to = "id", on_delete = "Cascade")]
    pub post: BelongsTo<super::post::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
