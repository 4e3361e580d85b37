//! A person together with the row of `credentials` that is theirs: what proving an address or a password needs.
//!
//! An address belongs to one account, which may not have proven it yet. Whoever proves it takes it from an account that
//! has not: that one stays, without an address, until it proves another.

use chrono::{DateTime, Utc};
use sea_orm::{QueryResult, Value};
use secrecy::{ExposeSecret, SecretString};

use super::{
    User, policy,
    queries::{read_user, user_columns},
};
use crate::{
    app::App,
    domain::{
        activity,
        actor::Client,
        codes::{self, CheckedCode},
        messages::Message,
    },
    entity::{UserId, activity::ActivityKind, code::CodePurpose},
    error::{Error, Result},
    platform::{
        db::{Columns, Transaction},
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

fn sql(condition: &str) -> String {
    format!(
        "SELECT c.email, c.email_key, c.email_confirmed_at, c.password_hash, {} \
         FROM credentials c JOIN users u ON u.id = c.user_id WHERE {condition}",
        user_columns("u")
    )
}

fn read(row: &QueryResult) -> Result<Holder> {
    let mut columns = Columns::new(row);
    Ok(Holder {
        email: columns.take()?,
        email_key: columns.take()?,
        confirmed_at: columns.take()?,
        password_hash: columns.take()?,
        user: read_user(&mut columns)?.ok_or_else(|| Error::internal("a credential of nobody"))?,
    })
}

/// By the person.
pub(super) async fn by_id(app: &App, id: UserId) -> Result<Option<Holder>> {
    find(app, "c.user_id = $1", id.0.into()).await
}

/// By the key of an address.
pub(super) async fn by_email(app: &App, email_key: &str) -> Result<Option<Holder>> {
    find(app, "c.email_key = $1", email_key.into()).await
}

/// By the key of a user name.
pub(super) async fn by_username(app: &App, username_key: &str) -> Result<Option<Holder>> {
    find(app, "u.username_key = $1", username_key.into()).await
}

/// Whom a code was for.
pub(super) async fn by_code(app: &App, code: &CheckedCode) -> Result<Option<Holder>> {
    by_id(app, code.subject.parse().map_err(Error::internal)?).await
}

async fn find(app: &App, condition: &str, value: Value) -> Result<Option<Holder>> {
    app.db.rows(sql(condition), vec![value]).await?.first().map(read).transpose()
}

/// By the person, within a transaction.
pub(super) async fn by_id_in(tx: &Transaction, id: UserId) -> Result<Option<Holder>> {
    tx.row(sql("c.user_id = $1"), vec![id.0.into()]).await?.as_ref().map(read).transpose()
}

/// The actor themselves, within a transaction; UNAUTHENTICATED when they are gone.
pub(super) async fn own_in(tx: &Transaction, id: UserId) -> Result<Holder> {
    by_id_in(tx, id).await?.ok_or_else(Error::unauthenticated)
}

/// By the key of an address, within a transaction.
pub(super) async fn by_email_in(tx: &Transaction, email_key: &str) -> Result<Option<Holder>> {
    tx.row(sql("c.email_key = $1"), vec![email_key.into()]).await?.as_ref().map(read).transpose()
}

/// Frees an address for the person who has proven it: whoever has it without a proof loses it. False when somebody
/// else has proven it, too.
pub(super) async fn release_in(app: &App, tx: &Transaction, email_key: &str, prover: Option<UserId>) -> Result<bool> {
    let Some(holder) = by_email_in(tx, email_key).await?.filter(|holder| Some(holder.user.id) != prover) else {
        return Ok(true);
    };
    let sql = "UPDATE credentials SET email_key = $2 WHERE user_id = $1 AND email_confirmed_at IS NULL";
    let values = vec![holder.user.id.0.into(), policy::no_address(holder.user.id).into()];
    if tx.execute(sql, values).await? == 0 {
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
