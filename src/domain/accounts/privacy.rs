//! What accounts hold about a person, and how they forget it.

use super::{likenesses, sessions};
use crate::{
    app::App,
    domain::{
        codes,
        export::{
            Kind::{Id, Integer, Text, Time},
            Table,
        },
    },
    entity::{SessionId, UserId, session::SessionEnd},
    error::Result,
    platform::db::{Columns, Transaction},
};

/// What accounts hold about a person. Left out: password hash, secrets and codes, which are nobody's to take along.
pub(super) const EXPORT: &[Table] = &[
    Table {
        file: "account.json",
        table: "users",
        owner: "id",
        key: "id",
        columns: &[
            ("id", "id", Id("user")),
            ("username", "username", Text),
            ("firstName", "first_name", Text),
            ("lastName", "last_name", Text),
            ("displayName", "display_name", Text),
            ("avatarUrl", "avatar_url", Text),
            ("bio", "bio", Text),
            ("kind", "kind", Text),
            ("locale", "locale", Text),
            ("postCount", "post_count", Integer),
            ("usernameChangedAt", "username_changed_at", Time),
            ("createdAt", "created_at", Time),
            ("updatedAt", "updated_at", Time),
        ],
    },
    Table {
        file: "sign-in.json",
        table: "credentials",
        owner: "user_id",
        key: "user_id",
        columns: &[
            ("email", "email", Text),
            ("emailVerifiedAt", "email_confirmed_at", Time),
            ("passwordChangedAt", "password_changed_at", Time),
        ],
    },
    Table {
        file: "two-factor.json",
        table: "two_factors",
        owner: "user_id",
        key: "user_id",
        columns: &[("createdAt", "created_at", Time), ("enabledAt", "enabled_at", Time)],
    },
    Table {
        file: "identities.json",
        table: "identities",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("identity")),
            ("provider", "provider", Text),
            ("subject", "subject", Text),
            ("email", "email", Text),
            ("createdAt", "created_at", Time),
            ("lastUsedAt", "last_used_at", Time),
        ],
    },
    Table {
        file: "sessions.json",
        table: "sessions",
        owner: "user_id",
        key: "id",
        columns: &[
            ("id", "id", Id("session")),
            ("device", "user_agent", Text),
            ("address", "address", Text),
            ("createdAt", "created_at", Time),
            ("lastUsedAt", "rotated_at", Time),
            ("expiresAt", "expires_at", Time),
            ("endedAt", "ended_at", Time),
            ("endReason", "end_reason", Text),
        ],
    },
    Table {
        file: "digest.json",
        table: "digest_subscriptions",
        owner: "user_id",
        key: "user_id",
        columns: &[("digest", "digest", Text), ("sentAt", "sent_at", Time), ("createdAt", "created_at", Time)],
    },
    Table {
        file: "role.json",
        table: "user_roles",
        owner: "user_id",
        key: "user_id",
        columns: &[("role", "role", Text), ("createdAt", "created_at", Time)],
    },
    Table {
        file: "suspension.json",
        table: "suspensions",
        owner: "user_id",
        key: "user_id",
        columns: &[("reason", "reason", Text), ("until", "until", Time), ("createdAt", "created_at", Time)],
    },
];

/// Forgets a person: the account with everything that hangs on it, and the codes that went to their addresses; their user
/// name is held back for a while, under a keyed hash. Gives the sessions that ended, for `sessions_ended` after the commit. Failed sign-ins are kept under keyed hashes, and for a day only.
pub async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<Vec<SessionId>> {
    let ended = sessions::end_sessions_in(app, tx, user, None, SessionEnd::AccountDeleted).await?;
    codes::erase_in(tx, &user.to_string()).await?;
    // Not by the address itself: of one that somebody else has proven, they have none.
    let row = tx.row("SELECT email_key FROM credentials WHERE user_id = $1", vec![user.0.into()]).await?;
    if let Some(row) = row {
        codes::erase_address_in(tx, &Columns::new(&row).take::<String>()?).await?;
    }
    let row = tx.row("SELECT username FROM users WHERE id = $1", vec![user.0.into()]).await?;
    if let Some(row) = row {
        likenesses::hold_in(app, tx, user, &Columns::new(&row).take::<String>()?).await?;
    }
    tx.execute("DELETE FROM users WHERE id = $1", vec![user.0.into()]).await?;
    Ok(ended)
}
