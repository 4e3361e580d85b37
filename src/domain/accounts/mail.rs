//! E-mail to people about their own account.

use super::credentials::{self, Holder};
use crate::{
    app::App,
    domain::messages::{self, Message},
    entity::UserId,
    error::Result,
    platform::{
        db::Transaction,
        rate_limit::{Limiter, Policy},
    },
};

/// Messages about an account to an address that nobody has proven: by the address, which is one account's only.
const UNPROVEN_ADDRESS: Policy<Limiter<String>> = Policy::of_calls("unproven-address", |rates| rates.unproven_address);

/// Sends a message about a person's account to their e-mail address, in their language, with their `name`; to none where
/// the address turned out to be somebody else's.
pub(crate) async fn email_in(app: &App, tx: &Transaction, user: UserId, message: Message) -> Result<()> {
    let Some(holder) = credentials::by_id_in(tx, user).await?.filter(Holder::has_address) else { return Ok(()) };
    let Holder { user: person, email: to, email_key, confirmed_at, .. } = holder;
    let is_proven = confirmed_at.is_some();
    // Nobody knows whose address it is: it must not be flooded by whoever wrote it down.
    if !is_proven && app.limiters.of(&UNPROVEN_ADDRESS).check(&email_key).is_err() {
        tracing::warn!(%user, "an address that is not proven has got enough messages");
        return Ok(());
    }
    let message = Message { to, is_proven, locale: person.locale.clone(), ..message };
    messages::send_in(app, tx, &message.with("name", &person.display_name)).await
}
