//! Recent authentication: what would hurt most in the wrong hands asks again who is there.
//!
//! Signing in and `reauthenticate` count as a recent authentication of the session for five minutes. What asks for it is
//! declared beside each mutation of the graph, with its reason; `docs/operating.md` shows the list, and a test compares.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};

use super::{Method, second_factors};
use crate::{
    app::App,
    catalogue::Text,
    domain::actor::{Actor, SignedIn},
    entity::{credential, session, user},
    error::{Code, Error, Refusal, Result},
};

/// How long an authentication is recent.
pub const RECENT_AUTHENTICATION: TimeDelta = TimeDelta::minutes(5);

/// Refuses unless the session was authenticated within the last five minutes. REAUTHENTICATION_REQUIRED with `methods`;
/// UNAUTHENTICATED and TWO_FACTOR_SETUP_REQUIRED as [`Actor::require_user`] gives them.
pub(crate) async fn require_recent_authentication<'a>(app: &App, actor: &'a Actor) -> Result<&'a SignedIn> {
    check(app, actor.require_user()?).await
}

/// The same where the second factor that the person's role demands is about to be set up.
pub(super) async fn require_recently_authenticated_session<'a>(app: &App, actor: &'a Actor) -> Result<&'a SignedIn> {
    check(app, actor.require_session()?).await
}

async fn check<'a>(app: &App, user: &'a SignedIn) -> Result<&'a SignedIn> {
    let (at, methods) = authenticated(app, user).await?;
    if app.clock.now() < at + RECENT_AUTHENTICATION {
        return Ok(user);
    }
    let methods = methods.into_iter().map(|method| method.as_str().into());
    Err(Refusal::of(Code::ReauthenticationRequired, Text::ReauthenticationRequired)
        .with("methods", serde_json::Value::Array(methods.collect()))
        .into())
}

/// Whether the session was authenticated within the last five minutes.
pub(crate) async fn is_recently_authenticated(app: &App, actor: &Actor) -> Result<bool> {
    let (at, _) = authenticated(app, actor.require_user()?).await?;
    Ok(app.clock.now() < at + RECENT_AUTHENTICATION)
}

/// A session, and what its owner can prove themselves by.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "session::Entity")]
struct LastProof {
    authenticated_at: DateTime<Utc>,
    #[sea_orm(from_expr = "credential::Column::PasswordHash.is_not_null()")]
    has_password: bool,
    #[sea_orm(from_expr = "second_factors::is_on(session::Column::UserId)")]
    has_two_factor: bool,
}

/// When the session was authenticated last, and how it can be anew.
async fn authenticated(app: &App, user: &SignedIn) -> Result<(DateTime<Utc>, Vec<Method>)> {
    let session = session::Entity::find_by_id(user.session_id)
        .filter(session::Column::EndedAt.is_null())
        .inner_join(user::Entity)
        .join(JoinType::LeftJoin, user::Relation::Credential.def());
    let found: Option<LastProof> = app.db.read_one(session).await?;
    let found = found.ok_or_else(Error::unauthenticated)?;
    Ok((found.authenticated_at, methods(found.has_password, found.has_two_factor)))
}

/// How somebody can prove anew who they are: by the second factor, where there is one, or an old session and the password
/// would be enough to take it off; else by password; else by a code to their address.
pub(super) fn methods(password: bool, two_factor: bool) -> Vec<Method> {
    match (two_factor, password) {
        (true, _) => vec![Method::Totp, Method::BackupCode],
        (false, true) => vec![Method::Password],
        (false, false) => vec![Method::Email],
    }
}
