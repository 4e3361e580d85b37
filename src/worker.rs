//! Background work: which handler runs which job, and what runs on a schedule. One list of each.
//!
//! Jobs run in two lanes, so that a mail server that takes its time holds up nothing but mail: those that need only
//! the database, one after the other, and those that wait for servers of others, several at once.

use std::{panic::AssertUnwindSafe, time::Duration};

use chrono::TimeDelta;
use futures_util::{FutureExt, future::join_all};
use sea_orm::Iterable;

use crate::{
    app::App,
    domain::{
        accounts, activity, audit, books, codes, digests, events, goals, idempotency,
        jobs::{self, Kinds},
        ledger, messages, notifications, payments, posts, privacy, refold,
    },
    entity::{SessionId, job, payment::ProviderKind},
    error::{Error, Result},
};

/// How many jobs are taken at once.
const BATCH: u64 = 16;
/// Kinds of jobs that take long: they wait for servers of others, or gather much.
const SLOW: &[&str] = &[
    messages::MESSAGE,
    digests::DIGEST,
    privacy::EXPORT,
    payments::WEBHOOK,
    payments::REFUND,
    payments::CANCEL,
    payments::FORGET_METHOD,
];

/// Which jobs are run together, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Those that need only the database: in the order in which they were queued.
    Quick,
    /// Those that wait for servers of others: all that were taken at once.
    Slow,
}

impl Lane {
    fn kinds(self) -> Kinds {
        match self {
            Self::Quick => Kinds::Without(SLOW),
            Self::Slow => Kinds::Only(SLOW),
        }
    }
}

/// Runs one job; its handler deletes it in the transaction of its work.
async fn handle(app: &App, job: &job::Model) -> Result<()> {
    match job.kind.as_str() {
        jobs::NOTIFY => notifications::notify(app, job).await,
        jobs::POST_DELETED => goals::post_deleted(app, job).await,
        goals::REFUND_ALL => goals::refund_all(app, job).await,
        goals::NEWS => goals::send_news(app, job).await,
        messages::MESSAGE => messages::deliver(app, job).await,
        digests::DIGEST => digests::deliver(app, job).await,
        refold::REFOLD => refold::refold(app, job).await,
        privacy::EXPORT => privacy::make_export(app, job).await,
        accounts::VERIFICATION => accounts::send_verification(app, job).await,
        accounts::RESET => accounts::send_reset(app, job).await,
        payments::WEBHOOK => payments::process(app, job).await,
        payments::RECEIPT => payments::receipt(app, job).await,
        payments::REFUND => payments::refund(app, job).await,
        payments::CANCEL => payments::cancel(app, job).await,
        payments::FORGET_METHOD => payments::forget_method(app, job).await,
        unknown => Err(Error::internal(format!("no handler for jobs of kind {unknown}"))),
    }
}

/// Runs what is due on a schedule, once however many processes there are. Tests call it by hand.
pub async fn run_schedules(app: &App) -> Result<()> {
    for (name, every) in [
        ("prune", TimeDelta::hours(1)),
        ("erase", TimeDelta::hours(1)),
        ("recount", TimeDelta::hours(24)),
        ("digest", TimeDelta::hours(24)),
        ("fold", TimeDelta::minutes(1)),
        ("holds", TimeDelta::minutes(1)),
        ("verify", TimeDelta::hours(24)),
        ("goals", TimeDelta::minutes(1)),
    ] {
        // True for one process only.
        if jobs::due(app, name, every).await?
            && let Err(error) = run_schedule(app, name).await
        {
            tracing::error!(schedule = name, %error, "a schedule failed; it comes again soon");
            jobs::soon(app, name).await?;
        }
    }
    Ok(())
}

async fn run_schedule(app: &App, name: &str) -> Result<()> {
    match name {
        "prune" => prune(app).await,
        "digest" => {
            let sent = digests::send(app).await?;
            if sent > 0 {
                tracing::info!(sent, "digests are on their way");
            }
            Ok(())
        }
        "fold" => ledger::fold(app).await.map(drop),
        "holds" => {
            let ended = ledger::expire_holds(app).await?;
            if ended > 0 {
                tracing::info!(ended, "holds whose time was over let their money go");
            }
            Ok(())
        }
        "verify" => verify(app).await,
        "goals" => {
            let closed = goals::close_overdue(app).await?;
            tracing::debug!(closed, "goals whose time is over are closed");
            Ok(())
        }
        "erase" => {
            let accounts = privacy::erase_due(app).await?;
            if accounts > 0 {
                tracing::info!(accounts, "accounts whose owners left are gone");
            }
            Ok(())
        }
        _ => {
            let wrong = posts::recount(app).await?;
            if wrong > 0 {
                tracing::error!(wrong, "counters differed from what they count and were mended");
            }
            Ok(())
        }
    }
}

