//! Table `contribution_comments`: the talk about what was given.

use sea_orm::entity::prelude::*;

use super::{ContributionCommentId, ContributionId, UserId, related};

/// A row of `contribution_comments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contribution_comments")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContributionCommentId,
    /// The contribution that it is on.
    pub contribution_id: ContributionId,
    /// Who wrote it; null once their account is erased.
    pub author_id: Option<UserId>,
    /// Empty when deleted.
    pub body: String,
    /// When it was written.
    pub created_at: DateTimeUtc,
    /// Last change by the author.
    pub edited_at: Option<DateTimeUtc>,
    /// When it was deleted; the row stays.
    pub deleted_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The contribution that it is on.
    #[sea_orm(
        belongs_to = "super::goal_contribution::Entity",
        from = "Column::ContributionId",
        to = "super::goal_contribution::Column::Id"
    )]
    Contribution,
    /// Who wrote it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::AuthorId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Author,
}

related! {
    goal_contribution by Contribution,
    user by Author,
}

impl ActiveModelBehavior for ActiveModel {}
