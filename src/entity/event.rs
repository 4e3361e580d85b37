//! Table `events`: facts worth telling, in order, on the stream of what they are about.

use sea_orm::entity::prelude::*;

use super::{UserId, related, stored_enum};

stored_enum! {
    /// What a stream is about.
    StreamKind {
        /// One post: its likes, comments and shares.
        Post = "post",
        /// One person's notifications.
        Notifications = "notifications",
        /// One person's wallet, in all currencies.
        Wallet = "wallet",
        /// One payment.
        Payment = "payment",
        /// One fundraising goal.
        Goal = "goal",
    }
}

impl StreamKind {
    /// Whether every event tells how its subject stands now, so that the newest tells all that those before it did.
    #[must_use]
    pub fn tells_state(self) -> bool {
        matches!(self, Self::Payment | Self::Goal)
    }
}

stored_enum! {
    /// What happened.
    EventKind {
        /// A post was liked.
        PostLiked = "post_liked",
        /// A post was answered.
        CommentCreated = "comment_created",
        /// A comment was liked.
        CommentLiked = "comment_liked",
        /// A post was passed on.
        PostShared = "post_shared",
        /// A person was notified.
        Notified = "notified",
        /// What a person was notified of is gone.
        NotificationGone = "notification_gone",
        /// Money came into a wallet, left it, or was held.
        WalletChanged = "wallet_changed",
        /// A payment came further.
        PaymentChanged = "payment_changed",
        /// A goal came further.
        GoalChanged = "goal_changed",
    }
}

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// The kind of stream.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_kind: StreamKind,
    /// Of whom or what the stream is, by the kind: a post's, person's, payment's or goal's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: Uuid,
    /// 1, 2, 3 … without a gap, in the order of commits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// Who did it; null where nobody did, and once their account is erased.
    pub actor_id: Option<UserId>,
    /// What it happened to, beside the stream's own subject: a comment, a post, a notification.
    pub subject_id: Option<Uuid>,
    /// When it happened.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The stream, whose row is made with its first event.
    #[sea_orm(
        belongs_to = "super::stream::Entity",
        from = "(Column::StreamKind, Column::StreamId)",
        to = "(super::stream::Column::Kind, super::stream::Column::Id)",
        skip_fk
    )]
    Stream,
    /// Who did it, while they are there.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::ActorId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Actor,
}

related! {
    stream by Stream,
    user by Actor,
}

impl ActiveModelBehavior for ActiveModel {}
