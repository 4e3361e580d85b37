//! Table `schedules`: when what is done again and again is done next.

use sea_orm::entity::prelude::*;

/// A row of `schedules`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    /// What is done, by the schedule's name; the primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// It is not done before this.
    pub next_run_at: DateTimeUtc,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
