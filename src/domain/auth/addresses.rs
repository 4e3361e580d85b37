//! E-mail addresses: proving that one is yours, at registration or later, and replacing it by another.
//!
//! Always holds: an address is proven by a code that only its mailbox gets, or by a reset of the password, which is the
//! same. Whether an address is known here never shows: what a signed-out person asks for is one job, whatever comes of
//! it, and nothing else within the request.
//!
//! Nobody can wait for the owner of an address in an account that they made with it before (pre-hijacking):
//! - an address that was not proven does not keep it from its owner: who proves it takes it ([`credentials`]), and
//!   identities from elsewhere join only an account that has proven it;
//! - while registrations are to be confirmed, nobody signs in before the mailbox's owner has agreed by its code;
//! - a reset of the password by the owner ends all sessions and open sign-ins, and where the address was not proven
//!   before, takes away the identities that were linked until then, and says so ([`super::passwords`]).

use super::{
    jobs::SendVerification,
    recent_authentication, second_factors,
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
        codes::{self, Asker, Received},
        jobs,
        messages::{self, Message, Template},
    },
    entity::{UserId, activity::ActivityKind, code::CodePurpose, job},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, is_unique_violation},
        text::mailbox,
    },
};

/// Queues the message that a registration waits for, within its transaction.
pub(super) async fn verify_registration_in(app: &App, tx: &Transaction, user: UserId) -> Result<()> {
    jobs::enqueue_in(app, tx, &SendVerification::Registration { user: user.0 }).await
}

impl jobs::Job for SendVerification {
    const KIND: &'static str = "email_verification";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        send_verification(app, job, &self).await
    }
}

