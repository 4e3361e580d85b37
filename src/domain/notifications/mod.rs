//! Notifications: what people are told of what others did, as a list and as a live stream.
//!
//! Owns `notifications` and the streams of kind `notifications`. Always holds: nobody is told of their own act, nor
//! twice of the same (a unique key per recipient and fact); a notification and its event on the recipient's stream are
//! written in one transaction. They are made by a job, so the act itself never waits for them, and go by a job when what
//! they tell of is gone ([`gone`]). Who is told what, in which words, stands with each domain, as its [`Notice`]s.

mod gone;
mod notices;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
    sea_query::{Expr, LockType, Query},
};
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
        notification::{Column, Entity, NotificationKind, SubjectKind},
        user,
    },
    error::{Error, Result},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
    },
};

use gone::Gone;
pub use gone::Subject;
pub(crate) use gone::{Deleted, Edited};
pub(crate) use gone::{about, go_in, of_fact};
pub(crate) use notices::notify_all_in;
pub(crate) use notices::{NewNotification, deliver_in, deliver_one_in, excerpt, notify_step, payload, short};
pub use notices::{Notice, NoticeHandler, notify_in};

/// What notifications hand over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["notifications"],
    jobs: &[Handler { kind: notices::KIND, run: |app, job| Box::pin(notices::run(app, job)) }],
    notices: &[NoticeHandler::of::<Deleted>(), NoticeHandler::of::<Edited>()],
    retentions: &[Retention { what: "notifications of what is gone", prune: |app| Box::pin(prune(app)) }],
    exports: EXPORT,
    erase_in: |app, tx, user| Box::pin(erase_in(app, tx, user)),
    ..Domain::named("notifications")
};

/// What a person was told, as long as what it tells of is there.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct Notification {
    /// Primary key.
    pub id: NotificationId,
    /// Who is told.
    pub recipient_id: UserId,
    /// What it is about.
    pub kind: NotificationKind,
    /// At most 255 characters, in the recipient's language.
    pub title: String,
    /// An excerpt or a sentence; may be empty.
    pub message: String,
    /// Who caused it.
    pub actor_id: Option<UserId>,
    /// Table of the subject.
    pub subject_kind: Option<SubjectKind>,
    /// The id of what it is about, in that table.
    pub subject_id: Option<Uuid>,
    /// When the recipient read it; absent before.
    pub read_at: Option<DateTime<Utc>>,
    /// When they were told.
    pub created_at: DateTime<Utc>,
}

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
    let person = user::Entity::find_by_id(user).select_only().column(user::Column::Id).lock(LockType::Update);
    person.into_tuple::<UserId>().one(tx).await?;
    Entity::delete_many().filter(Column::RecipientId.eq(user)).exec(tx).await?;
    let mut forgetting = Entity::delete_many().filter(Column::ActorId.eq(user));
    let columns = [Column::RecipientId, Column::Id, Column::GoneAt];
    let forgetting = QueryTrait::query(&mut forgetting).returning(Query::returning().columns(columns));
    let forgotten: Vec<Forgotten> = tx.read(forgetting).await?;
    let news = forgotten.into_iter().filter(|forgotten| forgotten.gone_at.is_none());
    gone::announce_in(app, tx, news.map(|forgotten| forgotten.notification).collect()).await?;
    events::erase_in(tx, StreamKind::Notifications, user.0).await
}

/// A notification that named somebody.
#[derive(Debug, FromQueryResult)]
struct Forgotten {
    #[sea_orm(nested)]
    notification: Gone,
    gone_at: Option<DateTime<Utc>>,
}

/// Deletes what has been gone for longer than events are kept; gives how many went.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("notifications", "gone_at", app.clock.now() - app.config.event_retention).await
}

// ---------------------------------------------------------------------------------------------- reading and marking

/// A person's notifications whose subjects are there.
fn of(recipient: UserId) -> Select<Entity> {
    Entity::find().filter(Column::RecipientId.eq(recipient)).filter(Column::GoneAt.is_null())
}

/// What cursors in the list are tied to.
pub(crate) const SORT: &str = "notifications.newest";

/// A notification's place in the list.
#[must_use]
pub(crate) fn cursor(notification: &Notification) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(notification.created_at), id: notification.id.0 }
}

