//! Fundraising goals, what was given to them, the talk about it, news, withdrawals and the fees taken.

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
                "CREATE TABLE goals (
                    {searched_id},
                    post_id {uuid} NOT NULL UNIQUE REFERENCES posts (id),
                    owner_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
                    story text NOT NULL CHECK (length(story) <= 10000),
                    search_key text NOT NULL,
                    category {key} CHECK (length(category) <= 50),
                    currency text NOT NULL CHECK (length(currency) = 3),
                    target bigint NOT NULL CHECK (target > 0),
                    funding text NOT NULL CHECK (funding IN ('fixed', 'flexible')),
                    deadline {time},
                    suggested_amounts text NOT NULL,
                    cover_url text CHECK (length(cover_url) <= 512),
                    state text NOT NULL CHECK (state IN ('open', 'ended', 'failed', 'cancelled')),
                    raised bigint NOT NULL DEFAULT 0 CHECK (raised >= 0),
                    withdrawn bigint NOT NULL DEFAULT 0 CHECK (withdrawn >= 0 AND withdrawn <= raised),
                    progress bigint NOT NULL DEFAULT 0,
                    contribution_count bigint NOT NULL DEFAULT 0 CHECK (contribution_count >= 0),
                    event_seq bigint NOT NULL DEFAULT 0,
                    end_reason text CHECK (length(end_reason) <= 500),
                    created_at {time} NOT NULL,
                    edited_at {time},
                    ended_at {time},
                    CHECK (funding <> 'fixed' OR deadline IS NOT NULL)
                )",
                "CREATE INDEX goals_newest ON goals (created_at DESC, id DESC)",
                "CREATE INDEX goals_raised ON goals (raised DESC, id DESC)",
                "CREATE INDEX goals_progress ON goals (progress DESC, id DESC)",
                // Those that end soon, and those whose time is over: ended ones are not in it, however many.
                "CREATE INDEX goals_due ON goals (deadline, id) WHERE state = 'open' AND deadline IS NOT NULL",
                "CREATE INDEX goals_state ON goals (state, created_at DESC, id DESC)",
                "CREATE INDEX goals_category ON goals (category, created_at DESC, id DESC)",
                "CREATE INDEX goals_owner ON goals (owner_id, created_at DESC, id DESC)",
                "CREATE TABLE goal_contributions (
                    id {uuid} NOT NULL PRIMARY KEY,
                    goal_id {uuid} NOT NULL REFERENCES goals (id),
                    payment_id {uuid} NOT NULL UNIQUE REFERENCES payments (id),
                    contributor_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    guest_name text CHECK (length(guest_name) <= 100),
                    guest_email {key} CHECK (length(guest_email) <= 254),
                    amount bigint NOT NULL CHECK (amount > 0),
                    received bigint NOT NULL DEFAULT 0 CHECK (received >= 0 AND received <= amount),
                    refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0 AND refunded <= received),
                    state text NOT NULL CHECK (state IN ('pending', 'received', 'refunded', 'dropped')),
                    is_anonymous boolean NOT NULL,
                    is_hidden_from_owner boolean NOT NULL,
                    message text NOT NULL CHECK (length(message) <= 1000),
                    comment_count bigint NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
                    created_at {time} NOT NULL,
                    received_at {time}
                )",
                "CREATE INDEX goal_contributions_goal ON goal_contributions (goal_id, received_at DESC, id DESC) WHERE received_at IS NOT NULL",
                "CREATE INDEX goal_contributions_order ON goal_contributions (goal_id, id)",
                "CREATE INDEX goal_contributions_guests ON goal_contributions (goal_id, guest_email) WHERE guest_email IS NOT NULL",
                "CREATE INDEX goal_contributions_contributor ON goal_contributions (contributor_id, created_at DESC, id DESC)",
                "CREATE TABLE contribution_comments (
                    id {uuid} NOT NULL PRIMARY KEY,
                    contribution_id {uuid} NOT NULL REFERENCES goal_contributions (id),
                    author_id {uuid} REFERENCES users (id) ON DELETE SET NULL,
                    body text NOT NULL CHECK (length(body) <= 2000),
                    created_at {time} NOT NULL,
                    edited_at {time},
                    deleted_at {time}
                )",
                "CREATE INDEX contribution_comments_contribution ON contribution_comments (contribution_id, created_at, id)",
                "CREATE INDEX contribution_comments_author ON contribution_comments (author_id)",
                "CREATE TABLE goal_updates (
                    id {uuid} NOT NULL PRIMARY KEY,
                    goal_id {uuid} NOT NULL REFERENCES goals (id),
                    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
                    body text NOT NULL CHECK (length(body) <= 10000),
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX goal_updates_goal ON goal_updates (goal_id, created_at DESC, id DESC)",
                // A line of a fee, as it was when it was taken; a reversal is a line of its own, below zero.
                "CREATE TABLE fee_lines (
                    id {uuid} NOT NULL PRIMARY KEY,
                    kind text NOT NULL,
                    reference {key} NOT NULL CHECK (length(reference) <= 100),
                    currency text NOT NULL CHECK (length(currency) = 3),
                    base bigint NOT NULL,
                    rate bigint NOT NULL CHECK (rate BETWEEN 0 AND 1000000),
                    fee bigint NOT NULL,
                    reverses_id {uuid} REFERENCES fee_lines (id),
                    created_at {time} NOT NULL
                )",
                "CREATE INDEX fee_lines_reference ON fee_lines (reference)",
                "CREATE INDEX fee_lines_reverses ON fee_lines (reverses_id) WHERE reverses_id IS NOT NULL",
                "CREATE TABLE goal_withdrawals (
                    id {uuid} NOT NULL PRIMARY KEY,
                    goal_id {uuid} NOT NULL REFERENCES goals (id),
                    amount bigint NOT NULL CHECK (amount > 0),
                    fee_rate bigint NOT NULL CHECK (fee_rate BETWEEN 0 AND 1000000),
                    fee bigint NOT NULL CHECK (fee >= 0 AND fee <= amount),
                    payout_id {uuid} NOT NULL REFERENCES ledger_transfers (id),
                    commission_id {uuid} REFERENCES ledger_transfers (id),
                    fee_line_id {uuid} NOT NULL REFERENCES fee_lines (id),
                    created_at {time} NOT NULL,
                    reversed_at {time}
                )",
                "CREATE INDEX goal_withdrawals_goal ON goal_withdrawals (goal_id, created_at DESC, id DESC)",
            ],
        )
        .await?;
        schema::searchable(manager, "goals").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schema::unsearchable(manager, "goals").await?;
        schema::run(
            manager,
            &[
                "DROP TABLE goal_withdrawals",
                "DROP TABLE fee_lines",
                "DROP TABLE goal_updates",
                "DROP TABLE contribution_comments",
                "DROP TABLE goal_contributions",
                "DROP TABLE goals",
            ],
        )
        .await
    }
}
