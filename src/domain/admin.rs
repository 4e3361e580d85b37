//! Administration: what those with rights do with other people's accounts and with the queue of jobs.
//!
//! Owns no table. Always holds: nobody acts on themselves, nor on somebody who has a permission that they don't have, nor
//! gives such a permission; who acts is looked at anew in the act's own transaction, because an access token may be older
//! than what has happened since; each act that changes something has its entry in the audit log, in the same
//! transaction, and one that is refused changes nothing and has none (the program's log has a line of it).
//!
//! The command line acts as `Actor::System`, which has every permission.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::permissions::{Permission, covers};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        actor::{Actor, Client},
        audit::{self, NewEntry},
        auth,
        jobs::{self, JobRow},
    },
    entity::{JobId, UserId, job::JobState, suspension, user_role::Role},
    error::{Error, Reason, Result, UserError, UserErrorCode},
    platform::{db::Transaction, text},
};

/// Most characters of a reason.
const MAX_REASON: usize = 500;

/// Gives a person another role; `None`: that of an ordinary user. The same again changes nothing.
/// Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS, LAST_OWNER.
pub async fn user_set_role(app: &App, actor: &Actor, client: &Client, id: UserId, role: Option<Role>) -> Result<User> {
    permit(actor, Permission::GrantRoles)?;
    require_recent_authentication(app, actor).await?;
    let (user, ended) = app
        .db
        .transact(async |tx| {
            let Meeting { user, own, role: before } = meet_in(app, &tx, actor, Permission::GrantRoles, id).await?;
            if before == role {
                return Ok((user, Vec::new()));
            }
            if before == Some(Role::Owner) && auth::is_last_owner_in(&tx, id).await? {
                return Err(UserError::input("id", UserErrorCode::LastOwner).into());
            }
            if !covers(own, role) {
                return Err(beyond());
            }
            refuse_oneself(actor, id)?;
            let ended = auth::set_role_in(app, &tx, &user, before, role).await?;
            let action = if *actor == Actor::System { "admin grant" } else { "adminUserSetRole" };
            let state = |role: Option<Role>| json!({ "role": role.map_or("user", Role::as_str) });
            let entry = about_user(action, id, Some(state(before)), Some(state(role)));
            audit::record_in(app, &tx, actor, client, entry).await?;
            Ok((user, ended))
        })
        .await
        .inspect_err(|error| refused(actor, "adminUserSetRole", id, error))?;
    auth::sessions_ended(app, &ended);
    Ok(user)
}

/// A wish to keep somebody out.
#[derive(Debug, Clone)]
pub struct Suspend {
    /// Why; the person is told.
    pub reason: String,
    /// When it ends by itself; `None`: not before they are reinstated.
    pub until: Option<DateTime<Utc>>,
}

/// Suspends a person, or changes why and until when: their sessions end at once, and they can't sign in.
/// Codes: BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID, NOT_FOUND, BEYOND_YOUR_RIGHTS.
pub async fn user_suspend(app: &App, actor: &Actor, client: &Client, id: UserId, command: Suspend) -> Result<User> {
    permit(actor, Permission::SuspendUsers)?;
    let Suspend { reason, until } = validate(app, command)?;
    let (user, ended) = app
        .db
        .transact(async |tx| {
            let Meeting { user, .. } = meet_in(app, &tx, actor, Permission::SuspendUsers, id).await?;
            refuse_oneself(actor, id)?;
            let before = auth::suspension_in(app, &tx, id).await?;
            let ended = auth::suspend_in(app, &tx, &user, &reason, until).await?;
            let after = Some(json!({ "suspended": "true", "reason": reason, "until": shown(until) }));
            let entry = about_user("adminUserSuspend", id, Some(suspension_state(before)), after);
            audit::record_in(app, &tx, actor, client, NewEntry { reason: Some(&reason), ..entry }).await?;
            Ok((user, ended))
        })
        .await
        .inspect_err(|error| refused(actor, "adminUserSuspend", id, error))?;
    auth::sessions_ended(app, &ended);
    Ok(user)
}

