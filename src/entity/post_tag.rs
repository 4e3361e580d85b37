//! Table `post_tags`: which posts have which tags.

use sea_orm::entity::prelude::*;

use super::{PostId, related};

/// A row of `post_tags`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "post_tags")]
pub struct Model {
    /// The tag in its folded form, without the number sign.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag: String,
    /// The post that has it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// When that was published, for the order of a tag's posts.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The post that has it.
    #[sea_orm(
        belongs_to = "super::post::Entity",
        from = "Column::PostId",
        to = "super::post::Column::Id",
        on_delete = "Cascade"
    )]
    Post,
}

related! {
    post by Post,
}

impl ActiveModelBehavior for ActiveModel {}
