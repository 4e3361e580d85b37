//! What one person of staff said of money that came or went by hand, until a second one says the same.

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
                // Of a payment or of a refund; who proposed and is gone has proposed nothing.
                "CREATE TABLE payment_proposals (
                    subject_id {uuid} NOT NULL PRIMARY KEY,
                    action text NOT NULL,
                    amount bigint NOT NULL CHECK (amount > 0),
                    reference text NOT NULL CHECK (length(reference) <= 100),
                    proposed_by {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX payment_proposals_person ON payment_proposals (proposed_by)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(manager, &["DROP TABLE payment_proposals"]).await
    }
}
