//! How people prove who they are, as clients see it: signing in, sessions, passwords, second factors, providers.

pub mod identities;
pub mod passwords;
pub mod sessions;
pub mod sign_in;
pub mod two_factor;
pub mod verification;
