//! Table `digest_subscriptions`: who wants to be told by e-mail what they have not read; no row: who does not.

use sea_orm::entity::prelude::*;

use super::{UserId, stored_enum};

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
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "digest_subscriptions")]
pub struct Model {
    /// Whose.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// How often.
    pub digest: Digest,
    /// When one was last due, whether there was anything to tell or not.
    pub sent_at: Option<DateTimeUtc>,
    /// Since when.
    pub created_at: DateTimeUtc,

    /// The person.
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
