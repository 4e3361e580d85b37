//! Table `challenges`: sign-ins whose first proof was right and that wait for the second.

use sea_orm::entity::prelude::*;

use super::{ChallengeId, UserId, related};

/// A row of `challenges`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "challenges")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChallengeId,
    /// Who signs in.
    pub user_id: UserId,
    /// What the first proof was: `password`, or the name of a provider.
    pub proven_by: String,
    /// How many second proofs were tried; counted before they are compared.
    pub attempts: i64,
    /// When the first proof was given.
    pub created_at: DateTimeUtc,
    /// No second proof is taken after this.
    pub expires_at: DateTimeUtc,
    /// When it became a session, or was tried too often.
    pub ended_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who signs in.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

related! {
    user by User,
}

impl ActiveModelBehavior for ActiveModel {}
