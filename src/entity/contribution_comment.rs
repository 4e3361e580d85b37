//! Table `contribution_comments`: the talk about what was given.

use sea_orm::entity::prelude::*;

use super::{ContributionCommentId, ContributionId, UserId};

/// A row of `contribution_comments`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contribution_comments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContributionCommentId,
    /// On which contribution.
    pub contribution_id: ContributionId,
    /// Who wrote it.
    pub author_id: Option<UserId>,
    /// Empty when deleted.
    pub body: String,
    /// Written.
    pub created_at: DateTimeUtc,
    /// Changed.
    pub edited_at: Option<DateTimeUtc>,
    /// Deleted; the row stays.
    pub deleted_at: Option<DateTimeUtc>,

    /// The contribution.
    #[sea_orm(belongs_to, relation_enum = "Contribution", from = "contribution_id", to = "id")]
    pub contribution: BelongsTo<super::goal_contribution::Entity>,
    /// Who wrote it.
    #[sea_orm(belongs_to, relation_enum = "Author", from = "author_id", to = "id", on_delete = "SetNull")]
    pub author: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
