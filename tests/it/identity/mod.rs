//! Identity: how people prove who they are, and what watches over their accounts.

mod authenticator;
mod cookies;
mod guessing;
pub mod oauth;
mod privacy;
mod reauthentication;
mod sessions;
mod two_factor;
mod two_factor_required;
mod two_factor_sign_in;
