//! Passwords: changing one's own, and choosing a new one by a code that only the mailbox's owner gets.
//!
//! Always holds: a new password ends every other session, and every sign-in that waits for its second proof; it signs
//! nobody in, so the second factor still holds; the owner is told. Whether an address is known here shows in nothing:
//! asking is one job, and a wrong code costs the same for an unknown address, no hash in either case.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, sea_query::LockType};
use secrecy::{ExposeSecret, SecretString};

use super::{
    Method, brute_force,
    jobs::SendReset,
    second_factors, sessions,
    throttle::{throttle_proof, throttle_send},
};
use crate::{
    app::App,
    domain::{
        accounts::{
            self, User,
            credentials::{self, Holder},
            policy,
        },
        activity,
        actor::{Actor, Client},
        codes::{self, Asker, CheckedCode},
        jobs,
        messages::{self, Message, Template},
        registration::DOMAINS,
    },
    entity::{
        SessionId, UserId, activity::ActivityKind, code::CodePurpose, credential, identity, job, session::SessionEnd,
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::{db::Transaction, passwords::Caller, text::mailbox},
};

/// Changes the actor's password; the old one is asked for. Codes: BLANK, TOO_SHORT, TOO_LONG, PASSWORD_TOO_WEAK,
/// WRONG_PASSWORD, NO_PASSWORD.
pub(crate) async fn password_change(
    app: &App,
    actor: &Actor,
    client: &Client,
    old: &SecretString,
    new: &SecretString,
) -> Result<()> {
    let user = actor.require_user()?;
    let own = credentials::by_id(app, user.id).await?.ok_or_else(Error::unauthenticated)?;
    let Some(hash) = own.password_hash.clone() else {
        return Err(UserError::whole(UserErrorCode::NoPassword).into());
    };
    policy::password("newPassword", new.expose_secret(), &[&own.user.username, policy::local_part(&own.email)])?;
    let wrong = || Error::from(UserError::input("oldPassword", UserErrorCode::WrongPassword));
    throttle_proof(app, client, Some(user.id))?;
    let slot = app.passwords.enter(Caller::Known)?;
    let attempt = brute_force::attempt(app, client, user.id, Method::Password).await?;
    if !credentials::verify_password(&slot, old, Some(hash.clone())).await? {
        brute_force::failed(app, client, Some(user.id), "passwordChange").await?;
        return Err(wrong());
    }
    let new_hash = slot.hash(new.expose_secret().to_owned()).await?;
    let ended = app
        .db
        .transact(async |tx| {
            // A sign-in by the old password comes before this, and is ended by it, or finds it changed.
            accounts::lock_in(&tx, &[user.id]).await?;
            // The password that was verified is still the one: of two changes at once, one counts.
            if !credentials::change_password_in(app, &tx, user.id, &hash, &new_hash).await? {
                return Err(wrong());
            }
            brute_force::succeeded_in(&tx, &attempt).await?;
            let ended = lock_out_in(app, &tx, user.id, Some(user.session_id)).await?;
            activity::record_in(app, &tx, user.id, ActivityKind::PasswordChanged, client, None).await?;
            notify_owner_in(app, &tx, &own.user, client).await?;
            Ok(ended)
        })
        .await?;
    sessions::ended(app, &ended);
    Ok(())
}

/// Asks for a code to choose a new password: only a job, so that the answer and its work are the same whether or not
/// there is an account. Codes: BLANK, TOO_LONG, INVALID, INVALID_CHARACTERS.
pub(crate) async fn password_reset_request(app: &App, client: &Client, email: &str) -> Result<()> {
    let email = policy::email("email", email)?;
    throttle_send(app, client, None)?;
    let reset = SendReset { email, address: client.address, user_agent: client.user_agent.clone() };
    app.db.transact(async |tx| jobs::enqueue_in(app, &tx, &reset).await).await
}

impl jobs::Job for SendReset {
    const KIND: &'static str = "password_reset";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        send_reset(app, job, self).await
    }
}

