//! Giving, and the talk about what was given.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};

use super::{ContributionComment, Goal, GoalContribution, loaders::ContributionsById};
use crate::{
    domain::{
        Idempotent,
        goals::{self, ContributionView, GoalContribute, Guest},
        payments::Started,
    },
    error::Result,
    graphql::{
        engine::{
            context::RequestExt,
            error::{Nullable, Payload, UserError, also, answer, nullable, payload},
            rules::Rule,
            scalars::{EmailAddress, MoneyInput},
        },
        node::{id_input, input_id},
        payments::{Payment, PaymentProvider},
        wallets::{Wallet, viewer_s_wallet},
    },
};

/// Who gives, when nobody is signed in.
#[derive(InputObject)]
pub(crate) struct GuestInput {
    /// Where the receipt goes, and at most once a day the goal's news; shown to staff only.
    email: EmailAddress,
    /// What you want to be called, at most 100 characters; null: nothing.
    name: Option<String>,
    /// A secret of your program's own, made anew for each payment and kept until it is over: 16 to 200 characters that nobody can
    /// guess, and not the idempotency key; a random UUID will do. Whoever repeats the call, because its answer was lost, gets
    /// `guestToken` again by the same secret only: with another it is IDEMPOTENCY_KEY_REUSED.
    secret: String,
}

/// Something that is to be given to a goal.
#[derive(InputObject)]
pub(crate) struct GoalContributeInput {
    /// The goal's id.
    pub(in crate::graphql) goal_id: ID,
    /// How much, in the goal's currency.
    pub(in crate::graphql) amount: MoneyInput,
    /// Who moves the money; see `paymentProviders`. Guests have no wallet.
    pub(in crate::graphql) provider: PaymentProvider,
    /// A saved way to pay of this provider, of yours; it is charged at once. Null: `nextAction` says how to pay.
    pub(in crate::graphql) method_id: Option<ID>,
    /// Hide your name: from everybody but staff and the goal's owner.
    #[graphql(default)]
    pub(in crate::graphql) is_anonymous: bool,
    /// Hide your name from the goal's owner, too; only together with `isAnonymous`.
    #[graphql(default)]
    pub(in crate::graphql) hide_from_owner: bool,
    /// A few words for everybody to read, at most 1,000 characters.
    #[graphql(default)]
    pub(in crate::graphql) message: String,
    /// Who gives: needed when nobody is signed in, and without meaning otherwise.
    pub(in crate::graphql) guest: Option<GuestInput>,
    /// Same key and same input: the same payment again, however late. A guest's key has at least 16 characters, which nobody can
    /// guess; a random UUID will do. That a repeated call is the guest's is proven by the guest's `secret`.
    pub(in crate::graphql) idempotency_key: String,
}

impl GoalContributeInput {
    /// The command. Codes: INVALID_ID, INVALID_AMOUNT, AMOUNT_TOO_LARGE.
    pub(in crate::graphql) fn command(self) -> Result<GoalContribute> {
        Ok(GoalContribute {
            goal: input_id("goalId", &self.goal_id)?,
            amount: self.amount.positive("amount")?,
            provider: self.provider.into(),
            method: self.method_id.map(|id| input_id("methodId", &id)).transpose()?,
            is_anonymous: self.is_anonymous,
            hide_from_owner: self.hide_from_owner,
            message: self.message,
            guest: self.guest.map(|guest| Guest { email: guest.email.into(), name: guest.name, secret: guest.secret }),
            idempotency_key: self.idempotency_key,
        })
    }
}

/// What came of `goalContribute`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct GoalContributePayload {
    /// What is given; null when `errors` is not empty.
    contribution: Option<GoalContribution>,
    /// Its payment; its `nextAction` says what the payer has to do. Null when `errors` is not empty.
    payment: Option<Payment>,
    /// For a guest: shows the payment again. Null for others. Keep it; if the answer is lost, repeat the call with the same
    /// idempotency key and the same `secret`.
    guest_token: Option<String>,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
    /// True when an earlier call with this idempotency key did the work.
    replayed: bool,
}

also! {
    GoalContributePayload of contribution {
        /// The goal, as it is now: it has the money once the payment is completed; null when `errors` is not empty.
        goal: Goal = goal_of,
        /// Your wallet, as it is now: it may have paid. Null when `errors` is not empty, and for guests.
        wallet: Wallet = viewer_s_wallet,
    }
}

async fn goal_of(ctx: &Context<'_>, given: &GoalContribution) -> async_graphql::Result<Option<Goal>> {
    super::goal(ctx, given.0.contribution.goal_id).await
}

async fn contribution_of(
    ctx: &Context<'_>,
    comment: &ContributionComment,
) -> async_graphql::Result<Option<GoalContribution>> {
    let found = ctx.request().loaders.load::<ContributionsById>(comment.0.comment.contribution_id).await?;
    Ok(found.map(GoalContribution::from))
}

