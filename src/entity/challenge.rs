//! Table `challenges`: sign-ins whose first proof was right and that wait for the second.

use sea_orm::entity::prelude::*;

use super::{ChallengeId, UserId};

/// A row of `challenges`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "challenges")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChallengeId,
    /// Whose.
    pub user_id: UserId,
    /// What the first proof was: `password`, or the name of a provider.
    pub proven_by: String,
    /// How many second proofs were tried; counted before they are compared.
    pub attempts: i64,
    /// The first proof was given.
    pub created_at: DateTimeUtc,
    /// No good after this.
    pub expires_at: DateTimeUtc,
    /// When it became a session, or was tried too often.
    pub ended_at: Option<DateTimeUtc>,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
