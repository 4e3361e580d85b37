//! How people prove who they are, and what watches over their accounts.

pub(crate) mod authenticator;
mod brute_force;
mod codes;
mod cookies;
mod mailboxes;
pub(crate) mod oauth;
mod passwords;
mod reauthentication;
mod roles;
mod sessions;
pub(crate) mod sign_in;
mod strangers;
mod suspension;
pub(crate) mod tokens;
mod two_factor;
mod two_factor_required;
mod two_factor_sign_in;
mod verification;
