//! The job queue: work that is born in a transaction with its cause and done after it, at least once.
//!
//! Owns `jobs` and `schedules`. A job is a row; taking one moves its `run_at` into the future (a lease), so that the
//! job of a process that died is taken again when the lease is over; one that stops gives its jobs back. Handlers must bear
//! being run twice. Each job is in a lane, by what it waits for. Each domain hands over those that it handles.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{Iterable, Value};
use serde::{Serialize, de::DeserializeOwned};

use super::{actor::Actor, permissions::Permission, registration::Domain};
use crate::{
    app::App,
    entity::{
        JobId,
        job::{JobState, Model},
        payment::ProviderKind,
    },
    error::Result,
    platform::{
        bus::Hint,
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What the queue hands over.
pub(crate) const DOMAIN: Domain = Domain { tables: &["jobs", "schedules"], ..Domain::named("jobs") };

/// Work for later: what is stored of it, and how it is done. Its type may stand below the domain that does it, so that
/// those below can queue it.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// By which word it is stored, for good.
    const KIND: &'static str;
    /// What it waits for, where each does not wait for something else.
    const LANE: Lane = Lane::Database;

    /// Does it, and ends `job` in the transaction of its work ([`finish_in`]). Bears being run twice.
    fn run(self, app: &App, job: &Model) -> impl Future<Output = Result<()>> + Send;
}

/// Who does the jobs of a kind.
#[derive(Debug)]
pub struct Handler {
    /// The kind.
    pub kind: &'static str,
    /// Does a job.
    pub run: for<'a> fn(&'a App, &'a Model) -> BoxFuture<'a, Result<()>>,
}

impl Handler {
    /// That of a type of jobs.
    #[must_use]
    pub const fn of<J: Job>() -> Self {
        Self { kind: J::KIND, run: run::<J> }
    }
}

fn run<'a, J: Job>(app: &'a App, job: &'a Model) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let work: J = serde_json::from_str(&job.payload)?;
        work.run(app, job).await
    })
}

/// How long a job may run before it is taken for lost.
pub const LEASE: TimeDelta = TimeDelta::seconds(60);
/// After so many attempts a job is dead.
pub const ATTEMPTS: i64 = 10;

const COLUMNS: &str = "id, kind, lane, payload, state, attempts, run_at, begun_at, last_error, created_at";

/// Why a job comes again that nobody has said anything of.
const LOST: &str = "it was begun and never ended: its process died, or it took longer than its lease";

/// What a job waits for. Each has a lane of its own, so that what is slow holds up only its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Nothing but the database, and not for long: one after the other, in the order in which they were queued.
    Database,
    /// The database for long, such as archives and what is done for each of many.
    Bulk,
    /// The mail server.
    Email,
    /// The carrier of text messages.
    Sms,
    /// A provider of payments.
    Provider(ProviderKind),
}

impl Lane {
    /// All that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Database, Self::Bulk, Self::Email, Self::Sms].into_iter().chain(ProviderKind::iter().map(Self::Provider))
    }

    /// As it stands in `jobs.lane`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Bulk => "bulk",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Provider(provider) => provider.as_str(),
        }
    }
}

/// Queues a job within the transaction of its cause.
pub async fn enqueue_in<J: Job>(app: &App, tx: &Transaction, job: &J) -> Result<()> {
    enqueue_in_lane(app, tx, J::LANE, job).await
}

/// The same with what this one waits for.
pub async fn enqueue_in_lane<J: Job>(app: &App, tx: &Transaction, lane: Lane, job: &J) -> Result<()> {
    enqueue_on(app, tx, lane, J::KIND, job).await
}

/// Queues many jobs of a kind by one statement, each with what it waits for.
pub async fn enqueue_all_in<J: Job>(app: &App, tx: &Transaction, jobs: &[(Lane, J)]) -> Result<()> {
    enqueue_all_on(app, tx, J::KIND, jobs).await
}

