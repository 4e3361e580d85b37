//! Table `jobs`: work that was born in a transaction and is done after it, at least once.

use sea_orm::entity::prelude::*;

use super::{JobId, stored_enum};

stored_enum! {
    /// Where a job stands. A finished one is deleted.
    JobState {
        /// To be run at `run_at`, or running until `run_at` (then it is taken for lost and run again).
        Queued = "queued",
        /// Failed too often: waits for an operator.
        Dead = "dead",
    }
}

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    /// Which handler does it.
    pub kind: String,
    /// In which lane, by what it waits for.
    pub lane: String,
    /// JSON for the handler.
    pub payload: String,
    /// Where it stands.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: i64,
    /// Not before this.
    pub run_at: DateTimeUtc,
    /// When the last attempt was begun, while it is under way.
    pub begun_at: Option<DateTimeUtc>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was born.
    pub created_at: DateTimeUtc,
}

/// Nothing belongs to a row, and it to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
