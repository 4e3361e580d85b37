//! Table `events`: facts worth telling, in order, on the stream of what they are about.

use sea_orm::entity::prelude::*;

use super::{UserId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// The kind of stream.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_kind: StreamKind,
    /// Whose stream.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: Uuid,
    /// 1, 2, 3 … without a gap, in the order of commits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor_id: Option<UserId>,
    /// What it happened to, beside the stream's own subject: a comment, a post, a notification.
    pub subject_id: Option<Uuid>,
    /// When.
    pub created_at: DateTimeUtc,

    /// The stream, whose row is made with its first event.
    #[sea_orm(belongs_to, from = "(stream_kind, stream_id)", to = "(kind, id)", skip_fk)]
    pub stream: BelongsTo<super::stream::Entity>,
    /// Who did it.
    #[sea_orm(belongs_to, relation_enum = "Actor", from = "actor_id", to = "id", on_delete = "SetNull")]
    pub actor: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
