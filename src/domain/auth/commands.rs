//! Coming in: registration, sign-in, and the first administrator.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    IssuedSession, addresses, brute_force, corrections, oversight, sessions,
    sign_in::{self, FirstProof, PASSWORD, SignIn},
    throttle::{throttle_login, throttle_register},
};
use crate::{
    app::App,
    domain::{
        accounts::{
            self, NewPerson, User, UserRow,
            credentials::{self, Holder},
            policy,
        },
        activity,
        actor::{Actor, Client},
        audit::{self, NewEntry},
    },
    entity::{
        UserId,
        activity::ActivityKind,
        credential, user,
        user_role::{self, Role},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::Transaction,
        passwords::{self, Caller, QueueSlot},
        text::{self, mailbox},
    },
};

/// What a line of the activity log says of what was done at the command line.
const OPERATOR: &str = "operator";

/// A wish to join.
#[derive(Debug, Clone)]
pub struct Register {
    /// Unique, whatever its case.
    pub username: String,
    /// Unique, whatever its case.
    pub email: String,
    /// At least [`policy::MIN_PASSWORD`] characters.
    pub password: SecretString,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
}

/// What came of a registration.
#[derive(Debug, Clone)]
pub(crate) enum Registered {
    /// Signed in at once.
    Session(Box<IssuedSession>),
    /// The address has to be confirmed first. The same when the address has an account already.
    ConfirmationPending {
        /// The address as it was given.
        email: String,
    },
}

struct NewUser {
    user: user::Model,
    email: String,
    email_key: String,
    password_hash: String,
}

/// Makes an account, or corrects the address of one that waits to be confirmed, see `corrections`. Codes: BLANK, TOO_SHORT,
/// TOO_LONG, INVALID, INVALID_CHARACTERS, RESERVED, TAKEN, PASSWORD_TOO_WEAK.
pub(crate) async fn register(app: &App, client: &Client, command: Register) -> Result<Registered> {
    let valid = validate(app, command)?;
    let slot = app.passwords.enter(Caller::Stranger)?;
    throttle_register(app, client)?;
    let confirm = app.config.registration_confirm_email;
    if confirm && let Some(former) = corrections::former(app, &valid.username).await? {
        let given = (valid.username.as_str(), &valid.password, valid.email.as_str());
        if corrections::correct(app, client, given, &former, &slot).await? {
            return Ok(Registered::ConfirmationPending { email: valid.email });
        }
        return Err(taken("username"));
    }
    let new = prepare(app, client, valid, slot).await?;
    let when_taken = if confirm { WhenTaken::Hide } else { WhenTaken::Refuse };
    let session = app
        .db
        .transact(async |tx| {
            insert_in(app, &tx, &new, None, when_taken).await?;
            activity::record_in(app, &tx, new.user.id, ActivityKind::Registered, client, None).await?;
            if confirm {
                addresses::verify_registration_in(app, &tx, new.user.id).await?;
                return Ok(None);
            }
            let user = Arc::new(UserRow::from(new.user.clone()));
            sign_in::begin_in(app, &tx, client, &user, PASSWORD).await.map(Some)
        })
        .await?;
    match session {
        Some(session) => {
            let issued = sessions::issue(app, &session, Arc::new(UserRow::from(new.user))).await?;
            Ok(Registered::Session(Box::new(issued)))
        }
        None => Ok(Registered::ConfirmationPending { email: new.email }),
    }
}

