//! The link of an e-mail has a secret of its own, beside the code that people type; and what strangers ask for in
//! somebody's name is counted apart.

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
                "ALTER TABLE codes ADD COLUMN by_stranger boolean NOT NULL DEFAULT FALSE",
                "ALTER TABLE codes ADD COLUMN link_hash {bytes}",
                "ALTER TABLE codes ADD COLUMN link_expires_at {time}",
                "ALTER TABLE codes ADD COLUMN link_ended_at {time}",
                // Letters from before have links that hold the code.
                "UPDATE codes SET link_expires_at = created_at, link_ended_at = created_at",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "ALTER TABLE codes DROP COLUMN link_ended_at",
                "ALTER TABLE codes DROP COLUMN link_expires_at",
                "ALTER TABLE codes DROP COLUMN link_hash",
                "ALTER TABLE codes DROP COLUMN by_stranger",
            ],
        )
        .await
    }
}
