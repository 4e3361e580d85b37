//! Reading people: by id, by name, by search.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter};

use super::{User, UserRow, policy};
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{UserId, credential, user},
    error::{Error, Result},
    platform::{
        db::any_id,
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// A person who has to be there.
pub(crate) async fn get(app: &App, id: UserId) -> Result<User> {
    users_by_id(app, &Actor::System, &[id]).await?.remove(&id).ok_or_else(Error::unauthenticated)
}

/// People by id; everybody may see everybody.
pub(crate) async fn users_by_id(app: &App, _actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let users: Vec<UserRow> = app.db.read(user::Entity::find().filter(any_id(user::Column::Id, ids))).await?;
    Ok(users.into_iter().map(|user| (user.id, Arc::new(user))).collect())
}

/// A person by user name, whatever its case.
pub(crate) async fn user_by_username(app: &App, _actor: &Actor, username: &str) -> Result<Option<User>> {
    let named = user::Entity::find().filter(user::Column::UsernameKey.eq(policy::lookup_key(username)));
    Ok(app.db.read_one::<UserRow, _>(named).await?.map(Arc::new))
}

/// What people have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UserFilter {
    /// Words of their names, each from its beginning.
    pub text: Option<String>,
    /// When they joined.
    pub during: Span,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserSort {
    /// By user name.
    Username,
    /// Joined last, first.
    Newest,
}

impl UserSort {
    /// What cursors of this order are tied to.
    #[must_use]
    pub(crate) fn cursor_name(self) -> &'static str {
        match self {
            Self::Username => "users.username",
            Self::Newest => "users.newest",
        }
    }

    /// People in this order.
    pub(crate) fn list(self) -> List<user::Entity> {
        List::sorted(match self {
            Self::Username => Sorting::ascending(user::Column::UsernameKey, user::Column::Id),
            Self::Newest => Sorting::descending(user::Column::CreatedAt, user::Column::Id),
        })
    }

    /// A person's place in this order.
    #[must_use]
    pub(crate) fn cursor(self, user: &UserRow) -> Cursor {
        let key = match self {
            Self::Username => Key::Text(policy::key(&user.username)),
            Self::Newest => Key::Time(user.created_at),
        };
        Cursor { sort: self.cursor_name(), key, id: user.id.0 }
    }
}

/// People, a page at a time.
pub(crate) async fn users(
    app: &App,
    _actor: &Actor,
    filter: &UserFilter,
    sort: UserSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<User>> {
    let mut list = sort.list();
    if !named(app, filter.text.as_deref(), &mut list)? {
        return Ok(Slice::nothing(page, with_total));
    }
    joined(app, filter.during, sort, &mut list)?;
    let users: Slice<UserRow> = list.page(&app.db, page, with_total, |select| select).await?;
    Ok(users.map(Arc::new))
}

/// Only people who joined in a span: in another order than that, of the newest.
pub(crate) fn joined(app: &App, during: Span, sort: UserSort, list: &mut List<user::Entity>) -> Result<()> {
    let within = list.during(user::Column::CreatedAt, during)?;
    if sort != UserSort::Newest {
        list.among_newest(&app.db, user::Column::CreatedAt, within.into_iter().collect());
    }
    Ok(())
}

/// Only people whose names have the words of a text; false when there are none.
pub(crate) fn named(app: &App, text: Option<&str>, list: &mut List<user::Entity>) -> Result<bool> {
    let Some(words) = text.map(text::search_words).transpose()? else { return Ok(true) };
    if !words.is_empty() {
        list.among(app.db.matching::<user::Entity>(&words));
    }
    Ok(!words.is_empty())
}

/// An e-mail address, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email {
    /// Null when the account has none: it never proved the one that it had, and somebody else did.
    pub address: Option<String>,
    /// Whether it is proven.
    pub is_verified: bool,
}

/// What an account says of its address.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "credential::Entity")]
struct Address {
    user_id: UserId,
    email: String,
    email_key: String,
    email_confirmed_at: Option<DateTime<Utc>>,
}

/// E-mail addresses: one's own, and those of others for who may see contacts.
pub(crate) async fn emails(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Email>> {
    let sees_all = actor.may(Permission::SeeContacts);
    let visible: Vec<UserId> = ids.iter().copied().filter(|id| sees_all || actor.user_id() == Some(*id)).collect();
    if visible.is_empty() {
        return Ok(HashMap::new());
    }
    let select = credential::Entity::find().filter(any_id(credential::Column::UserId, &visible));
    let found: Vec<Address> = app.db.read(select).await?;
    let email = |found: Address| {
        let address = policy::is_address(&found.email_key).then_some(found.email);
        (found.user_id, Email { address, is_verified: found.email_confirmed_at.is_some() })
    };
    Ok(found.into_iter().map(email).collect())
}
