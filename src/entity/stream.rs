//! Table `streams`: how many events each stream has.

use sea_orm::entity::prelude::*;

use super::event::StreamKind;

/// A row of `streams`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "streams")]
pub struct Model {
    /// What it is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: StreamKind,
    /// Of whom or what.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Number of its last event.
    pub seq: i64,

    /// What was told on it.
    #[sea_orm(has_many, relation_enum = "Events")]
    pub events: HasMany<super::event::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
