//! What those who raise do with their goals, and staff with those of others.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use chrono::{DateTime, Utc};

use super::{Goal, GoalFunding, GoalNews, GoalWithdrawal};
use crate::{
    domain::goals::{self, GoalCreate, GoalWithdraw, NewsPublish},
    entity::Money,
    error::{Result, UserError, UserErrorCode},
    graphql::{
        engine::{
            context::RequestExt,
            error::{Nullable, answer, nullable, payload},
            rules::Rule,
            scalars::{MoneyInput, Url},
        },
        node::{id_input, input_id},
        posts::{Post, PostsById},
        wallets::{Wallet, viewer_s_wallet, wallet_of},
    },
};

/// A goal that is to be begun.
#[derive(InputObject)]
pub(crate) struct GoalCreateInput {
    /// Your own post that it is attached to; a post has one goal at most.
    post_id: ID,
    /// A headline of plain text, 1 to 255 characters.
    title: String,
    /// Why; plain text of at most 10,000 characters.
    #[graphql(default)]
    story: String,
    /// What is to be raised; its currency is the goal's.
    target: MoneyInput,
    /// Until when, in the future and at most a year ahead; null: as long as you want, which a fixed goal can't.
    deadline: Option<DateTime<Utc>>,
    /// What happens when the target is not reached.
    funding: GoalFunding,
    /// At most 50 characters; kept in lower case.
    category: Option<String>,
    /// Amounts to choose from, at most 6, in the target's currency.
    #[graphql(default)]
    suggested_amounts: Vec<MoneyInput>,
    /// The https address of a picture.
    cover_url: Option<Url>,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

fn amounts(given: &[MoneyInput]) -> Result<Vec<Money>> {
    given.iter().map(|amount| amount.positive("suggestedAmounts")).collect()
}

impl GoalCreateInput {
    fn command(self) -> Result<GoalCreate> {
        Ok(GoalCreate {
            post: input_id("postId", &self.post_id)?,
            title: self.title,
            story: self.story,
            target: self.target.positive("target")?,
            deadline: self.deadline,
            funding: self.funding.into(),
            category: self.category,
            suggested_amounts: amounts(&self.suggested_amounts)?,
            cover_url: self.cover_url.map(String::from),
            idempotency_key: self.idempotency_key,
        })
    }
}

payload! {
    /// What came of `goalCreate`.
    GoalCreatePayload replayed {
        /// The goal; null when `errors` is not empty.
        goal: Goal
    } also {
        /// The post that it is attached to; null when `errors` is not empty.
        post: Post = post_of,
    }
}

/// A change of a goal. Absent leaves a field as it is; null clears it, where it can be empty.
#[derive(InputObject)]
pub(crate) struct GoalUpdateInput {
    /// The goal's id.
    id: ID,
    /// A headline of plain text, 1 to 255 characters.
    title: MaybeUndefined<String>,
    /// Why; plain text of at most 10,000 characters.
    story: MaybeUndefined<String>,
    /// What is to be raised. Once somebody has begun to give, it can only be raised, not once it is reached, and in the same
    /// currency.
    target: MaybeUndefined<MoneyInput>,
    /// Until when. Once somebody has begun to give, it can only be put off.
    deadline: MaybeUndefined<DateTime<Utc>>,
    /// What happens when the target is not reached. Stays once somebody has begun to give.
    funding: MaybeUndefined<GoalFunding>,
    /// At most 50 characters; kept in lower case.
    category: MaybeUndefined<String>,
    /// Amounts to choose from, at most 6, in the target's currency. With another currency of the target, those that were there
    /// go.
    suggested_amounts: MaybeUndefined<Vec<MoneyInput>>,
    /// The https address of a picture.
    cover_url: MaybeUndefined<Url>,
}

/// Absent is unchanged; null is refused, because it can't be empty.
fn kept<T>(field: &'static str, value: MaybeUndefined<T>) -> Result<Option<T>> {
    match value {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Err(UserError::input(field, UserErrorCode::Blank).into()),
        MaybeUndefined::Value(value) => Ok(Some(value)),
    }
}

/// Absent is unchanged, null is none.
fn cleared<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

impl GoalUpdateInput {
    fn change(self) -> Result<goals::GoalUpdate> {
        let suggested = cleared(self.suggested_amounts).map(Option::unwrap_or_default);
        Ok(goals::GoalUpdate {
            title: kept("title", self.title)?,
            story: cleared(self.story).map(Option::unwrap_or_default),
            target: kept("target", self.target)?.map(|target| target.positive("target")).transpose()?,
            deadline: cleared(self.deadline),
            funding: kept("funding", self.funding)?.map(Into::into),
            category: cleared(self.category),
            suggested_amounts: suggested.map(|given| amounts(&given)).transpose()?,
            cover_url: cleared(self.cover_url).map(|url| url.map(String::from)),
        })
    }
}

payload! {
    /// What came of `goalUpdate`.
    GoalUpdatePayload {
        /// The goal after the change; null when `errors` is not empty.
        goal: Goal
    }
}

id_input! {
    /// Which goal takes no more contributions.
    GoalEndInput, "The goal's id."
}

payload! {
    /// What came of `goalEnd`.
    GoalEndPayload {
        /// The goal, now ended; null when `errors` is not empty.
        goal: Goal
    }
}

id_input! {
    /// Which goal is canceled, and why.
    GoalCancelInput, "The goal's id.", reason: "Why, 1 to 500 characters; those who gave are notified."
}

payload! {
    /// What came of `goalCancel`.
    GoalCancelPayload {
        /// The goal, now canceled; null when `errors` is not empty.
        goal: Goal
    }
}

/// News of a goal.
#[derive(InputObject)]
pub(crate) struct GoalNewsPublishInput {
    /// The goal's id.
    goal_id: ID,
    /// A headline of plain text, 1 to 255 characters.
    title: String,
    /// Plain text of 1 to 10,000 characters.
    body: String,
    /// Same key and same input within 24 hours: the same answer again.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of `goalNewsPublish`.
    GoalNewsPublishPayload replayed {
        /// The news; null when `errors` is not empty.
        news: GoalNews
    } also {
        /// The goal that it is of; null when `errors` is not empty.
        goal: Goal = goal_with_news,
    }
}

/// Money of a goal that its owner takes out.
#[derive(InputObject)]
pub(crate) struct GoalWithdrawInput {
    /// The goal's id.
    goal_id: ID,
    /// How much, the fee included, in the goal's currency; null: all that is available.
    amount: Option<MoneyInput>,
    /// Same key and same input: the same withdrawal again, however late.
    idempotency_key: String,
}

impl GoalWithdrawInput {
    fn command(self) -> Result<GoalWithdraw> {
        Ok(GoalWithdraw {
            goal: input_id("goalId", &self.goal_id)?,
            amount: self.amount.map(|amount| amount.positive("amount")).transpose()?,
            idempotency_key: self.idempotency_key,
        })
    }
}

payload! {
    /// What came of `goalWithdraw`.
    GoalWithdrawPayload replayed {
        /// The withdrawal; null when `errors` is not empty.
        withdrawal: GoalWithdrawal
    } also {
        /// The goal, as it is now; null when `errors` is not empty.
        goal: Goal = goal_of,
        /// Your wallet, as it is now; null when `errors` is not empty.
        wallet: Wallet = viewer_s_wallet,
    }
}

id_input! {
    /// Which withdrawal of a goal is taken back, and why.
    AdminGoalWithdrawalReverseInput, "The withdrawal's id.", reason: "Why, 1 to 500 characters; in the audit log."
}

payload! {
    /// What came of `adminGoalWithdrawalReverse`.
    AdminGoalWithdrawalReversePayload {
        /// The withdrawal, now taken back; null when `errors` is not empty.
        withdrawal: GoalWithdrawal
    } also {
        /// The goal, as it is now; null when `errors` is not empty.
        goal: Goal = goal_of,
        /// Its owner's wallet, as it is now; null when `errors` is not empty, once the account is erased, and for those
        /// without the permission SEE_MONEY.
        wallet: Wallet = wallet_of_owner,
    }
}

async fn post_of(ctx: &Context<'_>, goal: &Goal) -> async_graphql::Result<Option<Post>> {
    Ok(ctx.request().loaders.load::<PostsById>(goal.0.goal.post_id).await?.map(Post::from))
}

async fn goal_with_news(ctx: &Context<'_>, news: &GoalNews) -> async_graphql::Result<Option<Goal>> {
    super::goal(ctx, news.0.goal_id).await
}

async fn goal_of(ctx: &Context<'_>, withdrawal: &GoalWithdrawal) -> async_graphql::Result<Option<Goal>> {
    super::goal(ctx, withdrawal.0.row.goal_id).await
}

async fn wallet_of_owner(ctx: &Context<'_>, withdrawal: &GoalWithdrawal) -> async_graphql::Result<Option<Wallet>> {
    match withdrawal.0.owner_id {
        Some(owner) => wallet_of(ctx, owner).await,
        None => Ok(None),
    }
}

/// The mutations of those who raise money.
#[derive(Default)]
pub(crate) struct OwnerMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("goalCreate").content(),
    Rule::of("goalUpdate").content(),
    Rule::of("goalNewsPublish").content(),
    Rule::of("goalWithdraw").alone().recent_authentication("what was given would be gone"),
];

