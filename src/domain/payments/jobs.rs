//! The jobs of payments: what is stored of each. Whose work it is says how it is done. Those that ask a provider are queued
//! in its lane.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Sends a receipt.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendReceipt {
    pub(super) payment: Uuid,
}

/// Gives back what was granted.
#[derive(Serialize, Deserialize)]
pub(super) struct GiveBack {
    pub(super) refund: Uuid,
}

/// Calls a payment off.
#[derive(Serialize, Deserialize)]
pub(super) struct CallOff {
    pub(super) payment: Uuid,
}

/// Has a provider forget a way to pay.
#[derive(Serialize, Deserialize)]
pub(super) struct ForgetMethod {
    pub(super) provider: String,
    pub(super) reference: String,
}

/// Acts on what a provider told: a charge by its name there, or by ours.
#[derive(Serialize, Deserialize)]
pub(super) struct ActOnWebhook {
    pub(super) event: Uuid,
    pub(super) provider: String,
    #[serde(default)]
    pub(super) charge: Option<String>,
    #[serde(default)]
    pub(super) reference: Option<String>,
}
