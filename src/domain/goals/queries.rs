//! Reading and following goals.

use std::{collections::HashMap, sync::Arc};

use futures_util::{Stream, StreamExt};
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Value,
    sea_query::{Expr, Func, SelectStatement},
};
use uuid::Uuid;

use super::{GoalView, folded};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        live::{self, Content, Step},
        permissions::Permission,
    },
    entity::{
        Currency, GoalId, PostId, UserId,
        event::{self, StreamKind},
        goal::{Column, Entity, GoalState},
        post,
    },
    error::{Error, Result},
    platform::{
        db::{Database, any_id, is_literally},
        list::{List, Range, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What goals have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GoalFilter {
    /// How far they have come.
    pub states: Option<Vec<GoalState>>,
    /// In one of these categories.
    pub categories: Option<Vec<String>>,
    /// Of one of these people.
    pub owners: Option<Vec<UserId>>,
    /// In one of these currencies.
    pub currencies: Option<Vec<Currency>>,
    /// With all of these words in title or story, each from its beginning.
    pub text: Option<String>,
    /// When they end.
    pub deadline: Span,
    /// Whether their target is reached.
    pub is_reached: Option<bool>,
    /// Raised of the target, in whole percent.
    pub progress_percent: Range,
    /// When they were begun.
    pub during: Span,
}

/// In which order; ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoalSort {
    /// Begun last, first.
    Newest,
    /// Raised most, first.
    MostRaised,
    /// Nearest to their target first.
    Progress,
    /// Open ones whose deadline comes soonest, first.
    EndingSoon,
}

impl GoalSort {
    /// What cursors of this order are tied to.
    #[must_use]
    pub(crate) fn cursor_name(self) -> &'static str {
        match self {
            Self::Newest => "goals.newest",
            Self::MostRaised => "goals.raised",
            Self::Progress => "goals.progress",
            Self::EndingSoon => "goals.ending",
        }
    }

    /// A goal's place in this order.
    #[must_use]
    pub(crate) fn cursor(self, view: &GoalView) -> Cursor {
        let goal = &view.goal;
        let key = match self {
            Self::Newest => Key::Time(goal.created_at),
            Self::MostRaised => Key::Integer(goal.raised),
            Self::Progress => Key::Integer(goal.progress),
            // In this order there are only those that have one.
            Self::EndingSoon => Key::Time(goal.deadline.unwrap_or(goal.created_at)),
        };
        Cursor { sort: self.cursor_name(), key, id: goal.id.0 }
    }

    fn sorting(self) -> Sorting<Column> {
        match self {
            Self::Newest => Sorting::descending(Column::CreatedAt, Column::Id),
            Self::MostRaised => Sorting::descending(Column::Raised, Column::Id),
            Self::Progress => Sorting::descending(Column::Progress, Column::Id),
            Self::EndingSoon => Sorting::ascending(Column::Deadline, Column::Id),
        }
    }
}

/// What the actor may see: the start of every list.
fn visible_to(actor: &Actor, sort: GoalSort) -> List<Entity> {
    let mut list = List::<Entity>::sorted(sort.sorting());
    if !actor.may(Permission::SeeMoney) {
        list.filter(match actor.user_id() {
            Some(viewer) => is_published().or(Column::OwnerId.eq(viewer)),
            None => is_published(),
        });
    }
    list
}

/// A condition of nearly all, in a form in which PostgreSQL does not take it for one of very few.
fn is_published() -> Expr {
    let published = post::Entity::find()
        .select_only()
        .expr(post::Column::DeletedAt.is_null())
        .filter(post::Column::Id.into_expr().eq(Column::PostId.into_expr()));
    Func::coalesce([Expr::from(published.into_query()), Expr::Constant(true.into())]).into()
}

