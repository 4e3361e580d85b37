//! People, how they prove who they are, and their sessions.

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
                "CREATE TABLE users (
                    {searched_id},
                    username text NOT NULL CHECK (length(username) BETWEEN 3 AND 30),
                    username_key {key} NOT NULL UNIQUE,
                    first_name text NOT NULL CHECK (length(first_name) <= 50),
                    last_name text NOT NULL CHECK (length(last_name) <= 50),
                    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 101),
                    avatar_url text CHECK (length(avatar_url) <= 512),
                    bio text NOT NULL CHECK (length(bio) <= 500),
                    kind text NOT NULL CHECK (kind IN ('customer', 'artist', 'store')),
                    locale text NOT NULL CHECK (locale IN ('en', 'ar')),
                    search_key text NOT NULL,
                    post_count bigint NOT NULL DEFAULT 0 CHECK (post_count >= 0),
                    username_changed_at {time},
                    created_at {time} NOT NULL,
                    updated_at {time} NOT NULL
                )",
                "CREATE TABLE credentials (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
                    email_key {key} NOT NULL UNIQUE,
                    email_confirmed_at {time},
                    password_hash text,
                    password_changed_at {time} NOT NULL,
                    password_reset_at {time}
                )",
                "CREATE TABLE user_roles (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    role text NOT NULL
                        CHECK (role IN ('seller', 'support_agent', 'moderator', 'administrator', 'owner')),
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX user_roles_role ON user_roles (role, user_id)",
                "CREATE TABLE sessions (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    generation bigint NOT NULL CHECK (generation >= 1),
                    seen_generation bigint NOT NULL CHECK (seen_generation BETWEEN 0 AND generation),
                    rotated_at {time} NOT NULL,
                    created_at {time} NOT NULL,
                    authenticated_at {time} NOT NULL,
                    expires_at {time} NOT NULL,
                    ended_at {time},
                    end_reason text CHECK (end_reason IN ('logout', 'token_reused', 'revoked', 'password_changed',
                        'suspended', 'signed_out', 'role_changed', 'two_factor_changed', 'account_deleted')),
                    address text CHECK (length(address) <= 45),
                    user_agent text CHECK (length(user_agent) <= 255),
                    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
                )",
                "CREATE INDEX sessions_user ON sessions (user_id, created_at)",
                "CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL",
                "CREATE INDEX sessions_expires ON sessions (expires_at)",
            ],
        )
        .await?;
        schema::searchable(manager, "users").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::unsearchable(manager, "users").await?;
        schema::run(
            manager,
            &["DROP TABLE sessions", "DROP TABLE user_roles", "DROP TABLE credentials", "DROP TABLE users"],
        )
        .await
    }
}
