//! What every way in ends with: the account may be suspended, a second factor may be asked for, or a session begins.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, FromQueryResult, IntoActiveModel, JoinType, QueryFilter, QuerySelect,
    QueryTrait, RelationTrait, Select,
    sea_query::{Expr, ExprTrait},
};

use super::{IssuedSession, sessions, tokens};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::Client,
        messages::{Message, Template},
    },
    entity::{
        ChallengeId, UserId, activity::ActivityKind, backup_code, challenge, credential, profile, session, two_factor,
        user,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::Transaction,
};

/// How a sign-in by password is written down.
pub(super) const PASSWORD: &str = "password";
/// How long a second proof may take.
const CHALLENGE: TimeDelta = TimeDelta::minutes(10);

/// What came of a right first proof.
#[derive(Debug, Clone)]
pub(crate) enum SignIn {
    /// One proof was enough: a session.
    Session(Box<IssuedSession>),
    /// One more proof is needed.
    Challenge(IssuedChallenge),
}

/// A sign-in that waits for its second proof, as the client gets it.
#[derive(Debug, Clone)]
pub(crate) struct IssuedChallenge {
    /// Proves that the first proof was right; good for nothing else.
    pub token: String,
    /// Ways to give the second one.
    pub methods: Vec<Method>,
    /// No good after this.
    pub expires_at: DateTime<Utc>,
}

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
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
    pub(crate) fn as_str(self) -> &'static str {
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
                let same = credential::Column::PasswordHash.eq(hash);
                if credential::Entity::find_by_id(user.id).filter(same).one(&tx).await?.is_none() {
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

/// How many sessions somebody has had.
#[derive(Debug, FromQueryResult)]
struct Begins {
    sessions: i64,
    /// With the same program.
    from_here: i64,
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
    let same: Expr = Expr::case(session::Column::UserAgent.eq(client.user_agent.clone()), 1).into();
    let before = session::Entity::find()
        .select_only()
        .expr_as(session::Column::Id.count(), "sessions")
        .expr_as(same.count(), "from_here")
        .filter(session::Column::UserId.eq(user.id));
    let before = before.into_model::<Begins>().one(tx).await?;
    let Begins { sessions, from_here } = before.ok_or_else(|| Error::internal("a count gave no row"))?;
    let session = sessions::begin_in(app, tx, user.id, client).await?;
    let is_new = sessions > 0 && from_here == 0;
    let kind = if is_new { ActivityKind::SignedInFromNewDevice } else { ActivityKind::SignedIn };
    activity::record_in(app, tx, user.id, kind, client, Some(proven_by)).await?;
    if is_new {
        let message = Message::email("", &user.locale, Template::NewDevice)
            .with("device", client.user_agent.as_deref().unwrap_or("?"))
            .with("address", client.address.map_or_else(|| "?".to_owned(), |address| address.to_string()))
            .with("at", app.clock.now().format("%Y-%m-%d %H:%M UTC"));
        accounts::email_in(app, tx, user.id, message).await?;
    }
    Ok(session)
}

/// Refuses who may not sign in at present. Code: ACCOUNT_SUSPENDED. Whatever begins a session asks this first, in the
/// same transaction.
pub(super) use super::oversight::refuse_suspended_in;

/// What somebody who has a second factor can prove themselves by, besides their app.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "two_factor::Entity")]
struct Proofs {
    #[sea_orm(from_expr = "profile::Column::PhoneVerifiedAt.is_not_null()")]
    phone: bool,
    #[sea_orm(from_expr = "credential::Column::EmailConfirmedAt.is_not_null()")]
    email: bool,
    #[sea_orm(from_expr = "has_backup_code()")]
    backup_code: bool,
}

/// That one of a person's backup codes is left.
fn has_backup_code() -> Expr {
    let left = backup_code::Entity::find()
        .select_only()
        .column(backup_code::Column::UserId)
        .filter(
            Expr::col((backup_code::Entity, backup_code::Column::UserId))
                .equals((two_factor::Entity, two_factor::Column::UserId)),
        )
        .filter(backup_code::Column::UsedAt.is_null());
    Expr::exists(left.into_query())
}

/// Somebody's second factor, where it is on, with what it is answered by.
fn proofs(user: UserId) -> Select<two_factor::Entity> {
    two_factor::Entity::find_by_id(user)
        .filter(two_factor::Column::EnabledAt.is_not_null())
        .inner_join(user::Entity)
        .join(JoinType::LeftJoin, user::Relation::Profile.def())
        .join(JoinType::LeftJoin, user::Relation::Credential.def())
}

/// The second proofs that a person can give; none when they have no second factor.
pub(super) async fn second_factors_in(tx: &Transaction, user: UserId) -> Result<Vec<Method>> {
    Ok(methods(proofs(user).into_partial_model::<Proofs>().one(tx).await?.as_ref()))
}

/// The second proofs of a sign-in. Where the first one may come from the mailbox (a provider vouches for whoever has it; a
/// password was chosen by a code to it), the second one can't be a code to the same mailbox.
pub(super) async fn second_proofs_in(tx: &Transaction, user: UserId, proven_by: &str) -> Result<Vec<Method>> {
    let mut methods = second_factors_in(tx, user).await?;
    if methods.contains(&Method::Email) {
        let reset = credential::Entity::find_by_id(user).filter(credential::Column::PasswordResetAt.is_not_null());
        let by_mailbox = proven_by != PASSWORD || reset.one(tx).await?.is_some();
        methods.retain(|method| *method != Method::Email || !by_mailbox);
    }
    Ok(methods)
}

/// The second proofs that a person can give, for reading.
pub(super) async fn second_factors(app: &App, user: UserId) -> Result<Vec<Method>> {
    Ok(methods(app.db.read_one(proofs(user)).await?.as_ref()))
}

fn methods(proofs: Option<&Proofs>) -> Vec<Method> {
    let Some(proofs) = proofs else { return Vec::new() };
    let others = [(proofs.phone, Method::Sms), (proofs.email, Method::Email), (proofs.backup_code, Method::BackupCode)];
    let others = others.into_iter().filter_map(|(possible, method)| possible.then_some(method));
    std::iter::once(Method::Totp).chain(others).collect()
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
    challenge::Entity::insert(challenge.clone().into_active_model()).exec_without_returning(tx).await?;
    Ok(challenge)
}
