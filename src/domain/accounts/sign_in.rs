//! What every way in ends with: the account may be suspended, a second factor may be asked for, or a session begins.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::QueryResult;

use super::{IssuedSession, User, mail, sessions, tokens};
use crate::{
    app::App,
    domain::{
        activity,
        actor::Client,
        messages::{Message, Template},
    },
    entity::{ChallengeId, UserId, activity::ActivityKind, challenge, session},
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Columns, Transaction},
};

/// How a sign-in by password is written down.
pub(super) const PASSWORD: &str = "password";
/// How long a second proof may take.
const CHALLENGE: TimeDelta = TimeDelta::minutes(10);

/// What came of a right first proof.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// One proof was enough: a session.
    Session(Box<IssuedSession>),
    /// One more proof is needed.
    Challenge(IssuedChallenge),
}

/// A sign-in that waits for its second proof, as the client gets it.
#[derive(Debug, Clone)]
pub struct IssuedChallenge {
    /// Proves that the first proof was right; good for nothing else.
    pub token: String,
    /// Ways to give the second one.
    pub methods: Vec<Method>,
    /// No good after this.
    pub expires_at: DateTime<Utc>,
}

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// The password of the account.
    Password,
    /// A code of an authenticator app.
    Totp,
    /// A code sent by e-mail.
    Email,
    /// A code sent by text message.
    Sms,
    /// A code on paper.
    BackupCode,
}

impl Method {
    /// As clients see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "PASSWORD",
            Self::Totp => "TOTP",
            Self::Email => "EMAIL",
            Self::Sms => "SMS",
            Self::BackupCode => "BACKUP_CODE",
        }
    }
}

enum Begun {
    Session(session::Model),
    Challenge(challenge::Model, Vec<Method>),
}

/// What was right, and is the first proof of a sign-in.
#[derive(Debug, Clone, Copy)]
pub(super) enum FirstProof<'a> {
    /// The password of this hash.
    Password(&'a str),
    /// An identity at the provider of this name.
    Provider(&'a str),
}

impl<'a> FirstProof<'a> {
    fn name(self) -> &'a str {
        match self {
            Self::Password(_) => PASSWORD,
            Self::Provider(name) => name,
        }
    }
}

/// A first proof was right. Codes: ACCOUNT_SUSPENDED; INVALID_CREDENTIALS, when the password is another one by now.
pub(super) async fn complete(app: &App, client: &Client, user: User, proof: FirstProof<'_>) -> Result<SignIn> {
    let proven_by = proof.name();
    let begun = app
        .db
        .transact(async |tx| {
            // Locks the person: whoever changes the password comes before this, or after it and ends what it begins.
            refuse_suspended_in(app, &tx, user.id).await?;
            if let FirstProof::Password(hash) = proof {
                let sql = "SELECT 1 FROM credentials WHERE user_id = $1 AND password_hash = $2";
                if tx.row(sql, vec![user.id.0.into(), hash.into()]).await?.is_none() {
                    return Err(UserError::whole(UserErrorCode::InvalidCredentials).into());
                }
            }
            let methods = second_proofs_in(&tx, user.id, proven_by).await?;
            if methods.is_empty() {
                return Ok(Begun::Session(begin_in(app, &tx, client, &user, proven_by).await?));
            }
            Ok(Begun::Challenge(challenge_in(app, &tx, user.id, proven_by).await?, methods))
        })
        .await?;
    match begun {
        Begun::Session(session) => Ok(SignIn::Session(Box::new(sessions::issue(app, &session, user).await?))),
        Begun::Challenge(challenge, methods) => Ok(SignIn::Challenge(IssuedChallenge {
            token: tokens::challenge_token(&app.keys, challenge.id),
            methods,
            expires_at: challenge.expires_at,
        })),
    }
}

