//! The steps of payments and the lines of fees are only added to: the database itself refuses anything else.

use sea_orm_migration::prelude::*;

use crate::schema::{self, Refusal};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Neither tells who somebody is, so that there is nothing to be forgotten either.
const IMMUTABLE: &[Refusal] = &[
    ("payment_events", "UPDATE", "TRUE"),
    ("payment_events", "DELETE", "TRUE"),
    ("fee_lines", "UPDATE", "TRUE"),
    ("fee_lines", "DELETE", "TRUE"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::immutable(manager, "history", IMMUTABLE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::mutable(manager, "history", IMMUTABLE).await
    }
}
