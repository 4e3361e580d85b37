//! Fundraising goals as clients see them. In the folder: what was given and the talk about it; reading; what owners,
//! givers and staff do.

mod contributions;
mod loaders;
mod mutations;
mod owners;
mod queries;
mod registration;

use async_graphql::{Context, Enum, ID, MergedObject, Object};
use chrono::{DateTime, Utc};

use super::{
    accounts::{User, user_by_id},
    engine::{
        connection::{Connection, Listed, requested_page, wants_total},
        context::RequestExt,
        contract::SemanticNonNull,
        error::{Nullable, nullable, private},
        part::Part,
        scalars::{Money, Url},
        stream::{self, stream_event},
    },
    posts::{Post, PostsById},
};
use crate::{
    domain::{
        goals::{self, GoalView, News, Withdrawal},
        permissions::Permission,
    },
    entity::{GoalId, event::StreamKind},
};

pub(crate) use contributions::{ContributionComment, GoalContribution};
use contributions::{ContributionState, GoalContributionSort, GoalContributionWhere};
use loaders::GoalsById;
pub(super) use loaders::{ContributionsById, GoalsByPost};
pub(crate) use mutations::{GoalContributeInput, GuestInput};
pub(super) use queries::own_contributions;
pub(crate) use queries::{GoalQuery, GoalSubscription, OwnContributionWhere};
pub(super) use registration::GRAPH;

/// Raising, giving and what follows.
#[derive(MergedObject, Default)]
pub(crate) struct GoalMutation(Part<mutations::GivingMutation>, Part<owners::OwnerMutation>);

/// What happens when a goal's target is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::goal::Funding")]
pub(crate) enum GoalFunding {
    /// All or nothing: everybody gets their money back when the target is not reached by the deadline, and the owner can
    /// withdraw once it is reached.
    Fixed,
    /// What comes in is the owner's, target or not, who can withdraw it at any time.
    Flexible,
}

/// How far a goal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::goal::GoalState")]
pub(crate) enum GoalState {
    /// It takes contributions until its deadline, which is acted on within a minute.
    Open,
    /// Its time is over, or its owner ended it; what was raised is its owner's.
    Ended,
    /// It missed its target; everybody gets their money back.
    Failed,
    /// It was canceled; everybody gets their money back.
    #[graphql(name = "CANCELED")]
    Cancelled,
}

/// Something that the viewer can do with a goal now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::goals::GoalAction")]
pub(crate) enum GoalAction {
    /// Give: `goalContribute`.
    Contribute,
    /// Change it: `goalUpdate`.
    Update,
    /// Tell those who gave its news: `goalNewsPublish`.
    PublishNews,
    /// Take out what was raised: `goalWithdraw`.
    Withdraw,
    /// Take no more contributions: `goalEnd`.
    End,
    /// Give everything back: `goalCancel`.
    Cancel,
}

/// Something that money is raised for.
#[derive(Clone)]
pub(crate) struct Goal(GoalView);

impl From<GoalView> for Goal {
    fn from(view: GoalView) -> Self {
        Self(view)
    }
}

impl Listed for Goal {
    const LIST_NAME: &'static str = "Goal";
}

