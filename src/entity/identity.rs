//! Table `identities`: accounts elsewhere by which a person signs in here.

use sea_orm::entity::prelude::*;

use super::{IdentityId, UserId};

/// A row of `identities`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "identities")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdentityId,
    /// Whose.
    pub user_id: UserId,
    /// The provider's name in the configuration, such as `google`.
    pub provider: String,
    /// Who they are there; never changes, unlike their address.
    pub subject: String,
    /// The address that the provider told last.
    pub email: Option<String>,
    /// Linked.
    pub created_at: DateTimeUtc,
    /// Last sign-in by it.
    pub last_used_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
