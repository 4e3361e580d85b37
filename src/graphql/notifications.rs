//! Notifications as clients see them: a list, and a stream that joins it without a gap.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject, Subscription};
use chrono::{DateTime, Utc};
use futures_util::Stream;
use uuid::Uuid;

use super::{
    accounts::{User, user_by_id, viewer},
    engine::{
        connection::{Connection, Listed, requested_page, wants_total},
        context::RequestExt,
        error::{Nullable, Payload, UserError, also, answer, nullable, payload},
        filters::{self, DateTimeRange},
        loaders::loaders,
        stream::{self, StreamEvent, StreamPhase},
    },
    node::{self, Node, id_input, input_id},
    registration::{ById, Noun},
};
use crate::{
    domain::{
        live::Step,
        notifications::{self, News, NotificationFilter},
    },
    entity::{NotificationId, UserId, event::StreamKind},
};

/// What notifications hand over.
pub(super) const GRAPH: Noun = Noun {
    ids: &[ById::loaded::<NotificationsById, Notification>(NotificationId::PREFIX)],
    texts: &[("Notification", "message", 500)],
    short_texts: &["Notification.title", "NotificationConnection.streamCursor"],
    ..Noun::EMPTY
};

loaders! {
    /// How many of the viewer's own notifications are unread.
    UnreadCounts: UserId => i64 = notifications::unread_counts;
    /// The viewer's notifications by id.
    NotificationsById: NotificationId => notifications::Notification = notifications::by_id;
}

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::notification::NotificationKind")]
pub(crate) enum NotificationKind {
    /// Somebody likes your post or comment.
    Like,
    /// Somebody answered your post.
    Comment,
    /// Somebody replied to your comment.
    Reply,
    /// Somebody passed your post on.
    Share,
    /// Something was given to your goal.
    Contribution,
    /// Somebody wrote about what you gave, or about what was given to your goal; the subject is the comment. No actor when it
    /// is the giver, who is hidden from you.
    ContributionComment,
    /// Somebody asks back what they gave to your goal; the subject is the contribution, whose `refundRequest` you grant or
    /// refuse. No actor when the giver is a guest, or hidden from you.
    RefundRequest,
    /// A goal that you gave to has news.
    GoalNews,
    /// A goal of yours, or one that you gave to, is over; the message says what becomes of the money.
    GoalEnded,
    /// Money that was given to your goal, or paid into your wallet, went back to who paid it, as its provider decided; the
    /// subject is the contribution or the payment. The message says what you owe, where it was no longer there.
    MoneyTakenBack,
    /// The bank of somebody who paid disputes a payment to your goal or wallet, or the dispute is over; the subject is the
    /// contribution or the payment.
    Dispute,
    /// To staff, who may do something about it: something that somebody has to look into, such as a dispute, a refund that
    /// failed, or books that differ. The subject is the payment where it is about one.
    StaffAlert,
    /// From the service itself.
    System,
}

/// What a person was told.
pub(crate) struct Notification(notifications::Notification);

impl From<notifications::Notification> for Notification {
    fn from(row: notifications::Notification) -> Self {
        Self(row)
    }
}

impl Listed for Notification {
    const LIST_NAME: &'static str = "Notification";
    const CONNECTION: &'static str = "List";
}

/// A notification: what a person was told. Only they see it.
#[Object]
impl Notification {
    /// Opaque and typed: `notification_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What it is about. More kinds come with later versions: show those you don't know by title and message.
    async fn kind(&self) -> NotificationKind {
        self.0.kind.into()
    }

    /// A headline in the recipient's language, at most 255 characters.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// An excerpt or a sentence in plain text; may be empty.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Who caused it; null when nobody did, when they are a guest or hidden from you, and when the account is erased.
    async fn actor(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, self.0.actor_id)).await
    }

    /// What it is about; null when that is gone or hidden from you.
    async fn subject(&self, ctx: &Context<'_>) -> Nullable<Node> {
        nullable(async {
            let (Some(kind), Some(id)) = (self.0.subject_kind, self.0.subject_id) else { return Ok(None) };
            node::find_typed(ctx, kind.as_str(), id).await
        })
        .await
    }

    /// When you read it; null while unread.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.0.read_at
    }

    /// When you were notified.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// Part of the list of your notifications, with the place of the live stream.
pub(crate) struct NotificationConnection {
    list: Connection<Notification>,
    /// Taken before the list was read, and only when asked for.
    stream_head: Option<i64>,
}

/// Part of the list of your notifications, with the place of the live stream.
#[Object]
impl NotificationConnection {
    #[graphql(flatten)]
    async fn list(&self) -> &Connection<Notification> {
        &self.list
    }

