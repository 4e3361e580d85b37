//! What accounts hold about a person, and how they forget it.

use sea_orm::EntityTrait;

use super::likenesses;
use crate::{
    app::App,
    domain::export::{
        Kind::{Id, Integer, Text, Time},
        Table,
    },
    entity::{UserId, user},
    error::Result,
    platform::db::Transaction,
};

/// What accounts hold about a person. Left out: the hash of the password, which is nobody's to take along.
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
        file: "digest.json",
        table: "digest_subscriptions",
        owner: "user_id",
        key: "user_id",
        columns: &[("digest", "digest", Text), ("sentAt", "sent_at", Time), ("createdAt", "created_at", Time)],
    },
];

/// Forgets a person: their row with everything that hangs on it; their user name is held back for a while, under a keyed
/// hash.
pub(crate) async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    if let Some(person) = user::Entity::find_by_id(user).one(tx).await? {
        likenesses::hold_in(app, tx, user, &person.username).await?;
    }
    user::Entity::delete_by_id(user).exec(tx).await?;
    Ok(())
}
