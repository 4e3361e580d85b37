//! Beginning goals, and changing them.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, LockType, Query},
};
use uuid::Uuid;

use super::{
    GoalRow, GoalView, MAX_CATEGORY, MAX_STORY, MAX_SUGGESTED, MAX_TITLE, at_id, folded, progress, queries,
    rows::{lock_own_in, publish_progress_in},
    wrong_state,
};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::Actor,
        idempotency::{Claim, Fingerprint, claim_in, debug_name},
        posts,
    },
    entity::{
        Currency, GoalId, Money, PostId, UserId,
        goal::{self, Column, Entity, Funding, GoalState},
        goal_contribution::{self, ContributionState},
    },
    error::{Error, Reason, Result, State, UserError, UserErrorCode},
    platform::{
        db::{Transaction, is_unique_violation},
        text::{self, web_address},
    },
};

/// How far ahead a deadline may be.
const FARTHEST: TimeDelta = TimeDelta::days(366);

/// A goal that is to be begun.
#[derive(Debug, Clone)]
pub(crate) struct GoalCreate {
    /// The actor's own post that it hangs on.
    pub post: PostId,
    /// 1 to [`MAX_TITLE`] characters.
    pub title: String,
    /// At most [`MAX_STORY`] characters.
    pub story: String,
    /// What is to be raised.
    pub target: Money,
    /// Until when; a fixed goal needs one.
    pub deadline: Option<DateTime<Utc>>,
    /// What happens when the target is not reached.
    pub funding: Funding,
    /// At most [`MAX_CATEGORY`] characters.
    pub category: Option<String>,
    /// At most [`MAX_SUGGESTED`], in the target's currency.
    pub suggested_amounts: Vec<Money>,
    /// The https address of a picture.
    pub cover_url: Option<String>,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

impl GoalCreate {
    fn input(&self) -> Fingerprint {
        let money = |amount: &Money| format!("Money {{ minor: {}, currency: {} }}", amount.minor, amount.currency);
        let before = format!(
            "GoalCreate {{ post: {}, title: {:?}, story: {:?}, target: {}, deadline: {:?}, funding: {}, category: {:?}, \
             suggested_amounts: [{}], cover_url: {:?}, idempotency_key: None }}",
            self.post,
            self.title,
            self.story,
            money(&self.target),
            self.deadline,
            debug_name(self.funding.as_str()),
            self.category,
            self.suggested_amounts.iter().map(money).collect::<Vec<_>>().join(", "),
            self.cover_url,
        );
        Fingerprint::v1()
            .field("postId", self.post)
            .field("title", &self.title)
            .field("story", &self.story)
            .field("target", self.target)
            .optional("deadline", self.deadline.map(|at| at.to_rfc3339_opts(SecondsFormat::Nanos, true)))
            .field("funding", self.funding.as_str())
            .optional("category", self.category.as_deref())
            .list("suggestedAmounts", &self.suggested_amounts)
            .optional("coverUrl", self.cover_url.as_deref())
            .before_versions(before)
    }
}

/// Begins a goal. Codes: NOT_FOUND, NOT_ALLOWED, ALREADY_EXISTS, BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID,
/// CURRENCY_MISMATCH, IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn goal_create(app: &App, actor: &Actor, command: GoalCreate) -> Result<Idempotent<GoalView>> {
    let owner = actor.require_user()?.id;
    let input = command.input();
    let goal = new_goal(app, owner, &command)?;
    let key = command.idempotency_key.as_deref();
    let created = app
        .db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, owner, "goalCreate", key, &input, goal.id.0).await? {
                return Ok(Idempotent { value: GoalId(id), replayed: true });
            }
            let at = |code| UserError::input("postId", code);
            match posts::lock_in(&tx, command.post).await? {
                None => return Err(at(UserErrorCode::NotFound).into()),
                Some(author) if author != Some(owner) => return Err(at(UserErrorCode::NotAllowed).into()),
                Some(_) => {}
            }
            let hung = Entity::find().select_only().column(Column::Id).filter(Column::PostId.eq(command.post));
            if hung.into_tuple::<GoalId>().one(&tx).await?.is_some() {
                return Err(at(UserErrorCode::AlreadyExists).into());
            }
            insert_in(&tx, &goal).await?;
            Ok(Idempotent { value: goal.id, replayed: false })
        })
        .await;
    let created = created.map_err(|error| match error {
        // The post is locked, so this is for the unlikely only.
        error if is_unique_violation(&error) => UserError::input("postId", UserErrorCode::AlreadyExists).into(),
        error => error,
    })?;
    let value = queries::get(app, created.value).await?;
    Ok(Idempotent { value, replayed: created.replayed })
}

