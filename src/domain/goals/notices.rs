//! What people are told of goals: that something was given, talked about or asked back, that there is news, that one is
//! over. Whoever gave and is hidden from the recipient is not named.

use std::borrow::Cow;

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryResult, QuerySelect, QueryTrait,
    sea_query::{Expr, SelectStatement, UnionType},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::Text,
    domain::{
        notifications::{self, Notice, Subject, Telling, notify_in},
        payments::{RefundDecided, RefundRequested},
    },
    entity::{
        ContributionCommentId, ContributionId, Currency, Money, RefundId, UserId, contribution_comment,
        goal::GoalState,
        goal_contribution::{self, ContributionState},
        notification::{self, NotificationKind, SubjectKind},
        refund::{self, RefundState},
    },
    error::{Locale, Result},
    platform::db::{Columns, Transaction},
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
async fn lock_in(tx: &Transaction, table: &str, id: Uuid) -> Result<()> {
    tx.row(format!("SELECT 1 FROM {table} WHERE id = $1 {}", tx.for_update()), vec![id.into()]).await.map(drop)
}

fn somebody(locale: Locale) -> String {
    Text::Somebody.in_language(locale).into_owned()
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
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let tellings = contribution_in(tx, self.contribution).await?;
        notifications::tell_in(app, tx, tellings).await
    }
}

async fn contribution_in(tx: &Transaction, contribution: Uuid) -> Result<Vec<Telling>> {
    lock_in(tx, "goal_contributions", contribution).await?;
    let sql = "SELECT r.id, r.locale, g.title, g.currency, c.amount, c.is_anonymous AND c.is_hidden_from_owner, \
               c.contributor_id, a.display_name, c.guest_name, g.id FROM goal_contributions c \
               JOIN goals g ON g.id = c.goal_id JOIN users r ON r.id = g.owner_id \
               LEFT JOIN users a ON a.id = c.contributor_id WHERE c.id = $1 AND c.state = 'received' \
               AND (c.contributor_id IS NULL OR c.contributor_id <> g.owner_id)";
    let Some(row) = tx.row(sql, vec![contribution.into()]).await? else { return Ok(Vec::new()) };
    let mut columns = Columns::new(&row);
    let (recipient, locale) = (columns.take()?, Locale::parse(&columns.take::<String>()?));
    let (what, currency, amount): (String, Currency, i64) = (columns.take()?, columns.take()?, columns.take()?);
    let hidden: bool = columns.take()?;
    let actor = columns.take::<Option<UserId>>()?.filter(|_| !hidden);
    let (name, guest): (Option<String>, Option<String>) = (columns.take()?, columns.take()?);
    let name = name.or(guest).filter(|_| !hidden).unwrap_or_else(|| somebody(locale));
    let kind = NotificationKind::Contribution;
    Ok(vec![Telling {
        recipient,
        actor,
        kind,
        subject: Some((SubjectKind::Goal, columns.take()?)),
        title: title(locale, kind, &name),
        excerpt: notifications::excerpt(&format!("{}: {what}", Money::new(amount, currency))),
        dedupe_key: contribution_key(contribution),
    }])
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

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        if returned_in(app, tx, self.contribution).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// The goal's owner sees neither the contribution nor what was said about it any more; its giver does.
async fn returned_in(app: &App, tx: &Transaction, contribution: Uuid) -> Result<bool> {
    let sql = format!(
        "SELECT g.owner_id FROM goal_contributions c JOIN goals g ON g.id = c.goal_id WHERE c.id = $1 {}",
        tx.while_there("c")
    );
    let Some(row) = tx.row(sql, vec![contribution.into()]).await? else { return Ok(true) };
    let owner: Option<UserId> = Columns::new(&row).take()?;
    let Some(owner) = owner else { return Ok(true) };
    let holds = goal_contribution::Entity::find_by_id(ContributionId(contribution))
        .filter(goal_contribution::Column::State.eq(ContributionState::Received))
        .select_only()
        .column(goal_contribution::Column::Id)
        .into_query();
    let told_of_comments = contribution_comment::Column::ContributionId
        .eq(contribution)
        .and(notification::Column::RecipientId.eq(owner))
        .and(Expr::not_exists(holds.clone()));
    let which = notifications::of_fact(owner, &contribution_key(contribution), holds)
        .union(
            UnionType::All,
            notifications::about::<contribution_comment::Entity>(contribution_comment::Column::Id, told_of_comments),
        )
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
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let tellings = comment_in(tx, self.comment).await?;
        notifications::tell_in(app, tx, tellings).await
    }
}

