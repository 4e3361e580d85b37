//! What becomes of a notification when what it tells of is gone or says something else: it goes, and comes back with it;
//! or it quotes the new text. It is there exactly while it would be told now.

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::{EXCERPT, comment_like_key, post_like_key};
use crate::{
    app::App,
    domain::{
        events::{self, NewEvent},
        jobs::{self, Notify},
    },
    entity::{
        UserId,
        event::{EventKind, StreamKind},
    },
    error::Result,
    platform::{
        db::{Columns, Transaction},
        text,
    },
};

/// How many notifications are changed in one transaction.
const BATCH: usize = 500;

/// Those about a post or comment, and those that were told because of it: of what was said to it, and who passed it on.
const OF_SUBJECT: &str = "SELECT n.id, n.gone_at, n.message FROM notifications n WHERE n.subject_id = $1 \
     UNION ALL SELECT n.id, n.gone_at, n.message FROM comments c JOIN notifications n ON n.subject_id = c.id \
     AND n.kind = 'comment' WHERE c.post_id = $1 \
     UNION ALL SELECT n.id, n.gone_at, n.message FROM comments c JOIN notifications n ON n.subject_id = c.id \
     AND n.kind = 'reply' WHERE c.parent_id = $1 \
     UNION ALL SELECT n.id, n.gone_at, n.message FROM posts s JOIN notifications n ON n.subject_id = s.id \
     AND n.kind = 'share' WHERE s.shared_post_id = $1";

/// Those that quote a post or comment: that a post was passed on quotes the post, and not what was said along with it.
const QUOTING: &str = "SELECT n.id, n.gone_at, n.message FROM notifications n WHERE n.subject_id = $1 AND n.kind <> 'share' \
     UNION ALL SELECT n.id, n.gone_at, n.message FROM posts s JOIN notifications n ON n.subject_id = s.id \
     AND n.kind = 'share' WHERE s.shared_post_id = $1";

/// Those of one fact to one person, unless it holds still.
fn of_fact(holds: &str) -> String {
    format!(
        "SELECT n.id, n.gone_at FROM notifications n WHERE n.recipient_id = $1 AND n.dedupe_key = $2 \
         AND NOT EXISTS ({holds})"
    )
}

/// Does what follows; a batch, and a job for the rest.
pub(super) async fn follow_in(app: &App, tx: &Transaction, notify: &Notify) -> Result<()> {
    let is_done = match notify {
        Notify::Deleted { subject } => go_in(app, tx, OF_SUBJECT, vec![(*subject).into()]).await?,
        Notify::Edited { subject } => quote_in(tx, *subject).await?,
        Notify::PostUnliked { post, actor } => {
            let holds = "SELECT 1 FROM post_likes WHERE post_id = $3 AND user_id = $4";
            unliked_in(app, tx, ("posts", *post), *actor, &post_like_key(*post, *actor), holds).await?
        }
        Notify::CommentUnliked { comment, actor } => {
            let holds = "SELECT 1 FROM comment_likes WHERE comment_id = $3 AND user_id = $4";
            unliked_in(app, tx, ("comments", *comment), *actor, &comment_like_key(*comment, *actor), holds).await?
        }
        Notify::ContributionReturned { contribution } => returned_in(app, tx, *contribution).await?,
        Notify::RefundDecided { refund } => decided_in(app, tx, *refund).await?,
        _ => true,
    };
    if is_done { Ok(()) } else { jobs::enqueue_in(app, tx, notify).await }
}

/// A like that was given again meanwhile is told still: nobody gives it while this looks.
async fn unliked_in(
    app: &App,
    tx: &Transaction,
    (table, id): (&str, Uuid),
    actor: Uuid,
    key: &str,
    holds: &str,
) -> Result<bool> {
    let sql = format!("SELECT author_id FROM {table} WHERE id = $1 {}", tx.for_update());
    let Some(row) = tx.row(sql, vec![id.into()]).await? else { return Ok(true) };
    let author: Option<UserId> = Columns::new(&row).take()?;
    let Some(author) = author else { return Ok(true) };
    go_in(app, tx, &of_fact(holds), vec![author.0.into(), key.into(), id.into(), actor.into()]).await
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
    let holds = "SELECT 1 FROM goal_contributions WHERE id = $3 AND state = 'received'";
    let which = format!(
        "{} UNION ALL SELECT n.id, n.gone_at FROM contribution_comments k JOIN notifications n ON n.subject_id = k.id \
         AND n.recipient_id = $1 WHERE k.contribution_id = $3 AND NOT EXISTS ({holds})",
        of_fact(holds)
    );
    let key = format!("contribution:{contribution}");
    go_in(app, tx, &which, vec![owner.0.into(), key.into(), contribution.into()]).await
}

