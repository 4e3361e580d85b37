//! Who asks. The first business argument of every domain function, reads included.

use std::net::IpAddr;

use super::permissions::{self, Permission};
use crate::{
    app::Caller,
    catalogue::Text,
    entity::{SessionId, UserId, user_role::Role},
    error::{Code, Error, Locale, Refusal, Result},
    platform::rate_limit::address_key,
};

/// Who asks for something to be done or shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Nobody is signed in.
    Anonymous,
    /// Nobody, though a token came: one that is expired, of a session that is over, or no token of ours. May do what
    /// anybody may; where it matters who it is, a refusal says that the token was none.
    Refused,
    /// A signed-in person.
    User(SignedIn),
    /// The program itself: jobs, schedules, the command line.
    System,
}

/// A signed-in person, as their access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The person's id.
    pub id: UserId,
    /// By which session.
    pub session_id: SessionId,
    /// The session's generation that the token was made in.
    pub generation: i64,
    /// Their role, when they have one: what they may do beyond their own affairs. Whoever loses a role loses the session.
    pub role: Option<Role>,
    /// The role demands a second factor that is not set up: nothing but setting it up is possible.
    pub needs_two_factor: bool,
}

impl Actor {
    /// The signed-in person's id.
    #[must_use]
    pub(crate) fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user.id),
            Self::Anonymous | Self::Refused | Self::System => None,
        }
    }

    /// The session that the person is signed in by.
    #[must_use]
    pub(crate) fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::User(user) => Some(user.session_id),
            Self::Anonymous | Self::Refused | Self::System => None,
        }
    }

    /// The signed-in person; UNAUTHENTICATED otherwise, TWO_FACTOR_SETUP_REQUIRED while their role demands a second
    /// factor that they have not set up.
    pub(crate) fn require_user(&self) -> Result<&SignedIn> {
        let user = self.require_session()?;
        if user.needs_two_factor {
            return Err(Refusal::of(Code::TwoFactorSetupRequired, Text::TwoFactorSetupRequired).into());
        }
        Ok(user)
    }

    /// The signed-in person, though their second factor may still have to be set up: for what is needed to do so, and
    /// for leaving. UNAUTHENTICATED otherwise.
    pub(crate) fn require_session(&self) -> Result<&SignedIn> {
        match self {
            Self::User(user) => Ok(user),
            Self::Anonymous | Self::System => Err(Error::unauthenticated()),
            Self::Refused => Err(refused_token()),
        }
    }

    /// For what goes differently with somebody and with nobody: UNAUTHENTICATED when a token came that was refused. Its
    /// owner would be taken for a guest, or be told that what is theirs is not there.
    pub(crate) fn require_certain(&self) -> Result<()> {
        if *self == Self::Refused { Err(refused_token()) } else { Ok(()) }
    }

    /// The signed-in person, who has to have a permission; FORBIDDEN otherwise.
    pub(crate) fn require(&self, permission: Permission) -> Result<&SignedIn> {
        let user = self.require_user()?;
        if permissions::allows(user.role, permission) { Ok(user) } else { Err(Error::forbidden()) }
    }

    /// By whom work is asked for, when the actor asks through a program.
    #[must_use]
    pub fn caller(&self, client: &Client) -> Caller {
        self.user_id().map_or_else(|| Caller::Address(client.address.map(address_key)), Caller::Person)
    }

    /// Whether the actor has a permission: the program itself has all.
    #[must_use]
    pub(crate) fn may(&self, permission: Permission) -> bool {
        match self {
            Self::User(user) => !user.needs_two_factor && permissions::allows(user.role, permission),
            Self::Anonymous | Self::Refused => false,
            Self::System => true,
        }
    }
}

fn refused_token() -> Error {
    Refusal::of(Code::Unauthenticated, Text::TokenRefused).with("tokenRefused", true).into()
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
