//! The job queue: work that is born in a transaction with its cause and done after it, at least once.
//!
//! Owns `jobs` and `schedules`. A job is a row; taking one moves its `run_at` into the future (a lease), so that the
//! job of a process that died is taken again when the lease is over; one that stops gives its jobs back. Handlers must bear
//! being run twice. Each job is in a lane, by what it waits for. Each domain hands over those that it handles.

mod sql;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, Func, OnConflict, Query},
};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::sql::enqueue_step;
pub use self::sql::{looking, taking};
use super::{actor::Actor, permissions::Permission, registration::Domain};
use crate::{
    app::App,
    entity::{
        JobId,
        job::{ActiveModel, Column, Entity, JobState, Model},
        payment::ProviderKind,
        schedule,
    },
    error::Result,
    platform::{
        bus::Hint,
        db::{Transaction, any_id, is_literally},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What the queue hands over.
pub(crate) const DOMAIN: Domain = Domain { tables: &["jobs", "schedules"], ..Domain::named("jobs") };

/// Work for later: what is stored of it, and how it is done. Its type may stand below the domain that does it, so that
/// those below can queue it.
pub(crate) trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
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
    /// Of which kind: [`Job::KIND`].
    pub kind: &'static str,
    /// Reads what a job has to do, and does it.
    pub run: for<'a> fn(&'a App, &'a Model) -> BoxFuture<'a, Result<()>>,
}

impl Handler {
    /// That of a type of jobs.
    #[must_use]
    pub(crate) const fn of<J: Job>() -> Self {
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
    pub(crate) fn all() -> impl Iterator<Item = Self> {
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
pub(crate) async fn enqueue_in<J: Job>(app: &App, tx: &Transaction, job: &J) -> Result<()> {
    enqueue_in_lane(app, tx, J::LANE, job).await
}

/// The same with what this one waits for.
pub(crate) async fn enqueue_in_lane<J: Job>(app: &App, tx: &Transaction, lane: Lane, job: &J) -> Result<()> {
    enqueue_on(app, tx, lane, J::KIND, job).await
}

/// Queues many jobs of a kind by one statement, each with what it waits for.
pub(crate) async fn enqueue_all_in<J: Job>(app: &App, tx: &Transaction, jobs: &[(Lane, J)]) -> Result<()> {
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
pub(crate) async fn enqueue_all_on(
    app: &App,
    tx: &Transaction,
    kind: &'static str,
    payloads: &[(Lane, impl Serialize)],
) -> Result<()> {
    if payloads.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut rows = Vec::with_capacity(payloads.len());
    for (lane, payload) in payloads {
        rows.push(ActiveModel {
            id: Set(JobId(app.ids.next(now))),
            kind: Set(kind.to_owned()),
            lane: Set(lane.as_str().to_owned()),
            payload: Set(serde_json::to_string(payload)?),
            state: Set(JobState::Queued),
            attempts: Set(0),
            run_at: Set(now),
            created_at: Set(now),
            ..Default::default()
        });
    }
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    tx.hint(Hint::Jobs);
    Ok(())
}

#[derive(Debug, FromQueryResult)]
struct Due {
    lane: String,
}

/// The lanes in which something is due.
pub async fn due_lanes(app: &App) -> Result<Vec<Lane>> {
    let rows = app.db.rows(looking(), vec![app.clock.now().into()]).await?;
    let due: Vec<Due> = rows.iter().map(|row| Due::from_query_result(row, "")).collect::<Result<_, _>>()?;
    Ok(Lane::all().filter(|lane| due.iter().any(|due| due.lane == lane.as_str())).collect())
}

/// Jobs of lanes that this program does not know, as after going back to an older one, need a lane that it does.
pub async fn adopt(app: &App) -> Result<()> {
    app.db
        .transact(async |tx| {
            Entity::update_many()
                .col_expr(Column::Lane, Expr::val(Lane::Database.as_str()))
                .filter(Column::Lane.is_not_in(Lane::all().map(Lane::as_str)))
                .exec(&tx)
                .await?;
            Ok(())
        })
        .await
}

/// Takes up to `limit` due jobs of any lane, each for the time of a [`LEASE`]. One that was taken too often without an
/// end, because it takes the process down with it, is dead.
pub async fn take(app: &App, limit: u64) -> Result<Vec<Model>> {
    take_where(app, None, limit).await
}

/// The same, of a lane.
pub async fn take_from(app: &App, lane: Lane, limit: u64) -> Result<Vec<Model>> {
    take_where(app, Some(lane), limit).await
}

async fn take_where(app: &App, lane: Option<Lane>, limit: u64) -> Result<Vec<Model>> {
    let now = app.clock.now();
    let sql = taking(lane, limit, app.db.skip_locked());
    app.db
        .transact(async |tx| {
            let rows = tx.rows(sql.as_str(), vec![now.into(), (now + LEASE).into()]).await?;
            let jobs = rows.iter().map(|row| Model::from_query_result(row, ""));
            let mut jobs = jobs.collect::<Result<Vec<_>, _>>()?;
            jobs.retain(|job| job.state == JobState::Queued);
            jobs.sort_unstable_by_key(|job| (job.created_at, job.id));
            Ok(jobs)
        })
        .await
}

/// Whoever stops before these jobs are done gives them back, as if they had not been taken.
pub(crate) async fn give_back(app: &App, jobs: &[(JobId, i64)]) -> Result<()> {
    let now = app.clock.now();
    app.db
        .transact(async |tx| {
            for (id, attempts) in jobs {
                Entity::update_many()
                    .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
                    .col_expr(Column::RunAt, Expr::val(now))
                    .col_expr(Column::BegunAt, Expr::val(Option::<DateTime<Utc>>::None))
                    .filter(Column::Id.eq(*id))
                    .filter(Column::Attempts.eq(*attempts))
                    .filter(is_literally(Column::State, JobState::Queued))
                    .exec(&tx)
                    .await?;
            }
            tx.hint(Hint::Jobs);
            Ok(())
        })
        .await
}

/// A job is done: it goes, within the transaction of what it did where it has one.
pub(crate) async fn finish_in(tx: &Transaction, id: JobId) -> Result<()> {
    Entity::delete_by_id(id).exec(tx).await?;
    Ok(())
}

/// A job failed: it comes again later, or is dead after too many attempts. Whoever has taken it since decides instead.
pub async fn fail(app: &App, job: &Model, cause: &str) -> Result<()> {
    let state = if job.attempts >= ATTEMPTS { JobState::Dead } else { JobState::Queued };
    again(app, job, cause, state, job.attempts).await
}

/// A job can't be done yet, because somebody else's server is down: it comes again later, more and more seldom, and is
/// dead only when it is older than `give_up_after`, however often that was.
pub(crate) async fn put_off(app: &App, job: &Model, cause: &str, give_up_after: TimeDelta) -> Result<()> {
    let state = if app.clock.now() - job.created_at >= give_up_after { JobState::Dead } else { JobState::Queued };
    // Taken at its last attempt it would be dead.
    again(app, job, cause, state, std::cmp::min(job.attempts, ATTEMPTS - 1)).await
}

async fn again(app: &App, job: &Model, cause: &str, state: JobState, attempts: i64) -> Result<()> {
    let run_at = app.clock.now() + back_off(job.attempts);
    let cause: String = cause.chars().take(1000).collect();
    app.db
        .transact(async |tx| {
            let again = ActiveModel {
                state: Set(state),
                run_at: Set(run_at),
                last_error: Set(Some(cause.clone())),
                attempts: Set(attempts),
                begun_at: Set(None),
                ..Default::default()
            };
            let taken = Entity::update_many().set(again).filter(Column::Id.eq(job.id));
            taken.filter(Column::Attempts.eq(job.attempts)).exec(&tx).await?;
            Ok(())
        })
        .await
}

/// 2, 4, 8 … seconds, at most an hour.
fn back_off(attempts: i64) -> TimeDelta {
    TimeDelta::seconds(std::cmp::min(1_i64 << attempts.clamp(1, 12), 3600))
}

/// A job as it is shown: without its payload, because that may hold what was sealed for somebody.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct JobRow {
    /// Primary key.
    pub id: JobId,
    /// What is to be done: [`Job::KIND`].
    pub kind: String,
    /// Where it stands.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: i64,
    /// When it is due; it may begin later, but not before.
    pub run_at: DateTime<Utc>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was queued.
    pub created_at: DateTime<Utc>,
}

/// Jobs for an operator: dead ones, or all.
pub async fn list(app: &App, dead_only: bool, limit: u64) -> Result<Vec<JobRow>> {
    let jobs = if dead_only { dead() } else { Entity::find() };
    app.db.read(jobs.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).limit(limit)).await
}

fn dead() -> Select<Entity> {
    Entity::find().filter(is_literally(Column::State, JobState::Dead))
}

#[derive(Debug, FromQueryResult)]
struct Retried {
    id: JobId,
}

/// Queues dead jobs again: one, or all; gives those that were dead.
pub(crate) async fn retry_in(app: &App, tx: &Transaction, id: Option<JobId>) -> Result<Vec<JobId>> {
    let again = ActiveModel {
        state: Set(JobState::Queued),
        attempts: Set(0),
        run_at: Set(app.clock.now()),
        begun_at: Set(None),
        ..Default::default()
    };
    let mut retrying = Entity::update_many().set(again).filter(is_literally(Column::State, JobState::Dead));
    if let Some(id) = id {
        retrying = retrying.filter(Column::Id.eq(id));
    }
    let retrying = QueryTrait::query(&mut retrying).returning(Query::returning().column(Column::Id));
    let retried: Vec<Retried> = tx.read(retrying).await?;
    tx.hint(Hint::Jobs);
    Ok(retried.into_iter().map(|retried| retried.id).collect())
}

/// A job by id.
pub(crate) async fn find_in(tx: &Transaction, id: JobId) -> Result<Option<JobRow>> {
    Ok(Entity::find_by_id(id).into_partial_model::<JobRow>().one(tx).await?)
}

/// What jobs have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JobFilter {
    /// Where they stand.
    pub states: Option<Vec<JobState>>,
    /// What they do.
    pub kinds: Option<Vec<String>>,
    /// When they were queued.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub(crate) const SORT: &str = "jobs.newest";

/// A job's place in the list.
#[must_use]
pub(crate) fn cursor(job: &JobRow) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(job.created_at), id: job.id.0 }
}

/// The queue, newest first, for those who may see it. (No index for this order: each job would pay for it. Ids come in the
/// order of time, so the newest are chosen by them.)
pub(crate) async fn jobs(
    app: &App,
    actor: &Actor,
    filter: &JobFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<JobRow>> {
    actor.require(Permission::ManageJobs)?;
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    let state = match filter.states.as_deref() {
        Some([]) => return Ok(Slice::nothing(page, with_total)),
        Some([one, others @ ..]) => Some(*one).filter(|_| others.iter().all(|other| other == one)),
        None => None,
    };
    let mut candidates = Entity::find().select_only().column_as(Column::Id, "id");
    if let Some(state) = state {
        let in_state = is_literally(Column::State, state);
        candidates = candidates.filter(in_state.clone());
        list.filter(in_state);
    }
    let candidates = match state {
        Some(JobState::Queued) => Some(candidates.order_by_desc(Column::RunAt)),
        // These have an index in the list's order.
        Some(JobState::Dead) if filter.kinds.is_none() => None,
        Some(JobState::Dead) => Some(candidates.order_by_desc(Column::CreatedAt)),
        // There are no other states than the two.
        None => Some(candidates),
    };
    if let Some(candidates) = candidates {
        list.among(candidates.order_by_desc(Column::Id).into_query());
    }
    list.any_of(Column::Kind, filter.kinds.as_deref(), |kind| text::comparable(kind))?;
    list.during(Column::CreatedAt, filter.during)?;
    list.page(&app.db, page, with_total, |select| select).await
}

/// Jobs by id, for those who may see them.
pub(crate) async fn by_id(app: &App, actor: &Actor, ids: &[JobId]) -> Result<HashMap<JobId, JobRow>> {
    if !actor.may(Permission::ManageJobs) {
        return Ok(HashMap::new());
    }
    let jobs: Vec<JobRow> = app.db.read(Entity::find().filter(any_id(Column::Id, ids))).await?;
    Ok(jobs.into_iter().map(|job| (job.id, job)).collect())
}

/// How many jobs there are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Counts {
    /// To be run, or running.
    pub queued: i64,
    /// Of these, those whose time has come and that no worker has taken.
    pub due: i64,
    /// Failed too often.
    pub dead: i64,
}

/// How many jobs there are in each state, for those who may see them.
pub(crate) async fn counts(app: &App, actor: &Actor) -> Result<Counts> {
    actor.require(Permission::ManageJobs)?;
    let queued = is_literally(Column::State, JobState::Queued);
    let due = queued.clone().and(Column::RunAt.lte(app.clock.now()));
    let where_they_stand = Query::select()
        .expr_as(count_where(queued), "queued")
        .expr_as(count_where(due), "due")
        .expr_as(count_where(is_literally(Column::State, JobState::Dead)), "dead")
        .from(Entity)
        .take();
    Ok(app.db.select::<Counts>(&where_they_stand).await?.pop().unwrap_or_default())
}

/// How many rows meet a condition, of those that are looked at.
fn count_where(condition: Expr) -> Expr {
    let one: Expr = Expr::case(condition, 1).into();
    Func::count(one).into()
}

#[derive(Debug, FromQueryResult)]
struct Waiting {
    lane: String,
    count: i64,
}

#[derive(Debug, FromQueryResult)]
struct Dead {
    count: i64,
}

/// How many jobs are due in each lane, lanes without any included, and how many are dead. No rights are asked here.
pub(crate) async fn waiting(app: &App) -> Result<(Vec<(Lane, i64)>, i64)> {
    let due = Entity::find()
        .select_only()
        .column(Column::Lane)
        .expr_as(Column::Id.count(), "count")
        .filter(is_literally(Column::State, JobState::Queued))
        .filter(Column::RunAt.lte(app.clock.now()))
        .group_by(Column::Lane);
    let due: Vec<Waiting> = app.db.select(&due.into_query()).await?;
    let due: HashMap<String, i64> = due.into_iter().map(|Waiting { lane, count }| (lane, count)).collect();
    let dead = dead().select_only().expr_as(Column::Id.count(), "count").into_query();
    let dead = app.db.select::<Dead>(&dead).await?.first().map_or(0, |dead| dead.count);
    Ok((Lane::all().map(|lane| (lane, due.get(lane.as_str()).copied().unwrap_or_default())).collect(), dead))
}

/// Whether it is this process's turn to run a schedule: true for one process only, each time it is due.
pub async fn due(app: &App, name: &'static str, every: TimeDelta) -> Result<bool> {
    let now: DateTime<Utc> = app.clock.now();
    app.db
        .transact(async |tx| {
            let next = schedule::ActiveModel { name: Set(name.to_owned()), next_run_at: Set(now + every) };
            let if_due = OnConflict::column(schedule::Column::Name)
                .update_column(schedule::Column::NextRunAt)
                .action_and_where(schedule::Column::NextRunAt.lte(now))
                .to_owned();
            let claimed = schedule::Entity::insert(next).on_conflict(if_due).exec_without_returning(&tx).await?;
            Ok(claimed == 1)
        })
        .await
}

/// Whether something can be stored, found out by a write where nothing else was stored just now: a row beside the
/// schedules, which nobody reads.
pub(crate) async fn can_store(app: &App) -> bool {
    app.db.can_store(sql::STORE, vec![app.clock.now().into()]).await
}

/// A schedule that failed comes again soon instead of at its next time.
pub(crate) async fn soon(app: &App, name: &'static str) -> Result<()> {
    let next = app.clock.now() + TimeDelta::minutes(5);
    app.db
        .transact(async |tx| {
            let schedule = schedule::Entity::update_many().filter(schedule::Column::Name.eq(name));
            schedule.col_expr(schedule::Column::NextRunAt, Expr::val(next)).exec(&tx).await?;
            Ok(())
        })
        .await
}
