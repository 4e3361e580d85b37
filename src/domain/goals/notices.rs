//! What people are told of goals: that something was given, talked about or asked back, that there is news, that one is
//! over. Whoever gave and is hidden from the recipient is not named.

use std::borrow::Cow;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait, Select,
    sea_query::{Expr, LockType, SelectStatement, UnionType},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::with_goal;
use crate::{
    app::App,
    catalogue::Text,
    domain::{
        notifications::{self, NewNotification, Notice, Subject, notify_in},
        payments::{RefundDecided, RefundRequested},
    },
    entity::{
        ContributionCommentId, ContributionId, Currency, Money, RefundId, UserId, contribution_comment,
        goal::{self, GoalState},
        goal_contribution::{self, ContributionState},
        goal_news,
        notification::{self, NotificationKind, SubjectKind},
        refund::{self, RefundState},
        user,
    },
    error::{Locale, Result},
    platform::db::Transaction,
};

/// What of goals notifications quote.
pub(super) const SUBJECTS: &[Subject] = &[Subject { text: text_of_comment, because: &[], quoting: &[] }];

fn text_of_comment(id: Uuid) -> SelectStatement {
    let comment = contribution_comment::Entity::find_by_id(ContributionCommentId(id))
        .filter(contribution_comment::Column::DeletedAt.is_null());
    comment.select_only().column_as(contribution_comment::Column::Body, "body").into_query()
}

/// How many contributions are looked at in one transaction.
const BATCH: usize = 200;

/// The headline in the recipient's language. Of a goal's news and end, the name is the goal's.
fn title(locale: Locale, kind: NotificationKind, name: &str) -> String {
    let name = Cow::from(notifications::short(name));
    let said = match kind {
        NotificationKind::Contribution => Text::GaveToYourGoal { name },
        NotificationKind::ContributionComment => Text::CommentedOnContribution { name },
        NotificationKind::RefundRequest => Text::AsksForRefund { name },
        NotificationKind::GoalNews => Text::GoalHasNews { goal: name },
        NotificationKind::GoalEnded => Text::GoalIsOver { goal: name },
        _ => return name.into_owned(),
    };
    said.in_language(locale).into_owned()
}

/// What is told stays as it is until it is told: whatever ends it comes later, and finds the notification.
async fn lock_in<E: EntityTrait>(tx: &Transaction, row: Select<E>) -> Result<()> {
    let locked = row.select_only().expr(Expr::cust("1")).lock(LockType::NoKeyUpdate);
    tx.query_one(&locked.into_query()).await?;
    Ok(())
}

fn somebody(locale: Locale) -> String {
    Text::Somebody.in_language(locale).into_owned()
}

// ------------------------------------------------------------------------------------------------------------ shapes

/// As whom a person is joined who is told.
const RECIPIENT: &str = "recipient";
/// As whom one is joined who gave.
const GIVER: &str = "giver";
/// As whom one is joined who wrote.
const AUTHOR: &str = "author";

/// Somebody who is told.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Recipient {
    id: UserId,
    locale: String,
}

/// Somebody who is named.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct Named {
    id: UserId,
    display_name: String,
}

/// What a goal is called.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
struct Called {
    id: Uuid,
    title: String,
    currency: Currency,
    owner_id: Option<UserId>,
}

/// What a goal's owner is told of a contribution.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal_contribution::Entity")]
struct Given {
    id: Uuid,
    amount: i64,
    is_anonymous: bool,
    is_hidden_from_owner: bool,
    contributor_id: Option<UserId>,
    guest_name: Option<String>,
    #[sea_orm(nested)]
    goal: Called,
    #[sea_orm(nested, alias = "recipient")]
    recipient: Recipient,
    #[sea_orm(from_expr = "Expr::col((GIVER, user::Column::DisplayName))")]
    giver_name: Option<String>,
}

