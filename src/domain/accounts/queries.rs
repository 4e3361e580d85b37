//! Reading people: by id, by name, by search.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;

use super::{User, UserRow, credentials, policy};
use crate::{
    app::App,
    domain::{actor::Actor, permissions::Permission},
    entity::{UserId, user_role::Role},
    error::{Error, Result},
    platform::{
        db::{Columns, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// How many columns [`user_columns`] names.
pub(crate) const USER_COLUMN_COUNT: usize = 13;

/// The columns of a person, in the order in which [`read_user`] takes them.
pub(crate) fn user_columns(alias: &str) -> String {
    [
        "id",
        "username",
        "first_name",
        "last_name",
        "display_name",
        "avatar_url",
        "bio",
        "kind",
        "locale",
        "post_count",
        "username_changed_at",
        "created_at",
        "updated_at",
    ]
    .map(|column| format!("{alias}.{column}"))
    .join(", ")
}

/// Reads the columns of [`user_columns`]; `None` where a LEFT JOIN found nobody.
pub(crate) fn read_user(columns: &mut Columns<'_>) -> Result<Option<User>> {
    let Some(id) = columns.take::<Option<UserId>>()? else {
        columns.skip(USER_COLUMN_COUNT - 1);
        return Ok(None);
    };
    Ok(Some(Arc::new(UserRow {
        id,
        username: columns.take()?,
        first_name: columns.take()?,
        last_name: columns.take()?,
        display_name: columns.take()?,
        avatar_url: columns.take()?,
        bio: columns.take()?,
        kind: columns.take()?,
        locale: columns.take()?,
        post_count: columns.take()?,
        username_changed_at: columns.take()?,
        created_at: columns.take()?,
        updated_at: columns.take()?,
    })))
}

pub(super) fn read(row: &QueryResult) -> Result<User> {
    read_user(&mut Columns::new(row))?.ok_or_else(|| Error::internal("a person without an id"))
}

/// A person who has to be there.
pub async fn get(app: &App, id: UserId) -> Result<User> {
    users_by_id(app, &Actor::System, &[id]).await?.remove(&id).ok_or_else(Error::unauthenticated)
}

/// People by id; everybody may see everybody.
pub async fn users_by_id(app: &App, _actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, User>> {
    let mut values = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {} FROM users u WHERE u.id IN ({list})", user_columns("u"));
    app.db.rows(sql, values).await?.iter().map(|row| read(row).map(|user| (user.id, user))).collect()
}

/// A person by user name, whatever its case.
pub async fn user_by_username(app: &App, _actor: &Actor, username: &str) -> Result<Option<User>> {
    let sql = format!("SELECT {} FROM users u WHERE u.username_key = $1", user_columns("u"));
    app.db.rows(sql, vec![policy::lookup_key(username).into()]).await?.first().map(read).transpose()
}

/// What people have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Words of their names, each from its beginning.
    pub text: Option<String>,
    /// When they joined.
    pub during: Span,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSort {
    /// By user name.
    Username,
    /// Joined last, first.
    Newest,
}

impl UserSort {
    /// What cursors of this order are tied to.
    #[must_use]
    pub fn cursor_name(self) -> &'static str {
        match self {
            Self::Username => "users.username",
            Self::Newest => "users.newest",
        }
    }

    /// People in this order.
    pub(super) fn source(self, columns: &str) -> Source<'_> {
        let (key, descending) = match self {
            Self::Username => ("u.username_key", false),
            Self::Newest => ("u.created_at", true),
        };
        Source { columns, table: "users u", joins: "", key, id: "u.id", descending }
    }

    /// A person's place in this order.
    #[must_use]
    pub fn cursor(self, user: &UserRow) -> Cursor {
        let key = match self {
            Self::Username => Key::Text(policy::key(&user.username)),
            Self::Newest => Key::Time(user.created_at),
        };
        Cursor { sort: self.cursor_name(), key, id: user.id.0 }
    }
}

/// People, a page at a time.
pub async fn users(
    app: &App,
    _actor: &Actor,
    filter: &UserFilter,
    sort: UserSort,
    page: &Page,
    with_total: bool,
) -> Result<Slice<User>> {
    let mut conditions = Conditions::default();
    if !named(app, filter.text.as_deref(), &mut conditions)? {
        return Ok(Slice::nothing(page, with_total));
    }
    joined(filter.during, sort, &mut conditions)?;
    let columns = user_columns("u");
    page_of(&app.db, sort.source(&columns), conditions, page, with_total, read).await
}

/// Adds the condition that they joined in a span: in another order than that, of the newest.
pub(super) fn joined(during: Span, sort: UserSort, conditions: &mut Conditions) -> Result<()> {
    let within = conditions.during("u.created_at", during)?;
    if sort != UserSort::Newest && !within.is_empty() {
        conditions.among(format!("SELECT u.id FROM users u WHERE {within} ORDER BY u.created_at DESC, u.id DESC"));
    }
    Ok(())
}

/// Adds the condition that names have the words of a text; false when there are none.
pub(super) fn named(app: &App, text: Option<&str>, conditions: &mut Conditions) -> Result<bool> {
    let Some(words) = text.map(text::search_words).transpose()? else { return Ok(true) };
    if !words.is_empty() {
        let query = conditions.value(app.db.search_query(&words));
        conditions.among(app.db.search("users", &query));
    }
    Ok(!words.is_empty())
}

/// An e-mail address, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// Null when the account has none: it never proved the one that it had, and somebody else did.
    pub address: Option<String>,
    /// Whether it is proven.
    pub is_verified: bool,
}

/// E-mail addresses: one's own, and those of others for who may see contacts.
pub async fn emails(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Email>> {
    let sees_all = actor.may(Permission::SeeContacts);
    let visible: Vec<_> = ids.iter().filter(|id| sees_all || actor.user_id() == Some(**id)).map(|id| id.0).collect();
    if visible.is_empty() {
        return Ok(HashMap::new());
    }
    let mut values = Vec::new();
    let list = placeholders(&mut values, &visible);
    let sql =
        format!("SELECT user_id, email, email_key, email_confirmed_at FROM credentials WHERE user_id IN ({list})");
    let read = |row| {
        let mut columns = Columns::new(row);
        let (id, address, key): (UserId, String, String) = (columns.take()?, columns.take()?, columns.take()?);
        let confirmed: Option<DateTime<Utc>> = columns.take()?;
        let address = credentials::is_address(&key).then_some(address);
        Ok((id, Email { address, is_verified: confirmed.is_some() }))
    };
    app.db.rows(sql, values).await?.iter().map(read).collect()
}

/// What an access token says of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// What they may do beyond their own affairs.
    pub role: Option<Role>,
    /// Their role demands a second factor that they have not set up.
    pub needs_two_factor: bool,
}

/// What an access token is to say of a person.
pub(super) async fn standing(app: &App, id: UserId) -> Result<Standing> {
    let sql = "SELECT r.role, EXISTS (SELECT 1 FROM two_factors t WHERE t.user_id = r.user_id AND t.enabled_at IS NOT NULL) \
               FROM user_roles r WHERE r.user_id = $1";
    let rows = app.db.rows(sql, vec![id.0.into()]).await?;
    let Some(row) = rows.first() else { return Ok(Standing { role: None, needs_two_factor: false }) };
    let mut columns = Columns::new(row);
    let (role, two_factor): (Role, bool) = (columns.take()?, columns.take()?);
    let demanded = app.config.two_factor_required_roles.iter().any(|name| name == role.as_str());
    Ok(Standing { role: Some(role), needs_two_factor: demanded && !two_factor })
}
