//! The jobs of accounts: what is stored of each, and who does it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{addresses, passwords};
use crate::{app::App, domain::jobs::Job, entity::job, error::Result};

/// Sends the code that proves an address.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub(super) enum SendVerification {
    /// Of somebody who has just registered.
    Registration { user: Uuid },
    /// Of whoever has it without a proof, if anybody.
    Address { email: String },
}

impl Job for SendVerification {
    const KIND: &'static str = "email_verification";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        addresses::send_verification(app, job, &self).await
    }
}

/// Sends the code by which a new password is chosen: who asked for it, and for which address.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SendReset {
    pub(super) email: String,
    pub(super) address: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
}

impl Job for SendReset {
    const KIND: &'static str = "password_reset";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        passwords::send_reset(app, job, self).await
    }
}
