//! Table `idempotency_keys`: which calls were made already, for a day.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `idempotency_keys`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    /// Who called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor_id: UserId,
    /// What they called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// The key they sent with it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// SHA-256 over what was asked, in hexadecimal.
    pub input_hash: String,
    /// The id of what came of it.
    pub result_id: Uuid,
    /// Sent.
    pub created_at: DateTimeUtc,

    /// Who sent it.
    #[sea_orm(belongs_to, relation_enum = "Actor", from = "actor_id", to = "id", on_delete = "Cascade")]
    pub actor: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
