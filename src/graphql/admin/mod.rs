//! Administration as clients see it. In the folder: accounts, the logs, the queue of jobs; here what they share, and what
//! a person's type shows of their rights.

mod jobs;
mod loaders;
mod logs;
mod money;
mod registration;
mod users;

use async_graphql::{Context, Enum, MergedObject, SimpleObject};
use chrono::{DateTime, Utc};

use super::engine::{context::RequestExt, part::Part};
use crate::{
    domain::{auth, permissions},
    entity::{UserId, suspension, user_role},
};

pub(crate) use jobs::Job;
use loaders::Overviews;
pub(crate) use logs::AuditEntry;
pub(super) use registration::GRAPH;

/// Reading what only those with rights may see.
#[derive(MergedObject, Default)]
pub(crate) struct AdminQuery(users::AdminUserQuery, logs::AdminLogQuery, jobs::AdminJobQuery, money::AdminMoneyQuery);

/// Doing what only those with rights may do.
#[derive(MergedObject, Default)]
pub(crate) struct AdminMutation(Part<users::AdminUserMutation>, Part<jobs::AdminJobMutation>);

/// What a person is here: a name for a set of permissions, one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum Role {
    /// An ordinary user: their own affairs only.
    User,
    /// Sells goods of their own.
    Seller,
    /// Answers those who ask for help, and sees how to reach them.
    SupportAgent,
    /// Keeps the community in order: suspends and reinstates.
    Moderator,
    /// Runs the service: everything but making owners.
    Administrator,
    /// Answers for the service: everything.
    Owner,
}

impl Role {
    /// As it is stored: an ordinary user has none.
    fn stored(self) -> Option<user_role::Role> {
        match self {
            Self::User => None,
            Self::Seller => Some(user_role::Role::Seller),
            Self::SupportAgent => Some(user_role::Role::SupportAgent),
            Self::Moderator => Some(user_role::Role::Moderator),
            Self::Administrator => Some(user_role::Role::Administrator),
            Self::Owner => Some(user_role::Role::Owner),
        }
    }
}

impl From<Option<user_role::Role>> for Role {
    fn from(role: Option<user_role::Role>) -> Self {
        match role {
            None => Self::User,
            Some(user_role::Role::Seller) => Self::Seller,
            Some(user_role::Role::SupportAgent) => Self::SupportAgent,
            Some(user_role::Role::Moderator) => Self::Moderator,
            Some(user_role::Role::Administrator) => Self::Administrator,
            Some(user_role::Role::Owner) => Self::Owner,
        }
    }
}

/// Something that not everybody may do. Ask for these, not for roles, to decide what to show: what a role allows may
/// change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::permissions::Permission")]
pub(crate) enum Permission {
    /// Offer goods for sale.
    Sell,
    /// Answer those who ask for help.
    AnswerSupport,
    /// See e-mail addresses, telephone numbers and profiles of others.
    SeeContacts,
    /// List and search accounts, with what is behind them.
    SeeAccounts,
    /// Suspend and reinstate people.
    SuspendUsers,
    /// End the sessions of others, and take away a second factor that was lost.
    ResetAccess,
    /// Give and take roles, as far as one's own permissions reach.
    GrantRoles,
    /// Read everybody's activity and the audit log.
    SeeAudit,
    /// Look at the queue of background jobs, and queue dead ones again.
    ManageJobs,
    /// See everybody's wallets, payments and withdrawals.
    SeeMoney,
    /// Grant refunds, confirm what banks and couriers did, pay withdrawals out, correct wallets.
    ManageMoney,
    /// Answer for the service: make owners.
    Own,
}

/// Why somebody may not sign in at present.
#[derive(SimpleObject)]
pub(crate) struct Suspension {
    /// Why; the person was notified with it.
    reason: String,
    /// When it ends by itself; null: not before they are reinstated.
    until: Option<DateTime<Utc>>,
    /// When it began.
    since: DateTime<Utc>,
}

impl From<suspension::Model> for Suspension {
    fn from(row: suspension::Model) -> Self {
        Self { reason: row.reason, until: row.until, since: row.created_at }
    }
}

/// What is behind a person.
#[derive(SimpleObject)]
pub(crate) struct AccountOverview {
    /// Whether the e-mail address was proven theirs.
    email_verified: bool,
    /// Whether signing in takes a second factor.
    two_factor_enabled: bool,
    /// Why they may not sign in at present; null unless they are suspended. One that is over does not count.
    suspension: Option<Suspension>,
    /// When they last signed in; null when the session that they began then is forgotten (a month after its end).
    last_signed_in_at: Option<DateTime<Utc>>,
    /// On how many devices they are signed in.
    session_count: i64,
}

impl From<auth::AccountOverview> for AccountOverview {
    fn from(overview: auth::AccountOverview) -> Self {
        Self {
            email_verified: overview.email_verified,
            two_factor_enabled: overview.two_factor_enabled,
            suspension: overview.suspension.map(Suspension::from),
            last_signed_in_at: overview.last_signed_in_at,
            session_count: overview.session_count,
        }
    }
}

/// What is behind a person, if the viewer may see it.
pub(super) async fn overview(ctx: &Context<'_>, id: UserId) -> async_graphql::Result<Option<auth::AccountOverview>> {
    let request = ctx.request();
    let seen = request.actor.user_id() == Some(id) || request.actor.may(permissions::Permission::SeeAccounts);
    if seen { Ok(request.loaders.load::<Overviews>(id).await?) } else { Ok(None) }
}

/// What a role allows.
pub(super) fn permissions_of(role: Option<user_role::Role>) -> Vec<Permission> {
    role.map(user_role::Role::permissions).unwrap_or_default().iter().map(|permission| (*permission).into()).collect()
}
