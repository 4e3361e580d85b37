//! What names look like, former user names that are held back, and a job that folds texts anew for search.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = match manager.get_database_backend() {
            DatabaseBackend::Postgres => "gen_random_uuid()",
            _ => "randomblob(16)",
        };
        // Only where there is something to fold; a time long ago is due.
        let fold = format!(
            "INSERT INTO jobs (id, kind, lane, payload, state, attempts, run_at, created_at) \
             SELECT {id}, 'refold', 'bulk', '{{\"part\":\"users\",\"after\":\"00000000-0000-0000-0000-000000000000\"}}', 'queued', 0, \
             '1970-01-01T00:00:00+00:00', '1970-01-01T00:00:00+00:00' WHERE EXISTS (SELECT 1 FROM users)"
        );
        schema::run(
            manager,
            &[
                "CREATE TABLE likenesses (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    username {key} UNIQUE,
                    name {key} NOT NULL,
                    spelling {key} NOT NULL,
                    is_lookalike boolean NOT NULL
                )",
                "CREATE INDEX likenesses_name ON likenesses (name, spelling)",
                "CREATE TABLE held_usernames (
                    fingerprint {bytes} NOT NULL PRIMARY KEY,
                    user_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    until {time} NOT NULL
                )",
                "CREATE INDEX held_usernames_until ON held_usernames (until)",
                "CREATE INDEX held_usernames_user ON held_usernames (user_id)",
                &fold,
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements =
            ["DELETE FROM jobs WHERE kind = 'refold'", "DROP TABLE held_usernames", "DROP TABLE likenesses"];
        schema::run(manager, &statements).await
    }
}
