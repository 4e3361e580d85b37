//! Table `sandbox_events`: what the sandbox has yet to tell us.

use sea_orm::entity::prelude::*;

/// A row of `sandbox_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sandbox_events")]
pub struct Model {
    /// Primary key: one of each time that it is told.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What it is told by, the same each time.
    pub event_id: String,
    /// What it tells, as JSON.
    pub body: String,
    /// It is not told before this.
    pub deliver_at: DateTimeUtc,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