/// Begins a session after every proof that is needed, writes it down, and tells the owner of a device that was not seen
/// before.
pub(super) async fn begin_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    user: &User,
    proven_by: &str,
) -> Result<session::Model> {
    let sql = "SELECT COUNT(*), COUNT(CASE WHEN user_agent = $2 OR (user_agent IS NULL AND $2 IS NULL) THEN 1 END) \
               FROM sessions WHERE user_id = $1";
    let agent = client.user_agent.clone();
    let row = tx.row(sql, vec![user.id.0.into(), agent.into()]).await?;
    let row = row.ok_or_else(|| Error::internal("a count gave no row"))?;
    let mut columns = Columns::new(&row);
    let (sessions, from_here): (i64, i64) = (columns.take()?, columns.take()?);
    let session = sessions::begin_in(app, tx, user.id, client).await?;
    let is_new = sessions > 0 && from_here == 0;
    let kind = if is_new { ActivityKind::SignedInFromNewDevice } else { ActivityKind::SignedIn };
    activity::record_in(app, tx, user.id, kind, client, Some(proven_by)).await?;
    if is_new {
        let message = Message::email("", &user.locale, Template::NewDevice)
            .with("device", client.user_agent.as_deref().unwrap_or("?"))
            .with("address", client.address.map_or_else(|| "?".to_owned(), |address| address.to_string()))
            .with("at", app.clock.now().format("%Y-%m-%d %H:%M UTC"));
        mail::tell_in(app, tx, user.id, message).await?;
    }
    Ok(session)
}

/// Refuses who may not sign in at present. Code: ACCOUNT_SUSPENDED. Whatever begins a session asks this first, in the
/// same transaction.
pub(super) use super::oversight::refuse_suspended_in;

/// Of the person `$1`: whether a number and an address are proven, and how many backup codes are left. No row without a
/// second factor.
const SECOND_FACTORS: &str = "SELECT COUNT(CASE WHEN p.phone_verified_at IS NOT NULL THEN 1 END), \
     COUNT(CASE WHEN c.email_confirmed_at IS NOT NULL THEN 1 END), \
     (SELECT COUNT(*) FROM backup_codes b WHERE b.user_id = $1 AND b.used_at IS NULL) \
     FROM two_factors t LEFT JOIN profiles p ON p.user_id = t.user_id \
     LEFT JOIN credentials c ON c.user_id = t.user_id \
     WHERE t.user_id = $1 AND t.enabled_at IS NOT NULL GROUP BY t.user_id";

/// The second proofs that a person can give; none when they have no second factor.
pub(super) async fn second_factors_in(tx: &Transaction, user: UserId) -> Result<Vec<Method>> {
    read_second_factors(tx.row(SECOND_FACTORS, vec![user.0.into()]).await?.as_ref())
}

/// The second proofs of a sign-in. Where the first one may come from the mailbox (a provider vouches for whoever has it; a
/// password was chosen by a code to it), the second one can't be a code to the same mailbox.
pub(super) async fn second_proofs_in(tx: &Transaction, user: UserId, proven_by: &str) -> Result<Vec<Method>> {
    let mut methods = second_factors_in(tx, user).await?;
    if methods.contains(&Method::Email) {
        let sql = "SELECT 1 FROM credentials WHERE user_id = $1 AND password_reset_at IS NOT NULL";
        let by_mailbox = proven_by != PASSWORD || tx.row(sql, vec![user.0.into()]).await?.is_some();
        methods.retain(|method| *method != Method::Email || !by_mailbox);
    }
    Ok(methods)
}

/// The second proofs that a person can give, for reading.
pub(super) async fn second_factors(app: &App, user: UserId) -> Result<Vec<Method>> {
    read_second_factors(app.db.rows(SECOND_FACTORS, vec![user.0.into()]).await?.first())
}

fn read_second_factors(row: Option<&QueryResult>) -> Result<Vec<Method>> {
    let Some(row) = row else { return Ok(Vec::new()) };
    let mut columns = Columns::new(row);
    let mut methods = vec![Method::Totp];
    for method in [Method::Sms, Method::Email, Method::BackupCode] {
        if columns.take::<i64>()? > 0 {
            methods.push(method);
        }
    }
    Ok(methods)
}

async fn challenge_in(app: &App, tx: &Transaction, user: UserId, proven_by: &str) -> Result<challenge::Model> {
    let now = app.clock.now();
    let challenge = challenge::Model {
        id: ChallengeId(app.ids.next(now)),
        user_id: user,
        proven_by: proven_by.to_owned(),
        attempts: 0,
        created_at: now,
        expires_at: now + CHALLENGE,
        ended_at: None,
    };
    tx.execute(
        "INSERT INTO challenges (id, user_id, proven_by, attempts, created_at, expires_at) VALUES ($1, $2, $3, 0, $4, $5)",
        vec![
            challenge.id.0.into(),
            user.0.into(),
            proven_by.into(),
            challenge.created_at.into(),
            challenge.expires_at.into(),
        ],
    )
    .await?;
    Ok(challenge)
}
