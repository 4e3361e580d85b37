//! Statements of auth that stay text, each for the reason that it says.

use chrono::{DateTime, Utc};
use sea_orm::{FromQueryResult, Value, raw_sql};

use crate::{
    app::App,
    entity::{SessionId, UserId},
    error::Result,
    platform::db::Transaction,
};

/// Locks somebody who is there and not suspended until the end of the transaction, as the first step of something longer; it
/// gives the person's `id`. Text, because a transfer's statement begins with it.
pub(crate) fn lock_active(app: &App, tx: &Transaction, user: UserId) -> (String, Vec<Value>) {
    let sql = format!(
        "SELECT u.id FROM users u WHERE u.id = $1 AND NOT EXISTS (SELECT 1 FROM suspensions s WHERE s.user_id = u.id \
         AND (s.until IS NULL OR s.until > $2)) {}",
        tx.for_update()
    );
    (sql, vec![user.0.into(), app.clock.now().into()])
}

/// What is asked of the session of a token that was not seen here before.
#[derive(Debug, FromQueryResult)]
pub(super) struct SessionUse {
    /// The newest generation that was seen in use.
    pub seen_generation: i64,
    /// When it ended; null while it lives.
    pub ended_at: Option<DateTime<Utc>>,
}

/// How far a session was seen in use. Text, because requests wait for it.
pub(super) async fn seen(app: &App, session: SessionId) -> Result<Option<SessionUse>> {
    let statement = raw_sql!(Postgres, "SELECT seen_generation, ended_at FROM sessions WHERE id = {session}");
    let rows = app.db.rows(statement.sql, values(statement.values)).await?;
    Ok(rows.first().map(|row| SessionUse::from_query_result(row, "")).transpose()?)
}

/// A session that is over.
#[derive(Debug, FromQueryResult)]
pub(super) struct Over {
    /// Which.
    pub id: SessionId,
    /// Since when.
    pub ended_at: DateTime<Utc>,
}

/// Sessions that ended since a time, and those that expired. Text, because every instance asks it all the time.
pub(super) async fn over_since(app: &App, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Vec<Over>> {
    let statement = raw_sql!(
        Postgres,
        "SELECT id, ended_at FROM sessions WHERE ended_at > {since} \
         UNION SELECT id, expires_at FROM sessions WHERE expires_at > {since} AND expires_at <= {now}"
    );
    let rows = app.db.rows(statement.sql, values(statement.values)).await?;
    Ok(rows.iter().map(|row| Over::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

fn values(values: Option<sea_orm::Values>) -> Vec<Value> {
    values.map(|values| values.0).unwrap_or_default()
}
