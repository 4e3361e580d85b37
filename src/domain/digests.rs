//! The daily digest: what a person has not read, by e-mail, for those who asked for it.
//!
//! Owns no table. Always holds: it goes to a confirmed address only, once a day however often the schedule runs, and
//! not at all when there is nothing to tell. It is written when it leaves: what was read or is gone by then is not in it,
//! however long the mail server was down.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait, Select,
    sea_query::{Expr, SelectStatement},
};
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
    entity::{
        UserId, credential,
        digest_subscription::{self, Column, Entity},
        job, notification, suspension, user,
    },
    error::{Error, Result},
    platform::db::Transaction,
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

/// Somebody whose digest is due.
#[derive(FromQueryResult)]
struct Due {
    user_id: Uuid,
    sent_at: Option<DateTime<Utc>>,
    has_unread: bool,
}

/// Those whose digest is due, with whether there is anything that they have not read.
async fn due_in(tx: &Transaction, now: DateTime<Utc>) -> Result<Vec<(Digest, bool)>> {
    let oldest = now - OLDEST;
    let due = wanted()
        .select_only()
        .columns([Column::UserId, Column::SentAt])
        .expr_as(Expr::exists(unread_since_last(oldest)), "has_unread")
        .filter(Column::SentAt.is_null().or(Column::SentAt.lte(now - APART)))
        .filter(Expr::not_exists(suspended(now)))
        .order_by_asc(Column::UserId)
        .limit(BATCH as u64);
    let due = due.into_model::<Due>().all(tx).await?;
    let digest = |Due { user_id: user, sent_at, has_unread }| {
        let after = sent_at.map_or(oldest, |last| std::cmp::max(last, oldest));
        (Digest { user, after, until: now }, has_unread)
    };
    Ok(due.into_iter().map(digest).collect())
}

/// Who wants digests and has a confirmed address, joined to their credentials.
fn wanted() -> Select<Entity> {
    let mut wanted = Entity::find()
        .filter(Column::Digest.eq(digest_subscription::Digest::Daily))
        .filter(credential::Column::EmailConfirmedAt.is_not_null());
    let is_theirs = credential::Column::UserId.into_expr().eq(Column::UserId.into_expr());
    QueryTrait::query(&mut wanted).join(JoinType::InnerJoin, credential::Entity, is_theirs);
    wanted
}

/// What people have not read.
fn unread() -> Select<notification::Entity> {
    notification::Entity::find()
        .filter(notification::Column::ReadAt.is_null())
        .filter(notification::Column::GoneAt.is_null())
}

/// What somebody of [`wanted`] has not read and was told since their last digest; nothing that is older than this.
fn unread_since_last(oldest: DateTime<Utc>) -> SelectStatement {
    let last = Expr::case(Column::SentAt.gt(oldest), Column::SentAt.into_expr()).finally(oldest);
    unread()
        .select_only()
        .column(notification::Column::Id)
        .filter(notification::Column::RecipientId.into_expr().eq(Column::UserId.into_expr()))
        .filter(notification::Column::CreatedAt.into_expr().gt(last))
        .into_query()
}

/// The suspension of somebody of [`wanted`], while they may not sign in.
fn suspended(now: DateTime<Utc>) -> SelectStatement {
    suspension::Entity::find()
        .select_only()
        .column(suspension::Column::UserId)
        .filter(suspension::Column::UserId.into_expr().eq(Column::UserId.into_expr()))
        .filter(suspension::Column::Until.is_null().or(suspension::Column::Until.gt(now)))
        .into_query()
}

/// What a digest tells: what its reader has not read of its time.
fn told(digest: &Digest) -> Select<notification::Entity> {
    unread()
        .filter(notification::Column::RecipientId.eq(digest.user))
        .filter(notification::Column::CreatedAt.gt(digest.after))
        .filter(notification::Column::CreatedAt.lte(digest.until))
}

/// Who reads a digest, and how much there is in it.
#[derive(FromQueryResult)]
struct Reader {
    display_name: String,
    locale: String,
    email: String,
    count: i64,
}

/// What is named in a digest.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "notification::Entity")]
struct Item {
    title: String,
}

/// The digest as it is now; `None` where there is nothing to tell any more, or nobody who wants it.
async fn write(app: &App, digest: &Digest) -> Result<Option<Message>> {
    let count = told(digest).select_only().expr(notification::Column::Id.count()).into_query();
    let reader = wanted()
        .join(JoinType::InnerJoin, digest_subscription::Relation::User.def())
        .filter(Column::UserId.eq(digest.user))
        .select_only()
        .columns([user::Column::DisplayName, user::Column::Locale])
        .column(credential::Column::Email)
        .expr_as(count, "count");
    let reader: Option<Reader> = app.db.select(&reader.into_query()).await?.pop();
    let Some(Reader { display_name: name, locale, email, count }) = reader else { return Ok(None) };
    if count == 0 {
        return Ok(None);
    }
    let newest = told(digest)
        .order_by_desc(notification::Column::CreatedAt)
        .order_by_desc(notification::Column::Id)
        .limit(ITEMS);
    let items: Vec<Item> = app.db.read(newest).await?;
    let titles: Vec<String> = items.into_iter().map(|item| item.title).collect();
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
