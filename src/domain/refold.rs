//! Writes anew what is derived from texts, after an upgrade to a version that folds them otherwise: search forms, tags, and
//! what names look like. Each domain says what it has of that. The migration queues one job; each does a batch and queues the
//! next, while people go on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        jobs::{self, Handler, Job, Lane},
        registration::{DOMAINS, Derived, Domain},
    },
    entity::job,
    error::{Error, Result},
};

/// What this hands over.
pub(crate) const DOMAIN: Domain = Domain { jobs: &[Handler::of::<Refold>()], ..Domain::named("refold") };

/// Deals with the rows of a part that come after an id.
#[derive(Serialize, Deserialize)]
struct Refold {
    part: String,
    after: Uuid,
}

impl Job for Refold {
    const KIND: &'static str = "refold";
    const LANE: Lane = Lane::Bulk;

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        refold(app, job, &self).await
    }
}

/// All that is derived, one after the other.
fn parts() -> Vec<&'static Derived> {
    DOMAINS.iter().flat_map(|domain| domain.derived).collect()
}

/// Deals with a batch, and queues the next. Harmless when repeated.
async fn refold(app: &App, job: &job::Model, Refold { part, after }: &Refold) -> Result<()> {
    app.db
        .transact(async |tx| {
            let parts = parts();
            let at = parts.iter().position(|derived| derived.part == part.as_str());
            let at = at.ok_or_else(|| Error::internal(format!("nothing is derived of {part}")))?;
            let last = (parts[at].refold_in)(&tx, *after).await?;
            let next = if last.is_some() { Some(parts[at]) } else { parts.get(at + 1).copied() };
            if let Some(derived) = next {
                let next = Refold { part: derived.part.to_owned(), after: last.unwrap_or_default() };
                jobs::enqueue_in(app, &tx, &next).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}