/// Sends the code of a job. The one who owns the address already is told of the registration instead.
async fn send_verification(app: &App, job: &job::Model, wanted: &SendVerification) -> Result<()> {
    app.db
        .transact(async |tx| {
            match wanted {
                SendVerification::Registration { user } => match credentials::by_id_in(&tx, UserId(*user)).await? {
                    Some(new) if new.has_address() => send_code_in(app, &tx, &new).await?,
                    Some(new) => tell_owner_in(app, &tx, &new).await?,
                    None => {}
                },
                SendVerification::Address { email } => {
                    if let Some(holder) = credentials::by_email_in(&tx, &policy::lookup_key(email)).await? {
                        send_code_in(app, &tx, &holder).await?;
                    }
                }
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

/// Sends a code unless there is nothing to prove, or one was sent just now: nobody is there to be told.
async fn send_code_in(app: &App, tx: &Transaction, holder: &Holder) -> Result<()> {
    if holder.confirmed_at.is_some() {
        return Ok(());
    }
    let (purpose, asker) = (CodePurpose::EmailVerification, Asker::Stranger);
    match codes::issue_in(app, tx, purpose, &holder.subject(), &holder.email, asker).await {
        Ok(code) => messages::send_in(app, tx, &verification_message(app, holder, &code)).await,
        Err(Error::User(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn verification_message(app: &App, holder: &Holder, code: &codes::IssuedCode) -> Message {
    Message::email(&holder.email, &holder.user.locale, Template::EmailVerification).with_code_and_link(
        app,
        code,
        "verify-email",
    )
}

/// Tells the owner of an address that somebody tried to register with it: as often as codes may be sent there.
async fn tell_owner_in(app: &App, tx: &Transaction, new: &Holder) -> Result<()> {
    let Some(owner) = credentials::by_email_in(tx, &mailbox::key(&new.email)).await? else { return Ok(()) };
    let (purpose, asker) = (CodePurpose::EmailVerification, Asker::Stranger);
    match codes::issue_in(app, tx, purpose, &new.subject(), &owner.email, asker).await {
        // The code itself is told to nobody: it only counts.
        Ok(_) => messages::send_in(app, tx, &already_registered(&owner)).await,
        Err(Error::User(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn already_registered(owner: &Holder) -> Message {
    owner.greeted(Message::email(&owner.email, &owner.user.locale, Template::AlreadyRegistered))
}

/// Asks for a code to prove an address. Without one: the signed-in person's own; codes ALREADY_VERIFIED,
/// CODE_SENT_JUST_NOW, TOO_MANY_CODES. With one, the answer is the same whether or not anything waits there; codes BLANK,
/// TOO_LONG, INVALID, INVALID_CHARACTERS.
pub(crate) async fn email_verification_send(
    app: &App,
    actor: &Actor,
    client: &Client,
    email: Option<&str>,
) -> Result<()> {
    if let Some(email) = email {
        let email = policy::email("email", email)?;
        throttle_send(app, client, None)?;
        let wanted = SendVerification::Address { email };
        return app.db.transact(async |tx| jobs::enqueue_in(app, &tx, &wanted).await).await;
    }
    let id = actor.require_user()?.id;
    throttle_send(app, client, Some(id))?;
    app.db
        .transact(async |tx| {
            let own = credentials::own_in(&tx, id).await?;
            if own.confirmed_at.is_some() {
                return Err(UserError::whole(UserErrorCode::AlreadyVerified).into());
            }
            let purpose = CodePurpose::EmailVerification;
            let code = codes::issue_quietly_in(app, &tx, purpose, &own.subject(), &own.email).await?;
            match code.filter(|_| own.has_address()) {
                Some(code) => messages::send_in(app, &tx, &verification_message(app, &own, &code)).await,
                None => Ok(()),
            }
        })
        .await
}

/// Proves an address: by the link of its e-mail, or by the code, of the signed-in person's own or of one that is named.
/// Codes: INVALID_CODE, ALREADY_VERIFIED.
pub(crate) async fn email_verify(
    app: &App,
    actor: &Actor,
    client: &Client,
    email: Option<&str>,
    received: Received<'_>,
) -> Result<User> {
    let purpose = CodePurpose::EmailVerification;
    let (holder, code) = match received {
        Received::Link(token) => {
            let code = codes::check_link(app, purpose, token).await?;
            (credentials::by_code(app, &code).await?, code)
        }
        Received::Code(code) => {
            let holder = holder_to_verify(app, actor, client, email).await?;
            let subject = holder.as_ref().map_or_else(|| codes::NOBODY.to_owned(), Holder::subject);
            let code = codes::check(app, purpose, &subject, code).await?;
            (holder, code)
        }
    };
    let user = holder.ok_or_else(|| code.refused())?.user;
    app.db
        .transact(async |tx| {
            codes::consume_in(app, &tx, &code).await?;
            // Of the address that the code was sent to, and of no other that has taken its place since.
            if !credentials::confirm_in(app, &tx, user.id, &mailbox::key(&code.address)).await? {
                return Err(code.refused());
            }
            activity::record_in(app, &tx, user.id, ActivityKind::EmailVerified, client, None).await
        })
        .await?;
    Ok(user)
}

/// Whose address a code is to prove, if anybody's. Code: ALREADY_VERIFIED, of the signed-in person's own.
async fn holder_to_verify(app: &App, actor: &Actor, client: &Client, email: Option<&str>) -> Result<Option<Holder>> {
    let holder = if let Some(email) = email {
        throttle_proof(app, client, None)?;
        credentials::by_email(app, &policy::lookup_key(email)).await?
    } else {
        let id = actor.require_user()?.id;
        throttle_proof(app, client, Some(id))?;
        credentials::by_id(app, id).await?
    };
    let is_own = |holder: &Holder| Some(holder.user.id) == actor.user_id();
    if holder.as_ref().is_some_and(|holder| is_own(holder) && holder.confirmed_at.is_some()) {
        return Err(UserError::whole(UserErrorCode::AlreadyVerified).into());
    }
    Ok(holder)
}

/// Asks for another address, to which a code is sent; whether it is taken does not show. Needs a recent authentication.
/// Codes: BLANK, TOO_LONG, INVALID, INVALID_CHARACTERS, ALREADY_VERIFIED, CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub(crate) async fn email_change_request(app: &App, actor: &Actor, client: &Client, email: &str) -> Result<()> {
    actor.require_user()?;
    let id = recent_authentication::require_recent_authentication(app, actor).await?.id;
    let email = policy::email("email", email)?;
    throttle_send(app, client, Some(id))?;
    let key = mailbox::key(&email);
    app.db
        .transact(async |tx| {
            let own = credentials::own_in(&tx, id).await?;
            if own.email_key == key && own.confirmed_at.is_some() {
                return Err(UserError::input("email", UserErrorCode::AlreadyVerified).into());
            }
            let code = codes::issue_quietly_in(app, &tx, CodePurpose::EmailChange, &own.subject(), &email).await?;
            let holder = credentials::by_email_in(&tx, &key).await?;
            let owner = holder.filter(|holder| holder.user.id != id && holder.confirmed_at.is_some());
            let Some(code) = code else { return Ok(()) };
            // One message in any case; the code leaves only for an address that nobody else has proven.
            let message = match owner {
                Some(owner) => already_registered(&owner),
                None => Message::email(&email, &own.user.locale, Template::EmailChange).with_code_and_link(
                    app,
                    &code,
                    "change-email",
                ),
            };
            messages::send_in(app, &tx, &message).await
        })
        .await
}

/// Replaces the address by the one that the e-mail was sent to, which is proven by it. Codes: INVALID_CODE, TAKEN.
pub(crate) async fn email_change_confirm(
    app: &App,
    actor: &Actor,
    client: &Client,
    received: Received<'_>,
) -> Result<User> {
    let id = actor.require_user()?.id;
    let (purpose, subject) = (CodePurpose::EmailChange, id.to_string());
    let (code, field) = match received {
        Received::Link(token) => (codes::check_link(app, purpose, token).await?, "token"),
        Received::Code(code) => {
            throttle_proof(app, client, Some(id))?;
            (codes::check(app, purpose, &subject, code).await?, "code")
        }
    };
    if code.subject != subject {
        return Err(codes::invalid_link());
    }
    let taken = || Error::from(UserError::input(field, UserErrorCode::Taken));
    let result = app
        .db
        .transact(async |tx| {
            codes::consume_in(app, &tx, &code).await?;
            let old = credentials::own_in(&tx, id).await?;
            if !credentials::release_in(app, &tx, &mailbox::key(&code.address), Some(id)).await? {
                return Err(taken());
            }
            credentials::replace_address_in(app, &tx, id, &code.address).await?;
            codes::void_address_in(app, &tx, &old.email).await?;
            second_factors::end_challenges_in(app, &tx, id).await?;
            let new = credentials::partly_hidden(&code.address);
            activity::record_in(app, &tx, id, ActivityKind::EmailChanged, client, Some(&new)).await?;
            if old.has_address() {
                let message = Message::email(&old.email, &old.user.locale, Template::EmailChanged).with("email", new);
                messages::send_in(app, &tx, &old.greeted(message)).await?;
            }
            Ok(())
        })
        .await;
    match result {
        Err(error) if is_unique_violation(&error) => Err(taken()),
        Err(error) => Err(error),
        Ok(()) => accounts::get(app, id).await,
    }
}
