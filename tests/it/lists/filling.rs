//! Tables as full as a community's that has been there for a while, written straight into the database: somebody who wrote
//! most of the posts, a post that everybody likes and comments on, a goal that everybody gave to, and staff's lists.

use agora::entity::{CommentId, ContributionId, GoalId, PostId, UserId};
use sea_orm::DatabaseBackend;
use uuid::Uuid;

use crate::harness::{Client, Server};

/// How many rows each of the large tables has.
pub(crate) const ROWS: i64 = 25_000;

/// How many of the tables' people, posts and goals have a row of their own; the rest is about the first one.
pub(crate) const FEW: i64 = 100;

/// The large tables: no statement may look at all of one.
pub(crate) const LARGE: &[&str] = &[
    "users",
    "credentials",
    "posts",
    "post_tags",
    "post_likes",
    "comments",
    "notifications",
    "activities",
    "audit_entries",
    "jobs",
    "payments",
    "refunds",
    "goals",
    "goal_contributions",
    "contribution_comments",
    "goal_updates",
    "ledger_transfers",
    "ledger_entries",
    "withdrawals",
    "wallet_adjustments",
];

/// The first of each kind, which everything is about.
pub(crate) struct Hot {
    pub person: String,
    /// Somebody about whom there is nothing.
    pub nobody: String,
    pub post: String,
    pub comment: String,
    pub goal: String,
    /// One that is not there.
    pub no_goal: String,
    pub contribution: String,
}

/// Words in which the databases differ.
struct Words {
    backend: DatabaseBackend,
}

impl Words {
    /// A statement in which `ID(n, expression)` is the id number `expression` of table number `n`, `AT(expression)` the time so
    /// many minutes after the first one, `i` runs from 1 to `rows`, and `MOST` is three fifths of them.
    fn statement(&self, rows: i64, sql: &str) -> String {
        let sql = sql.replace("MOST", &(rows * 3 / 5).to_string());
        let mut text =
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) {sql}");
        while let Some(start) = text.find("ID(").or_else(|| text.find("AT(")) {
            let end = closing(&text, start + 2);
            let inner = &text[start + 3..end];
            let replacement = if text[start..].starts_with("ID(") {
                let (table, number) = inner.split_once(',').unwrap();
                self.id(table.trim(), number.trim())
            } else {
                self.time(inner)
            };
            text.replace_range(start..=end, &replacement);
        }
        text
    }

    fn id(&self, table: &str, number: &str) -> String {
        match self.backend {
            DatabaseBackend::Postgres => {
                format!("CAST('{table:0>8}' || lpad(to_hex(CAST({number} AS bigint)), 24, '0') AS uuid)")
            }
            _ => format!("unhex('{table:0>8}' || printf('%024x', {number}))"),
        }
    }

    fn time(&self, minutes: &str) -> String {
        match self.backend {
            DatabaseBackend::Postgres => {
                format!("(timestamptz '2025-01-01 00:00:00Z' + ({minutes}) * interval '1 minute')")
            }
            _ => format!("strftime('%Y-%m-%dT%H:%M:%S+00:00', '2025-01-01', '+' || ({minutes}) || ' minutes')"),
        }
    }
}

/// Where the bracket closes that opens at `open`.
fn closing(text: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in text[open..].char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return open + at,
            ')' => depth -= 1,
            _ => {}
        }
    }
    panic!("no end: {text}");
}

