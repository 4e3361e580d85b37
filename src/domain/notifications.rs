//! Notifications: what people are told of what others did, as a list and as a live stream.
//!
//! Owns `notifications` and the streams of kind `notifications`. Always holds: nobody is told of their own act, nor
//! twice of the same (a unique key per recipient and fact); a notification and its event on the recipient's stream are
//! written in one transaction. They are made by a job, so the act itself never waits for them, and go by a job when what
//! they tell of is gone ([`gone`]).

mod goals;
mod gone;
mod money;

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue,
    domain::{
        actor::{Actor, Client},
        events::{self, NewEvent},
        export::{
            Kind::{Id, Text, Time},
            Table,
        },
        jobs::{self, Notify},
        live::{self, Content, Step},
    },
    entity::{
        NotificationId, UserId,
        event::{self, EventKind, StreamKind},
        job, notification,
        notification::{NotificationKind, SubjectKind},
    },
    error::{Locale, Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What a person was told.
pub type Notification = notification::Model;

/// Most characters of an excerpt in a notification's message.
const EXCERPT: usize = 140;

// ---------------------------------------------------------------------------------------------- making them (a job)

/// Someone to be told, and of what.
struct Telling {
    recipient: UserId,
    locale: Locale,
    /// Nobody, or somebody who is not to be named.
    actor: Option<UserId>,
    actor_name: String,
    kind: NotificationKind,
    subject: Option<(SubjectKind, Uuid)>,
    excerpt: String,
    dedupe_key: String,
}

/// Runs a job of kind [`jobs::NOTIFY`]: finds out whom to tell, and tells each once. Harmless when repeated.
pub async fn notify(app: &App, job: &job::Model) -> Result<()> {
    let notify: Notify = serde_json::from_str(&job.payload)?;
    app.db
        .transact(async |tx| {
            let tellings = match &notify {
                Notify::PostLiked { post, actor } => post_liked_in(&tx, *post, *actor).await?,
                Notify::CommentLiked { comment, actor } => comment_liked_in(&tx, *comment, *actor).await?,
                Notify::CommentCreated { comment } => comment_created_in(&tx, *comment).await?,
                Notify::PostShared { share } => post_shared_in(&tx, *share).await?,
                Notify::Contribution { contribution } => goals::contribution_in(&tx, *contribution).await?,
                Notify::ContributionComment { comment } => goals::comment_in(&tx, *comment).await?,
                Notify::RefundRequested { refund } => goals::refund_requested_in(&tx, *refund).await?,
                Notify::TakenBack { refund } => money::taken_back_in(&tx, *refund).await?,
                Notify::Dispute { dispute, state } => money::dispute_in(&tx, *dispute, state).await?,
                Notify::GoalNews { news, after } => {
                    goals::news_in(app, &tx, *news, *after).await?;
                    Vec::new()
                }
                Notify::GoalEnded { goal, after } => {
                    goals::ended_in(app, &tx, *goal, *after).await?;
                    Vec::new()
                }
                Notify::Deleted { .. }
                | Notify::Edited { .. }
                | Notify::PostUnliked { .. }
                | Notify::CommentUnliked { .. }
                | Notify::ContributionReturned { .. }
                | Notify::RefundDecided { .. } => {
                    gone::follow_in(app, &tx, &notify).await?;
                    Vec::new()
                }
            };
            app.steps.reach("notification.telling").await;
            tell_in(app, &tx, tellings).await?;
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

// What is told is there, and stays there until it is told: whatever ends it comes later, and finds the notification.

async fn post_liked_in(tx: &Transaction, post: Uuid, actor: Uuid) -> Result<Vec<Telling>> {
    // A like that was taken back meanwhile is not told.
    let sql = format!(
        "SELECT p.author_id, r.locale, a.id, a.display_name, p.body FROM post_likes l \
         JOIN posts p ON p.id = l.post_id JOIN users r ON r.id = p.author_id JOIN users a ON a.id = l.user_id \
         WHERE l.post_id = $1 AND l.user_id = $2 AND p.deleted_at IS NULL {}",
        tx.while_there("l, p")
    );
    let rows = tx.rows(sql, vec![post.into(), actor.into()]).await?;
    let key = post_like_key(post, actor);
    rows.iter().map(|row| telling(row, NotificationKind::Like, (SubjectKind::Post, post), key.clone())).collect()
}

async fn comment_liked_in(tx: &Transaction, comment: Uuid, actor: Uuid) -> Result<Vec<Telling>> {
    let sql = format!(
        "SELECT c.author_id, r.locale, a.id, a.display_name, c.body FROM comment_likes l \
         JOIN comments c ON c.id = l.comment_id JOIN users r ON r.id = c.author_id JOIN users a ON a.id = l.user_id \
         WHERE l.comment_id = $1 AND l.user_id = $2 AND c.deleted_at IS NULL {}",
        tx.while_there("l, c")
    );
    let rows = tx.rows(sql, vec![comment.into(), actor.into()]).await?;
    let key = comment_like_key(comment, actor);
    rows.iter().map(|row| telling(row, NotificationKind::Like, (SubjectKind::Comment, comment), key.clone())).collect()
}

fn post_like_key(post: Uuid, actor: Uuid) -> String {
    format!("like:post:{actor}:{post}")
}

fn comment_like_key(comment: Uuid, actor: Uuid) -> String {
    format!("like:comment:{actor}:{comment}")
}

/// The author of the comment that was replied to, and the author of the post; who is both is told of the reply only.
async fn comment_created_in(tx: &Transaction, comment: Uuid) -> Result<Vec<Telling>> {
    let subject = (SubjectKind::Comment, comment);
    let sql = format!(
        "SELECT r.id, r.locale, a.id, a.display_name, c.body FROM comments c JOIN users a ON a.id = c.author_id \
         JOIN comments p ON p.id = c.parent_id JOIN users r ON r.id = p.author_id \
         WHERE c.id = $1 AND c.deleted_at IS NULL AND p.deleted_at IS NULL {}",
        tx.while_there("c, p")
    );
    let rows = tx.rows(sql, vec![comment.into()]).await?;
    let reply = |row: &QueryResult| telling(row, NotificationKind::Reply, subject, format!("reply:{comment}"));
    let mut tellings = rows.iter().map(reply).collect::<Result<Vec<_>>>()?;
    let sql = format!(
        "SELECT r.id, r.locale, a.id, a.display_name, c.body FROM comments c JOIN users a ON a.id = c.author_id \
         JOIN posts p ON p.id = c.post_id JOIN users r ON r.id = p.author_id \
         WHERE c.id = $1 AND c.deleted_at IS NULL AND p.deleted_at IS NULL {}",
        tx.while_there("c, p")
    );
    for row in &tx.rows(sql, vec![comment.into()]).await? {
        let telling = telling(row, NotificationKind::Comment, subject, format!("comment:{comment}"))?;
        if tellings.iter().all(|other| other.recipient != telling.recipient) {
            tellings.push(telling);
        }
    }
    Ok(tellings)
}

async fn post_shared_in(tx: &Transaction, share: Uuid) -> Result<Vec<Telling>> {
    let sql = format!(
        "SELECT o.author_id, r.locale, a.id, a.display_name, o.body FROM posts s \
         JOIN posts o ON o.id = s.shared_post_id JOIN users r ON r.id = o.author_id \
         JOIN users a ON a.id = s.author_id WHERE s.id = $1 AND s.deleted_at IS NULL AND o.deleted_at IS NULL {}",
        tx.while_there("s, o")
    );
    let rows = tx.rows(sql, vec![share.into()]).await?;
    let key = format!("share:{share}");
    rows.iter().map(|row| telling(row, NotificationKind::Share, (SubjectKind::Post, share), key.clone())).collect()
}

/// Reads recipient, their language, actor, their name, and the text that is about.
fn telling(
    row: &QueryResult,
    kind: NotificationKind,
    subject: (SubjectKind, Uuid),
    dedupe_key: String,
) -> Result<Telling> {
    let mut columns = Columns::new(row);
    Ok(Telling {
        recipient: columns.take()?,
        locale: Locale::parse(&columns.take::<String>()?),
        actor: columns.take()?,
        actor_name: columns.take()?,
        excerpt: text::excerpt(&columns.take::<String>()?, EXCERPT),
        kind,
        subject: Some(subject),
        dedupe_key,
    })
}

/// Writes notifications and their events, streams in the order of their ids.
async fn tell_in(app: &App, tx: &Transaction, mut tellings: Vec<Telling>) -> Result<()> {
    tellings.retain(|telling| Some(telling.recipient) != telling.actor);
    tellings.sort_unstable_by_key(|telling| telling.recipient);
    for telling in tellings {
        tell_one_in(app, tx, &telling).await?;
    }
    Ok(())
}

/// Tells staff of something; false when they were told before.
pub(crate) async fn alert_in(
    app: &App,
    tx: &Transaction,
    (recipient, locale): (UserId, Locale),
    (title, detail): (&str, &str),
    subject: Option<(SubjectKind, Uuid)>,
    dedupe_key: String,
) -> Result<bool> {
    let telling = Telling {
        recipient,
        locale,
        actor: None,
        actor_name: title.to_owned(),
        kind: NotificationKind::StaffAlert,
        subject,
        excerpt: text::excerpt(detail, EXCERPT),
        dedupe_key,
    };
    tell_one_in(app, tx, &telling).await
}

/// Writes a notification and its event; false when they were told of the same before. What was told and is gone meanwhile
/// comes back where it was, and stays read if it was.
async fn tell_one_in(app: &App, tx: &Transaction, telling: &Telling) -> Result<bool> {
    let now = app.clock.now();
    let id = app.ids.next(now);
    let told = tx
        .row(
            "INSERT INTO notifications (id, recipient_id, kind, title, message, actor_id, subject_kind, subject_id, \
             dedupe_key, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (recipient_id, dedupe_key) DO UPDATE SET gone_at = NULL, title = excluded.title, \
             message = excluded.message WHERE notifications.gone_at IS NOT NULL RETURNING id",
            vec![
                id.into(),
                telling.recipient.0.into(),
                telling.kind.as_str().into(),
                title(telling.locale, telling.kind, telling.subject.map(|(kind, _)| kind), &telling.actor_name).into(),
                telling.excerpt.as_str().into(),
                telling.actor.map(|actor| actor.0).into(),
                telling.subject.map(|(kind, _)| kind.as_str()).into(),
                telling.subject.map(|(_, id)| id).into(),
                telling.dedupe_key.as_str().into(),
                now.into(),
            ],
        )
        .await?;
    let Some(row) = told else { return Ok(false) };
    let id = Columns::new(&row).take()?;
    let event = NewEvent { kind: EventKind::Notified, actor_id: telling.actor, subject_id: Some(id) };
    events::append_in(app, tx, StreamKind::Notifications, telling.recipient.0, event).await?;
    Ok(true)
}

/// The headline in the recipient's language, at most 255 characters. Of a goal's news and end, the name is the goal's.
pub(crate) fn title(locale: Locale, kind: NotificationKind, about: Option<SubjectKind>, actor_name: &str) -> String {
    let name = Cow::from(text::excerpt(actor_name, 100));
    let said = match kind {
        NotificationKind::Like if about == Some(SubjectKind::Post) => catalogue::Text::LikesYourPost { name },
        NotificationKind::Like => catalogue::Text::LikesYourComment { name },
        NotificationKind::Comment => catalogue::Text::CommentedOnYourPost { name },
        NotificationKind::Reply => catalogue::Text::RepliedToYourComment { name },
        NotificationKind::Share => catalogue::Text::SharedYourPost { name },
        NotificationKind::Contribution => catalogue::Text::GaveToYourGoal { name },
        NotificationKind::ContributionComment => catalogue::Text::CommentedOnContribution { name },
        NotificationKind::RefundRequest => catalogue::Text::AsksForRefund { name },
        NotificationKind::GoalNews => catalogue::Text::GoalHasNews { goal: name },
        NotificationKind::GoalEnded => catalogue::Text::GoalIsOver { goal: name },
        NotificationKind::MoneyTakenBack => catalogue::Text::MoneyTakenBack { amount: name },
        NotificationKind::Dispute | NotificationKind::StaffAlert | NotificationKind::System => {
            return name.into_owned();
        }
    };
    said.in_language(locale).into_owned()
}

/// What notifications hold about a person.
pub const EXPORT: &[Table] = &[Table {
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
pub async fn erase_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
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
