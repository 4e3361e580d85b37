//! What was given, and the talk about it, as clients see them.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::{Goal, loaders::ContributionsById};
use crate::{
    domain::{
        goals::{self, ContributionView, ReceivedFilter},
        permissions::Permission,
    },
    entity::refund,
    graphql::{
        accounts::{User, UsersById, user_by_id},
        engine::{
            connection::{Connection, Listed, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, nullable, private},
            filters::{self, DateTimeRange},
            scalars::{EmailAddress, Money},
        },
        payments::{Payment, PaymentsById, Refund, RefundsByPayment},
    },
};

/// Conditions that all must hold. Where one names more than 10,000 of them, an order other than by time is one of the newest.
#[derive(InputObject, Default)]
pub(crate) struct GoalContributionWhere {
    /// Whether their givers ask them back, for the goal's owner and staff with the permission SEE_MONEY; others get none.
    /// For those that are not asked back the goal's 10,000 newest contributions are looked at.
    refund_requested: Option<bool>,
    /// When they came in.
    received_at: Option<DateTimeRange>,
}

impl From<GoalContributionWhere> for ReceivedFilter {
    fn from(filter: GoalContributionWhere) -> Self {
        Self { asked_back: filter.refund_requested, during: filters::span(filter.received_at) }
    }
}

/// In which order a goal's contributions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::goals::ContributionSort")]
pub(crate) enum GoalContributionSort {
    /// Came in last, first.
    Newest,
    /// Largest `amount` first; all are in the goal's currency.
    Largest,
}

/// How far a contribution has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::goal_contribution::ContributionState")]
pub(crate) enum ContributionState {
    /// Its payment is under way.
    Pending,
    /// The goal has it.
    Received,
    /// All of it was refunded.
    Refunded,
    /// Its payment came to nothing.
    Dropped,
}

/// What somebody gave to a goal.
#[derive(Clone)]
pub(crate) struct GoalContribution(pub(super) ContributionView);

impl From<ContributionView> for GoalContribution {
    fn from(view: ContributionView) -> Self {
        Self(view)
    }
}

impl Listed for GoalContribution {
    const LIST_NAME: &'static str = "GoalContribution";
}

impl GoalContribution {
    fn money(&self, minor: i64) -> Money {
        Money::from_minor(minor, self.0.currency)
    }
}

