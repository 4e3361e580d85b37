//! Table `goal_contributions`: what people give to goals.

use sea_orm::entity::prelude::*;

use super::{ContributionId, GoalId, PaymentId, UserId, stored_enum};

stored_enum! {
    /// How far a contribution has come.
    ContributionState {
        /// Its payment is under way.
        Pending = "pending",
        /// The goal has it.
        Received = "received",
        /// All of it was given back.
        Refunded = "refunded",
        /// Its payment came to nothing.
        Dropped = "dropped",
    }
}

/// A row of `goal_contributions`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_contributions")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContributionId,
    /// To which goal.
    pub goal_id: GoalId,
    /// By which payment.
    #[sea_orm(unique)]
    pub payment_id: PaymentId,
    /// Who gives, if they are known.
    pub contributor_id: Option<UserId>,
    /// What a guest wants to be called.
    pub guest_name: Option<String>,
    /// Where a guest is reached.
    pub guest_email: Option<String>,
    /// Which mailbox that is, however it is written.
    pub guest_key: Option<String>,
    /// What was to be given.
    pub amount: i64,
    /// What came in.
    pub received: i64,
    /// Of it, what was given back.
    pub refunded: i64,
    /// How far it has come.
    pub state: ContributionState,
    /// The name is for staff, and for the owner unless hidden from them.
    pub is_anonymous: bool,
    /// The name is for staff only.
    pub is_hidden_from_owner: bool,
    /// A few words with it; may be empty.
    pub message: String,
    /// Comments that are not deleted.
    pub comment_count: i64,
    /// Begun.
    pub created_at: DateTimeUtc,
    /// Came in.
    pub received_at: Option<DateTimeUtc>,
    /// The guest wants no more news of the goal, whatever else they gave to it: one of their rows says so for all.
    pub news_stopped_at: Option<DateTimeUtc>,

    /// The goal.
    #[sea_orm(belongs_to, from = "goal_id", to = "id")]
    pub goal: BelongsTo<super::goal::Entity>,
    /// The payment.
    #[sea_orm(belongs_to, from = "payment_id", to = "id")]
    pub payment: BelongsTo<super::payment::Entity>,
    /// Who gives.
    #[sea_orm(belongs_to, relation_enum = "Contributor", from = "contributor_id", to = "id", on_delete = "SetNull")]
    pub contributor: BelongsTo<Option<super::user::Entity>>,
    /// The talk about it.
    #[sea_orm(has_many, relation_enum = "Comments")]
    pub comments: HasMany<super::contribution_comment::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
