//! A person together with the row of `credentials` that is theirs: what proving an address or a password needs.
//!
//! An address belongs to one account, which may not have proven it yet. Whoever proves it takes it from an account that
//! has not: that one stays, without an address, until it proves another.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait,
    Select, UpdateMany,
    sea_query::{Expr, OnConflict},
};
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
        passwords::{self, QueueSlot},
        text::mailbox,
    },
};

/// A person and how they prove who they are.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
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
    pub(crate) fn subject(&self) -> String {
        self.user.id.to_string()
    }

    /// A message to the address, with the person's name where it is proven theirs.
    pub(crate) fn greeted(&self, message: Message) -> Message {
        Message { is_proven: self.confirmed_at.is_some(), ..message }.with("name", &self.user.display_name)
    }

    /// Whether the address is theirs, proven or not: otherwise nothing is sent there on their behalf.
    pub(crate) fn has_address(&self) -> bool {
        policy::is_address(&self.email_key)
    }
}

/// Whether a password is right. To be counted as a try before, by `auth`.
pub(crate) async fn verify_password(slot: &QueueSlot, password: &SecretString, hash: Option<String>) -> Result<bool> {
    // A longer one can't be right, and hashing it would be a gift to whoever sends it.
    let password = password.expose_secret();
    let is_long = passwords::length(password) > policy::MAX_PASSWORD;
    let password =
        if is_long { password.chars().take(policy::MAX_PASSWORD + 1).collect() } else { password.to_owned() };
    slot.verify(password, hash).await
}

fn holders() -> Select<credential::Entity> {
    credential::Entity::find().inner_join(user::Entity)
}

/// By the person.
pub(crate) async fn by_id(app: &App, id: UserId) -> Result<Option<Holder>> {
    find(app, credential::Column::UserId.eq(id)).await
}

/// By the key of an address.
pub(crate) async fn by_email(app: &App, email_key: &str) -> Result<Option<Holder>> {
    find(app, credential::Column::EmailKey.eq(email_key)).await
}

/// By the key of a user name.
pub(crate) async fn by_username(app: &App, username_key: &str) -> Result<Option<Holder>> {
    find(app, user::Column::UsernameKey.eq(username_key)).await
}

