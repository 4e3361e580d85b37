//! The queue of background jobs.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    domain::{
        admin,
        jobs::{self, JobFilter, JobRow},
    },
    graphql::{
        engine::{
            connection::{Connection, Listed, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, answer, nullable, payload},
            filters::{self, DateTimeRange},
        },
        node::{id_input, input_id},
    },
};

/// Where a job stands. One that is done is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::job::JobState")]
pub(crate) enum JobState {
    /// To be run at `runAt`, or running until then.
    Queued,
    /// Failed too often: waits for `adminJobRetry`.
    Dead,
}

/// Work that was born with its cause and is done after it.
pub(crate) struct Job(JobRow);

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self(row)
    }
}

impl Listed for Job {
    const LIST_NAME: &'static str = "Job";
    const CONNECTION: &'static str = "List";
}

/// Work that was born with its cause and is done after it, at least once. What it works on is not shown.
#[Object]
impl Job {
    /// Opaque and typed: `job_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it does, such as `message` or `notify`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Where it stands.
    async fn state(&self) -> JobState {
        self.0.state.into()
    }

    /// How often it was begun.
    async fn attempts(&self) -> i64 {
        self.0.attempts
    }

    /// Not before this; while it runs, when it would be taken for lost.
    async fn run_at(&self) -> DateTime<Utc> {
        self.0.run_at
    }

    /// Why the last attempt failed, for operators; null when none did. At most 1,000 characters.
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// When it was queued.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// How many jobs there are in each state.
#[derive(SimpleObject)]
pub(crate) struct JobCounts {
    /// To be run, or running.
    queued: i64,
    /// Of these, those whose time has come and that no worker has taken: a number that grows wants more workers.
    due: i64,
    /// Failed too often.
    dead: i64,
}

/// Part of the queue.
pub(crate) struct JobConnection {
    list: Connection<Job>,
}

/// Part of the queue.
#[Object]
impl JobConnection {
    #[graphql(flatten)]
    async fn list(&self) -> &Connection<Job> {
        &self.list
    }

    /// How many jobs there are in each state, whatever `where` says.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn counts(&self, ctx: &Context<'_>) -> Nullable<JobCounts> {
        nullable(async {
            let request = ctx.request();
            let jobs::Counts { queued, due, dead } = jobs::counts(&request.app, &request.actor).await?;
            Ok(Some(JobCounts { queued, due, dead }))
        })
        .await
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminJobWhere {
    /// Where they stand.
    states: Option<Vec<JobState>>,
    /// What they do: exact names, such as `message`.
    kinds: Option<Vec<String>>,
    /// When they were queued.
    created_at: Option<DateTimeRange>,
}

impl From<AdminJobWhere> for JobFilter {
    fn from(filter: AdminJobWhere) -> Self {
        Self { states: filters::values(filter.states), kinds: filter.kinds, during: filters::span(filter.created_at) }
    }
}

/// Reading the queue.
#[derive(Default)]
pub(crate) struct AdminJobQuery;

#[Object]
impl AdminJobQuery {
    /// The queue of background jobs, newest first; of more than 10,000, the newest. Needs the permission MANAGE_JOBS.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which jobs.")] filter: Option<AdminJobWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<JobConnection> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let page = requested_page(ctx, jobs::SORT, reverse)?;
            let filter = filter.unwrap_or_default().into();
            let slice = jobs::jobs(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(JobConnection { list: Connection::new(slice, jobs::cursor, Job) }))
        })
        .await
    }
}

id_input! {
    /// Which job is to be queued again.
    AdminJobRetryInput, "The job's id."
}

payload! {
    /// What came of `adminJobRetry`.
    AdminJobRetryPayload {
        /// The job, queued again; null when `errors` is not empty.
        job: Job
    }
}

/// Minding the queue.
#[derive(Default)]
pub(crate) struct AdminJobMutation;

#[Object]
impl AdminJobMutation {
    /// Queues a dead job again, with all its attempts. Needs the permission MANAGE_JOBS.
    /// Codes: INVALID_ID, NOT_FOUND, ALREADY_DONE.
    async fn admin_job_retry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which job.")] input: AdminJobRetryInput,
    ) -> Nullable<AdminJobRetryPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                admin::job_retry(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }
}