async fn decided_in(app: &App, tx: &Transaction, refund: Uuid) -> Result<bool> {
    let sql = "SELECT g.owner_id FROM refunds f JOIN goal_contributions c ON c.payment_id = f.payment_id \
               JOIN goals g ON g.id = c.goal_id WHERE f.id = $1";
    let Some(row) = tx.row(sql, vec![refund.into()]).await? else { return Ok(true) };
    let owner: Option<UserId> = Columns::new(&row).take()?;
    let Some(owner) = owner else { return Ok(true) };
    let holds = "SELECT 1 FROM refunds WHERE id = $3 AND state = 'requested'";
    let key = format!("refund_request:{refund}");
    go_in(app, tx, &of_fact(holds), vec![owner.0.into(), key.into(), refund.into()]).await
}

/// These notifications go, and what they quoted with them; false when there are more.
async fn go_in(app: &App, tx: &Transaction, which: &str, mut values: Vec<Value>) -> Result<bool> {
    values.push(app.clock.now().into());
    let sql = format!(
        "UPDATE notifications SET gone_at = ${}, message = '' WHERE id IN (SELECT w.id FROM ({which}) w \
         WHERE w.gone_at IS NULL LIMIT {BATCH}) RETURNING recipient_id, id, 1 = 0",
        values.len()
    );
    let gone = tx.rows(sql, values).await?;
    announce_in(app, tx, &gone).await?;
    Ok(gone.len() < BATCH)
}

/// Says on the streams of their recipients that notifications are gone: rows of a recipient, an id, and whether that was
/// said before. Streams in the order of their ids.
pub(super) async fn announce_in(app: &App, tx: &Transaction, gone: &[QueryResult]) -> Result<()> {
    let mut facts: Vec<(UserId, Uuid)> = Vec::with_capacity(gone.len());
    for row in gone {
        let mut columns = Columns::new(row);
        let fact = (columns.take()?, columns.take()?);
        if !columns.take::<bool>()? {
            facts.push(fact);
        }
    }
    facts.sort_unstable();
    for theirs in facts.chunk_by(|one, other| one.0 == other.0) {
        let event = |(_, id): &(UserId, Uuid)| NewEvent {
            kind: EventKind::NotificationGone,
            actor_id: None,
            subject_id: Some(*id),
        };
        for batch in theirs.chunks(BATCH) {
            let events: Vec<_> = batch.iter().map(event).collect();
            events::append_several_in(app, tx, StreamKind::Notifications, theirs[0].0.0, &events).await?;
        }
    }
    Ok(())
}

/// What quotes a post or comment quotes it as it is now; false when there is more. Whatever was deleted meanwhile is left to
/// the job of that.
async fn quote_in(tx: &Transaction, subject: Uuid) -> Result<bool> {
    let sql = "SELECT body FROM posts WHERE id = $1 AND deleted_at IS NULL \
               UNION ALL SELECT body FROM comments WHERE id = $1 AND deleted_at IS NULL \
               UNION ALL SELECT body FROM contribution_comments WHERE id = $1 AND deleted_at IS NULL";
    let Some(row) = tx.row(sql, vec![subject.into()]).await? else { return Ok(true) };
    let message = text::excerpt(&Columns::new(&row).take::<String>()?, EXCERPT);
    let sql = format!(
        "UPDATE notifications SET message = $2 WHERE id IN (SELECT q.id FROM ({QUOTING}) q \
         WHERE q.gone_at IS NULL AND q.message <> $2 LIMIT {BATCH})"
    );
    let changed = tx.execute(sql, vec![subject.into(), message.as_str().into()]).await?;
    Ok(changed < BATCH as u64)
}
