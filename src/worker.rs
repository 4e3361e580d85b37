//! Background work: runs the jobs, schedules and sweeps that the domains hand over, and knows none of them.
//!
//! Jobs run in lanes, by what they wait for, so that a mail server that takes its time holds up nothing but mail. As one
//! ends the next of its lane is taken. Those that need only the database run one after the other.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use sea_orm::Iterable;
use tokio::task::JoinSet;

use crate::{
    app::App,
    domain::{
        DOMAINS,
        jobs::{self, Lane},
        registration::{Poll, Schedule},
    },
    entity::{JobId, SessionId, job, payment::ProviderKind},
    error::{Error, Result},
};

/// How many of those that need only the database are taken at once, to be done one after the other.
const BATCH: u64 = 16;

/// How many jobs of a lane are under way at once.
fn at_once(lane: Lane) -> u64 {
    match lane {
        Lane::Database => BATCH,
        Lane::Bulk => 2,
        Lane::Email | Lane::Sms => 16,
        Lane::Provider(_) => 8,
    }
}

/// Runs one job; its handler deletes it in the transaction of its work. Tests call it by hand.
pub async fn handle(app: &App, job: &job::Model) -> Result<()> {
    let handler = DOMAINS.iter().flat_map(|domain| domain.jobs).find(|handler| handler.kind == job.kind);
    match handler {
        Some(handler) => (handler.run)(app, job).await,
        None => Err(Error::internal(format!("no handler for jobs of kind {}", job.kind))),
    }
}

/// All that runs on a schedule.
fn schedules() -> impl Iterator<Item = &'static Schedule> {
    DOMAINS.iter().flat_map(|domain| domain.schedules)
}

/// Runs what is due on a schedule, once however many processes there are. Tests call it by hand.
pub async fn run_schedules(app: &App) -> Result<()> {
    for domain in DOMAINS {
        for schedule in domain.schedules {
            run_if_due(app, schedule).await?;
        }
    }
    Ok(())
}

async fn run_if_due(app: &App, &Schedule { name, every, run }: &Schedule) -> Result<()> {
    // True for one process only.
    if jobs::due(app, name, every).await?
        && let Err(error) = run(app).await
    {
        tracing::error!(schedule = name, %error, "a schedule failed; it comes again soon");
        jobs::soon(app, name).await?;
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
        let mut now = 0;
        for lane in jobs::due_lanes(app).await? {
            now += run_lane(app, lane).await?;
        }
        // First all jobs, with those that they queue: polls ask much, and mostly in vain.
        if now > 0 && !app.stop.is_cancelled() {
            ran += now;
            continue;
        }
        for domain in DOMAINS {
            for poll in domain.polls {
                let polled = join_all(ProviderKind::iter().map(|provider| poll(app, provider))).await;
                now += polled.into_iter().sum::<Result<u64>>()?;
            }
        }
        ran += now;
        if now == 0 || app.stop.is_cancelled() {
            return Ok(ran);
        }
    }
}

/// Runs what is due in a lane.
async fn run_lane(app: &App, lane: Lane) -> Result<u64> {
    let mut ran = 0;
    loop {
        let taken = jobs::take_from(app, lane, at_once(lane)).await?;
        if taken.is_empty() || app.stop.is_cancelled() {
            return Ok(ran);
        }
        let is_last = (taken.len() as u64) < at_once(lane);
        ran += taken.len() as u64;
        if lane == Lane::Database {
            for job in &taken {
                run_one(app, job).await?;
            }
        } else {
            join_all(taken.iter().map(|job| run_one(app, job))).await.into_iter().collect::<Result<()>>()?;
        }
        // What these have queued is found by whoever looks at all lanes next.
        if is_last {
            return Ok(ran);
        }
    }
}

