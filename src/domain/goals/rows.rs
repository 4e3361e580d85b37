//! Rows of goals and contributions as they are read, and how they are locked and written.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, ExprTrait, JoinType, QueryFilter, QuerySelect,
    QueryTrait, RelationTrait, Select,
    sea_query::{Expr, Func, LockType},
};

use super::{At, ContributionView, GoalView, progress};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        events::{self, NewEvent},
    },
    entity::{
        Currency, GoalId, PaymentId, PostId, UserId,
        event::{EventKind, StreamKind},
        goal::{self, Funding, GoalState},
        goal_contribution,
        ledger_account::{self, AccountKind},
        post,
    },
    error::{Error, Result, UserErrorCode},
    platform::db::Transaction,
};

/// A goal as it is read: without its search form, which is never shown.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
pub(crate) struct GoalRow {
    /// The goal's id.
    pub id: GoalId,
    /// The post that it is attached to.
    pub post_id: PostId,
    /// Who raises; absent once the account is erased.
    pub owner_id: Option<UserId>,
    /// A headline, at most [`super::MAX_TITLE`] characters.
    pub title: String,
    /// Why money is raised; may be empty.
    pub story: String,
    /// In lower case.
    pub category: Option<String>,
    /// In which currency.
    pub currency: Currency,
    /// What is to be raised, in minor units.
    pub target: i64,
    /// What happens when it is not reached.
    pub funding: Funding,
    /// Until when it takes contributions; absent: as long as its owner wants.
    pub deadline: Option<DateTime<Utc>>,
    /// Minor units, as a JSON list.
    pub suggested_amounts: String,
    /// A picture's address.
    pub cover_url: Option<String>,
    /// How far it has come.
    pub state: GoalState,
    /// What came in and was not given back.
    pub raised: i64,
    /// Of it, what went to the owner, fees included.
    pub withdrawn: i64,
    /// Raised of target, in millionths.
    pub progress: i64,
    /// Contributions that came in and were not wholly given back.
    pub contribution_count: i64,
    /// Sequence of the last event on its stream.
    pub event_seq: i64,
    /// Why it was called off, in the words of whoever did it.
    pub end_reason: Option<String>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When its owner changed it last; absent before.
    pub edited_at: Option<DateTime<Utc>>,
    /// Since when it is no longer open; absent while it is.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Whether the post that a goal hangs on was deleted: looked up for each row, so that locking it locks nothing else.
pub(super) fn is_orphaned() -> Expr {
    let deleted = post::Entity::find()
        .select_only()
        .expr(post::Column::DeletedAt.is_not_null())
        .filter(post::Column::Id.into_expr().eq(goal::Column::PostId.into_expr()));
    deleted.into_query().into()
}

/// What is held of a goal's escrow, alike.
pub(super) fn held() -> Expr {
    let escrow = ledger_account::Entity::find()
        .select_only()
        .column(ledger_account::Column::Held)
        .filter(ledger_account::Column::OwnerId.into_expr().eq(goal::Column::Id.into_expr()))
        .filter(ledger_account::Column::Kind.eq(AccountKind::Escrow))
        .filter(ledger_account::Column::Name.eq(""))
        .filter(ledger_account::Column::Currency.into_expr().eq(goal::Column::Currency.into_expr()));
    Func::coalesce([Expr::from(escrow.into_query()), Expr::val(0_i64)]).into()
}

/// Locks a goal until the end of the transaction. No rights are asked here.
pub(crate) async fn lock_goal_in(tx: &Transaction, id: GoalId) -> Result<Option<GoalView>> {
    let locked = goal::Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    Ok(locked.into_partial_model::<GoalView>().one(tx).await?)
}

/// Locks a goal that the actor sees. Code: NOT_FOUND.
pub(super) async fn lock_visible_in(tx: &Transaction, actor: &Actor, id: GoalId, at: At) -> Result<GoalView> {
    let found = lock_goal_in(tx, id).await?.filter(|view| view.is_visible_to(actor));
    found.ok_or_else(|| at(UserErrorCode::NotFound).into())
}

/// Locks the actor's own goal. Codes: NOT_FOUND, NOT_ALLOWED.
pub(super) async fn lock_own_in(tx: &Transaction, actor: &Actor, id: GoalId, at: At) -> Result<GoalView> {
    let view = lock_visible_in(tx, actor, id, at).await?;
    if view.is_owned_by(actor) { Ok(view) } else { Err(at(UserErrorCode::NotAllowed).into()) }
}

/// Writes what changes by money and by its end, of a goal that is locked, and tells those who follow it.
pub(super) async fn save_in(app: &App, tx: &Transaction, goal: &GoalRow) -> Result<()> {
    let saved = goal::ActiveModel {
        raised: Set(goal.raised),
        withdrawn: Set(goal.withdrawn),
        progress: Set(progress(goal.raised, goal.target)),
        contribution_count: Set(goal.contribution_count),
        state: Set(goal.state),
        end_reason: Set(goal.end_reason.clone()),
        ended_at: Set(goal.ended_at),
        ..Default::default()
    };
    goal::Entity::update_many().set(saved).filter(goal::Column::Id.eq(goal.id)).exec(tx).await?;
    publish_progress_in(app, tx, goal.id).await
}

/// Tells those who follow a goal, which is locked, that something about it changed.
pub(super) async fn publish_progress_in(app: &App, tx: &Transaction, id: GoalId) -> Result<()> {
    let next = goal::Column::EventSeq.into_expr().add(1_i64);
    let mut counted =
        goal::Entity::update_many().col_expr(goal::Column::EventSeq, next).filter(goal::Column::Id.eq(id)).into_query();
    counted.returning_col(goal::Column::EventSeq);
    let row = tx.query_one(&counted).await?.ok_or_else(|| Error::not_found("id"))?;
    // Without who caused it: they may want to be anonymous.
    let event = NewEvent { kind: EventKind::GoalChanged, actor_id: None, subject_id: None };
    events::write_in(app, tx, StreamKind::Goal, id.0, row.try_get("", "event_seq")?, event).await
}

/// Contributions, joined to what else is read of one.
pub(super) fn with_goal(contributions: Select<goal_contribution::Entity>) -> Select<goal_contribution::Entity> {
    contributions.join(JoinType::InnerJoin, goal_contribution::Relation::Goal.def())
}

/// What a payment is given for, and its goal, which is locked. The payment is locked already, and nothing else changes what
/// a contribution received.
pub(super) async fn lock_given_in(tx: &Transaction, payment: PaymentId) -> Result<(GoalView, ContributionView)> {
    let missing = || Error::internal(format!("{payment} is for a contribution that is not there"));
    let given = goal_contribution::Entity::find().filter(goal_contribution::Column::PaymentId.eq(payment));
    let goal = given.clone().select_only().column(goal_contribution::Column::GoalId);
    let goal = goal.into_tuple::<GoalId>().one(tx).await?.ok_or_else(missing)?;
    let goal = lock_goal_in(tx, goal).await?.ok_or_else(missing)?;
    let given = with_goal(given).into_partial_model::<ContributionView>().one(tx).await?.ok_or_else(missing)?;
    Ok((goal, given))
}

/// Writes what came in of a contribution and what was given back.
pub(super) async fn save_given_in(tx: &Transaction, given: &goal_contribution::Model) -> Result<()> {
    let saved = goal_contribution::ActiveModel {
        received: Set(given.received),
        refunded: Set(given.refunded),
        state: Set(given.state),
        received_at: Set(given.received_at),
        ..Default::default()
    };
    goal_contribution::Entity::update_many()
        .set(saved)
        .filter(goal_contribution::Column::Id.eq(given.id))
        .exec(tx)
        .await?;
    Ok(())
}