/// Sends the code of a job to whoever has the address, if anybody.
async fn send_reset(app: &App, job: &job::Model, asked: SendReset) -> Result<()> {
    let SendReset { email, address, user_agent } = asked;
    let client = Client { address, user_agent, ..Client::default() };
    let key = policy::lookup_key(&email);
    app.db
        .transact(async |tx| {
            if let Some(holder) = credentials::by_email_in(&tx, &key).await? {
                send_code_in(app, &tx, &holder, &client).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

async fn send_code_in(app: &App, tx: &Transaction, holder: &Holder, client: &Client) -> Result<()> {
    let asker = Asker::of(sessions::has_been_at_in(tx, holder.user.id, client).await?);
    let purpose = CodePurpose::PasswordReset;
    let code = match codes::issue_in(app, tx, purpose, &holder.subject(), &holder.email, asker).await {
        Ok(code) => code,
        // One was sent just now: nobody is there to be told.
        Err(Error::User(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    activity::record_in(app, tx, holder.user.id, ActivityKind::PasswordResetRequested, client, None).await?;
    let message = Message::email(&holder.email, &holder.user.locale, Template::PasswordReset).with_code_and_link(
        app,
        &code,
        "reset-password",
    );
    messages::send_in(app, tx, &holder.greeted(message)).await
}

/// What proves whose an account is to which nobody can sign in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ResetProof<'a> {
    /// The token of the e-mail's link.
    Link(&'a str),
    /// The e-mail's code.
    Code {
        /// The address that it was sent to.
        email: &'a str,
        /// The code, as it was typed.
        code: &'a str,
    },
}

/// Chooses a new password by the link of an e-mail, or by its code and the address; the first one where there was none.
/// Codes: BLANK, TOO_SHORT, TOO_LONG, PASSWORD_TOO_WEAK, INVALID_CODE.
pub(crate) async fn password_reset_confirm(
    app: &App,
    client: &Client,
    proof: ResetProof<'_>,
    new: &SecretString,
) -> Result<()> {
    let (new, purpose) = (new.expose_secret(), CodePurpose::PasswordReset);
    let own = match proof {
        ResetProof::Link(_) => "",
        ResetProof::Code { email, .. } => policy::local_part(email),
    };
    policy::password("newPassword", new, &[own])?;
    let (holder, code) = match proof {
        ResetProof::Link(token) => {
            let code = codes::check_link(app, purpose, token).await?;
            (credentials::by_code(app, &code).await?, code)
        }
        ResetProof::Code { email, code } => {
            throttle_proof(app, client, None)?;
            let holder = credentials::by_email(app, &policy::lookup_key(email)).await?;
            let subject = holder.as_ref().map_or_else(|| codes::NOBODY.to_owned(), Holder::subject);
            let code = codes::check(app, purpose, &subject, code).await?;
            (holder, code)
        }
    };
    let holder = holder.ok_or_else(|| code.refused())?;
    // Only now, or a refusal would tell anybody the user name behind an address.
    policy::password("newPassword", new, &[&holder.user.username, policy::local_part(&holder.email)])?;
    // Hashed only after a right code: a wrong one is cheap, and costs the same whether or not the address is known.
    let slot = app.passwords.enter(Caller::Known)?;
    let hash = slot.hash(new.to_owned()).await?;
    let ended = app
        .db
        .transact(async |tx| {
            codes::consume_in(app, &tx, &code).await?;
            reset_in(app, &tx, client, &holder, &code, &hash).await
        })
        .await?;
    sessions::ended(app, &ended);
    Ok(())
}

/// Sets the password of who proved by a code that the mailbox is theirs.
async fn reset_in(
    app: &App,
    tx: &Transaction,
    client: &Client,
    holder: &Holder,
    code: &CheckedCode,
    hash: &str,
) -> Result<Vec<SessionId>> {
    let id = holder.user.id;
    // A sign-in by the old password comes before this, and is ended by it, or finds it changed.
    accounts::lock_in(tx, &[id]).await?;
    // As it is now: it may have been proven, or replaced, while the password was hashed.
    let current = credential::Entity::find_by_id(id)
        .filter(credential::Column::EmailKey.eq(mailbox::key(&code.address)))
        .lock(LockType::NoKeyUpdate);
    let was_confirmed = current.one(tx).await?.ok_or_else(|| code.refused())?.email_confirmed_at.is_some();
    credentials::reset_password_in(app, tx, id, hash).await?;
    let ended = lock_out_in(app, tx, id, None).await?;
    codes::void_in(app, tx, &holder.subject(), &[CodePurpose::EmailVerification]).await?;
    activity::record_in(app, tx, id, ActivityKind::PasswordReset, client, None).await?;
    if !was_confirmed {
        activity::record_in(app, tx, id, ActivityKind::EmailVerified, client, None).await?;
        unlink_all_in(app, tx, client, &holder.user).await?;
        // Likewise a second factor, and whatever else would lock the owner out.
        second_factors::remove_in(tx, id).await?;
        for domain in DOMAINS {
            (domain.reclaim_in)(app, tx, id).await?;
        }
    }
    notify_owner_in(app, tx, &holder.user, client).await?;
    Ok(ended)
}

/// Ends what the old password opened: sessions (but one), sign-ins that wait for their second proof, and codes by which
/// yet another password could be chosen, or the session be authenticated anew.
async fn lock_out_in(app: &App, tx: &Transaction, user: UserId, but: Option<SessionId>) -> Result<Vec<SessionId>> {
    let ended = sessions::end_sessions_in(app, tx, user, but, SessionEnd::PasswordChanged).await?;
    second_factors::end_challenges_in(app, tx, user).await?;
    let purposes = [CodePurpose::PasswordReset, CodePurpose::EmailChange];
    codes::void_in(app, tx, &user.to_string(), &purposes).await?;
    Ok(ended)
}

/// Takes away the identities that were linked to an account before anybody had proven its address: they may be those of
/// whoever made it in the owner's name. Said, so that an owner who did it themselves links them again.
async fn unlink_all_in(app: &App, tx: &Transaction, client: &Client, user: &User) -> Result<()> {
    let unlinked = identity::Entity::delete_many().filter(identity::Column::UserId.eq(user.id));
    for identity::Model { provider, .. } in unlinked.exec_with_returning(tx).await? {
        activity::record_in(app, tx, user.id, ActivityKind::IdentityUnlinked, client, Some(&provider)).await?;
        let message = Message::email("", &user.locale, Template::IdentityUnlinked).with("provider", provider);
        accounts::email_in(app, tx, user.id, message).await?;
    }
    Ok(())
}

async fn notify_owner_in(app: &App, tx: &Transaction, user: &User, client: &Client) -> Result<()> {
    let message = Message::email("", &user.locale, Template::PasswordChanged)
        .with("at", app.clock.now().format("%Y-%m-%d %H:%M UTC"))
        .with("address", client.address.map_or_else(|| "?".to_owned(), |address| address.to_string()));
    accounts::email_in(app, tx, user.id, message).await
}