/// Recomputes the books; what differs is for the operator to look into.
async fn verify(app: &App) -> Result<()> {
    let books = books::verify(app).await?;
    for difference in &books.differences {
        tracing::error!(rule = difference.rule, found = difference.found, "the books do not balance");
    }
    if books.transfers > 0 {
        tracing::info!(transfers = books.transfers, differences = books.differences.len(), "the books were verified");
    }
    Ok(())
}

/// Deletes what is kept for a time only.
async fn prune(app: &App) -> Result<()> {
    let gone = [
        ("events", events::prune(app).await?),
        ("idempotency keys", idempotency::prune(app).await?),
        ("sessions", accounts::prune(app).await?),
        ("failed sign-ins and challenges", accounts::prune_failures(app).await?),
        ("codes", codes::prune(app).await?),
        ("activity", activity::prune(app).await?),
        ("audit entries", audit::prune(app).await?),
        ("sign-ins at providers", accounts::oauth::prune(app).await?),
        ("held user names", accounts::prune_usernames(app).await?),
        ("exports", privacy::prune(app).await?),
        ("notifications of what is gone", notifications::prune(app).await?),
        ("what providers of payments told", payments::prune(app).await?),
    ];
    for (what, rows) in gone.into_iter().filter(|(_, rows)| *rows > 0) {
        tracing::info!(what, rows, "old rows are gone");
    }
    Ok(())
}

/// Runs one job. Whatever becomes of it, a panic included, is an outcome of the job and not of the worker.
async fn run_one(app: &App, job: &job::Model) -> Result<()> {
    let time = (jobs::LEASE / 2).to_std().unwrap_or_default();
    let work = tokio::time::timeout(time, AssertUnwindSafe(handle(app, job)).catch_unwind());
    let outcome = match work.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::internal("the handler panicked")),
        Err(_) => Err(Error::internal("the handler took too long")),
    };
    if let Err(error) = outcome {
        tracing::warn!(job = %job.id, kind = job.kind, attempt = job.attempts, %error, "a job failed");
        jobs::fail(app, job, &error.to_string()).await?;
    }
    Ok(())
}

/// Runs every job that is due now, until the program stops; gives how many ran. Tests call it by hand.
pub async fn run_due(app: &App) -> Result<u64> {
    let mut ran = 0;
    loop {
        // What the one queues the other may have to do.
        let lanes = run_lane(app, Lane::Quick).await? + run_lane(app, Lane::Slow).await?;
        let now = lanes + payments::tend(app).await?;
        ran += now;
        if now == 0 || app.stop.is_cancelled() {
            return Ok(ran);
        }
    }
}

async fn run_lane(app: &App, lane: Lane) -> Result<u64> {
    let mut ran = 0;
    loop {
        let taken = jobs::take_of(app, lane.kinds(), BATCH).await?;
        if taken.is_empty() {
            return Ok(ran);
        }
        if lane == Lane::Slow {
            ran += taken.len() as u64;
            join_all(taken.iter().map(|job| run_one(app, job))).await.into_iter().collect::<Result<()>>()?;
            continue;
        }
        for job in taken {
            if app.stop.is_cancelled() {
                return Ok(ran);
            }
            run_one(app, &job).await?;
            ran += 1;
        }
    }
}

/// Takes jobs until the program stops.
pub async fn run(app: App) {
    app.spawn(mind_schedules(app.clone()));
    for provider in ProviderKind::iter() {
        app.spawn(mind_payments(app.clone(), provider));
    }
    app.spawn(keep_running(app.clone(), Lane::Slow));
    keep_running(app, Lane::Quick).await;
}

async fn keep_running(app: App, lane: Lane) {
    let mut hints = app.db.bus().jobs();
    loop {
        if let Err(error) = run_lane(&app, lane).await {
            tracing::error!(%error, "the queue could not be read");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::select! {
            _ = hints.changed() => {}
            // Retries come due, and hints get lost.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = app.stop.cancelled() => return,
        }
    }
}

/// Asks about the payments of a provider in time, until the program stops: one that is slow holds up no other.
async fn mind_payments(app: App, provider: ProviderKind) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.stop.cancelled() => return,
        }
        if let Err(error) = payments::tend_to(&app, provider).await {
            tracing::error!(provider = provider.as_str(), %error, "payments could not be looked after");
        }
    }
}

async fn mind_schedules(app: App) {
    let mut ticks = tokio::time::interval(Duration::from_secs(30));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.stop.cancelled() => return,
        }
        if let Err(error) = run_schedules(&app).await {
            tracing::error!(%error, "the schedules could not be read");
        }
    }
}

/// Looks for lost hints and ended sessions, and forgets idle callers, until the program stops. Every process that
/// serves runs it.
pub async fn sweep(app: App) {
    let mut ticks = tokio::time::interval(app.config.sweep_interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count = 0_u64;
    let mut ended = app.db.bus().ended_sessions();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // The rows of an erased person's sessions are gone before a sweep could find them.
            session = ended.recv() => {
                if let Ok(session) = session {
                    app.ended_sessions.insert(SessionId(session), app.clock.now());
                }
                continue;
            }
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
