//! Identity: how people prove who they are, and what watches over their accounts.

mod activity;
mod audit;
pub mod authenticator;
mod brute_force;
mod codes;
mod cookies;
mod jobs_admin;
mod mailboxes;
mod money;
pub mod oauth;
mod passwords;
mod phones;
mod privacy;
mod profile;
mod reauthentication;
mod roles;
mod sessions;
mod strangers;
mod suspension;
mod two_factor;
mod two_factor_required;
mod two_factor_sign_in;
mod verification;
