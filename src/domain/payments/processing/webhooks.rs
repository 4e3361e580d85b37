//! What providers tell us: verified as it came, kept once, answered at once, acted on from the queue.

use sea_orm::{ActiveValue::Set, ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, sea_query::OnConflict};

use super::charges;
use crate::{
    app::App,
    domain::{
        jobs::{self, Lane},
        payments::jobs::ActOnWebhook,
    },
    entity::{
        PaymentId, WebhookEventId, job,
        payment::{self, ProviderKind},
        payment_event::EventSource,
        webhook_event::{ActiveModel, Column, Entity},
    },
    error::Result,
    platform::providers::payments::{Envelope, Failure, Rejected, Subject},
};

/// How long a provider that is down is asked again.
const GIVE_UP_AFTER: chrono::TimeDelta = chrono::TimeDelta::days(3);

/// What came of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    /// Kept; or it was there already.
    Kept,
    /// There is no such provider here.
    Unknown,
    /// It is not the provider's own, or can't be told to be.
    Rejected(Rejected),
}

/// Takes in a webhook: `body` is as it came. Again, it changes nothing.
pub(crate) async fn receive(app: &App, provider: &str, envelope: &Envelope, body: &[u8]) -> Result<Received> {
    let found = app.payments.gateway(provider).zip(ProviderKind::parse(provider));
    let Some((gateway, kind)) = found else { return Ok(Received::Unknown) };
    let notice = match gateway.verify_webhook(envelope, body, app.clock.now()).await {
        Ok(notice) => notice,
        Err(rejected) => return Ok(Received::Rejected(rejected)),
    };
    if notice.event_id.is_empty() || notice.event_id.chars().count() > 255 {
        return Ok(Received::Rejected(Rejected::Body));
    }
    app.fail_points.reach("webhook.verified").await;
    let text = String::from_utf8_lossy(body).into_owned();
    app.db
        .transact(async |tx| {
            let now = app.clock.now();
            let id = app.ids.next(now);
            let event = ActiveModel {
                id: Set(WebhookEventId(id)),
                provider: Set(kind),
                event_id: Set(notice.event_id.clone()),
                body: Set(text.clone()),
                received_at: Set(now),
                ..Default::default()
            };
            let once = OnConflict::columns([Column::Provider, Column::EventId]).do_nothing().to_owned();
            if Entity::insert(event).on_conflict(once).exec_without_returning(&tx).await? == 1 {
                let (charge, reference) = match &notice.subject {
                    Subject::Charge(charge) => (Some(charge.clone()), None),
                    Subject::Reference(reference) => (None, Some(reference.clone())),
                    Subject::Nothing => (None, None),
                };
                let job = ActOnWebhook { event: id, provider: provider.to_owned(), charge, reference };
                jobs::enqueue_in_lane(app, &tx, Lane::Provider(kind), &job).await?;
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
    app.fail_points.reach("webhook.taken").await;
    let outcome = match payment(app, &told).await? {
        None => "no payment of ours",
        Some(id) => match charges::refresh(app, id, EventSource::Webhook).await? {
            Ok(_) => "asked",
            Err(Failure::Refused(cause)) => {
                tracing::error!(payment = %id, cause, "the provider does not know a charge that it told of");
                "refused"
            }
            Err(Failure::Unavailable(cause)) => return jobs::put_off(app, job, &cause, GIVE_UP_AFTER).await,
        },
    };
    app.db
        .transact(async |tx| {
            let done = ActiveModel {
                processed_at: Set(Some(app.clock.now())),
                outcome: Set(Some(outcome.to_owned())),
                ..Default::default()
            };
            // It may be past its time, and gone.
            Entity::update_many().set(done).filter(Column::Id.eq(told.event)).exec(&tx).await?;
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

async fn payment(app: &App, told: &ActOnWebhook) -> Result<Option<PaymentId>> {
    let named = if let Some(charge) = &told.charge {
        payment::Column::ProviderReference.eq(charge.as_str())
    } else {
        let id = told.reference.as_deref().and_then(|reference| reference.parse::<PaymentId>().ok());
        let Some(id) = id else { return Ok(None) };
        payment::Column::Id.eq(id)
    };
    let of_provider = payment::Entity::find().filter(payment::Column::Provider.eq(told.provider.as_str()));
    let found: Option<Found> = app.db.read_one(of_provider.filter(named)).await?;
    Ok(found.map(|found| found.id))
}

/// The payment that a webhook is about.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "payment::Entity")]
struct Found {
    id: PaymentId,
}
