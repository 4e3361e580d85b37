//! The activity log: what happened to a person's account, for themselves and for those who look after everybody's.
//!
//! Owns `activities`. Every identity event writes its line in its own transaction. A line shows the address and program
//! of the person themselves, or of whoever tried to be them; never those of somebody with rights who acted on them.
//! Lines past ACTIVITY_RETENTION_DAYS go.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};

use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        export::{
            Kind::{Id, Text, Time, Word},
            Table,
        },
        permissions::Permission,
        registration::{Domain, Retention},
    },
    entity::{
        ActivityId, UserId,
        activity::{ActivityKind, Model},
    },
    error::Result,
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What the log hands over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["activities"],
    retentions: &[Retention { what: "activity", prune: |app| Box::pin(prune(app)) }],
    exports: EXPORT,
    ..Domain::named("activity")
};

/// What the log holds about a person.
const EXPORT: &[Table] = &[Table {
    file: "activity.json",
    table: "activities",
    owner: "user_id",
    key: "id",
    columns: &[
        ("id", "id", Id("activity")),
        ("kind", "kind", Word),
        ("detail", "detail", Text),
        ("address", "address", Text),
        ("userAgent", "user_agent", Text),
        ("createdAt", "created_at", Time),
    ],
}];

const INSERT: &str = "INSERT INTO activities (id, user_id, kind, detail, address, user_agent, created_at)";

/// Writes a line of a person's log. `detail` is never a secret; it is cut to 255 characters.
pub async fn record_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    kind: ActivityKind,
    client: &Client,
    detail: Option<&str>,
) -> Result<()> {
    let sql = format!("{INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7)");
    tx.execute(sql, line(app, user, kind, client, detail)).await.map(drop)
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
    let sql = format!("{INSERT} SELECT $1, u.id, $3, $4, $5, $6, $7 FROM users u WHERE u.id = $2");
    tx.execute(sql, line(app, user, kind, client, detail)).await.map(drop)
}

/// The values of a new line.
fn line(app: &App, user: UserId, kind: ActivityKind, client: &Client, detail: Option<&str>) -> Vec<Value> {
    let now = app.clock.now();
    vec![
        app.ids.next(now).into(),
        user.0.into(),
        kind.as_str().into(),
        detail.map(|detail| text::excerpt(detail, 255)).into(),
        client.address.map(|address| address.to_string()).into(),
        client.user_agent.clone().into(),
        now.into(),
    ]
}

/// What lines have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    /// Ids of those whose account it happened to.
    pub users: Option<Vec<UserId>>,
    /// Kinds of what happened.
    pub kinds: Option<Vec<ActivityKind>>,
    /// The time within which it happened.
    pub during: Span,
}

/// What cursors in the lists are tied to.
pub const SORT: &str = "activities.newest";

const COLUMNS: &str = "a.id, a.user_id, a.kind, a.detail, a.address, a.user_agent, a.created_at";

/// A line's place in a list.
#[must_use]
pub fn cursor(activity: &Model) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(activity.created_at), id: activity.id.0 }
}

/// Everybody's activity, newest first, for those who may see it.
pub async fn activities(
    app: &App,
    actor: &Actor,
    filter: &ActivityFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Model>> {
    actor.require(Permission::SeeAudit)?;
    list(app, filter, page, with_total).await
}

/// The actor's own activity, newest first.
pub async fn own_activities(
    app: &App,
    actor: &Actor,
    filter: ActivityFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Model>> {
    let filter = ActivityFilter { users: Some(vec![actor.require_user()?.id]), ..filter };
    list(app, &filter, page, with_total).await
}

async fn list(app: &App, filter: &ActivityFilter, page: &Page, with_total: bool) -> Result<Slice<Model>> {
    let mut conditions = Conditions::default();
    conditions.any_of("a.user_id", filter.users.as_deref(), |id| id.0)?;
    conditions.any_of("a.kind", filter.kinds.as_deref(), |kind| kind.as_str())?;
    conditions.during("a.created_at", filter.during)?;
    let source = Source {
        columns: COLUMNS,
        table: "activities a",
        joins: "",
        key: "a.created_at",
        id: "a.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read).await
}

/// Lines by id: the actor's own, and everybody's for those who may see them.
pub async fn by_id(app: &App, actor: &Actor, ids: &[ActivityId]) -> Result<HashMap<ActivityId, Model>> {
    let Ok(viewer) = actor.require_user() else { return Ok(HashMap::new()) };
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS} FROM activities a WHERE a.id IN ({list})");
    let mut found = app.db.rows(sql, values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    found.retain(|activity| activity.user_id == viewer.id || actor.may(Permission::SeeAudit));
    Ok(found.into_iter().map(|activity| (activity.id, activity)).collect())
}

fn read(row: &QueryResult) -> Result<Model> {
    let mut columns = Columns::new(row);
    Ok(Model {
        id: columns.take()?,
        user_id: columns.take()?,
        kind: columns.take()?,
        detail: columns.take()?,
        address: columns.take()?,
        user_agent: columns.take()?,
        created_at: columns.take()?,
    })
}

/// Deletes lines that are past their time, where there is one, in batches; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    let Some(retention) = app.config.activity_retention else { return Ok(0) };
    app.db.delete_before("activities", "created_at", app.clock.now() - retention).await
}
