//! The audit log: what those with rights did with them, and what the operator did at the command line.
//!
//! Owns `audit_entries`. An act and its entry are one transaction: there is none without the other, and what was refused
//! has none. Entries are only added; those past AUDIT_RETENTION_DAYS go.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::permissions::Permission;
use crate::{
    app::App,
    domain::actor::{Actor, Client},
    entity::{AuditEntryId, UserId, audit_entry::Model},
    error::Result,
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, Span, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What was done, to be written down.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// The mutation's name, such as `adminUserSuspend`, or the words of the command, such as `admin grant`.
    pub action: &'static str,
    /// What the subject's id starts with, such as `user`.
    pub subject_kind: &'static str,
    /// Whom or what it was done to.
    pub subject_id: Uuid,
    /// What was there before: an object of texts and nulls.
    pub before: Option<Json>,
    /// What is there since, alike.
    pub after: Option<Json>,
    /// Why, in the actor's words; at most 500 characters.
    pub reason: Option<&'a str>,
}

/// Writes down what was done, within its transaction. The operator at the command line is `Actor::System`.
pub async fn record_in(app: &App, tx: &Transaction, actor: &Actor, client: &Client, entry: NewEntry<'_>) -> Result<()> {
    let now = app.clock.now();
    let text = |state: Option<Json>| state.map(|state| state.to_string());
    tx.execute(
        "INSERT INTO audit_entries (id, actor_id, action, subject_kind, subject_id, before_state, after_state, reason, \
         address, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        vec![
            app.ids.next(now).into(),
            actor.user_id().map(|id| id.0).into(),
            entry.action.into(),
            entry.subject_kind.into(),
            entry.subject_id.into(),
            text(entry.before).into(),
            text(entry.after).into(),
            entry.reason.map(str::to_owned).into(),
            client.address.map(|address| address.to_string()).into(),
            now.into(),
        ],
    )
    .await
    .map(drop)
}

/// What entries have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Ids of those who acted.
    pub actors: Option<Vec<UserId>>,
    /// Whom or what it was done to.
    pub subjects: Option<Vec<Uuid>>,
    /// What was done.
    pub actions: Option<Vec<String>>,
    /// The time within which it was done.
    pub during: Span,
}

/// What cursors in the list are tied to.
pub const SORT: &str = "audit.newest";

const COLUMNS: &str = "e.id, e.actor_id, e.action, e.subject_kind, e.subject_id, e.before_state, e.after_state, e.reason, e.address, e.created_at";

/// An entry's place in the list.
#[must_use]
pub fn cursor(entry: &Model) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(entry.created_at), id: entry.id.0 }
}

/// What was done, newest first.
pub async fn entries(
    app: &App,
    actor: &Actor,
    filter: &AuditFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Model>> {
    actor.require(Permission::SeeAudit)?;
    let mut conditions = Conditions::default();
    conditions.any_of("e.actor_id", filter.actors.as_deref(), |id| id.0)?;
    conditions.any_of("e.subject_id", filter.subjects.as_deref(), |id| *id)?;
    conditions.any_of("e.action", filter.actions.as_deref(), |action| text::comparable(action))?;
    conditions.during("e.created_at", filter.during)?;
    let source = Source {
        columns: COLUMNS,
        table: "audit_entries e",
        joins: "",
        key: "e.created_at",
        id: "e.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read).await
}

/// Entries by id, for those who may see them.
pub async fn by_id(app: &App, actor: &Actor, ids: &[AuditEntryId]) -> Result<HashMap<AuditEntryId, Model>> {
    if !actor.may(Permission::SeeAudit) {
        return Ok(HashMap::new());
    }
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS} FROM audit_entries e WHERE e.id IN ({list})");
    app.db.rows(sql, values).await?.iter().map(|row| read(row).map(|entry| (entry.id, entry))).collect()
}

fn read(row: &QueryResult) -> Result<Model> {
    let mut columns = Columns::new(row);
    Ok(Model {
        id: columns.take()?,
        actor_id: columns.take()?,
        action: columns.take()?,
        subject_kind: columns.take()?,
        subject_id: columns.take()?,
        before_state: columns.take()?,
        after_state: columns.take()?,
        reason: columns.take()?,
        address: columns.take()?,
        created_at: columns.take()?,
    })
}

/// Deletes entries that are past their time, where there is one, in batches; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    let Some(retention) = app.config.audit_retention else { return Ok(0) };
    app.db.delete_before("audit_entries", "created_at", app.clock.now() - retention).await
}
