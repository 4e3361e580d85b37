//! Sessions: begun by a sign-in, carried on by refresh tokens, ended by logout or by a token that comes back.
//!
//! A refresh raises the session's generation, and only the newest token is good. One step behind is forgiven as long
//! as the newest was never seen in use (the answer got lost), and for ten seconds after a rotation (two tabs).
//! Anything older was copied: the session ends, for the thief and the owner both, and the owner signs in again.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    UpdateMany,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use super::{sql, tokens};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::{Actor, Client, SignedIn},
    },
    entity::{SessionId, UserId, activity::ActivityKind, session, session::SessionEnd},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        bus::Hint,
        db::{Transaction, any_id},
        rate_limit::address_key,
    },
};

/// How long after a rotation the token before is still good: two tabs that refresh at the same moment.
const FORGIVEN: TimeDelta = TimeDelta::seconds(10);

/// How far back a sweep looks again.
const OVERLAP: Duration = Duration::from_secs(120);

/// A session with its tokens, as the client gets it once.
#[derive(Debug, Clone)]
pub struct IssuedSession {
    /// The person who is signed in by it.
    pub user: User,
    /// Good for a few minutes, sent with every request.
    pub access_token: String,
    /// When the access token ends.
    pub access_token_expires_at: DateTime<Utc>,
    /// Good for one refresh.
    pub refresh_token: String,
    /// When the session ends if it is not refreshed.
    pub refresh_token_expires_at: DateTime<Utc>,
    /// Nothing is possible but to set up the second factor that the person's role demands.
    pub needs_two_factor: bool,
}

/// Begins a session within the transaction of a sign-in.
pub(super) async fn begin_in(app: &App, tx: &Transaction, user: UserId, client: &Client) -> Result<session::Model> {
    let now = app.clock.now();
    let row = session::ActiveModel {
        id: Set(SessionId(app.ids.next(now))),
        user_id: Set(user),
        generation: Set(1),
        seen_generation: Set(0),
        rotated_at: Set(now),
        created_at: Set(now),
        authenticated_at: Set(now),
        expires_at: Set(now + app.config.session_lifetime),
        ended_at: Set(None),
        end_reason: Set(None),
        address: Set(client.address.map(|address| address.to_string())),
        user_agent: Set(client.user_agent.clone()),
    };
    Ok(row.insert(tx).await?)
}

/// Where somebody has had a session.
#[derive(Debug, FromQueryResult)]
struct SeenAddress {
    address: String,
}

/// Where a person has had sessions. As they are written, addresses of one network have no common beginning.
fn seen_addresses(user: UserId) -> Select<session::Entity> {
    session::Entity::find()
        .select_only()
        .column(session::Column::Address)
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::Address.is_not_null())
        .group_by(session::Column::Address)
        .limit(1000)
}

/// Whether a person has had a session from the client's address (for IPv6: from its /64). The same work when there is no
/// such person.
pub(super) async fn has_been_at(app: &App, user: Option<UserId>, client: &Client) -> Result<bool> {
    let user = user.unwrap_or(UserId(Uuid::nil()));
    Ok(is_among(&app.db.select::<SeenAddress>(&seen_addresses(user).into_query()).await?, client))
}

/// The same within a transaction.
pub(super) async fn has_been_at_in(tx: &Transaction, user: UserId, client: &Client) -> Result<bool> {
    Ok(is_among(&seen_addresses(user).into_model::<SeenAddress>().all(tx).await?, client))
}

fn is_among(seen_addresses: &[SeenAddress], client: &Client) -> bool {
    let here = client.address.map(address_key);
    here.is_some()
        && seen_addresses.iter().any(|known_address| known_address.address.parse().ok().map(address_key) == here)
}

/// Makes the tokens of a session's current generation.
pub(super) async fn issue(app: &App, session: &session::Model, user: User) -> Result<IssuedSession> {
    let standing = tokens::standing(app, session.user_id).await?;
    let (access_token, access_token_expires_at) = tokens::access_token(app, session, standing)?;
    Ok(IssuedSession {
        user,
        access_token,
        access_token_expires_at,
        refresh_token: tokens::refresh_token(&app.keys, session.id, session.generation),
        refresh_token_expires_at: session.expires_at,
        needs_two_factor: standing.needs_two_factor,
    })
}

