//! Table `goal_updates`: news of goals, as they are called everywhere else. The table keeps its name: a former version that runs
//! beside a newer one, or is started again after it, knows it by no other.

use sea_orm::entity::prelude::*;

use super::{GoalId, GoalNewsId, related};

/// A row of `goal_updates`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_updates")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalNewsId,
    /// The goal that it is news of.
    pub goal_id: GoalId,
    /// A headline, in the owner's words.
    pub title: String,
    /// The news, in the owner's words.
    pub body: String,
    /// When it was published.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The goal that it is news of.
    #[sea_orm(belongs_to = "super::goal::Entity", from = "Column::GoalId", to = "super::goal::Column::Id")]
    Goal,
}

related! {
    goal by Goal,
}

impl ActiveModelBehavior for ActiveModel {}