impl Given {
    /// Whose name is hidden from the goal's owner is not named.
    fn new_notification(
        self,
        kind: NotificationKind,
        subject: (SubjectKind, Uuid),
        amount: i64,
        dedupe_key: String,
    ) -> NewNotification {
        let is_hidden = self.is_anonymous && self.is_hidden_from_owner;
        let locale = Locale::parse(&self.recipient.locale);
        let name = self.giver_name.or(self.guest_name).filter(|_| !is_hidden).unwrap_or_else(|| somebody(locale));
        let what = format!("{}: {}", Money::new(amount, self.goal.currency), self.goal.title);
        NewNotification {
            recipient: self.recipient.id,
            actor: self.contributor_id.filter(|_| !is_hidden),
            kind,
            subject: Some(subject),
            title: title(locale, kind, &name),
            excerpt: notifications::excerpt(&what),
            dedupe_key,
        }
    }
}

/// What others gave to goals, joined to the goals, to their owners, and to who gave.
fn given_by_others() -> Select<goal_contribution::Entity> {
    let contributor = goal_contribution::Column::ContributorId;
    with_goal(goal_contribution::Entity::find())
        .join_as(JoinType::InnerJoin, goal::Relation::Owner.def(), RECIPIENT)
        .join_as(JoinType::LeftJoin, goal_contribution::Relation::Contributor.def(), GIVER)
        .filter(contributor.is_null().or(contributor.into_expr().ne(goal::Column::OwnerId.into_expr())))
}

/// Of contributions the one that a refund is of, joined to the refund.
fn of_refund(given: Select<goal_contribution::Entity>, refund: Uuid) -> Select<goal_contribution::Entity> {
    let mut given = given.filter(refund::Column::Id.eq(refund));
    let is_of = refund::Column::PaymentId.into_expr().eq(goal_contribution::Column::PaymentId.into_expr());
    QueryTrait::query(&mut given).join(JoinType::InnerJoin, refund::Entity, is_of);
    given
}

// ---------------------------------------------------------------------------------------------------- contributions

/// Something was given to a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contributed {
    pub(super) contribution: Uuid,
}

impl Notice for Contributed {
    const EVENT: &'static str = "contribution";

    /// The owner of the goal. Without the name, where that is hidden from them.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let new = contribution_in(tx, self.contribution).await?;
        notifications::deliver_in(app, tx, new).await
    }
}

async fn contribution_in(tx: &Transaction, contribution: Uuid) -> Result<Vec<NewNotification>> {
    lock_in(tx, goal_contribution::Entity::find_by_id(contribution)).await?;
    let given = given_by_others()
        .filter(goal_contribution::Column::Id.eq(contribution))
        .filter(goal_contribution::Column::State.eq(ContributionState::Received));
    let given = given.into_partial_model::<Given>().one(tx).await?;
    let new_notification = |given: Given| {
        let (subject, amount) = ((SubjectKind::Goal, given.goal.id), given.amount);
        given.new_notification(NotificationKind::Contribution, subject, amount, contribution_key(contribution))
    };
    Ok(given.into_iter().map(new_notification).collect())
}

fn contribution_key(contribution: Uuid) -> String {
    format!("contribution:{contribution}")
}

/// What was given to a goal went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContributionReturned {
    pub(super) contribution: Uuid,
}

impl Notice for ContributionReturned {
    const EVENT: &'static str = "contribution_returned";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        if returned_in(app, tx, self.contribution).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// The goal's owner sees neither the contribution nor what was said about it any more; its giver does.
async fn returned_in(app: &App, tx: &Transaction, contribution: Uuid) -> Result<bool> {
    let given = with_goal(goal_contribution::Entity::find_by_id(contribution));
    let mut owner = given.select_only().column(goal::Column::OwnerId);
    // It stays until the end of the transaction; its counters may change.
    QueryTrait::query(&mut owner).lock_with_tables(LockType::KeyShare, [goal_contribution::Entity]);
    let owner = owner.into_tuple::<Option<UserId>>().one(tx).await?;
    let Some(owner) = owner.flatten() else { return Ok(true) };
    let holds = goal_contribution::Entity::find_by_id(ContributionId(contribution))
        .filter(goal_contribution::Column::State.eq(ContributionState::Received))
        .select_only()
        .column(goal_contribution::Column::Id)
        .into_query();
    let told_of_comments = contribution_comment::Column::ContributionId
        .eq(contribution)
        .and(notification::Column::RecipientId.eq(owner))
        .and(Expr::not_exists(holds.clone()));
    let told_of_comments =
        notifications::about::<contribution_comment::Entity>(contribution_comment::Column::Id, told_of_comments);
    let which = notifications::of_fact(owner, &contribution_key(contribution), holds)
        .union(UnionType::All, told_of_comments)
        .take();
    notifications::go_in(app, tx, which).await
}

/// Somebody wrote about what was given to a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContributionCommented {
    pub(super) comment: Uuid,
}

