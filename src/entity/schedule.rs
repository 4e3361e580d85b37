//! Table `schedules`: when what is done again and again is done next.

use sea_orm::entity::prelude::*;

/// A row of `schedules`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    /// What; the primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Not before this.
    pub next_run_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