fn new_goal(app: &App, owner: UserId, command: &GoalCreate) -> Result<goal::Model> {
    let now = app.clock.now();
    let (title, story) = (title(&command.title)?, text::block("story", &command.story, MAX_STORY)?);
    let deadline = command.deadline.map(|at| deadline(now, at)).transpose()?;
    if command.funding == Funding::Fixed && deadline.is_none() {
        return Err(UserError::input("deadline", UserErrorCode::Blank).into());
    }
    Ok(goal::Model {
        id: GoalId(app.ids.next(now)),
        post_id: command.post,
        owner_id: Some(owner),
        search_key: text::search_key(&format!("{title} {story}")),
        title,
        story,
        category: command.category.as_deref().map(category).transpose()?.flatten(),
        currency: command.target.currency,
        target: command.target.minor,
        funding: command.funding,
        deadline,
        suggested_amounts: suggested(&command.suggested_amounts, command.target.currency)?,
        cover_url: command.cover_url.as_deref().map(cover).transpose()?,
        state: GoalState::Open,
        raised: 0,
        withdrawn: 0,
        progress: 0,
        contribution_count: 0,
        event_seq: 0,
        end_reason: None,
        created_at: now,
        edited_at: None,
        ended_at: None,
    })
}

/// Writes a goal that was checked.
pub(crate) async fn insert_in(tx: &Transaction, goal: &goal::Model) -> Result<()> {
    Entity::insert(goal.clone().into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

fn title(title: &str) -> Result<String> {
    Ok(text::required("title", text::line("title", title, MAX_TITLE)?)?)
}

/// An empty one is none.
fn category(category: &str) -> Result<Option<String>> {
    Ok(Some(text::line("category", &folded(category), MAX_CATEGORY)?).filter(|category| !category.is_empty()))
}

fn cover(address: &str) -> Result<String> {
    Ok(web_address::picture("coverUrl", address)?)
}

fn deadline(now: DateTime<Utc>, at: DateTime<Utc>) -> Result<DateTime<Utc>> {
    if at <= now || at > now + FARTHEST {
        return Err(UserError::invalid("deadline", Reason::Deadline).into());
    }
    Ok(chrono::DurationRound::duration_trunc(at, TimeDelta::microseconds(1)).unwrap_or(at))
}

/// Minor units, as a JSON list.
fn suggested(amounts: &[Money], currency: Currency) -> Result<String> {
    let field = "suggestedAmounts";
    if amounts.len() > MAX_SUGGESTED {
        return Err(UserError::invalid(field, Reason::SuggestedAmounts).with("max", MAX_SUGGESTED).into());
    }
    if amounts.iter().any(|amount| amount.currency != currency) {
        return Err(UserError::input(field, UserErrorCode::CurrencyMismatch).with("currency", currency).into());
    }
    Ok(serde_json::to_string(&amounts.iter().map(|amount| amount.minor).collect::<Vec<_>>())?)
}

/// A change of a goal: `None` leaves as it is; what may be absent is cleared by an inner `None`.
#[derive(Debug, Clone, Default)]
pub(crate) struct GoalUpdate {
    /// 1 to [`MAX_TITLE`] characters.
    pub title: Option<String>,
    /// At most [`MAX_STORY`] characters.
    pub story: Option<String>,
    /// What is to be raised.
    pub target: Option<Money>,
    /// When it ends; a fixed goal keeps one.
    pub deadline: Option<Option<DateTime<Utc>>>,
    /// What happens when the target is not reached.
    pub funding: Option<Funding>,
    /// At most [`MAX_CATEGORY`] characters.
    pub category: Option<Option<String>>,
    /// At most [`MAX_SUGGESTED`].
    pub suggested_amounts: Option<Vec<Money>>,
    /// The https address of a picture.
    pub cover_url: Option<Option<String>>,
}

/// Changes one's own goal. What people relied on when they gave stays: once somebody has begun to, the kind of funding
/// stays, the target can only be raised, and not once it is reached, and the deadline can only be put off; the currency stays
/// from the first try on. When the currency changes, amounts that were suggested in the other go. Codes: NOT_FOUND,
/// NOT_ALLOWED, WRONG_STATE, BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID, CURRENCY_MISMATCH.
pub(crate) async fn goal_update(app: &App, actor: &Actor, id: GoalId, change: GoalUpdate) -> Result<GoalView> {
    actor.require_user()?;
    let now = app.clock.now();
    app.db
        .transact(async |tx| {
            let before = lock_own_in(&tx, actor, id, at_id).await?;
            let mut after = before.goal.clone();
            terms_in(&tx, now, &change, &before, &mut after).await?;
            if let Some(new) = &change.title {
                after.title = title(new)?;
            }
            if let Some(new) = &change.story {
                after.story = text::block("story", new, MAX_STORY)?;
            }
            if let Some(new) = &change.category {
                after.category = new.as_deref().map(category).transpose()?.flatten();
            }
            if let Some(new) = &change.cover_url {
                after.cover_url = new.as_deref().map(cover).transpose()?;
            }
            match &change.suggested_amounts {
                Some(new) => after.suggested_amounts = suggested(new, after.currency)?,
                None if after.currency != before.goal.currency => "[]".clone_into(&mut after.suggested_amounts),
                None => {}
            }
            if after == before.goal {
                return Ok(());
            }
            after.edited_at = Some(now);
            update_in(&tx, &after).await?;
            publish_progress_in(app, &tx, id).await
        })
        .await?;
    queries::get(app, id).await
}

/// What people rely on when they give.
async fn terms_in(
    tx: &Transaction,
    now: DateTime<Utc>,
    change: &GoalUpdate,
    before: &GoalView,
    after: &mut GoalRow,
) -> Result<()> {
    if let Some(target) = change.target {
        (after.target, after.currency) = (target.minor, target.currency);
    }
    after.funding = change.funding.unwrap_or(after.funding);
    if let Some(new) = change.deadline.filter(|new| *new != after.deadline) {
        after.deadline = new.map(|at| deadline(now, at)).transpose()?;
    }
    if *after == before.goal {
        return Ok(());
    }
    if before.goal.state != GoalState::Open || before.goal.deadline.is_some_and(|deadline| deadline <= now) {
        // One whose time is over is open until somebody looks.
        let is_open = before.goal.state == GoalState::Open;
        return Err(wrong_state(at_id, if is_open { State::Ended } else { before.goal.state.into() }));
    }
    if after.funding == Funding::Fixed && after.deadline.is_none() {
        return Err(UserError::input("deadline", UserErrorCode::Blank).into());
    }
    let Tries { was_tried, is_given } = tries_in(tx, after.id).await?;
    let refuse = |field| Err(UserError::input(field, UserErrorCode::NotAllowed).into());
    let goal = &before.goal;
    if was_tried && after.currency != goal.currency {
        return refuse("target");
    }
    if is_given && (after.target < goal.target || (after.target > goal.target && before.is_reached())) {
        return refuse("target");
    }
    if is_given && after.funding != goal.funding {
        return refuse("funding");
    }
    let is_earlier = match (goal.deadline, after.deadline) {
        (None, Some(_)) => true,
        (Some(old), Some(new)) => new < old,
        (_, None) => false,
    };
    if is_given && is_earlier {
        return refuse("deadline");
    }
    Ok(())
}

/// Whether somebody ever began to give to a goal.
#[derive(FromQueryResult)]
struct Tries {
    /// Also in vain: what came to nothing may still come to life, in its currency.
    was_tried: bool,
    is_given: bool,
}

async fn tries_in(tx: &Transaction, goal: GoalId) -> Result<Tries> {
    let tried = goal_contribution::Entity::find()
        .select_only()
        .column(goal_contribution::Column::Id)
        .filter(goal_contribution::Column::GoalId.eq(goal));
    let given = tried.clone().filter(goal_contribution::Column::State.ne(ContributionState::Dropped));
    let both = Query::select()
        .expr_as(Expr::exists(tried.into_query()), "was_tried")
        .expr_as(Expr::exists(given.into_query()), "is_given")
        .take();
    let row = tx.query_one(&both).await?.ok_or_else(|| Error::not_found("id"))?;
    Ok(Tries::from_query_result(&row, "")?)
}

async fn update_in(tx: &Transaction, goal: &GoalRow) -> Result<()> {
    let changed = goal::ActiveModel {
        title: Set(goal.title.clone()),
        story: Set(goal.story.clone()),
        search_key: Set(text::search_key(&format!("{} {}", goal.title, goal.story))),
        category: Set(goal.category.clone()),
        currency: Set(goal.currency),
        target: Set(goal.target),
        funding: Set(goal.funding),
        deadline: Set(goal.deadline),
        suggested_amounts: Set(goal.suggested_amounts.clone()),
        cover_url: Set(goal.cover_url.clone()),
        progress: Set(progress(goal.raised, goal.target)),
        edited_at: Set(goal.edited_at),
        ..Default::default()
    };
    Entity::update_many().set(changed).filter(Column::Id.eq(goal.id)).exec(tx).await?;
    Ok(())
}

/// How many goals are dealt with in one transaction.
const BATCH: usize = 200;

/// What is searched of a goal.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Searched {
    id: GoalId,
    title: String,
    story: String,
}

/// Writes the search form of the next goals anew; gives the last of them, nothing at the end.
pub(super) async fn refold_in(tx: &Transaction, after: Uuid) -> Result<Option<Uuid>> {
    let next = Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(BATCH as u64);
    let next = next.lock(LockType::NoKeyUpdate).into_partial_model::<Searched>().all(tx).await?;
    let last = next.last().map(|goal| goal.id.0).filter(|_| next.len() == BATCH);
    for Searched { id, title, story } in next {
        let key = text::search_key(&format!("{title} {story}"));
        Entity::update_many()
            .col_expr(Column::SearchKey, Expr::value(key.clone()))
            .filter(Column::Id.eq(id))
            .filter(Column::SearchKey.ne(key))
            .exec(tx)
            .await?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        let amount = Money::new(1250, Currency::parse("USD").unwrap());
        let mut command = GoalCreate {
            post: PostId(Uuid::nil()),
            title: "A roof".to_owned(),
            story: "It \"rains\"\nin".to_owned(),
            target: amount,
            deadline: None,
            funding: Funding::Flexible,
            category: None,
            suggested_amounts: Vec::new(),
            cover_url: None,
            idempotency_key: Some("k".to_owned()),
        };
        assert_eq!(
            command.input().texts(),
            (
                "postId 31 post_00000000000000000000000000\n\
                 title 6 A roof\n\
                 story 13 It \"rains\"\n\
                 in\n\
                 target 9 12.50 USD\n\
                 funding 8 flexible\n",
                "GoalCreate { post: post_00000000000000000000000000, title: \"A roof\", \
                 story: \"It \\\"rains\\\"\\nin\", target: Money { minor: 1250, currency: USD }, \
                 deadline: None, funding: Flexible, category: None, suggested_amounts: [], cover_url: None, \
                 idempotency_key: None }"
            )
        );
        command.deadline = DateTime::from_timestamp(1_800_000_000, 5_000_000);
        command.funding = Funding::Fixed;
        command.category = Some("homes".to_owned());
        command.suggested_amounts = vec![amount, amount];
        command.cover_url = Some("https://example.org/a.png".to_owned());
        assert_eq!(
            command.input().texts(),
            (
                "postId 31 post_00000000000000000000000000\n\
                 title 6 A roof\n\
                 story 13 It \"rains\"\n\
                 in\n\
                 target 9 12.50 USD\n\
                 deadline 30 2027-01-15T08:00:00.005000000Z\n\
                 funding 5 fixed\n\
                 category 5 homes\n\
                 suggestedAmounts 9 12.50 USD\n\
                 suggestedAmounts 9 12.50 USD\n\
                 coverUrl 25 https://example.org/a.png\n",
                "GoalCreate { post: post_00000000000000000000000000, title: \"A roof\", \
                 story: \"It \\\"rains\\\"\\nin\", target: Money { minor: 1250, currency: USD }, \
                 deadline: Some(2027-01-15T08:00:00.005Z), funding: Fixed, category: Some(\"homes\"), \
                 suggested_amounts: [Money { minor: 1250, currency: USD }, Money { minor: 1250, \
                 currency: USD }], cover_url: Some(\"https://example.org/a.png\"), idempotency_key: None }"
            )
        );
    }
}
