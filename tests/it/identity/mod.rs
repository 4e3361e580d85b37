//! Identity: how people prove who they are, and what watches over their accounts.

mod authenticator;
mod codes;
mod cookies;
mod guessing;
pub mod oauth;
mod passwords;
mod privacy;
mod profile;
mod reauthentication;
mod sessions;
mod two_factor;
mod two_factor_required;
mod two_factor_sign_in;
mod verification;
