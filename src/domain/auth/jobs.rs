//! The jobs of auth: what is stored of each. Whose work it is says how it is done.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Sends the code that proves an address.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub(super) enum SendVerification {
    /// Of somebody who has just registered.
    Registration { user: Uuid },
    /// Of whoever has it without a proof, if anybody.
    Address { email: String },
}

/// Sends the code by which a new password is chosen: who asked for it, and for which address.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SendReset {
    pub(super) email: String,
    pub(super) address: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
}
