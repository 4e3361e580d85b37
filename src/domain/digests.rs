//! The daily digest: what a person has not read, by e-mail, for those who asked for it.
//!
//! Owns no table. Always holds: it goes to a confirmed address only, once a day however often the schedule runs, and
//! not at all when there is nothing to tell. It is written when it leaves: what was read or is gone by then is not in it,
//! however long the mail server was down.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        accounts,
        jobs::{self, Handler, Job, Lane},
        messages::{self, Message, Template},
        registration::{Domain, Schedule},
    },
    entity::{UserId, job},
    error::{Error, Result},
    platform::db::{Columns, Transaction},
};

/// What digests hand over.
pub(crate) const DOMAIN: Domain = Domain {
    jobs: &[Handler::of::<Digest>()],
    schedules: &[Schedule { name: "digest", every: TimeDelta::hours(24), run: |app| Box::pin(run(app)) }],
    ..Domain::named("digests")
};

async fn run(app: &App) -> Result<()> {
    let sent = send(app).await?;
    if sent > 0 {
        tracing::info!(sent, "digests are on their way");
    }
    Ok(())
}

/// How many people are dealt with in one transaction.
const BATCH: usize = 200;
/// How many things a digest names; the others are counted.
const ITEMS: u64 = 5;
/// Whoever got one since then does not get another: half a day, because the schedule does not keep to the second.
const APART: TimeDelta = TimeDelta::hours(12);
/// What is older is no news, even for those who never got a digest.
const OLDEST: TimeDelta = TimeDelta::days(7);

/// What is told: what came since the last digest. `$1` is how old it may be.
const UNREAD: &str = "n.recipient_id = d.user_id AND n.read_at IS NULL AND n.gone_at IS NULL AND n.created_at > \
                      CASE WHEN d.sent_at > $1 THEN d.sent_at ELSE $1 END";

/// Whose digest, and of which time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Digest {
    user: Uuid,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Job for Digest {
    const KIND: &'static str = "digest";
    const LANE: Lane = Lane::Email;

    /// Writes what is unread still, and sends it.
    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        match write(app, &self).await? {
            Some(message) => messages::dispatch(app, job, &message).await,
            None => app.db.transact(async |tx| jobs::finish_in(&tx, job.id).await).await,
        }
    }
}

/// Queues everybody's digest, a batch at a time; gives how many. After an end in the middle the rest is due still.
pub async fn send(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let mut sent = 0;
    loop {
        let (people, queued) = app.db.transact(async |tx| send_batch_in(app, &tx, now).await).await?;
        sent += queued as u64;
        if people < BATCH {
            return Ok(sent);
        }
        if app.stop.is_cancelled() {
            return Err(Error::internal("stopped before the last digest"));
        }
    }
}

/// Three statements, however many people.
async fn send_batch_in(app: &App, tx: &Transaction, now: DateTime<Utc>) -> Result<(usize, usize)> {
    let due = due_in(tx, now).await?;
    if due.is_empty() {
        return Ok((0, 0));
    }
    let ids: Vec<_> = due.iter().map(|(digest, _)| UserId(digest.user)).collect();
    let noted = accounts::digest_sent_in(app, tx, &ids, now - APART).await?;
    let told = due.iter().filter(|(digest, unread)| *unread && noted.contains(&UserId(digest.user)));
    let digests: Vec<_> = told.map(|(digest, _)| (Digest::LANE, *digest)).collect();
    jobs::enqueue_all_in(app, tx, &digests).await?;
    Ok((due.len(), digests.len()))
}

/// Those whose digest is due, with whether there is anything that they have not read.
async fn due_in(tx: &Transaction, now: DateTime<Utc>) -> Result<Vec<(Digest, bool)>> {
    let sql = format!(
        "SELECT d.user_id, d.sent_at, EXISTS (SELECT 1 FROM notifications n WHERE {UNREAD}) \
         FROM digest_subscriptions d JOIN credentials c ON c.user_id = d.user_id \
         WHERE d.digest = 'daily' AND (d.sent_at IS NULL OR d.sent_at <= $2) \
         AND c.email_confirmed_at IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM suspensions s WHERE s.user_id = d.user_id AND (s.until IS NULL OR s.until > $3)) \
         ORDER BY d.user_id LIMIT {BATCH}"
    );
    let oldest = now - OLDEST;
    let rows = tx.rows(sql, vec![oldest.into(), (now - APART).into(), now.into()]).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            let (user, last): (Uuid, Option<DateTime<Utc>>) = (columns.take()?, columns.take()?);
            let after = last.map_or(oldest, |last| last.max(oldest));
            Ok((Digest { user, after, until: now }, columns.take()?))
        })
        .collect()
}

/// The digest as it is now; `None` where there is nothing to tell any more, or nobody who wants it.
async fn write(app: &App, digest: &Digest) -> Result<Option<Message>> {
    let unread = "recipient_id = $1 AND read_at IS NULL AND gone_at IS NULL AND created_at > $2 AND created_at <= $3";
    let values = || vec![digest.user.into(), digest.after.into(), digest.until.into()];
    let sql = format!(
        "SELECT u.display_name, u.locale, c.email, (SELECT COUNT(*) FROM notifications WHERE {unread}) \
         FROM digest_subscriptions d JOIN users u ON u.id = d.user_id JOIN credentials c ON c.user_id = d.user_id \
         WHERE d.user_id = $1 AND d.digest = 'daily' AND c.email_confirmed_at IS NOT NULL"
    );
    let rows = app.db.rows(sql, values()).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut columns = Columns::new(row);
    let (name, locale, email): (String, String, String) = (columns.take()?, columns.take()?, columns.take()?);
    let count: i64 = columns.take()?;
    if count == 0 {
        return Ok(None);
    }
    let sql = format!("SELECT title FROM notifications WHERE {unread} ORDER BY created_at DESC, id DESC LIMIT {ITEMS}");
    let titles = app.db.rows(sql, values()).await?;
    let titles = titles.iter().map(|row| Columns::new(row).take()).collect::<Result<Vec<String>>>()?;
    let mut link = app.config.frontend_url.clone();
    if let Ok(mut path) = link.path_segments_mut() {
        path.pop_if_empty().push("notifications");
    }
    // Only confirmed addresses get one.
    let message = Message { is_proven: true, ..Message::email(&email, &locale, Template::Digest) }
        .with("name", name)
        .with("count", count)
        .with("items", titles.join("\n"))
        .with("link", link);
    Ok(Some(message))
}
