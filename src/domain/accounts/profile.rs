//! A person's profile, changed by themselves.

use std::sync::Arc;

use chrono::TimeDelta;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};

use super::{User, digest, likenesses, policy};
use crate::{
    app::App,
    domain::{
        activity,
        actor::{Actor, Client, SignedIn},
    },
    entity::{UserId, activity::ActivityKind, digest_subscription::Digest, user},
    error::{Error, Locale, Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, is_unique_violation},
        text::{self, web_address},
    },
};

/// What to change: `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfileUpdate {
    /// Possible again only after the cool-down.
    pub username: Option<String>,
    /// May be cleared.
    pub first_name: Option<String>,
    /// May be cleared.
    pub last_name: Option<String>,
    /// Cleared: made of the names again.
    pub display_name: Option<String>,
    /// `Some(None)` clears it.
    pub avatar_url: Option<Option<String>>,
    /// May be cleared.
    pub bio: Option<String>,
    /// Language of messages.
    pub locale: Option<Locale>,
    /// Whether a daily digest is wanted.
    pub digest: Option<Digest>,
}

/// Changes the actor's profile. Codes: BLANK, TOO_SHORT, TOO_LONG, INVALID, INVALID_CHARACTERS, RESERVED, TAKEN, TOO_SOON.
pub(crate) async fn profile_update(app: &App, actor: &Actor, client: &Client, update: ProfileUpdate) -> Result<User> {
    actor.require_user()?;
    let update = validate(update)?;
    let result = app.db.transact(async |tx| apply_in(app, &tx, actor, client, &update).await).await;
    match result {
        Err(error) if is_unique_violation(&error) => Err(UserError::input("username", UserErrorCode::Taken).into()),
        result => result,
    }
}

/// Sets what a person says about themselves, cleaned and of the allowed length already, within the transaction of the
/// rest of their profile.
pub(crate) async fn bio_set_in(app: &App, tx: &Transaction, id: UserId, bio: &str) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::Bio, Expr::val(bio))
        .col_expr(user::Column::UpdatedAt, Expr::val(app.clock.now()))
        .filter(user::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

fn validate(update: ProfileUpdate) -> Result<ProfileUpdate> {
    let mut errors = Vec::new();
    let mut keep = |result: Option<Result<String, UserError>>| match result {
        None => None,
        Some(Ok(value)) => Some(value),
        Some(Err(error)) => {
            errors.push(error);
            None
        }
    };
    let name = |field, value: Option<String>, max| value.map(|value| text::name(field, &value, max));
    let validated = ProfileUpdate {
        username: keep(update.username.map(|value| policy::username("username", &value))),
        first_name: keep(name("firstName", update.first_name, 50)),
        last_name: keep(name("lastName", update.last_name, 50)),
        display_name: keep(name("displayName", update.display_name, 100)),
        avatar_url: match update.avatar_url {
            Some(Some(value)) => keep(Some(web_address::picture("avatarUrl", &value))).map(Some),
            other => other,
        },
        bio: keep(update.bio.map(|value| text::block("bio", &value, 500))),
        locale: update.locale,
        digest: update.digest,
    };
    if errors.is_empty() { Ok(validated) } else { Err(Error::User(errors)) }
}

async fn apply_in(app: &App, tx: &Transaction, actor: &Actor, client: &Client, update: &ProfileUpdate) -> Result<User> {
    let SignedIn { id, role, .. } = *actor.require_user()?;
    let person = user::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx).await?;
    let mut user = person.ok_or_else(Error::unauthenticated)?;
    let now = app.clock.now();
    let before = (user.username.clone(), user.display_name.clone());
    if let Some(username) = update.username.as_ref().filter(|name| **name != user.username) {
        let cooldown = TimeDelta::from_std(app.config.username_change_cooldown).unwrap_or_default();
        if let Some(again) = user.username_changed_at.map(|at| at + cooldown).filter(|again| *again > now) {
            let at = again.format("%Y-%m-%d %H:%M UTC").to_string();
            let error = UserError::input("username", UserErrorCode::TooSoon).with("at", at);
            return Err(error.retry_after(again - now).into());
        }
        let detail = format!("{} → {username}", user.username);
        activity::record_in(app, tx, id, ActivityKind::UsernameChanged, client, Some(&detail)).await?;
        user.username.clone_from(username);
        user.username_key = policy::key(username);
        user.username_changed_at = Some(now);
    }
    let set = |target: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            target.clone_from(value);
        }
    };
    set(&mut user.first_name, &update.first_name);
    set(&mut user.last_name, &update.last_name);
    set(&mut user.display_name, &update.display_name);
    set(&mut user.bio, &update.bio);
    if user.display_name.is_empty() {
        let names = format!("{} {}", user.first_name, user.last_name);
        user.display_name = if names.trim().is_empty() { user.username.clone() } else { names.trim().to_owned() };
    }
    if role.is_none() && user.display_name != before.1 {
        likenesses::check_title(app, "displayName", &user.display_name)?;
    }
    if let Some(avatar) = &update.avatar_url {
        user.avatar_url.clone_from(avatar);
    }
    if let Some(locale) = update.locale {
        locale.as_str().clone_into(&mut user.locale);
    }
    if let Some(wanted) = update.digest {
        digest::set_in(app, tx, id, wanted).await?;
    }
    user.search_key = likenesses::search_key([&user.username, &user.first_name, &user.last_name, &user.display_name]);
    user.updated_at = now;
    let changed = user::ActiveModel {
        username: Set(user.username.clone()),
        username_key: Set(user.username_key.clone()),
        username_changed_at: Set(user.username_changed_at),
        first_name: Set(user.first_name.clone()),
        last_name: Set(user.last_name.clone()),
        display_name: Set(user.display_name.clone()),
        bio: Set(user.bio.clone()),
        avatar_url: Set(user.avatar_url.clone()),
        locale: Set(user.locale.clone()),
        search_key: Set(user.search_key.clone()),
        updated_at: Set(now),
        ..user::ActiveModel::default()
    };
    user::Entity::update_many().set(changed).filter(user::Column::Id.eq(id)).exec(tx).await?;
    if before != (user.username.clone(), user.display_name.clone()) {
        if user.username_key != policy::key(&before.0) {
            likenesses::hold_in(app, tx, id, &before.0).await?;
        }
        if !likenesses::set_in(app, tx, id, &user.username, &user.display_name).await? {
            return Err(UserError::input("username", UserErrorCode::Taken).into());
        }
    }
    Ok(Arc::new(user.into()))
}
