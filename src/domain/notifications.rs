//! Notifications: what people are told of what others did, as a list and as a live stream.
//!
//! Owns `notifications` and the streams of kind `notifications`. Always holds: nobody is told of their own act, nor
//! twice of the same (a unique key per recipient and fact); a notification and its event on the recipient's stream are
//! written in one transaction. They are made by a job, so the act itself never waits for them, and go by a job when what
//! they tell of is gone ([`gone`]). Who is told what, in which words, stands with each domain, as its [`Notice`]s.

mod gone;
mod notices;

use std::{collections::HashMap, sync::Arc};

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        events,
        export::{
            Kind::{Id, Text, Time},
            Table,
        },
        jobs::Handler,
        live::{self, Content, Step},
        registration::{Domain, Retention},
    },
    entity::{
        NotificationId, UserId,
        event::{self, EventKind, StreamKind},
        notification,
        notification::NotificationKind,
    },
    error::{Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
    },
};

pub use gone::{Deleted, Edited, Subject};
pub(crate) use gone::{go_in, of_fact};
pub(crate) use notices::{Concerned, Telling, excerpt, notify_step, payload, short, tell_in, tell_one_in};
pub use notices::{Notice, Teller, notify_all_in, notify_in};

/// What notifications hand over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["notifications"],
    jobs: &[Handler { kind: notices::KIND, run: |app, job| Box::pin(notices::run(app, job)) }],
    notices: &[Teller::of::<Deleted>(), Teller::of::<Edited>()],
    retentions: &[Retention { what: "notifications of what is gone", prune: |app| Box::pin(prune(app)) }],
    exports: EXPORT,
    erase_in: |app, tx, user| Box::pin(erase_in(app, tx, user)),
    ..Domain::named("notifications")
};

/// What a person was told.
pub type Notification = notification::Model;

/// What notifications hold about a person.
const EXPORT: &[Table] = &[Table {
    file: "notifications.json",
    table: "notifications",
    owner: "recipient_id",
    key: "id",
    columns: &[
        ("id", "id", Id("notification")),
        ("kind", "kind", Text),
        ("title", "title", Text),
        ("message", "message", Text),
        ("readAt", "read_at", Time),
        ("goneAt", "gone_at", Time),
        ("createdAt", "created_at", Time),
    ],
}];

/// Forgets a person who is about to be deleted: what others were told of them names them, and their own stream goes.
async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    // Whoever is being told of them just now is told first, and forgets it, too.
    tx.row(format!("SELECT 1 FROM users WHERE id = $1 {}", tx.for_removal()), vec![user.0.into()]).await?;
    tx.execute("DELETE FROM notifications WHERE recipient_id = $1", vec![user.0.into()]).await?;
    let sql = "DELETE FROM notifications WHERE actor_id = $1 RETURNING recipient_id, id, gone_at IS NOT NULL";
    let forgotten = tx.rows(sql, vec![user.0.into()]).await?;
    gone::announce_in(app, tx, &forgotten).await?;
    events::erase_in(tx, StreamKind::Notifications, user.0).await
}

/// Deletes what has been gone for longer than events are kept; gives how many went.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("notifications", "gone_at", app.clock.now() - app.config.event_retention).await
}

// ---------------------------------------------------------------------------------------------- reading and marking

const COLUMNS: &str = "n.id, n.recipient_id, n.kind, n.title, n.message, n.actor_id, n.subject_kind, n.subject_id, n.read_at, n.created_at";

fn read(row: &QueryResult) -> Result<Notification> {
    let mut columns = Columns::new(row);
    Ok(Notification {
        id: columns.take()?,
        recipient_id: columns.take()?,
        kind: columns.take()?,
        title: columns.take()?,
        message: columns.take()?,
        actor_id: columns.take()?,
        subject_kind: columns.take()?,
        subject_id: columns.take()?,
        // Only compared on insert, never shown.
        dedupe_key: String::new(),
        read_at: columns.take()?,
        // Only what is there is read.
        gone_at: None,
        created_at: columns.take()?,
    })
}

/// What cursors in the list are tied to.
pub const SORT: &str = "notifications.newest";

/// A notification's place in the list.
#[must_use]
pub fn cursor(notification: &Notification) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(notification.created_at), id: notification.id.0 }
}

/// What notifications have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Whether unread ones are meant, or those that were read.
    pub unread: Option<bool>,
    /// What they are about.
    pub kinds: Option<Vec<NotificationKind>>,
    /// When they were told.
    pub during: Span,
}