enum Refreshed {
    Current(session::Model),
    Reused,
    Gone,
}

/// Exchanges a refresh token for new tokens. Code: INVALID_REFRESH_TOKEN.
pub(crate) async fn token_refresh(app: &App, client: &Client, token: &str) -> Result<IssuedSession> {
    let refuse = || Error::from(UserError::input("refreshToken", UserErrorCode::InvalidRefreshToken));
    let (id, generation) = tokens::open_refresh_token(&app.keys, token).ok_or_else(refuse)?;
    let refreshed = app
        .db
        .transact(async |tx| {
            let Some(session) = lock_in(&tx, id).await? else { return Ok(Refreshed::Gone) };
            let now = app.clock.now();
            if session.ended_at.is_some() || session.expires_at <= now {
                return Ok(Refreshed::Gone);
            }
            let lost_answer = session.seen_generation < session.generation || now <= session.rotated_at + FORGIVEN;
            if generation == session.generation {
                rotate_in(app, &tx, session).await.map(Refreshed::Current)
            } else if generation + 1 == session.generation && lost_answer {
                Ok(Refreshed::Current(session))
            } else {
                end_in(app, &tx, id, SessionEnd::TokenReused).await?;
                // Whether thief or owner came second, nobody knows: the owner sees from where.
                let (kind, detail) = (ActivityKind::SessionRevoked, SessionEnd::TokenReused.as_str());
                activity::record_in(app, &tx, session.user_id, kind, client, Some(detail)).await?;
                Ok(Refreshed::Reused)
            }
        })
        .await?;
    match refreshed {
        Refreshed::Current(session) => {
            let user = accounts::get(app, session.user_id).await?;
            issue(app, &session, user).await
        }
        Refreshed::Reused => {
            app.ended_sessions.insert(id, app.clock.now());
            tracing::warn!(session = %id, "a refresh token came back; the session was ended");
            Err(refuse())
        }
        Refreshed::Gone => Err(refuse()),
    }
}

async fn lock_in(tx: &Transaction, id: SessionId) -> Result<Option<session::Model>> {
    // The conditional write below needs the row as it is, and nobody else's write between.
    Ok(session::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?)
}

/// The token of this generation was used: it is seen, and the next one becomes the current.
async fn rotate_in(app: &App, tx: &Transaction, mut session: session::Model) -> Result<session::Model> {
    let now = app.clock.now();
    session.seen_generation = session.generation;
    session.generation += 1;
    session.rotated_at = now;
    session.expires_at = now + app.config.session_lifetime;
    session::Entity::update_many()
        .col_expr(session::Column::Generation, Expr::val(session.generation))
        .col_expr(session::Column::SeenGeneration, Expr::val(session.seen_generation))
        .col_expr(session::Column::RotatedAt, Expr::val(now))
        .col_expr(session::Column::ExpiresAt, Expr::val(session.expires_at))
        .filter(session::Column::Id.eq(session.id))
        .exec(tx)
        .await?;
    Ok(session)
}

/// Ends a session: its refresh token is no good, its access tokens are refused within a sweep, its sockets close.
async fn end_in(app: &App, tx: &Transaction, id: SessionId, reason: SessionEnd) -> Result<()> {
    ending(app, reason).filter(session::Column::Id.eq(id)).exec(tx).await?;
    tx.hint(Hint::SessionEnded(id.0));
    Ok(())
}

/// Ends sessions that go on.
fn ending(app: &App, reason: SessionEnd) -> UpdateMany<session::Entity> {
    session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::val(app.clock.now()))
        .col_expr(session::Column::EndReason, Expr::val(reason))
        .filter(session::Column::EndedAt.is_null())
}

