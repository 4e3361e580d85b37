//! What people's names look like (UTS #39), so that nobody passes for somebody else.
//!
//! Owns `likenesses` and `held_usernames`. Always holds: no two user names look alike, but for some that were there before
//! this rule; nobody takes the former user name of somebody else while it is held back. Display names are anybody's choice:
//! one that looks like another's, written otherwise, is marked.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, LockType, OnConflict},
};
use uuid::Uuid;

use super::{UserRow, policy::RESERVED_TITLES};
use crate::{
    app::App,
    domain::actor::Actor,
    entity::{UserId, held_username, likeness, user},
    error::{Result, UserError, UserErrorCode},
    platform::{
        db::{Transaction, any_id},
        text,
    },
};

/// What held user names are kept under: of somebody who has left, nothing is to be read.
const HELD: &str = "held username";

/// Writes down what a person's names look like; false, and nothing is written, when the user name looks like somebody else's
/// or like one that is held back for somebody else.
pub(super) async fn set_in(
    app: &App,
    tx: &Transaction,
    id: UserId,
    username: &str,
    display_name: &str,
) -> Result<bool> {
    let username = text::username_likeness(username);
    if is_held_in(app, tx, id, &username).await? {
        return Ok(false);
    }
    store_in(tx, id, Some(&username), display_name).await
}

async fn store_in(tx: &Transaction, id: UserId, username: Option<&str>, display_name: &str) -> Result<bool> {
    let (name, spelling) = (text::likeness(display_name), display_name.to_lowercase());
    let row = likeness::ActiveModel {
        user_id: Set(id),
        username: Set(username.map(str::to_owned)),
        name: Set(name.clone()),
        spelling: Set(spelling.clone()),
        is_lookalike: Set(false),
    };
    // Of two who take names that look alike at the same moment, the later waits here and gets none.
    let new = likeness::Entity::insert(row).on_conflict(OnConflict::new().do_nothing().to_owned());
    if new.exec_without_returning(tx).await? == 0 && !change_in(tx, id, username, &name, &spelling).await? {
        return Ok(false);
    }
    // From two sides: of those who are called the same, there may be many.
    let another = |spelled: Expr| {
        let others = likeness::Entity::find().select_only().column(likeness::Column::UserId);
        Expr::exists(others.filter(likeness::Column::Name.eq(name.as_str())).filter(spelled).into_query())
    };
    let before = another(likeness::Column::Spelling.lt(spelling.as_str()));
    let after = another(likeness::Column::Spelling.gt(spelling.as_str()));
    likeness::Entity::update_many()
        .col_expr(likeness::Column::IsLookalike, before.or(after))
        .filter(likeness::Column::UserId.eq(id))
        .exec(tx)
        .await?;
    Ok(true)
}

/// False where the user name looks like somebody else's.
async fn change_in(tx: &Transaction, id: UserId, username: Option<&str>, name: &str, spelling: &str) -> Result<bool> {
    let others = likeness::Entity::find()
        .select_only()
        .column(likeness::Column::UserId)
        // Nobody looks like a name that is none: a column's own `eq` would look for the others who have none.
        .filter(Expr::col((likeness::Entity, likeness::Column::Username)).eq(username))
        .filter(likeness::Column::UserId.ne(id));
    let changed = likeness::Entity::update_many()
        .col_expr(likeness::Column::Username, Expr::val(username))
        .col_expr(likeness::Column::Name, Expr::val(name))
        .col_expr(likeness::Column::Spelling, Expr::val(spelling))
        .filter(likeness::Column::UserId.eq(id))
        .filter(Expr::not_exists(others.into_query()))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

async fn is_held_in(app: &App, tx: &Transaction, user: UserId, username: &str) -> Result<bool> {
    let is_others = held_username::Column::UserId.is_null().or(held_username::Column::UserId.ne(user));
    let held = held_username::Entity::find()
        .filter(held_username::Column::Fingerprint.is_in(app.keys.fingerprints(HELD, &[username])))
        .filter(held_username::Column::Until.gt(app.clock.now()))
        .filter(is_others);
    Ok(held.one(tx).await?.is_some())
}

/// Holds a user name back that a person gives up: only they can take it again until then.
pub(super) async fn hold_in(app: &App, tx: &Transaction, user: UserId, username: &str) -> Result<()> {
    let until: DateTime<Utc> = app.clock.now() + app.config.username_hold;
    let fingerprint = app.keys.fingerprint(HELD, &[&text::username_likeness(username)]);
    let row = held_username::ActiveModel { fingerprint: Set(fingerprint), user_id: Set(Some(user)), until: Set(until) };
    let again = OnConflict::column(held_username::Column::Fingerprint)
        .update_columns([held_username::Column::UserId, held_username::Column::Until])
        .to_owned();
    held_username::Entity::insert(row).on_conflict(again).exec_without_returning(tx).await?;
    Ok(())
}

/// Forgets what was held back and is free again; gives how many.
pub(super) async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("held_usernames", "until", app.clock.now()).await
}

/// Refuses a display name that is nothing but titles of those who run the service, to who is none of them. Code: RESERVED.
pub(crate) fn check_title(app: &App, field: &'static str, display_name: &str) -> Result<(), UserError> {
    let service = text::likeness(&app.config.email.service_name().to_lowercase());
    let is_title = |word: &str| {
        let looks = text::likeness(&word.to_lowercase());
        RESERVED_TITLES.iter().any(|title| text::likeness(title) == looks)
            || service.split(' ').any(|word| word == looks)
    };
    let mut words = display_name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    if words.peek().is_some() && words.all(is_title) {
        return Err(UserError::input(field, UserErrorCode::Reserved));
    }
    Ok(())
}

/// Whether a display name looks like another.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "likeness::Entity")]
struct Marked {
    user_id: UserId,
    is_lookalike: bool,
}

/// Whose display names look like those of others.
pub(crate) async fn lookalikes(app: &App, _actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, bool>> {
    let select = likeness::Entity::find().filter(any_id(likeness::Column::UserId, ids));
    let found: Vec<Marked> = app.db.read(select).await?;
    Ok(found.into_iter().map(|marked| (marked.user_id, marked.is_lookalike)).collect())
}

/// How many people are dealt with in one transaction.
const BATCH: u64 = 200;

/// Writes anew what is derived from the names of the next people; gives the last of them, nothing at the end. Of two that look
/// alike since before there was a rule, both keep their user names.
pub(super) async fn refold_in(tx: &Transaction, after: Uuid) -> Result<Option<Uuid>> {
    let next = user::Entity::find()
        .filter(user::Column::Id.gt(after))
        .order_by_asc(user::Column::Id)
        .limit(BATCH)
        .lock(LockType::NoKeyUpdate);
    let users = next.into_partial_model::<UserRow>().all(tx).await?;
    for user in &users {
        let likeness = text::username_likeness(&user.username);
        if !store_in(tx, user.id, Some(&likeness), &user.display_name).await? {
            store_in(tx, user.id, None, &user.display_name).await?;
        }
        let key = search_key([&user.username, &user.first_name, &user.last_name, &user.display_name]);
        user::Entity::update_many()
            .col_expr(user::Column::SearchKey, Expr::val(key.as_str()))
            .filter(user::Column::Id.eq(user.id))
            .filter(user::Column::SearchKey.ne(key.as_str()))
            .exec(tx)
            .await?;
    }
    Ok(users.last().map(|user| user.id.0).filter(|_| users.len() as u64 == BATCH))
}

/// What a person is found by: user name, first, last and display name.
pub(super) fn search_key(names: [&str; 4]) -> String {
    text::search_key(&names.join(" "))
}
