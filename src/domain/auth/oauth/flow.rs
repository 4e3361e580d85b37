//! The three steps of a flow: begin, come back, complete.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};
use url::Url;

use super::{
    failed, find, get,
    join::{self, Completed},
    person::{self, Person, Secrets},
    refused,
};
use crate::{
    app::App,
    config::{OauthProtocol, OauthProvider},
    domain::{
        actor::{Actor, Client},
        auth::{require_recent_authentication, throttle::throttle_login},
    },
    entity::{
        OauthFlowId, UserId,
        oauth_flow::{ActiveModel, Column, Entity, Model},
    },
    error::{Error, Reason, Result, UserError, UserErrorCode},
    platform::{crypto::sha256, ids::random_token, providers::oauth::Failure},
};

/// How long each step may take.
const STEP: TimeDelta = TimeDelta::minutes(5);
/// Longest path to return to.
const MAX_PATH: usize = 512;
/// Longest code of a provider.
const MAX_CODE: usize = 4096;

/// A wish to go to a provider.
#[derive(Debug, Clone)]
pub(crate) struct Begin {
    /// Its name in the configuration.
    pub provider: String,
    /// Where in the frontend to go on; none: its start.
    pub return_path: Option<String>,
}

/// A flow that has begun, as the client gets it.
#[derive(Clone)]
pub(crate) struct Begun {
    /// Where to send the browser.
    pub authorization_url: Url,
    /// Kept by whoever began, and wanted at the end.
    pub flow_token: String,
    /// The browser has to be back by then.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Begun").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Begins a sign-in by a provider. Codes: INVALID, TOO_LONG, PROVIDER_FAILED.
pub(crate) async fn begin(app: &App, client: &Client, command: Begin) -> Result<Begun> {
    begin_flow(app, client, None, command).await
}

/// Begins to link an identity to the account of whoever is signed in. Codes: INVALID, TOO_LONG, PROVIDER_FAILED.
pub(crate) async fn identity_link(app: &App, actor: &Actor, client: &Client, command: Begin) -> Result<Begun> {
    let user = actor.require_user()?;
    require_recent_authentication(app, actor).await?;
    begin_flow(app, client, Some(user.id), command).await
}

/// Counted here and not at its end, as a sign-in from the address: nothing ends that was not begun.
async fn begin_flow(app: &App, client: &Client, user: Option<UserId>, command: Begin) -> Result<Begun> {
    let provider = get(app, &command.provider)?;
    let return_path = command.return_path.map(|path| relative_path(&path)).transpose()?;
    throttle_login(app, client)?;
    let (state, flow_token) = (random_token(), random_token());
    let secrets = Secrets { verifier: random_token(), nonce: random_token() };
    let url = person::authorization_url(app, provider, &state, &secrets).await;
    let authorization_url = url.map_err(|failure| failed(&provider.name, &failure))?;
    let now = app.clock.now();
    let (id, expires_at) = (OauthFlowId(app.ids.next(now)), now + STEP);
    let sealed = app.keys.seal(&purpose(id), &serde_json::to_vec(&secrets)?)?;
    let row = ActiveModel {
        id: Set(id),
        provider: Set(provider.name.clone()),
        user_id: Set(user),
        state_hash: Set(hash(&state)),
        flow_hash: Set(hash(&flow_token)),
        ticket_hash: Set(None),
        secrets: Set(sealed),
        return_path: Set(return_path),
        result: Set(None),
        created_at: Set(now),
        expires_at: Set(expires_at),
        ended_at: Set(None),
    };
    app.db.transact(async |tx| Ok(Entity::insert(row.clone()).exec_without_returning(&tx).await?)).await?;
    Ok(Begun { authorization_url, flow_token, expires_at })
}

fn purpose(id: OauthFlowId) -> String {
    format!("oauth_flow {id}")
}

fn hash(token: &str) -> Vec<u8> {
    sha256(token.as_bytes()).to_vec()
}

/// A path within the frontend: nothing that a browser could take for another site. Codes: INVALID, TOO_LONG.
fn relative_path(path: &str) -> Result<String> {
    if path.chars().count() > MAX_PATH {
        return Err(UserError::input("returnPath", UserErrorCode::TooLong).with("max", MAX_PATH).into());
    }
    let good = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.chars().any(|c| c.is_control() || c.is_whitespace());
    if good { Ok(path.to_owned()) } else { Err(UserError::invalid("returnPath", Reason::RelativePath).into()) }
}

/// What a provider sends a browser back with.
#[derive(Debug, Clone, Default)]
pub(crate) struct ComeBack {
    /// The provider, by the path.
    pub provider: String,
    /// What was sent along.
    pub state: Option<String>,
    /// On success, what the provider's answer is fetched with.
    pub code: Option<String>,
    /// Otherwise, a coded word.
    pub error: Option<String>,
    /// The issuer that says so (RFC 9207), where it says it.
    pub iss: Option<String>,
}

/// Takes a browser back from a provider; gives where in the frontend it goes on, with a `ticket` or an `error`:
/// `invalid_state`, `access_denied` or `provider_failed`.
pub(crate) async fn come_back(app: &App, back: ComeBack) -> Result<Url> {
    let (Some(provider), Some(state)) = (find(app, &back.provider), back.state.as_deref()) else {
        return onward(app, None, "error", "invalid_state");
    };
    let code = back.code.as_deref().filter(|code| (1..=MAX_CODE).contains(&code.len()));
    let code = code.filter(|_| back.error.is_none() && is_of(provider, back.iss.as_deref()));
    let ticket = random_token();
    let Some(path) = return_with(app, provider, state, code, &ticket).await? else {
        return onward(app, None, "error", "invalid_state");
    };
    let path = path.as_deref();
    if code.is_some() {
        return onward(app, path, "ticket", &ticket);
    }
    if back.error.as_deref() == Some("access_denied") {
        return onward(app, path, "error", "access_denied");
    }
    tracing::warn!(provider = provider.name, "a provider sent somebody back without a code");
    onward(app, path, "error", "provider_failed")
}

/// Takes the state of a flow: once, and of this provider only. Keeps the code and the ticket for the end; without a code
/// this is the end. Gives the path to return to; `None` when there is no such flow.
async fn return_with(
    app: &App,
    provider: &OauthProvider,
    state: &str,
    code: Option<&str>,
    ticket: &str,
) -> Result<Option<Option<String>>> {
    let now = app.clock.now();
    app.db
        .transact(async |tx| {
            // One statement finds the flow and takes it: whoever comes second finds nothing.
            let taken = Entity::update_many()
                .col_expr(Column::TicketHash, Expr::val(hash(ticket)))
                .col_expr(Column::ExpiresAt, Expr::val(now + STEP))
                .col_expr(Column::EndedAt, Expr::val(code.is_none().then_some(now)))
                .filter(Column::StateHash.eq(hash(state)))
                .filter(Column::Provider.eq(provider.name.as_str()))
                .filter(Column::TicketHash.is_null())
                .filter(Column::EndedAt.is_null())
                .filter(Column::ExpiresAt.gt(now))
                .exec_with_returning(&tx)
                .await?;
            let Some(Model { id, return_path, .. }) = taken.into_iter().next() else { return Ok(None) };
            if let Some(code) = code {
                let sealed = app.keys.seal(&purpose(id), code.as_bytes())?;
                Entity::update_many()
                    .col_expr(Column::Result, Expr::val(sealed))
                    .filter(Column::Id.eq(id))
                    .exec(&tx)
                    .await?;
            }
            Ok(Some(return_path))
        })
        .await
}

/// Whether an answer may be of this provider: one that names itself must be the one that was asked (RFC 9207).
fn is_of(provider: &OauthProvider, iss: Option<&str>) -> bool {
    match &provider.protocol {
        OauthProtocol::Oidc { issuer, .. } => {
            iss.is_none_or(|iss| iss.trim_end_matches('/') == issuer.trim_end_matches('/'))
        }
        OauthProtocol::Github { .. } | OauthProtocol::Discord { .. } => true,
    }
}

/// An address of the frontend, with one parameter more.
fn onward(app: &App, path: Option<&str>, name: &str, value: &str) -> Result<Url> {
    let base = app.config.frontend_url.as_str().trim_end_matches('/');
    let mut url = Url::parse(&format!("{base}{}", path.unwrap_or("/"))).map_err(Error::internal)?;
    // What was checked when it was given, and is checked again where it matters.
    if url.origin() != app.config.frontend_url.origin() {
        return Err(Error::internal("a path led out of the frontend"));
    }
    let others: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| name != "ticket" && name != "error").collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    Ok(url)
}