/// The actor's notifications, newest first.
pub async fn notifications(
    app: &App,
    actor: &Actor,
    filter: &NotificationFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Notification>> {
    let user = actor.require_user()?.id;
    let mut conditions = Conditions::default();
    conditions.equal("n.recipient_id", Some(user.0));
    conditions.that("n.gone_at IS NULL");
    match filter.unread {
        Some(true) => conditions.that("n.read_at IS NULL"),
        Some(false) => conditions.that("n.read_at IS NOT NULL"),
        None => {}
    }
    if filter.kinds.is_some() || filter.unread == Some(false) {
        // No index for these: each notification would pay for it. One person's newest are few enough to be looked at.
        let unread = if filter.unread == Some(true) { "AND n.read_at IS NULL" } else { "" };
        conditions.among(format!(
            "SELECT n.id FROM notifications n WHERE n.recipient_id = $1 AND n.gone_at IS NULL {unread} \
             ORDER BY n.created_at DESC, n.id DESC"
        ));
    }
    conditions.any_of("n.kind", filter.kinds.as_deref(), |kind| kind.as_str())?;
    conditions.during("n.created_at", filter.during)?;
    let source = Source {
        columns: COLUMNS,
        table: "notifications n",
        joins: "",
        key: "n.created_at",
        id: "n.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read).await
}

/// How many of the actor's own notifications are unread; nothing of anybody else's.
pub async fn unread_counts(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let own = actor.require_user()?.id;
    if !ids.contains(&own) {
        return Ok(HashMap::new());
    }
    let sql = "SELECT COUNT(*) FROM notifications WHERE recipient_id = $1 AND read_at IS NULL AND gone_at IS NULL";
    let rows = app.db.rows(sql, vec![own.0.into()]).await?;
    rows.iter().map(|row| Ok((own, Columns::new(row).take()?))).collect()
}

/// The actor's own notifications by id.
pub async fn by_id(app: &App, actor: &Actor, ids: &[NotificationId]) -> Result<HashMap<NotificationId, Notification>> {
    match actor.user_id() {
        Some(user) => of_recipient(app, user, ids).await,
        None => Ok(HashMap::new()),
    }
}

async fn of_recipient(
    app: &App,
    user: UserId,
    ids: &[NotificationId],
) -> Result<HashMap<NotificationId, Notification>> {
    let mut values: Vec<Value> = vec![user.0.into()];
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!(
        "SELECT {COLUMNS} FROM notifications n WHERE n.recipient_id = $1 AND n.gone_at IS NULL AND n.id IN ({list})"
    );
    let rows = app.db.rows(sql, values).await?;
    rows.iter().map(|row| read(row).map(|notification| (notification.id, notification))).collect()
}

/// Marks one of the actor's notifications as read; again changes nothing. Code: NOT_FOUND.
pub async fn mark_read(app: &App, actor: &Actor, id: NotificationId) -> Result<Notification> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            let sql = "UPDATE notifications SET read_at = $3 \
                       WHERE id = $1 AND recipient_id = $2 AND read_at IS NULL AND gone_at IS NULL";
            tx.execute(sql, vec![id.0.into(), user.0.into(), app.clock.now().into()]).await?;
            let sql = format!(
                "SELECT {COLUMNS} FROM notifications n WHERE n.id = $1 AND n.recipient_id = $2 AND n.gone_at IS NULL"
            );
            let row = tx.row(sql, vec![id.0.into(), user.0.into()]).await?;
            read(&row.ok_or_else(|| UserError::input("id", UserErrorCode::NotFound))?)
        })
        .await
}

/// Marks all of the actor's notifications as read, up to now; gives how many were unread.
pub async fn mark_all_read(app: &App, actor: &Actor) -> Result<u64> {
    let user = actor.require_user()?.id;
    let now = app.clock.now();
    app.db
        .transact(async |tx| {
            let sql = "UPDATE notifications SET read_at = $2 \
                       WHERE recipient_id = $1 AND read_at IS NULL AND gone_at IS NULL AND created_at <= $2";
            tx.execute(sql, vec![user.0.into(), now.into()]).await
        })
        .await
}

// ---------------------------------------------------------------------------------------------------- the live stream

/// How far the actor's stream has come: a list and a subscription from here join without a gap.
pub async fn stream_head(app: &App, actor: &Actor) -> Result<i64> {
    let user = actor.require_user()?.id;
    events::head(app, StreamKind::Notifications, user.0).await
}

/// What a person's stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// They are told of something.
    Told(Box<Notification>),
    /// What they were told of is gone, and so is the notification.
    Gone(NotificationId),
}

/// What a person's stream tells: their notifications, as they come and go.
struct Stream;

impl Content for Stream {
    type Item = News;
    const KIND: StreamKind = StreamKind::Notifications;

    async fn load(app: &App, id: Uuid, events: &[event::Model]) -> Result<Vec<Option<Arc<News>>>> {
        let told = events.iter().filter(|event| event.kind == EventKind::Notified);
        let ids: Vec<_> = told.filter_map(|event| event.subject_id.map(NotificationId)).collect();
        let found = of_recipient(app, UserId(id), &ids).await?;
        let content = |event: &event::Model| {
            let id = NotificationId(event.subject_id?);
            let news = match event.kind {
                EventKind::NotificationGone => Some(News::Gone(id)),
                _ => found.get(&id).cloned().map(|told| News::Told(Box::new(told))),
            };
            news.map(Arc::new)
        };
        Ok(events.iter().map(content).collect())
    }
}

/// Follows the actor's stream: with `after`, first what was missed since then; then live, without gap or duplicate.
pub async fn follow(
    app: &App,
    actor: &Actor,
    client: &Client,
    after: Option<i64>,
) -> Result<impl futures_util::Stream<Item = Result<Step<News>>> + Send + use<>> {
    live::follow::<Stream>(app, actor, client, actor.require_user()?.id.0, after).await
}
