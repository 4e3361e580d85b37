//! The audit log: what those with rights did with them, and what the operator did at the command line.
//!
//! Owns `audit_entries`. An act and its entry are one transaction: there is none without the other, and what was refused
//! has none. Entries are only added; those past AUDIT_RETENTION_DAYS go.

use std::collections::HashMap;

use sea_orm::{ActiveValue::Set, EntityTrait, QueryFilter};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    permissions::Permission,
    registration::{Domain, Retention},
};
use crate::{
    app::App,
    domain::actor::{Actor, Client},
    entity::{
        AuditEntryId, UserId,
        audit_entry::{ActiveModel, Column, Entity, Model},
    },
    error::Result,
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting, Span},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// What the log hands over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["audit_entries"],
    retentions: &[Retention { what: "audit entries", prune: |app| Box::pin(prune(app)) }],
    ..Domain::named("audit")
};

/// What was done, to be written down.
#[derive(Debug, Clone)]
pub(crate) struct NewEntry<'a> {
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
pub(crate) async fn record_in(
    app: &App,
    tx: &Transaction,
    actor: &Actor,
    client: &Client,
    entry: NewEntry<'_>,
) -> Result<()> {
    let now = app.clock.now();
    let text = |state: Option<Json>| state.map(|state| state.to_string());
    let entry = ActiveModel {
        id: Set(AuditEntryId(app.ids.next(now))),
        actor_id: Set(actor.user_id()),
        action: Set(entry.action.to_owned()),
        subject_kind: Set(entry.subject_kind.to_owned()),
        subject_id: Set(entry.subject_id),
        before_state: Set(text(entry.before)),
        after_state: Set(text(entry.after)),
        reason: Set(entry.reason.map(str::to_owned)),
        address: Set(client.address.map(|address| address.to_string())),
        created_at: Set(now),
    };
    Entity::insert(entry).exec_without_returning(tx).await?;
    Ok(())
}

/// What entries have to have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
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
pub(crate) const SORT: &str = "audit.newest";

/// An entry's place in the list.
#[must_use]
pub(crate) fn cursor(entry: &Model) -> Cursor {
    Cursor { sort: SORT, key: Key::Time(entry.created_at), id: entry.id.0 }
}

/// What was done, newest first.
pub(crate) async fn entries(
    app: &App,
    actor: &Actor,
    filter: &AuditFilter,
    page: &Page,
    with_total: bool,
) -> Result<Slice<Model>> {
    actor.require(Permission::SeeAudit)?;
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.any_of(Column::ActorId, filter.actors.as_deref(), |id| id.0)?;
    list.any_of(Column::SubjectId, filter.subjects.as_deref(), |id| *id)?;
    list.any_of(Column::Action, filter.actions.as_deref(), |action| text::comparable(action))?;
    list.during(Column::CreatedAt, filter.during)?;
    list.page(&app.db, page, with_total, |select| select).await
}

/// Entries by id, for those who may see them.
pub(crate) async fn by_id(app: &App, actor: &Actor, ids: &[AuditEntryId]) -> Result<HashMap<AuditEntryId, Model>> {
    if !actor.may(Permission::SeeAudit) {
        return Ok(HashMap::new());
    }
    let entries = app.db.all(Entity::find().filter(any_id(Column::Id, ids))).await?;
    Ok(entries.into_iter().map(|entry| (entry.id, entry)).collect())
}

/// Deletes entries that are past their time, where there is one, in batches; gives how many.
pub async fn prune(app: &App) -> Result<u64> {
    let Some(retention) = app.config.audit_retention else { return Ok(0) };
    app.db.delete_before("audit_entries", "created_at", app.clock.now() - retention).await
}
