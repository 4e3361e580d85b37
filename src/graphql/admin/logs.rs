//! The audit log, and everybody's activity.

use std::collections::BTreeMap;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    domain::{
        activity::{self, ActivityFilter},
        audit::{self, AuditFilter},
    },
    entity::{AdjustmentId, JobId, UserId, WithdrawalId, audit_entry::Model, ids, told},
    error::{Error, Result},
    graphql::{
        accounts::{User, user_by_id},
        activity::{Activity, ActivityKind},
        engine::{
            connection::{Connection, Listed, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, nullable},
            filters::{self, DateTimeRange, query_ids},
        },
        node::{self, Node},
    },
};

/// Something that somebody with rights did with them, or the operator at the command line.
pub(crate) struct AuditEntry(Model);

impl From<Model> for AuditEntry {
    fn from(row: Model) -> Self {
        Self(row)
    }
}

impl Listed for AuditEntry {
    const LIST_NAME: &'static str = "AuditEntry";
}

/// What an act changed of one property.
#[derive(SimpleObject)]
pub(crate) struct AuditChange {
    /// Which property, such as `role`.
    property: String,
    /// What it was before; null when it was not set, or not there.
    before: Option<String>,
    /// What it is since; null when it is not set.
    after: Option<String>,
}

/// Something that somebody with rights did with them, or the operator at the command line. Refused acts are not here.
#[Object]
impl AuditEntry {
    /// Opaque and typed: `audit_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Who; null when it was the operator at the command line, or the account is erased.
    async fn actor(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, self.0.actor_id)).await
    }

    /// Whether it was the operator at the command line.
    async fn is_operator(&self) -> bool {
        self.0.actor_id.is_none()
    }

    /// What was done: a mutation's name, such as `adminUserSuspend`, or the words of a command, such as `admin grant`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The id of whom or what it was done to, though it may be gone.
    async fn subject_id(&self) -> ID {
        ids::encode(&self.0.subject_kind, self.0.subject_id).into()
    }

    /// Whom or what it was done to; null when it is gone, and for transfers between the platform's own accounts.
    async fn subject(&self, ctx: &Context<'_>) -> Nullable<Node> {
        nullable(node::find_typed(ctx, &self.0.subject_kind, self.0.subject_id)).await
    }

    /// What it changed, property by property.
    async fn changes(&self) -> Vec<AuditChange> {
        changes(self.0.before_state.as_deref(), self.0.after_state.as_deref())
    }

    /// Why, in the actor's words; null where none are asked for.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The address that it was done from; null at the command line.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// When it was done.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// Two states, as they were written down, property by property.
fn changes(before: Option<&str>, after: Option<&str>) -> Vec<AuditChange> {
    let read = |state: Option<&str>| -> BTreeMap<String, serde_json::Value> {
        state.and_then(|state| serde_json::from_str(state).ok()).unwrap_or_default()
    };
    let text = |property: &str, value: Option<&serde_json::Value>| match value? {
        serde_json::Value::Null => None,
        serde_json::Value::String(state) if property == "state" => Some(told(state).to_owned()),
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let (before, after) = (read(before), read(after));
    let mut properties: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
    properties.sort_unstable();
    properties.dedup();
    let change = |property: String| AuditChange {
        before: text(&property, before.get(&property)),
        after: text(&property, after.get(&property)),
        property,
    };
    properties.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminAuditWhere {
    /// Ids of those who acted.
    actor_ids: Option<Vec<ID>>,
    /// Whom or what it was done to: the ids of people, jobs, withdrawals or adjustments.
    subject_ids: Option<Vec<ID>>,
    /// What was done: the exact names, such as `adminUserSuspend`.
    actions: Option<Vec<String>>,
    /// When it was done.
    created_at: Option<DateTimeRange>,
}

impl AdminAuditWhere {
    fn filter(self) -> Result<AuditFilter> {
        let subject = |id: &ID| match ids::decode(id) {
            Some((UserId::PREFIX | JobId::PREFIX | WithdrawalId::PREFIX | AdjustmentId::PREFIX, id)) => Ok(id),
            _ => Err(Error::bad_request("This is not the id of a person, a job, a withdrawal or an adjustment.")),
        };
        Ok(AuditFilter {
            actors: query_ids(self.actor_ids)?,
            subjects: self.subject_ids.map(|ids| ids.iter().map(subject).collect::<Result<Vec<_>>>()).transpose()?,
            actions: self.actions,
            during: filters::span(self.created_at),
        })
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminActivityWhere {
    /// Whose account it happened to.
    user_ids: Option<Vec<ID>>,
    /// Kinds of what happened.
    kinds: Option<Vec<ActivityKind>>,
    /// When it happened.
    created_at: Option<DateTimeRange>,
}

impl AdminActivityWhere {
    fn filter(self) -> Result<ActivityFilter> {
        Ok(ActivityFilter {
            users: query_ids(self.user_ids)?,
            kinds: filters::values(self.kinds),
            during: filters::span(self.created_at),
        })
    }
}

/// Reading the logs.
#[derive(Default)]
pub(crate) struct AdminLogQuery;

#[Object]
impl AdminLogQuery {
    /// What those with rights did, newest first. Needs the permission SEE_AUDIT.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_audit(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which entries.")] filter: Option<AdminAuditWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<AuditEntry>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let page = requested_page(ctx, audit::SORT, reverse)?;
            let filter = filter.unwrap_or_default().filter()?;
            let slice = audit::entries(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, audit::cursor, AuditEntry)))
        })
        .await
    }

    /// What happened to everybody's accounts, newest first. Needs the permission SEE_AUDIT.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which activity.")] filter: Option<AdminActivityWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Activity>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let page = requested_page(ctx, activity::SORT, reverse)?;
            let filter = filter.unwrap_or_default().filter()?;
            let slice = activity::activities(app, actor, &filter, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, activity::cursor, Activity::from)))
        })
        .await
    }
}
