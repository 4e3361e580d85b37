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
}

impl ActiveModelBehavior for ActiveModel {}