/// Ends every session of a person but one; gives those that ended, to be handed to [`ended`] after the commit.
pub(super) async fn end_sessions_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    but: Option<SessionId>,
    reason: SessionEnd,
) -> Result<Vec<SessionId>> {
    let mut others = ending(app, reason).filter(session::Column::UserId.eq(user));
    if let Some(but) = but {
        others = others.filter(session::Column::Id.ne(but));
    }
    let ended: Vec<SessionId> = others.exec_with_returning(tx).await?.into_iter().map(|session| session.id).collect();
    for id in &ended {
        tx.hint(Hint::SessionEnded(id.0));
    }
    Ok(ended)
}

/// Sessions have ended, and that is committed: their access tokens are refused here from now on.
pub(crate) fn ended(app: &App, sessions: &[SessionId]) {
    for id in sessions {
        app.ended_sessions.insert(*id, app.clock.now());
    }
}

/// Ends the session by which the actor asks.
pub(crate) async fn logout(app: &App, actor: &Actor, client: &Client) -> Result<bool> {
    let user = actor.require_session()?;
    let session_id = user.session_id;
    app.db
        .transact(async |tx| {
            end_in(app, &tx, session_id, SessionEnd::Logout).await?;
            activity::record_in(app, &tx, user.id, ActivityKind::SignedOut, client, None).await
        })
        .await?;
    app.ended_sessions.insert(session_id, app.clock.now());
    Ok(true)
}

