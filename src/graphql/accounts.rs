//! People as clients see them.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::{
    activity::{self, Activity, ActivityWhere},
    admin::{self, AccountOverview, Role},
    auth::{
        identities::Identity,
        sessions::ActiveSession,
        two_factor::{TwoFactor, TwoFactors},
    },
    engine::{
        connection::{Connection, Listed, requested_page, wants_total},
        context::RequestExt,
        contract::SemanticNonNull,
        error::{Nullable, answer, nullable, payload, private},
        filters::{self, DateTimeRange},
        loaders::loaders,
        scalars::{EmailAddress, LanguageCode, Url},
    },
    goals::{self, GoalContribution, OwnContributionWhere},
    notifications::{self, NotificationConnection, NotificationWhere},
    payments::{self, Payment, PaymentMethod, PaymentWhere},
    posts::{self, Post},
    privacy::AccountExport,
    profiles::{Completions, Profile, ProfilesByUser},
    registration::{ById, Noun},
    wallets::{self, PayoutMethod, Wallet},
};
use crate::{
    domain::{
        accounts::{self, Person, ProfileUpdate, UserFilter},
        auth,
        permissions::Permission,
        privacy,
    },
    entity::{UserId, digest_subscription},
    error::{Error, Locale},
};

/// What accounts hand over.
pub(super) const GRAPH: Noun = Noun {
    ids: &[ById::loaded::<UsersById, User>(UserId::PREFIX)],
    texts: &[("User", "avatarUrl", 512), ("User", "bio", 500)],
    short_texts: &["User.displayName", "User.email", "User.firstName", "User.lastName", "User.username"],
    ..Noun::EMPTY
};

loaders! {
    /// People by id.
    UsersById: UserId => accounts::User = accounts::users_by_id;
    /// Whose display names look like those of others.
    Lookalikes: UserId => bool = accounts::lookalikes;
    /// E-mail addresses that the viewer may see.
    Emails: UserId => accounts::Email = accounts::emails;
    /// The viewer's own wish for a digest.
    Digests: UserId => digest_subscription::Digest = accounts::digests;
}

/// What a person mainly does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::user::UserKind")]
pub(crate) enum UserKind {
    /// Gathers, gives and buys.
    Customer,
    /// Sells what they make.
    Artist,
    /// Sells as a shop.
    Store,
}

/// How often somebody is told by e-mail what they have not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::digest_subscription::Digest")]
pub(crate) enum Digest {
    /// No digest is sent.
    Off,
    /// Once a day, when there is something.
    Daily,
}

/// A person who has an account.
pub(crate) struct User(Person);

impl From<accounts::User> for User {
    fn from(user: accounts::User) -> Self {
        Self(Person::Whole(user))
    }
}

impl From<Person> for User {
    fn from(person: Person) -> Self {
        Self(person)
    }
}

impl Listed for User {
    const LIST_NAME: &'static str = "User";
}

impl User {
    /// The whole of them: there already, unless nothing but a card was expected to be asked for.
    async fn whole(&self, ctx: &Context<'_>) -> async_graphql::Result<accounts::User> {
        match &self.0 {
            Person::Whole(user) => Ok(Arc::clone(user)),
            Person::Card(card) => {
                let user = ctx.request().loaders.load::<UsersById>(card.id).await?;
                Ok(user.ok_or_else(|| Error::internal("a person who was on a card is gone"))?)
            }
        }
    }

    /// What only they themselves see: null for everybody else, for whom nothing is read.
    fn own<'a, T>(
        &self,
        ctx: &'a Context<'_>,
        read: impl Future<Output = async_graphql::Result<Option<T>>> + Send + 'a,
    ) -> BoxFuture<'a, Nullable<T>> {
        let actor = &ctx.request().actor;
        let is_own = actor.user_id() == Some(self.0.id());
        private(ctx, async move {
            if !is_own {
                return Ok(None);
            }
            actor.require_user()?;
            read.await
        })
    }
}

