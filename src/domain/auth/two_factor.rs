//! Two-factor authentication as its owner handles it: set up, switched on by the first code, switched off, new backup
//! codes.
//!
//! Owns `two_factors` and `backup_codes`, with [`second_factors`]. Always holds: it is on only after a code has proven
//! that the app has the secret; whoever takes it away, or sees new backup codes, has proven anew who they are.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QuerySelect, QueryTrait, RelationTrait,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};

use super::{Method, brute_force, recent_authentication, second_factors, sessions, sign_in, throttle::throttle_proof};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::{Actor, Client},
        messages::{Message, Template},
    },
    entity::{
        UserId,
        activity::ActivityKind,
        backup_code,
        session::SessionEnd,
        two_factor, user,
        user_role::{self, Role},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// What an authenticator app needs, shown while it is set up and never again.
#[derive(Clone)]
pub(crate) struct TwoFactorSetup {
    /// The secret in base 32, to be typed.
    pub secret: String,
    /// The same with who and what it is for, as apps take it.
    pub otpauth_uri: String,
    /// The same as a picture: a PNG as a data URI.
    pub qr_code: String,
}

impl std::fmt::Debug for TwoFactorSetup {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TwoFactorSetup").finish_non_exhaustive()
    }
}

/// How somebody's second factor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwoFactor {
    /// The person whose second factor it is.
    pub owner: UserId,
    /// Since when it is on; `None` when it is off.
    pub enabled_at: Option<DateTime<Utc>>,
    /// Whether the person's role demands it.
    pub required: bool,
    /// How many backup codes are still good.
    pub backup_codes_left: i64,
    /// The second proofs that a sign-in takes; none when it is off.
    pub methods: Vec<Method>,
}

/// Makes a secret for an authenticator app; as often as one likes until it is switched on. Fresh. Code:
/// TWO_FACTOR_ENABLED.
pub(crate) async fn two_factor_setup(app: &App, actor: &Actor) -> Result<TwoFactorSetup> {
    let user = recent_authentication::require_recently_authenticated_session(app, actor).await?;
    let id = user.id;
    let person = accounts::get(app, id).await?;
    let secret = second_factors::new_secret();
    let sealed = second_factors::seal(app, id, &secret)?;
    app.db
        .transact(async |tx| {
            let row = two_factor::ActiveModel {
                user_id: Set(id),
                secret: Set(sealed.clone()),
                last_step: Set(0),
                created_at: Set(app.clock.now()),
                enabled_at: Set(None),
            };
            let again = OnConflict::column(two_factor::Column::UserId)
                .update_columns([
                    two_factor::Column::Secret,
                    two_factor::Column::LastStep,
                    two_factor::Column::CreatedAt,
                ])
                .action_and_where(two_factor::Column::EnabledAt.is_null())
                .to_owned();
            let written = two_factor::Entity::insert(row).on_conflict(again).exec_without_returning(&tx).await?;
            if written == 1 { Ok(()) } else { Err(enabled_already()) }
        })
        .await?;
    let authenticator = second_factors::authenticator(&secret, &person.username)?;
    let picture = authenticator.to_qr_png().map_err(Error::internal)?;
    Ok(TwoFactorSetup {
        secret: authenticator.secret().to_base32(),
        otpauth_uri: authenticator.to_url().map_err(Error::internal)?,
        qr_code: format!("data:image/png;base64,{}", STANDARD.encode(picture)),
    })
}

/// Switches the second factor on, by the first code of the app that was set up; gives the backup codes, once. Codes:
/// TWO_FACTOR_NOT_ENABLED, TWO_FACTOR_ENABLED, INVALID_CODE.
pub(crate) async fn two_factor_enable(app: &App, actor: &Actor, client: &Client, code: &str) -> Result<Vec<String>> {
    let id = actor.require_session()?.id;
    let found = app.db.one(two_factor::Entity::find_by_id(id)).await?;
    let found = found.ok_or_else(not_enabled)?;
    if found.enabled_at.is_some() {
        return Err(enabled_already());
    }
    throttle_proof(app, client, Some(id))?;
    let attempt = brute_force::attempt(app, client, id, Method::Totp).await?;
    let step = second_factors::check(app, id, &found.secret, code)?;
    let person = accounts::get(app, id).await?;
    let session = actor.require_session()?.session_id;
    let backup_codes = second_factors::new_backup_codes();
    let ended = app
        .db
        .transact(async |tx| {
            // What the password alone has opened ends, also what it is opening at this moment.
            accounts::lock_in(&tx, &[id]).await?;
            second_factors::end_challenges_in(app, &tx, id).await?;
            // The code proved this secret: one that came meanwhile is still to be proven.
            let enabled = two_factor::Entity::update_many()
                .col_expr(two_factor::Column::EnabledAt, Expr::val(app.clock.now()))
                .col_expr(two_factor::Column::LastStep, Expr::val(step))
                .filter(two_factor::Column::UserId.eq(id))
                .filter(two_factor::Column::Secret.eq(found.secret.clone()))
                .filter(two_factor::Column::EnabledAt.is_null())
                .exec(&tx)
                .await?;
            if enabled.rows_affected != 1 {
                return Err(enabled_already());
            }
            second_factors::replace_backup_codes_in(app, &tx, id, &backup_codes).await?;
            brute_force::succeeded_in(&tx, &attempt).await?;
            notify_owner_in(app, &tx, client, &person, ActivityKind::TwoFactorEnabled, Template::TwoFactorEnabled)
                .await?;
            sessions::end_sessions_in(app, &tx, id, Some(session), SessionEnd::TwoFactorChanged).await
        })
        .await?;
    sessions::ended(app, &ended);
    Ok(backup_codes)
}