/// Goals, a page at a time.
pub(crate) async fn goals(
    app: &App,
    actor: &Actor,
    filter: &GoalFilter,
    sort: GoalSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<GoalView>> {
    let mut list = visible_to(actor, sort);
    if let Some(words) = filter.text.as_deref().map(text::search_words).transpose()? {
        if words.is_empty() {
            return Ok(Slice::nothing(page, with_total));
        }
        list.among(app.db.matching::<Entity>(&words));
    }
    filter_by_values(&app.db, filter, sort, &mut list)?;
    filter_by_ranges(&app.db, filter, sort, &mut list)?;
    if sort == GoalSort::EndingSoon {
        list.filter(is_literally(Column::State, GoalState::Open));
        list.filter(Column::Deadline.is_not_null());
        list.filter(Column::Deadline.gt(app.clock.now()));
    }
    list.page(&app.db, page, with_total, |select| select).await
}

/// Adds which values the filter wants. Behind each column stands an index in order of time, so in another order the newest are
/// chosen first.
fn filter_by_values(db: &Database, filter: &GoalFilter, sort: GoalSort, list: &mut List<Entity>) -> Result<()> {
    let (owners, categories) = (filter.owners.as_deref(), filter.categories.as_deref());
    let category = |name: &String| text::comparable(&folded(name));
    let mut chosen = vec![
        list.any_of(Column::OwnerId, owners, |owner| owner.0)?,
        list.any_of(Column::Category, categories, category)?,
        list.any_of(Column::Currency, filter.currencies.as_deref(), |currency| currency.as_str())?,
    ];
    if sort == GoalSort::EndingSoon {
        // What ends soon is open anyway, and in an index with all that is.
        if filter.states.as_ref().is_some_and(|states| !states.contains(&GoalState::Open)) {
            list.nothing();
        }
    } else {
        chosen.push(list.any_of(Column::State, filter.states.as_deref(), |state| state.as_str())?);
    }
    if let Some(reached) = filter.is_reached {
        let (raised, target) = (Column::Raised.into_expr(), Column::Target.into_expr());
        let condition = if reached { raised.gte(target) } else { raised.lt(target) };
        list.filter(condition.clone());
        chosen.push(vec![condition]);
    }
    if sort != GoalSort::Newest {
        for each in chosen {
            list.among_newest(db, Column::CreatedAt, each);
        }
    }
    Ok(())
}

/// Adds in which ranges the filter wants them: along the list where it is in that order, else of those that are chosen first.
fn filter_by_ranges(db: &Database, filter: &GoalFilter, sort: GoalSort, list: &mut List<Entity>) -> Result<()> {
    if let Some(ending) = list.during(Column::Deadline, filter.deadline)?
        && sort != GoalSort::EndingSoon
    {
        // The last before an end; without one the first.
        let order = if filter.deadline.until.is_some() { Order::Desc } else { Order::Asc };
        list.among(within(ending, Column::Deadline, order));
    }
    let Range { min, max } = filter.progress_percent;
    let stored = Range {
        min: min.map(|percent| percent.saturating_mul(PERCENT)),
        // What is shown as this percentage may be a little more.
        max: max.map(|percent| percent.saturating_add(1).saturating_mul(PERCENT) - 1),
    };
    if let Some(progress) = list.within(Column::Progress, stored)
        && sort != GoalSort::Progress
    {
        list.among(within(progress, Column::Progress, Order::Desc));
    }
    if let Some(begun) = list.during(Column::CreatedAt, filter.during)?
        && sort != GoalSort::Newest
    {
        list.among_newest(db, Column::CreatedAt, vec![begun]);
    }
    Ok(())
}

/// The goals within a range of a column, in its order.
fn within(range: Expr, column: Column, order: Order) -> SelectStatement {
    let within = Entity::find().select_only().column(Column::Id).filter(range);
    within.order_by(column, order.clone()).order_by(Column::Id, order).into_query()
}

/// What is stored of a goal's progress for each percent.
const PERCENT: i64 = 10_000;

/// A goal that the actor sees.
pub(crate) async fn find(app: &App, actor: &Actor, id: GoalId) -> Result<Option<GoalView>> {
    Ok(goals_by_id(app, actor, &[id]).await?.remove(&id))
}

/// A goal. No rights are asked here.
pub(super) async fn get(app: &App, id: GoalId) -> Result<GoalView> {
    app.db.read_one(Entity::find_by_id(id)).await?.ok_or_else(|| Error::not_found("id"))
}

/// Goals by id that the actor sees.
pub(crate) async fn goals_by_id(app: &App, actor: &Actor, ids: &[GoalId]) -> Result<HashMap<GoalId, GoalView>> {
    let mut found = by(app, Column::Id, ids).await?;
    found.retain(|view| view.is_visible_to(actor));
    Ok(found.into_iter().map(|view| (view.goal.id, view)).collect())
}

/// The goals that hang on posts, of those that the actor sees.
pub(crate) async fn goals_by_post(app: &App, actor: &Actor, posts: &[PostId]) -> Result<HashMap<PostId, GoalView>> {
    let mut found = by(app, Column::PostId, posts).await?;
    found.retain(|view| view.is_visible_to(actor));
    Ok(found.into_iter().map(|view| (view.goal.post_id, view)).collect())
}

async fn by<V: Into<Value> + Clone>(app: &App, column: Column, ids: &[V]) -> Result<Vec<GoalView>> {
    app.db.read(Entity::find().filter(any_id(column, ids))).await
}

// ---------------------------------------------------------------------------------------------------------- following

struct Steps;

impl Content for Steps {
    type Item = GoalView;
    const KIND: StreamKind = StreamKind::Goal;

    async fn load(app: &App, id: Uuid, events: &[event::Model]) -> Result<Vec<Option<Arc<GoalView>>>> {
        let goal = Arc::new(get(app, GoalId(id)).await?);
        Ok(events.iter().map(|_| Some(Arc::clone(&goal))).collect())
    }
}

/// A goal that the actor sees, as it changes. Code: NOT_FOUND.
pub(crate) async fn follow(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: GoalId,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<GoalView>>> + Send + use<>> {
    find(app, actor, id).await?.ok_or_else(|| Error::not_found("goalId"))?;
    let steps = live::follow::<Steps>(app, actor, client, id.0, after).await?;
    let actor = actor.clone();
    // Its post may be deleted meanwhile.
    Ok(steps.map(move |step| {
        let step = step?;
        Ok(Step { content: step.content.filter(|view| view.is_visible_to(&actor)), ..step })
    }))
}
