//! Finding and following goals.

use async_graphql::{Context, Enum, ID, InputObject, Object, Subscription};
use futures_util::Stream;

use super::{ContributionState, Goal, GoalContribution, GoalEvent, GoalState};
use crate::{
    domain::goals::{self, GivenFilter, GoalFilter},
    entity::{GoalId, event::StreamKind},
    error::Result,
    graphql::{
        engine::{
            connection::{Connection, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, nullable},
            filters::{self, DateTimeRange, IntRange, query_ids},
            scalars::CurrencyCode,
            stream,
        },
        node::query_id,
    },
};

/// Conditions that all must hold. Where one names more than 10,000 of them, an order other than by time is one of the newest.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct GoalWhere {
    /// How far they have come.
    states: Option<Vec<GoalState>>,
    /// In one of these categories, whatever their case.
    categories: Option<Vec<String>>,
    /// Of one of these people.
    owner_ids: Option<Vec<ID>>,
    /// In one of these currencies. Amounts of different currencies are not comparable: give one to sort by what was raised.
    currencies: Option<Vec<CurrencyCode>>,
    /// With all of these words in title or story, each from its beginning; case, accents and Arabic marks don't matter.
    /// Single letters don't count, and alone are a BAD_REQUEST. Where more than 10,000 have these words, the newest of them
    /// are looked at. Costs 100.
    text: Option<String>,
    /// With a deadline in this span; those without one don't match. Of more than 10,000 the last before `until` are looked at;
    /// where it is open, the first after `from`.
    deadline: Option<DateTimeRange>,
    /// Whether their target is reached.
    is_reached: Option<bool>,
    /// With so much raised of their target, in percent, as `progressPercent` says. Of more than 10,000 those that have come
    /// farthest are looked at.
    progress_percent: Option<IntRange>,
    /// Begun in this span.
    created_at: Option<DateTimeRange>,
}

impl GoalWhere {
    fn filter(self) -> Result<GoalFilter> {
        Ok(GoalFilter {
            states: filters::values(self.states),
            categories: self.categories,
            owners: query_ids(self.owner_ids)?,
            currencies: self.currencies,
            text: self.text,
            deadline: filters::span(self.deadline),
            is_reached: self.is_reached,
            progress_percent: self.progress_percent.map(Into::into).unwrap_or_default(),
            during: filters::span(self.created_at),
        })
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct OwnContributionWhere {
    /// To one of these goals. Your 10,000 newest contributions are looked at.
    goal_ids: Option<Vec<ID>>,
    /// How far they have come. Your 10,000 newest contributions are looked at.
    states: Option<Vec<ContributionState>>,
    /// Begun in this span.
    created_at: Option<DateTimeRange>,
}

impl OwnContributionWhere {
    fn filter(self) -> Result<GivenFilter> {
        Ok(GivenFilter {
            goals: query_ids(self.goal_ids)?,
            states: filters::values(self.states),
            during: filters::span(self.created_at),
        })
    }
}

/// In which order goals are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::goals::GoalSort")]
pub(crate) enum GoalSort {
    /// Those that began last come first.
    Newest,
    /// Those that raised most first, counted in their currencies' smallest units: choose one currency by `where`.
    MostRaised,
    /// Nearest to their target, or farthest above it, first.
    Progress,
    /// Open ones whose deadline comes soonest, first; others are not listed.
    EndingSoon,
}

/// The root fields that read goals.
#[derive(Default)]
pub(crate) struct GoalQuery;

#[Object]
impl GoalQuery {
    /// A goal by its id; null when there is none, and once its post was deleted, to all but its owner and staff with the
    /// permission SEE_MONEY. UNAUTHENTICATED instead of a null when a token came that is not good (any more).
    async fn goal(&self, ctx: &Context<'_>, #[graphql(desc = "The goal's id.")] id: ID) -> Nullable<Goal> {
        nullable(async {
            let request = ctx.request();
            let found = goals::find(&request.app, &request.actor, query_id(&id)?).await?;
            if found.is_none() {
                request.actor.require_certain()?;
            }
            Ok(found.map(Goal))
        })
        .await
    }

    /// Goals, a page at a time.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn goals(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which goals.")] filter: Option<GoalWhere>,
        #[graphql(default_with = "GoalSort::Newest", desc = "In which order.")] sort_by: GoalSort,
        #[graphql(default, desc = "Whether the order is reversed.")] reverse: bool,
    ) -> Nullable<Connection<Goal>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort: goals::GoalSort = sort_by.into();
            let page = requested_page(ctx, sort.cursor_name(), reverse)?;
            let filter = filter.unwrap_or_default().filter()?;
            let slice = goals::goals(app, actor, &filter, sort, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, |view| sort.cursor(view), Goal)))
        })
        .await
    }
}

/// What the viewer gave to goals.
pub(in crate::graphql) async fn own_contributions(
    ctx: &Context<'_>,
    filter: Option<OwnContributionWhere>,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<GoalContribution>>> {
    let request = ctx.request();
    let (app, actor) = (&request.app, &request.actor);
    let page = requested_page(ctx, goals::OWN_SORT, reverse)?;
    let filter = filter.unwrap_or_default().filter()?;
    let slice = goals::own_contributions(app, actor, &filter, &page, wants_total(ctx)).await?;
    Ok(Some(Connection::new(slice, goals::own_cursor, GoalContribution::from)))
}

/// The subscription to a goal's progress.
#[derive(Default)]
pub(crate) struct GoalSubscription;

#[Subscription]
impl GoalSubscription {
    /// A goal as it changes: what comes in and goes back, its news, its end. With `after`, first everything since then (phase
    /// REPLAY); without, the first event is a LIVE marker with a cursor and no content. Changes that come faster than they are
    /// executed for you are merged into one, the newest. For everybody who sees the goal.
    async fn goal_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The goal's id.")] id: ID,
        #[graphql(desc = "The cursor of the last event that you saw, or the goal's `streamCursor`.")] after: Option<
            String,
        >,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<GoalEvent>> + use<>> {
        stream::events(ctx, async {
            let request = ctx.request();
            let id: GoalId = query_id(&id)?;
            let after = stream::open(request, StreamKind::Goal, id.0, after.as_deref())?;
            Ok((id.0, goals::follow(&request.app, &request.actor, &request.client, id, after).await?))
        })
        .await
    }
}
