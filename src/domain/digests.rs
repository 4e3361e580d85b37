//! The daily digest: what a person has not read, by e-mail, for those who asked for it.
//!
//! Owns no table. Always holds: it goes to a confirmed address only, once a day however often the schedule runs, and
//! not at all when there is nothing to tell.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::Value;

use crate::{
    app::App,
    domain::{
        accounts,
        messages::{self, Message, Template},
    },
    entity::UserId,
    error::{Error, Result},
    platform::db::{Columns, Transaction, placeholders},
};

/// How many people are dealt with in one transaction.
const BATCH: usize = 200;
/// How many things a digest names; the others are counted.
const ITEMS: u64 = 5;
/// Whoever got one since then does not get another: half a day, because the schedule does not keep to the second.
const APART: TimeDelta = TimeDelta::hours(12);
/// What is older is no news, even for those who never got a digest.
const OLDEST: TimeDelta = TimeDelta::days(7);

/// What is told: what came since the last digest. `$1` is how old it may be.
const UNREAD: &str = "n.recipient_id = d.user_id AND n.read_at IS NULL AND n.created_at > \
                      CASE WHEN d.sent_at > $1 THEN d.sent_at ELSE $1 END";

struct Receiver {
    id: UserId,
    name: String,
    locale: String,
    email: String,
    unread: i64,
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

/// Four statements, however many people.
async fn send_batch_in(app: &App, tx: &Transaction, now: DateTime<Utc>) -> Result<(usize, usize)> {
    let receivers = due_in(tx, now).await?;
    if receivers.is_empty() {
        return Ok((0, 0));
    }
    let ids: Vec<_> = receivers.iter().map(|receiver| receiver.id).collect();
    let mut items = items_in(app, tx, now, &ids).await?;
    let noted = accounts::digest_sent_in(app, tx, &ids, now - APART).await?;
    let mut link = app.config.frontend_url.clone();
    if let Ok(mut path) = link.path_segments_mut() {
        path.pop_if_empty().push("notifications");
    }
    let messages: Vec<_> = receivers
        .iter()
        .filter(|receiver| receiver.unread > 0 && noted.contains(&receiver.id))
        .map(|receiver| {
            Message::email(&receiver.email, &receiver.locale, Template::Digest)
                .with("name", &receiver.name)
                .with("count", receiver.unread)
                .with("items", items.remove(&receiver.id).unwrap_or_default().join("\n"))
                .with("link", &link)
        })
        .collect();
    messages::send_all_in(app, tx, &messages).await?;
    Ok((receivers.len(), messages.len()))
}

/// Those whose digest is due, with how much they have not read.
async fn due_in(tx: &Transaction, now: DateTime<Utc>) -> Result<Vec<Receiver>> {
    let sql = format!(
        "SELECT d.user_id, u.display_name, u.locale, c.email, (SELECT COUNT(*) FROM notifications n WHERE {UNREAD}) \
         FROM digest_subscriptions d JOIN users u ON u.id = d.user_id JOIN credentials c ON c.user_id = d.user_id \
         WHERE d.digest = 'daily' AND (d.sent_at IS NULL OR d.sent_at <= $2) \
         AND c.email_confirmed_at IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM suspensions s WHERE s.user_id = d.user_id AND (s.until IS NULL OR s.until > $3)) \
         ORDER BY d.user_id LIMIT {BATCH}"
    );
    let rows = tx.rows(sql, vec![(now - OLDEST).into(), (now - APART).into(), now.into()]).await?;
    rows.iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok(Receiver {
                id: columns.take()?,
                name: columns.take()?,
                locale: columns.take()?,
                email: columns.take()?,
                unread: columns.take()?,
            })
        })
        .collect()
}

/// The headlines of the newest things that people have not read.
async fn items_in(
    app: &App,
    tx: &Transaction,
    now: DateTime<Utc>,
    ids: &[UserId],
) -> Result<HashMap<UserId, Vec<String>>> {
    let mut values: Vec<Value> = vec![(now - OLDEST).into()];
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let order = "n.created_at DESC, n.id DESC";
    let newest = app.db.first_of_each("digest_subscriptions d", "notifications", "n", UNREAD, order, ITEMS);
    let sql = format!("SELECT d.user_id, n.title FROM {newest} WHERE d.user_id IN ({list}) ORDER BY {order}");
    let mut items: HashMap<UserId, Vec<String>> = HashMap::new();
    for row in &tx.rows(sql, values).await? {
        let mut columns = Columns::new(row);
        items.entry(columns.take()?).or_default().push(columns.take()?);
    }
    Ok(items)
}
