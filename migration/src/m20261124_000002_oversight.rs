//! What watches over accounts: the activity log, the audit log, suspensions, and what a person's leaving needs.

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
                "CREATE TABLE activities (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    kind text NOT NULL,
                    detail text CHECK (length(detail) <= 255),
                    address text CHECK (length(address) <= 45),
                    user_agent text CHECK (length(user_agent) <= 255),
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX activities_user ON activities (user_id, created_at DESC, id DESC)",
                "CREATE INDEX activities_created ON activities (created_at DESC, id DESC)",
                // Who acted and on whom stays readable when either is gone: ids without a foreign key.
                "CREATE TABLE audit_entries (
                    id {uuid} NOT NULL PRIMARY KEY,
                    actor_id {uuid},
                    action text NOT NULL,
                    subject_kind text NOT NULL,
                    subject_id {uuid} NOT NULL,
                    before_state text,
                    after_state text,
                    reason text CHECK (length(reason) <= 500),
                    address text CHECK (length(address) <= 45),
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX audit_entries_created ON audit_entries (created_at DESC, id DESC)",
                "CREATE INDEX audit_entries_subject ON audit_entries (subject_id, created_at DESC, id DESC)",
                "CREATE INDEX audit_entries_actor ON audit_entries (actor_id, created_at DESC, id DESC)",
                "CREATE TABLE suspensions (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
                    until {time},
                    created_at {time} NOT NULL
                )",
                "CREATE TABLE account_deletions (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    requested_at {time} NOT NULL,
                    due_at {time} NOT NULL
                )",
                "CREATE INDEX account_deletions_due ON account_deletions (due_at)",
                "CREATE TABLE account_exports (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    archive {bytes},
                    requested_at {time} NOT NULL,
                    completed_at {time},
                    expires_at {time} NOT NULL
                )",
                "CREATE INDEX account_exports_user ON account_exports (user_id, requested_at)",
                "CREATE INDEX account_exports_expires ON account_exports (expires_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP TABLE account_exports",
                "DROP TABLE account_deletions",
                "DROP TABLE suspensions",
                "DROP TABLE audit_entries",
                "DROP TABLE activities",
            ],
        )
        .await
    }
}
