//! The activity log: what happened to a person's account, for themselves and for those who look after everybody's.
//!
//! Owns `activities`. Every identity event writes its line in its own transaction. A line shows the address and program
//! of the person themselves, or of whoever tried to be them; never those of somebody with rights who acted on them.
//! Lines past ACTIVITY_RETENTION_DAYS go.

use std::collections::HashMap;

use sea_orm::{
    ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, Query},
};

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
        activity::{ActivityKind, Column, Entity, Model},
        user,
    },
    error::{Error, Result},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
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

/// Writes a line of a person's log. `detail` is never a secret; it is cut to 255 characters.
pub(crate) async fn record_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    kind: ActivityKind,
    client: &Client,
    detail: Option<&str>,
) -> Result<()> {
    let line = line(app, user, kind, client, detail);
    Entity::insert(line.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// The same for somebody who may not exist: then nothing is written, by the same work.
pub(crate) async fn record_if_exists_in(
    app: &App,
    tx: &Transaction,
    user: UserId,
    kind: ActivityKind,
    client: &Client,
    detail: Option<&str>,
) -> Result<()> {
    let Model { id, user_id, kind, detail, address, user_agent, created_at } = line(app, user, kind, client, detail);
    let columns = [
        (Column::Id, Expr::val(id)),
        (Column::UserId, Expr::col((user::Entity, user::Column::Id))),
        (Column::Kind, Expr::val(kind)),
        (Column::Detail, Expr::val(detail)),
        (Column::Address, Expr::val(address)),
        (Column::UserAgent, Expr::val(user_agent)),
        (Column::CreatedAt, Expr::val(created_at)),
    ];
    let (columns, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let of_somebody = user::Entity::find_by_id(user_id).select_only().exprs(values).into_query();
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(columns).select_from(of_somebody).map_err(Error::internal)?;
    ConnectionTrait::execute(tx, &insert).await?;
    Ok(())
}

/// A new line.
fn line(app: &App, user: UserId, kind: ActivityKind, client: &Client, detail: Option<&str>) -> Model {
    let now = app.clock.now();
    Model {
        id: ActivityId(app.ids.next(now)),
        user_id: user,
        kind,
        detail: detail.map(|detail| text::excerpt(detail, 255)),
        address: client.address.map(|address| address.to_string()),
        user_agent: client.user_agent.clone(),
        created_at: now,
    }
}

/// What lines have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ActivityFilter {
    /// Ids of those whose account it happened to.
    pub users: Option<Vec<UserId>>,
    /// Kinds of what happened.
    pub kinds: Option<Vec<ActivityKind>>,
    /// The time within which it happened.
    pub during: Span,
}

/// What cursors in the lists are tied to.
pub(crate) const SORT: &str = "activities.newest";

/// A line's place in a list.
#[must_use]
pub(crate) fn cursor(activity: &Model) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(activity.created_at), id: activity.id.0 }
}

/// Everybody's activity, newest first, for those who may see it.
pub(crate) async fn activities(
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
pub(crate) async fn own_activities(
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
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.any_of(Column::UserId, filter.users.as_deref(), |id| id.0)?;
    list.any_of(Column::Kind, filter.kinds.as_deref(), |kind| kind.as_str())?;
    list.during(Column::CreatedAt, filter.during)?;
    list.page(&app.db, page, with_total, |select| select).await
}

/// Lines by id: the actor's own, and everybody's for those who may see them.
pub(crate) async fn by_id(app: &App, actor: &Actor, ids: &[ActivityId]) -> Result<HashMap<ActivityId, Model>> {
    let Ok(viewer) = actor.require_user() else { return Ok(HashMap::new()) };
    let mut found = app.db.all(Entity::find().filter(any_id(Column::Id, ids))).await?;
    found.retain(|activity| activity.user_id == viewer.id || actor.may(Permission::SeeAudit));
    Ok(found.into_iter().map(|activity| (activity.id, activity)).collect())
}

/// Deletes lines that are past their time, where there is one, in batches; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    let Some(retention) = app.config.activity_retention else { return Ok(0) };
    app.db.delete_before("activities", "created_at", app.clock.now() - retention).await
}