/// Takes jobs until the program stops.
pub async fn run(app: App) {
    for schedule in schedules() {
        app.spawn(run_schedule(app.clone(), schedule));
    }
    for poll in DOMAINS.iter().flat_map(|domain| domain.polls) {
        for provider in ProviderKind::iter() {
            app.spawn(run_poll(app.clone(), *poll, provider));
        }
    }
    if let Err(error) = jobs::adopt(&app).await {
        tracing::error!(%error, "the queue could not be looked through");
    }
    let mut hints = app.db.bus().jobs();
    let mut work = Work::new(app.clone());
    loop {
        if let Err(error) = work.begin().await {
            tracing::error!(%error, "the queue could not be read");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::select! {
            biased;
            () = app.stop.cancelled() => break,
            _ = work.tasks.join_next(), if !work.tasks.is_empty() => {}
            _ = hints.changed() => {}
            // Retries come due, and hints get lost.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    work.end().await;
}

/// The jobs that are taken.
type Held = Arc<Mutex<HashMap<JobId, (Lane, i64)>>>;

/// What is under way.
struct Work {
    app: App,
    tasks: JoinSet<()>,
    held: Held,
}

impl Work {
    fn new(app: App) -> Self {
        Self { app, tasks: JoinSet::new(), held: Held::default() }
    }

    /// Takes what is due and has room in its lane.
    async fn begin(&mut self) -> Result<()> {
        while self.tasks.try_join_next().is_some() {}
        for lane in jobs::due_lanes(&self.app).await? {
            let under_way = self.held().values().filter(|(of, _)| *of == lane).count() as u64;
            // Of those that are done one after the other, the next are taken when all are done.
            let room =
                if lane == Lane::Database && under_way > 0 { 0 } else { at_once(lane).saturating_sub(under_way) };
            if room == 0 || self.app.stop.is_cancelled() {
                continue;
            }
            let taken = jobs::take_from(&self.app, lane, room).await?;
            self.held().extend(taken.iter().map(|job| (job.id, (lane, job.attempts))));
            if lane == Lane::Database {
                self.tasks.spawn(run_in_turn(self.app.clone(), taken, Arc::clone(&self.held)));
            } else {
                for job in taken {
                    self.tasks.spawn(run_in_turn(self.app.clone(), vec![job], Arc::clone(&self.held)));
                }
            }
        }
        Ok(())
    }

    /// Lets what is under way finish, for most of the time that there is, and gives the rest back: nobody has to wait for
    /// a lease to end.
    async fn end(mut self) {
        let grace = self.app.config.shutdown_grace;
        let finishing = async { while self.tasks.join_next().await.is_some() {} };
        let timeout = grace.saturating_sub(Duration::from_secs(3).min(grace / 2));
        if tokio::time::timeout(timeout, finishing).await.is_err() {
            self.tasks.shutdown().await;
        }
        let left: Vec<_> = self.held().drain().map(|(id, (_, attempts))| (id, attempts)).collect();
        if left.is_empty() {
            return;
        }
        tracing::info!(jobs = left.len(), "jobs that are not done are given back");
        if let Err(error) = jobs::give_back(&self.app, &left).await {
            tracing::warn!(%error, "jobs could not be given back; they come again when their lease ends");
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, (Lane, i64)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs jobs one after the other, as long as the program does not stop and their leases have time for it.
async fn run_in_turn(app: App, jobs: Vec<job::Model>, held: Held) {
    let mut late = Vec::new();
    for job in &jobs {
        if app.stop.is_cancelled() {
            return;
        }
        if job.run_at - app.clock.now() < jobs::LEASE / 2 {
            late.push((job.id, job.attempts));
            continue;
        }
        if let Err(error) = run_one(&app, job).await {
            tracing::error!(job = %job.id, %error, "what became of a job could not be written down");
        }
        held.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.id);
    }
    if !late.is_empty()
        && let Err(error) = jobs::give_back(&app, &late).await
    {
        tracing::warn!(%error, "jobs could not be given back; they come again when their lease ends");
    }
    held.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| !late.iter().any(|(late, _)| late == id));
}

/// The run loop of a poll: goes on with what is under way at a provider, until the program stops: one that is slow holds up
/// no other.
async fn run_poll(app: App, poll: Poll, provider: ProviderKind) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.stop.cancelled() => return,
        }
        if let Err(error) = poll(&app, provider).await {
            tracing::error!(provider = provider.as_str(), %error, "the poll of a provider failed");
        }
    }
}

/// The run loop of a schedule: runs it whenever it is due, until the program stops: one that takes long holds up no other.
async fn run_schedule(app: App, schedule: &'static Schedule) {
    let mut ticks = tokio::time::interval(Duration::from_secs(30));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.stop.cancelled() => return,
        }
        if let Err(error) = run_if_due(&app, schedule).await {
            tracing::error!(schedule = schedule.name, %error, "a schedule could not be read");
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
        for domain in DOMAINS {
            for sweep in domain.sweeps {
                if let Err(error) = sweep(&app).await {
                    tracing::warn!(%error, "a sweep failed; the next one makes up for it");
                }
            }
        }
        count += 1;
        if count.is_multiple_of(60) {
            app.limiters.forget_idle();
            app.tails.forget_unused();
            app.concurrency_limits.forget_unused();
            app.audiences.forget_unused();
            app.happening.forget_idle();
            app.catching_up.forget_idle();
        }
    }
}
