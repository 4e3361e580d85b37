//! The second half of a sign-in: a challenge is answered by one more proof, and a session begins.
//!
//! Owns `challenges`, which [`sign_in`] begins. Always holds: a try is counted, and its count committed, before it is
//! compared; five tries end a challenge; it becomes a session once, however many right answers come at once; its token
//! is good for nothing else, and no other token is good for it.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
    sea_query::Expr,
};

use super::{
    IssuedSession, Method,
    brute_force::{self, Attempt, Target},
    second_factors, sessions, sign_in,
    throttle::throttle_login,
    tokens,
};
use crate::{
    app::App,
    domain::{
        accounts::{self, User, credentials},
        actor::Client,
        codes::{self, Asker, CheckedCode},
        messages::{self, Message, Template},
    },
    entity::{ChallengeId, UserId, challenge, code::CodePurpose, credential, profile, session, user},
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// How often a challenge may be tried.
const TRIES: i64 = 5;

/// Signs in by the second proof. Codes: INVALID_CHALLENGE, METHOD_NOT_AVAILABLE, INVALID_CODE, ACCOUNT_SUSPENDED.
pub(crate) async fn two_factor_verify(
    app: &App,
    client: &Client,
    challenge_token: &str,
    method: Method,
    code: &str,
) -> Result<IssuedSession> {
    let id = open(app, client, challenge_token)?;
    let (open, attempt) = count_try(app, client, id, method).await?;
    let user = accounts::get(app, open.user_id).await?;
    let begun = begin(app, client, &open, &attempt, &user, method, code).await;
    if brute_force::was_wrong(&begun) {
        brute_force::failed(app, client, Some(user.id), method.as_str()).await?;
    }
    sessions::issue(app, &begun?, user).await
}

/// A challenge that may still be answered.
struct Open {
    id: ChallengeId,
    user_id: UserId,
    proven_by: String,
}

/// That a challenge can still be tried.
fn is_open(now: DateTime<Utc>) -> Expr {
    let (ended, expires) = (challenge::Column::EndedAt.is_null(), challenge::Column::ExpiresAt.gt(now));
    ended.and(expires).and(challenge::Column::Attempts.lt(TRIES))
}

/// Counts a try, for the challenge and for its owner, and commits that.
async fn count_try(app: &App, client: &Client, id: ChallengeId, method: Method) -> Result<(Open, Attempt)> {
    app.db
        .transact(async |tx| {
            let tried = challenge::Entity::update_many()
                .col_expr(challenge::Column::Attempts, Expr::col(challenge::Column::Attempts).add(1))
                .filter(challenge::Column::Id.eq(id))
                .filter(is_open(app.clock.now()))
                .exec_with_returning(&tx)
                .await?;
            let challenge::Model { user_id, proven_by, .. } = tried.into_iter().next().ok_or_else(invalid)?;
            let open = Open { id, user_id, proven_by };
            require_method_in(&tx, open.user_id, &open.proven_by, method).await?;
            let is_familiar = sessions::has_been_at_in(&tx, open.user_id, client).await?;
            let target = Target::SecondFactor(open.user_id);
            let attempt = brute_force::attempt_in(app, &tx, client, target, is_familiar).await?;
            Ok((open, attempt))
        })
        .await
}

async fn require_method_in(tx: &Transaction, user: UserId, proven_by: &str, method: Method) -> Result<()> {
    if sign_in::second_proofs_in(tx, user, proven_by).await?.contains(&method) {
        return Ok(());
    }
    Err(UserError::input("method", UserErrorCode::MethodNotAvailable).into())
}

/// Compares, uses up what was right, and begins the session, all or nothing.
async fn begin(
    app: &App,
    client: &Client,
    open: &Open,
    attempt: &Attempt,
    user: &User,
    method: Method,
    code: &str,
) -> Result<session::Model> {
    // A code that was sent counts its own tries, before.
    let sent = match purpose(method) {
        Some(purpose) => Some(codes::check(app, purpose, &open.id.to_string(), code).await?),
        None => None,
    };
    app.db
        .transact(async |tx| {
            sign_in::refuse_suspended_in(app, &tx, user.id).await?;
            let now = app.clock.now();
            let ended = challenge::Entity::update_many()
                .col_expr(challenge::Column::EndedAt, Expr::val(now))
                .filter(challenge::Column::Id.eq(open.id))
                .filter(challenge::Column::EndedAt.is_null())
                .filter(challenge::Column::ExpiresAt.gt(now))
                .exec(&tx)
                .await?;
            if ended.rows_affected != 1 {
                return Err(invalid());
            }
            accept_in(app, &tx, client, user, sent.as_ref(), method, code).await?;
            brute_force::succeeded_in(&tx, attempt).await?;
            if method != Method::Email {
                // Whoever chose the password by the mailbox has more than the mailbox.
                credentials::end_reset_in(&tx, user.id).await?;
            }
            sign_in::begin_in(app, &tx, client, user, &open.proven_by).await
        })
        .await
}

async fn accept_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    user: &User,
    sent: Option<&CheckedCode>,
    method: Method,
    code: &str,
) -> Result<()> {
    if let Some(sent) = sent {
        return codes::consume_in(app, tx, sent).await;
    }
    if method == Method::Totp {
        return second_factors::accept_totp_in(app, tx, user.id, code).await;
    }
    second_factors::use_backup_code_in(app, tx, client, user.id, code).await
}

