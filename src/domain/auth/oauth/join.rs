//! Whose account it is that a provider's person signs in to, or links to; see the module above for the rules.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::LockType};

use super::{
    identities::{self, LinkedIdentity},
    naming::{self, Names},
    person::Person,
    refused,
};
use crate::{
    app::App,
    config::OauthProvider,
    domain::{
        accounts::{self, NewPerson, User, UserRow, credentials},
        activity,
        actor::Client,
        auth::{
            SignIn, sessions,
            sign_in::{self as way_in, FirstProof},
        },
        messages::{Message, Template},
    },
    entity::{IdentityId, UserId, activity::ActivityKind, credential, session, user},
    error::{Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, is_unique_violation},
        text::mailbox,
    },
};

/// What came of a flow.
#[derive(Debug, Clone)]
pub(crate) enum Completed {
    /// Somebody signs in.
    SignedIn {
        /// A session, or a challenge for the second factor.
        sign_in: SignIn,
        /// The account was made just now.
        is_new_user: bool,
    },
    /// An identity was linked to the account that was signed in.
    Linked(LinkedIdentity),
}

/// How often a sign-in that met another one of the same person begins anew.
const ATTEMPTS: usize = 3;

enum Found {
    /// An account that was there.
    Known(User),
    /// One that was made just now, and is signed in.
    New(User, session::Model),
}

/// Signs a person in. Codes: LINK_REQUIRED, PROVIDER_EMAIL_UNVERIFIED, ALREADY_LINKED, ACCOUNT_SUSPENDED, PROVIDER_FAILED.
pub(super) async fn sign_in(
    app: &App,
    client: &Client,
    provider: &OauthProvider,
    person: &Person,
) -> Result<Completed> {
    let names = naming::names(person);
    let mut attempt = 1;
    let found = loop {
        let result = app.db.transact(async |tx| find_in(app, &tx, client, provider, person, &names).await).await;
        match result {
            // Another sign-in of the same person was faster: what it made is found now.
            Err(error) if attempt < ATTEMPTS && is_unique_violation(&error) => attempt += 1,
            result => break result?,
        }
    };
    let (sign_in, is_new_user) = match found {
        Found::Known(user) => (way_in::complete(app, client, user, FirstProof::Provider(&provider.name)).await?, false),
        Found::New(user, session) => (SignIn::Session(Box::new(sessions::issue(app, &session, user).await?)), true),
    };
    Ok(Completed::SignedIn { sign_in, is_new_user })
}

async fn find_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    provider: &OauthProvider,
    person: &Person,
    names: &Names,
) -> Result<Found> {
    if let Some(known) = known_in(app, tx, provider, person).await? {
        return Ok(Found::Known(known));
    }
    let Some(email) = person.verified_email() else { return Err(unverified_in(app, tx, person).await?) };
    let key = mailbox::key(email);
    match account_of_in(tx, &key).await? {
        Some((id, Some(_))) => {
            // It may have been made, with the identity, since that was looked for. Now it is locked.
            let known = known_in(app, tx, provider, person).await?;
            let user = match known {
                Some(user) => user,
                None => join_in(app, tx, client, provider, person, id).await?,
            };
            Ok(Found::Known(user))
        }
        Some((_, None)) => {
            // An address that was never confirmed goes to whoever has proven it.
            credentials::release_in(app, tx, &key, None).await?;
            create_in(app, tx, client, provider, person, names, email).await
        }
        None => create_in(app, tx, client, provider, person, names, email).await,
    }
}

/// The person whose identity that is already. Code: ACCOUNT_SUSPENDED.
async fn known_in(app: &App, tx: &Transaction, provider: &OauthProvider, person: &Person) -> Result<Option<User>> {
    let Some(owner) = identities::owner_in(tx, &provider.name, &person.subject).await? else { return Ok(None) };
    way_in::refuse_suspended_in(app, tx, owner).await?;
    identities::used_in(app, tx, &provider.name, person).await?;
    user_in(tx, owner).await.map(Some)
}

/// Why there is no account for somebody whose address the provider does not vouch for.
async fn unverified_in(app: &App, tx: &Transaction, person: &Person) -> Result<crate::error::Error> {
    let known = match &person.email {
        Some(email) => account_of_in(tx, &mailbox::key(email)).await?.is_some(),
        None => false,
    };
    let told = known && !app.config.registration_confirm_email;
    let code = if told { UserErrorCode::LinkRequired } else { UserErrorCode::ProviderEmailUnverified };
    Ok(UserError::whole(code).into())
}

/// The account of an address, locked, and when the address was confirmed there.
async fn account_of_in(tx: &Transaction, key: &str) -> Result<Option<(UserId, Option<DateTime<Utc>>)>> {
    let account = credential::Entity::find().filter(credential::Column::EmailKey.eq(key)).lock(LockType::NoKeyUpdate);
    Ok(account.one(tx).await?.map(|row| (row.user_id, row.email_confirmed_at)))
}

