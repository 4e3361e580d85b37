//! Table `held_usernames`: former user names, which nobody else takes for a while.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `held_usernames`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "held_usernames")]
pub struct Model {
    /// A keyed hash of what the name looks like.
    #[sea_orm(primary_key, auto_increment = false)]
    pub fingerprint: Vec<u8>,
    /// Whose it was; nobody's once they have left.
    pub user_id: Option<UserId>,
    /// Anybody may take it after this.
    pub until: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person whose it was, while they are there.
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "SetNull"
    )]
    User,
}

related! {
    user by User,
}

impl ActiveModelBehavior for ActiveModel {}