fn validate(app: &App, command: Suspend) -> Result<Suspend> {
    let mut errors = Vec::new();
    let reason = text::block("reason", &command.reason, MAX_REASON).and_then(|text| text::required("reason", text));
    let reason = reason.unwrap_or_else(|error| {
        errors.push(error);
        String::new()
    });
    if command.until.is_some_and(|until| until <= app.clock.now()) {
        errors.push(UserError::invalid("until", Reason::Future));
    }
    if errors.is_empty() { Ok(Suspend { reason, until: command.until }) } else { Err(Error::User(errors)) }
}

/// Ends a suspension; where there is none in force, nothing changes. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS.
pub(crate) async fn user_reinstate(app: &App, actor: &Actor, client: &Client, id: UserId) -> Result<User> {
    permit(actor, Permission::SuspendUsers)?;
    app.db
        .transact(async |tx| {
            let Meeting { user, .. } = meet_in(app, &tx, actor, Permission::SuspendUsers, id).await?;
            refuse_oneself(actor, id)?;
            let Some(before) = auth::suspension_in(app, &tx, id).await? else { return Ok(user) };
            auth::reinstate_in(app, &tx, &user).await?;
            let (before, after) = (Some(suspension_state(Some(before))), Some(suspension_state(None)));
            audit::record_in(app, &tx, actor, client, about_user("adminUserReinstate", id, before, after)).await?;
            Ok(user)
        })
        .await
        .inspect_err(|error| refused(actor, "adminUserReinstate", id, error))
}

/// Ends every session of a person. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS.
pub(crate) async fn user_sign_out_everywhere(app: &App, actor: &Actor, client: &Client, id: UserId) -> Result<User> {
    permit(actor, Permission::ResetAccess)?;
    let (user, ended) = app
        .db
        .transact(async |tx| {
            let Meeting { user, .. } = meet_in(app, &tx, actor, Permission::ResetAccess, id).await?;
            refuse_oneself(actor, id)?;
            let ended = auth::sign_out_in(app, &tx, &user).await?;
            let state = |sessions: usize| Some(json!({ "sessions": sessions.to_string() }));
            let entry = about_user("adminUserSignOutEverywhere", id, state(ended.len()), state(0));
            audit::record_in(app, &tx, actor, client, entry).await?;
            Ok((user, ended))
        })
        .await
        .inspect_err(|error| refused(actor, "adminUserSignOutEverywhere", id, error))?;
    auth::sessions_ended(app, &ended);
    Ok(user)
}

/// Takes away a second factor that its owner has lost; their sessions end, and they are told.
/// Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS, TWO_FACTOR_NOT_ENABLED.
pub(crate) async fn user_reset_two_factor(app: &App, actor: &Actor, client: &Client, id: UserId) -> Result<User> {
    permit(actor, Permission::ResetAccess)?;
    require_recent_authentication(app, actor).await?;
    let (user, ended) = app
        .db
        .transact(async |tx| {
            let Meeting { user, .. } = meet_in(app, &tx, actor, Permission::ResetAccess, id).await?;
            refuse_oneself(actor, id)?;
            let ended = auth::reset_two_factor_in(app, &tx, &user).await?;
            let state = |enabled: &str| Some(json!({ "twoFactorEnabled": enabled }));
            let entry = about_user("adminUserResetTwoFactor", id, state("true"), state("false"));
            audit::record_in(app, &tx, actor, client, entry).await?;
            Ok((user, ended))
        })
        .await
        .inspect_err(|error| refused(actor, "adminUserResetTwoFactor", id, error))?;
    auth::sessions_ended(app, &ended);
    Ok(user)
}

/// Queues a dead job again. Codes: NOT_FOUND, ALREADY_DONE (it is not dead, or not any more).
pub(crate) async fn job_retry(app: &App, actor: &Actor, client: &Client, id: JobId) -> Result<JobRow> {
    permit(actor, Permission::ManageJobs)?;
    app.db
        .transact(async |tx| {
            auth::authority_in(app, &tx, actor, Permission::ManageJobs).await?;
            let at_id = |code| Error::from(UserError::input("id", code));
            if jobs::retry_in(app, &tx, Some(id)).await?.is_empty() {
                let found = jobs::find_in(&tx, id).await?;
                return Err(at_id(found.map_or(UserErrorCode::NotFound, |_| UserErrorCode::AlreadyDone)));
            }
            audit::record_in(app, &tx, actor, client, about_job("adminJobRetry", id)).await?;
            jobs::find_in(&tx, id).await?.ok_or_else(|| at_id(UserErrorCode::NotFound))
        })
        .await
}

