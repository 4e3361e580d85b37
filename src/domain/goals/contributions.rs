//! Reading what was given.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, SelectStatement},
};

use super::{ContributionView, GoalView, queries::goals_by_id, rows::with_goal};
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{
        ContributionId, GoalId, PaymentId,
        goal_contribution::{Column, ContributionState, Entity},
        refund::{self, RefundState},
    },
    error::{Error, Result},
    platform::{
        db::{any_id, is_literally},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
    },
};

/// What a goal has been given and still has.
fn received_by(goal: GoalId) -> Expr {
    let came_in = Column::ReceivedAt.is_not_null().and(is_literally(Column::State, ContributionState::Received));
    Column::GoalId.eq(goal).and(came_in)
}

/// That a giver asks a contribution back, as a statement that gives something then.
fn asked_back() -> SelectStatement {
    let asked = refund::Entity::find()
        .select_only()
        .column(refund::Column::Id)
        .filter(refund::Column::PaymentId.into_expr().eq(Column::PaymentId.into_expr()))
        .filter(is_literally(refund::Column::State, RefundState::Requested));
    asked.into_query()
}

/// The contributions to a goal that their givers ask back, those that were asked for last first. Few wait for an answer: they
/// are looked up, not everything that was given.
fn asked_back_of(goal: GoalId) -> SelectStatement {
    let mut asked = refund::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(is_literally(refund::Column::State, RefundState::Requested))
        .filter(Column::GoalId.eq(goal))
        .order_by_desc(refund::Column::CreatedAt)
        .order_by_desc(refund::Column::Id);
    let is_for = Column::PaymentId.into_expr().eq(refund::Column::PaymentId.into_expr());
    QueryTrait::query(&mut asked).join(JoinType::InnerJoin, Entity, is_for);
    asked.into_query()
}

/// In which order a goal's contributions are listed; ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContributionSort {
    /// Came in last, first.
    Newest,
    /// The largest amount first: all are in the goal's currency.
    Largest,
}

impl ContributionSort {
    /// What cursors of this order are tied to.
    #[must_use]
    pub(crate) fn cursor_name(self) -> &'static str {
        match self {
            Self::Newest => "contributions.received",
            Self::Largest => "contributions.largest",
        }
    }

    /// A contribution's place in this order.
    #[must_use]
    pub(crate) fn cursor(self, view: &ContributionView) -> Cursor {
        let given = &view.contribution;
        let key = match self {
            // In this list there are only those that came in.
            Self::Newest => Key::Time(given.received_at.unwrap_or(given.created_at)),
            Self::Largest => Key::Integer(given.amount),
        };
        Cursor { sort: self.cursor_name(), key, id: given.id.0 }
    }

    fn column(self) -> Column {
        match self {
            Self::Newest => Column::ReceivedAt,
            Self::Largest => Column::Amount,
        }
    }
}

/// What a goal's contributions have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ReceivedFilter {
    /// Whether those are meant that their givers ask back, or those that they don't.
    pub asked_back: Option<bool>,
    /// When they came in.
    pub during: Span,
}

/// What a goal, which the actor sees, has been given and still has; of it what givers ask back, or what they don't, where that
/// is wanted, for those who decide about it.
pub(crate) async fn contributions(
    app: &App,
    actor: &Actor,
    view: &GoalView,
    filter: &ReceivedFilter,
    sort: ContributionSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<ContributionView>> {
    if filter.asked_back.is_some() && !view.is_owned_by(actor) && !actor.may(Permission::SeeMoney) {
        return Ok(Slice::nothing(page, with_total));
    }
    let goal = view.goal.id;
    let mut list = List::<Entity>::sorted(Sorting::descending(sort.column(), Column::Id));
    list.filter(received_by(goal));
    match filter.asked_back {
        Some(true) => {
            list.filter(Expr::exists(asked_back()));
            list.among(asked_back_of(goal));
        }
        Some(false) => {
            list.filter(Expr::not_exists(asked_back()));
            // However many wait: no more is looked at.
            let received = Entity::find().select_only().column(Column::Id).filter(received_by(goal));
            list.among(received.order_by_desc(Column::ReceivedAt).order_by_desc(Column::Id).into_query());
        }
        None => {}
    }
    if let Some(within) = list.during(Column::ReceivedAt, filter.during)?
        && sort != ContributionSort::Newest
    {
        list.among_newest(&app.db, Column::ReceivedAt, vec![received_by(goal).and(within)]);
    }
    list.page(&app.db, page, with_total, with_goal).await
}

/// What cursors in the list of one's own are tied to.
pub(crate) const OWN_SORT: &str = "contributions.own";

/// A contribution's place in the list of one's own.
#[must_use]
pub(crate) fn own_cursor(view: &ContributionView) -> Cursor {
    Cursor { sort: OWN_SORT, key: Key::Time(view.contribution.created_at), id: view.contribution.id.0 }
}

/// What one's own contributions have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GivenFilter {
    /// To one of these goals.
    pub goals: Option<Vec<GoalId>>,
    /// How far they have come.
    pub states: Option<Vec<ContributionState>>,
    /// When they were begun.
    pub during: Span,
}

/// What the actor gave, or began to, newest first.
pub(crate) async fn own_contributions(
    app: &App,
    actor: &Actor,
    filter: &GivenFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<ContributionView>> {
    let viewer = actor.require_user()?.id;
    let own = Column::ContributorId.eq(viewer);
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.filter(own.clone());
    list.any_of(Column::GoalId, filter.goals.as_deref(), |goal| goal.0)?;
    list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?;
    list.during(Column::CreatedAt, filter.during)?;
    if filter.goals.is_some() || filter.states.is_some() {
        // What one person gave is little, and a goal may have very much: it is looked for among the person's.
        let own = Entity::find().select_only().column(Column::Id).filter(own);
        list.among(own.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id).into_query());
    }
    list.page(&app.db, page, with_total, with_goal).await
}

/// Contributions by id that the actor sees: their own always; others of goals that they see, while the goal has them.
pub(crate) async fn contributions_by_id(
    app: &App,
    actor: &Actor,
    ids: &[ContributionId],
) -> Result<HashMap<ContributionId, ContributionView>> {
    let mut found: Vec<ContributionView> =
        app.db.read(with_goal(Entity::find().filter(any_id(Column::Id, ids)))).await?;
    let goals: Vec<_> = found.iter().map(|view| view.contribution.goal_id).collect();
    let goals = goals_by_id(app, actor, &goals).await?;
    found.retain(|view| {
        let sees_goal = goals.contains_key(&view.contribution.goal_id);
        view.is_given_by(actor) || (sees_goal && view.is_visible_to(actor))
    });
    Ok(found.into_iter().map(|view| (view.contribution.id, view)).collect())
}

/// What a payment is given for. No rights are asked here.
pub(super) async fn of_payment(app: &App, payment: PaymentId) -> Result<ContributionView> {
    let given = Entity::find().filter(Column::PaymentId.eq(payment));
    app.db.read_one(with_goal(given)).await?.ok_or_else(|| Error::not_found("id"))
}
