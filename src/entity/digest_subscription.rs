//! Table `digest_subscriptions`: who wants to be told by e-mail what they have not read; no row: who does not.

use sea_orm::entity::prelude::*;

use super::{UserId, related, stored_enum};

stored_enum! {
    /// How often somebody is told by e-mail what they have not read.
    Digest {
        /// Never.
        Off = "off",
        /// Once a day.
        Daily = "daily",
    }
}

/// A row of `digest_subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "digest_subscriptions")]
pub struct Model {
    /// Who wants to be told.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// How often they are told.
    pub digest: Digest,
    /// When one was last due, whether there was anything to tell or not.
    pub sent_at: Option<DateTimeUtc>,
    /// Since when they want to be.
    pub created_at: DateTimeUtc,
}

/// What a row belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The person who wants to be told.
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