/// Validates everything at once, so that a form can show every problem; gives it cleaned.
fn validate(app: &App, command: Register) -> Result<Register> {
    let mut errors = Vec::new();
    let mut keep = |result: Result<String, UserError>| match result {
        Ok(value) => value,
        Err(error) => {
            errors.push(error);
            String::new()
        }
    };
    let username = keep(policy::username("username", &command.username));
    let email = keep(policy::email("email", &command.email));
    let first_name = keep(text::name("firstName", &command.first_name, 50));
    let last_name = keep(text::name("lastName", &command.last_name, 50));
    let local = policy::local_part(&command.email);
    let password = command.password.expose_secret();
    if let Err(error) = policy::password("password", password, &[&command.username, local]) {
        errors.push(error);
    }
    if let Err(error) = accounts::check_title(app, "firstName", &display_name(&first_name, &last_name)) {
        errors.push(error);
    }
    if !errors.is_empty() {
        return Err(Error::User(errors));
    }
    Ok(Register { username, email, password: command.password, first_name, last_name })
}

/// Both names as one; empty without them.
fn display_name(first_name: &str, last_name: &str) -> String {
    [first_name, last_name].join(" ").trim().to_owned()
}

/// What is written down of a valid wish; hashes the password.
async fn prepare(app: &App, client: &Client, valid: Register, slot: QueueSlot) -> Result<NewUser> {
    let Register { username, email, password, first_name, last_name } = valid;
    let password_hash = slot.hash(password.expose_secret().to_owned()).await?;
    let display_name = Some(display_name(&first_name, &last_name)).filter(|name| !name.is_empty());
    let display_name = display_name.unwrap_or_else(|| username.clone());
    let person = NewPerson { username, first_name, last_name, display_name, avatar_url: None, locale: client.locale };
    Ok(NewUser { user: person.row(app), email_key: mailbox::key(&email), email, password_hash })
}

/// What becomes of a registration whose e-mail address has an account already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenTaken {
    /// It is refused: the asker would be signed in otherwise.
    Refuse,
    /// It looks like any other that waits for its confirmation, which will never come: nobody learns by registering
    /// whose address is known here, neither from the answer nor from the user name that is gone.
    Hide,
}

/// Writes the person and their credentials. A user name that is taken, or looks like one that is, is told in any case: user names are public.
async fn insert_in(
    app: &App,
    tx: &Transaction,
    new: &NewUser,
    confirmed: Option<DateTime<Utc>>,
    when_taken: WhenTaken,
) -> Result<()> {
    let holders = credential::Entity::find().filter(credential::Column::EmailKey.eq(new.email_key.as_str()));
    let email_taken = holders.one(tx).await?.is_some();
    if email_taken && when_taken == WhenTaken::Refuse {
        return Err(taken("email"));
    }
    if !accounts::insert_in(app, tx, &new.user).await? {
        return Err(taken("username"));
    }
    let email_key = if email_taken { policy::no_address(new.user.id) } else { new.email_key.clone() };
    if insert_credential_in(tx, new, email_key, confirmed).await? {
        return Ok(());
    }
    // Somebody else was faster since we looked.
    match when_taken {
        WhenTaken::Refuse => Err(taken("email")),
        WhenTaken::Hide => insert_credential_in(tx, new, policy::no_address(new.user.id), confirmed).await.map(drop),
    }
}

/// False when the address is taken.
async fn insert_credential_in(
    tx: &Transaction,
    new: &NewUser,
    email_key: String,
    confirmed: Option<DateTime<Utc>>,
) -> Result<bool> {
    let credential = credential::Model {
        user_id: new.user.id,
        email: new.email.clone(),
        email_key,
        email_confirmed_at: confirmed,
        password_hash: Some(new.password_hash.clone()),
        password_changed_at: new.user.created_at,
        password_reset_at: None,
    };
    credentials::insert_unless_taken_in(tx, credential).await
}

/// Confirms an e-mail address on an operator's word, from the command line; false when nothing waits for it.
pub async fn confirm_email(app: &App, email: &str) -> Result<bool> {
    let key = mailbox::key(email);
    app.db
        .transact(async |tx| {
            let Some(user) = credentials::confirm_holder_in(app, &tx, &key).await? else { return Ok(false) };
            let client = Client::default();
            activity::record_in(app, &tx, user, ActivityKind::EmailVerified, &client, Some(OPERATOR)).await?;
            let entry = NewEntry {
                action: "admin confirm",
                subject_kind: UserId::PREFIX,
                subject_id: user.0,
                before: Some(json!({ "emailVerified": "false" })),
                after: Some(json!({ "emailVerified": "true" })),
                reason: None,
            };
            audit::record_in(app, &tx, &Actor::System, &client, entry).await?;
            Ok(true)
        })
        .await
}

