//! Proving anew who is signed in: one proof counts as a recent authentication, for what is declared to need one.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use secrecy::SecretString;

use super::{
    Method,
    brute_force::{self, Attempt},
    recent_authentication::{self, RECENT_AUTHENTICATION},
    second_factors,
    sign_in::PASSWORD,
    throttle::throttle_proof,
};
use crate::{
    app::App,
    domain::{
        accounts::credentials,
        activity,
        actor::{Actor, Client, SignedIn},
        codes,
        messages::{self, Message, Template},
    },
    entity::{SessionId, activity::ActivityKind, code::CodePurpose, credential, session, user},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        passwords::{Caller, QueueSlot},
    },
};

/// One proof of who is signed in.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The password of the account.
    Password(SecretString),
    /// A code of the authenticator app.
    Totp(String),
    /// A code on paper; it is used up.
    BackupCode(String),
    /// A code that was sent to the e-mail address.
    EmailCode(String),
}

impl Proof {
    fn method(&self) -> Method {
        match self {
            Self::Password(_) => Method::Password,
            Self::Totp(_) => Method::Totp,
            Self::BackupCode(_) => Method::BackupCode,
            Self::EmailCode(_) => Method::Email,
        }
    }

    /// Its field of the input.
    fn field(&self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Totp(_) => "totp",
            Self::BackupCode(_) => "backupCode",
            Self::EmailCode(_) => "emailCode",
        }
    }
}

/// What somebody can prove themselves by.
struct Means {
    password_hash: Option<String>,
    email: String,
    locale: String,
    methods: Vec<Method>,
}

/// The same as it is read.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "credential::Entity")]
struct MeansRow {
    password_hash: Option<String>,
    email: String,
    #[sea_orm(from_expr = "Expr::col((user::Entity, user::Column::Locale))")]
    locale: String,
    #[sea_orm(from_expr = "second_factors::is_on(user::Column::Id)")]
    has_two_factor: bool,
}

/// Authenticates the session anew; gives until when that is recent. Codes: METHOD_NOT_AVAILABLE, WRONG_PASSWORD,
/// INVALID_CODE.
pub(crate) async fn reauthenticate(app: &App, actor: &Actor, client: &Client, proof: Proof) -> Result<DateTime<Utc>> {
    let user = actor.require_session()?;
    let means = means(app, user).await?;
    if !means.methods.contains(&proof.method()) {
        return Err(UserError::input(proof.field(), UserErrorCode::MethodNotAvailable).into());
    }
    throttle_proof(app, client, Some(user.id))?;
    let slot = match &proof {
        Proof::Password(_) => Some(app.passwords.enter(Caller::Known)?),
        _ => None,
    };
    let attempt = brute_force::attempt(app, client, user.id, proof.method()).await?;
    let proven = prove(app, user, client, means, (&attempt, slot), &proof).await;
    if brute_force::was_wrong(&proven) {
        brute_force::failed(app, client, Some(user.id), "reauthenticate").await?;
    }
    proven.map_err(|error| at(error, proof.field()))
}

async fn means(app: &App, user: &SignedIn) -> Result<Means> {
    let found: Option<MeansRow> =
        app.db.read_one(credential::Entity::find_by_id(user.id).inner_join(user::Entity)).await?;
    let MeansRow { password_hash, email, locale, has_two_factor } = found.ok_or_else(Error::unauthenticated)?;
    let methods = recent_authentication::methods(password_hash.is_some(), has_two_factor);
    Ok(Means { password_hash, email, locale, methods })
}

/// Compares, uses up what was right, and raises the session, all or nothing.
async fn prove(
    app: &App,
    user: &SignedIn,
    client: &Client,
    means: Means,
    (attempt, slot): (&Attempt, Option<QueueSlot>),
    proof: &Proof,
) -> Result<DateTime<Utc>> {
    let sent = match proof {
        Proof::Password(password) => {
            let slot = slot.ok_or_else(|| Error::internal("a password without a slot in the queue"))?;
            if !credentials::verify_password(&slot, password, means.password_hash.clone()).await? {
                return Err(UserError::input("password", UserErrorCode::WrongPassword).into());
            }
            None
        }
        Proof::Totp(_) | Proof::BackupCode(_) => None,
        Proof::EmailCode(code) => {
            Some(codes::check(app, CodePurpose::Reauthentication, &subject(user.session_id), code).await?)
        }
    };
    app.db
        .transact(async |tx| {
            match (proof, &sent) {
                (Proof::Totp(code), _) => second_factors::accept_totp_in(app, &tx, user.id, code).await?,
                (Proof::BackupCode(code), _) => {
                    second_factors::use_backup_code_in(app, &tx, client, user.id, code).await?;
                }
                (_, Some(code)) => codes::consume_in(app, &tx, code).await?,
                (Proof::Password(_), None) => still_in(&tx, user, means.password_hash.clone()).await?,
                (Proof::EmailCode(_), None) => return Err(codes::invalid()),
            }
            let now = app.clock.now();
            let raised = session::Entity::update_many()
                .col_expr(session::Column::AuthenticatedAt, Expr::val(now))
                .filter(session::Column::Id.eq(user.session_id))
                .filter(session::Column::EndedAt.is_null())
                .exec(&tx)
                .await?;
            if raised.rows_affected != 1 {
                return Err(Error::unauthenticated());
            }
            brute_force::succeeded_in(&tx, attempt).await?;
            let by = if matches!(proof, Proof::Password(_)) { PASSWORD } else { proof.field() };
            activity::record_in(app, &tx, user.id, ActivityKind::Reauthenticated, client, Some(by)).await?;
            Ok(now + RECENT_AUTHENTICATION)
        })
        .await
}

/// The password was not changed while its hash was computed.
async fn still_in(tx: &Transaction, user: &SignedIn, password_hash: Option<String>) -> Result<()> {
    // Without a password nothing is the same: a column's own `eq` would take that for it.
    let same = Expr::col(credential::Column::PasswordHash).eq(password_hash);
    let found = credential::Entity::find_by_id(user.id).filter(same).one(tx).await?;
    found.map(drop).ok_or_else(|| UserError::input("password", UserErrorCode::WrongPassword).into())
}

/// Sends the code by which somebody with neither password nor app proves who they are; gives when it ends. Codes:
/// METHOD_NOT_AVAILABLE, CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub(crate) async fn reauthentication_code_send(app: &App, actor: &Actor) -> Result<DateTime<Utc>> {
    let user = actor.require_session()?;
    let means = means(app, user).await?;
    if !means.methods.contains(&Method::Email) {
        return Err(UserError::whole(UserErrorCode::MethodNotAvailable).into());
    }
    app.db
        .transact(async |tx| {
            let purpose = CodePurpose::Reauthentication;
            let subject = subject(user.session_id);
            let code = codes::issue_in(app, &tx, purpose, &subject, &means.email, codes::Asker::Owner).await?;
            let message = Message::email(&means.email, &means.locale, Template::ReauthenticationCode);
            messages::send_in(app, &tx, &message.with_code(app, &code)).await?;
            Ok(code.expires_at)
        })
        .await
}

/// A code is good in the session that asked for it, and nowhere else.
fn subject(session: SessionId) -> String {
    session.to_string()
}

/// The same error at another field of the input.
fn at(error: Error, field: &'static str) -> Error {
    match error {
        Error::User(errors) => {
            Error::User(errors.into_iter().map(|error| UserError { path: vec!["input", field], ..error }).collect())
        }
        other => other,
    }
}
