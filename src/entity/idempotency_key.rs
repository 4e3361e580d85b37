//! Table `idempotency_keys`: which calls were made already, for a day.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `idempotency_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// Who called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor_id: UserId,
    /// What they called: the mutation's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// The key they sent with it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 over what was asked, in hexadecimal.
    pub input_hash: String,
    /// The id of what came of it.
    pub result_id: Uuid,
    /// When it was sent; its time is counted from this.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Who sent it.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::ActorId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    Actor,
}

related! {
    user by Actor,
}

impl ActiveModelBehavior for ActiveModel {}
