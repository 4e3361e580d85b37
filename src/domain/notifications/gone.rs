//! What becomes of a notification when what it tells of is gone or says something else: it goes, and comes back with it;
//! or it quotes the new text. It is there exactly while it would be told now.

use sea_orm::{QueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::notices::{Notice, excerpt, notify_in};
use crate::{
    app::App,
    domain::{
        events::{self, NewEvent},
        registration::DOMAINS,
    },
    entity::{
        UserId,
        event::{EventKind, StreamKind},
    },
    error::Result,
    platform::db::{Columns, Transaction},
};

/// How many notifications are changed in one transaction.
const BATCH: usize = 500;

/// Something of a domain's that notifications tell of and quote. Its id is `$1` in what is said of it here.
#[derive(Debug)]
pub struct Subject {
    /// The query of its text, `body`, while it is there.
    pub text: &'static str,
    /// The notifications `n` beside its own that were told because of it, as what follows `FROM`.
    pub because: &'static [&'static str],
    /// Those beside its own that quote it, alike.
    pub quoting: &'static [&'static str],
}

fn subjects() -> impl Iterator<Item = &'static Subject> {
    DOMAINS.iter().flat_map(|domain| domain.subjects)
}

/// The notifications that each of these parts names, by `$1`.
fn union<'a>(own: &'a str, more: impl Iterator<Item = &'a str>) -> String {
    let parts = [own].into_iter().chain(more).map(|part| format!("SELECT n.id, n.gone_at, n.message FROM {part}"));
    parts.collect::<Vec<_>>().join(" UNION ALL ")
}

/// Those of one fact (`$2`) to one person (`$1`), unless it holds still.
pub(crate) fn of_fact(holds: &str) -> String {
    format!(
        "SELECT n.id, n.gone_at FROM notifications n WHERE n.recipient_id = $1 AND n.dedupe_key = $2 \
         AND NOT EXISTS ({holds})"
    )
}

/// What was told of something is gone, because that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// The id of what was deleted.
    pub subject: Uuid,
}

impl Notice for Deleted {
    const EVENT: &'static str = "deleted";

    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let because = subjects().flat_map(|subject| subject.because).copied();
        let which = union("notifications n WHERE n.subject_id = $1", because);
        if go_in(app, tx, &which, vec![self.subject.into()]).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// What quotes something quotes it as it is now: it has another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    /// The id of what was changed.
    pub subject: Uuid,
}

impl Notice for Edited {
    const EVENT: &'static str = "edited";

    /// Whatever was deleted meanwhile is left to the job of that.
    async fn tell_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let texts: Vec<_> = subjects().map(|subject| subject.text).collect();
        let row = tx.row(texts.join(" UNION ALL "), vec![self.subject.into()]).await?;
        let Some(row) = row else { return Ok(()) };
        let message = excerpt(&Columns::new(&row).take::<String>()?);
        // That a post was passed on quotes the post, and not what was said along with it.
        let own = "notifications n WHERE n.subject_id = $1 AND n.kind <> 'share'";
        let quoting = union(own, subjects().flat_map(|subject| subject.quoting).copied());
        let sql = format!(
            "UPDATE notifications SET message = $2 WHERE id IN (SELECT q.id FROM ({quoting}) q \
             WHERE q.gone_at IS NULL AND q.message <> $2 LIMIT {BATCH})"
        );
        let changed = tx.execute(sql, vec![self.subject.into(), message.as_str().into()]).await?;
        if changed < BATCH as u64 { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// These notifications go, and what they quoted with them; false when there are more.
pub(crate) async fn go_in(app: &App, tx: &Transaction, which: &str, mut values: Vec<Value>) -> Result<bool> {
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
