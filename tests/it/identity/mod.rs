//! Identity: how people prove who they are, and what watches over their accounts.

mod cookies;
mod privacy;
mod sessions;
