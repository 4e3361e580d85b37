//! What providers tell us: verified as it came, kept once, answered at once, acted on from the queue.

use super::{drive, jobs::ActOnWebhook};
use crate::{
    app::App,
    domain::jobs::{self, Lane},
    entity::{PaymentId, job, payment::ProviderKind, payment_event::EventSource},
    error::Result,
    platform::{
        db::Columns,
        payments::{Envelope, Failure, Rejected, Subject},
    },
};

/// How long a provider that is down is asked again.
const PATIENCE: chrono::TimeDelta = chrono::TimeDelta::days(3);

/// What came of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Kept; or it was there already.
    Kept,
    /// There is no such provider here.
    Unknown,
    /// It is not the provider's own, or can't be told to be.
    Rejected(Rejected),
}

/// Takes in a webhook: `body` is as it came. Again, it changes nothing.
pub async fn receive(app: &App, provider: &str, envelope: &Envelope, body: &[u8]) -> Result<Received> {
    let Some(gateway) = app.payments.gateway(provider) else { return Ok(Received::Unknown) };
    let notice = match gateway.verify_webhook(envelope, body, app.clock.now()).await {
        Ok(notice) => notice,
        Err(rejected) => return Ok(Received::Rejected(rejected)),
    };
    if notice.event_id.is_empty() || notice.event_id.chars().count() > 255 {
        return Ok(Received::Rejected(Rejected::Body));
    }
    let text = String::from_utf8_lossy(body);
    app.db
        .transact(async |tx| {
            let now = app.clock.now();
            let id = app.ids.next(now);
            let inserted = tx
                .execute(
                    "INSERT INTO webhook_events (id, provider, event_id, body, received_at) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT (provider, event_id) DO NOTHING",
                    vec![id.into(), provider.into(), notice.event_id.as_str().into(), text.as_ref().into(), now.into()],
                )
                .await?;
            if inserted == 1 {
                let (charge, reference) = match &notice.subject {
                    Subject::Charge(charge) => (Some(charge.clone()), None),
                    Subject::Reference(reference) => (None, Some(reference.clone())),
                    Subject::Nothing => (None, None),
                };
                let job = ActOnWebhook { event: id, provider: provider.to_owned(), charge, reference };
                let lane = ProviderKind::parse(provider).map_or(Lane::Database, Lane::Provider);
                jobs::enqueue_in_lane(app, &tx, lane, &job).await?;
            }
            Ok(Received::Kept)
        })
        .await
}

impl jobs::Job for ActOnWebhook {
    const KIND: &'static str = "webhook";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        process(app, job, self).await
    }
}

/// Asks the provider how the payment stands that it told of. Harmless when repeated.
async fn process(app: &App, job: &job::Model, told: ActOnWebhook) -> Result<()> {
    app.steps.reach("webhook.taken").await;
    let outcome = match payment(app, &told).await? {
        None => "no payment of ours",
        Some(id) => match drive::refresh(app, id, EventSource::Webhook).await? {
            Ok(_) => "asked",
            Err(Failure::Refused(cause)) => {
                tracing::error!(payment = %id, cause, "the provider does not know a charge that it told of");
                "refused"
            }
            Err(Failure::Unavailable(cause)) => return jobs::put_off(app, job, &cause, PATIENCE).await,
        },
    };
    app.db
        .transact(async |tx| {
            let sql = "UPDATE webhook_events SET processed_at = $2, outcome = $3 WHERE id = $1";
            tx.execute(sql, vec![told.event.into(), app.clock.now().into(), outcome.into()]).await?;
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

async fn payment(app: &App, told: &ActOnWebhook) -> Result<Option<PaymentId>> {
    let (sql, value) = if let Some(charge) = &told.charge {
        ("SELECT id FROM payments WHERE provider = $1 AND provider_reference = $2", charge.as_str().into())
    } else {
        let id = told.reference.as_deref().and_then(|reference| reference.parse::<PaymentId>().ok());
        let Some(id) = id else { return Ok(None) };
        ("SELECT id FROM payments WHERE provider = $1 AND id = $2", id.0.into())
    };
    let rows = app.db.rows(sql, vec![told.provider.as_str().into(), value]).await?;
    rows.first().map(|row| Columns::new(row).take()).transpose()
}
