//! What is searched stands in a table of its own, already taken apart into words: a search parses nothing, and a change of
//! a counter beside the text touches no index of words. SQLite has had it so from the start.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 3] = ["users", "posts", "goals"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            schema::search_apart(manager, table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            schema::search_within(manager, table).await?;
        }
        Ok(())
    }
}