/// Switches the second factor off, by a code of the app or a backup code. Fresh. Codes: TWO_FACTOR_NOT_ENABLED,
/// TWO_FACTOR_REQUIRED, INVALID_CODE.
pub(crate) async fn two_factor_disable(app: &App, actor: &Actor, client: &Client, code: &str) -> Result<User> {
    let id = recent_authentication::require_recent_authentication(app, actor).await?.id;
    let standing = two_factor_of(app, id).await?;
    if standing.enabled_at.is_none() {
        return Err(not_enabled());
    }
    if standing.required {
        return Err(UserError::whole(UserErrorCode::TwoFactorRequired).into());
    }
    let kind = if second_factors::is_backup_code(code) { Method::BackupCode } else { Method::Totp };
    throttle_proof(app, client, Some(id))?;
    let attempt = brute_force::attempt(app, client, id, kind).await?;
    let person = accounts::get(app, id).await?;
    let disabled = app
        .db
        .transact(async |tx| {
            // First, as everything that begins with a challenge does: two of them at once wait for each other in turn.
            second_factors::end_challenges_in(app, &tx, id).await?;
            if second_factors::is_backup_code(code) {
                second_factors::accept_backup_code_in(app, &tx, id, code).await?;
            } else {
                second_factors::accept_totp_in(app, &tx, id, code).await?;
            }
            second_factors::remove_in(&tx, id).await?;
            brute_force::succeeded_in(&tx, &attempt).await?;
            notify_owner_in(app, &tx, client, &person, ActivityKind::TwoFactorDisabled, Template::TwoFactorDisabled)
                .await
        })
        .await;
    if brute_force::was_wrong(&disabled) {
        brute_force::failed(app, client, Some(id), "twoFactorDisable").await?;
    }
    disabled.map(|()| person)
}

/// Makes new backup codes, given once; the former ones are void. Fresh. Code: TWO_FACTOR_NOT_ENABLED.
pub(crate) async fn backup_codes_regenerate(app: &App, actor: &Actor, client: &Client) -> Result<Vec<String>> {
    let id = recent_authentication::require_recent_authentication(app, actor).await?.id;
    let backup_codes = second_factors::new_backup_codes();
    app.db
        .transact(async |tx| {
            // Locked, so that of two calls at once the codes of the later one remain, and of no call a part.
            let on = two_factor::Entity::find_by_id(id).filter(two_factor::Column::EnabledAt.is_not_null());
            on.lock(LockType::NoKeyUpdate).one(&tx).await?.ok_or_else(not_enabled)?;
            second_factors::replace_backup_codes_in(app, &tx, id, &backup_codes).await?;
            activity::record_in(app, &tx, id, ActivityKind::BackupCodesRegenerated, client, None).await
        })
        .await?;
    Ok(backup_codes)
}

/// How people's second factors stand: of the actor only; nobody sees another's.
pub(crate) async fn two_factors(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, TwoFactor>> {
    let Some(own) = actor.user_id().filter(|own| ids.contains(own)) else { return Ok(HashMap::new()) };
    Ok([(own, two_factor_of(app, own).await?)].into())
}

/// A person's second factor as it is read.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "user::Entity")]
struct TwoFactorRow {
    #[sea_orm(from_expr = "Expr::col((two_factor::Entity, two_factor::Column::EnabledAt))")]
    enabled_at: Option<DateTime<Utc>>,
    #[sea_orm(from_expr = "Expr::col((user_role::Entity, user_role::Column::Role))")]
    role: Option<Role>,
    #[sea_orm(from_expr = "backup_codes_left()")]
    backup_codes_left: i64,
}

/// How many of a person's backup codes are left.
fn backup_codes_left() -> Expr {
    let left = backup_code::Entity::find()
        .select_only()
        .expr(backup_code::Column::Hash.count())
        .filter(Expr::col((backup_code::Entity, backup_code::Column::UserId)).equals((user::Entity, user::Column::Id)))
        .filter(backup_code::Column::UsedAt.is_null());
    Expr::from(left.into_query())
}

async fn two_factor_of(app: &App, id: UserId) -> Result<TwoFactor> {
    let person = user::Entity::find_by_id(id)
        .join(JoinType::LeftJoin, user::Relation::TwoFactor.def())
        .join(JoinType::LeftJoin, user::Relation::Role.def());
    let found: Option<TwoFactorRow> = app.db.read_one(person).await?;
    let TwoFactorRow { enabled_at, role, backup_codes_left } = found.ok_or_else(Error::unauthenticated)?;
    let demanding = &app.config.two_factor_required_roles;
    Ok(TwoFactor {
        owner: id,
        enabled_at,
        required: role.is_some_and(|role| demanding.iter().any(|name| name == role.as_str())),
        backup_codes_left,
        methods: sign_in::second_factors(app, id).await?,
    })
}

async fn notify_owner_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    person: &User,
    kind: ActivityKind,
    template: Template,
) -> Result<()> {
    activity::record_in(app, tx, person.id, kind, client, None).await?;
    accounts::email_in(app, tx, person.id, Message::email("", &person.locale, template)).await
}

fn enabled_already() -> Error {
    UserError::whole(UserErrorCode::TwoFactorEnabled).into()
}

fn not_enabled() -> Error {
    UserError::whole(UserErrorCode::TwoFactorNotEnabled).into()
}