/// The end of a flow.
#[derive(Clone)]
pub(crate) struct Complete {
    /// What `oauthBegin` gave.
    pub flow_token: String,
    /// What the browser came back with.
    pub ticket: String,
}

impl std::fmt::Debug for Complete {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Complete")
    }
}

struct Taken {
    provider: OauthProvider,
    user: Option<UserId>,
    secrets: Secrets,
    code: String,
}

/// Ends a flow: asks the provider who it was, and signs them in, or links the identity. Codes: PROVIDER_FAILED,
/// LINK_REQUIRED, PROVIDER_EMAIL_UNVERIFIED, EMAIL_NOT_CONFIRMED, ALREADY_LINKED, ACCOUNT_SUSPENDED.
pub(crate) async fn complete(app: &App, actor: &Actor, client: &Client, command: Complete) -> Result<Completed> {
    let taken = take(app, actor, &command).await?;
    if taken.user.is_some() {
        // As when it began: not without the second factor that their role demands.
        actor.require_user()?;
    }
    let identified = person::identify(app, &taken.provider, &taken.code, &taken.secrets).await;
    let person: Person = identified.map_err(|failure| failed(&taken.provider.name, &failure))?;
    match taken.user {
        Some(user) => join::link(app, client, user, &taken.provider, &person).await.map(Completed::Linked),
        None => join::sign_in(app, client, &taken.provider, &person).await,
    }
}