/// Fills the tables by some of [`STATEMENTS`]; `viewer` is who everybody's notifications go to.
pub(crate) async fn fill(server: &Server, viewer: &Client, statements: &[(i64, &str)]) -> Hot {
    let words = Words { backend: server.app.db.backend() };
    let viewer: UserId = viewer.id.parse().unwrap();
    let viewer = viewer.0.simple().to_string();
    let (viewer, sealed) = match words.backend {
        DatabaseBackend::Postgres => (format!("CAST('{viewer}' AS uuid)"), "CAST('' AS bytea)"),
        _ => (format!("unhex('{viewer}')"), "CAST('' AS blob)"),
    };
    let sql = |sql: &str| sql.replace("VIEWER", &viewer).replace("SEALED", sealed).replace("FEW", &FEW.to_string());
    let statements: Vec<String> = statements.iter().map(|(rows, text)| words.statement(*rows, &sql(text))).collect();
    server
        .app
        .db
        .transact(async |tx| {
            for statement in &statements {
                tx.execute(statement.as_str(), Vec::new()).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    server.write("ANALYZE", Vec::new()).await;
    let first = |table: u32| format!("{table:08}000000000000000000000001").parse::<Uuid>().unwrap();
    Hot {
        person: UserId(first(1)).to_string(),
        nobody: UserId(Uuid::max()).to_string(),
        post: PostId(first(2)).to_string(),
        comment: CommentId(first(3)).to_string(),
        goal: GoalId(first(4)).to_string(),
        no_goal: GoalId(Uuid::max()).to_string(),
        contribution: ContributionId(first(5)).to_string(),
    }
}

/// What the tables are filled by.
pub(crate) const STATEMENTS: &[(i64, &str)] = &[
    (
        ROWS,
        "INSERT INTO users (id, username, username_key, first_name, last_name, display_name, bio, kind, locale, search_key, \
         created_at, updated_at) SELECT ID(1, i), 'person_' || i, 'person_' || i, 'Everybody', '', 'Everybody', '', \
         'customer', 'en', 'everybody person ' || i, AT(i), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO credentials (user_id, email, email_key, password_changed_at) SELECT ID(1, i), \
         'person_' || i || '@example.org', 'person_' || i || '@example.org', AT(i) FROM n",
    ),
    (FEW, "INSERT INTO user_roles (user_id, role, created_at) SELECT ID(1, i), 'seller', AT(i) FROM n"),
    (FEW, "INSERT INTO suspensions (user_id, reason, created_at) SELECT ID(1, i), 'reasons', AT(i) FROM n"),
    // Every other post is by the first person, the others by one of few; all have the tags and the word.
    (
        ROWS,
        "INSERT INTO posts (id, author_id, body, search_key, like_count, comment_count, created_at) SELECT ID(2, i), \
         ID(1, CASE WHEN i % 2 = 0 THEN 1 ELSE 2 + i % FEW END), 'body', 'everybody wrote post ' || i, i % 97, i % 89, AT(i) \
         FROM n",
    ),
    (ROWS, "INSERT INTO post_tags (tag, post_id, created_at) SELECT 'all', ID(2, i), AT(i) FROM n"),
    (ROWS, "INSERT INTO post_tags (tag, post_id, created_at) SELECT 'every', ID(2, i), AT(i) FROM n"),
    (ROWS, "INSERT INTO post_likes (post_id, user_id, created_at) SELECT ID(2, 1), ID(1, i), AT(i) FROM n"),
    // The first half below the post, deleted in its first part; the second half below the first comment.
    (
        ROWS,
        "INSERT INTO comments (id, post_id, author_id, body, created_at, deleted_at) SELECT ID(3, i), ID(2, 1), ID(1, i), \
         'body', AT(i), CASE WHEN i BETWEEN 2 AND MOST THEN AT(i) END FROM n",
    ),
    (
        ROWS,
        "INSERT INTO comments (id, post_id, parent_id, author_id, body, created_at, deleted_at) SELECT ID(3, 100000 + i), \
         ID(2, 1), ID(3, 1), ID(1, i), 'body', AT(i), CASE WHEN i < MOST THEN AT(i) END FROM n",
    ),
    (
        ROWS,
        "INSERT INTO notifications (id, recipient_id, kind, title, message, dedupe_key, read_at, created_at) SELECT ID(6, i), \
         VIEWER, 'like', 'title', '', 'key ' || i, CASE WHEN i % 250 > 0 THEN AT(i) END, AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO activities (id, user_id, kind, created_at) SELECT ID(7, i), ID(1, i), 'registered', AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO audit_entries (id, actor_id, action, subject_kind, subject_id, created_at) SELECT ID(8, i), ID(1, i), \
         'adminUserSuspend', 'user', ID(1, i), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO jobs (id, kind, payload, state, run_at, created_at) SELECT ID(9, i), 'notify', '{}', \
         CASE WHEN i % 2 = 0 THEN 'queued' ELSE 'dead' END, AT(i), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO payments (id, provider, target_kind, target_id, payer_id, payer_locale, currency, amount, state, captured, \
         created_at, updated_at) SELECT ID(10, i), 'sandbox', 'goal_contribution', ID(5, i), ID(1, 1 + i % FEW), 'en', 'EUR', \
         100, 'completed', 100, AT(i), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO refunds (id, payment_id, amount, destination, state, reason, created_at) SELECT ID(11, i), ID(10, i), 10, \
         'source', 'succeeded', 'reason', AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO goals (id, post_id, owner_id, title, story, search_key, category, currency, target, funding, deadline, \
         suggested_amounts, state, raised, progress, created_at) SELECT ID(4, i), ID(2, i), \
         ID(1, CASE WHEN i % 2 = 0 THEN 1 ELSE 2 + i % FEW END), 'title', '', 'everybody goal ' || i, 'big', 'EUR', 1000, \
         'flexible', AT(i + 5000000), '[]', 'open', i % 997, i % 997 * 1000, AT(i) FROM n",
    ),
    // The newest were all given back: what is still there lies behind them.
    (
        ROWS,
        "INSERT INTO goal_contributions (id, goal_id, payment_id, contributor_id, amount, received, refunded, state, \
         is_anonymous, is_hidden_from_owner, message, created_at, received_at) SELECT ID(5, i), ID(4, 1), ID(10, i), \
         ID(1, 1 + i % FEW), 100 + i % 83, 100, CASE WHEN i > 10000 THEN 100 ELSE 0 END, \
         CASE WHEN i > 10000 THEN 'refunded' ELSE 'received' END, FALSE, FALSE, '', AT(i), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO contribution_comments (id, contribution_id, author_id, body, created_at, deleted_at) SELECT ID(12, i), \
         ID(5, 1), ID(1, i), 'body', AT(i), CASE WHEN i < MOST THEN AT(i) END FROM n",
    ),
    (
        ROWS,
        "INSERT INTO goal_updates (id, goal_id, title, body, created_at) SELECT ID(13, i), ID(4, 1), 'title', '', AT(i) FROM n",
    ),
    (
        FEW,
        "INSERT INTO ledger_accounts (id, kind, owner_id, name, currency, balance, created_at) SELECT ID(14, i), 'wallet', \
         ID(1, i), '', 'EUR', 0, AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO ledger_transfers (id, kind, state, currency, amount, description, actor_id, operation, idempotency_key, \
         input_hash, held_account_id, created_at) SELECT ID(15, i), 'transfer', 'posted', 'EUR', 1, '', ID(1, 1), 'filling', \
         'key ' || i, '', ID(14, 1), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) SELECT \
         ID(16, i), ID(15, i), ID(14, 1 + i % FEW), 'transfer', 1, i, i, AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO withdrawals (id, user_id, payout_method_id, sealed_details, bank_name, last_four, currency, amount, state, \
         hold_id, requested_at) SELECT ID(17, i), ID(1, 1 + i % FEW), ID(18, i), SEALED, '', '', 'EUR', 1, 'paid', \
         ID(15, i), AT(i) FROM n",
    ),
    (
        ROWS,
        "INSERT INTO wallet_adjustments (id, user_id, currency, amount, reason, state, proposed_by, created_at) SELECT \
         ID(19, i), ID(1, 1 + i % FEW), 'EUR', 1, 'reason', 'applied', ID(1, 1), AT(i) FROM n",
    ),
];
