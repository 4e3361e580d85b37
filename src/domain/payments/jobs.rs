//! The jobs of payments: what is stored of each, and who does it. Those that ask a provider are queued in its lane.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{cancel, methods, receipts, refunds, webhooks};
use crate::{
    app::App,
    domain::jobs::Job,
    entity::{PaymentId, RefundId, job},
    error::Result,
};

/// Sends a receipt.
#[derive(Serialize, Deserialize)]
pub(crate) struct SendReceipt {
    pub(super) payment: Uuid,
}

impl Job for SendReceipt {
    const KIND: &'static str = "receipt";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        receipts::send(app, job, PaymentId(self.payment)).await
    }
}

/// Gives back what was granted.
#[derive(Serialize, Deserialize)]
pub(super) struct GiveBack {
    pub(super) refund: Uuid,
}

impl Job for GiveBack {
    const KIND: &'static str = "refund";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        refunds::give_back(app, job, RefundId(self.refund)).await
    }
}

/// Calls a payment off.
#[derive(Serialize, Deserialize)]
pub(super) struct CallOff {
    pub(super) payment: Uuid,
}

impl Job for CallOff {
    const KIND: &'static str = "payment_cancel";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        cancel::cancel(app, job, PaymentId(self.payment)).await
    }
}

/// Has a provider forget a way to pay.
#[derive(Serialize, Deserialize)]
pub(super) struct ForgetMethod {
    pub(super) provider: String,
    pub(super) reference: String,
}

impl Job for ForgetMethod {
    const KIND: &'static str = "forget_method";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        methods::forget(app, job, self).await
    }
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

impl Job for ActOnWebhook {
    const KIND: &'static str = "webhook";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        webhooks::process(app, job, self).await
    }
}