/// What notifications have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NotificationFilter {
    /// Whether unread ones are meant, or those that were read.
    pub unread: Option<bool>,
    /// What they are about.
    pub kinds: Option<Vec<NotificationKind>>,
    /// When they were told.
    pub during: Span,
}

/// The actor's notifications, newest first.
pub(crate) async fn notifications(
    app: &App,
    actor: &Actor,
    filter: &NotificationFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Notification>> {
    let user = actor.require_user()?.id;
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.filter(Column::RecipientId.eq(user));
    list.filter(Column::GoneAt.is_null());
    match filter.unread {
        Some(true) => list.filter(Column::ReadAt.is_null()),
        Some(false) => list.filter(Column::ReadAt.is_not_null()),
        None => {}
    }
    if filter.kinds.is_some() || filter.unread == Some(false) {
        // No index for these: each notification would pay for it. One person's newest are few enough to be looked at.
        let newest = of(user).order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
        let newest = if filter.unread == Some(true) { newest.filter(Column::ReadAt.is_null()) } else { newest };
        list.among(newest.select_only().column_as(Column::Id, "id").into_query());
    }
    list.any_of(Column::Kind, filter.kinds.as_deref(), |kind| kind.as_str())?;
    list.during(Column::CreatedAt, filter.during)?;
    list.page(&app.db, page, with_total, |select| select).await
}

#[derive(Debug, FromQueryResult)]
struct Counted {
    count: i64,
}

/// How many of the actor's own notifications are unread; nothing of anybody else's.
pub(crate) async fn unread_counts(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let own = actor.require_user()?.id;
    if !ids.contains(&own) {
        return Ok(HashMap::new());
    }
    let unread = of(own).filter(Column::ReadAt.is_null());
    let counting = unread.select_only().expr_as(Column::Id.count(), "count").into_query();
    let counted: Vec<Counted> = app.db.select(&counting).await?;
    Ok(counted.into_iter().map(|counted| (own, counted.count)).collect())
}

/// The actor's own notifications by id.
pub(crate) async fn by_id(
    app: &App,
    actor: &Actor,
    ids: &[NotificationId],
) -> Result<HashMap<NotificationId, Notification>> {
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
    let found: Vec<Notification> = app.db.read(of(user).filter(any_id(Column::Id, ids))).await?;
    Ok(found.into_iter().map(|notification| (notification.id, notification)).collect())
}

/// Marks one of the actor's notifications as read; again changes nothing. Code: NOT_FOUND.
pub(crate) async fn mark_read(app: &App, actor: &Actor, id: NotificationId) -> Result<Notification> {
    let user = actor.require_user()?.id;
    app.db
        .transact(async |tx| {
            Entity::update_many()
                .col_expr(Column::ReadAt, Expr::val(app.clock.now()))
                .filter(Column::Id.eq(id))
                .filter(Column::RecipientId.eq(user))
                .filter(Column::ReadAt.is_null())
                .filter(Column::GoneAt.is_null())
                .exec(&tx)
                .await?;
            let found = of(user).filter(Column::Id.eq(id)).into_partial_model::<Notification>().one(&tx).await?;
            found.ok_or_else(|| Error::not_found("id"))
        })
        .await
}

/// Marks all of the actor's notifications as read, up to now; gives how many were unread.
pub(crate) async fn mark_all_read(app: &App, actor: &Actor) -> Result<u64> {
    let user = actor.require_user()?.id;
    let now = app.clock.now();
    app.db
        .transact(async |tx| {
            let marked = Entity::update_many()
                .col_expr(Column::ReadAt, Expr::val(now))
                .filter(Column::RecipientId.eq(user))
                .filter(Column::ReadAt.is_null())
                .filter(Column::GoneAt.is_null())
                .filter(Column::CreatedAt.lte(now))
                .exec(&tx)
                .await?;
            Ok(marked.rows_affected)
        })
        .await
}

// ---------------------------------------------------------------------------------------------------- the live stream

/// How far the actor's stream has come: a list and a subscription from here join without a gap.
pub(crate) async fn stream_head(app: &App, actor: &Actor) -> Result<i64> {
    let user = actor.require_user()?.id;
    events::head(app, StreamKind::Notifications, user.0).await
}

/// What a person's stream tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// They are told of something.
    Delivered(Box<Notification>),
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
                _ => found.get(&id).cloned().map(|told| News::Delivered(Box::new(told))),
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
