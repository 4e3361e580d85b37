//! Fundraising goals: what people raise money for, what is given, and how it comes to them or goes back.
//!
//! Owns `goals`, `goal_contributions`, `contribution_comments`, `goal_updates` and `goal_withdrawals`. Always holds, and
//! [`RULES`] recompute it: what a goal raised is what its contributions received and did not give back; its escrow in the
//! ledger has what was raised and not withdrawn; a goal that failed or was cancelled has paid nothing out.
//!
//! A goal hangs on a post of its owner's, and is seen by who sees the post. When the post is deleted, only the owner, who
//! may still have money to fetch, and those who may see money see the goal.
//!
//! Money comes in by payments, through the port that [`Contributions`] implements: totals, ledger and payment change in one
//! transaction. It goes back by refunds of these payments; a fee is only taken when the owner withdraws, so refunds are
//! whole. Locks are taken in this order: payment, goal, contribution, accounts of the ledger.

mod closing;
mod commands;
mod comments;
mod contribute;
mod contributions;
mod jobs;
mod news;
mod newsletter;
mod notices;
mod privacy;
mod queries;
mod reclaims;
mod registration;
mod rows;
mod sql;
mod target;
mod withdrawals;

use chrono::{DateTime, Utc};
use sea_orm::DerivePartialModel;
use unicode_normalization::UnicodeNormalization;

use crate::{
    app::App,
    domain::{
        actor::Actor,
        ledger::{self, AccountRef},
        permissions::Permission,
        states::told,
    },
    entity::{
        Money, UserId,
        goal::{self, Funding, GoalState},
        goal_contribution::{self, ContributionState},
    },
    error::{Error, Result, State, UserError, UserErrorCode},
    platform::db::Transaction,
};

pub(crate) use closing::{close_in, goal_cancel, goal_end};
pub(crate) use commands::{GoalCreate, GoalUpdate, goal_create, goal_update, insert_in};
pub(crate) use comments::{
    COMMENTS_SORT, ContributionComment, comment_create, comment_cursor, comment_delete, comment_update, comments,
    comments_by_id, say_in,
};
pub(crate) use contribute::{GoalContribute, Guest, give_in, goal_contribute};
pub(crate) use contributions::{
    ContributionSort, GivenFilter, OWN_SORT, ReceivedFilter, contributions, contributions_by_id, own_contributions,
    own_cursor,
};
pub(crate) use news::{NEWS_SORT, News, NewsPublish, news, news_by_id, news_cursor, news_publish, publish_in};
pub(crate) use newsletter::{NewsSubscription, news_subscription, news_unsubscribe};
pub(crate) use queries::{GoalFilter, GoalSort, find, follow, goals, goals_by_id, goals_by_post};
pub(crate) use registration::DOMAIN;
pub(crate) use rows::{GoalRow, lock_goal_in};
pub use sql::RULES;
pub(crate) use target::Contributions;
pub(crate) use withdrawals::{
    GoalWithdraw, WITHDRAWALS_SORT, Withdrawal, goal_withdraw, withdrawal_cursor, withdrawal_reverse, withdrawals,
    withdrawals_by_id,
};

told! {
    GoalState {
        Open => Open,
        Ended => Ended,
        Failed => Failed,
        Cancelled => Canceled,
    }
}

/// Most characters of a goal's title, and of that of its news.
pub(crate) const MAX_TITLE: usize = 255;
/// Most characters of a goal's story, and of its news.
pub(crate) const MAX_STORY: usize = 10_000;
/// Most characters of a category.
pub(crate) const MAX_CATEGORY: usize = 50;
/// Most amounts that a goal suggests.
pub(crate) const MAX_SUGGESTED: usize = 6;
/// Most characters of what somebody says with what they give.
pub(crate) const MAX_MESSAGE: usize = 1_000;
/// Most characters of a guest's name.
pub(crate) const MAX_NAME: usize = 100;
/// Most characters of a reason.
pub(crate) const MAX_REASON: usize = 500;
/// Most characters of a comment.
pub(crate) const MAX_COMMENT: usize = 2_000;

/// A goal, with what of its money is spoken for.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
pub(crate) struct GoalView {
    /// What is stored of it.
    #[sea_orm(nested)]
    pub goal: GoalRow,
    /// Of what is in its escrow, what is held for refunds that are granted.
    #[sea_orm(from_expr = "rows::held()")]
    pub held: i64,
    /// The post that it hangs on was deleted.
    #[sea_orm(from_expr = "rows::is_orphaned()")]
    pub is_orphaned: bool,
}

impl GoalView {
    /// Whether the actor sees it.
    #[must_use]
    pub(crate) fn is_visible_to(&self, actor: &Actor) -> bool {
        !self.is_orphaned || self.is_owned_by(actor) || actor.may(Permission::SeeMoney)
    }

    /// Whether it is the actor's own.
    #[must_use]
    pub(crate) fn is_owned_by(&self, actor: &Actor) -> bool {
        self.goal.owner_id.is_some() && self.goal.owner_id == actor.user_id()
    }

    /// Whether it takes contributions.
    #[must_use]
    pub(crate) fn is_open(&self, now: DateTime<Utc>) -> bool {
        is_open(&self.goal, now) && !self.is_orphaned
    }

    /// Whether its target is reached: what is on its way back does not count.
    #[must_use]
    pub(crate) fn is_reached(&self) -> bool {
        self.goal.raised - self.held >= self.goal.target
    }

