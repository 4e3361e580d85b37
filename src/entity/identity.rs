//! Table `identities`: accounts elsewhere by which a person signs in here.

use sea_orm::entity::prelude::*;

use super::{IdentityId, UserId, related};

/// A row of `identities`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdentityId,
    /// Who signs in by it.
    pub user_id: UserId,
    /// The provider's name in the configuration, such as `google`.
    pub provider: String,
    /// Who they are there; never changes, unlike their address.
    pub subject: String,
    /// The address that the provider told last.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: DateTimeUtc,
    /// Last sign-in by it.
    pub last_used_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who signs in by it.
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
