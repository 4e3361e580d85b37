//! Table `credentials`: how a person proves who they are. Never joined into what others see.

use sea_orm::entity::prelude::*;

use super::{UserId, related};

/// A row of `credentials`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    /// Whose they are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// As the person wrote it.
    pub email: String,
    /// Lower case: what is unique.
    #[sea_orm(unique)]
    pub email_key: String,
    /// When the address was proven theirs.
    pub email_confirmed_at: Option<DateTimeUtc>,
    /// argon2id, as a PHC string; null where the person signs in by a provider only.
    pub password_hash: Option<String>,
    /// Last change of the password.
    pub password_changed_at: DateTimeUtc,
    /// When it was chosen by a code to the mailbox, until a second proof that is none: so long, a code to the same mailbox
    /// is no second proof.
    pub password_reset_at: Option<DateTimeUtc>,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who proves by them who they are.
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
