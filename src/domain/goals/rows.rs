//! Rows of goals and contributions as hand-written SELECTs give them, and how they are locked and written.

use chrono::{DateTime, Utc};
use sea_orm::{DerivePartialModel, QueryResult};

use super::{At, ContributionView, GoalView, not_found, progress};
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
    },
    error::{Error, Result, UserErrorCode},
    platform::db::{Columns, Transaction},
};

/// A goal as it is read: without its search form, which is never shown.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
pub struct GoalRow {
    /// The goal's id.
    pub id: GoalId,
    /// The post that it is attached to.
    pub post_id: PostId,
    /// Who raises; absent once the account is erased.
    pub owner_id: Option<UserId>,
    /// A headline.
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
    /// Changed by the owner.
    pub edited_at: Option<DateTime<Utc>>,
    /// No longer open.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Of `goals g`. Post and escrow are looked up for each row, so that locking it locks nothing else.
pub(super) const GOAL: &str = "g.id, g.post_id, g.owner_id, g.title, g.story, g.category, g.currency, g.target, g.funding, \
     g.deadline, g.suggested_amounts, g.cover_url, g.state, g.raised, g.withdrawn, g.progress, g.contribution_count, \
     g.event_seq, g.end_reason, g.created_at, g.edited_at, g.ended_at, \
     (SELECT o.deleted_at IS NOT NULL FROM posts o WHERE o.id = g.post_id), \
     COALESCE((SELECT a.held FROM ledger_accounts a WHERE a.owner_id = g.id AND a.kind = 'escrow' AND a.name = '' \
     AND a.currency = g.currency), 0)";

pub(super) fn read_goal(row: &QueryResult) -> Result<GoalView> {
    let mut columns = Columns::new(row);
    Ok(GoalView {
        goal: GoalRow {
            id: columns.take()?,
            post_id: columns.take()?,
            owner_id: columns.take()?,
            title: columns.take()?,
            story: columns.take()?,
            category: columns.take()?,
            currency: columns.take()?,
            target: columns.take()?,
            funding: columns.take()?,
            deadline: columns.take()?,
            suggested_amounts: columns.take()?,
            cover_url: columns.take()?,
            state: columns.take()?,
            raised: columns.take()?,
            withdrawn: columns.take()?,
            progress: columns.take()?,
            contribution_count: columns.take()?,
            event_seq: columns.take()?,
            end_reason: columns.take()?,
            created_at: columns.take()?,
            edited_at: columns.take()?,
            ended_at: columns.take()?,
        },
        is_orphaned: columns.take()?,
        held: columns.take()?,
    })
}

/// Locks a goal until the end of the transaction. No rights are asked here.
pub async fn lock_goal_in(tx: &Transaction, id: GoalId) -> Result<Option<GoalView>> {
    let sql = format!("SELECT {GOAL} FROM goals g WHERE g.id = $1 {}", tx.for_update());
    tx.row(sql, vec![id.0.into()]).await?.as_ref().map(read_goal).transpose()
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
    let sql = "UPDATE goals SET raised = $2, withdrawn = $3, progress = $4, contribution_count = $5, state = $6, \
               end_reason = $7, ended_at = $8 WHERE id = $1";
    let values = vec![
        goal.id.0.into(),
        goal.raised.into(),
        goal.withdrawn.into(),
        progress(goal.raised, goal.target).into(),
        goal.contribution_count.into(),
        goal.state.as_str().into(),
        goal.end_reason.clone().into(),
        goal.ended_at.into(),
    ];
    tx.execute(sql, values).await?;
    tell_in(app, tx, goal.id).await
}

/// Tells those who follow a goal, which is locked, that something about it changed.
pub(super) async fn tell_in(app: &App, tx: &Transaction, id: GoalId) -> Result<()> {
    let sql = "UPDATE goals SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq";
    let row = tx.row(sql, vec![id.0.into()]).await?.ok_or_else(|| not_found("id"))?;
    // Without who caused it: they may want to be anonymous.
    let event = NewEvent { kind: EventKind::GoalChanged, actor_id: None, subject_id: None };
    events::write_in(app, tx, StreamKind::Goal, id.0, Columns::new(&row).take()?, event).await
}

/// Of `goal_contributions c JOIN goals g`.
pub(super) const CONTRIBUTION: &str = "c.id, c.goal_id, c.payment_id, c.contributor_id, c.guest_name, c.guest_email, c.guest_key, \
     c.amount, c.received, c.refunded, c.state, c.is_anonymous, c.is_hidden_from_owner, c.message, c.comment_count, c.created_at, \
     c.received_at, c.news_stopped_at, g.currency, g.owner_id";

pub(super) fn read_contribution(row: &QueryResult) -> Result<ContributionView> {
    let mut columns = Columns::new(row);
    Ok(ContributionView {
        contribution: goal_contribution::Model {
            id: columns.take()?,
            goal_id: columns.take()?,
            payment_id: columns.take()?,
            contributor_id: columns.take()?,
            guest_name: columns.take()?,
            guest_email: columns.take()?,
            guest_key: columns.take()?,
            amount: columns.take()?,
            received: columns.take()?,
            refunded: columns.take()?,
            state: columns.take()?,
            is_anonymous: columns.take()?,
            is_hidden_from_owner: columns.take()?,
            message: columns.take()?,
            comment_count: columns.take()?,
            created_at: columns.take()?,
            received_at: columns.take()?,
            news_stopped_at: columns.take()?,
        },
        currency: columns.take()?,
        owner_id: columns.take()?,
    })
}

/// What a payment is given for, and its goal, which is locked. The payment is locked already, and nothing else changes what
/// a contribution received.
pub(super) async fn lock_given_in(tx: &Transaction, payment: PaymentId) -> Result<(GoalView, ContributionView)> {
    let missing = || Error::internal(format!("{payment} is for a contribution that is not there"));
    let sql = "SELECT goal_id FROM goal_contributions WHERE payment_id = $1";
    let row = tx.row(sql, vec![payment.0.into()]).await?.ok_or_else(missing)?;
    let goal = lock_goal_in(tx, Columns::new(&row).take()?).await?.ok_or_else(missing)?;
    let sql = format!(
        "SELECT {CONTRIBUTION} FROM goal_contributions c JOIN goals g ON g.id = c.goal_id WHERE c.payment_id = $1"
    );
    let row = tx.row(sql, vec![payment.0.into()]).await?.ok_or_else(missing)?;
    Ok((goal, read_contribution(&row)?))
}

/// Writes what came in of a contribution and what was given back.
pub(super) async fn save_given_in(tx: &Transaction, given: &goal_contribution::Model) -> Result<()> {
    let sql = "UPDATE goal_contributions SET received = $2, refunded = $3, state = $4, received_at = $5 WHERE id = $1";
    let values = vec![
        given.id.0.into(),
        given.received.into(),
        given.refunded.into(),
        given.state.as_str().into(),
        given.received_at.into(),
    ];
    tx.execute(sql, values).await.map(drop)
}
