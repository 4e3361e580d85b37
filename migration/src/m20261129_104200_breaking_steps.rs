//! Which steps keep former versions from running: each that takes away or changes what they use notes itself here.

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
        schema::run(manager, &["CREATE TABLE breaking_steps (step text NOT NULL PRIMARY KEY)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(manager, &["DROP TABLE breaking_steps"]).await
    }
}
