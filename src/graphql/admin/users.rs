//! Looking after accounts.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};

use super::Role;
use crate::{
    domain::{
        accounts, admin,
        auth::{self, AccountFilter},
    },
    graphql::{
        accounts::{User, UserSort},
        engine::{
            connection::{Connection, requested_page, wants_total},
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, answer, nullable, payload},
            filters::{self, DateTimeRange},
            rules::Rule,
        },
        node::{id_input, input_id},
    },
};

/// Conditions that all must hold. Where one names more than 10,000 of them, an order other than by time is one of the newest.
/// A list means any of its values, at most 50 of them, of which each beyond the first costs 10; an empty one means none, and
/// matches nothing.
#[derive(InputObject, Default)]
pub(crate) struct AdminUserWhere {
    /// Words of their names, each from its beginning; case, accents and Arabic marks don't matter. Single letters
    /// don't count, and alone are a BAD_REQUEST. Where more than 10,000 have these words, the newest of them are looked at.
    /// Costs 100.
    text: Option<String>,
    /// The beginning of their e-mail address, or the whole, whatever its case. FORBIDDEN without the permission SEE_CONTACTS.
    email: Option<String>,
    /// With one of these roles; USER: those who have no other.
    roles: Option<Vec<Role>>,
    /// Whether they are suspended at present.
    is_suspended: Option<bool>,
    /// When they joined.
    created_at: Option<DateTimeRange>,
}

impl From<AdminUserWhere> for AccountFilter {
    fn from(filter: AdminUserWhere) -> Self {
        Self {
            text: filter.text,
            email: filter.email,
            roles: filter.roles.map(|roles| roles.into_iter().map(Role::stored).collect()),
            suspended: filter.is_suspended,
            during: filters::span(filter.created_at),
        }
    }
}

/// The root fields by which staff reads accounts.
#[derive(Default)]
pub(crate) struct AdminUserQuery;

#[Object]
impl AdminUserQuery {
    /// Accounts, a page at a time; what is behind each is in `account` and `role`. Needs the permission SEE_ACCOUNTS.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn admin_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which accounts.")] filter: Option<AdminUserWhere>,
        #[graphql(default_with = "UserSort::Newest", desc = "In which order.")] sort_by: UserSort,
        #[graphql(default, desc = "Whether the order is reversed.")] reverse: bool,
    ) -> Nullable<Connection<User>> {
        nullable(async {
            let request = ctx.request();
            let (app, actor) = (&request.app, &request.actor);
            let sort: accounts::UserSort = sort_by.into();
            let page = requested_page(ctx, sort.cursor_name(), reverse)?;
            let filter = filter.unwrap_or_default().into();
            let slice = auth::accounts(app, actor, &filter, sort, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, |user| sort.cursor(user), User::from)))
        })
        .await
    }
}

/// Why somebody is kept out, and for how long.
#[derive(InputObject)]
pub(crate) struct AdminUserSuspendInput {
    /// The person's id.
    id: ID,
    /// Why, 1 to 500 characters; the person is notified with it, so write it to them.
    reason: String,
    /// When it ends by itself, in the future; null: not before they are reinstated.
    until: Option<DateTime<Utc>>,
}

/// Who gets which role.
#[derive(InputObject)]
pub(crate) struct AdminUserSetRoleInput {
    /// The person's id.
    id: ID,
    /// The role that they are to have; USER takes any other away.
    role: Role,
}

payload! {
    /// What came of `adminUserSetRole`.
    AdminUserSetRolePayload {
        /// The person after the change; null when `errors` is not empty.
        user: User
    }
}

payload! {
    /// What came of `adminUserSuspend`.
    AdminUserSuspendPayload {
        /// The person after the change; null when `errors` is not empty.
        user: User
    }
}

id_input! {
    /// Who is let in again.
    AdminUserReinstateInput, "The person's id."
}