    /// Pass it as `after` to `notificationReceived`: list and stream then join without a gap. What is told in the very
    /// moment of the query may be in both; compare ids.
    async fn stream_cursor(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        let request = ctx.request();
        let viewer = request.actor.require_user()?.id;
        Ok(stream::seal(request, StreamKind::Notifications, viewer.0, self.stream_head.unwrap_or_default()))
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct NotificationWhere {
    /// Whether you have not read them. For those that you have read your 10,000 newest notifications are looked at.
    unread: Option<bool>,
    /// What they are about. Your 10,000 newest notifications are looked at.
    kinds: Option<Vec<NotificationKind>>,
    /// When you were notified.
    created_at: Option<DateTimeRange>,
}

impl From<NotificationWhere> for NotificationFilter {
    fn from(filter: NotificationWhere) -> Self {
        Self { unread: filter.unread, kinds: filters::values(filter.kinds), during: filters::span(filter.created_at) }
    }
}

/// One event of your notification stream.
pub(crate) struct NotificationEvent {
    step: Step<News>,
    viewer: Uuid,
}

impl StreamEvent for NotificationEvent {
    type Content = News;
    const KIND: StreamKind = StreamKind::Notifications;

    fn new(viewer: Uuid, step: Step<News>) -> Self {
        Self { step, viewer }
    }
}

/// One event of your notification stream.
#[Object]
impl NotificationEvent {
    /// Pass the last one you saw as `after`, and nothing is missed or seen twice.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        stream::seal(ctx.request(), StreamKind::Notifications, self.viewer, self.step.seq)
    }

    /// Where you stand.
    async fn phase(&self) -> StreamPhase {
        self.step.phase.into()
    }

    /// The notification; null in an event that only tells where you stand, or that something is gone, and when it is gone
    /// meanwhile.
    async fn notification(&self) -> Option<Notification> {
        match self.step.content.as_deref() {
            Some(News::Delivered(told)) => Some(Notification(told.as_ref().clone())),
            _ => None,
        }
    }

    /// The id of a notification that is gone, because what it told of was deleted or taken back: take it out of the list. One
    /// that comes back is told again, with its id. Null in an event that tells something else.
    async fn gone_id(&self) -> Option<ID> {
        match self.step.content.as_deref() {
            Some(News::Gone(id)) => Some(id.to_string().into()),
            _ => None,
        }
    }
}

/// The viewer's own notifications.
pub(super) async fn own_notifications(
    ctx: &Context<'_>,
    filter: Option<NotificationWhere>,
    reverse: bool,
) -> async_graphql::Result<Option<NotificationConnection>> {
    let request = ctx.request();
    let (app, actor) = (&request.app, &request.actor);
    let page = requested_page(ctx, notifications::SORT, reverse)?;
    let stream_head = if ctx.look_ahead().field("streamCursor").exists() {
        Some(notifications::stream_head(app, actor).await?)
    } else {
        None
    };
    let filter = filter.unwrap_or_default().into();
    let slice = notifications::notifications(app, actor, &filter, &page, wants_total(ctx)).await?;
    let list = Connection::new(slice, notifications::cursor, Notification);
    Ok(Some(NotificationConnection { list, stream_head }))
}

id_input! {
    /// Which notification was read.
    NotificationMarkReadInput, "The notification's id."
}

payload! {
    /// What came of `notificationMarkRead`.
    NotificationMarkReadPayload {
        /// The notification, now read; null when `errors` is not empty.
        notification: Notification
    } also {
        /// You, with how many are unread now; null when `errors` is not empty.
        user: User = viewer,
    }
}

/// How many of the viewer's own notifications are unread.
pub(super) async fn unread_count(ctx: &Context<'_>) -> async_graphql::Result<Option<i64>> {
    let request = ctx.request();
    Ok(request.loaders.load::<UnreadCounts>(request.actor.require_user()?.id).await?)
}

/// What came of `notificationMarkAllRead`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct NotificationMarkAllReadPayload {
    /// How many were unread before.
    marked_count: i64,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
}

also! {
    NotificationMarkAllReadPayload {
        /// You, with how many are unread now: those that came meanwhile; null when `errors` is not empty.
        user: User = viewer,
    }
}

impl Payload<u64> for NotificationMarkAllReadPayload {
    fn done(count: u64) -> Self {
        Self { marked_count: count.cast_signed(), errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { marked_count: 0, errors }
    }
}

/// The mutations that mark notifications as read.
#[derive(Default)]
pub(crate) struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Marks one of your notifications as read; again changes nothing. Codes: INVALID_ID, NOT_FOUND.
    async fn notification_mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which notification.")] input: NotificationMarkReadInput,
    ) -> Nullable<NotificationMarkReadPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                notifications::mark_read(&request.app, &request.actor, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Marks all of your notifications as read. No codes.
    async fn notification_mark_all_read(&self, ctx: &Context<'_>) -> Nullable<NotificationMarkAllReadPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, notifications::mark_all_read(&request.app, &request.actor).await)
        })
        .await
    }
}

/// The subscription to one's own notifications.
#[derive(Default)]
pub(crate) struct NotificationSubscription;

#[Subscription]
impl NotificationSubscription {
    /// Your notifications, as they happen, and which are gone. With `after`, first everything since then (phase REPLAY);
    /// without, the first event is a LIVE marker with a cursor and no content. UNAUTHENTICATED when nobody is signed in.
    async fn notification_received(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last event that you saw, or the `streamCursor` of the list.")]
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<NotificationEvent>> + use<>> {
        stream::events(ctx, async {
            let request = ctx.request();
            let viewer = request.actor.require_user()?.id.0;
            let after = stream::open(request, StreamKind::Notifications, viewer, after.as_deref())?;
            Ok((viewer, notifications::follow(&request.app, &request.actor, &request.client, after).await?))
        })
        .await
    }
}
