//! Background work: which handler runs which job, and what runs on a schedule. One list of each.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    app::App,
    domain::{accounts, events, idempotency, jobs, notifications, posts},
    entity::job,
    error::{Error, Result},
};

/// How many jobs are taken at once.
const BATCH: u64 = 32;

/// Runs one job; its handler deletes it in the transaction of its work.
async fn handle(app: &App, job: &job::Model) -> Result<()> {
    match job.kind.as_str() {
        jobs::NOTIFY => notifications::notify(app, job).await,
        unknown => Err(Error::internal(format!("no handler for jobs of kind {unknown}"))),
    }
}

/// Runs what is due on a schedule, once however many processes there are.
async fn run_schedules(app: &App) -> Result<()> {
    if jobs::due(app, "prune", TimeDelta::hours(1)).await? {
        let events = events::prune(app).await?;
        let keys = idempotency::prune(app).await?;
        let sessions = accounts::prune(app).await?;
        tracing::info!(events, keys, sessions, "old rows are gone");
    }
    if jobs::due(app, "recount", TimeDelta::hours(24)).await? {
        let wrong = posts::recount(app).await?;
        if wrong > 0 {
            tracing::error!(wrong, "counters differed from what they count and were mended");
        }
    }
    Ok(())
}

/// Runs every job that is due now; gives how many ran. Tests call it by hand.
pub async fn run_due(app: &App) -> Result<u64> {
    let mut ran = 0;
    loop {
        let taken = jobs::take(app, BATCH).await?;
        if taken.is_empty() {
            return Ok(ran);
        }
        for job in taken {
            ran += 1;
            if let Err(error) = handle(app, &job).await {
                tracing::warn!(job = %job.id, kind = job.kind, attempt = job.attempts, %error, "a job failed");
                jobs::fail(app, &job, &error.to_string()).await?;
            }
        }
    }
}

/// Takes jobs and minds the schedules until the program stops.
pub async fn run(app: App) {
    let mut schedules = tokio::time::interval(Duration::from_secs(30));
    loop {
        if let Err(error) = run_due(&app).await {
            tracing::error!(%error, "the queue could not be read");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::select! {
            () = app.db.bus().job() => {}
            // Retries come due, and hints get lost.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = schedules.tick() => {
                if let Err(error) = run_schedules(&app).await {
                    tracing::error!(%error, "a schedule failed");
                }
            }
            () = app.stop.cancelled() => return,
        }
    }
}

/// Looks for lost hints and ended sessions, and forgets idle callers, until the program stops. Every process that
/// serves runs it.
pub async fn sweep(app: App) {
    let mut ticks = tokio::time::interval(app.config.sweep_interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count = 0_u64;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.stop.cancelled() => return,
        }
        for result in [events::sweep(&app.db).await, accounts::sweep(&app).await] {
            if let Err(error) = result {
                tracing::warn!(%error, "a sweep failed; the next one makes up for it");
            }
        }
        count += 1;
        if count.is_multiple_of(60) {
            app.limiters.forget_idle();
            app.tails.forget_unused();
        }
    }
}