/// A person. What is private of them is null, unless it is you who asks: begin at `me`. UNAUTHENTICATED at these fields when a token
/// came that is not good (any more), so that no null is taken for what is yours.
#[Object]
impl User {
    /// Opaque and typed: `user_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        self.0.id().to_string().into()
    }

    /// The name they sign in and are mentioned with: 3 to 30 letters, digits and underscores, unique whatever its case.
    async fn username(&self) -> &str {
        self.0.username()
    }

    /// May be empty.
    async fn first_name(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(self.whole(ctx).await?.first_name.clone())
    }

    /// May be empty.
    async fn last_name(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(self.whole(ctx).await?.last_name.clone())
    }

    /// The name to show; never empty.
    async fn display_name(&self) -> &str {
        self.0.display_name()
    }

    /// Their display name looks like somebody else's but is spelled with other characters (Unicode's UTS #39), as in an attempt to
    /// pass for them: show the user name beside it.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn is_lookalike(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async { Ok(Some(ctx.request().loaders.load::<Lookalikes>(self.0.id()).await?.unwrap_or(false))) })
            .await
    }

    /// Address of a picture; null when there is none.
    async fn avatar_url(&self) -> Option<Url> {
        self.0.avatar_url().map(Url::from)
    }

    /// What they say about themselves, at most 500 characters; may be empty.
    async fn bio(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(self.whole(ctx).await?.bio.clone())
    }

    /// What they mainly do here.
    async fn kind(&self, ctx: &Context<'_>) -> async_graphql::Result<UserKind> {
        Ok(self.whole(ctx).await?.kind.into())
    }

    /// The language of messages to them.
    async fn locale(&self, ctx: &Context<'_>) -> async_graphql::Result<LanguageCode> {
        Ok(Locale::parse(&self.whole(ctx).await?.locale).into())
    }

    /// How many posts they have published and not deleted.
    async fn post_count(&self, ctx: &Context<'_>) -> async_graphql::Result<i64> {
        Ok(self.whole(ctx).await?.post_count)
    }

    /// Their e-mail address: for themselves and for staff who may see contacts, null for everybody else; null, too, when
    /// they have none that is theirs.
    async fn email(&self, ctx: &Context<'_>) -> Nullable<EmailAddress> {
        private(ctx, async {
            let email = ctx.request().loaders.load::<Emails>(self.0.id()).await?;
            Ok(email.and_then(|email| email.address).map(EmailAddress::from))
        })
        .await
    }

    /// Whether the address is proven theirs, by `emailVerify`; null for who may not see it.
    async fn email_verified(&self, ctx: &Context<'_>) -> Nullable<bool> {
        private(ctx, async {
            Ok(ctx.request().loaders.load::<Emails>(self.0.id()).await?.map(|email| email.is_verified))
        })
        .await
    }

    /// Telephone number, country and the rest of the second step of joining: for themselves and for staff who may see
    /// contacts, null for everybody else.
    async fn profile(&self, ctx: &Context<'_>) -> Nullable<Box<Profile>> {
        private(ctx, async {
            // What is large is on the heap: the executor makes room for it in each field's future, of each person in a list.
            Ok(ctx.request().loaders.load::<ProfilesByUser>(self.0.id()).await?.map(|row| Box::new(Profile::from(row))))
        })
        .await
    }

    /// Whether `profileComplete` went well, and nothing that is required is missing since; null for who may not see the
    /// profile.
    async fn profile_completed(&self, ctx: &Context<'_>) -> Nullable<bool> {
        private(ctx, async {
            Ok(ctx.request().loaders.load::<Completions>(self.0.id()).await?.map(|found| found.is_complete))
        })
        .await
    }

    /// How their second factor stands: for themselves only, null for everybody else.
    async fn two_factor(&self, ctx: &Context<'_>) -> Nullable<TwoFactor> {
        private(ctx, async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id()) && !request.actor.may(Permission::SeeContacts) {
                return Ok(None);
            }
            Ok(request.loaders.load::<TwoFactors>(self.0.id()).await?.map(TwoFactor::from))
        })
        .await
    }

    /// The identities elsewhere by which they sign in, oldest first: for themselves only, null for everybody else.
    async fn identities(&self, ctx: &Context<'_>) -> Nullable<Vec<Identity>> {
        private(
            ctx,
            Box::pin(async {
                let request = ctx.request();
                let found = auth::oauth::identities(&request.app, &request.actor, self.0.id()).await?;
                Ok(found.map(|found| found.into_iter().map(Identity::from).collect()))
            }),
        )
        .await
    }

    /// Whether they get a digest of what they have not read: for themselves only, null for everybody else. It goes to
    /// a confirmed address only.
    async fn digest(&self, ctx: &Context<'_>) -> Nullable<Digest> {
        private(ctx, async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id()) {
                return Ok(None);
            }
            let wanted = request.loaders.load::<Digests>(self.0.id()).await?;
            Ok(Some(wanted.map_or(Digest::Off, Digest::from)))
        })
        .await
    }

    /// Whether this is the person who asks.
    async fn is_viewer(&self, ctx: &Context<'_>) -> bool {
        ctx.request().actor.user_id() == Some(self.0.id())
    }

    /// Where they are signed in, last used first, at most 100: for themselves only, null for everybody else.
    async fn sessions(&self, ctx: &Context<'_>) -> Nullable<Vec<ActiveSession>> {
        private(
            ctx,
            Box::pin(async {
                let request = ctx.request();
                if request.actor.user_id() != Some(self.0.id()) {
                    return Ok(None);
                }
                let sessions = auth::active_sessions(&request.app, &request.actor).await?;
                Ok(Some(sessions.into_iter().map(ActiveSession::from).collect()))
            }),
        )
        .await
    }

    /// The newest archive of everything held about them, as long as it is kept: for themselves only, null for everybody
    /// else and when there is none.
    async fn latest_export(&self, ctx: &Context<'_>) -> Nullable<AccountExport> {
        private(
            ctx,
            Box::pin(async {
                let request = ctx.request();
                if request.actor.user_id() != Some(self.0.id()) {
                    return Ok(None);
                }
                let export = privacy::latest_export(&request.app, &request.actor).await?;
                Ok(export.map(AccountExport::from))
            }),
        )
        .await
    }

    /// When their account is going to be deleted; null when it is not. For themselves only, null for everybody else.
    async fn deletion_due_at(&self, ctx: &Context<'_>) -> Nullable<DateTime<Utc>> {
        private(
            ctx,
            Box::pin(async {
                let request = ctx.request();
                if request.actor.user_id() != Some(self.0.id()) {
                    return Ok(None);
                }
                Ok(privacy::deletion_due(&request.app, &request.actor).await?)
            }),
        )
        .await
    }

    /// Their posts, newest first.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Post>> {
        nullable(Box::pin(posts::posts_of(ctx, self.0.id(), reverse))).await
    }

    /// When they joined.
    async fn created_at(&self, ctx: &Context<'_>) -> async_graphql::Result<DateTime<Utc>> {
        Ok(self.whole(ctx).await?.created_at)
    }

    /// What they are here; for themselves and for those with the permission SEE_ACCOUNTS, null for everybody else.
    async fn role(&self, ctx: &Context<'_>) -> Nullable<Role> {
        private(ctx, async { Ok(admin::overview(ctx, self.0.id()).await?.map(|overview| overview.role.into())) }).await
    }

    /// What their role allows: show by it what they can do. A role that demands a second factor allows nothing before it
    /// is set up. For themselves and for those with the permission SEE_ACCOUNTS, null for everybody else.
    async fn permissions(&self, ctx: &Context<'_>) -> Nullable<Vec<admin::Permission>> {
        private(ctx, async {
            Ok(admin::overview(ctx, self.0.id()).await?.map(|overview| admin::permissions_of(overview.role)))
        })
        .await
    }

    /// What is behind them; for themselves and for those with the permission SEE_ACCOUNTS, null for everybody else.
    async fn account(&self, ctx: &Context<'_>) -> Nullable<Box<AccountOverview>> {
        private(ctx, async {
            Ok(admin::overview(ctx, self.0.id()).await?.map(|overview| Box::new(AccountOverview::from(overview))))
        })
        .await
    }

    /// What happened to their account, newest first: sign-ins, changes, what the service's staff did. For themselves
    /// only, null for everybody else (`adminActivity` is for those with rights). Look for what you did not do yourself.
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which activity.")] filter: Option<ActivityWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Activity>> {
        private(ctx, Box::pin(activity::own_activity(ctx, self.0.id(), filter, reverse))).await
    }

    /// Their money here. For themselves only, null for everybody else (`adminWallet` is for those with rights).
    async fn wallet(&self, ctx: &Context<'_>) -> Nullable<Wallet> {
        self.own(ctx, wallets::wallet_of(ctx, self.0.id())).await
    }

    /// The bank accounts that their money can be paid out to, added last, first; at most 20. For themselves only, null for
    /// everybody else.
    async fn payout_methods(&self, ctx: &Context<'_>) -> Nullable<Vec<PayoutMethod>> {
        self.own(ctx, wallets::own_payout_methods(ctx)).await
    }

    /// Their payments, newest first. For themselves only, null for everybody else (`adminPayments` is for those with rights).
    async fn payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which payments.")] filter: Option<PaymentWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<Payment>> {
        self.own(ctx, payments::own_payments(ctx, filter, reverse)).await
    }

    /// Their saved ways to pay, at most 20: the default first, then the newest. For themselves only, null for everybody else.
    async fn payment_methods(&self, ctx: &Context<'_>) -> Nullable<Vec<PaymentMethod>> {
        self.own(ctx, payments::own_payment_methods(ctx)).await
    }

    /// What they gave to goals, or began to, newest first. For themselves only, null for everybody else.
    async fn contributions(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which contributions.")] filter: Option<OwnContributionWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<Connection<GoalContribution>> {
        self.own(ctx, goals::own_contributions(ctx, filter, reverse)).await
    }

    /// Their notifications, newest first. For themselves only, null for everybody else.
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which notifications.")] filter: Option<NotificationWhere>,
        #[graphql(default, desc = "Whether the oldest come first.")] reverse: bool,
    ) -> Nullable<NotificationConnection> {
        self.own(ctx, notifications::own_notifications(ctx, filter, reverse)).await
    }

    /// How many of their notifications are unread. For themselves only, null for everybody else.
    async fn notification_unread_count(&self, ctx: &Context<'_>) -> Nullable<i64> {
        self.own(ctx, notifications::unread_count(ctx)).await
    }
}

