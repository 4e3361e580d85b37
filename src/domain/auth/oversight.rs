//! What those with rights change of an account: its role, a suspension, its sessions, its second factor. Whether they may
//! is decided above, in `domain::admin`, within the same transaction; here stands what each act does.
//!
//! Always holds: a suspended person has no live session and begins none; who loses a permission loses every session
//! that was begun with it; there is an owner, once there was one.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockType, OnConflict},
};

use super::{second_factors, sessions, sql};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::{Actor, Client},
        messages::{Message, Template},
        permissions::{self, Permission, covers},
    },
    entity::{
        SessionId, UserId,
        activity::ActivityKind,
        session::{self, SessionEnd},
        suspension, two_factor,
        user_role::{self, Role},
    },
    error::{Error, Parameter, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// What a line of the activity log says of an act of the service's staff.
const BY_STAFF: &str = "administrator";

/// A person and their role, as they are now.
pub(crate) async fn find_with_role_in(tx: &Transaction, id: UserId) -> Result<Option<(User, Option<Role>)>> {
    let Some(user) = accounts::find_in(tx, id).await? else { return Ok(None) };
    Ok(Some((user, role_in(tx, id).await?)))
}

/// A person's role, as it is now.
pub(crate) async fn role_in(tx: &Transaction, id: UserId) -> Result<Option<Role>> {
    Ok(user_role::Entity::find_by_id(id).one(tx).await?.map(|row| row.role))
}

/// Whether a session goes on, as it is now.
pub(crate) async fn is_live_in(app: &App, tx: &Transaction, session: SessionId) -> Result<bool> {
    let live = session::Entity::find_by_id(session).filter(sessions::is_live(app.clock.now()));
    Ok(live.one(tx).await?.is_some())
}

/// The role by which the actor acts, as it is now: UNAUTHENTICATED when the session is over, FORBIDDEN when the role is
/// no longer what the token says.
pub(crate) async fn authority_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    permission: Permission,
) -> Result<Option<Role>> {
    if *actor == Actor::System {
        return Ok(Some(Role::Owner));
    }
    let signed_in = actor.require(permission)?;
    if !is_live_in(app, tx, signed_in.session_id).await? {
        return Err(Error::unauthenticated());
    }
    let role = role_in(tx, signed_in.id).await?;
    if permissions::allows(role, permission) { Ok(role) } else { Err(Error::forbidden()) }
}

/// The same, with the actor locked first: until the end of the transaction nobody takes the role away, or ends the session.
pub(crate) async fn authorise_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    permission: Permission,
) -> Result<Option<Role>> {
    if let Some(me) = actor.user_id() {
        accounts::lock_in(tx, &[me]).await?;
    }
    authority_in(app, tx, actor, permission).await
}

/// Locks somebody who is there and not suspended until the end of the transaction; false where there is nobody like that.
pub(crate) async fn lock_active_in(app: &App, tx: &Transaction, user: UserId) -> Result<bool> {
    let (sql, values) = sql::lock_active(app, tx, user);
    Ok(tx.row(sql, values).await?.is_some())
}

/// Whether there is an owner at all, before the first administrator's account is made.
pub(super) async fn has_owner_in(tx: &Transaction) -> Result<bool> {
    let owners = user_role::Entity::find().filter(user_role::Column::Role.eq(Role::Owner));
    Ok(owners.one(tx).await?.is_some())
}

/// Whether there is no owner but this one. Every owner is locked, so that two who leave at once don't leave nobody:
/// whatever takes a role away, or an account, asks this first.
pub(crate) async fn is_last_owner_in(tx: &Transaction, id: UserId) -> Result<bool> {
    let owners = user_role::Entity::find()
        .filter(user_role::Column::Role.eq(Role::Owner))
        .order_by_asc(user_role::Column::UserId)
        .lock(LockType::NoKeyUpdate);
    Ok(matches!(owners.all(tx).await?.as_slice(), [only] if only.user_id == id))
}

/// Gives a person another role, or none; gives the sessions that ended, because a permission was lost.
pub(crate) async fn set_role_in(
    app: &App,
    tx: &Transaction,
    user: &User,
    before: Option<Role>,
    role: Option<Role>,
) -> Result<Vec<SessionId>> {
    match role {
        Some(role) => {
            let row =
                user_role::ActiveModel { user_id: Set(user.id), role: Set(role), created_at: Set(app.clock.now()) };
            let again = OnConflict::column(user_role::Column::UserId)
                .update_columns([user_role::Column::Role, user_role::Column::CreatedAt])
                .to_owned();
            user_role::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await?;
        }
        None => {
            user_role::Entity::delete_by_id(user.id).exec(tx).await?;
        }
    }
    let detail = role.map_or("user", Role::as_str);
    activity::record_in(app, tx, user.id, ActivityKind::RoleChanged, &Client::default(), Some(detail)).await?;
    if covers(role, before) {
        return Ok(Vec::new());
    }
    end_access_in(app, tx, user.id, SessionEnd::RoleChanged).await
}