/// Something that money is raised for. It is attached to a post; when that is deleted, only its owner and staff with the
/// permission SEE_MONEY see it.
#[Object]
impl Goal {
    /// Opaque and typed: `goal_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.goal.id.to_string().into()
    }

    /// The post that it is attached to; a tombstone once that is deleted.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn post(&self, ctx: &Context<'_>) -> Nullable<Post> {
        nullable(async { Ok(ctx.request().loaders.load::<PostsById>(self.0.goal.post_id).await?.map(Post::from)) })
            .await
    }

    /// Who raises; null once the account is erased.
    async fn owner(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, self.0.goal.owner_id)).await
    }

    /// A headline of plain text, at most 255 characters.
    async fn title(&self) -> &str {
        &self.0.goal.title
    }

    /// Why; plain text of at most 10,000 characters, may be empty.
    async fn story(&self) -> &str {
        &self.0.goal.story
    }

    /// In lower case, at most 50 characters; null when there is none.
    async fn category(&self) -> Option<&str> {
        self.0.goal.category.as_deref()
    }

    /// The https address of a picture; null when there is none.
    async fn cover_url(&self) -> Option<Url> {
        self.0.goal.cover_url.as_deref().map(Url::from)
    }

    /// What is to be raised.
    async fn target(&self) -> Money {
        self.0.money(self.0.goal.target).into()
    }

    /// What came in, less what went back. What its owner withdrew still counts, and so does a refund that is granted until
    /// it is done.
    async fn raised(&self) -> Money {
        self.0.money(self.0.goal.raised).into()
    }

    /// Raised of target in percent, rounded down, at most 1,000,000.
    async fn progress_percent(&self) -> i64 {
        (self.0.goal.progress / 10_000).min(1_000_000)
    }

    /// Whether the target is reached.
    async fn is_reached(&self) -> bool {
        self.0.is_reached()
    }

    /// Of what was raised, what its owner took out, fees included; null to all but its owner and staff with the permission
    /// SEE_MONEY.
    async fn withdrawn(&self, ctx: &Context<'_>) -> Nullable<Money> {
        private(ctx, async { Ok(self.sees_money(ctx).then(|| self.0.money(self.0.goal.withdrawn).into())) }).await
    }

    /// Of what was raised, what is there and not held for refunds that are granted; null to all but its owner and staff with
    /// the permission SEE_MONEY. Whether it can be withdrawn is told by `availableActions`.
    async fn available(&self, ctx: &Context<'_>) -> Nullable<Money> {
        private(ctx, async { Ok(self.sees_money(ctx).then(|| self.0.available().into())) }).await
    }

    /// What happens when the target is not reached.
    async fn funding(&self) -> GoalFunding {
        self.0.goal.funding.into()
    }

    /// How far it has come.
    async fn state(&self) -> GoalState {
        self.0.goal.state.into()
    }

    /// Whether it takes contributions now.
    async fn is_open(&self, ctx: &Context<'_>) -> bool {
        self.0.is_open(ctx.request().app.clock.now())
    }

    /// Until when it takes contributions; null: as long as its owner wants.
    async fn deadline(&self) -> Option<DateTime<Utc>> {
        self.0.goal.deadline
    }

    /// Amounts to choose from, at most 6; any other is possible, too.
    async fn suggested_amounts(&self) -> Vec<Money> {
        let minor: Vec<i64> = serde_json::from_str(&self.0.goal.suggested_amounts).unwrap_or_default();
        minor.into_iter().map(|minor| self.0.money(minor).into()).collect()
    }

    /// How many contributions came in and were not wholly refunded.
    async fn contribution_count(&self) -> i64 {
        self.0.goal.contribution_count
    }

    /// What was given and is still there.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn contributions(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which contributions.")] filter: Option<GoalContributionWhere>,
        #[graphql(default_with = "GoalContributionSort::Newest", desc = "In which order.")]
        sort_by: GoalContributionSort,
        #[graphql(default, desc = "Whether the order is reversed.")] reverse: bool,
    ) -> Nullable<Connection<GoalContribution>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort: goals::ContributionSort = sort_by.into();
            let page = requested_page(ctx, sort.cursor_name(), reverse)?;
            let filter = filter.unwrap_or_default().into();
            let slice = goals::contributions(app, actor, &self.0, &filter, sort, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, |view| sort.cursor(view), GoalContribution::from)))
        })
        .await
    }

    /// Its news, newest first.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn news(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<GoalNews>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort = goals::NEWS_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let slice = goals::news(app, actor, self.0.goal.id, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, goals::news_cursor, GoalNews::from)))
        })
        .await
    }

    /// What its owner took out, newest first; null to all but its owner and staff with the permission SEE_MONEY.
    async fn withdrawals(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<GoalWithdrawal>> {
        private(ctx, async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort = goals::WITHDRAWALS_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let slice = goals::withdrawals(app, actor, &self.0, &page, wants_total(ctx)).await?;
            Ok(slice.map(|slice| Connection::new(slice, goals::withdrawal_cursor, GoalWithdrawal::from)))
        })
        .await
    }

    /// What the viewer can do with it now. Giving is for everybody, as a guest, too.
    async fn available_actions(&self, ctx: &Context<'_>) -> Vec<GoalAction> {
        let request = ctx.request();
        self.0.actions(&request.actor, request.app.clock.now()).into_iter().map(Into::into).collect()
    }

    /// Why it was canceled, in the words of whoever did it; null otherwise.
    async fn end_reason(&self) -> Option<&str> {
        self.0.goal.end_reason.as_deref()
    }

    /// When it was begun.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.goal.created_at
    }

    /// Last change by its owner; null when never changed.
    async fn edited_at(&self) -> Option<DateTime<Utc>> {
        self.0.goal.edited_at
    }

    /// When it ended, failed or was canceled; null while it is open.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.goal.ended_at
    }

    /// Pass it as `after` to `goalProgress`: query and stream join without a gap.
    async fn stream_cursor(&self, ctx: &Context<'_>) -> String {
        stream::seal(ctx.request(), StreamKind::Goal, self.0.goal.id.0, self.0.goal.event_seq)
    }
}

