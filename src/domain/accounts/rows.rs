//! A person as far as they were read.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::DerivePartialModel;

use super::User;
use crate::entity::{
    UserId,
    user::{self, UserKind},
};

/// A person as they are read: without what they are only found by.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
pub struct UserRow {
    /// The person's id.
    pub id: UserId,
    /// As the person writes it, 3 to 30 characters.
    pub username: String,
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
    /// Posts that are not deleted.
    pub post_count: i64,
    /// Last change of the user name.
    pub username_changed_at: Option<DateTime<Utc>>,
    /// When they joined.
    pub created_at: DateTime<Utc>,
    /// Last change of the profile.
    pub updated_at: DateTime<Utc>,
}

impl From<user::Model> for UserRow {
    fn from(model: user::Model) -> Self {
        Self {
            id: model.id,
            username: model.username,
            first_name: model.first_name,
            last_name: model.last_name,
            display_name: model.display_name,
            avatar_url: model.avatar_url,
            bio: model.bio,
            kind: model.kind,
            locale: model.locale,
            post_count: model.post_count,
            username_changed_at: model.username_changed_at,
            created_at: model.created_at,
            updated_at: model.updated_at,
        }
    }
}

/// What most lists show of a person.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
pub(crate) struct UserCard {
    /// The person's id.
    pub id: UserId,
    /// As the person writes it.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Address of a picture.
    pub avatar_url: Option<String>,
}

/// A person, whole or only their card.
#[derive(Debug, Clone)]
pub(crate) enum Person {
    /// What most lists show.
    Card(Arc<UserCard>),
    /// The whole row.
    Whole(User),
}

impl Person {
    /// The person's id.
    #[must_use]
    pub(crate) fn id(&self) -> UserId {
        match self {
            Self::Card(card) => card.id,
            Self::Whole(user) => user.id,
        }
    }

    /// As the person writes it.
    #[must_use]
    pub(crate) fn username(&self) -> &str {
        match self {
            Self::Card(card) => &card.username,
            Self::Whole(user) => &user.username,
        }
    }

    /// What others see.
    #[must_use]
    pub(crate) fn display_name(&self) -> &str {
        match self {
            Self::Card(card) => &card.display_name,
            Self::Whole(user) => &user.display_name,
        }
    }

    /// Address of a picture.
    #[must_use]
    pub(crate) fn avatar_url(&self) -> Option<&str> {
        match self {
            Self::Card(card) => card.avatar_url.as_deref(),
            Self::Whole(user) => user.avatar_url.as_deref(),
        }
    }
}
