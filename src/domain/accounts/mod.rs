//! Accounts: people, how they prove who they are, and their sessions.
//!
//! Owns `users`, `credentials`, `user_roles`, `profiles`, `sessions`, `challenges`, `two_factors`, `backup_codes`, `identities`,
//! `oauth_flows`, `sign_in_failures` and `suspensions`. Always holds: user names and e-mail addresses are unique
//! whatever their case; nothing that only its owner may see leaves `credentials`; a token is derived, never stored.

mod commands;
mod digest;
mod fresh;
mod policy;
mod profile;
mod queries;
mod sessions;
mod sign_in;
mod tokens;

use std::sync::Arc;

use crate::entity::user;

pub use commands::{Login, Register, Registered, confirm_email, create_administrator, login, register};
pub use digest::{digest_sent_in, digests};
pub use fresh::{FRESH, SENSITIVE, require_fresh};
pub use policy::{MAX_PASSWORD, MIN_PASSWORD};
pub use profile::{ProfileUpdate, profile_update};
pub use queries::{UserFilter, UserSort, emails, get, user_by_username, users, users_by_id};
pub(crate) use queries::{read_user, read_user_card, user_card_columns, user_columns};
pub use sessions::{IssuedSession, logout, prune, sweep, token_refresh};
pub use sign_in::{IssuedChallenge, Method, SignIn};
pub use tokens::authenticate;

/// A person as others may see them.
pub type User = Arc<user::Model>;

/// Changes a person's number of posts by one, within the transaction of the post.
pub async fn count_post_in(
    tx: &crate::platform::db::Transaction,
    id: crate::entity::UserId,
    change: i64,
) -> crate::error::Result<()> {
    tx.execute("UPDATE users SET post_count = post_count + $2 WHERE id = $1", vec![id.0.into(), change.into()])
        .await
        .map(drop)
}