impl Goal {
    fn sees_money(&self, ctx: &Context<'_>) -> bool {
        let actor = &ctx.request().actor;
        self.0.is_owned_by(actor) || actor.may(Permission::SeeMoney)
    }
}

/// A goal by its id; null for who does not see it.
async fn goal(ctx: &Context<'_>, id: GoalId) -> async_graphql::Result<Option<Goal>> {
    Ok(ctx.request().loaders.load::<GoalsById>(id).await?.map(Goal))
}

/// News of a goal.
#[derive(Clone)]
pub(crate) struct GoalNews(News);

impl From<News> for GoalNews {
    fn from(news: News) -> Self {
        Self(news)
    }
}

impl Listed for GoalNews {
    const LIST_NAME: &'static str = "GoalNews";
}

/// News of a goal, by its owner.
#[Object]
impl GoalNews {
    /// Opaque and typed: `goalnews_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Of which goal; null when you don't see it any more.
    async fn goal(&self, ctx: &Context<'_>) -> Nullable<Goal> {
        nullable(goal(ctx, self.0.goal_id)).await
    }

    /// A headline of plain text, at most 255 characters.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Plain text of at most 10,000 characters.
    async fn body(&self) -> &str {
        &self.0.body
    }

    /// When it was published.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// What a goal's owner took out.
#[derive(Clone)]
pub(crate) struct GoalWithdrawal(Withdrawal);

impl From<Withdrawal> for GoalWithdrawal {
    fn from(withdrawal: Withdrawal) -> Self {
        Self(withdrawal)
    }
}

impl Listed for GoalWithdrawal {
    const LIST_NAME: &'static str = "GoalWithdrawal";
}

impl GoalWithdrawal {
    fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.0.currency)
    }
}

/// What a goal's owner took out into their wallet. Only they see it, and staff with the permission SEE_MONEY.
#[Object]
impl GoalWithdrawal {
    /// Opaque and typed: `goalwithdrawal_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.row.id.to_string().into()
    }

    /// Of which goal.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn goal(&self, ctx: &Context<'_>) -> Nullable<Goal> {
        nullable(goal(ctx, self.0.row.goal_id)).await
    }

    /// What left the goal, the fee included.
    async fn amount(&self) -> Money {
        self.money(self.0.row.amount)
    }

    /// Of the amount, the platform's fee, as it was when it was taken.
    async fn fee(&self) -> Money {
        self.money(self.0.row.fee)
    }

    /// What stayed in the owner's wallet.
    async fn net(&self) -> Money {
        self.money(self.0.row.amount - self.0.row.fee)
    }

    /// When it was taken out.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// When staff took it back; null when they did not.
    async fn reversed_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.reversed_at
    }
}

stream_event! {
    /// One event of a goal's stream.
    GoalEvent of StreamKind::Goal => {
        /// The goal as it is now; null in an event that only tells where you stand, and when you don't see it any more.
        goal: Goal, from GoalView
    }
}
