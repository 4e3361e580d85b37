//! Auth: how people prove who they are, the sessions that they get by it, and what keeps others out.
//!
//! Owns `sessions`, `challenges`, `two_factors`, `backup_codes`, `identities`, `oauth_flows`, `sign_in_failures`,
//! `suspensions` and `user_roles`. Always holds: a try is counted before it is compared; whoever is suspended has no session
//! and begins none; a token is derived, never stored.

mod addresses;
mod brute_force;
mod challenges;
mod commands;
mod corrections;
mod jobs;
pub mod oauth;
mod oversight;
mod overview;
mod passwords;
mod privacy;
mod reauthentication;
mod recent_authentication;
mod registration;
mod second_factors;
mod sessions;
mod sign_in;
mod sql;
mod throttle;
mod tokens;
mod two_factor;

pub(crate) use addresses::{email_change_confirm, email_change_request, email_verification_send, email_verify};
pub use brute_force::prune as prune_failures;
pub(crate) use challenges::{two_factor_code_send, two_factor_verify};
pub(crate) use commands::{Login, Registered, login, register};
pub use commands::{Register, confirm_email, create_administrator};
pub(crate) use oversight::{
    authorise_in, authority_in, find_with_role_in, is_last_owner_in, lock_active_in, reinstate_in, reset_two_factor_in,
    role_in, set_role_in, sign_out_in, suspend_in, suspension_in,
};
pub(crate) use overview::{AccountFilter, AccountOverview, accounts, overviews};
pub(crate) use passwords::{ResetProof, password_change, password_reset_confirm, password_reset_request};
pub(crate) use privacy::erase_in;
pub(crate) use reauthentication::{Proof, reauthenticate, reauthentication_code_send};
pub use recent_authentication::RECENT_AUTHENTICATION;
pub(crate) use recent_authentication::{is_recently_authenticated, require_recent_authentication};
pub(crate) use registration::DOMAIN;
pub(crate) use sessions::ended as sessions_ended;
pub(crate) use sessions::{
    ActiveSession, active_sessions, logout, logout_by_refresh_token, session_revoke, sessions_by_id,
    sessions_revoke_others, token_refresh,
};
pub use sessions::{IssuedSession, authenticate, sweep};
pub(crate) use sign_in::{Method, SignIn};
pub(crate) use sql::lock_active as lock_active_sql;
pub(crate) use throttle::{throttle_proof, throttle_send};
pub(crate) use two_factor::{
    TwoFactor, TwoFactorSetup, backup_codes_regenerate, two_factor_disable, two_factor_enable, two_factor_setup,
    two_factors,
};