/// Uses a flow up: once, with both of its tokens, and for a link only by whoever began it.
async fn take(app: &App, actor: &Actor, command: &Complete) -> Result<Taken> {
    let is_theirs = match actor.user_id() {
        Some(user) => Column::UserId.is_null().or(Column::UserId.eq(user)),
        None => Column::UserId.is_null(),
    };
    let taken = app
        .db
        .transact(async |tx| {
            let now = app.clock.now();
            let taken = Entity::update_many()
                .col_expr(Column::EndedAt, Expr::val(now))
                .filter(Column::TicketHash.eq(hash(&command.ticket)))
                .filter(Column::FlowHash.eq(hash(&command.flow_token)))
                .filter(Column::EndedAt.is_null())
                .filter(Column::ExpiresAt.gt(now))
                .filter(is_theirs.clone())
                .exec_with_returning(&tx)
                .await?;
            Ok(taken.into_iter().next())
        })
        .await?;
    let Some(Model { id, provider, user_id: user, secrets, result: code, .. }) = taken else {
        // It may be a link, of whom the token was.
        actor.require_certain()?;
        return Err(refused());
    };
    let code = code.ok_or_else(|| Error::internal("a flow with a ticket and without a code"))?;
    Ok(Taken {
        provider: find(app, &provider)
            .cloned()
            .ok_or_else(|| failed(&provider, &Failure::new("it is no longer configured")))?,
        user,
        secrets: serde_json::from_slice(&app.keys.open(&purpose(id), &secrets)?)?,
        code: String::from_utf8(app.keys.open(&purpose(id), &code)?).map_err(Error::internal)?,
    })
}

/// Deletes flows that are over; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("oauth_flows", "expires_at", app.clock.now() - TimeDelta::hours(1)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_within_the_frontend_are_returned_to() {
        for good in ["/", "/settings?tab=1#identities", "/a//b", "/%2F%2Fevil.example"] {
            assert!(relative_path(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "settings",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\n/evil.example",
            "/\t/evil.example",
            "\u{0}/",
            " /",
            "@evil.example",
            ".evil.example",
        ] {
            assert!(relative_path(bad).is_err(), "{bad:?}");
        }
        assert!(relative_path(&format!("/{}", "a".repeat(512))).is_err());
    }
}
