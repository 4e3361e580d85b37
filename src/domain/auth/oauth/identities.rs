//! The identities of an account: seen, used, and unlinked by their owner.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, LockType},
};

use super::{find, title};
use crate::{
    app::App,
    domain::{
        accounts::{self, User},
        activity,
        actor::{Actor, Client},
        auth::require_recent_authentication,
        messages::{Message, Template},
    },
    entity::{
        IdentityId, UserId,
        activity::ActivityKind,
        credential,
        identity::{ActiveModel, Column, Entity, Model},
    },
    error::{Error, Result, UserError, UserErrorCode},
    platform::db::{Transaction, any_id},
};

/// An identity elsewhere by which a person signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkedIdentity {
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
pub(crate) async fn identities(app: &App, actor: &Actor, user: UserId) -> Result<Option<Vec<LinkedIdentity>>> {
    if actor.user_id() != Some(user) {
        return Ok(None);
    }
    let theirs =
        Entity::find().filter(Column::UserId.eq(user)).order_by_asc(Column::CreatedAt).order_by_asc(Column::Id);
    Ok(Some(app.db.all(theirs).await?.into_iter().map(|row| linked(app, row)).collect()))
}

/// The actor's own identities by id.
pub(crate) async fn identities_by_id(
    app: &App,
    actor: &Actor,
    ids: &[IdentityId],
) -> Result<HashMap<IdentityId, LinkedIdentity>> {
    let Some(user) = actor.user_id() else { return Ok(HashMap::new()) };
    let own = Entity::find().filter(Column::UserId.eq(user)).filter(any_id(Column::Id, ids));
    Ok(app.db.all(own).await?.into_iter().map(|row| (row.id, linked(app, row))).collect())
}

fn linked(app: &App, row: Model) -> LinkedIdentity {
    let Model { id, provider, email, created_at, last_used_at, .. } = row;
    let title = title(app, &provider).to_owned();
    LinkedIdentity { id, title, provider, email, linked_at: created_at, last_used_at }
}

/// Unlinks one of the actor's own identities. Codes: NOT_FOUND, LAST_WAY_IN.
pub(crate) async fn identity_unlink(app: &App, actor: &Actor, client: &Client, identity: IdentityId) -> Result<User> {
    let id = actor.require_user()?.id;
    require_recent_authentication(app, actor).await?;
    let user = accounts::get(app, id).await?;
    app.db
        .transact(async |tx| {
            // Locked, so that the last two can't go at the same time.
            let has_password = lock_in(&tx, id).await?.has_password;
            let linked = Entity::find().filter(Column::UserId.eq(id)).all(&tx).await?;
            let Some(Model { provider, .. }) = linked.iter().find(|one| one.id == identity) else {
                return Err(UserError::input("id", UserErrorCode::NotFound).into());
            };
            // Nobody comes in by a provider that isn't configured any more.
            let another = linked.iter().any(|one| one.id != identity && find(app, &one.provider).is_some());
            if !has_password && !another {
                return Err(UserError::whole(UserErrorCode::LastWayIn).into());
            }
            Entity::delete_by_id(identity).exec(&tx).await?;
            activity::record_in(app, &tx, id, ActivityKind::IdentityUnlinked, client, Some(provider)).await?;
            let message = Message::email("", &user.locale, Template::IdentityUnlinked);
            accounts::email_in(app, &tx, user.id, message.with("provider", title(app, provider))).await
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
    let locked = credential::Entity::find_by_id(user).lock(LockType::NoKeyUpdate).one(tx).await?;
    let credential::Model { password_hash, email_key, email_confirmed_at, .. } =
        locked.ok_or_else(Error::unauthenticated)?;
    Ok(Standing { has_password: password_hash.is_some(), email_key, is_confirmed: email_confirmed_at.is_some() })
}

/// The identity of somebody at a provider.
fn of(provider: &str, subject: &str) -> Select<Entity> {
    Entity::find().filter(Column::Provider.eq(provider)).filter(Column::Subject.eq(subject))
}

/// Whose identity this is.
pub(super) async fn owner_in(tx: &Transaction, provider: &str, subject: &str) -> Result<Option<UserId>> {
    Ok(of(provider, subject).one(tx).await?.map(|row| row.user_id))
}

/// Writes an identity down. Code: ALREADY_LINKED, when the account has another one of the provider.
pub(super) async fn insert_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    provider: &str,
    person: &super::person::Person,
) -> Result<IdentityId> {
    let another = Entity::find().filter(Column::UserId.eq(user)).filter(Column::Provider.eq(provider));
    if another.one(tx).await?.is_some() {
        return Err(UserError::whole(UserErrorCode::AlreadyLinked).into());
    }
    let now = app.clock.now();
    let id = IdentityId(app.ids.next(now));
    let row = ActiveModel {
        id: Set(id),
        user_id: Set(user),
        provider: Set(provider.to_owned()),
        subject: Set(person.subject.clone()),
        email: Set(person.email.clone()),
        created_at: Set(now),
        last_used_at: Set(now),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(id)
}

/// An identity is used to sign in.
pub(super) async fn used_in(app: &App, tx: &Transaction, provider: &str, person: &super::person::Person) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::val(app.clock.now()))
        .col_expr(Column::Email, Expr::val(person.email.clone()))
        .filter(Column::Provider.eq(provider))
        .filter(Column::Subject.eq(person.subject.as_str()))
        .exec(tx)
        .await?;
    Ok(())
}
