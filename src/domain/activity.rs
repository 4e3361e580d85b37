//! The activity log: what happened to a person's account, for themselves and for those who look after everybody's.
//!
//! Owns `activities`. Every identity event writes its line in its own transaction.

use crate::{
    app::App,
    domain::{
        actor::Client,
        export::{
            Kind::{Id, Text, Time},
            Table,
        },
    },
    entity::{UserId, activity::ActivityKind},
    error::Result,
    platform::{db::Transaction, text},
};

/// What the log holds about a person.
pub const EXPORT: &[Table] = &[Table {
    file: "activity.json",
    table: "activities",
    owner: "user_id",
    key: "id",
    columns: &[
        ("id", "id", Id("activity")),
        ("kind", "kind", Text),
        ("detail", "detail", Text),
        ("address", "address", Text),
        ("userAgent", "user_agent", Text),
        ("createdAt", "created_at", Time),
    ],
}];

/// Writes a line of a person's log. `detail` is never a secret; it is cut to 255 characters.
pub async fn record_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    kind: ActivityKind,
    client: &Client,
    detail: Option<&str>,
) -> Result<()> {
    let now = app.clock.now();
    tx.execute(
        "INSERT INTO activities (id, user_id, kind, detail, address, user_agent, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            app.ids.next(now).into(),
            user.0.into(),
            kind.as_str().into(),
            detail.map(|detail| text::excerpt(detail, 255)).into(),
            client.address.map(|address| address.to_string()).into(),
            client.user_agent.clone().into(),
            now.into(),
        ],
    )
    .await
    .map(drop)
}

/// The same for somebody who may not exist: then nothing is written, by the same work.
pub async fn record_if_exists_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    kind: ActivityKind,
    client: &Client,
    detail: Option<&str>,
) -> Result<()> {
    let now = app.clock.now();
    tx.execute(
        "INSERT INTO activities (id, user_id, kind, detail, address, user_agent, created_at) \
         SELECT $1, u.id, $3, $4, $5, $6, $7 FROM users u WHERE u.id = $2",
        vec![
            app.ids.next(now).into(),
            user.0.into(),
            kind.as_str().into(),
            detail.map(|detail| text::excerpt(detail, 255)).into(),
            client.address.map(|address| address.to_string()).into(),
            client.user_agent.clone().into(),
            now.into(),
        ],
    )
    .await
    .map(drop)
}
