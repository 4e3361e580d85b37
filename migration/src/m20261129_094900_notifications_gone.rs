//! Notifications go with what they tell of.

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
                "ALTER TABLE notifications ADD COLUMN gone_at {time}",
                "DROP INDEX notifications_newest",
                "DROP INDEX notifications_unread",
                "CREATE INDEX notifications_newest ON notifications (recipient_id, created_at DESC, id DESC) WHERE gone_at IS NULL",
                "CREATE INDEX notifications_unread ON notifications (recipient_id, created_at DESC, id DESC) \
                 WHERE read_at IS NULL AND gone_at IS NULL",
                "CREATE INDEX notifications_gone ON notifications (gone_at) WHERE gone_at IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP INDEX notifications_gone",
                "DROP INDEX notifications_unread",
                "DROP INDEX notifications_newest",
                "DELETE FROM notifications WHERE gone_at IS NOT NULL",
                "ALTER TABLE notifications DROP COLUMN gone_at",
                "CREATE INDEX notifications_newest ON notifications (recipient_id, created_at DESC, id DESC)",
                "CREATE INDEX notifications_unread ON notifications (recipient_id, created_at DESC, id DESC) WHERE read_at IS NULL",
            ],
        )
        .await
    }
}
