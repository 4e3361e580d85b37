//! How people prove who they are, as clients see it: signing in, sessions, passwords, second factors, providers.

pub(crate) mod identities;
pub(crate) mod passwords;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod two_factor;
pub(crate) mod verification;
