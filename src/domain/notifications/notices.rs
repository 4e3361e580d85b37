//! How notifications come to be: a fact is queued as a [`Notice`], by the domain where it happened; the job finds out whom
//! it concerns, which that domain says, too, and delivers a notification to each, once.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, FromQueryResult, QueryTrait,
    sea_query::{OnConflict, Query},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    app::App,
    domain::{
        events::{self, NewEvent},
        jobs::{self, Lane},
        registration::DOMAINS,
    },
    entity::{
        NotificationId, UserId,
        event::{EventKind, StreamKind},
        job,
        notification::{self, NotificationKind, SubjectKind},
    },
    error::{Error, Result},
    platform::{db::Transaction, text},
};

/// The kind of the jobs that notices are stored as.
pub(super) const KIND: &str = "notify";
/// Most characters of an excerpt in a notification's message.
const EXCERPT: usize = 140;
/// Most characters of a name in a notification's title.
const NAME: usize = 100;

/// Something that people are notified of, or not any more. Its type may stand below the domain that knows whom it concerns,
/// so that those below can queue it.
pub trait Notice: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// By which word it is stored, for good.
    const EVENT: &'static str;
    /// Other words by which it may be stored.
    const ALIASES: &'static [&'static str] = &[];

    /// Writes the notifications, or takes them away. Bears being run twice.
    fn deliver_in(&self, app: &App, tx: &Transaction) -> impl Future<Output = Result<()>> + Send;
}

/// Delivers a kind of notices: writes the notifications.
#[derive(Debug)]
pub struct NoticeHandler {
    /// By which word they are stored.
    event: &'static str,
    /// By which else.
    aliases: &'static [&'static str],
    /// Delivers one, as it is stored.
    deliver_in: for<'a> fn(&'a App, &'a Transaction, &'a str) -> BoxFuture<'a, Result<()>>,
}

impl NoticeHandler {
    /// That of a type of notices.
    #[must_use]
    pub(crate) const fn of<N: Notice>() -> Self {
        Self { event: N::EVENT, aliases: N::ALIASES, deliver_in: deliver_stored_in::<N> }
    }

    fn knows(&self, event: &str) -> bool {
        self.event == event || self.aliases.contains(&event)
    }
}

fn deliver_stored_in<'a, N: Notice>(app: &'a App, tx: &'a Transaction, stored: &'a str) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let notice: N = serde_json::from_str(stored)?;
        notice.deliver_in(app, tx).await
    })
}

/// A notice as it is stored: with its word.
#[derive(Serialize)]
struct Stored<'a, N> {
    event: &'static str,
    #[serde(flatten)]
    notice: &'a N,
}

/// What is read of a stored notice to find out who delivers it.
#[derive(Deserialize)]
struct Word {
    event: String,
}

/// The payload of the job that a notice is stored as.
pub(crate) fn payload<N: Notice>(notice: &N) -> Result<String> {
    Ok(serde_json::to_string(&Stored { event: N::EVENT, notice })?)
}

/// Has people notified of something, within the transaction of the fact.
pub async fn notify_in<N: Notice>(app: &App, tx: &Transaction, notice: &N) -> Result<()> {
    jobs::enqueue_on(app, tx, Lane::Database, KIND, &Stored { event: N::EVENT, notice }).await
}

/// The same as the step of a chain, for each of `rows`, which is what follows `FROM`: a statement, of which the job's id, the
/// notice's [`payload`] and the time are the placeholders.
pub(crate) fn notify_step(rows: &str, values: [&str; 3]) -> String {
    jobs::enqueue_step(KIND, rows, values)
}

/// The same for many, by one statement.
pub(crate) async fn notify_all_in<N: Notice>(app: &App, tx: &Transaction, notices: &[N]) -> Result<()> {
    let stored = notices.iter().map(|notice| (Lane::Database, Stored { event: N::EVENT, notice }));
    jobs::enqueue_all_on(app, tx, KIND, &stored.collect::<Vec<_>>()).await
}

/// Does the job that a notice is stored as.
pub(super) async fn run(app: &App, job: &job::Model) -> Result<()> {
    let Word { event } = serde_json::from_str(&job.payload)?;
    let handler = DOMAINS.iter().flat_map(|domain| domain.notices).find(|handler| handler.knows(&event));
    let handler = handler.ok_or_else(|| Error::internal(format!("nobody delivers {event}")))?;
    app.db
        .transact(async |tx| {
            (handler.deliver_in)(app, &tx, &job.payload).await?;
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

/// What is quoted of a text.
pub(crate) fn excerpt(of: &str) -> String {
    text::excerpt(of, EXCERPT)
}

/// What is said of a name, such as a person's or a goal's.
pub(crate) fn short(name: &str) -> String {
    text::excerpt(name, NAME)
}

/// A notification to be delivered: to whom, and of what.
pub(crate) struct NewNotification {
    pub(crate) recipient: UserId,
    /// Nobody, or somebody who is not to be named.
    pub(crate) actor: Option<UserId>,
    pub(crate) kind: NotificationKind,
    pub(crate) subject: Option<(SubjectKind, Uuid)>,
    /// The headline in the recipient's language, at most 255 characters.
    pub(crate) title: String,
    pub(crate) excerpt: String,
    /// The same fact has the same key.
    pub(crate) dedupe_key: String,
}

/// Delivers notifications: writes them and their events, streams in the order of their ids.
pub(crate) async fn deliver_in(app: &App, tx: &Transaction, mut new: Vec<NewNotification>) -> Result<()> {
    app.fail_points.reach("notification.delivering").await;
    new.retain(|one| Some(one.recipient) != one.actor);
    new.sort_unstable_by_key(|one| one.recipient);
    for one in new {
        deliver_one_in(app, tx, &one).await?;
    }
    Ok(())
}

/// A notification that is there again, or for the first time.
#[derive(Debug, FromQueryResult)]
struct Delivered {
    id: NotificationId,
}

/// Writes a notification and its event; false when they were notified of the same before. What was delivered and is gone
/// meanwhile comes back where it was, and stays read if it was.
pub(crate) async fn deliver_one_in(app: &App, tx: &Transaction, one: &NewNotification) -> Result<bool> {
    let now = app.clock.now();
    let new = notification::ActiveModel {
        id: Set(NotificationId(app.ids.next(now))),
        recipient_id: Set(one.recipient),
        kind: Set(one.kind),
        title: Set(one.title.clone()),
        message: Set(one.excerpt.clone()),
        actor_id: Set(one.actor),
        subject_kind: Set(one.subject.map(|(kind, _)| kind)),
        subject_id: Set(one.subject.map(|(_, id)| id)),
        dedupe_key: Set(one.dedupe_key.clone()),
        created_at: Set(now),
        ..Default::default()
    };
    let again = OnConflict::columns([notification::Column::RecipientId, notification::Column::DedupeKey])
        .update_columns([notification::Column::Title, notification::Column::Message])
        .value(notification::Column::GoneAt, Option::<DateTime<Utc>>::None)
        .action_and_where(notification::Column::GoneAt.is_not_null())
        .to_owned();
    let mut delivering = notification::Entity::insert(new).on_conflict(again);
    let statement = QueryTrait::query(&mut delivering).returning(Query::returning().column(notification::Column::Id));
    let Some(Delivered { id }) = tx.read(statement).await?.pop() else { return Ok(false) };
    let event = NewEvent { kind: EventKind::Notified, actor_id: one.actor, subject_id: Some(id.0) };
    events::append_in(app, tx, StreamKind::Notifications, one.recipient.0, event).await?;
    Ok(true)
}
