//! Who wants a daily digest of what they have not read. What is in it, `digests` knows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::actor::Actor,
    entity::{UserId, digest_subscription::Digest},
    error::Result,
    platform::db::{Columns, Transaction, placeholders},
};

/// Whether and how often people get a digest: of the actor only; absent is off.
pub async fn digests(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Digest>> {
    let Some(own) = actor.user_id().filter(|own| ids.contains(own)) else { return Ok(HashMap::new()) };
    let rows = app.db.rows("SELECT digest FROM digest_subscriptions WHERE user_id = $1", vec![own.0.into()]).await?;
    rows.iter().map(|row| Ok((own, Columns::new(row).take()?))).collect()
}

/// Switches somebody's digest on or off.
pub(super) async fn set_in(app: &App, tx: &Transaction, id: UserId, digest: Digest) -> Result<()> {
    tx.execute(
        "INSERT INTO digest_subscriptions (user_id, digest, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET digest = $2",
        vec![id.0.into(), digest.as_str().into(), app.clock.now().into()],
    )
    .await
    .map(drop)
}

/// Notes that people have got their digest, unless they got one after `before`; gives those of whom it was noted.
pub async fn digest_sent_in(app: &App, tx: &Transaction, ids: &[UserId], before: DateTime<Utc>) -> Result<Vec<UserId>> {
    let mut values = vec![app.clock.now().into(), before.into()];
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!(
        "UPDATE digest_subscriptions SET sent_at = $1 WHERE user_id IN ({list}) \
         AND (sent_at IS NULL OR sent_at <= $2) RETURNING user_id"
    );
    tx.rows(sql, values).await?.iter().map(|row| Columns::new(row).take()).collect()
}
