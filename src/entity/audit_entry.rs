//! Table `audit_entries`: what those with rights did with them.

use sea_orm::entity::prelude::*;

use super::{AuditEntryId, UserId, related};

/// A row of `audit_entries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entries")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEntryId,
    /// Who; null when it was the operator at the command line.
    pub actor_id: Option<UserId>,
    /// What they did: the mutation's name, such as `adminUserSuspend`.
    pub action: String,
    /// The table of whom or what they did it to, such as `user`.
    pub subject_kind: String,
    /// The id of whom or what they did it to, in that table.
    pub subject_id: Uuid,
    /// What was there before, as JSON.
    pub before_state: Option<String>,
    /// What is there since, as JSON.
    pub after_state: Option<String>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// The client's address.
    pub address: Option<String>,
    /// When they did it.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who did it, while they are there: the log outlives accounts.
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::ActorId", to = "super::user::Column::Id", skip_fk)]
    Actor,
}

related! {
    user by Actor,
}

impl ActiveModelBehavior for ActiveModel {}