impl Notice for ContributionCommented {
    const EVENT: &'static str = "contribution_comment";

    /// The owner of the goal, and who gave: somebody else wrote.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let new = comment_in(tx, self.comment).await?;
        notifications::deliver_in(app, tx, new).await
    }
}

/// What is told of a comment.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "contribution_comment::Entity")]
struct Commented {
    body: String,
    #[sea_orm(nested)]
    contribution: About,
    #[sea_orm(nested, alias = "author")]
    author: Named,
    #[sea_orm(nested, alias = "recipient")]
    recipient: Recipient,
}

/// What it is about.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal_contribution::Entity")]
struct About {
    is_anonymous: bool,
    is_hidden_from_owner: bool,
    contributor_id: Option<UserId>,
}

/// A comment that is not deleted, joined to each of those who are told of it.
fn commented(comment: Uuid) -> Select<contribution_comment::Entity> {
    let recipient = || Expr::col((RECIPIENT, user::Column::Id));
    let is_contributor = || recipient().eq(goal_contribution::Column::ContributorId.into_expr());
    let is_owner = recipient().eq(goal::Column::OwnerId.into_expr());
    let mut commented = contribution_comment::Entity::find_by_id(comment)
        .join(JoinType::InnerJoin, contribution_comment::Relation::Contribution.def())
        .join(JoinType::InnerJoin, goal_contribution::Relation::Goal.def())
        .join_as(JoinType::InnerJoin, contribution_comment::Relation::Author.def(), AUTHOR);
    QueryTrait::query(&mut commented).join_as(
        JoinType::InnerJoin,
        user::Entity,
        RECIPIENT,
        is_owner.or(is_contributor()),
    );
    commented
        .filter(contribution_comment::Column::DeletedAt.is_null())
        .filter(recipient().ne(contribution_comment::Column::AuthorId.into_expr()))
        .filter(goal_contribution::Column::State.eq(ContributionState::Received).or(is_contributor()))
}

async fn comment_in(tx: &Transaction, comment: Uuid) -> Result<Vec<NewNotification>> {
    let about = contribution_comment::Entity::find_by_id(comment).select_only();
    let about = about.column(contribution_comment::Column::ContributionId).into_tuple::<Uuid>().one(tx).await?;
    let Some(about) = about else { return Ok(Vec::new()) };
    lock_in(tx, goal_contribution::Entity::find_by_id(about)).await?;
    let kind = NotificationKind::ContributionComment;
    let new_notification = |Commented { body, contribution, author, recipient }| {
        let locale = Locale::parse(&recipient.locale);
        let is_giver = contribution.contributor_id == Some(author.id);
        let is_hidden = contribution.is_anonymous && contribution.is_hidden_from_owner && is_giver;
        NewNotification {
            recipient: recipient.id,
            actor: (!is_hidden).then_some(author.id),
            kind,
            subject: Some((SubjectKind::ContributionComment, comment)),
            title: title(locale, kind, &if is_hidden { somebody(locale) } else { author.display_name }),
            excerpt: notifications::excerpt(&body),
            dedupe_key: format!("contribution_comment:{comment}"),
        }
    };
    let told = commented(comment).into_partial_model::<Commented>().all(tx).await?;
    Ok(told.into_iter().map(new_notification).collect())
}

// ---------------------------------------------------------------------------------------------------------- refunds