impl Payload<Idempotent<(ContributionView, Started)>> for GoalContributePayload {
    fn done(outcome: Idempotent<(ContributionView, Started)>) -> Self {
        let (view, Started { payment, guest_token }) = outcome.value;
        let (contribution, payment) = (Some(view.into()), Some(payment.into()));
        Self { contribution, payment, guest_token, errors: Vec::new(), replayed: outcome.replayed }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { contribution: None, payment: None, guest_token: None, errors, replayed: false }
    }
}

/// Something said to what somebody gave.
#[derive(InputObject)]
pub(crate) struct ContributionCommentCreateInput {
    /// The contribution's id.
    contribution_id: ID,
    /// 1 to 2,000 characters of plain text.
    body: String,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of `contributionCommentCreate`.
    ContributionCommentCreatePayload replayed {
        /// The comment; null when `errors` is not empty.
        comment: ContributionComment
    } also {
        /// The contribution that it is about, with its count of comments; null when `errors` is not empty, and when you
        /// don't see it any more.
        contribution: GoalContribution = contribution_of,
    }
}

/// A change of a comment. Absent leaves a field as it is.
#[derive(InputObject)]
pub(crate) struct ContributionCommentUpdateInput {
    /// The comment's id.
    id: ID,
    /// The new text.
    body: MaybeUndefined<String>,
}

payload! {
    /// What came of `contributionCommentUpdate`.
    ContributionCommentUpdatePayload {
        /// The comment after the change; null when `errors` is not empty.
        comment: ContributionComment
    } also {
        /// The contribution that it is about, with its count of comments; null when `errors` is not empty, and when you
        /// don't see it any more.
        contribution: GoalContribution = contribution_of,
    }
}

id_input! {
    /// Which comment is to be deleted.
    ContributionCommentDeleteInput, "The comment's id."
}

payload! {
    /// What came of `contributionCommentDelete`.
    ContributionCommentDeletePayload {
        /// What is left of it; null when `errors` is not empty.
        comment: ContributionComment
    } also {
        /// The contribution that it is about, with its count of comments; null when `errors` is not empty, and when you
        /// don't see it any more.
        contribution: GoalContribution = contribution_of,
    }
}

/// The mutations of those who give.
#[derive(Default)]
pub(crate) struct GivingMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("goalContribute").alone(),
    Rule::of("contributionCommentCreate").content(),
    Rule::of("contributionCommentUpdate").content(),
    Rule::of("contributionCommentDelete").content(),
];

#[Object]
impl GivingMutation {
    /// Begins a payment to a goal, signed in or as a guest. What the payer has to do next is in the payment's `nextAction`;
    /// afterwards call `paymentConfirm`, or follow `paymentUpdated`: the payment goes on without either. What comes in when
    /// the goal is over is given back. RATE_LIMITED for guests. Codes: INVALID_AMOUNT, AMOUNT_TOO_LARGE, INVALID_ID,
    /// NOT_FOUND, GOAL_CLOSED, CURRENCY_MISMATCH, PROVIDER_NOT_AVAILABLE, INSUFFICIENT_FUNDS, INVALID, BLANK, TOO_SHORT,
    /// TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn goal_contribute(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is given, to which goal, and how.")] input: GoalContributeInput,
    ) -> Nullable<GoalContributePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                goals::goal_contribute(&request.app, &request.actor, &request.client, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Comments on what somebody gave; they and the goal's owner are notified. Codes: INVALID_ID, NOT_FOUND, BLANK,
    /// TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn contribution_comment_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The comment.")] input: ContributionCommentCreateInput,
    ) -> Nullable<ContributionCommentCreatePayload> {
        nullable(async {
            let request = ctx.request();
            let key = input.idempotency_key.as_deref();
            let result = async {
                let id = input_id("contributionId", &input.contribution_id)?;
                goals::comment_create(&request.app, &request.actor, id, &input.body, key).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Changes one's own comment. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn contribution_comment_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ContributionCommentUpdateInput,
    ) -> Nullable<ContributionCommentUpdatePayload> {
        nullable(async {
            let request = ctx.request();
            let body = match input.body {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(String::new()),
                MaybeUndefined::Value(body) => Some(body),
            };
            let result = async {
                let id = input_id("id", &input.id)?;
                goals::comment_update(&request.app, &request.actor, id, body).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Deletes one's own comment, or one about what was given to one's own goal. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED.
    async fn contribution_comment_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which comment.")] input: ContributionCommentDeleteInput,
    ) -> Nullable<ContributionCommentDeletePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                goals::comment_delete(&request.app, &request.actor, id).await
            };
            answer(request, result.await)
        })
        .await
    }
}
