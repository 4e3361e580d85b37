//! Table `goal_updates`: news of goals.

use sea_orm::entity::prelude::*;

use super::{GoalId, GoalUpdateId};

/// A row of `goal_updates`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_updates")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalUpdateId,
    /// Of which goal.
    pub goal_id: GoalId,
    /// A headline.
    pub title: String,
    /// The news.
    pub body: String,
    /// Published.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