impl Notice for RefundRequested {
    const EVENT: &'static str = "refund_requested";

    /// The owner of the goal, where it is one's, who can grant or refuse it.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let new = refund_requested_in(tx, self.refund).await?;
        notifications::deliver_in(app, tx, new).await
    }
}

/// A refund that is asked for.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "refund::Entity")]
struct Asked {
    amount: i64,
    #[sea_orm(nested)]
    given: Given,
}

async fn refund_requested_in(tx: &Transaction, refund: Uuid) -> Result<Vec<NewNotification>> {
    lock_in(tx, refund::Entity::find_by_id(refund)).await?;
    let asked = of_refund(given_by_others(), refund).filter(refund::Column::State.eq(RefundState::Requested));
    let asked = asked.into_partial_model::<Asked>().one(tx).await?;
    let new_notification = |Asked { amount, given }| {
        let subject = (SubjectKind::Contribution, given.id);
        given.new_notification(NotificationKind::RefundRequest, subject, amount, request_key(refund))
    };
    Ok(asked.into_iter().map(new_notification).collect())
}

fn request_key(refund: Uuid) -> String {
    format!("refund_request:{refund}")
}

impl Notice for RefundDecided {
    const EVENT: &'static str = "refund_decided";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        if decided_in(app, tx, self.refund).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

async fn decided_in(app: &App, tx: &Transaction, refund: Uuid) -> Result<bool> {
    let refunded = of_refund(with_goal(goal_contribution::Entity::find()), refund);
    let owner = refunded.select_only().column(goal::Column::OwnerId).into_tuple::<Option<UserId>>().one(tx).await?;
    let Some(owner) = owner.flatten() else { return Ok(true) };
    let holds = refund::Entity::find_by_id(RefundId(refund))
        .filter(refund::Column::State.eq(RefundState::Requested))
        .select_only()
        .column(refund::Column::Id)
        .into_query();
    notifications::go_in(app, tx, notifications::of_fact(owner, &request_key(refund), holds)).await
}

// ------------------------------------------------------------------------------------------------------ news and end

/// News, and the goal that they are of.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal_news::Entity")]
struct Headline {
    title: String,
    #[sea_orm(nested)]
    goal: Called,
}

/// A goal has news; told to those whose contributions come after `after`. Stored by the words that it had at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NewsPublished {
    #[serde(rename = "update", alias = "news")]
    pub(super) news: Uuid,
    pub(super) after: Uuid,
}

impl Notice for NewsPublished {
    const EVENT: &'static str = "goal_update";
    const ALIASES: &'static [&'static str] = &["goal_news"];

    /// Those who gave to the goal. A batch, and a job for the next.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { news, after } = *self;
        let headline = goal_news::Entity::find_by_id(news).join(JoinType::InnerJoin, goal_news::Relation::Goal.def());
        let headline = headline.into_partial_model::<Headline>().one(tx).await?;
        let Some(Headline { title: headline, goal }) = headline else { return Ok(()) };
        let (givers, next) = givers_in(tx, goal.id, after).await?;
        let kind = NotificationKind::GoalNews;
        let new_notification = |(recipient, locale)| NewNotification {
            recipient,
            actor: goal.owner_id,
            kind,
            subject: Some((SubjectKind::Goal, goal.id)),
            title: title(locale, kind, &goal.title),
            excerpt: notifications::excerpt(&headline),
            // The word that was stored at first: a batch of before and one of now don't tell somebody twice.
            dedupe_key: format!("goal_update:{news}"),
        };
        notifications::deliver_in(app, tx, givers.into_iter().map(new_notification).collect()).await?;
        match next {
            Some(after) => notify_in(app, tx, &Self { news, after }).await,
            None => Ok(()),
        }
    }
}

/// What is told of a goal that is over.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal::Entity")]
struct Ended {
    title: String,
    state: GoalState,
    end_reason: Option<String>,
    #[sea_orm(nested, alias = "recipient")]
    owner: Option<Recipient>,
}

/// A goal is over; told to its owner first, then to those whose contributions come after `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoalEnded {
    pub(super) goal: Uuid,
    pub(super) after: Uuid,
}

