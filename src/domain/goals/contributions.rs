//! Reading what was given.

use std::collections::HashMap;

use sea_orm::Value;

use super::{
    ContributionView, GoalView, not_found,
    queries::goals_by_id,
    rows::{CONTRIBUTION, read_contribution},
};
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{ContributionId, GoalId, PaymentId, goal_contribution::ContributionState},
    error::Result,
    platform::{
        db::placeholders,
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
    },
};

const JOINS: &str = "JOIN goals g ON g.id = c.goal_id";

/// What a goal has been given and still has.
const RECEIVED: &str = "c.received_at IS NOT NULL AND c.state = 'received'";

/// In which order a goal's contributions are listed; ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContributionSort {
    /// Came in last, first.
    Newest,
    /// The largest amount first: all are in the goal's currency.
    Largest,
}

impl ContributionSort {
    /// What cursors of this order are tied to.
    #[must_use]
    pub fn cursor_name(self) -> &'static str {
        match self {
            Self::Newest => "contributions.received",
            Self::Largest => "contributions.largest",
        }
    }

    /// A contribution's place in this order.
    #[must_use]
    pub fn cursor(self, view: &ContributionView) -> Cursor {
        let given = &view.contribution;
        let key = match self {
            // In this list there are only those that came in.
            Self::Newest => Key::Time(given.received_at.unwrap_or(given.created_at)),
            Self::Largest => Key::Integer(given.amount),
        };
        Cursor { sort: self.cursor_name(), key, id: given.id.0 }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Newest => "c.received_at",
            Self::Largest => "c.amount",
        }
    }
}

/// What a goal's contributions have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedFilter {
    /// Whether those are meant that their givers ask back, or those that they don't.
    pub asked_back: Option<bool>,
    /// When they came in.
    pub during: Span,
}

/// What a goal, which the actor sees, has been given and still has; of it what givers ask back, or what they don't, where that
/// is wanted, for those who decide about it.
pub async fn contributions(
    app: &App,
    actor: &Actor,
    view: &GoalView,
    filter: &ReceivedFilter,
    sort: ContributionSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<ContributionView>> {
    let mut conditions = Conditions::default();
    conditions.equal("c.goal_id", Some(view.goal.id.0));
    if filter.asked_back.is_some() && !view.is_owned_by(actor) && !actor.may(Permission::SeeMoney) {
        return Ok(Slice::nothing(page, with_total));
    }
    let is_asked_for = "EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = c.payment_id AND r.state = 'requested')";
    match filter.asked_back {
        Some(true) => {
            conditions.that(is_asked_for);
            // Few wait for an answer: they are looked up, not everything that was given.
            conditions.among(
                "SELECT o.id FROM refunds r JOIN goal_contributions o ON o.payment_id = r.payment_id \
                 WHERE r.state = 'requested' AND o.goal_id = $1 ORDER BY r.created_at DESC, r.id DESC",
            );
        }
        Some(false) => {
            conditions.that(format!("NOT {is_asked_for}"));
            // However many wait: no more is looked at.
            conditions.among(format!(
                "SELECT c.id FROM goal_contributions c WHERE c.goal_id = $1 AND {RECEIVED} \
                 ORDER BY c.received_at DESC, c.id DESC"
            ));
        }
        None => {}
    }
    conditions.that(RECEIVED);
    let within = conditions.during("c.received_at", filter.during)?;
    let source = Source {
        columns: CONTRIBUTION,
        table: "goal_contributions c",
        joins: JOINS,
        key: sort.column(),
        id: "c.id",
        descending: true,
    };
    if sort != ContributionSort::Newest && !within.is_empty() {
        let within = format!("c.goal_id = $1 AND {RECEIVED} AND {within}");
        conditions.among_newest(&app.db, source, "c.received_at", &[within]);
    }
    page_of(&app.db, source, conditions, page, with_total, read_contribution).await
}

/// What cursors in the list of one's own are tied to.
pub const OWN_SORT: &str = "contributions.own";

/// A contribution's place in the list of one's own.
#[must_use]
pub fn own_cursor(view: &ContributionView) -> Cursor {
    Cursor { sort: OWN_SORT, key: Key::Time(view.contribution.created_at), id: view.contribution.id.0 }
}

/// What one's own contributions have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenFilter {
    /// To one of these goals.
    pub goals: Option<Vec<GoalId>>,
    /// How far they have come.
    pub states: Option<Vec<ContributionState>>,
    /// When they were begun.
    pub during: Span,
}

/// What the actor gave, or began to, newest first.
pub async fn own_contributions(
    app: &App,
    actor: &Actor,
    filter: &GivenFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<ContributionView>> {
    let viewer = actor.require_user()?.id;
    let mut conditions = Conditions::default();
    conditions.equal("c.contributor_id", Some(viewer.0));
    conditions.any_of("c.goal_id", filter.goals.as_deref(), |goal| goal.0)?;
    conditions.any_of("c.state", filter.states.as_deref(), |state| state.as_str())?;
    conditions.during("c.created_at", filter.during)?;
    if filter.goals.is_some() || filter.states.is_some() {
        // What one person gave is little, and a goal may have very much: it is looked for among the person's.
        conditions.among(
            "SELECT c.id FROM goal_contributions c WHERE c.contributor_id = $1 ORDER BY c.created_at DESC, c.id DESC",
        );
    }
    let source = Source {
        columns: CONTRIBUTION,
        table: "goal_contributions c",
        joins: JOINS,
        key: "c.created_at",
        id: "c.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read_contribution).await
}

/// Contributions by id that the actor sees: their own always; others of goals that they see, while the goal has them.
pub async fn contributions_by_id(
    app: &App,
    actor: &Actor,
    ids: &[ContributionId],
) -> Result<HashMap<ContributionId, ContributionView>> {
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {CONTRIBUTION} FROM goal_contributions c {JOINS} WHERE c.id IN ({list})");
    let mut found = app.db.rows(sql, values).await?.iter().map(read_contribution).collect::<Result<Vec<_>>>()?;
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
    let sql = format!("SELECT {CONTRIBUTION} FROM goal_contributions c {JOINS} WHERE c.payment_id = $1");
    let rows = app.db.rows(sql, vec![payment.0.into()]).await?;
    read_contribution(rows.first().ok_or_else(|| not_found("id"))?)
}
