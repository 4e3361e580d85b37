//! Writes anew what is derived from texts, after an upgrade to a version that folds them otherwise: search forms, tags, and
//! what names look like. The migration queues one job; each does a batch and queues the next, while people go on.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        accounts, goals,
        jobs::{self, Lane},
        posts,
    },
    entity::job,
    error::Result,
};

/// The kind of the job.
pub const REFOLD: &str = "refold";

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    Users,
    Posts,
    Goals,
}

#[derive(Serialize, Deserialize)]
struct Job {
    part: Part,
    after: Uuid,
}

/// Runs a job of kind [`REFOLD`]. Harmless when repeated.
pub async fn refold(app: &App, job: &job::Model) -> Result<()> {
    let Job { part, after } = serde_json::from_str(&job.payload)?;
    app.db
        .transact(async |tx| {
            let last = match part {
                Part::Users => accounts::refold_in(&tx, after).await?,
                Part::Posts => posts::refold_in(&tx, after).await?,
                Part::Goals => goals::refold_in(&tx, after).await?,
            };
            let next = match (last, part) {
                (Some(after), part) => Some(Job { part, after }),
                (None, Part::Users) => Some(Job { part: Part::Posts, after: Uuid::nil() }),
                (None, Part::Posts) => Some(Job { part: Part::Goals, after: Uuid::nil() }),
                (None, Part::Goals) => None,
            };
            if let Some(next) = next {
                jobs::enqueue_on(app, &tx, Lane::Bulk, REFOLD, &next).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}
