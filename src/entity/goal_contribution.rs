//! Table `goal_contributions`: what people give to goals.

use sea_orm::entity::prelude::*;

use super::{ContributionId, GoalId, PaymentId, UserId, related, stored_enum};

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
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goal_contributions")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ContributionId,
    /// The goal that it is given to.
    pub goal_id: GoalId,
    /// The payment that brings it.
    #[sea_orm(unique)]
    pub payment_id: PaymentId,
    /// Who gives; null for a guest, and once their account is erased.
    pub contributor_id: Option<UserId>,
    /// What a guest wants to be called.
    pub guest_name: Option<String>,
    /// Where a guest is reached.
    pub guest_email: Option<String>,
    /// Which mailbox that is, however it is written.
    pub guest_key: Option<String>,
    /// What was to be given, in minor units of the goal's currency.
    pub amount: i64,
    /// What came in, in minor units.
    pub received: i64,
    /// Of what came in, what was given back, in minor units.
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
    /// When it was begun.
    pub created_at: DateTimeUtc,
    /// When the goal had it; null before.
    pub received_at: Option<DateTimeUtc>,
    /// The guest wants no more news of the goal, whatever else they gave to it: one of their rows says so for all.
    pub news_stopped_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The goal that it is given to.
    #[sea_orm(belongs_to = "super::goal::Entity", from = "Column::GoalId", to = "super::goal::Column::Id")]
    Goal,
    /// The payment that brings it.
    #[sea_orm(belongs_to = "super::payment::Entity", from = "Column::PaymentId", to = "super::payment::Column::Id")]
    Payment,
    /// Who gives, while they have an account.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::ContributorId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Contributor,
    /// The talk about it.
    #[sea_orm(has_many = "super::contribution_comment::Entity")]
    Comments,
}

related! {
    goal by Goal,
    payment by Payment,
    user by Contributor,
    contribution_comment by Comments,
}

impl ActiveModelBehavior for ActiveModel {}
