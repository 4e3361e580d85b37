//! Table `check_runs`: when the books were last checked, and what differed.

use sea_orm::entity::prelude::*;

/// A row of `check_runs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "check_runs")]
pub struct Model {
    /// Which check; the primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// When it ran last.
    pub ran_at: DateTimeUtc,
    /// How many differences it found.
    pub differences: i64,
    /// What, a line each; the first of it, where it is much.
    pub detail: String,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
