//! A person as far as they were read.

use std::sync::Arc;

use sea_orm::DerivePartialModel;

use super::User;
use crate::entity::{UserId, user};

/// What most lists show of a person.
#[derive(Debug, Clone, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
pub struct UserCard {
    /// Who.
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
pub enum Person {
    /// What most lists show.
    Card(Arc<UserCard>),
    /// The whole row.
    Whole(User),
}

impl Person {
    /// Who.
    #[must_use]
    pub fn id(&self) -> UserId {
        match self {
            Self::Card(card) => card.id,
            Self::Whole(user) => user.id,
        }
    }

    /// As the person writes it.
    #[must_use]
    pub fn username(&self) -> &str {
        match self {
            Self::Card(card) => &card.username,
            Self::Whole(user) => &user.username,
        }
    }

    /// What others see.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Card(card) => &card.display_name,
            Self::Whole(user) => &user.display_name,
        }
    }

    /// Address of a picture.
    #[must_use]
    pub fn avatar_url(&self) -> Option<&str> {
        match self {
            Self::Card(card) => card.avatar_url.as_deref(),
            Self::Whole(user) => user.avatar_url.as_deref(),
        }
    }
}