/// The suspension of a person that is in force; one that is over counts for nothing.
pub(crate) async fn suspension_in(app: &App, tx: &Transaction, user: UserId) -> Result<Option<suspension::Model>> {
    let found = suspension::Entity::find_by_id(user).one(tx).await?;
    Ok(found.filter(|found| found.until.is_none_or(|until| until > app.clock.now())))
}

/// Suspends a person, or changes why and until when; gives the sessions that ended. The person is told.
pub(crate) async fn suspend_in(
    app: &App,
    tx: &Transaction,
    user: &User,
    reason: &str,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<SessionId>> {
    let since = suspension_in(app, tx, user.id).await?.map_or_else(|| app.clock.now(), |found| found.created_at);
    let row = suspension::ActiveModel {
        user_id: Set(user.id),
        reason: Set(reason.to_owned()),
        until: Set(until),
        created_at: Set(since),
    };
    let again = OnConflict::column(suspension::Column::UserId)
        .update_columns([suspension::Column::Reason, suspension::Column::Until, suspension::Column::CreatedAt])
        .to_owned();
    suspension::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await?;
    activity::record_in(app, tx, user.id, ActivityKind::Suspended, &Client::default(), Some(reason)).await?;
    let end = until.map_or_else(String::new, |until| until.format("%Y-%m-%d %H:%M UTC").to_string());
    let message =
        Message::email("", &user.locale, Template::AccountSuspended).with("reason", reason).with("until", end);
    accounts::email_in(app, tx, user.id, message).await?;
    end_access_in(app, tx, user.id, SessionEnd::Suspended).await
}

/// Ends a suspension. The person is told.
pub(crate) async fn reinstate_in(app: &App, tx: &Transaction, user: &User) -> Result<()> {
    suspension::Entity::delete_by_id(user.id).exec(tx).await?;
    activity::record_in(app, tx, user.id, ActivityKind::Reinstated, &Client::default(), None).await?;
    accounts::email_in(app, tx, user.id, Message::email("", &user.locale, Template::AccountReinstated)).await
}

/// Ends every session of a person; gives them.
pub(crate) async fn sign_out_in(app: &App, tx: &Transaction, user: &User) -> Result<Vec<SessionId>> {
    activity::record_in(app, tx, user.id, ActivityKind::SessionRevoked, &Client::default(), Some(BY_STAFF)).await?;
    end_access_in(app, tx, user.id, SessionEnd::SignedOut).await
}

/// Takes a person's second factor away, with its backup codes; gives the sessions that ended. The person is told.
/// Code: TWO_FACTOR_NOT_ENABLED.
pub(crate) async fn reset_two_factor_in(app: &App, tx: &Transaction, user: &User) -> Result<Vec<SessionId>> {
    let on = two_factor::Entity::find_by_id(user.id).filter(two_factor::Column::EnabledAt.is_not_null());
    if on.one(tx).await?.is_none() {
        return Err(UserError::input("id", UserErrorCode::TwoFactorNotEnabled).into());
    }
    second_factors::end_challenges_in(app, tx, user.id).await?;
    second_factors::remove_in(tx, user.id).await?;
    activity::record_in(app, tx, user.id, ActivityKind::TwoFactorDisabled, &Client::default(), Some(BY_STAFF)).await?;
    accounts::email_in(app, tx, user.id, Message::email("", &user.locale, Template::TwoFactorDisabled)).await?;
    end_access_in(app, tx, user.id, SessionEnd::TwoFactorChanged).await
}

/// Ends every session of a person, and every sign-in that waits for its second proof.
async fn end_access_in(app: &App, tx: &Transaction, user: UserId, reason: SessionEnd) -> Result<Vec<SessionId>> {
    second_factors::end_challenges_in(app, tx, user).await?;
    sessions::end_sessions_in(app, tx, user, None, reason).await
}

/// ACCOUNT_SUSPENDED, when the person may not sign in at present. Locks the person: whoever is suspended, or loses a
/// role, at this very moment, loses the session that is about to begin, too.
pub(super) async fn refuse_suspended_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    accounts::lock_in(tx, &[user]).await?;
    let Some(found) = suspension_in(app, tx, user).await? else { return Ok(()) };
    let error = UserError::whole(UserErrorCode::AccountSuspended).with("until", Parameter::Until(found.until));
    Err(Error::from(error.with("reason", found.reason)))
}
