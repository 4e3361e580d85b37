//! Events, notifications, jobs, schedules and idempotency keys.

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
                "CREATE TABLE streams (
                    kind text NOT NULL,
                    id {uuid} NOT NULL,
                    seq bigint NOT NULL CHECK (seq >= 0),
                    PRIMARY KEY (kind, id)
                )",
                "CREATE TABLE events (
                    stream_kind text NOT NULL,
                    stream_id {uuid} NOT NULL,
                    seq bigint NOT NULL CHECK (seq >= 1),
                    kind text NOT NULL,
                    actor_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    subject_id {uuid},
                    created_at {time} NOT NULL,
                    PRIMARY KEY (stream_kind, stream_id, seq)
                )",
                "CREATE INDEX events_created ON events (created_at)",
                "CREATE INDEX events_actor ON events (actor_id)",
                "CREATE TABLE notifications (
                    id {uuid} NOT NULL PRIMARY KEY,
                    recipient_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    kind text NOT NULL,
                    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
                    message text NOT NULL,
                    actor_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    subject_kind text,
                    subject_id {uuid},
                    dedupe_key {key} NOT NULL,
                    read_at {time},
                    created_at {time} NOT NULL,
                    UNIQUE (recipient_id, dedupe_key),
                    CHECK ((subject_kind IS NULL) = (subject_id IS NULL))
                )",
                "CREATE INDEX notifications_newest ON notifications (recipient_id, created_at DESC, id DESC)",
                "CREATE INDEX notifications_unread ON notifications (recipient_id, created_at DESC, id DESC) WHERE read_at IS NULL",
                "CREATE INDEX notifications_subject ON notifications (subject_id)",
                "CREATE INDEX notifications_actor ON notifications (actor_id)",
                "CREATE TABLE jobs (
                    id {uuid} NOT NULL PRIMARY KEY,
                    kind text NOT NULL,
                    payload text NOT NULL,
                    state text NOT NULL CHECK (state IN ('queued', 'dead')),
                    attempts bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
                    run_at {time} NOT NULL,
                    last_error text,
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'queued'",
                "CREATE INDEX jobs_dead ON jobs (created_at, id) WHERE state = 'dead'",
                "CREATE TABLE schedules (
                    name text NOT NULL PRIMARY KEY,
                    next_run_at {time} NOT NULL
                )",
                "CREATE TABLE idempotency_keys (
                    actor_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    operation text NOT NULL,
                    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
                    input_hash {key} NOT NULL,
                    result_id {uuid} NOT NULL,
                    created_at {time} NOT NULL,
                    PRIMARY KEY (actor_id, operation, key)
                )",
                "CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP TABLE idempotency_keys",
                "DROP TABLE schedules",
                "DROP TABLE jobs",
                "DROP TABLE notifications",
                "DROP TABLE events",
                "DROP TABLE streams",
            ],
        )
        .await
    }
}