/// Whom a challenge is of, and where a code can be sent to.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "challenge::Entity")]
struct Recipient {
    user_id: UserId,
    proven_by: String,
    #[sea_orm(from_expr = "Expr::col((user::Entity, user::Column::Locale))")]
    locale: String,
    #[sea_orm(from_expr = "Expr::col((credential::Entity, credential::Column::Email))")]
    email: Option<String>,
    #[sea_orm(from_expr = "Expr::col((profile::Entity, profile::Column::Phone))")]
    phone: Option<String>,
}

/// Sends the code of a challenge, or another one; gives when it ends. Codes: INVALID_CHALLENGE, METHOD_NOT_AVAILABLE,
/// CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub(crate) async fn two_factor_code_send(
    app: &App,
    client: &Client,
    challenge_token: &str,
    method: Method,
) -> Result<DateTime<Utc>> {
    let id = open(app, client, challenge_token)?;
    app.db
        .transact(async |tx| {
            let found = challenge::Entity::find_by_id(id)
                .filter(is_open(app.clock.now()))
                .inner_join(user::Entity)
                .join(JoinType::LeftJoin, user::Relation::Credential.def())
                .join(JoinType::LeftJoin, user::Relation::Profile.def());
            let found = found.into_partial_model::<Recipient>().one(&tx).await?.ok_or_else(invalid)?;
            let Recipient { user_id: user, proven_by, locale, email, phone } = found;
            require_method_in(&tx, user, &proven_by, method).await?;
            let not_sent = || Error::from(UserError::input("method", UserErrorCode::MethodNotAvailable));
            let purpose = purpose(method).ok_or_else(not_sent)?;
            let address = if method == Method::Sms { phone } else { email }.ok_or_else(not_sent)?;
            // Who has stolen the password must not use up what the owner's sign-ins need.
            let asker = Asker::of(sessions::has_been_at_in(&tx, user, client).await?);
            let code = codes::issue_in(app, &tx, purpose, &id.to_string(), &address, asker).await?;
            let message = if method == Method::Sms {
                Message::sms(&address, &locale, Template::TwoFactorCode)
            } else {
                Message::email(&address, &locale, Template::TwoFactorCode)
            };
            messages::send_in(app, &tx, &message.with_code(app, &code)).await?;
            Ok(code.expires_at)
        })
        .await
}

/// What the code of a method that is sent is good for.
fn purpose(method: Method) -> Option<CodePurpose> {
    match method {
        Method::Email => Some(CodePurpose::TwoFactorEmail),
        Method::Sms => Some(CodePurpose::TwoFactorSms),
        Method::Password | Method::Totp | Method::BackupCode => None,
    }
}

/// The challenge of a token. Counted as a sign-in from the address, where the token is ours.
fn open(app: &App, client: &Client, challenge_token: &str) -> Result<ChallengeId> {
    let id = tokens::open_challenge_token(&app.keys, challenge_token).ok_or_else(invalid)?;
    throttle_login(app, client)?;
    Ok(id)
}

fn invalid() -> Error {
    UserError::input("challengeToken", UserErrorCode::InvalidChallenge).into()
}