/// Whom a code was for.
pub(crate) async fn by_code(app: &App, code: &CheckedCode) -> Result<Option<Holder>> {
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
pub(crate) async fn by_id_in(tx: &Transaction, id: UserId) -> Result<Option<Holder>> {
    find_in(tx, credential::Column::UserId.eq(id)).await
}

/// The actor themselves, within a transaction; UNAUTHENTICATED when they are gone.
pub(crate) async fn own_in(tx: &Transaction, id: UserId) -> Result<Holder> {
    by_id_in(tx, id).await?.ok_or_else(Error::unauthenticated)
}

/// By the key of an address, within a transaction.
pub(crate) async fn by_email_in(tx: &Transaction, email_key: &str) -> Result<Option<Holder>> {
    find_in(tx, credential::Column::EmailKey.eq(email_key)).await
}

/// Frees an address for the person who has proven it: whoever has it without a proof loses it. False when somebody
/// else has proven it, too.
pub(crate) async fn release_in(app: &App, tx: &Transaction, email_key: &str, prover: Option<UserId>) -> Result<bool> {
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

/// Writes the credentials of somebody who joins. A unique violation where the address is taken.
pub(crate) async fn insert_in(tx: &Transaction, new: credential::Model) -> Result<()> {
    credential::Entity::insert(new.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The same; false, and nothing is written, when the address is taken.
pub(crate) async fn insert_unless_taken_in(tx: &Transaction, new: credential::Model) -> Result<bool> {
    let inserted = credential::Entity::insert(new.into_active_model())
        .on_conflict(OnConflict::column(credential::Column::EmailKey).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(inserted == 1)
}

/// That an address is proven now, which was not before.
fn confirming(app: &App, email_key: &str) -> UpdateMany<credential::Entity> {
    credential::Entity::update_many()
        .col_expr(credential::Column::EmailConfirmedAt, Expr::val(app.clock.now()))
        .filter(credential::Column::EmailKey.eq(email_key))
        .filter(credential::Column::EmailConfirmedAt.is_null())
}

/// Writes down that a person has proven an address; false where it is not theirs any more, or was proven before.
pub(crate) async fn confirm_in(app: &App, tx: &Transaction, id: UserId, email_key: &str) -> Result<bool> {
    let confirmed = confirming(app, email_key).filter(credential::Column::UserId.eq(id)).exec(tx).await?;
    Ok(confirmed.rows_affected == 1)
}

/// The same of whoever has the address; gives whose it is, nothing where no proof is missing.
pub(crate) async fn confirm_holder_in(app: &App, tx: &Transaction, email_key: &str) -> Result<Option<UserId>> {
    let confirmed = confirming(app, email_key).exec_with_returning(tx).await?;
    Ok(confirmed.into_iter().next().map(|row| row.user_id))
}

/// Gives a person another address, which they have proven. A unique violation where it is taken.
pub(crate) async fn replace_address_in(app: &App, tx: &Transaction, id: UserId, email: &str) -> Result<()> {
    credential::Entity::update_many()
        .col_expr(credential::Column::Email, Expr::val(email))
        .col_expr(credential::Column::EmailKey, Expr::val(mailbox::key(email)))
        .col_expr(credential::Column::EmailConfirmedAt, Expr::val(app.clock.now()))
        .filter(credential::Column::UserId.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Gives somebody who has not proven their address another one; where that is somebody else's, they have none then. False
/// where they have proven theirs, or have another password by now, or the condition does not hold.
pub(crate) async fn correct_address_in(
    tx: &Transaction,
    former: &Holder,
    email: &str,
    condition: Expr,
) -> Result<bool> {
    let (id, key) = (former.user.id, mailbox::key(email));
    let others = credential::Entity::find()
        .select_only()
        .column(credential::Column::UserId)
        .filter(credential::Column::EmailKey.eq(key.as_str()))
        .filter(credential::Column::UserId.ne(id));
    let key = Expr::case(Expr::exists(others.into_query()), policy::no_address(id)).finally(key);
    let corrected = credential::Entity::update_many()
        .col_expr(credential::Column::Email, Expr::val(email))
        .col_expr(credential::Column::EmailKey, key.into())
        .filter(credential::Column::UserId.eq(id))
        .filter(credential::Column::EmailConfirmedAt.is_null())
        // Who has no password has none that could be the same: a column's own `eq` would take that for it.
        .filter(Expr::col(credential::Column::PasswordHash).eq(former.password_hash.clone()))
        .filter(condition)
        .exec(tx)
        .await?;
    Ok(corrected.rows_affected == 1)
}

/// Replaces a person's password; false where the old one is not theirs any more.
pub(crate) async fn change_password_in(app: &App, tx: &Transaction, id: UserId, old: &str, new: &str) -> Result<bool> {
    let changed = credential::Entity::update_many()
        .col_expr(credential::Column::PasswordHash, Expr::val(new))
        .col_expr(credential::Column::PasswordChangedAt, Expr::val(app.clock.now()))
        .col_expr(credential::Column::PasswordResetAt, Expr::val(None::<DateTime<Utc>>))
        .filter(credential::Column::UserId.eq(id))
        .filter(credential::Column::PasswordHash.eq(old))
        .exec(tx)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Sets the password of somebody who has proven by it that the mailbox is theirs.
pub(crate) async fn reset_password_in(app: &App, tx: &Transaction, id: UserId, new: &str) -> Result<()> {
    let now = app.clock.now();
    credential::Entity::update_many()
        .col_expr(credential::Column::PasswordHash, Expr::val(new))
        .col_expr(credential::Column::PasswordChangedAt, Expr::val(now))
        .col_expr(credential::Column::PasswordResetAt, Expr::val(now))
        .col_expr(credential::Column::EmailConfirmedAt, Expr::col(credential::Column::EmailConfirmedAt).if_null(now))
        .filter(credential::Column::UserId.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Notes that whoever chose the password by the mailbox has proven more than the mailbox.
pub(crate) async fn end_reset_in(tx: &Transaction, id: UserId) -> Result<()> {
    credential::Entity::update_many()
        .col_expr(credential::Column::PasswordResetAt, Expr::val(None::<DateTime<Utc>>))
        .filter(credential::Column::UserId.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// An address by which its owner knows which is meant, and nobody else does.
pub(crate) fn partly_hidden(email: &str) -> String {
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
