//! E-mail to people about their own account.

use chrono::{DateTime, Utc};

use super::policy;
use crate::{
    app::App,
    domain::messages::{self, Message},
    entity::UserId,
    error::Result,
    platform::db::{Columns, Transaction},
};

/// Sends a message about a person's account to their e-mail address, in their language, with their `name`; to none where
/// the address turned out to be somebody else's.
pub async fn tell_in(app: &App, tx: &Transaction, user: UserId, message: Message) -> Result<()> {
    let sql = "SELECT c.email, c.email_key, u.locale, u.display_name, c.email_confirmed_at FROM credentials c JOIN users u ON u.id = c.user_id \
               WHERE c.user_id = $1";
    let Some(row) = tx.row(sql, vec![user.0.into()]).await? else { return Ok(()) };
    let mut columns = Columns::new(&row);
    let (to, key): (String, String) = (columns.take()?, columns.take()?);
    if !policy::is_address(&key) {
        return Ok(());
    }
    let (locale, name): (String, String) = (columns.take()?, columns.take()?);
    let is_proven = columns.take::<Option<DateTime<Utc>>>()?.is_some();
    // Nobody knows whose address it is: it must not be flooded by whoever wrote it down.
    if !is_proven && app.limiters.unproven_address.check(&key).is_err() {
        tracing::warn!(%user, "an address that is not proven has got enough messages");
        return Ok(());
    }
    messages::send_in(app, tx, &Message { to, is_proven, locale, ..message }.with("name", name)).await
}
