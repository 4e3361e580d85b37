//! Table `users`: a person as others may see them. What only they may see is in `credentials`.

use sea_orm::entity::prelude::*;

use super::{UserId, stored_enum};

stored_enum! {
    /// What a person mainly does here.
    UserKind {
        /// Gathers, gives and buys.
        Customer = "customer",
        /// Sells what they make.
        Artist = "artist",
        /// Sells as a shop.
        Store = "store",
    }
}

/// A row of `users`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// As the person writes it, 3 to 30 characters.
    pub username: String,
    /// Lower case: what is unique and searched.
    #[sea_orm(unique)]
    pub username_key: String,
    /// At most 50 characters, may be empty.
    pub first_name: String,
    /// At most 50 characters, may be empty.
    pub last_name: String,
    /// What others see; at most 100 characters.
    pub display_name: String,
    /// Address of a picture.
    pub avatar_url: Option<String>,
    /// At most 500 characters, may be empty.
    pub bio: String,
    /// What they mainly do here.
    pub kind: UserKind,
    /// Language of messages to them: `en` or `ar`.
    pub locale: String,
    /// Search form of user name and names.
    pub search_key: String,
    /// Posts that are not deleted.
    pub post_count: i64,
    /// Last change of the user name.
    pub username_changed_at: Option<DateTimeUtc>,
    /// Joined.
    pub created_at: DateTimeUtc,
    /// Last change of the profile.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
