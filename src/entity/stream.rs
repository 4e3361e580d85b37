//! Table `streams`: how many events each stream has.

use sea_orm::entity::prelude::*;

use super::{event::StreamKind, related};

/// A row of `streams`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "streams")]
pub struct Model {
    /// What it is about.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: StreamKind,
    /// Of whom or what it is, by the kind: a post's, person's, payment's or goal's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The number of its last event.
    pub seq: i64,
}

/// What belongs to a row.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// What was told on it.
    #[sea_orm(has_many = "super::event::Entity")]
    Events,
}

related! {
    event by Events,
}

impl ActiveModelBehavior for ActiveModel {}
