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
}

impl ActiveModelBehavior for ActiveModel {}
