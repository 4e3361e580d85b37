//! Table `notifications`: what a person was told.

use sea_orm::entity::prelude::*;

use super::{NotificationId, UserId, stored_enum};

stored_enum! {
    /// What a notification is about.
    NotificationKind {
        /// Somebody likes your post or comment.
        Like = "like",
        /// Somebody answered your post.
        Comment = "comment",
        /// Somebody replied to your comment.
        Reply = "reply",
        /// Somebody passed your post on.
        Share = "share",
        /// Something was given to your goal.
        Contribution = "contribution",
        /// Somebody wrote about what you gave, or what was given to your goal.
        ContributionComment = "contribution_comment",
        /// Somebody asks back what they gave to your goal.
        RefundRequest = "refund_request",
        /// A goal that you gave to has news.
        GoalNews = "goal_update",
        /// A goal of yours, or one that you gave to, is over.
        GoalEnded = "goal_ended",
        /// Money that was yours went back to who paid it, and nobody here decided it.
        MoneyTakenBack = "money_taken_back",
        /// A payer's bank disputes a payment, or the dispute is over.
        Dispute = "dispute",
        /// To staff: something that somebody has to look into.
        StaffAlert = "staff_alert",
        /// From the service itself.
        System = "system",
    }
}

stored_enum! {
    /// The table of a notification's subject, by what its ids start with.
    SubjectKind {
        /// `posts`.
        Post = "post",
        /// `comments`.
        Comment = "comment",
        /// `goals`.
        Goal = "goal",
        /// `goal_contributions`.
        Contribution = "contribution",
        /// `payments`.
        Payment = "payment",
        /// `contribution_comments`.
        ContributionComment = "contributioncomment",
    }
}

/// A row of `notifications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NotificationId,
    /// Who is told.
    pub recipient_id: UserId,
    /// What it is about.
    pub kind: NotificationKind,
    /// At most 255 characters, in the recipient's language.
    pub title: String,
    /// An excerpt or a sentence; may be empty.
    pub message: String,
    /// Who caused it; null where nobody did, and once their account is erased.
    pub actor_id: Option<UserId>,
    /// Table of the subject.
    pub subject_kind: Option<SubjectKind>,
    /// The id of what it is about, in that table.
    pub subject_id: Option<Uuid>,
    /// The same fact has the same key, so that nobody is told twice.
    pub dedupe_key: String,
    /// When the recipient read it; null before.
    pub read_at: Option<DateTimeUtc>,
    /// What it tells of is gone: nobody sees it any more. It is kept for a while, so that what comes back, such as a like,
    /// comes back as what it was and is not news again.
    pub gone_at: Option<DateTimeUtc>,
    /// When they were told.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who is told.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::RecipientId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    Recipient,
    /// Who caused it, while they are there.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::ActorId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Actor,
}

impl ActiveModelBehavior for ActiveModel {}
