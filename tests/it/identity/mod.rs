//! Identity: how people prove who they are, beyond the password.

pub mod oauth;
