//! The activity log as clients see it: what happened to an account.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::{
    accounts::{User, user_by_id},
    engine::{
        connection::{Connection, Listed, requested_page, wants_total},
        context::RequestExt,
        contract::SemanticNonNull,
        error::{Nullable, nullable},
        filters::{self, DateTimeRange},
        loaders::loaders,
    },
    registration::{ById, Noun},
};
use crate::{
    domain::activity::{self, ActivityFilter},
    entity::{ActivityId, UserId, activity::Model},
};

/// What the activity log hands over.
pub(super) const GRAPH: Noun = Noun {
    ids: &[ById::loaded::<ActivitiesById, Activity>(ActivityId::PREFIX)],
    short_texts: &["Activity.address", "Activity.detail", "Activity.userAgent"],
    ..Noun::EMPTY
};

loaders! {
    /// Lines of the activity log that the viewer may see.
    ActivitiesById: ActivityId => Model = activity::by_id;
}

/// What happened to an account. More kinds come with later versions: show those you don't know by their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::activity::ActivityKind")]
pub(crate) enum ActivityKind {
    /// It was made.
    Registered,
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed in from a device that was not seen before.
    SignedInFromNewDevice,
    /// A sign-in failed: wrong password or second factor.
    SignInFailed,
    /// The person signed out by themselves.
    SignedOut,
    /// A session was ended from another one, or by the service.
    SessionRevoked,
    /// Proved anew who they are.
    Reauthenticated,
    /// The e-mail address was proven.
    EmailVerified,
    /// The e-mail address was replaced.
    EmailChanged,
    /// The telephone number was proven.
    PhoneVerified,
    /// The password was changed.
    PasswordChanged,
    /// A new password was asked for.
    PasswordResetRequested,
    /// A new password was chosen by a code.
    PasswordReset,
    /// The second factor was switched on.
    TwoFactorEnabled,
    /// The second factor was switched off.
    TwoFactorDisabled,
    /// New backup codes were made.
    BackupCodesRegenerated,
    /// A backup code was used.
    BackupCodeUsed,
    /// An identity elsewhere was linked.
    IdentityLinked,
    /// An identity elsewhere was unlinked.
    IdentityUnlinked,
    /// The profile was completed.
    ProfileCompleted,
    /// The user name was changed.
    UsernameChanged,
    /// The role was changed by an administrator.
    RoleChanged,
    /// Suspended by an administrator.
    Suspended,
    /// Reinstated by an administrator.
    Reinstated,
    /// Everything held about the person was asked for.
    ExportRequested,
    /// The account is to be deleted.
    DeletionRequested,
    /// It is not to be deleted after all.
    #[graphql(name = "DELETION_CANCELED")]
    DeletionCancelled,
    /// A bank account was added to the wallet.
    PayoutMethodAdded,
    /// A bank account was removed from the wallet.
    PayoutMethodRemoved,
    /// Money of the wallet is to be paid out.
    WithdrawalRequested,
}

/// Something that happened to a person's account.
pub(crate) struct Activity(Model);

impl From<Model> for Activity {
    fn from(row: Model) -> Self {
        Self(row)
    }
}

impl Listed for Activity {
    const LIST_NAME: &'static str = "Activity";
}

/// Something that happened to a person's account. Seen by them, and by those with the permission SEE_AUDIT.
#[Object]
impl Activity {
    /// Opaque and typed: `activity_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Whose account it happened to.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn user(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(user_by_id(ctx, Some(self.0.user_id))).await
    }

    /// What kind of thing happened.
    async fn kind(&self) -> ActivityKind {
        self.0.kind.into()
    }

    /// What of it, for people to read: a provider's name, the new role, why a session ended (`token_reused`,
    /// `administrator`) …; null where there is nothing to add. At most 255 characters.
    async fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The address that it was done from; null where it was not done from outside, as by the service's staff.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// The program that it was done with, by its `User-Agent`; null when it did not say, or as with `address`.
    async fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// When it happened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// Conditions that all must hold.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct ActivityWhere {
    /// Kinds of what happened.
    kinds: Option<Vec<ActivityKind>>,
    /// When it happened.
    created_at: Option<DateTimeRange>,
}

impl From<ActivityWhere> for ActivityFilter {
    fn from(filter: ActivityWhere) -> Self {
        Self { users: None, kinds: filters::values(filter.kinds), during: filters::span(filter.created_at) }
    }
}

/// A person's own activity; nothing of anybody else's.
pub(super) async fn own_activity(
    ctx: &Context<'_>,
    of: UserId,
    filter: Option<ActivityWhere>,
    reverse: bool,
) -> async_graphql::Result<Option<Connection<Activity>>> {
    let request = ctx.request();
    if request.actor.user_id() != Some(of) {
        return Ok(None);
    }
    let (app, actor) = (&request.app, &request.actor);
    let page = requested_page(ctx, activity::SORT, reverse)?;
    let filter = filter.unwrap_or_default().into();
    let slice = activity::own_activities(app, actor, filter, &page, wants_total(ctx)).await?;
    Ok(Some(Connection::new(slice, activity::cursor, Activity)))
}
