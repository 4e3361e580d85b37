//! Fresh authentication: what would hurt most in the wrong hands asks again who is there.
//!
//! Signing in and `reauthenticate` make a session fresh for five minutes. What asks for it is declared beside each mutation
//! of the graph, with its reason; `docs/operating.md` shows the list, and a test compares.

use chrono::{DateTime, TimeDelta, Utc};

use super::Method;
use crate::{
    app::App,
    catalogue::Text,
    domain::actor::{Actor, SignedIn},
    error::{Code, Error, Refusal, Result},
    platform::db::Columns,
};

/// How long an authentication is fresh.
pub const FRESH: TimeDelta = TimeDelta::minutes(5);

/// Refuses unless the session was authenticated within the last five minutes. REAUTHENTICATION_REQUIRED with `methods`;
/// UNAUTHENTICATED and TWO_FACTOR_SETUP_REQUIRED as [`Actor::require_user`] gives them.
pub async fn require_fresh<'a>(app: &App, actor: &'a Actor) -> Result<&'a SignedIn> {
    check(app, actor.require_user()?).await
}

/// The same where the second factor that the person's role demands is about to be set up.
pub(super) async fn require_fresh_session<'a>(app: &App, actor: &'a Actor) -> Result<&'a SignedIn> {
    check(app, actor.require_session()?).await
}

async fn check<'a>(app: &App, user: &'a SignedIn) -> Result<&'a SignedIn> {
    let (at, methods) = authenticated(app, user).await?;
    if app.clock.now() < at + FRESH {
        return Ok(user);
    }
    let methods = methods.into_iter().map(|method| method.as_str().into());
    Err(Refusal::of(Code::ReauthenticationRequired, Text::ReauthenticationRequired)
        .with("methods", serde_json::Value::Array(methods.collect()))
        .into())
}

/// Whether the session was authenticated within the last five minutes.
pub async fn is_fresh(app: &App, actor: &Actor) -> Result<bool> {
    let (at, _) = authenticated(app, actor.require_user()?).await?;
    Ok(app.clock.now() < at + FRESH)
}

/// When the session was authenticated last, and how it can be anew.
async fn authenticated(app: &App, user: &SignedIn) -> Result<(DateTime<Utc>, Vec<Method>)> {
    let sql = "SELECT s.authenticated_at, c.password_hash IS NOT NULL, \
               EXISTS (SELECT 1 FROM two_factors t WHERE t.user_id = s.user_id AND t.enabled_at IS NOT NULL) \
               FROM sessions s LEFT JOIN credentials c ON c.user_id = s.user_id WHERE s.id = $1 AND s.ended_at IS NULL";
    let rows = app.db.rows(sql, vec![user.session_id.0.into()]).await?;
    let mut columns = Columns::new(rows.first().ok_or_else(Error::unauthenticated)?);
    let (at, password, two_factor): (DateTime<Utc>, bool, bool) = (columns.take()?, columns.take()?, columns.take()?);
    Ok((at, methods(password, two_factor)))
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
