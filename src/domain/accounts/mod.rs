//! Accounts: people, how they prove who they are, and their sessions.
//!
//! Owns `users`, `credentials`, `user_roles`, `sessions`, `challenges`, `two_factors`, `backup_codes`, `identities`,
//! `oauth_flows`, `sign_in_failures`, `suspensions`, `likenesses`, `held_usernames` and
//! `digest_subscriptions`. Always holds: user names and e-mail addresses are unique
//! whatever their case; nothing that only its owner may see leaves `credentials`; a token is derived, never stored.

mod addresses;
mod challenges;
mod commands;
mod corrections;
mod credentials;
mod digest;
mod fresh;
mod guessing;
mod jobs;
mod likenesses;
mod mail;
pub mod oauth;
mod oversight;
mod overview;
mod passwords;
mod policy;
mod privacy;
mod profile;
mod queries;
mod reauthentication;
mod registration;
mod rows;
mod second_factors;
mod sessions;
mod sign_in;
mod sql;
mod throttle;
mod tokens;
mod two_factor;

use std::sync::Arc;

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};

use crate::{
    entity::{UserId, user},
    error::Result,
    platform::db::Transaction,
};

pub use addresses::{email_change_confirm, email_change_request, email_verification_send, email_verify};
pub use challenges::{two_factor_code_send, two_factor_verify};
pub use commands::{Login, Register, Registered, confirm_email, create_administrator, login, register};
pub use digest::{digest_sent_in, digests};
pub use fresh::{FRESH, is_fresh, require_fresh};
pub use guessing::prune as prune_failures;
pub use likenesses::lookalikes;
pub use mail::tell_in;
pub(crate) use oversight::{
    authorise_in, authority_in, find_in, is_last_owner_in, lock_active_in, lock_in, reinstate_in, reset_two_factor_in,
    set_role_in, sign_out_in, suspend_in, suspension_in,
};
pub use overview::{AccountFilter, AccountOverview, accounts, overviews};
pub use passwords::{ResetProof, password_change, password_reset_confirm, password_reset_request};
pub(crate) use policy::email as email_address;
pub use policy::{MAX_PASSWORD, MIN_PASSWORD};
pub(crate) use privacy::erase_in;
pub use profile::{ProfileUpdate, bio_set_in, profile_update};
pub use queries::{Email, UserFilter, UserSort, emails, get, user_by_username, users, users_by_id};
pub use reauthentication::{Proof, reauthenticate, reauthentication_code_send};
pub(crate) use registration::DOMAIN;
pub use rows::{Person, UserCard, UserRow};
pub(crate) use sessions::ended as sessions_ended;
pub use sessions::{
    ActiveSession, IssuedSession, active_sessions, authenticate, logout, logout_by_refresh_token, session_revoke,
    sessions_by_id, sessions_revoke_others, sweep, token_refresh,
};
pub use sign_in::{IssuedChallenge, Method, SignIn};
pub(crate) use sql::lock_active as lock_active_sql;
pub(crate) use throttle::{throttle_proof, throttle_send};
pub use two_factor::{
    TwoFactor, TwoFactorSetup, backup_codes_regenerate, two_factor_disable, two_factor_enable, two_factor_setup,
    two_factors,
};

/// A person as others may see them.
pub type User = Arc<UserRow>;

/// Changes a person's number of posts by one, within the transaction of the post.
pub async fn count_post_in(tx: &Transaction, id: UserId, change: i64) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::PostCount, Expr::col(user::Column::PostCount).add(change))
        .filter(user::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}
