//! The end of goals: ended by their owner or by time, failed, called off; and giving everything back.

use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::{
    GoalView, MAX_REASON, at_id, is_open,
    jobs::RefundAll,
    kept_in,
    notices::GoalEnded,
    queries,
    rows::{lock_goal_in, lock_own_in, lock_visible_in, save_in, with_goal},
    wrong_state,
};
use crate::{
    app::App,
    domain::{
        accounts,
        actor::{Actor, Client},
        audit, auth, jobs,
        notifications::notify_in,
        payments,
        permissions::Permission,
        posts::PostDeleted,
    },
    entity::{
        ContributionId, GoalId, PaymentId,
        goal::{self, Funding, GoalState},
        goal_contribution, job,
    },
    error::{Error, Result, State, UserErrorCode},
    platform::{
        db::{Transaction, is_literally},
        text,
    },
};

/// How many contributions one job gives back: each is a transaction of its own.
const BATCH: usize = 50;

/// Closes a goal that is locked: takes no more contributions, and where it failed or was called off, everything goes back.
/// Those concerned are told.
pub(crate) async fn close_in(
    app: &App,
    tx: &Transaction,
    view: &GoalView,
    state: GoalState,
    reason: Option<String>,
) -> Result<()> {
    let mut goal = view.goal.clone();
    (goal.state, goal.end_reason, goal.ended_at) = (state, reason, Some(app.clock.now()));
    save_in(app, tx, &goal).await?;
    let first = Uuid::nil();
    if matches!(state, GoalState::Failed | GoalState::Cancelled) {
        jobs::enqueue_in(app, tx, &RefundAll { goal: goal.id.0, after: first }).await?;
    }
    notify_in(app, tx, &GoalEnded { goal: goal.id.0, after: first }).await
}

/// The owner takes no more contributions, and keeps what was raised: of a flexible goal, or of one that is reached. Codes:
/// NOT_FOUND, NOT_ALLOWED, WRONG_STATE.
pub(crate) async fn goal_end(app: &App, actor: &Actor, id: GoalId) -> Result<GoalView> {
    actor.require_user()?;
    app.db
        .transact(async |tx| {
            let view = lock_own_in(&tx, actor, id, at_id).await?;
            if view.goal.state != GoalState::Open {
                return Err(wrong_state(at_id, view.goal.state));
            }
            if view.goal.funding == Funding::Fixed && kept_in(app, &tx, &view.goal).await? < view.goal.target {
                return Err(wrong_state(at_id, State::NotReached));
            }
            close_in(app, &tx, &view, GoalState::Ended, None).await
        })
        .await?;
    queries::get(app, id).await
}

/// The owner, or staff, calls a goal off: everything is given back. Not once something was withdrawn: staff takes that back
/// first. Codes: NOT_FOUND, NOT_ALLOWED, WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(crate) async fn goal_cancel(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: GoalId,
    reason: &str,
) -> Result<GoalView> {
    let me = actor.require_user()?.id;
    let reason = reason_of(reason)?;
    app.db
        .transact(async |tx| {
            accounts::lock_in(&tx, &[me]).await?;
            let view = lock_visible_in(&tx, actor, id, at_id).await?;
            let is_owner = view.is_owned_by(actor);
            if !is_owner {
                if !actor.may(Permission::ManageMoney) {
                    return Err(at_id(UserErrorCode::NotAllowed).into());
                }
                auth::authority_in(app, &tx, actor, Permission::ManageMoney).await?;
            }
            if !matches!(view.goal.state, GoalState::Open | GoalState::Ended) {
                return Err(wrong_state(at_id, view.goal.state));
            }
            if view.goal.withdrawn > 0 {
                return Err(wrong_state(at_id, State::Withdrawn));
            }
            close_in(app, &tx, &view, GoalState::Cancelled, Some(reason.clone())).await?;
            if is_owner {
                return Ok(());
            }
            let entry = audit::NewEntry {
                action: "goalCancel",
                subject_kind: GoalId::PREFIX,
                subject_id: id.0,
                before: Some(serde_json::json!({ "state": view.goal.state.as_str() })),
                after: Some(serde_json::json!({ "state": GoalState::Cancelled.as_str() })),
                reason: Some(&reason),
            };
            audit::record_in(app, &tx, actor, client, entry).await
        })
        .await?;
    queries::get(app, id).await
}

/// Why somebody does something. Codes: BLANK, TOO_LONG, INVALID_CHARACTERS.
pub(super) fn reason_of(reason: &str) -> Result<String> {
    Ok(text::block("reason", reason, MAX_REASON).and_then(|reason| text::required("reason", reason))?)
}

/// A goal whose deadline has passed.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
struct Overdue {
    id: GoalId,
}