async fn comment_in(tx: &Transaction, comment: Uuid) -> Result<Vec<Telling>> {
    let about = "SELECT contribution_id FROM contribution_comments WHERE id = $1";
    let Some(row) = tx.row(about, vec![comment.into()]).await? else { return Ok(Vec::new()) };
    lock_in(tx, "goal_contributions", Columns::new(&row).take()?).await?;
    let sql = "SELECT r.id, r.locale, k.body, k.author_id, a.display_name, \
               c.is_anonymous AND c.is_hidden_from_owner AND k.author_id = c.contributor_id \
               FROM contribution_comments k JOIN goal_contributions c ON c.id = k.contribution_id \
               JOIN goals g ON g.id = c.goal_id JOIN users a ON a.id = k.author_id \
               JOIN users r ON r.id = g.owner_id OR r.id = c.contributor_id \
               WHERE k.id = $1 AND k.deleted_at IS NULL AND r.id <> k.author_id \
               AND (c.state = 'received' OR r.id = c.contributor_id)";
    let kind = NotificationKind::ContributionComment;
    let telling = |row: &QueryResult| {
        let mut columns = Columns::new(row);
        let (recipient, locale) = (columns.take()?, Locale::parse(&columns.take::<String>()?));
        let (body, author, name): (String, UserId, String) = (columns.take()?, columns.take()?, columns.take()?);
        let hidden = columns.take::<Option<bool>>()?.unwrap_or(false);
        Ok(Telling {
            recipient,
            actor: (!hidden).then_some(author),
            kind,
            subject: Some((SubjectKind::ContributionComment, comment)),
            title: title(locale, kind, &if hidden { somebody(locale) } else { name }),
            excerpt: notifications::excerpt(&body),
            dedupe_key: format!("contribution_comment:{comment}"),
        })
    };
    tx.rows(sql, vec![comment.into()]).await?.iter().map(telling).collect()
}

// ---------------------------------------------------------------------------------------------------------- refunds

impl Notice for RefundRequested {
    const EVENT: &'static str = "refund_requested";

    /// The owner of the goal, where it is one's, who can grant or refuse it.
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let tellings = refund_requested_in(tx, self.refund).await?;
        notifications::tell_in(app, tx, tellings).await
    }
}

async fn refund_requested_in(tx: &Transaction, refund: Uuid) -> Result<Vec<Telling>> {
    lock_in(tx, "refunds", refund).await?;
    let sql = "SELECT r.id, r.locale, g.title, g.currency, f.amount, c.is_anonymous AND c.is_hidden_from_owner, \
               c.contributor_id, COALESCE(a.display_name, c.guest_name), c.id FROM refunds f \
               JOIN goal_contributions c ON c.payment_id = f.payment_id JOIN goals g ON g.id = c.goal_id \
               JOIN users r ON r.id = g.owner_id LEFT JOIN users a ON a.id = c.contributor_id \
               WHERE f.id = $1 AND f.state = 'requested' \
               AND (c.contributor_id IS NULL OR c.contributor_id <> g.owner_id)";
    let Some(row) = tx.row(sql, vec![refund.into()]).await? else { return Ok(Vec::new()) };
    let mut columns = Columns::new(&row);
    let (recipient, locale) = (columns.take()?, Locale::parse(&columns.take::<String>()?));
    let (what, currency, amount): (String, Currency, i64) = (columns.take()?, columns.take()?, columns.take()?);
    let hidden: bool = columns.take()?;
    let (actor, name): (Option<UserId>, Option<String>) = (columns.take()?, columns.take()?);
    let name = name.filter(|_| !hidden).unwrap_or_else(|| somebody(locale));
    let kind = NotificationKind::RefundRequest;
    Ok(vec![Telling {
        recipient,
        actor: actor.filter(|_| !hidden),
        kind,
        subject: Some((SubjectKind::Contribution, columns.take()?)),
        title: title(locale, kind, &name),
        excerpt: notifications::excerpt(&format!("{}: {what}", Money::new(amount, currency))),
        dedupe_key: request_key(refund),
    }])
}

fn request_key(refund: Uuid) -> String {
    format!("refund_request:{refund}")
}

