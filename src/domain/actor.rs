//! Who asks. The first business argument of every domain function, reads included.

use std::net::IpAddr;

use crate::{
    entity::{SessionId, UserId, user_role::Role},
    error::{Error, Locale, Result},
};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody is signed in.
    Anonymous,
    /// A signed-in person.
    User(SignedIn),
    /// The program itself: jobs, schedules, the command line.
    System,
}

/// A signed-in person, as their access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub id: UserId,
    /// By which session.
    pub session_id: SessionId,
    /// The session's generation that the token was made in.
    pub generation: i64,
    /// What they may do beyond their own affairs.
    pub roles: Vec<Role>,
}

impl Actor {
    /// The signed-in person's id.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user.id),
            Self::Anonymous | Self::System => None,
        }
    }

    /// The signed-in person; UNAUTHENTICATED otherwise.
    pub fn require_user(&self) -> Result<&SignedIn> {
        match self {
            Self::User(user) => Ok(user),
            Self::Anonymous | Self::System => Err(Error::unauthenticated()),
        }
    }
}

/// What is known of the program that asks, beside who its user is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address, behind trusted proxies the forwarded one.
    pub address: Option<IpAddr>,
    /// Its `User-Agent`, cut to 255 characters.
    pub user_agent: Option<String>,
    /// The language it prefers.
    pub locale: Locale,
}
