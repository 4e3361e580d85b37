//! How people prove who they are, and what watches over their accounts.

pub mod authenticator;
mod brute_force;
mod codes;
mod cookies;
mod mailboxes;
pub mod oauth;
mod passwords;
mod reauthentication;
mod roles;
mod sessions;
pub mod sign_in;
mod strangers;
mod suspension;
pub mod tokens;
mod two_factor;
mod two_factor_required;
mod two_factor_sign_in;
mod verification;