fn taken(field: &'static str) -> Error {
    UserError::input(field, UserErrorCode::Taken).into()
}

/// A wish to come in.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// E-mail address or user name.
    pub login: String,
    /// As it was typed; spaces count.
    pub password: SecretString,
}

/// Signs in. Codes: INVALID_CREDENTIALS, EMAIL_NOT_CONFIRMED, ACCOUNT_SUSPENDED. An unknown account costs the same work as a wrong password.
pub(crate) async fn login(app: &App, client: &Client, command: Login) -> Result<SignIn> {
    let key = policy::lookup_key(&command.login);
    let refuse = || Error::from(UserError::whole(UserErrorCode::InvalidCredentials));
    if passwords::length(command.password.expose_secret()) > policy::MAX_PASSWORD {
        return Err(refuse());
    }
    throttle_login(app, client)?;
    let by_address = key.contains('@');
    let found =
        if by_address { credentials::by_email(app, &key).await? } else { credentials::by_username(app, &key).await? };
    let id = found.as_ref().map(|holder| holder.user.id);
    let is_familiar = sessions::has_been_at(app, id, client).await?;
    let slot = app.passwords.enter(if is_familiar { Caller::Known } else { Caller::Stranger })?;
    let target = brute_force::Target::Password(&command.login);
    let attempt =
        app.db.transact(async |tx| brute_force::attempt_in(app, &tx, client, target, is_familiar).await).await?;
    let hash = found.as_ref().and_then(|holder| holder.password_hash.clone());
    if !credentials::verify_password(&slot, &command.password, hash.clone()).await? {
        brute_force::failed(app, client, id, PASSWORD).await?;
        return Err(refuse());
    }
    brute_force::succeeded(app, &attempt).await?;
    let Some(Holder { user, confirmed_at, .. }) = found else { return Err(refuse()) };
    if app.config.registration_confirm_email && confirmed_at.is_none() {
        // By the address it would tell whether somebody else has it: of two who gave the same one, only the first waits
        // under it.
        if by_address {
            return Err(refuse());
        }
        return Err(UserError::whole(UserErrorCode::EmailNotConfirmed).into());
    }
    sign_in::complete(app, client, user, FirstProof::Password(&hash.unwrap_or_default())).await
}

/// Makes an account with rights, from the command line: an owner's, as long as there is none, an administrator's from
/// then on. The address counts as confirmed. Codes as `register`.
pub async fn create_administrator(app: &App, command: Register) -> Result<(User, Role)> {
    let client = Client::default();
    let new = prepare(app, &client, validate(app, command)?, app.passwords.enter(Caller::Known)?).await?;
    app.db
        .transact(async |tx| {
            insert_in(app, &tx, &new, Some(app.clock.now()), WhenTaken::Refuse).await?;
            let role = if oversight::has_owner_in(&tx).await? { Role::Administrator } else { Role::Owner };
            user_role::ActiveModel { user_id: Set(new.user.id), role: Set(role), created_at: Set(app.clock.now()) }
                .insert(&tx)
                .await?;
            activity::record_in(app, &tx, new.user.id, ActivityKind::Registered, &client, Some(OPERATOR)).await?;
            let entry = NewEntry {
                action: "admin create",
                subject_kind: UserId::PREFIX,
                subject_id: new.user.id.0,
                before: None,
                after: Some(json!({ "username": new.user.username, "role": role.as_str() })),
                reason: None,
            };
            audit::record_in(app, &tx, &Actor::System, &client, entry).await?;
            Ok((Arc::new(UserRow::from(new.user.clone())), role))
        })
        .await
}
