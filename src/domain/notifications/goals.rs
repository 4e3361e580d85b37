//! What people are told of goals: that something was given, talked about or asked back, that there is news, that one is
//! over. Whoever gave and is hidden from the recipient is not named.

use sea_orm::QueryResult;
use uuid::Uuid;

use super::{EXCERPT, Telling, tell_in};
use crate::{
    app::App,
    catalogue::Text,
    domain::jobs::{self, NOTIFY, Notify},
    entity::{
        Currency, Money, UserId,
        goal::GoalState,
        notification::{NotificationKind, SubjectKind},
    },
    error::{Locale, Result},
    platform::{
        db::{Columns, Transaction},
        text,
    },
};

/// How many contributions are looked at in one transaction.
const BATCH: usize = 200;

/// What is told stays as it is until it is told: whatever ends it comes later, and finds the notification.
async fn lock_in(tx: &Transaction, table: &str, id: Uuid) -> Result<()> {
    tx.row(format!("SELECT 1 FROM {table} WHERE id = $1 {}", tx.for_update()), vec![id.into()]).await.map(drop)
}

/// The owner of a goal: something was given to it. Without the name, where that is hidden from them.
pub(super) async fn contribution_in(tx: &Transaction, contribution: Uuid) -> Result<Vec<Telling>> {
    lock_in(tx, "goal_contributions", contribution).await?;
    let sql = "SELECT r.id, r.locale, g.title, g.currency, c.amount, c.is_anonymous AND c.is_hidden_from_owner, \
               c.contributor_id, a.display_name, c.guest_name FROM goal_contributions c \
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
    Ok(vec![Telling {
        recipient,
        locale,
        actor,
        actor_name: name,
        kind: NotificationKind::Contribution,
        subject: Some((SubjectKind::Goal, goal_of_in(tx, contribution).await?)),
        excerpt: text::excerpt(&format!("{}: {what}", Money::new(amount, currency)), EXCERPT),
        dedupe_key: format!("contribution:{contribution}"),
    }])
}

/// The owner of a goal: who gave to it asks for money back, which they can grant or refuse.
pub(super) async fn refund_requested_in(tx: &Transaction, refund: Uuid) -> Result<Vec<Telling>> {
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
    Ok(vec![Telling {
        recipient,
        locale,
        actor: actor.filter(|_| !hidden),
        actor_name: name.filter(|_| !hidden).unwrap_or_else(|| somebody(locale)),
        kind: NotificationKind::RefundRequest,
        subject: Some((SubjectKind::Contribution, columns.take()?)),
        excerpt: text::excerpt(&format!("{}: {what}", Money::new(amount, currency)), EXCERPT),
        dedupe_key: format!("refund_request:{refund}"),
    }])
}

/// The owner of a goal, and who gave: somebody else wrote about it.
pub(super) async fn comment_in(tx: &Transaction, comment: Uuid) -> Result<Vec<Telling>> {
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
    let telling = |row: &QueryResult| {
        let mut columns = Columns::new(row);
        let (recipient, locale) = (columns.take()?, Locale::parse(&columns.take::<String>()?));
        let (body, author, name): (String, UserId, String) = (columns.take()?, columns.take()?, columns.take()?);
        let hidden = columns.take::<Option<bool>>()?.unwrap_or(false);
        Ok(Telling {
            recipient,
            locale,
            actor: (!hidden).then_some(author),
            actor_name: if hidden { somebody(locale) } else { name },
            kind: NotificationKind::ContributionComment,
            subject: Some((SubjectKind::ContributionComment, comment)),
            excerpt: text::excerpt(&body, EXCERPT),
            dedupe_key: format!("contribution_comment:{comment}"),
        })
    };
    tx.rows(sql, vec![comment.into()]).await?.iter().map(telling).collect()
}

async fn goal_of_in(tx: &Transaction, contribution: Uuid) -> Result<Uuid> {
    let row = tx.row("SELECT goal_id FROM goal_contributions WHERE id = $1", vec![contribution.into()]).await?;
    row.map_or(Ok(Uuid::nil()), |row| Columns::new(&row).take())
}

fn somebody(locale: Locale) -> String {
    Text::Somebody.in_language(locale).into_owned()
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

/// Those who gave to a goal: it has news. A batch, and a job for the next.
pub(super) async fn news_in(app: &App, tx: &Transaction, news: Uuid, after: Uuid) -> Result<()> {
    let sql = "SELECT g.id, g.title, n.title, g.owner_id FROM goal_updates n JOIN goals g ON g.id = n.goal_id \
               WHERE n.id = $1";
    let Some(row) = tx.row(sql, vec![news.into()]).await? else { return Ok(()) };
    let mut columns = Columns::new(&row);
    let goal: Uuid = columns.take()?;
    let (what, title, owner): (String, String, Option<UserId>) = (columns.take()?, columns.take()?, columns.take()?);
    let (givers, next) = givers_in(tx, goal, after).await?;
    let telling = |(recipient, locale)| Telling {
        recipient,
        locale,
        actor: owner,
        actor_name: what.clone(),
        kind: NotificationKind::GoalNews,
        subject: Some((SubjectKind::Goal, goal)),
        excerpt: text::excerpt(&title, EXCERPT),
        // The word that was stored at first: a batch of before and one of now don't tell somebody twice.
        dedupe_key: format!("goal_update:{news}"),
    };
    tell_in(app, tx, givers.into_iter().map(telling).collect()).await?;
    match next {
        Some(after) => jobs::enqueue_in(app, tx, NOTIFY, &Notify::GoalNews { news, after }).await,
        None => Ok(()),
    }
}

/// The owner of a goal and those who gave to it: it is over, and what becomes of the money. A batch, and a job for the next.
pub(super) async fn ended_in(app: &App, tx: &Transaction, goal: Uuid, after: Uuid) -> Result<()> {
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
    let telling = |(recipient, locale)| Telling {
        recipient,
        locale,
        actor: None,
        actor_name: what.clone(),
        kind: NotificationKind::GoalEnded,
        subject: Some((SubjectKind::Goal, goal)),
        excerpt: text::excerpt(
            &[&*outcome(state).in_language(locale), reason.as_deref().unwrap_or_default()].join(" "),
            EXCERPT,
        )
        .trim_end()
        .to_owned(),
        dedupe_key: format!("goal_ended:{goal}"),
    };
    tell_in(app, tx, told.into_iter().map(telling).collect()).await?;
    match next {
        Some(after) => jobs::enqueue_in(app, tx, NOTIFY, &Notify::GoalEnded { goal, after }).await,
        None => Ok(()),
    }
}

/// What becomes of the money.
fn outcome(state: GoalState) -> Text<'static> {
    match state {
        GoalState::Failed => Text::GoalMissedItsTarget,
        GoalState::Cancelled => Text::GoalWasCalledOff,
        _ => Text::GoalClosed,
    }
}