/// Closes the goals whose deadline has passed: those that missed a fixed target fail, the others end. Gives how many. Run
/// on a schedule.
pub(crate) async fn close_overdue(app: &App) -> Result<u64> {
    let overdue = goal::Entity::find()
        .filter(is_literally(goal::Column::State, GoalState::Open))
        .filter(goal::Column::Deadline.is_not_null())
        .filter(goal::Column::Deadline.lte(app.clock.now()))
        .order_by_asc(goal::Column::Deadline)
        .order_by_asc(goal::Column::Id)
        .limit(1000);
    let mut closed = 0;
    for Overdue { id } in app.db.read(overdue).await? {
        match app.db.transact(async |tx| close_overdue_in(app, &tx, id).await).await {
            Ok(done) => closed += u64::from(done),
            // One that fails keeps no other from being closed.
            Err(error) => tracing::error!(goal = %id, %error, "a goal could not be closed"),
        }
    }
    Ok(closed)
}

async fn close_overdue_in(app: &App, tx: &Transaction, id: GoalId) -> Result<bool> {
    let Some(view) = lock_goal_in(tx, id).await? else { return Ok(false) };
    let goal = &view.goal;
    if goal.state != GoalState::Open || is_open(goal, app.clock.now()) {
        return Ok(false);
    }
    // Once something was paid out, it had been reached.
    let missed = goal.funding == Funding::Fixed && goal.withdrawn == 0 && kept_in(app, tx, goal).await? < goal.target;
    let state = if missed { GoalState::Failed } else { GoalState::Ended };
    close_in(app, tx, &view, state, None).await?;
    Ok(true)
}

impl jobs::Job for PostDeleted {
    const KIND: &'static str = "post_deleted";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        post_deleted(app, job, self.post).await
    }
}

/// The goal that hung on a post is called off. Harmless when repeated.
async fn post_deleted(app: &App, job: &job::Model, post: Uuid) -> Result<()> {
    app.db
        .transact(async |tx| {
            let hung = goal::Entity::find().select_only().column(goal::Column::Id);
            let hung = hung.filter(goal::Column::PostId.eq(post)).into_tuple::<GoalId>().one(&tx).await?;
            if let Some(goal) = hung
                && let Some(view) = lock_goal_in(&tx, goal).await?
            {
                abandon_in(app, &tx, &view).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

/// Nobody minds a goal, which is locked, any more. Where something was paid out already, not everybody could get theirs
/// back: then it only ends.
pub(super) async fn abandon_in(app: &App, tx: &Transaction, view: &GoalView) -> Result<()> {
    if view.goal.state != GoalState::Open {
        return Ok(());
    }
    let state = if view.goal.withdrawn > 0 { GoalState::Ended } else { GoalState::Cancelled };
    close_in(app, tx, view, state, None).await
}

/// The word for why nothing may stay with a goal in this state; `None` where it may.
pub(super) fn must_go_back(state: GoalState) -> Option<&'static str> {
    match state {
        GoalState::Failed => Some("goal_failed"),
        GoalState::Cancelled => Some("goal_cancelled"),
        GoalState::Open | GoalState::Ended => None,
    }
}

/// A contribution that has to go back, and what became of its goal.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal_contribution::Entity")]
struct Kept {
    id: ContributionId,
    payment_id: PaymentId,
    #[sea_orm(from_expr = "goal::Column::State")]
    state: GoalState,
}

impl jobs::Job for RefundAll {
    const KIND: &'static str = "goal_refund_all";
    const LANE: jobs::Lane = jobs::Lane::Bulk;

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        refund_all(app, job, self).await
    }
}

/// Gives back the next contributions, and leaves the rest to the next job. Harmless when repeated: what is granted for this
/// cause is granted once.
async fn refund_all(app: &App, job: &job::Model, RefundAll { goal, after }: RefundAll) -> Result<()> {
    let next = goal_contribution::Entity::find()
        .filter(goal_contribution::Column::GoalId.eq(goal))
        .filter(goal_contribution::Column::Id.gt(after))
        .filter(goal_contribution::Column::Received.into_expr().gt(goal_contribution::Column::Refunded.into_expr()))
        .order_by_asc(goal_contribution::Column::Id)
        .limit(BATCH as u64);
    let next: Vec<Kept> = app.db.read(with_goal(next)).await?;
    let (count, mut last, mut failed) = (next.len(), after, None);
    for Kept { id, payment_id: payment, state } in next {
        last = id.0;
        let cause = must_go_back(state).ok_or_else(|| Error::not_found("id"))?;
        let granted = app.db.transact(async |tx| payments::grant_in(app, &tx, payment, cause).await).await;
        if let Err(error) = granted {
            tracing::error!(%payment, %error, "what was given to a goal could not be given back");
            failed = Some(error);
        }
        app.fail_points.reach("goal.refunding").await;
    }
    // One that fails keeps nobody else from getting theirs: the others go on, and the job comes again for it.
    let is_first_try = job.attempts <= 1;
    app.db
        .transact(async |tx| {
            if count == BATCH && (is_first_try || failed.is_none()) {
                jobs::enqueue_in(app, &tx, &RefundAll { goal, after: last }).await?;
            }
            if failed.is_none() { jobs::finish_in(&tx, job.id).await } else { Ok(()) }
        })
        .await?;
    failed.map_or(Ok(()), Err)
}