/// Queues a job by the word of its kind.
pub async fn enqueue_on(
    app: &App,
    tx: &Transaction,
    lane: Lane,
    kind: &'static str,
    payload: &impl Serialize,
) -> Result<()> {
    enqueue_all_on(app, tx, kind, &[(lane, payload)]).await
}

/// Queues many jobs by the word of their kind.
pub async fn enqueue_all_on(
    app: &App,
    tx: &Transaction,
    kind: &'static str,
    payloads: &[(Lane, impl Serialize)],
) -> Result<()> {
    if payloads.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut values: Vec<Value> = vec![kind.into(), now.into()];
    let mut rows = Vec::new();
    for (lane, payload) in payloads {
        values.extend([app.ids.next(now).into(), lane.as_str().into(), serde_json::to_string(payload)?.into()]);
        let last = values.len();
        rows.push(format!("(${}, $1, ${}, ${last}, 'queued', 0, $2, $2)", last - 2, last - 1));
    }
    let rows = rows.join(", ");
    let sql = format!("INSERT INTO jobs (id, kind, lane, payload, state, attempts, run_at, created_at) VALUES {rows}");
    tx.execute(sql, values).await?;
    tx.hint(Hint::Jobs);
    Ok(())
}

/// The same as the step of a chain, for each of `rows`, which is what follows `FROM`: a statement, of which id, payload and time
/// are the placeholders. The caller hints at it.
#[must_use]
pub fn enqueue_step(kind: &str, rows: &str, [id, payload, now]: [&str; 3]) -> String {
    format!(
        "INSERT INTO jobs (id, kind, payload, state, attempts, run_at, created_at) \
         SELECT {id}, '{kind}', {payload}, 'queued', 0, {now}, {now} FROM {rows} RETURNING id"
    )
}

/// The lanes in which something is due.
pub async fn due_lanes(app: &App) -> Result<Vec<Lane>> {
    let rows = app.db.rows(looking(), vec![app.clock.now().into()]).await?;
    let due = rows.iter().map(|row| Columns::new(row).take()).collect::<Result<Vec<String>>>()?;
    Ok(Lane::all().filter(|lane| due.iter().any(|due| due == lane.as_str())).collect())
}

/// The statement by which lanes are found in which something is due now (`$1`): one look at the head of each, however many
/// jobs there are.
#[must_use]
pub fn looking() -> String {
    let head = |lane: Lane| {
        let lane = lane.as_str();
        format!(
            "SELECT '{lane}' WHERE EXISTS \
             (SELECT 1 FROM jobs WHERE lane = '{lane}' AND state = 'queued' AND run_at <= $1)"
        )
    };
    Lane::all().map(head).collect::<Vec<_>>().join(" UNION ALL ")
}

/// Jobs of lanes that this program does not know, as after going back to an older one, need a lane that it does.
pub async fn adopt(app: &App) -> Result<()> {
    let known = Lane::all().map(|lane| format!("'{}'", lane.as_str())).collect::<Vec<_>>().join(", ");
    let sql = format!("UPDATE jobs SET lane = 'database' WHERE lane NOT IN ({known})");
    app.db.transact(async |tx| tx.execute(sql.as_str(), Vec::new()).await).await.map(drop)
}

/// Takes up to `limit` due jobs of any lane, each for the time of a [`LEASE`]. One that was taken too often without an
/// end, because it takes the process down with it, is dead.
pub async fn take(app: &App, limit: u64) -> Result<Vec<Model>> {
    take_where(app, "", limit).await
}

/// The same, of a lane.
pub async fn take_from(app: &App, lane: Lane, limit: u64) -> Result<Vec<Model>> {
    take_where(app, &format!("AND lane = '{}'", lane.as_str()), limit).await
}

