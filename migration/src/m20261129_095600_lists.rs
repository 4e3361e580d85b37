//! An index behind every list that can be asked for: each filter with the order of the list, so that a page is read where it
//! lies, whatever else the table holds.

use sea_orm_migration::prelude::*;

use crate::schema;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What is made, by name and what it is on.
const INDEXES: &[(&str, &str)] = &[
    ("users_newest", "users (created_at DESC, id DESC)"),
    // The first comments of a post, and the first replies to one, of those that are shown. An index that begins with the
    // column that is NULL in all of them gives no order: it has to leave them out instead.
    (
        "comments_of_post_shown",
        "comments (post_id, created_at, id) WHERE parent_id IS NULL AND (deleted_at IS NULL OR visible_reply_count > 0)",
    ),
    (
        "comments_of_comment_shown",
        "comments (parent_id, created_at, id) WHERE parent_id IS NOT NULL AND (deleted_at IS NULL OR visible_reply_count > 0)",
    ),
    // For what goes with its post or comment.
    ("comments_post", "comments (post_id)"),
    ("comments_parent", "comments (parent_id) WHERE parent_id IS NOT NULL"),
    ("post_tags_newest", "post_tags (tag, created_at DESC, post_id DESC)"),
    ("payments_state", "payments (state, created_at DESC, id DESC)"),
    ("payments_provider", "payments (provider, created_at DESC, id DESC)"),
    ("payments_target_kind", "payments (target_kind, created_at DESC, id DESC)"),
    ("refunds_state", "refunds (state, created_at DESC, id DESC)"),
    ("wallet_adjustments_user", "wallet_adjustments (user_id, created_at DESC, id DESC)"),
    ("goals_currency", "goals (currency, created_at DESC, id DESC)"),
    ("goals_reached", "goals (created_at DESC, id DESC) WHERE raised >= target"),
    ("goals_not_reached", "goals (created_at DESC, id DESC) WHERE raised < target"),
    ("goals_ending", "goals (state, deadline, id)"),
    ("goals_deadline", "goals (deadline, id) WHERE deadline IS NOT NULL"),
    (
        "goal_contributions_received",
        "goal_contributions (goal_id, received_at DESC, id DESC) WHERE received_at IS NOT NULL AND state = 'received'",
    ),
    ("contribution_comments_shown", "contribution_comments (contribution_id, created_at, id) WHERE deleted_at IS NULL"),
    ("activities_kind", "activities (kind, created_at DESC, id DESC)"),
    ("audit_entries_action", "audit_entries (action, created_at DESC, id DESC)"),
];

/// What they replace.
const REPLACED: &[(&str, &str)] = &[
    ("goals_due", "goals (deadline, id) WHERE state = 'open' AND deadline IS NOT NULL"),
    ("comments_of_post", "comments (post_id, parent_id, created_at, id)"),
    ("comments_of_comment", "comments (parent_id, created_at, id) WHERE parent_id IS NOT NULL"),
    (
        "goal_contributions_goal",
        "goal_contributions (goal_id, received_at DESC, id DESC) WHERE received_at IS NOT NULL",
    ),
    ("contribution_comments_contribution", "contribution_comments (contribution_id, created_at, id)"),
];

async fn replace(manager: &SchemaManager<'_>, old: &[(&str, &str)], new: &[(&str, &str)]) -> Result<(), DbErr> {
    let dropped = old.iter().map(|(name, _)| format!("DROP INDEX {name}"));
    let created = new.iter().map(|(name, on)| format!("CREATE INDEX {name} ON {on}"));
    let statements: Vec<String> = dropped.chain(created).collect();
    schema::run(manager, &statements.iter().map(String::as_str).collect::<Vec<_>>()).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // When its post was published stands beside each tag, for the order of a tag's posts. (The default is for rows that
        // are there: SQLite adds no column without one.)
        let statements = [
            "ALTER TABLE post_tags ADD COLUMN created_at {time} NOT NULL DEFAULT '1970-01-01 00:00:00+00:00'",
            "UPDATE post_tags SET created_at = (SELECT p.created_at FROM posts p WHERE p.id = post_tags.post_id)",
        ];
        schema::run(manager, &statements).await?;
        replace(manager, REPLACED, INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, INDEXES, REPLACED).await?;
        schema::run(manager, &["ALTER TABLE post_tags DROP COLUMN created_at"]).await
    }
}
