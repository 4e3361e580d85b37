//! Table `two_factors`: a person's authenticator app.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `two_factors`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "two_factors")]
pub struct Model {
    /// Whose app it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The shared secret, sealed.
    pub secret: Vec<u8>,
    /// The last time step that was accepted: none is accepted twice.
    pub last_step: i64,
    /// When it was set up.
    pub created_at: DateTimeUtc,
    /// When the first code proved that the app has it; null until then.
    pub enabled_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose app it is.
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