async fn take_where(app: &App, condition: &str, limit: u64) -> Result<Vec<Model>> {
    let now = app.clock.now();
    let sql = taking(condition, limit, app.db.skip_locked());
    app.db
        .transact(async |tx| {
            let rows = tx.rows(sql.as_str(), vec![now.into(), (now + LEASE).into()]).await?;
            let mut jobs = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
            jobs.retain(|job| job.state == JobState::Queued);
            jobs.sort_unstable_by_key(|job| (job.created_at, job.id));
            Ok(jobs)
        })
        .await
}

/// The statement by which jobs are taken, now (`$1`) and until (`$2`).
#[must_use]
pub fn taking(condition: &str, limit: u64, skip_locked: &str) -> String {
    format!(
        "UPDATE jobs SET attempts = attempts + 1, run_at = $2, begun_at = $1, \
         last_error = CASE WHEN begun_at IS NULL THEN last_error ELSE '{LOST}' END, \
         state = CASE WHEN attempts >= {ATTEMPTS} THEN 'dead' ELSE 'queued' END WHERE id IN (\
         SELECT id FROM jobs WHERE state = 'queued' AND run_at <= $1 {condition} ORDER BY run_at, id LIMIT {limit} \
         {skip_locked}) RETURNING {COLUMNS}"
    )
}

/// Whoever stops before these jobs are done gives them back, as if they had not been taken.
pub async fn give_back(app: &App, jobs: &[(JobId, i64)]) -> Result<()> {
    let now = app.clock.now();
    let sql = "UPDATE jobs SET attempts = attempts - 1, run_at = $3, begun_at = NULL \
               WHERE id = $1 AND attempts = $2 AND state = 'queued'";
    app.db
        .transact(async |tx| {
            for (id, attempts) in jobs {
                tx.execute(sql, vec![id.0.into(), (*attempts).into(), now.into()]).await?;
            }
            tx.hint(Hint::Jobs);
            Ok(())
        })
        .await
}

/// A job is done: it goes, within the transaction of what it did where it has one.
pub async fn finish_in(tx: &Transaction, id: JobId) -> Result<()> {
    tx.execute("DELETE FROM jobs WHERE id = $1", vec![id.0.into()]).await.map(drop)
}

/// A job failed: it comes again later, or is dead after too many attempts. Whoever has taken it since decides instead.
pub async fn fail(app: &App, job: &Model, cause: &str) -> Result<()> {
    let state = if job.attempts >= ATTEMPTS { JobState::Dead } else { JobState::Queued };
    again(app, job, cause, state, job.attempts).await
}

/// A job can't be done yet, because somebody else's server is down: it comes again later, more and more seldom, and is
/// dead only when it is older than `patience`, however often that was.
pub async fn put_off(app: &App, job: &Model, cause: &str, patience: TimeDelta) -> Result<()> {
    let state = if app.clock.now() - job.created_at >= patience { JobState::Dead } else { JobState::Queued };
    // Taken at its last attempt it would be dead.
    again(app, job, cause, state, job.attempts.min(ATTEMPTS - 1)).await
}

async fn again(app: &App, job: &Model, cause: &str, state: JobState, attempts: i64) -> Result<()> {
    let run_at = app.clock.now() + back_off(job.attempts);
    let cause: String = cause.chars().take(1000).collect();
    app.db
        .transact(async |tx| {
            tx.execute(
                "UPDATE jobs SET state = $2, run_at = $3, last_error = $4, attempts = $6, begun_at = NULL \
                 WHERE id = $1 AND attempts = $5",
                vec![
                    job.id.0.into(),
                    state.as_str().into(),
                    run_at.into(),
                    cause.as_str().into(),
                    job.attempts.into(),
                    attempts.into(),
                ],
            )
            .await
        })
        .await
        .map(drop)
}

/// 2, 4, 8 … seconds, at most an hour.
fn back_off(attempts: i64) -> TimeDelta {
    TimeDelta::seconds((1_i64 << attempts.clamp(1, 12)).min(3600))
}

