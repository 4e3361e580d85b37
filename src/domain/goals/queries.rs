//! Reading and following goals.

use std::{collections::HashMap, sync::Arc};

use futures_util::{Stream, StreamExt};
use sea_orm::Value;
use uuid::Uuid;

use super::{
    GoalView, folded, not_found,
    rows::{GOAL, read_goal},
};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        events,
        live::{self, Content, Step},
        permissions::Permission,
    },
    entity::{
        Currency, GoalId, PostId, UserId,
        event::{self, StreamKind},
        goal::GoalState,
    },
    error::Result,
    platform::{
        db::{Database, placeholders},
        list::{Conditions, Range, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What goals have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoalFilter {
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
pub enum GoalSort {
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
    pub fn cursor_name(self) -> &'static str {
        match self {
            Self::Newest => "goals.newest",
            Self::MostRaised => "goals.raised",
            Self::Progress => "goals.progress",
            Self::EndingSoon => "goals.ending",
        }
    }

    /// A goal's place in this order.
    #[must_use]
    pub fn cursor(self, view: &GoalView) -> Cursor {
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

    fn column(self) -> &'static str {
        match self {
            Self::Newest => "g.created_at",
            Self::MostRaised => "g.raised",
            Self::Progress => "g.progress",
            Self::EndingSoon => "g.deadline",
        }
    }
}

/// What the actor may see. The start of every list's conditions, of `goals g`.
fn visible_to(actor: &Actor) -> Conditions {
    // A condition of nearly all, in a form in which PostgreSQL does not take it for one of very few.
    const PUBLISHED: &str = "COALESCE((SELECT p.deleted_at IS NULL FROM posts p WHERE p.id = g.post_id), 1 = 1)";
    let mut conditions = Conditions::default();
    if !actor.may(Permission::SeeMoney) {
        match actor.user_id() {
            Some(viewer) => {
                let viewer = conditions.value(viewer.0);
                conditions.that(format!("({PUBLISHED} OR g.owner_id = {viewer})"));
            }
            None => conditions.that(PUBLISHED),
        }
    }
    conditions
}

/// Goals, a page at a time.
pub async fn goals(
    app: &App,
    actor: &Actor,
    filter: &GoalFilter,
    sort: GoalSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<GoalView>> {
    let mut conditions = visible_to(actor);
    if let Some(words) = filter.text.as_deref().map(text::search_words).transpose()? {
        if words.is_empty() {
            return Ok(Slice::nothing(page, with_total));
        }
        let query = conditions.value(app.db.search_query(&words));
        conditions.among(app.db.search("goals", &query));
    }
    let source = Source {
        columns: GOAL,
        table: "goals g",
        joins: "",
        key: sort.column(),
        id: "g.id",
        descending: sort != GoalSort::EndingSoon,
    };
    filter_by_values(&app.db, filter, sort, source, &mut conditions)?;
    filter_by_ranges(&app.db, filter, sort, source, &mut conditions)?;
    if sort == GoalSort::EndingSoon {
        conditions.that("g.state = 'open' AND g.deadline IS NOT NULL");
        let now = conditions.value(app.clock.now());
        conditions.that(format!("g.deadline > {now}"));
    }
    page_of(&app.db, source, conditions, page, with_total, read_goal).await
}

const BEGUN: &str = "g.created_at";

/// Adds which values the filter wants. Behind each column stands an index in order of time, so in another order the newest are
/// chosen first.
fn filter_by_values(
    db: &Database,
    filter: &GoalFilter,
    sort: GoalSort,
    source: Source<'_>,
    conditions: &mut Conditions,
) -> Result<()> {
    let (owners, categories) = (filter.owners.as_deref(), filter.categories.as_deref());
    let category = |name: &String| text::comparable(&folded(name));
    let mut chosen = vec![
        conditions.any_of("g.owner_id", owners, |owner| owner.0)?,
        conditions.any_of("g.category", categories, category)?,
        conditions.any_of("g.currency", filter.currencies.as_deref(), |currency| currency.as_str())?,
    ];
    if sort == GoalSort::EndingSoon {
        // What ends soon is open anyway, and in an index with all that is.
        if filter.states.as_ref().is_some_and(|states| !states.contains(&GoalState::Open)) {
            conditions.nothing();
        }
    } else {
        chosen.push(conditions.any_of("g.state", filter.states.as_deref(), |state| state.as_str())?);
    }
    if let Some(reached) = filter.is_reached {
        let condition = if reached { "g.raised >= g.target" } else { "g.raised < g.target" };
        conditions.that(condition);
        chosen.push(vec![condition.to_owned()]);
    }
    if sort != GoalSort::Newest {
        for each in chosen {
            conditions.among_newest(db, source, BEGUN, &each);
        }
    }
    Ok(())
}

/// Adds in which ranges the filter wants them: along the list where it is in that order, else of those that are chosen first.
fn filter_by_ranges(
    db: &Database,
    filter: &GoalFilter,
    sort: GoalSort,
    source: Source<'_>,
    conditions: &mut Conditions,
) -> Result<()> {
    let ending = conditions.during("g.deadline", filter.deadline)?;
    if !ending.is_empty() && sort != GoalSort::EndingSoon {
        // The last before an end; without one the first.
        let order = if filter.deadline.until.is_some() { "DESC" } else { "ASC" };
        conditions.among(format!("SELECT g.id FROM goals g WHERE {ending} ORDER BY g.deadline {order}, g.id {order}"));
    }
    let Range { min, max } = filter.progress_percent;
    let stored = Range {
        min: min.map(|percent| percent.saturating_mul(PERCENT)),
        // What is shown as this percentage may be a little more.
        max: max.map(|percent| percent.saturating_add(1).saturating_mul(PERCENT) - 1),
    };
    let progress = conditions.within("g.progress", stored);
    if !progress.is_empty() && sort != GoalSort::Progress {
        conditions.among(format!("SELECT g.id FROM goals g WHERE {progress} ORDER BY g.progress DESC, g.id DESC"));
    }
    let begun = conditions.during(BEGUN, filter.during)?;
    if !begun.is_empty() && sort != GoalSort::Newest {
        conditions.among_newest(db, source, BEGUN, &[begun]);
    }
    Ok(())
}

/// What is stored of a goal's progress for each percent.
const PERCENT: i64 = 10_000;

/// A goal that the actor sees.
pub async fn find(app: &App, actor: &Actor, id: GoalId) -> Result<Option<GoalView>> {
    Ok(goals_by_id(app, actor, &[id]).await?.remove(&id))
}

/// A goal. No rights are asked here.
pub(super) async fn get(app: &App, id: GoalId) -> Result<GoalView> {
    by(app, "g.id", &[id.0]).await?.pop().ok_or_else(|| not_found("id"))
}

/// Goals by id that the actor sees.
pub async fn goals_by_id(app: &App, actor: &Actor, ids: &[GoalId]) -> Result<HashMap<GoalId, GoalView>> {
    let mut found = by(app, "g.id", &ids.iter().map(|id| id.0).collect::<Vec<_>>()).await?;
    found.retain(|view| view.is_visible_to(actor));
    Ok(found.into_iter().map(|view| (view.goal.id, view)).collect())
}

/// The goals that hang on posts, of those that the actor sees.
pub async fn goals_by_post(app: &App, actor: &Actor, posts: &[PostId]) -> Result<HashMap<PostId, GoalView>> {
    let mut found = by(app, "g.post_id", &posts.iter().map(|id| id.0).collect::<Vec<_>>()).await?;
    found.retain(|view| view.is_visible_to(actor));
    Ok(found.into_iter().map(|view| (view.goal.post_id, view)).collect())
}

async fn by(app: &App, column: &str, ids: &[Uuid]) -> Result<Vec<GoalView>> {
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, ids);
    let sql = format!("SELECT {GOAL} FROM goals g WHERE {column} IN ({list})");
    app.db.rows(sql, values).await?.iter().map(read_goal).collect()
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

/// Where a goal's stream stands.
pub async fn stream_head(app: &App, id: GoalId) -> Result<i64> {
    events::head(app, StreamKind::Goal, id.0).await
}

/// A goal that the actor sees, as it changes. Code: NOT_FOUND.
pub async fn follow(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: GoalId,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<GoalView>>> + Send + use<>> {
    find(app, actor, id).await?.ok_or_else(|| not_found("goalId"))?;
    let steps = live::follow::<Steps>(app, actor, client, id.0, after).await?;
    let actor = actor.clone();
    // Its post may be deleted meanwhile.
    Ok(steps.map(move |step| {
        let step = step?;
        Ok(Step { content: step.content.filter(|view| view.is_visible_to(&actor)), ..step })
    }))
}
