//! A person together with the row of `credentials` that is theirs: what proving an address or a password needs.
//!
//! An address belongs to one account, which may not have proven it yet. Whoever proves it takes it from an account that
//! has not: that one stays, without an address, until it proves another.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, Select, sea_query::Expr};
use secrecy::{ExposeSecret, SecretString};

use super::{User, UserRow, policy};
use crate::{
    app::App,
    domain::{
        activity,
        actor::Client,
        codes::{self, CheckedCode},
        messages::Message,
    },
    entity::{UserId, activity::ActivityKind, code::CodePurpose, credential, user},
    error::{Error, Result},
    platform::{
        db::Transaction,
        passwords::{self, Place},
    },
};

/// A person and how they prove who they are.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub user: User,
    /// As they wrote it.
    pub email: String,
    /// What is unique of it; see [`policy::is_address`].
    pub email_key: String,
    /// When the address was proven theirs.
    pub confirmed_at: Option<DateTime<Utc>>,
    pub password_hash: Option<String>,
}

/// The same as it is read.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "credential::Entity")]
struct HolderRow {
    email: String,
    email_key: String,
    email_confirmed_at: Option<DateTime<Utc>>,
    password_hash: Option<String>,
    #[sea_orm(nested)]
    user: UserRow,
}

impl From<HolderRow> for Holder {
    fn from(row: HolderRow) -> Self {
        let HolderRow { email, email_key, email_confirmed_at, password_hash, user } = row;
        Self { user: user.into(), email, email_key, confirmed_at: email_confirmed_at, password_hash }
    }
}

impl Holder {
    /// Whom codes for this person are for.
    pub fn subject(&self) -> String {
        self.user.id.to_string()
    }

    /// A message to the address, with the person's name where it is proven theirs.
    pub fn greeted(&self, message: Message) -> Message {
        Message { is_proven: self.confirmed_at.is_some(), ..message }.with("name", &self.user.display_name)
    }

    /// Whether the address is theirs, proven or not: otherwise nothing is sent there on their behalf.
    pub fn has_address(&self) -> bool {
        policy::is_address(&self.email_key)
    }
}

/// Whether a password is right. To be counted as a try before: see [`guessing`](super::guessing).
pub(super) async fn verify_password(place: &Place, password: &SecretString, hash: Option<String>) -> Result<bool> {
    // A longer one can't be right, and hashing it would be a gift to whoever sends it.
    let password = password.expose_secret();
    let is_long = passwords::length(password) > policy::MAX_PASSWORD;
    let password =
        if is_long { password.chars().take(policy::MAX_PASSWORD + 1).collect() } else { password.to_owned() };
    place.verify(password, hash).await
}

fn holders() -> Select<credential::Entity> {
    credential::Entity::find().inner_join(user::Entity)
}

/// By the person.
pub(super) async fn by_id(app: &App, id: UserId) -> Result<Option<Holder>> {
    find(app, credential::Column::UserId.eq(id)).await
}

/// By the key of an address.
pub(super) async fn by_email(app: &App, email_key: &str) -> Result<Option<Holder>> {
    find(app, credential::Column::EmailKey.eq(email_key)).await
}

/// By the key of a user name.
pub(super) async fn by_username(app: &App, username_key: &str) -> Result<Option<Holder>> {
    find(app, user::Column::UsernameKey.eq(username_key)).await
}

/// Whom a code was for.
pub(super) async fn by_code(app: &App, code: &CheckedCode) -> Result<Option<Holder>> {
    by_id(app, code.subject.parse().map_err(Error::internal)?).await
}

async fn find(app: &App, condition: Expr) -> Result<Option<Holder>> {
    let found: Option<HolderRow> = app.db.read_one(holders().filter(condition)).await?;
    Ok(found.map(Holder::from))
}

async fn find_in(tx: &Transaction, condition: Expr) -> Result<Option<Holder>> {
    let found = holders().filter(condition).into_partial_model::<HolderRow>().one(tx).await?;
    Ok(found.map(Holder::from))
}

/// By the person, within a transaction.
pub(super) async fn by_id_in(tx: &Transaction, id: UserId) -> Result<Option<Holder>> {
    find_in(tx, credential::Column::UserId.eq(id)).await
}

/// The actor themselves, within a transaction; UNAUTHENTICATED when they are gone.
pub(super) async fn own_in(tx: &Transaction, id: UserId) -> Result<Holder> {
    by_id_in(tx, id).await?.ok_or_else(Error::unauthenticated)
}

/// By the key of an address, within a transaction.
pub(super) async fn by_email_in(tx: &Transaction, email_key: &str) -> Result<Option<Holder>> {
    find_in(tx, credential::Column::EmailKey.eq(email_key)).await
}

/// Frees an address for the person who has proven it: whoever has it without a proof loses it. False when somebody
/// else has proven it, too.
pub(super) async fn release_in(app: &App, tx: &Transaction, email_key: &str, prover: Option<UserId>) -> Result<bool> {
    let Some(holder) = by_email_in(tx, email_key).await?.filter(|holder| Some(holder.user.id) != prover) else {
        return Ok(true);
    };
    let released = credential::Entity::update_many()
        .col_expr(credential::Column::EmailKey, Expr::val(policy::no_address(holder.user.id)))
        .filter(credential::Column::UserId.eq(holder.user.id))
        .filter(credential::Column::EmailConfirmedAt.is_null())
        .exec(tx)
        .await?;
    if released.rows_affected == 0 {
        return Ok(false);
    }
    codes::void_in(app, tx, &holder.subject(), &[CodePurpose::EmailVerification, CodePurpose::PasswordReset]).await?;
    // Who proved it, and from where, is not for them to see.
    let detail = Some("given up: somebody else proved it");
    activity::record_in(app, tx, holder.user.id, ActivityKind::EmailChanged, &Client::default(), detail).await?;
    Ok(true)
}

/// An address by which its owner knows which is meant, and nobody else does.
pub(super) fn partly_hidden(email: &str) -> String {
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().take(1).collect::<String>()),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_only_partly() {
        assert_eq!(partly_hidden("amina@example.org"), "a***@example.org");
        assert_eq!(partly_hidden("ü@example.org"), "ü***@example.org");
    }
}
