//! An index for what a goal was given, from the largest amount.

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
                // Of what the goal still has, as the index of the newest is: all are in the goal's currency.
                "CREATE INDEX goal_contributions_largest ON goal_contributions (goal_id, amount DESC, id DESC) \
                 WHERE received_at IS NOT NULL AND state = 'received'",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(manager, &["DROP INDEX goal_contributions_largest"]).await
    }
}