/// Whoever asks; null when nobody is signed in.
pub(super) async fn viewer<T: Sync>(ctx: &Context<'_>, _: &T) -> async_graphql::Result<Option<User>> {
    user_by_id(ctx, ctx.request().actor.user_id()).await
}

/// A person that something names; null where it names none, and once their account is erased.
pub(super) async fn user_by_id(ctx: &Context<'_>, id: Option<UserId>) -> async_graphql::Result<Option<User>> {
    let Some(id) = id else { return Ok(None) };
    Ok(ctx.request().loaders.load::<UsersById>(id).await?.map(User::from))
}

/// A change of one's own profile. Absent leaves a field as it is; null clears it, where it can be empty.
#[derive(InputObject)]
pub(crate) struct ProfileUpdateInput {
    /// A new user name; the next change is possible after a time that the operator set (30 days).
    username: MaybeUndefined<String>,
    /// At most 50 characters.
    first_name: MaybeUndefined<String>,
    /// At most 50 characters.
    last_name: MaybeUndefined<String>,
    /// At most 100 characters; null: made of first and last name.
    display_name: MaybeUndefined<String>,
    /// An https address, at most 512 characters.
    avatar_url: MaybeUndefined<Url>,
    /// At most 500 characters.
    bio: MaybeUndefined<String>,
    /// The language of messages; null: English.
    locale: MaybeUndefined<LanguageCode>,
    /// Whether to get a digest of what one has not read, by e-mail to the confirmed address; null: off.
    digest: MaybeUndefined<Digest>,
}

