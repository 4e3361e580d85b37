//! A registration with a mistyped address is corrected by registering again: by the same user name and password, while its
//! address waits to be confirmed.
//!
//! Always holds: what is corrected is nothing but the address, within the day in which its e-mails count, of an account
//! that nobody has ever signed in to. The password is guessed at no faster than at sign-in, for it is counted by the same
//! rules, though apart: registering by somebody's name does not hold up their sign-in. And a user name of somebody who has
//! confirmed their address costs the same work, and the same answer, as a wrong password.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, sea_query::Expr};
use secrecy::SecretString;

use super::{addresses, brute_force};
use crate::{
    app::App,
    domain::{
        accounts::{
            credentials::{self, Holder},
            policy,
        },
        activity,
        actor::Client,
        codes,
    },
    entity::{activity::ActivityKind, code::CodePurpose, session},
    error::Result,
    platform::{
        db::{Transaction, is_unique_violation},
        passwords::QueueSlot,
        text::mailbox,
    },
};

/// Whoever has the user name of a registration already.
pub(super) async fn former(app: &App, username: &str) -> Result<Option<Holder>> {
    credentials::by_username(app, &policy::key(username)).await
}

/// Gives a registration that waits its new address, and sends the e-mail there. False where nothing waits, or for another
/// password. RATE_LIMITED.
pub(super) async fn correct(
    app: &App,
    client: &Client,
    (username, password, email): (&str, &SecretString, &str),
    former: &Holder,
    slot: &QueueSlot,
) -> Result<bool> {
    let target = brute_force::Target::Registration(username);
    let attempt = app.db.transact(async |tx| brute_force::attempt_in(app, &tx, client, target, false).await).await?;
    let waits = former.confirmed_at.is_none() && former.user.created_at > app.clock.now() - codes::LINK;
    let hash = former.password_hash.clone().filter(|_| waits);
    if !credentials::verify_password(slot, password, hash).await? {
        return Ok(false);
    }
    brute_force::succeeded(app, &attempt).await?;
    match replace(app, client, former, email).await {
        // Somebody else took the address since we looked.
        Err(error) if is_unique_violation(&error) => replace(app, client, former, email).await,
        result => result,
    }
}

async fn replace(app: &App, client: &Client, former: &Holder, email: &str) -> Result<bool> {
    app.db.transact(async |tx| replace_in(app, &tx, client, former, email).await).await
}

/// Whether the address is somebody else's does not show: as with any registration, it only waits in vain then.
async fn replace_in(app: &App, tx: &Transaction, client: &Client, former: &Holder, email: &str) -> Result<bool> {
    let id = former.user.id;
    if mailbox::key(&former.email) != mailbox::key(email) {
        let sessions =
            session::Entity::find().select_only().column(session::Column::Id).filter(session::Column::UserId.eq(id));
        let has_none = Expr::not_exists(sessions.into_query());
        if !credentials::correct_address_in(tx, former, email, has_none).await? {
            return Ok(false);
        }
        let purposes = [CodePurpose::EmailVerification, CodePurpose::PasswordReset];
        codes::void_in(app, tx, &former.subject(), &purposes).await?;
        let detail = credentials::partly_hidden(email);
        activity::record_in(app, tx, id, ActivityKind::EmailChanged, client, Some(&detail)).await?;
    }
    addresses::verify_registration_in(app, tx, id).await?;
    Ok(true)
}
