//! How people prove who they are, beyond the password: codes, second factors, identities elsewhere; and what only
//! they themselves see of their profile.

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
                "CREATE TABLE profiles (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    phone text CHECK (length(phone) BETWEEN 5 AND 20),
                    phone_verified_at {time},
                    country text CHECK (length(country) = 2),
                    state text CHECK (length(state) <= 50),
                    city text CHECK (length(city) <= 100),
                    address text CHECK (length(address) <= 500),
                    date_of_birth text CHECK (length(date_of_birth) = 10),
                    skills text CHECK (length(skills) <= 1000),
                    experience_level text NOT NULL DEFAULT 'entry'
                        CHECK (experience_level IN ('entry', 'intermediate', 'senior', 'expert')),
                    hourly_rate_minor bigint CHECK (hourly_rate_minor >= 0),
                    hourly_rate_currency text CHECK (length(hourly_rate_currency) = 3),
                    availability text NOT NULL DEFAULT 'full-time'
                        CHECK (availability IN ('full-time', 'part-time', 'contract', 'freelance', 'unavailable')),
                    completed_at {time},
                    updated_at {time} NOT NULL,
                    CHECK (phone IS NOT NULL OR phone_verified_at IS NULL),
                    CHECK ((hourly_rate_minor IS NULL) = (hourly_rate_currency IS NULL))
                )",
                // A number may be written down by several people; only one of them can have proven it.
                "CREATE UNIQUE INDEX profiles_phone ON profiles (phone) WHERE phone_verified_at IS NOT NULL",
                "CREATE TABLE digest_subscriptions (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    digest text NOT NULL CHECK (digest IN ('off', 'daily')),
                    sent_at {time},
                    created_at {time} NOT NULL
                )",
                "CREATE TABLE codes (
                    id {uuid} NOT NULL PRIMARY KEY,
                    purpose text NOT NULL,
                    subject {key} NOT NULL CHECK (length(subject) <= 100),
                    address text NOT NULL CHECK (length(address) <= 254),
                    address_key {key} NOT NULL,
                    hash {bytes} NOT NULL,
                    attempts bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
                    created_at {time} NOT NULL,
                    expires_at {time} NOT NULL,
                    ended_at {time}
                )",
                // A new code voids the old: one is open for a purpose and subject.
                "CREATE UNIQUE INDEX codes_open ON codes (purpose, subject) WHERE ended_at IS NULL",
                "CREATE INDEX codes_subject ON codes (purpose, subject, created_at)",
                "CREATE INDEX codes_address ON codes (purpose, address_key, created_at)",
                "CREATE INDEX codes_created ON codes (created_at)",
                "CREATE TABLE two_factors (
                    user_id {uuid} NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
                    secret {bytes} NOT NULL,
                    last_step bigint NOT NULL DEFAULT 0,
                    created_at {time} NOT NULL,
                    enabled_at {time}
                )",
                "CREATE TABLE backup_codes (
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    hash {bytes} NOT NULL,
                    created_at {time} NOT NULL,
                    used_at {time},
                    PRIMARY KEY (user_id, hash)
                )",
                "CREATE TABLE challenges (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    proven_by text NOT NULL,
                    attempts bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
                    created_at {time} NOT NULL,
                    expires_at {time} NOT NULL,
                    ended_at {time}
                )",
                "CREATE INDEX challenges_user ON challenges (user_id, created_at)",
                "CREATE INDEX challenges_expires ON challenges (expires_at)",
                "CREATE TABLE identities (
                    id {uuid} NOT NULL PRIMARY KEY,
                    user_id {uuid} NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                    provider {key} NOT NULL CHECK (length(provider) BETWEEN 1 AND 50),
                    subject {key} NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
                    email text CHECK (length(email) <= 254),
                    created_at {time} NOT NULL,
                    last_used_at {time} NOT NULL,
                    UNIQUE (provider, subject),
                    UNIQUE (user_id, provider)
                )",
                "CREATE TABLE oauth_flows (
                    id {uuid} NOT NULL PRIMARY KEY,
                    provider {key} NOT NULL,
                    user_id {uuid} REFERENCES users (id) ON DELETE CASCADE,
                    state_hash {bytes} NOT NULL UNIQUE,
                    flow_hash {bytes} NOT NULL,
                    ticket_hash {bytes} UNIQUE,
                    secrets {bytes} NOT NULL,
                    return_path text CHECK (length(return_path) <= 512),
                    result {bytes},
                    created_at {time} NOT NULL,
                    expires_at {time} NOT NULL,
                    ended_at {time}
                )",
                "CREATE INDEX oauth_flows_expires ON oauth_flows (expires_at)",
                "CREATE TABLE sign_in_failures (
                    account {key} NOT NULL CHECK (length(account) <= 254),
                    address {key} NOT NULL CHECK (length(address) <= 45),
                    failures bigint NOT NULL CHECK (failures >= 0),
                    last_failed_at {time} NOT NULL,
                    blocked_until {time},
                    PRIMARY KEY (account, address)
                )",
                "CREATE INDEX sign_in_failures_last ON sign_in_failures (last_failed_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::run(
            manager,
            &[
                "DROP TABLE sign_in_failures",
                "DROP TABLE oauth_flows",
                "DROP TABLE identities",
                "DROP TABLE challenges",
                "DROP TABLE backup_codes",
                "DROP TABLE two_factors",
                "DROP TABLE codes",
                "DROP TABLE digest_subscriptions",
                "DROP TABLE profiles",
            ],
        )
        .await
    }
}