impl Notice for RefundDecided {
    const EVENT: &'static str = "refund_decided";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        if decided_in(app, tx, self.refund).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

async fn decided_in(app: &App, tx: &Transaction, refund: Uuid) -> Result<bool> {
    let sql = "SELECT g.owner_id FROM refunds f JOIN goal_contributions c ON c.payment_id = f.payment_id \
               JOIN goals g ON g.id = c.goal_id WHERE f.id = $1";
    let Some(row) = tx.row(sql, vec![refund.into()]).await? else { return Ok(true) };
    let owner: Option<UserId> = Columns::new(&row).take()?;
    let Some(owner) = owner else { return Ok(true) };
    let holds = refund::Entity::find_by_id(RefundId(refund))
        .filter(refund::Column::State.eq(RefundState::Requested))
        .select_only()
        .column(refund::Column::Id)
        .into_query();
    notifications::go_in(app, tx, notifications::of_fact(owner, &request_key(refund), holds)).await
}

// ------------------------------------------------------------------------------------------------------ news and end

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
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { news, after } = *self;
        let sql = "SELECT g.id, g.title, n.title, g.owner_id FROM goal_updates n JOIN goals g ON g.id = n.goal_id \
                   WHERE n.id = $1";
        let Some(row) = tx.row(sql, vec![news.into()]).await? else { return Ok(()) };
        let mut columns = Columns::new(&row);
        let goal: Uuid = columns.take()?;
        let (what, headline, owner): (String, String, Option<UserId>) =
            (columns.take()?, columns.take()?, columns.take()?);
        let (givers, next) = givers_in(tx, goal, after).await?;
        let kind = NotificationKind::GoalNews;
        let telling = |(recipient, locale)| Telling {
            recipient,
            actor: owner,
            kind,
            subject: Some((SubjectKind::Goal, goal)),
            title: title(locale, kind, &what),
            excerpt: notifications::excerpt(&headline),
            // The word that was stored at first: a batch of before and one of now don't tell somebody twice.
            dedupe_key: format!("goal_update:{news}"),
        };
        notifications::tell_in(app, tx, givers.into_iter().map(telling).collect()).await?;
        match next {
            Some(after) => notify_in(app, tx, &Self { news, after }).await,
            None => Ok(()),
        }
    }
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
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let Self { goal, after } = *self;
        let sql = "SELECT g.title, g.state, g.end_reason, r.id, r.locale FROM goals g \
                   LEFT JOIN users r ON r.id = g.owner_id WHERE g.id = $1";
        let Some(row) = tx.row(sql, vec![goal.into()]).await? else { return Ok(()) };
        let mut columns = Columns::new(&row);
        let (what, state, reason): (String, GoalState, Option<String>) =
            (columns.take()?, columns.take()?, columns.take()?);
        let (owner, owner_locale): (Option<UserId>, Option<String>) = (columns.take()?, columns.take()?);
        let (mut told, next) = givers_in(tx, goal, after).await?;
        if let (Some(owner), Some(locale)) = (owner.filter(|_| after.is_nil()), owner_locale) {
            told.retain(|(recipient, _)| *recipient != owner);
            told.push((owner, Locale::parse(&locale)));
        }
        let kind = NotificationKind::GoalEnded;
        let telling = |(recipient, locale)| Telling {
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
        notifications::tell_in(app, tx, told.into_iter().map(telling).collect()).await?;
        match next {
            Some(after) => notify_in(app, tx, &Self { goal, after }).await,
            None => Ok(()),
        }
    }
}

/// The next of those who gave, as `(recipient, their language)`, and where to go on; `None` at the end.
async fn givers_in(tx: &Transaction, goal: Uuid, after: Uuid) -> Result<(Vec<(UserId, Locale)>, Option<Uuid>)> {
    let sql = format!(
        "SELECT c.id, r.id, r.locale FROM goal_contributions c LEFT JOIN users r ON r.id = c.contributor_id \
         WHERE c.goal_id = $1 AND c.id > $2 AND c.received > 0 ORDER BY c.id LIMIT {BATCH}"
    );
    let rows = tx.rows(sql, vec![goal.into(), after.into()]).await?;
    let (mut givers, mut last): (Vec<(UserId, Locale)>, _) = (Vec::new(), after);
    for row in &rows {
        let mut columns = Columns::new(row);
        last = columns.take()?;
        let (id, locale): (Option<UserId>, Option<String>) = (columns.take()?, columns.take()?);
        if let (Some(id), Some(locale)) = (id, locale)
            && givers.iter().all(|(known, _)| *known != id)
        {
            givers.push((id, Locale::parse(&locale)));
        }
    }
    Ok((givers, (rows.len() == BATCH).then_some(last)))
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
