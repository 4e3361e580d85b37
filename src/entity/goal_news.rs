//! Table `goal_updates`: news of goals, as they are called everywhere else. The table keeps its name: a former version that runs
//! beside a newer one, or is started again after it, knows it by no other.

use sea_orm::entity::prelude::*;

use super::{GoalId, GoalNewsId};

/// A row of `goal_updates`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_updates")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalNewsId,
    /// Of which goal.
    pub goal_id: GoalId,
    /// A headline.
    pub title: String,
    /// The news.
    pub body: String,
    /// Published.
    pub created_at: DateTimeUtc,

    /// The goal.
    #[sea_orm(belongs_to, from = "goal_id", to = "id")]
    pub goal: BelongsTo<super::goal::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
