//! Table `goals`: fundraising goals.

use sea_orm::entity::prelude::*;

use super::{Currency, GoalId, PostId, UserId, related, stored_enum};

stored_enum! {
    /// What happens when the target is not reached.
    Funding {
        /// Everybody gets their money back.
        Fixed = "fixed",
        /// What was raised is kept.
        Flexible = "flexible",
    }
}

stored_enum! {
    /// How far a goal has come.
    GoalState {
        /// It takes contributions.
        Open = "open",
        /// Its time is over, or its owner ended it; what was raised is its owner's.
        Ended = "ended",
        /// It missed its target; everybody gets their money back.
        Failed = "failed",
        /// It was called off; everybody gets their money back.
        Cancelled = "cancelled",
    }
}

/// A row of `goals`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goals")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: GoalId,
    /// The post that it is attached to.
    #[sea_orm(unique)]
    pub post_id: PostId,
    /// Who raises; absent once the account is erased.
    pub owner_id: Option<UserId>,
    /// A headline, in the owner's words.
    pub title: String,
    /// What it is raised for, in the owner's words.
    pub story: String,
    /// Search form of title and story.
    pub search_key: String,
    /// A word of the owner's for what kind of goal it is, in lower case; at most 50 characters.
    pub category: Option<String>,
    /// In which currency.
    pub currency: Currency,
    /// What is to be raised, in minor units.
    pub target: i64,
    /// What happens when it is not reached.
    pub funding: Funding,
    /// Until when it takes contributions; null: as long as its owner wants.
    pub deadline: Option<DateTimeUtc>,
    /// What is proposed to who gives: minor units of the currency, as a JSON list.
    pub suggested_amounts: String,
    /// The address of a picture.
    pub cover_url: Option<String>,
    /// How far it has come.
    pub state: GoalState,
    /// What came in and was not given back, in minor units.
    pub raised: i64,
    /// Of what was raised, what went to the owner, fees included, in minor units.
    pub withdrawn: i64,
    /// Raised of target, in millionths.
    pub progress: i64,
    /// Contributions that came in and were not wholly given back.
    pub contribution_count: i64,
    /// Sequence of the last event on its stream.
    pub event_seq: i64,
    /// Why it was called off, in the words of whoever did it.
    pub end_reason: Option<String>,
    /// When it was begun.
    pub created_at: DateTimeUtc,
    /// Last change by the owner.
    pub edited_at: Option<DateTimeUtc>,
    /// When it came to an end, whichever; null while it is open.
    pub ended_at: Option<DateTimeUtc>,
}

/// What a row belongs to, and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The post that it is attached to.
    #[sea_orm(belongs_to = "super::post::Entity", from = "Column::PostId", to = "super::post::Column::Id")]
    Post,
    /// Who raises, while they are there.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::OwnerId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    Owner,
    /// What was given to it, or is under way.
    #[sea_orm(has_many = "super::goal_contribution::Entity")]
    Contributions,
    /// Its news.
    #[sea_orm(has_many = "super::goal_news::Entity")]
    News,
    /// What was paid out.
    #[sea_orm(has_many = "super::goal_withdrawal::Entity")]
    Withdrawals,
}

related! {
    post by Post,
    user by Owner,
    goal_contribution by Contributions,
    goal_news by News,
    goal_withdrawal by Withdrawals,
}

impl ActiveModelBehavior for ActiveModel {}