/// Jobs for an operator: dead ones, or all.
pub async fn list(app: &App, dead_only: bool, limit: u64) -> Result<Vec<Model>> {
    let filter = if dead_only { "WHERE state = 'dead'" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM jobs {filter} ORDER BY created_at, id LIMIT {limit}");
    app.db.rows(sql, Vec::new()).await?.iter().map(read).collect()
}

/// Queues dead jobs again: one, or all; gives those that were dead.
pub async fn retry_in(app: &App, tx: &Transaction, id: Option<JobId>) -> Result<Vec<JobId>> {
    let mut values: Vec<Value> = vec![app.clock.now().into()];
    let mut sql =
        "UPDATE jobs SET state = 'queued', attempts = 0, run_at = $1, begun_at = NULL WHERE state = 'dead'".to_owned();
    if let Some(id) = id {
        values.push(id.0.into());
        sql.push_str(" AND id = $2");
    }
    sql.push_str(" RETURNING id");
    let rows = tx.rows(sql, values).await?;
    tx.hint(Hint::Jobs);
    rows.iter().map(|row| Columns::new(row).take()).collect()
}

/// What is shown of a job: its payload is not, because it may hold what was sealed for somebody.
const SHOWN: &str = "j.id, j.kind, '', j.state, j.attempts, j.run_at, j.last_error, j.created_at";

/// A job by id, without its payload.
pub async fn find_in(tx: &Transaction, id: JobId) -> Result<Option<Model>> {
    tx.row(format!("SELECT {SHOWN} FROM jobs j WHERE j.id = $1"), vec![id.0.into()])
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// What jobs have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Where they stand.
    pub states: Option<Vec<JobState>>,
    /// What they do.
    pub kinds: Option<Vec<String>>,
    /// When they were queued.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub const SORT: &str = "jobs.newest";

/// A job's place in the list.
#[must_use]
pub fn cursor(job: &Model) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(job.created_at), id: job.id.0 }
}

/// The queue, newest first, without payloads, for those who may see it. (No index for this order: each job would pay for it.
/// Ids come in the order of time, so the newest are chosen by them.)
pub async fn jobs(app: &App, actor: &Actor, filter: &JobFilter, page: &Page, with_total: bool) -> Result<Slice<Model>> {
    actor.require(Permission::ManageJobs)?;
    let mut conditions = Conditions::default();
    let state = match filter.states.as_deref() {
        Some([]) => return Ok(Slice::nothing(page, with_total)),
        Some([one, others @ ..]) => Some(*one).filter(|_| others.iter().all(|other| other == one)),
        None => None,
    };
    if let Some(state) = state {
        conditions.that(format!("j.state = '{}'", state.as_str()));
    }
    match state {
        Some(JobState::Queued) => {
            conditions.among("SELECT id FROM jobs WHERE state = 'queued' ORDER BY run_at DESC, id DESC");
        }
        // These have an index in the list's order.
        Some(JobState::Dead) if filter.kinds.is_none() => {}
        Some(JobState::Dead) => {
            conditions.among("SELECT id FROM jobs WHERE state = 'dead' ORDER BY created_at DESC, id DESC");
        }
        // There are no other states than the two.
        None => {
            conditions.among("SELECT id FROM jobs ORDER BY id DESC");
        }
    }
    conditions.any_of("j.kind", filter.kinds.as_deref(), |kind| text::comparable(kind))?;
    conditions.during("j.created_at", filter.during)?;
    let source =
        Source { columns: SHOWN, table: "jobs j", joins: "", key: "j.created_at", id: "j.id", descending: true };
    page_of(&app.db, source, conditions, page, with_total, read).await
}

/// Jobs by id, without payloads, for those who may see them.
pub async fn by_id(app: &App, actor: &Actor, ids: &[JobId]) -> Result<HashMap<JobId, Model>> {
    if !actor.may(Permission::ManageJobs) {
        return Ok(HashMap::new());
    }
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let rows = app.db.rows(format!("SELECT {SHOWN} FROM jobs j WHERE j.id IN ({list})"), values).await?;
    rows.iter().map(|row| read(row).map(|job| (job.id, job))).collect()
}