#[Object]
impl OwnerMutation {
    /// Begins a goal on one's own post. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, ALREADY_EXISTS, INVALID_AMOUNT,
    /// AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, INVALID, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn goal_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The goal.")] input: GoalCreateInput,
    ) -> Nullable<GoalCreatePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                goals::goal_create(&request.app, &request.actor, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Changes one's own goal; what people relied on when they gave stays, with NOT_ALLOWED at its field. Codes: INVALID_ID,
    /// NOT_FOUND, NOT_ALLOWED, WRONG_STATE, INVALID_AMOUNT, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH, INVALID, BLANK, TOO_LONG,
    /// INVALID_CHARACTERS.
    async fn goal_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: GoalUpdateInput,
    ) -> Nullable<GoalUpdatePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                let change = input.change()?;
                goals::goal_update(&request.app, &request.actor, id, change).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Takes no more contributions for one's own goal, which keeps what was raised: a flexible one, or one that is reached.
    /// Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, WRONG_STATE.
    async fn goal_end(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which goal.")] input: GoalEndInput,
    ) -> Nullable<GoalEndPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                goals::goal_end(&request.app, &request.actor, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Cancels a goal: everybody gets their money back, and is notified. For its owner, and for staff with the permission
    /// MANAGE_MONEY. WRONG_STATE once something was withdrawn: staff takes that back first. Codes: INVALID_ID, NOT_FOUND,
    /// NOT_ALLOWED, WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn goal_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which goal, and why.")] input: GoalCancelInput,
    ) -> Nullable<GoalCancelPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                goals::goal_cancel(&request.app, &request.actor, &request.client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Tells those who gave to one's own goal its news: people here at once, guests by an e-mail that leads to it, once
    /// a day at most and until they unsubscribe. Codes: INVALID_ID, NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS,
    /// IDEMPOTENCY_KEY_REUSED.
    async fn goal_news_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The news.")] input: GoalNewsPublishInput,
    ) -> Nullable<GoalNewsPublishPayload> {
        nullable(async {
            let request = ctx.request();
            let GoalNewsPublishInput { goal_id, title, body, idempotency_key } = input;
            let result = async {
                let goal = input_id("goalId", &goal_id)?;
                let command = NewsPublish { goal, title, body, idempotency_key };
                goals::news_publish(&request.app, &request.actor, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Takes what was raised by one's own goal into one's wallet, less the fee: of a flexible goal at any time, of a fixed
    /// one once it is reached. What is held for refunds is not available. Needs a recent authentication. Codes: INVALID,
    /// INVALID_ID, NOT_FOUND, NOT_ALLOWED, WRONG_STATE, INVALID_AMOUNT, AMOUNT_TOO_LARGE, CURRENCY_MISMATCH,
    /// INSUFFICIENT_FUNDS, BLANK, TOO_LONG, INVALID_CHARACTERS, IDEMPOTENCY_KEY_REUSED.
    async fn goal_withdraw(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How much, of which goal.")] input: GoalWithdrawInput,
    ) -> Nullable<GoalWithdrawPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let command = input.command()?;
                goals::goal_withdraw(&request.app, &request.actor, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Takes a withdrawal back out of the owner's wallet, fee and all, so that those who gave can be refunded; where a provider has
    /// taken back a part of it, which its owner owes since, the rest. Needs the permission MANAGE_MONEY; not for one's own
    /// goal. INSUFFICIENT_FUNDS when the owner has spent it; ALREADY_DONE when nothing of it is left. Codes: INVALID_ID,
    /// NOT_FOUND, ALREADY_DONE, SECOND_PERSON_NEEDED, INSUFFICIENT_FUNDS, BLANK, TOO_LONG, INVALID_CHARACTERS.
    async fn admin_goal_withdrawal_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which withdrawal, and why.")] input: AdminGoalWithdrawalReverseInput,
    ) -> Nullable<AdminGoalWithdrawalReversePayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                goals::withdrawal_reverse(app, actor, client, id, &input.reason).await
            };
            answer(request, result.await)
        })
        .await
    }
}
