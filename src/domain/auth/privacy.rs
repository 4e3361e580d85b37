//! What auth holds about a person, and how it forgets it.

use sea_orm::EntityTrait;

use super::sessions;
use crate::{
    app::App,
    domain::{
        codes,
        export::{
            Kind::{Id, Text, Time},
            Table,
        },
    },
    entity::{SessionId, UserId, credential, session::SessionEnd},
    error::Result,
    platform::db::Transaction,
};

/// What auth holds about a person. Left out: secrets and codes, which are nobody's to take along.
pub(super) const EXPORT: &[Table] = &[
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

/// Forgets by what a person comes in, before their row goes with everything that hangs on it: ends their sessions, and
/// deletes the codes that went to their addresses. Gives the sessions that ended, for `sessions_ended` after the commit.
/// Failed sign-ins are kept under keyed hashes, and for a day only.
pub(crate) async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<Vec<SessionId>> {
    let ended = sessions::end_sessions_in(app, tx, user, None, SessionEnd::AccountDeleted).await?;
    codes::erase_in(tx, &user.to_string()).await?;
    // Not by the address itself: of one that somebody else has proven, they have none.
    if let Some(own) = credential::Entity::find_by_id(user).one(tx).await? {
        codes::erase_address_in(tx, &own.email_key).await?;
    }
    Ok(ended)
}
