//! Table `two_factors`: a person's authenticator app.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `two_factors`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "two_factors")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The shared secret, sealed.
    pub secret: Vec<u8>,
    /// The last time step that was accepted: none is accepted twice.
    pub last_step: i64,
    /// Set up.
    pub created_at: DateTimeUtc,
    /// When the first code proved that the app has it; null until then.
    pub enabled_at: Option<DateTimeUtc>,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
