//! Guests can put an end to the news that they get of a goal.

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
        schema::run(manager, &["ALTER TABLE goal_contributions ADD COLUMN news_stopped_at {time}"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(manager, &["ALTER TABLE goal_contributions DROP COLUMN news_stopped_at"]).await
    }
}