/// What somebody gave to a goal. Everybody who sees the goal sees it while the goal has it; otherwise the giver does, and
/// staff with the permission SEE_MONEY.
#[Object]
impl GoalContribution {
    /// Opaque and typed: `contribution_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.contribution.id.to_string().into()
    }

    /// To which goal; null when you don't see it any more.
    async fn goal(&self, ctx: &Context<'_>) -> Nullable<Goal> {
        nullable(super::goal(ctx, self.0.contribution.goal_id)).await
    }

    /// Who gave; null for a guest, for who is anonymous to you, and once the account is erased.
    async fn contributor(&self, ctx: &Context<'_>) -> Nullable<User> {
        let id = self.0.contribution.contributor_id.filter(|_| self.0.shows_giver_to(&ctx.request().actor));
        nullable(user_by_id(ctx, id)).await
    }

    /// What the giver is called: a person's display name, or what a guest wrote; null for who is anonymous to you, and when
    /// there is none.
    async fn name(&self, ctx: &Context<'_>) -> Nullable<String> {
        nullable(async {
            let (request, given) = (ctx.request(), &self.0.contribution);
            if !self.0.shows_giver_to(&request.actor) {
                return Ok(None);
            }
            match given.contributor_id {
                Some(id) => Ok(request.loaders.load::<UsersById>(id).await?.map(|user| user.display_name.clone())),
                None => Ok(given.guest_name.clone()),
            }
        })
        .await
    }

    /// A guest's e-mail address, for staff with the permission SEE_MONEY; null to others, and when no guest gave.
    async fn guest_email(&self, ctx: &Context<'_>) -> Nullable<EmailAddress> {
        private(ctx, async {
            let sees = ctx.request().actor.may(Permission::SeeMoney);
            Ok(self.0.contribution.guest_email.as_deref().filter(|_| sees).map(EmailAddress::from))
        })
        .await
    }

    /// Whether the name is hidden: from everybody but the giver, staff with the permission SEE_MONEY, and, unless the giver
    /// does not want that either, the goal's owner.
    async fn is_anonymous(&self) -> bool {
        self.0.contribution.is_anonymous
    }

    /// Whether the viewer gave it.
    async fn is_viewer(&self, ctx: &Context<'_>) -> bool {
        self.0.is_given_by(&ctx.request().actor)
    }

    /// What is given.
    async fn amount(&self) -> Money {
        self.money(self.0.contribution.amount)
    }

    /// Of it, what was refunded.
    async fn refunded(&self) -> Money {
        self.money(self.0.contribution.refunded)
    }

    /// How far it has come.
    async fn state(&self) -> ContributionState {
        self.0.contribution.state.into()
    }

    /// A few words with it, at most 1,000 characters of plain text; may be empty.
    async fn message(&self) -> &str {
        &self.0.contribution.message
    }

    /// Its payment; null to all but the giver and staff with the permission SEE_MONEY. Guests see it by `payment` and their
    /// token.
    async fn payment(&self, ctx: &Context<'_>) -> Nullable<Payment> {
        private(ctx, async {
            Ok(ctx.request().loaders.load::<PaymentsById>(self.0.contribution.payment_id).await?.map(Payment::from))
        })
        .await
    }

    /// What the giver asks back and nobody has decided about; the goal's owner and staff do, by `paymentRefundGrant` and
    /// `paymentRefundRefuse`. Null when nothing is asked, and to all but these and the giver.
    async fn refund_request(&self, ctx: &Context<'_>) -> Nullable<Refund> {
        private(ctx, async {
            let request = ctx.request();
            if !self.0.shows_refunds_to(&request.actor) {
                return Ok(None);
            }
            let found =
                request.loaders.load::<RefundsByPayment>(self.0.contribution.payment_id).await?.unwrap_or_default();
            let asked = found.into_iter().find(|refund| refund.state == refund::RefundState::Requested);
            Ok(asked.map(|refund| Refund::new(refund, self.0.currency)))
        })
        .await
    }

    /// How many comments it has.
    async fn comment_count(&self) -> i64 {
        self.0.contribution.comment_count
    }

    /// What people say to it, in time order.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn comments(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the newest come first.")] reverse: bool,
    ) -> Nullable<Connection<ContributionComment>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort = goals::COMMENTS_SORT;
            let page = requested_page(ctx, sort, reverse)?;
            let slice = goals::comments(app, actor, self.0.contribution.id, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, goals::comment_cursor, ContributionComment::from)))
        })
        .await
    }

    /// When it was begun.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.contribution.created_at
    }

    /// When it came in; null before.
    async fn received_at(&self) -> Option<DateTime<Utc>> {
        self.0.contribution.received_at
    }
}

/// What somebody says to what somebody gave.
#[derive(Clone)]
pub(crate) struct ContributionComment(pub(super) goals::ContributionComment);

impl From<goals::ContributionComment> for ContributionComment {
    fn from(comment: goals::ContributionComment) -> Self {
        Self(comment)
    }
}

impl Listed for ContributionComment {
    const LIST_NAME: &'static str = "ContributionComment";
}

/// What somebody says to what somebody gave. Whoever gave it and is anonymous stays so when they comment on it.
#[Object]
impl ContributionComment {
    /// Opaque and typed: `contributioncomment_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.comment.id.to_string().into()
    }

    /// On which contribution.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn contribution(&self, ctx: &Context<'_>) -> Nullable<GoalContribution> {
        nullable(async {
            let found = ctx.request().loaders.load::<ContributionsById>(self.0.comment.contribution_id).await?;
            Ok(found.map(GoalContribution))
        })
        .await
    }

    /// Who wrote it; null when it is the giver, who is anonymous to you, when it was deleted, or the account erased.
    async fn author(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, self.0.author_for(&ctx.request().actor))).await
    }

    /// Plain text, at most 2,000 characters; empty when it was deleted.
    async fn body(&self) -> &str {
        &self.0.comment.body
    }

    /// Whether the viewer may change it.
    async fn viewer_can_update(&self, ctx: &Context<'_>) -> bool {
        self.0.can_change(ctx.request().actor.user_id())
    }

    /// Whether the viewer may delete it: its author, and whose goal it is.
    async fn viewer_can_delete(&self, ctx: &Context<'_>) -> bool {
        self.0.can_delete(ctx.request().actor.user_id())
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.comment.created_at
    }

    /// Last change by the author; null when never changed.
    async fn edited_at(&self) -> Option<DateTime<Utc>> {
        self.0.comment.edited_at
    }

    /// When it was deleted; null unless it was.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.0.comment.deleted_at
    }
}
