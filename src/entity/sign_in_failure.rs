//! Table `sign_in_failures`: proofs that were wrong, counted by whom they were of and where they came from.

use sea_orm::entity::prelude::*;

/// A row of `sign_in_failures`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_failures")]
pub struct Model {
    /// Keyed hash of whom they were of.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    /// The client's address, empty where it is unknown; or the word for all of them together.
    #[sea_orm(primary_key, auto_increment = false)]
    pub address: String,
    /// How many since they were last forgotten.
    pub failures: i64,
    /// When the last of them was.
    pub last_failed_at: DateTimeUtc,
    /// No proof is tried before this.
    pub blocked_until: Option<DateTimeUtc>,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
