//! Table `held_usernames`: former user names, which nobody else takes for a while.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A row of `held_usernames`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "held_usernames")]
pub struct Model {
    /// A keyed hash of what the name looks like.
    #[sea_orm(primary_key, auto_increment = false)]
    pub fingerprint: Vec<u8>,
    /// Whose it was; nobody's once they have left.
    pub user_id: Option<UserId>,
    /// Free again after this.
    pub until: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "SetNull")]
    pub user: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
