//! Jobs are in lanes, by what they wait for, and it is known which were begun.

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
                "ALTER TABLE jobs ADD COLUMN lane {key} NOT NULL DEFAULT 'database'",
                "ALTER TABLE jobs ADD COLUMN begun_at {time}",
                // Which way a message goes is sealed, and whose a payment is stands elsewhere.
                "UPDATE jobs SET lane = CASE WHEN kind = 'message' THEN 'email' ELSE 'bulk' END WHERE kind IN ('message', \
                 'account_export', 'goal_news', 'goal_refund_all', 'webhook', 'refund', 'payment_cancel', 'forget_method')",
                // Beside `jobs_due`, by which the queue is listed.
                "CREATE INDEX jobs_next ON jobs (lane, run_at, id) WHERE state = 'queued'",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &["DROP INDEX jobs_next", "ALTER TABLE jobs DROP COLUMN begun_at", "ALTER TABLE jobs DROP COLUMN lane"],
        )
        .await
    }
}
