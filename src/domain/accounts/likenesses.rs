//! What people's names look like (UTS #39), so that nobody passes for somebody else.
//!
//! Owns `likenesses` and `held_usernames`. Always holds: no two user names look alike, but for some that were there before
//! this rule; nobody takes the former user name of somebody else while it is held back. Display names are anybody's choice:
//! one that looks like another's, written otherwise, is marked.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::Value;
use uuid::Uuid;

use super::{User, policy::RESERVED_TITLES, queries};
use crate::{
    app::App,
    domain::actor::Actor,
    entity::UserId,
    error::{Error, Result, UserError, UserErrorCode},
    platform::{
        db::{Columns, Transaction, placeholders},
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
    let values = || -> Vec<Value> {
        vec![id.0.into(), username.map(str::to_owned).into(), name.as_str().into(), spelling.as_str().into()]
    };
    // Of two who take names that look alike at the same moment, the later waits here and gets none.
    let new = "INSERT INTO likenesses (user_id, username, name, spelling, is_lookalike) VALUES ($1, $2, $3, $4, 1 = 0) \
               ON CONFLICT DO NOTHING";
    let changed = "UPDATE likenesses SET username = $2, name = $3, spelling = $4 WHERE user_id = $1 \
                   AND NOT EXISTS (SELECT 1 FROM likenesses o WHERE o.username = $2 AND o.user_id <> $1)";
    if tx.execute(new, values()).await? == 0 && tx.execute(changed, values()).await? == 0 {
        return Ok(false);
    }
    // From two sides: of those who are called the same, there may be many.
    let marked = "UPDATE likenesses SET is_lookalike = \
                  (EXISTS (SELECT 1 FROM likenesses o WHERE o.name = $2 AND o.spelling < $3) \
                  OR EXISTS (SELECT 1 FROM likenesses o WHERE o.name = $2 AND o.spelling > $3)) WHERE user_id = $1";
    tx.execute(marked, vec![id.0.into(), name.as_str().into(), spelling.as_str().into()]).await?;
    Ok(true)
}

async fn is_held_in(app: &App, tx: &Transaction, user: UserId, username: &str) -> Result<bool> {
    let mut values: Vec<Value> = vec![user.0.into(), app.clock.now().into()];
    let mut list = Vec::new();
    for fingerprint in app.keys.fingerprints(HELD, &[username]) {
        values.push(fingerprint.into());
        list.push(format!("${}", values.len()));
    }
    let sql = format!(
        "SELECT 1 FROM held_usernames WHERE fingerprint IN ({}) AND until > $2 AND (user_id IS NULL OR user_id <> $1)",
        list.join(", ")
    );
    Ok(tx.row(sql, values).await?.is_some())
}

/// Holds a user name back that a person gives up: only they can take it again until then.
pub(super) async fn hold_in(app: &App, tx: &Transaction, user: UserId, username: &str) -> Result<()> {
    let until: DateTime<Utc> = app.clock.now() + app.config.username_hold;
    let fingerprint = app.keys.fingerprint(HELD, &[&text::username_likeness(username)]);
    let sql = "INSERT INTO held_usernames (fingerprint, user_id, until) VALUES ($1, $2, $3) \
               ON CONFLICT (fingerprint) DO UPDATE SET user_id = $2, until = $3";
    tx.execute(sql, vec![fingerprint.into(), user.0.into(), until.into()]).await.map(drop)
}

/// Forgets what was held back and is free again; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("held_usernames", "until", app.clock.now()).await
}

/// Refuses a display name that is nothing but titles of those who run the service, to who is none of them. Code: RESERVED.
pub(super) fn check_title(app: &App, field: &'static str, display_name: &str) -> Result<(), UserError> {
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

/// Whose display names look like those of others.
pub async fn lookalikes(app: &App, _actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, bool>> {
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT user_id, is_lookalike FROM likenesses WHERE user_id IN ({list})");
    app.db
        .rows(sql, values)
        .await?
        .iter()
        .map(|row| {
            let mut columns = Columns::new(row);
            Ok((columns.take()?, columns.take()?))
        })
        .collect()
}

/// How many people are dealt with in one transaction.
const BATCH: usize = 200;

/// Writes anew what is derived from the names of the next people; gives the last of them, nothing at the end. Of two that look
/// alike since before there was a rule, both keep their user names.
pub async fn refold_in(tx: &Transaction, after: Uuid) -> Result<Option<Uuid>> {
    let sql = format!(
        "SELECT {} FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT {BATCH} {}",
        queries::user_columns("u"),
        tx.for_update()
    );
    let rows = tx.rows(sql, vec![after.into()]).await?;
    let mut last = None;
    for row in &rows {
        let user: User = queries::read_user(&mut Columns::new(row))?.ok_or_else(|| Error::internal("no id"))?;
        last = Some(user.id.0);
        let likeness = text::username_likeness(&user.username);
        if !store_in(tx, user.id, Some(&likeness), &user.display_name).await? {
            store_in(tx, user.id, None, &user.display_name).await?;
        }
        let key = search_key([&user.username, &user.first_name, &user.last_name, &user.display_name]);
        let sql = "UPDATE users SET search_key = $2 WHERE id = $1 AND search_key <> $2";
        tx.execute(sql, vec![user.id.0.into(), key.into()]).await?;
    }
    Ok(last.filter(|_| rows.len() == BATCH))
}

/// What a person is found by: user name, first, last and display name.
pub(super) fn search_key(names: [&str; 4]) -> String {
    text::search_key(&names.join(" "))
}