/// How many jobs there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be run, or running.
    pub queued: i64,
    /// Of these, those whose time has come and that no worker has taken.
    pub due: i64,
    /// Failed too often.
    pub dead: i64,
}

/// How many jobs there are in each state, for those who may see them.
pub async fn counts(app: &App, actor: &Actor) -> Result<Counts> {
    actor.require(Permission::ManageJobs)?;
    let sql = "SELECT COUNT(CASE WHEN state = 'queued' THEN 1 END), \
               COUNT(CASE WHEN state = 'queued' AND run_at <= $1 THEN 1 END), \
               COUNT(CASE WHEN state = 'dead' THEN 1 END) FROM jobs";
    let rows = app.db.rows(sql, vec![app.clock.now().into()]).await?;
    let Some(row) = rows.first() else { return Ok(Counts::default()) };
    let mut columns = Columns::new(row);
    Ok(Counts { queued: columns.take()?, due: columns.take()?, dead: columns.take()? })
}

/// How many jobs are due in each lane, lanes without any included, and how many are dead. No rights are asked here.
pub async fn waiting(app: &App) -> Result<(Vec<(Lane, i64)>, i64)> {
    let sql = "SELECT lane, COUNT(*) FROM jobs WHERE state = 'queued' AND run_at <= $1 GROUP BY lane";
    let mut due: HashMap<String, i64> = HashMap::new();
    for row in &app.db.rows(sql, vec![app.clock.now().into()]).await? {
        let mut columns = Columns::new(row);
        due.insert(columns.take()?, columns.take()?);
    }
    let rows = app.db.rows("SELECT COUNT(*) FROM jobs WHERE state = 'dead'", Vec::new()).await?;
    let dead = rows.first().map_or(Ok(0), |row| Columns::new(row).take())?;
    Ok((Lane::all().map(|lane| (lane, due.get(lane.as_str()).copied().unwrap_or_default())).collect(), dead))
}

/// Whether it is this process's turn to run a schedule: true for one process only, each time it is due.
pub async fn due(app: &App, name: &'static str, every: TimeDelta) -> Result<bool> {
    let now: DateTime<Utc> = app.clock.now();
    app.db
        .transact(async |tx| {
            let claimed = tx
                .execute(
                    "INSERT INTO schedules (name, next_run_at) VALUES ($1, $2) ON CONFLICT (name) \
                     DO UPDATE SET next_run_at = $2 WHERE schedules.next_run_at <= $3",
                    vec![name.into(), (now + every).into(), now.into()],
                )
                .await?;
            Ok(claimed == 1)
        })
        .await
}

/// Whether something can be stored, found out by a write where nothing else was stored just now: a row beside the
/// schedules, which nobody reads.
pub async fn can_store(app: &App) -> bool {
    let sql = "INSERT INTO schedules (name, next_run_at) VALUES ('health', $1) ON CONFLICT (name) DO UPDATE SET next_run_at = $1";
    app.db.can_store(sql, vec![app.clock.now().into()]).await
}

/// A schedule that failed comes again soon instead of at its next time.
pub async fn soon(app: &App, name: &'static str) -> Result<()> {
    let next = app.clock.now() + TimeDelta::minutes(5);
    app.db
        .transact(async |tx| {
            tx.execute("UPDATE schedules SET next_run_at = $2 WHERE name = $1", vec![name.into(), next.into()]).await
        })
        .await
        .map(drop)
}

fn read(row: &sea_orm::QueryResult) -> Result<Model> {
    let mut columns = Columns::new(row);
    Ok(Model {
        id: columns.take()?,
        kind: columns.take()?,
        lane: columns.take()?,
        payload: columns.take()?,
        state: columns.take()?,
        attempts: columns.take()?,
        run_at: columns.take()?,
        begun_at: columns.take()?,
        last_error: columns.take()?,
        created_at: columns.take()?,
    })
}