async fn user_in(tx: &Transaction, id: UserId) -> Result<User> {
    accounts::find_in(tx, id).await?.ok_or_else(refused)
}

/// Both sides have seen proof of the address: the identity joins the account, unless a second proof is still to come.
async fn join_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    provider: &OauthProvider,
    person: &Person,
    id: UserId,
) -> Result<User> {
    way_in::refuse_suspended_in(app, tx, id).await?;
    let user = user_in(tx, id).await?;
    if way_in::second_factors_in(tx, id).await?.is_empty() {
        insert_and_email_in(app, tx, client, provider, person, &user).await?;
    }
    Ok(user)
}

async fn insert_and_email_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    provider: &OauthProvider,
    person: &Person,
    user: &User,
) -> Result<IdentityId> {
    let id = identities::insert_in(app, tx, user.id, &provider.name, person).await?;
    activity::record_in(app, tx, user.id, ActivityKind::IdentityLinked, client, Some(&provider.name)).await?;
    let message = Message::email("", &user.locale, Template::IdentityLinked).with("provider", &provider.title);
    accounts::email_in(app, tx, user.id, message).await?;
    Ok(id)
}

/// Makes an account, and signs it in.
async fn create_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    provider: &OauthProvider,
    person: &Person,
    names: &Names,
    email: &str,
) -> Result<Found> {
    let user = Arc::new(UserRow::from(insert_user_in(app, tx, client, names).await?));
    let credential = credential::Model {
        user_id: user.id,
        email: email.to_owned(),
        email_key: mailbox::key(email),
        email_confirmed_at: Some(user.created_at),
        password_hash: None,
        password_changed_at: user.created_at,
        password_reset_at: None,
    };
    credentials::insert_in(tx, credential).await?;
    identities::insert_in(app, tx, user.id, &provider.name, person).await?;
    activity::record_in(app, tx, user.id, ActivityKind::Registered, client, Some(&provider.name)).await?;
    let session = way_in::begin_in(app, tx, client, &user, &provider.name).await?;
    Ok(Found::New(user, session))
}

/// Writes a person by the first of the user names that is free. Code: PROVIDER_FAILED, in the unheard-of case of none.
async fn insert_user_in(app: &App, tx: &Transaction, client: &Client, names: &Names) -> Result<user::Model> {
    for username in &names.usernames {
        let own = Some(&names.display_name).filter(|name| !name.is_empty());
        let own = own.filter(|name| accounts::check_title(app, "", name).is_ok());
        let new = NewPerson {
            username: username.clone(),
            first_name: names.first_name.clone(),
            last_name: names.last_name.clone(),
            display_name: own.unwrap_or(username).clone(),
            avatar_url: names.avatar_url.clone(),
            locale: client.locale,
        };
        let new = new.row(app);
        if accounts::insert_in(app, tx, &new).await? {
            return Ok(new);
        }
    }
    Err(refused())
}

/// Links an identity to the account of whoever began it. Codes: ALREADY_LINKED, EMAIL_NOT_CONFIRMED, ACCOUNT_SUSPENDED.
pub(super) async fn link(
    app: &App,
    client: &Client,
    id: UserId,
    provider: &OauthProvider,
    person: &Person,
) -> Result<LinkedIdentity> {
    let linked = app
        .db
        .transact(async |tx| {
            let standing = identities::lock_in(&tx, id).await?;
            way_in::refuse_suspended_in(app, &tx, id).await?;
            if identities::owner_in(&tx, &provider.name, &person.subject).await?.is_some() {
                return Err(UserError::whole(UserErrorCode::AlreadyLinked).into());
            }
            if !standing.is_confirmed {
                let proves_it = person.verified_email().is_some_and(|email| mailbox::key(email) == standing.email_key);
                if !proves_it {
                    return Err(UserError::whole(UserErrorCode::EmailNotConfirmed).into());
                }
                credentials::confirm_in(app, &tx, id, &standing.email_key).await?;
                activity::record_in(app, &tx, id, ActivityKind::EmailVerified, client, Some(&provider.name)).await?;
            }
            let user = user_in(&tx, id).await?;
            insert_and_email_in(app, &tx, client, provider, person, &user).await
        })
        .await;
    match linked {
        // Linked elsewhere at the same moment.
        Err(error) if is_unique_violation(&error) => Err(UserError::whole(UserErrorCode::AlreadyLinked).into()),
        Err(error) => Err(error),
        Ok(id) => Ok(LinkedIdentity {
            id,
            provider: provider.name.clone(),
            title: provider.title.clone(),
            email: person.email.clone(),
            linked_at: app.clock.now(),
            last_used_at: app.clock.now(),
        }),
    }
}
