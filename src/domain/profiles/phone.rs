//! Proving a telephone number, by a code in a text message.
//!
//! That a number is another person's already is told only to who has proven that they have it: nobody learns by asking
//! for a code whose number is known here.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{complete::number, load_in, store_in};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::{Actor, Client},
        auth, codes,
        messages::{self, Message, Template},
    },
    entity::{UserId, activity::ActivityKind, code::CodePurpose, profile},
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, is_unique_violation},
        text,
    },
};

/// Sends a code to a number: the one that is given, or that of the profile. Codes: BLANK, INVALID, ALREADY_VERIFIED,
/// CODE_SENT_JUST_NOW, TOO_MANY_CODES.
pub(crate) async fn phone_verification_send(
    app: &App,
    actor: &Actor,
    client: &Client,
    phone: Option<&str>,
) -> Result<()> {
    let id = auth::require_recent_authentication(app, actor).await?.id;
    auth::throttle_send(app, client, Some(id))?;
    let user = accounts::get(app, id).await?;
    let profile = super::by_users(app, actor, &[id]).await?.remove(&id).ok_or_else(Error::unauthenticated)?;
    let phone = match phone {
        Some(phone) => number("phone", &text::required("phone", phone.to_owned())?, profile.country.as_deref())?,
        None => profile.phone.clone().ok_or_else(|| UserError::input("phone", UserErrorCode::Blank))?,
    };
    if profile.phone.as_ref() == Some(&phone) && profile.phone_verified_at.is_some() {
        return Err(UserError::input("phone", UserErrorCode::AlreadyVerified).into());
    }
    app.db
        .transact(async |tx| {
            let purpose = CodePurpose::PhoneVerification;
            let Some(code) = codes::issue_quietly_in(app, &tx, purpose, &id.to_string(), &phone).await? else {
                return Ok(());
            };
            let message = Message::sms(&phone, &user.locale, Template::PhoneVerification).with_code(app, &code);
            messages::send_in(app, &tx, &message).await
        })
        .await
}

/// Proves the number that the code was sent to; it becomes the profile's. Codes: INVALID_CODE, TAKEN.
pub(crate) async fn phone_verify(app: &App, actor: &Actor, client: &Client, code: &str) -> Result<User> {
    let id = actor.require_user()?.id;
    auth::throttle_proof(app, client, Some(id))?;
    let code = codes::check(app, CodePurpose::PhoneVerification, &id.to_string(), code).await?;
    match app.db.transact(async |tx| verify_in(app, &tx, id, client, &code).await).await {
        Err(error) if is_unique_violation(&error) => Err(taken()),
        Err(error) => Err(error),
        Ok(()) => accounts::get(app, id).await,
    }
}

async fn verify_in(app: &App, tx: &Transaction, id: UserId, client: &Client, code: &codes::CheckedCode) -> Result<()> {
    codes::consume_in(app, tx, code).await?;
    let phone = &code.address;
    let others = profile::Entity::find()
        .filter(profile::Column::Phone.eq(phone.as_str()))
        .filter(profile::Column::PhoneVerifiedAt.is_not_null())
        .filter(profile::Column::UserId.ne(id));
    if others.one(tx).await?.is_some() {
        return Err(taken());
    }
    // Of two changes of one profile the later sees what the earlier wrote.
    accounts::lock_in(tx, &[id]).await?;
    let (mut profile, _) = load_in(tx, id).await?.ok_or_else(Error::unauthenticated)?;
    let now = app.clock.now();
    profile.phone = Some(phone.clone());
    profile.phone_verified_at = Some(now);
    profile.updated_at = now;
    store_in(tx, &profile).await?;
    activity::record_in(app, tx, id, ActivityKind::PhoneVerified, client, None).await
}

fn taken() -> Error {
    UserError::input("code", UserErrorCode::Taken).into()
}