impl ProfileUpdateInput {
    fn command(self) -> ProfileUpdate {
        let clearable = |value: MaybeUndefined<String>| match value {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(String::new()),
            MaybeUndefined::Value(value) => Some(value),
        };
        ProfileUpdate {
            // Null is refused as blank, together with whatever else is wrong.
            username: clearable(self.username),
            first_name: clearable(self.first_name),
            last_name: clearable(self.last_name),
            display_name: clearable(self.display_name),
            avatar_url: match self.avatar_url {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(value) => Some(Some(value.into())),
            },
            bio: clearable(self.bio),
            locale: match self.locale {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(crate::error::Locale::English),
                MaybeUndefined::Value(locale) => Some(locale.into()),
            },
            digest: match self.digest {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(Digest::Off.into()),
                MaybeUndefined::Value(digest) => Some(digest.into()),
            },
        }
    }
}

payload! {
    /// What came of `profileUpdate`.
    ProfileUpdatePayload {
        /// The person after the change; null when `errors` is not empty.
        user: User
    }
}

/// Conditions that all must hold.
#[derive(InputObject, Default)]
pub(crate) struct UserWhere {
    /// Words of their names, each from its beginning; case, accents and Arabic marks don't matter. Single letters
    /// don't count, and alone are a BAD_REQUEST. Where more than 10,000 have these words, the newest of them are looked at.
    /// Costs 100.
    text: Option<String>,
    /// When they joined. In the order of names, where more than 10,000 did, the newest of them are looked at.
    created_at: Option<DateTimeRange>,
}