payload! {
    /// What came of `adminUserReinstate`.
    AdminUserReinstatePayload {
        /// The person after the change; null when `errors` is not empty.
        user: User
    }
}

id_input! {
    /// Who is to be signed out.
    AdminUserSignOutEverywhereInput, "The person's id."
}

payload! {
    /// What came of `adminUserSignOutEverywhere`.
    AdminUserSignOutEverywherePayload {
        /// The person after the change; null when `errors` is not empty.
        user: User
    }
}

id_input! {
    /// Who has lost their second factor.
    AdminUserResetTwoFactorInput, "The person's id."
}

payload! {
    /// What came of `adminUserResetTwoFactor`.
    AdminUserResetTwoFactorPayload {
        /// The person after the change; null when `errors` is not empty.
        user: User
    }
}

/// Looking after accounts. Nobody acts on themselves here, nor on somebody who has a permission that they don't have.
#[derive(Default)]
pub(crate) struct AdminUserMutation;

/// The rules of the mutations below.
pub(super) const RULES: &[Rule] = &[
    Rule::of("adminUserSetRole").recent_authentication("it gives rights"),
    Rule::of("adminUserResetTwoFactor").recent_authentication("it takes another's protection away"),
];

#[Object]
impl AdminUserMutation {
    /// Gives a person another role, as far as one's own permissions reach. Who loses a permission by it is signed out
    /// everywhere at once; who only gains, has the new ones from the next `tokenRefresh` on. Needs the permission
    /// GRANT_ROLES and a recent authentication. Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, LAST_OWNER.
    async fn admin_user_set_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and which role.")] input: AdminUserSetRoleInput,
    ) -> Nullable<AdminUserSetRolePayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                admin::user_set_role(app, actor, client, id, input.role.stored()).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Keeps a person out: they are signed out everywhere at once, their sockets close, and they can't sign in until the
    /// end or until they are reinstated; they are told why. Once more changes reason and end. Needs the permission
    /// SUSPEND_USERS. Codes: INVALID_ID, BLANK, TOO_LONG, INVALID_CHARACTERS, INVALID, NOT_FOUND, BEYOND_YOUR_RIGHTS.
    async fn admin_user_suspend(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Why, and for how long.")] input: AdminUserSuspendInput,
    ) -> Nullable<AdminUserSuspendPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let command = admin::Suspend { reason: input.reason, until: input.until };
            let result = async {
                let id = input_id("id", &input.id)?;
                admin::user_suspend(app, actor, client, id, command).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Lets a person in again, who is notified; who is not suspended stays as they are. Needs the permission SUSPEND_USERS.
    /// Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS.
    async fn admin_user_reinstate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is let in again.")] input: AdminUserReinstateInput,
    ) -> Nullable<AdminUserReinstatePayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                admin::user_reinstate(app, actor, client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Signs a person out everywhere; they can sign in again. Needs the permission RESET_ACCESS.
    /// Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS.
    async fn admin_user_sign_out_everywhere(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who is signed out.")] input: AdminUserSignOutEverywhereInput,
    ) -> Nullable<AdminUserSignOutEverywherePayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                admin::user_sign_out_everywhere(app, actor, client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Takes away a second factor that its owner has lost, with the backup codes: be sure of who asks. They are signed
    /// out everywhere and notified. Needs the permission RESET_ACCESS and a recent authentication.
    /// Codes: INVALID_ID, NOT_FOUND, BEYOND_YOUR_RIGHTS, TWO_FACTOR_NOT_ENABLED.
    async fn admin_user_reset_two_factor(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose second factor is taken away.")] input: AdminUserResetTwoFactorInput,
    ) -> Nullable<AdminUserResetTwoFactorPayload> {
        nullable(async {
            let request = ctx.request();
            let (app, actor, client) = (&request.app, &request.actor, &request.client);
            let result = async {
                let id = input_id("id", &input.id)?;
                admin::user_reset_two_factor(app, actor, client, id).await
            };
            answer(request, result.await)
        })
        .await
    }
}
