//! What the checks of the books found the last time, and an index for what staff is told of.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "CREATE TABLE check_runs (
                    name text NOT NULL PRIMARY KEY,
                    ran_at {time} NOT NULL,
                    differences bigint NOT NULL CHECK (differences >= 0),
                    detail text NOT NULL
                )",
                "CREATE INDEX refunds_failed ON refunds (ended_at) WHERE state = 'failed'",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(manager, &["DROP INDEX refunds_failed", "DROP TABLE check_runs"]).await
    }
}