/// In which order people are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::accounts::UserSort")]
pub(crate) enum UserSort {
    /// By user name, from A to Z.
    Username,
    /// Those who joined last, first.
    Newest,
}

/// The root fields that read people.
#[derive(Default)]
pub(crate) struct AccountQuery;

#[Object]
impl AccountQuery {
    /// The signed-in person, with what is only theirs: `wallet`, `payments`, `notifications` and more; null when nobody is
    /// signed in. UNAUTHENTICATED when a token came that is not good (any more).
    async fn me(&self, ctx: &Context<'_>) -> Nullable<User> {
        private(ctx, viewer(ctx, self)).await
    }

    /// A person by user name, whatever its case; null when there is none.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The user name.")] username: String) -> Nullable<User> {
        nullable(async {
            let request = ctx.request();
            Ok(accounts::user_by_username(&request.app, &request.actor, &username).await?.map(User::from))
        })
        .await
    }

    /// People, a page at a time.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which people.")] filter: Option<UserWhere>,
        #[graphql(default_with = "UserSort::Username", desc = "In which order.")] sort_by: UserSort,
        #[graphql(default, desc = "Whether the order is reversed.")] reverse: bool,
    ) -> Nullable<Connection<User>> {
        nullable(async {
            let request = ctx.request();
            let sort: accounts::UserSort = sort_by.into();
            let page = requested_page(ctx, sort.cursor_name(), reverse)?;
            let filter = filter.unwrap_or_default();
            let filter = UserFilter { text: filter.text, during: filters::span(filter.created_at) };
            let slice = accounts::users(&request.app, &request.actor, &filter, sort, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, |user| sort.cursor(user), User::from)))
        })
        .await
    }
}

/// One's own profile.
#[derive(Default)]
pub(crate) struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Changes one's own profile.
    /// Codes: BLANK, TOO_SHORT, TOO_LONG, INVALID, INVALID_CHARACTERS, RESERVED, TAKEN, TOO_SOON.
    async fn profile_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: ProfileUpdateInput,
    ) -> Nullable<ProfileUpdatePayload> {
        nullable(async {
            let request = ctx.request();
            let (actor, client) = (&request.actor, &request.client);
            answer(request, accounts::profile_update(&request.app, actor, client, input.command()).await)
        })
        .await
    }
}
