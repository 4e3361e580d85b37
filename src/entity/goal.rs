//! Table `goals`: fundraising goals.

use sea_orm::entity::prelude::*;

use super::{Currency, GoalId, PostId, UserId, stored_enum};

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
#[sea_orm::model]
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
    /// A headline.
    pub title: String,
    /// Why.
    pub story: String,
    /// Search form of title and story.
    pub search_key: String,
    /// In lower case.
    pub category: Option<String>,
    /// In which currency.
    pub currency: Currency,
    /// What is to be raised, in minor units.
    pub target: i64,
    /// What happens when it is not reached.
    pub funding: Funding,
    /// Until when.
    pub deadline: Option<DateTimeUtc>,
    /// Minor units, as a JSON list.
    pub suggested_amounts: String,
    /// A picture's address.
    pub cover_url: Option<String>,
    /// How far it has come.
    pub state: GoalState,
    /// What came in and was not given back.
    pub raised: i64,
    /// Of it, what went to the owner, fees included.
    pub withdrawn: i64,
    /// Raised of target, in millionths.
    pub progress: i64,
    /// Contributions that came in and were not wholly given back.
    pub contribution_count: i64,
    /// Sequence of the last event on its stream.
    pub event_seq: i64,
    /// Why it was called off, in the words of whoever did it.
    pub end_reason: Option<String>,
    /// Begun.
    pub created_at: DateTimeUtc,
    /// Changed by the owner.
    pub edited_at: Option<DateTimeUtc>,
    /// No longer open.
    pub ended_at: Option<DateTimeUtc>,

    /// The post.
    #[sea_orm(belongs_to, from = "post_id", to = "id")]
    pub post: BelongsTo<super::post::Entity>,
    /// Who raises.
    #[sea_orm(belongs_to, relation_enum = "Owner", from = "owner_id", to = "id", on_delete = "SetNull")]
    pub owner: BelongsTo<Option<super::user::Entity>>,
    /// What was given.
    #[sea_orm(has_many, relation_enum = "Contributions")]
    pub contributions: HasMany<super::goal_contribution::Entity>,
    /// Its news.
    #[sea_orm(has_many, relation_enum = "News")]
    pub news: HasMany<super::goal_news::Entity>,
    /// What was paid out.
    #[sea_orm(has_many, relation_enum = "Withdrawals")]
    pub withdrawals: HasMany<super::goal_withdrawal::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
