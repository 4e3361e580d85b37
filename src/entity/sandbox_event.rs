//! Table `sandbox_events`: what the sandbox has yet to tell us.

use sea_orm::entity::prelude::*;

/// A row of `sandbox_events`.
#[sea_orm::model]
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
    /// Not before this.
    pub deliver_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