    /// What its owner could withdraw, were it theirs already.
    #[must_use]
    pub(crate) fn available(&self) -> Money {
        self.money(self.goal.raised - self.goal.withdrawn - self.held)
    }

    /// Whether what was raised is its owner's already: of a flexible goal always, of a fixed one once it is reached.
    #[must_use]
    pub(crate) fn may_withdraw(&self) -> bool {
        match (self.goal.state, self.goal.funding) {
            (GoalState::Failed | GoalState::Cancelled, _) => false,
            // A fixed goal only ends when it is reached: what is given back later takes nothing from that.
            (GoalState::Ended, _) | (GoalState::Open, Funding::Flexible) => true,
            (GoalState::Open, Funding::Fixed) => self.is_reached(),
        }
    }

    /// What the actor may do with it now.
    #[must_use]
    pub(crate) fn actions(&self, actor: &Actor, now: DateTime<Utc>) -> Vec<GoalAction> {
        let (open, owner) = (self.goal.state == GoalState::Open, self.is_owned_by(actor));
        let alive = matches!(self.goal.state, GoalState::Open | GoalState::Ended);
        let may_cancel = owner || actor.may(Permission::ManageMoney);
        [
            (GoalAction::Contribute, self.is_open(now)),
            (GoalAction::Update, owner),
            (GoalAction::PublishNews, owner),
            (GoalAction::Withdraw, owner && self.may_withdraw() && self.available().minor > 0),
            (GoalAction::End, owner && open && (self.goal.funding == Funding::Flexible || self.is_reached())),
            (GoalAction::Cancel, may_cancel && alive && self.goal.withdrawn == 0),
        ]
        .into_iter()
        .filter_map(|(action, possible)| possible.then_some(action))
        .collect()
    }

    /// An amount in its currency.
    #[must_use]
    pub(crate) fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.goal.currency)
    }
}

/// Something that can be done with a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoalAction {
    /// Give to it.
    Contribute,
    /// Change what it says of itself.
    Update,
    /// Tell those who gave its news.
    PublishNews,
    /// Take out what was raised.
    Withdraw,
    /// Take no more contributions.
    End,
    /// Give everything back.
    Cancel,
}

/// What somebody gave, with what decides who sees whose it is.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "goal_contribution::Entity")]
pub(crate) struct ContributionView {
    /// The row of `goal_contributions`.
    #[sea_orm(nested)]
    pub contribution: goal_contribution::Model,
    /// In which currency.
    #[sea_orm(from_expr = "goal::Column::Currency")]
    pub currency: crate::entity::Currency,
    /// Whose goal it is.
    #[sea_orm(from_expr = "goal::Column::OwnerId")]
    pub owner_id: Option<UserId>,
}

impl ContributionView {
    /// Whether the actor gave it.
    #[must_use]
    pub(crate) fn is_given_by(&self, actor: &Actor) -> bool {
        self.contribution.contributor_id.is_some() && self.contribution.contributor_id == actor.user_id()
    }

    /// Whether the actor sees who gave it: who is anonymous is shown to themselves, to those who may see money, and to the
    /// goal's owner, unless they don't want that either.
    #[must_use]
    pub(crate) fn shows_giver_to(&self, actor: &Actor) -> bool {
        let given = &self.contribution;
        let is_owner = self.owner_id.is_some() && self.owner_id == actor.user_id();
        !given.is_anonymous
            || self.is_given_by(actor)
            || actor.may(Permission::SeeMoney)
            || (is_owner && !given.is_hidden_from_owner)
    }

    /// Whether the actor sees what is asked back of it: the giver, and those who decide.
    #[must_use]
    pub(crate) fn shows_refunds_to(&self, actor: &Actor) -> bool {
        let is_owner = self.owner_id.is_some() && self.owner_id == actor.user_id();
        is_owner || self.is_given_by(actor) || actor.may(Permission::SeeMoney)
    }

    /// Whether the actor sees it at all, of a goal that they see: everybody does while the goal has it.
    fn is_visible_to(&self, actor: &Actor) -> bool {
        self.contribution.state == ContributionState::Received
            || self.is_given_by(actor)
            || actor.may(Permission::SeeMoney)
    }
}

/// Whether a goal takes contributions at a time.
fn is_open(goal: &GoalRow, now: DateTime<Utc>) -> bool {
    goal.state == GoalState::Open && goal.deadline.is_none_or(|deadline| deadline > now)
}

/// Raised of target, in millionths.
fn progress(raised: i64, target: i64) -> i64 {
    let millionths = i128::from(raised) * 1_000_000 / i128::from(target.max(1));
    i64::try_from(millionths).unwrap_or(i64::MAX)
}

/// Where in a call a goal's id stands.
type At = fn(UserErrorCode) -> UserError;

fn at_id(code: UserErrorCode) -> UserError {
    UserError::input("id", code)
}

fn at_goal_id(code: UserErrorCode) -> UserError {
    UserError::input("goalId", code)
}

fn wrong_state(at: At, state: impl Into<State>) -> Error {
    at(UserErrorCode::WrongState).with("state", state.into()).into()
}

/// A category as it is stored and compared.
fn folded(category: &str) -> String {
    let folded: String = category.nfc().collect();
    folded.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a goal has that is not on its way back, withdrawn or not. The goal is locked by the caller, its escrow here: what
/// was read with the goal may be older than the lock.
async fn kept_in(app: &App, tx: &Transaction, goal: &GoalRow) -> Result<i64> {
    Ok(ledger::available_in(app, tx, AccountRef::Escrow(goal.id), goal.currency).await? + goal.withdrawn)
}