/// Queues dead jobs again from the command line: one, or all; gives how many.
pub async fn jobs_retry(app: &App, id: Option<JobId>) -> Result<u64> {
    app.db
        .transact(async |tx| {
            let retried = jobs::retry_in(app, &tx, id).await?;
            for id in &retried {
                audit::record_in(app, &tx, &Actor::System, &Client::default(), about_job("jobs retry", *id)).await?;
            }
            Ok(retried.len() as u64)
        })
        .await
}

// ------------------------------------------------------------------------------------------------------- who may do it

/// The first gate, by what the access token says.
fn permit(actor: &Actor, permission: Permission) -> Result<()> {
    if *actor == Actor::System { Ok(()) } else { actor.require(permission).map(drop) }
}

/// Who signs in at the command line has proved it by being there.
async fn require_recent_authentication(app: &App, actor: &Actor) -> Result<()> {
    if *actor == Actor::System { Ok(()) } else { auth::require_recent_authentication(app, actor).await.map(drop) }
}

/// Who is acted on, by whom.
struct Meeting {
    /// The person who is acted on.
    user: User,
    /// The actor's role.
    own: Option<Role>,
    /// The person's role.
    role: Option<Role>,
}

/// Locks both, so that of two acts on each other the second sees what the first has done; looks at the actor anew; and
/// refuses to act on somebody who has what the actor has not. Codes: NOT_FOUND, BEYOND_YOUR_RIGHTS.
async fn meet_in(app: &App, tx: &Transaction, actor: &Actor, permission: Permission, id: UserId) -> Result<Meeting> {
    let both: Vec<UserId> = actor.user_id().into_iter().chain([id]).collect();
    accounts::lock_in(tx, &both).await?;
    let own = auth::authority_in(app, tx, actor, permission).await?;
    let (user, role) = auth::find_with_role_in(tx, id).await?.ok_or_else(|| Error::not_found("id"))?;
    if covers(own, role) { Ok(Meeting { user, own, role }) } else { Err(beyond()) }
}

fn refuse_oneself(actor: &Actor, id: UserId) -> Result<()> {
    if actor.user_id() == Some(id) { Err(beyond()) } else { Ok(()) }
}

fn beyond() -> Error {
    UserError::input("id", UserErrorCode::BeyondYourRights).into()
}

/// A refused act is no entry of the audit log, which holds what was done; the operator's log has it.
fn refused(actor: &Actor, action: &'static str, id: UserId, error: &Error) {
    tracing::warn!(actor = ?actor.user_id(), action, subject = %id, %error, "an administrative act was refused");
}

// ---------------------------------------------------------------------------------------------------- what is written

fn about_user(action: &'static str, id: UserId, before: Option<Value>, after: Option<Value>) -> NewEntry<'static> {
    NewEntry { action, subject_kind: UserId::PREFIX, subject_id: id.0, before, after, reason: None }
}

fn about_job(action: &'static str, id: JobId) -> NewEntry<'static> {
    let state = |state: JobState| Some(json!({ "state": state.as_str() }));
    let (before, after) = (state(JobState::Dead), state(JobState::Queued));
    NewEntry { action, subject_kind: JobId::PREFIX, subject_id: id.0, before, after, reason: None }
}

fn suspension_state(suspension: Option<suspension::Model>) -> Value {
    match suspension {
        Some(found) => json!({ "suspended": "true", "reason": found.reason, "until": shown(found.until) }),
        None => json!({ "suspended": "false" }),
    }
}

fn shown(time: Option<DateTime<Utc>>) -> Option<String> {
    time.map(|time| time.to_rfc3339())
}