impl Notice for GoalEnded {
    const EVENT: &'static str = "goal_ended";

    /// The owner of the goal and those who gave to it: what becomes of the money. A batch, and a job for the next.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { goal, after } = *self;
        let ended = goal::Entity::find_by_id(goal).join_as(JoinType::LeftJoin, goal::Relation::Owner.def(), RECIPIENT);
        let ended = ended.into_partial_model::<Ended>().one(tx).await?;
        let Some(Ended { title: what, state, end_reason: reason, owner }) = ended else { return Ok(()) };
        let (mut told, next) = givers_in(tx, goal, after).await?;
        if let Some(owner) = owner.filter(|_| after.is_nil()) {
            told.retain(|(recipient, _)| *recipient != owner.id);
            told.push((owner.id, Locale::parse(&owner.locale)));
        }
        let kind = NotificationKind::GoalEnded;
        let new_notification = |(recipient, locale)| NewNotification {
            recipient,
            actor: None,
            kind,
            subject: Some((SubjectKind::Goal, goal)),
            title: title(locale, kind, &what),
            excerpt: notifications::excerpt(
                &[&*outcome(state).in_language(locale), reason.as_deref().unwrap_or_default()].join(" "),
            )
            .trim_end()
            .to_owned(),
            dedupe_key: format!("goal_ended:{goal}"),
        };
        notifications::deliver_in(app, tx, told.into_iter().map(new_notification).collect()).await?;
        match next {
            Some(after) => notify_in(app, tx, &Self { goal, after }).await,
            None => Ok(()),
        }
    }
}

/// A contribution, with who gave it.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "goal_contribution::Entity")]
struct GivenBy {
    id: Uuid,
    #[sea_orm(nested, alias = "recipient")]
    giver: Option<Recipient>,
}

/// The next of those who gave, as `(recipient, their language)`, and where to go on; `None` at the end.
async fn givers_in(tx: &Transaction, goal: Uuid, after: Uuid) -> Result<(Vec<(UserId, Locale)>, Option<Uuid>)> {
    let given = goal_contribution::Entity::find()
        .join_as(JoinType::LeftJoin, goal_contribution::Relation::Contributor.def(), RECIPIENT)
        .filter(goal_contribution::Column::GoalId.eq(goal))
        .filter(goal_contribution::Column::Id.gt(after))
        .filter(goal_contribution::Column::Received.gt(0_i64))
        .order_by_asc(goal_contribution::Column::Id)
        .limit(BATCH as u64);
    let given = given.into_partial_model::<GivenBy>().all(tx).await?;
    let next = given.last().map(|last| last.id).filter(|_| given.len() == BATCH);
    let mut givers: Vec<(UserId, Locale)> = Vec::new();
    for Recipient { id, locale } in given.into_iter().filter_map(|given| given.giver) {
        if givers.iter().all(|(known, _)| *known != id) {
            givers.push((id, Locale::parse(&locale)));
        }
    }
    Ok((givers, next))
}

/// What becomes of the money.
fn outcome(state: GoalState) -> Text<'static> {
    match state {
        GoalState::Failed => Text::GoalMissedItsTarget,
        GoalState::Cancelled => Text::GoalWasCalledOff,
        _ => Text::GoalClosed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of before, or one that is gone back to, reads and writes the same.
    #[test]
    fn news_are_told_by_the_words_that_are_stored() {
        let stored = r#"{"event":"goal_update","update":"00000000-0000-0000-0000-000000000001","after":"00000000-0000-0000-0000-000000000002"}"#;
        let told = NewsPublished { news: Uuid::from_u128(1), after: Uuid::from_u128(2) };
        assert_eq!(serde_json::from_str::<NewsPublished>(stored).unwrap(), told);
        assert_eq!(notifications::payload(&told).unwrap(), stored);
        let other = stored.replace("goal_update", "goal_news").replace("\"update\"", "\"news\"");
        assert_eq!(serde_json::from_str::<NewsPublished>(&other).unwrap(), told);
    }
}
