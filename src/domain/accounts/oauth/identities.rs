//! The identities of an account: seen, used, and unlinked by their owner.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};

use super::{find, mail, queries, title};
use crate::{
    app::App,
    domain::{
        accounts::require_fresh,
        activity,
        actor::{Actor, Client},
        messages::{Message, Template},
    },
    entity::{IdentityId, UserId, activity::ActivityKind},
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Columns, Transaction, placeholders},
};

/// An identity elsewhere by which a person signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// The id of the row of `identities`.
    pub id: IdentityId,
    /// The provider's name.
    pub provider: String,
    /// The provider's name for people.
    pub title: String,
    /// The address that the provider told last.
    pub email: Option<String>,
    /// When it was linked to the account.
    pub linked_at: DateTime<Utc>,
    /// Last sign-in by it.
    pub last_used_at: DateTime<Utc>,
}

/// The identities of a person, oldest first: for themselves only, `None` for everybody else.
pub async fn identities(app: &App, actor: &Actor, user: UserId) -> Result<Option<Vec<LinkedIdentity>>> {
    if actor.user_id() != Some(user) {
        return Ok(None);
    }
    let sql = format!("SELECT {COLUMNS} FROM identities WHERE user_id = $1 ORDER BY created_at, id");
    let rows = app.db.rows(sql, vec![user.0.into()]).await?;
    rows.iter().map(|row| read(app, row)).collect::<Result<Vec<_>>>().map(Some)
}

/// The actor's own identities by id.
pub async fn identities_by_id(
    app: &App,
    actor: &Actor,
    ids: &[IdentityId],
) -> Result<HashMap<IdentityId, LinkedIdentity>> {
    let Some(user) = actor.user_id() else { return Ok(HashMap::new()) };
    let mut values: Vec<Value> = vec![user.0.into()];
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS} FROM identities WHERE user_id = $1 AND id IN ({list})");
    let rows = app.db.rows(sql, values).await?;
    rows.iter().map(|row| read(app, row).map(|identity| (identity.id, identity))).collect()
}

const COLUMNS: &str = "id, provider, email, created_at, last_used_at";

fn read(app: &App, row: &QueryResult) -> Result<LinkedIdentity> {
    let mut columns = Columns::new(row);
    let (id, provider): (IdentityId, String) = (columns.take()?, columns.take()?);
    Ok(LinkedIdentity {
        id,
        title: title(app, &provider).to_owned(),
        provider,
        email: columns.take()?,
        linked_at: columns.take()?,
        last_used_at: columns.take()?,
    })
}

/// Unlinks one of the actor's own identities. Codes: NOT_FOUND, LAST_WAY_IN.
pub async fn identity_unlink(app: &App, actor: &Actor, client: &Client, identity: IdentityId) -> Result<super::User> {
    let id = actor.require_user()?.id;
    require_fresh(app, actor).await?;
    let user = queries::get(app, id).await?;
    app.db
        .transact(async |tx| {
            // Locked, so that the last two can't go at the same time.
            let has_password = lock_in(&tx, id).await?.has_password;
            let rows = tx.rows("SELECT id, provider FROM identities WHERE user_id = $1", vec![id.0.into()]).await?;
            let linked = rows.iter().map(|row| {
                let mut columns = Columns::new(row);
                Ok((columns.take()?, columns.take()?))
            });
            let linked = linked.collect::<Result<Vec<(IdentityId, String)>>>()?;
            let Some((_, provider)) = linked.iter().find(|(one, _)| *one == identity) else {
                return Err(UserError::input("id", UserErrorCode::NotFound).into());
            };
            // Nobody comes in by a provider that isn't configured any more.
            let another = linked.iter().any(|(one, provider)| *one != identity && find(app, provider).is_some());
            if !has_password && !another {
                return Err(UserError::whole(UserErrorCode::LastWayIn).into());
            }
            tx.execute("DELETE FROM identities WHERE id = $1", vec![identity.0.into()]).await?;
            activity::record_in(app, &tx, id, ActivityKind::IdentityUnlinked, client, Some(provider)).await?;
            let message = Message::email("", &user.locale, Template::IdentityUnlinked);
            mail::tell_in(app, &tx, user.id, message.with("provider", title(app, provider))).await
        })
        .await?;
    Ok(user)
}

/// What decides about the identities of an account.
pub(super) struct Standing {
    pub has_password: bool,
    pub email_key: String,
    pub is_confirmed: bool,
}

/// Locks a person's credentials until the end of the transaction.
pub(super) async fn lock_in(tx: &Transaction, user: UserId) -> Result<Standing> {
    let sql = format!(
        "SELECT password_hash IS NOT NULL, email_key, email_confirmed_at IS NOT NULL FROM credentials \
         WHERE user_id = $1 {}",
        tx.for_update()
    );
    let row = tx.row(sql, vec![user.0.into()]).await?.ok_or_else(Error::unauthenticated)?;
    let mut columns = Columns::new(&row);
    Ok(Standing { has_password: columns.take()?, email_key: columns.take()?, is_confirmed: columns.take()? })
}

/// Whose identity this is.
pub(super) async fn owner_in(tx: &Transaction, provider: &str, subject: &str) -> Result<Option<UserId>> {
    let sql = "SELECT user_id FROM identities WHERE provider = $1 AND subject = $2";
    let row = tx.row(sql, vec![provider.into(), subject.into()]).await?;
    row.map(|row| Columns::new(&row).take()).transpose()
}

/// Writes an identity down. Code: ALREADY_LINKED, when the account has another one of the provider.
pub(super) async fn insert_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    provider: &str,
    person: &super::person::Person,
) -> Result<IdentityId> {
    let sql = "SELECT 1 FROM identities WHERE user_id = $1 AND provider = $2";
    if tx.row(sql, vec![user.0.into(), provider.into()]).await?.is_some() {
        return Err(UserError::whole(UserErrorCode::AlreadyLinked).into());
    }
    let now = app.clock.now();
    let id = IdentityId(app.ids.next(now));
    tx.execute(
        "INSERT INTO identities (id, user_id, provider, subject, email, created_at, last_used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        vec![
            id.0.into(),
            user.0.into(),
            provider.into(),
            person.subject.as_str().into(),
            person.email.clone().into(),
            now.into(),
        ],
    )
    .await?;
    Ok(id)
}

/// An identity is used to sign in.
pub(super) async fn used_in(app: &App, tx: &Transaction, provider: &str, person: &super::person::Person) -> Result<()> {
    tx.execute(
        "UPDATE identities SET last_used_at = $3, email = $4 WHERE provider = $1 AND subject = $2",
        vec![provider.into(), person.subject.as_str().into(), app.clock.now().into(), person.email.clone().into()],
    )
    .await
    .map(drop)
}