/// Ends the session of a refresh token, for a browser whose access token is over; false when it is over, too.
pub(crate) async fn logout_by_refresh_token(app: &App, client: &Client, token: &str) -> Result<bool> {
    let Some((id, generation)) = tokens::open_refresh_token(&app.keys, token) else { return Ok(false) };
    let ended = app
        .db
        .transact(async |tx| {
            let session = lock_in(&tx, id).await?.filter(|session| session.ended_at.is_none());
            let Some(session) = session.filter(|session| generation + 1 >= session.generation) else {
                return Ok(false);
            };
            end_in(app, &tx, id, SessionEnd::Logout).await?;
            activity::record_in(app, &tx, session.user_id, ActivityKind::SignedOut, client, None).await?;
            Ok(true)
        })
        .await?;
    if ended {
        app.ended_sessions.insert(id, app.clock.now());
    }
    Ok(ended)
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActiveSession {
    /// The row of `sessions`.
    pub session: session::Model,
    /// Whether it is the one by which they ask.
    pub is_current: bool,
}

impl ActiveSession {
    fn of(user: &SignedIn, session: session::Model) -> Self {
        Self { is_current: session.id == user.session_id, session }
    }
}

/// The actor's sessions that go on, last used first, at most 100.
pub(crate) async fn active_sessions(app: &App, actor: &Actor) -> Result<Vec<ActiveSession>> {
    let user = actor.require_session()?;
    let newest =
        going_on(app, user).order_by_desc(session::Column::RotatedAt).order_by_desc(session::Column::Id).limit(100);
    let sessions = app.db.all(newest).await?;
    Ok(sessions.into_iter().map(|session| ActiveSession::of(user, session)).collect())
}

/// The actor's sessions that go on, by id.
pub(crate) async fn sessions_by_id(
    app: &App,
    actor: &Actor,
    ids: &[SessionId],
) -> Result<HashMap<SessionId, ActiveSession>> {
    let Ok(user) = actor.require_session() else { return Ok(HashMap::new()) };
    let sessions = app.db.all(going_on(app, user).filter(any_id(session::Column::Id, ids))).await?;
    Ok(sessions.into_iter().map(|session| (session.id, ActiveSession::of(user, session))).collect())
}

fn going_on(app: &App, user: &SignedIn) -> Select<session::Entity> {
    session::Entity::find().filter(session::Column::UserId.eq(user.id)).filter(is_live(app.clock.now()))
}

/// That a session goes on.
pub(super) fn is_live(now: DateTime<Utc>) -> Expr {
    session::Column::EndedAt.is_null().and(session::Column::ExpiresAt.gt(now))
}

/// Ends one of the actor's own sessions. Code: NOT_FOUND.
pub(crate) async fn session_revoke(app: &App, actor: &Actor, client: &Client, id: SessionId) -> Result<()> {
    let user = actor.require_session()?;
    app.db
        .transact(async |tx| {
            let found = going_on(app, user).filter(session::Column::Id.eq(id)).one(&tx).await?;
            if found.is_none() {
                return Err(UserError::input("id", UserErrorCode::NotFound).into());
            }
            end_in(app, &tx, id, SessionEnd::Revoked).await?;
            activity::record_in(app, &tx, user.id, ActivityKind::SessionRevoked, client, None).await
        })
        .await?;
    ended(app, &[id]);
    Ok(())
}

/// Ends all of the actor's sessions but the one by which they ask; gives how many.
pub(crate) async fn sessions_revoke_others(app: &App, actor: &Actor, client: &Client) -> Result<i64> {
    let user = actor.require_session()?;
    let revoked = app
        .db
        .transact(async |tx| {
            let revoked = end_sessions_in(app, &tx, user.id, Some(user.session_id), SessionEnd::Revoked).await?;
            if !revoked.is_empty() {
                activity::record_in(app, &tx, user.id, ActivityKind::SessionRevoked, client, None).await?;
            }
            Ok(revoked)
        })
        .await?;
    ended(app, &revoked);
    Ok(revoked.len() as i64)
}

/// Who an access token stands for. UNAUTHENTICATED when it is malformed, forged, expired or of an ended session.
pub async fn authenticate(app: &App, token: &str) -> Result<Actor> {
    let user = tokens::open_access_token(app, token).ok_or_else(Error::unauthenticated)?;
    if app.ended_sessions.contains(user.session_id) {
        return Err(Error::unauthenticated());
    }
    if !app.seen_generations.has_reached(&user.session_id, user.generation) {
        if !saw(app, user.session_id, user.generation).await? {
            return Err(Error::unauthenticated());
        }
        app.seen_generations.raise(user.session_id, user.generation);
    }
    Ok(Actor::User(user))
}

/// An access token of this generation was used for the first time here. False when the session is over or unknown.
async fn saw(app: &App, id: SessionId, generation: i64) -> Result<bool> {
    let Some(seen) = sql::seen(app, id).await?.filter(|seen| seen.ended_at.is_none()) else { return Ok(false) };
    if seen.seen_generation < generation {
        app.db
            .transact(async |tx| {
                session::Entity::update_many()
                    .col_expr(session::Column::SeenGeneration, Expr::val(generation))
                    .filter(session::Column::Id.eq(id))
                    .filter(session::Column::SeenGeneration.lt(generation))
                    .filter(session::Column::Generation.gte(generation))
                    .exec(&tx)
                    .await?;
                Ok(())
            })
            .await?;
    }
    Ok(true)
}

/// Learns of sessions that other processes ended, and of those that expired, and closes their sockets here.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    // From where the last one that went well has looked, with an overlap, because a commit may become visible long after
    // the time that it carries; the first time, as far back as an access token lives.
    let last = app.sessions_swept_at.load(Ordering::Relaxed);
    let since = DateTime::from_timestamp_micros(last).filter(|_| last > 0).map(|at| at - OVERLAP);
    let since = since.unwrap_or(now - app.config.access_token_lifetime);
    for over in sql::over_since(app, since, now).await? {
        if app.ended_sessions.insert(over.id, over.ended_at) {
            app.db.bus().deliver(Hint::SessionEnded(over.id.0));
        }
    }
    app.sessions_swept_at.store(now.timestamp_micros(), Ordering::Relaxed);
    app.ended_sessions.forget_before(now - app.config.access_token_lifetime - TimeDelta::seconds(60));
    Ok(())
}

/// Deletes sessions that ended or expired a month ago; gives how many.
pub(crate) async fn prune(app: &App) -> Result<u64> {
    let before = app.clock.now() - TimeDelta::days(30);
    let expired = app.db.delete_before("sessions", "expires_at", before).await?;
    Ok(expired + app.db.delete_before("sessions", "ended_at", before).await?)
}
