//! Writes anew what is derived from texts, after an upgrade to a version that folds them otherwise: search forms, tags, and
//! what names look like. Each domain says what it has of that. The migration queues one job; each does a batch and queues the
//! next, while people go on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        jobs::{self, Lane},
        registration::{DOMAINS, Derived, Domain},
    },
    entity::job,
    error::{Error, Result},
};

/// What this hands over.
pub(crate) const DOMAIN: Domain = Domain::named("refold");

/// The kind of the job.
pub const REFOLD: &str = "refold";

#[derive(Serialize, Deserialize)]
struct Job {
    part: String,
    after: Uuid,
}

/// All that is derived, one after the other.
fn parts() -> Vec<&'static Derived> {
    DOMAINS.iter().flat_map(|domain| domain.derived).collect()
}

/// Runs a job of kind [`REFOLD`]. Harmless when repeated.
pub async fn refold(app: &App, job: &job::Model) -> Result<()> {
    let Job { part, after } = serde_json::from_str(&job.payload)?;
    app.db
        .transact(async |tx| {
            let parts = parts();
            let at = parts.iter().position(|derived| derived.part == part);
            let at = at.ok_or_else(|| Error::internal(format!("nothing is derived of {part}")))?;
            let last = (parts[at].refold_in)(&tx, after).await?;
            let next = if last.is_some() { Some(parts[at]) } else { parts.get(at + 1).copied() };
            if let Some(derived) = next {
                let next = Job { part: derived.part.to_owned(), after: last.unwrap_or_default() };
                jobs::enqueue_on(app, &tx, Lane::Bulk, REFOLD, &next).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}
