//! People, sign-in and sessions as clients see them.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};

use super::{
    activity::{self, Activity},
    admin::{self, AccountOverview, Role},
    connection::{Connection, Listed, wants_total},
    context::RequestExt,
    error::{Nullable, Payload, UserError, answer, nullable, payload},
    identities::Identity,
    posts::{self, Post},
    privacy::{self, AccountExport},
    profiles::{Profile, ProfileField},
    scalars::LocaleName,
    sessions::ActiveSession,
    two_factor::TwoFactor,
};
use crate::{
    domain::{
        accounts::{self, IssuedSession, Login, Method, ProfileUpdate, Register, Registered, SignIn, UserFilter},
        actor::Actor,
        permissions::Permission,
        profiles::{self, Completion},
    },
    error::Error,
    platform::page::Page,
};

/// What a person mainly does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::entity::user::UserKind")]
pub enum UserKind {
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
pub enum Digest {
    /// Never.
    Off,
    /// Once a day, when there is something.
    Daily,
}

/// A person.
pub struct User(accounts::User);

impl From<accounts::User> for User {
    fn from(user: accounts::User) -> Self {
        Self(user)
    }
}

impl Listed for User {
    const LIST_NAME: &'static str = "User";
}

/// A person.
#[Object]
impl User {
    /// Opaque and typed: `user_01jc…`.
    pub async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The name they sign in and are mentioned with: 3 to 30 letters, digits and underscores, unique whatever its case.
    async fn username(&self) -> &str {
        &self.0.username
    }

    /// May be empty.
    async fn first_name(&self) -> &str {
        &self.0.first_name
    }

    /// May be empty.
    async fn last_name(&self) -> &str {
        &self.0.last_name
    }

    /// The name to show; never empty.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// Address of a picture; null when there is none.
    async fn avatar_url(&self) -> Option<&str> {
        self.0.avatar_url.as_deref()
    }

    /// What they say about themselves, at most 500 characters; may be empty.
    async fn bio(&self) -> &str {
        &self.0.bio
    }

    /// What they mainly do here.
    async fn kind(&self) -> UserKind {
        self.0.kind.into()
    }

    /// The language of messages to them.
    async fn locale(&self) -> LocaleName {
        crate::error::Locale::parse(&self.0.locale).into()
    }

    /// How many posts they have published and not deleted.
    async fn post_count(&self) -> i64 {
        self.0.post_count
    }

    /// Their e-mail address: for themselves and for staff who may see contacts, null for everybody else; null, too, when
    /// they have none that is theirs.
    async fn email(&self, ctx: &Context<'_>) -> Nullable<String> {
        nullable(async { Ok(ctx.request().loaders.emails.load(self.0.id).await?.and_then(|email| email.address)) })
            .await
    }

    /// Whether the address is proven theirs, by `emailVerify`; null for who may not see it.
    async fn email_verified(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async { Ok(ctx.request().loaders.emails.load(self.0.id).await?.map(|email| email.is_verified)) }).await
    }

    /// Telephone number, country and the rest of the second step of joining: for themselves and for staff who may see
    /// contacts, null for everybody else.
    async fn profile(&self, ctx: &Context<'_>) -> Nullable<Profile> {
        nullable(async { Ok(ctx.request().loaders.profiles.load(self.0.id).await?.map(Profile::from)) }).await
    }

    /// Whether `profileComplete` went well, and nothing that is required is missing since; null for who may not see the
    /// profile.
    async fn profile_completed(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async { Ok(ctx.request().loaders.completions.load(self.0.id).await?.map(|found| found.is_complete)) })
            .await
    }

    /// How their second factor stands: for themselves only, null for everybody else.
    async fn two_factor(&self, ctx: &Context<'_>) -> Nullable<TwoFactor> {
        nullable(async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id) && !request.actor.may(Permission::SeeContacts) {
                return Ok(None);
            }
            Ok(request.loaders.two_factors.load(self.0.id).await?.map(TwoFactor))
        })
        .await
    }

    /// The identities elsewhere by which they sign in, oldest first: for themselves only, null for everybody else.
    async fn identities(&self, ctx: &Context<'_>) -> Nullable<Vec<Identity>> {
        nullable(Box::pin(async {
            let request = ctx.request();
            let found = accounts::oauth::identities(&request.app, &request.actor, self.0.id).await?;
            Ok(found.map(|found| found.into_iter().map(Identity::from).collect()))
        }))
        .await
    }

    /// Whether they get a digest of what they have not read: for themselves only, null for everybody else. It goes to
    /// a confirmed address only.
    async fn digest(&self, ctx: &Context<'_>) -> Nullable<Digest> {
        nullable(async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id) {
                return Ok(None);
            }
            let wanted = request.loaders.digests.load(self.0.id).await?;
            Ok(Some(wanted.map_or(Digest::Off, Digest::from)))
        })
        .await
    }

    /// Whether this is the person who asks.
    async fn is_viewer(&self, ctx: &Context<'_>) -> bool {
        ctx.request().actor.user_id() == Some(self.0.id)
    }

    /// Where they are signed in, last used first, at most 100: for themselves only, null for everybody else.
    async fn sessions(&self, ctx: &Context<'_>) -> Nullable<Vec<ActiveSession>> {
        nullable(Box::pin(async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id) {
                return Ok(None);
            }
            let sessions = accounts::active_sessions(&request.app, &request.actor).await?;
            Ok(Some(sessions.into_iter().map(ActiveSession::from).collect()))
        }))
        .await
    }

    /// The newest archive of everything held about them, as long as it is kept: for themselves only, null for everybody
    /// else and when there is none.
    async fn latest_export(&self, ctx: &Context<'_>) -> Nullable<AccountExport> {
        nullable(Box::pin(async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id) {
                return Ok(None);
            }
            privacy::latest_export(request).await
        }))
        .await
    }

    /// When their account is going to be deleted, if they want to leave: for themselves only, null for everybody else.
    async fn deletion_due_at(&self, ctx: &Context<'_>) -> Nullable<DateTime<Utc>> {
        nullable(Box::pin(async {
            let request = ctx.request();
            if request.actor.user_id() != Some(self.0.id) {
                return Ok(None);
            }
            Ok(crate::domain::privacy::deletion_due(&request.app, &request.actor).await?)
        }))
        .await
    }

    /// Their posts, newest first.
    async fn posts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many, at most 100; 20 when neither this nor `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Nullable<Connection<Post>> {
        nullable(Box::pin(posts::posts_of(ctx, self.0.id, first, after, last, before))).await
    }

    /// When they joined.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// What they are here; for themselves and for those with the permission SEE_ACCOUNTS, null for everybody else.
    async fn role(&self, ctx: &Context<'_>) -> Nullable<Role> {
        nullable(async { Ok(admin::overview(ctx, self.0.id).await?.map(|overview| overview.role.into())) }).await
    }

    /// What their role allows: show by it what they can do. A role that demands a second factor allows nothing before it
    /// is set up. For themselves and for those with the permission SEE_ACCOUNTS, null for everybody else.
    async fn permissions(&self, ctx: &Context<'_>) -> Nullable<Vec<admin::Permission>> {
        nullable(async {
            Ok(admin::overview(ctx, self.0.id).await?.map(|overview| admin::permissions_of(overview.role)))
        })
        .await
    }

    /// What is behind them; for themselves and for those with the permission SEE_ACCOUNTS, null for everybody else.
    async fn account(&self, ctx: &Context<'_>) -> Nullable<AccountOverview> {
        nullable(async { Ok(admin::overview(ctx, self.0.id).await?.map(AccountOverview::from)) }).await
    }

    /// What happened to their account, newest first: sign-ins, changes, what the service's staff did. For themselves
    /// only, null for everybody else (`adminActivity` is for those with rights). Look for what you did not do yourself.
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many, at most 100; 20 when neither this nor `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Nullable<Connection<Activity>> {
        nullable(Box::pin(activity::own_activity(ctx, self.0.id, first, after, last, before))).await
    }
}

/// Signed in: the tokens, shown once.
pub struct Session(IssuedSession);

/// Signed in: the tokens, shown once. Keep the refresh token safe: whoever has it is you.
#[Object]
impl Session {
    /// Send it as `Authorization: Bearer …`, or as `authorization` in the payload of `connection_init`. Null in cookie
    /// mode (`x-agora-session: cookie`), where a cookie holds it that no script can read.
    async fn access_token(&self, ctx: &Context<'_>) -> Option<&str> {
        (!ctx.request().keeping.is_in_cookies()).then_some(self.0.access_token.as_str())
    }

    /// When the access token ends; use `tokenRefresh` before.
    async fn access_token_expires_at(&self) -> DateTime<Utc> {
        self.0.access_token_expires_at
    }

    /// Good for one `tokenRefresh`, which gives the next one. Null in cookie mode.
    async fn refresh_token(&self, ctx: &Context<'_>) -> Option<&str> {
        (!ctx.request().keeping.is_in_cookies()).then_some(self.0.refresh_token.as_str())
    }

    /// When the session ends unless it is refreshed before.
    async fn refresh_token_expires_at(&self) -> DateTime<Utc> {
        self.0.refresh_token_expires_at
    }

    /// Whether nothing is possible yet but to set up the second factor that the person's role demands: `twoFactorSetup`,
    /// `twoFactorEnable`, then `tokenRefresh`. Everything else gives TWO_FACTOR_SETUP_REQUIRED.
    async fn requires_two_factor_setup(&self) -> bool {
        self.0.needs_two_factor
    }

    /// Who is signed in. What only they themselves may see is null here, as long as this request is not sent with their
    /// token: ask `me` next.
    async fn user(&self) -> User {
        User(self.0.user.clone())
    }

    /// Whether something that the operator requires of a profile is missing: show the second step of joining, which ends
    /// with `profileComplete`. Nothing is refused until then.
    async fn requires_completion(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async { Ok(self.completion(ctx).await?.map(|found| !found.missing.is_empty())) }).await
    }

    /// What is required and missing.
    async fn missing_profile_fields(&self, ctx: &Context<'_>) -> Nullable<Vec<ProfileField>> {
        let fields = |found: Completion| found.missing.into_iter().map(ProfileField::from).collect();
        nullable(async { Ok(self.completion(ctx).await?.map(fields)) }).await
    }
}

impl Session {
    /// Of whoever gets the tokens, though the request that signs in was not signed in itself.
    async fn completion(&self, ctx: &Context<'_>) -> crate::error::Result<Option<Completion>> {
        let id = self.0.user.id;
        Ok(profiles::completions(&ctx.request().app, &Actor::System, &[id]).await?.remove(&id))
    }
}

impl From<IssuedSession> for Session {
    fn from(session: IssuedSession) -> Self {
        Self(session)
    }
}

/// Not signed in yet: the address has to be confirmed first, by the message that was sent to it.
#[derive(SimpleObject)]
pub struct EmailConfirmationPending {
    /// The address that the message went to.
    email: String,
}

/// Signed in at once, or to be confirmed by e-mail first, as the operator chose.
#[derive(Union)]
pub enum RegisterResult {
    /// Signed in.
    Session(Session),
    /// To be confirmed.
    EmailConfirmationPending(EmailConfirmationPending),
}

impl From<Registered> for RegisterResult {
    fn from(registered: Registered) -> Self {
        match registered {
            Registered::Session(session) => Self::Session((*session).into()),
            Registered::ConfirmationPending { email } => {
                Self::EmailConfirmationPending(EmailConfirmationPending { email })
            }
        }
    }
}

/// A way to prove who one is, beyond the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum TwoFactorMethod {
    /// A code from an authenticator app.
    Totp,
    /// A code sent to the verified e-mail address; ask for it by `twoFactorCodeSend`.
    Email,
    /// A code sent to the verified telephone number; ask for it by `twoFactorCodeSend`.
    Sms,
    /// One of the backup codes; it is used up.
    BackupCode,
}

impl TwoFactorMethod {
    /// The method as clients see it; a password is no second factor.
    pub(super) fn of(method: Method) -> Option<Self> {
        match method {
            Method::Password => None,
            Method::Totp => Some(Self::Totp),
            Method::Email => Some(Self::Email),
            Method::Sms => Some(Self::Sms),
            Method::BackupCode => Some(Self::BackupCode),
        }
    }

    /// The method as the domain knows it.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Totp => Method::Totp,
            Self::Email => Method::Email,
            Self::Sms => Method::Sms,
            Self::BackupCode => Method::BackupCode,
        }
    }
}

/// The password, or a provider's word, was right; one more proof is needed.
#[derive(SimpleObject)]
pub struct TwoFactorChallenge {
    /// Proves that the first proof was right; good for a few minutes and for this purpose only.
    challenge_token: String,
    /// Which further proofs are accepted.
    methods: Vec<TwoFactorMethod>,
    /// When the challenge ends.
    expires_at: DateTime<Utc>,
}

/// Either a session, or what is still needed for one.
#[derive(Union)]
pub enum LoginResult {
    /// Signed in.
    Session(Session),
    /// One more proof is needed: `twoFactorVerify`.
    TwoFactorChallenge(TwoFactorChallenge),
}

impl From<SignIn> for LoginResult {
    fn from(sign_in: SignIn) -> Self {
        match sign_in {
            SignIn::Session(session) => Self::Session((*session).into()),
            SignIn::Challenge(challenge) => Self::TwoFactorChallenge(TwoFactorChallenge {
                challenge_token: challenge.token,
                methods: challenge.methods.into_iter().filter_map(TwoFactorMethod::of).collect(),
                expires_at: challenge.expires_at,
            }),
        }
    }
}

/// A wish to join.
#[derive(InputObject)]
pub struct RegisterInput {
    /// 3 to 30 letters, digits and underscores, starting with a letter; unique whatever its case.
    username: String,
    /// At most 254 characters; unique whatever its case; shown to nobody else.
    email: String,
    /// 10 to 128 characters, not an often used one, not made of the user name or address.
    password: String,
    /// At most 50 characters.
    #[graphql(default)]
    first_name: String,
    /// At most 50 characters.
    #[graphql(default)]
    last_name: String,
}

payload! {
    /// What came of `register`.
    RegisterPayload {
        /// Null when `errors` is not empty.
        result: RegisterResult
    }
}

/// A wish to come in.
#[derive(InputObject)]
pub struct LoginInput {
    /// E-mail address or user name, whatever its case.
    login: String,
    /// The password.
    password: String,
}

payload! {
    /// What came of `login`.
    LoginPayload {
        /// Null when `errors` is not empty.
        result: LoginResult
    }
}

/// A wish to stay signed in.
#[derive(InputObject)]
pub struct TokenRefreshInput {
    /// The newest refresh token of the session; left out in cookie mode, where it comes in its cookie.
    refresh_token: Option<String>,
}

payload! {
    /// What came of `tokenRefresh`.
    TokenRefreshPayload {
        /// The session with its next tokens; null when `errors` is not empty.
        session: Session
    }
}

/// What came of `logout`.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    /// Whether the session has ended.
    ended: bool,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
}

impl Payload<bool> for LogoutPayload {
    fn done(ended: bool) -> Self {
        Self { ended, errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { ended: false, errors }
    }
}

/// A change of one's own profile. Absent leaves a field as it is; null clears it, where it can be empty.
#[derive(InputObject)]
pub struct ProfileUpdateInput {
    /// A new user name; the next change is possible after a time that the operator set (30 days).
    username: MaybeUndefined<String>,
    /// At most 50 characters.
    first_name: MaybeUndefined<String>,
    /// At most 50 characters.
    last_name: MaybeUndefined<String>,
    /// At most 100 characters; null: made of first and last name.
    display_name: MaybeUndefined<String>,
    /// An https address, at most 512 characters.
    avatar_url: MaybeUndefined<String>,
    /// At most 500 characters.
    bio: MaybeUndefined<String>,
    /// The language of messages; null: English.
    locale: MaybeUndefined<LocaleName>,
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
                MaybeUndefined::Value(value) => Some(Some(value)),
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
pub struct UserWhere {
    /// Words of their names, each from its beginning; case, accents and Arabic marks don't matter.
    text: Option<String>,
}

/// In which order people are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::domain::accounts::UserSort")]
pub enum UserSort {
    /// By user name, from A to Z.
    Username,
    /// Those who joined last, first.
    Newest,
}

/// Reading people.
#[derive(Default)]
pub struct AccountQuery;

#[Object]
impl AccountQuery {
    /// The signed-in person; null when nobody is.
    async fn me(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(async {
            let request = ctx.request();
            let Some(id) = request.actor.user_id() else { return Ok(None) };
            Ok(request.loaders.users.load(id).await?.map(User))
        })
        .await
    }

    /// A person by user name, whatever its case; null when there is none.
    async fn user(&self, ctx: &Context<'_>, #[graphql(desc = "The user name.")] username: String) -> Nullable<User> {
        nullable(async {
            let request = ctx.request();
            Ok(accounts::user_by_username(&request.app, &request.actor, &username).await?.map(User))
        })
        .await
    }

    /// People, a page at a time.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "where", desc = "Which people.")] filter: Option<UserWhere>,
        #[graphql(default_with = "UserSort::Username", desc = "In which order.")] sort_by: UserSort,
        #[graphql(desc = "The first so many, at most 100; 20 when neither this nor `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Nullable<Connection<User>> {
        nullable(async {
            let request = ctx.request();
            let sort: accounts::UserSort = sort_by.into();
            let page =
                Page::parse(&request.app.keys, sort.cursor_name(), first, after.as_deref(), last, before.as_deref())?;
            let filter = UserFilter { text: filter.unwrap_or_default().text };
            let slice = accounts::users(&request.app, &request.actor, &filter, sort, &page, wants_total(ctx)).await?;
            Ok(Some(Connection::new(slice, |user| sort.cursor(user), User)))
        })
        .await
    }
}

/// Coming in, staying in, leaving, and one's own profile.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Makes an account. Where the operator asks for confirmed addresses (production does, unless told otherwise) a code is
    /// sent, for `emailVerify`, and the answer is the same for a taken address; else the person is signed in at once, and
    /// `emailVerificationSend` sends the code. Codes: BLANK, TOO_SHORT, TOO_LONG, INVALID, INVALID_CHARACTERS, RESERVED, TAKEN, PASSWORD_TOO_WEAK.
    /// Stands alone in its operation.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who joins.")] input: RegisterInput,
    ) -> Nullable<RegisterPayload> {
        nullable(async {
            let request = ctx.request();
            let command = Register {
                username: input.username,
                email: input.email,
                password: input.password.into(),
                first_name: input.first_name,
                last_name: input.last_name,
            };
            answer(request, request.keep(accounts::register(&request.app, &request.client, command).await))
        })
        .await
    }

    /// Signs in. Codes: INVALID_CREDENTIALS, EMAIL_NOT_CONFIRMED, ACCOUNT_SUSPENDED. Stands alone in its operation.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who comes in.")] input: LoginInput,
    ) -> Nullable<LoginPayload> {
        nullable(async {
            let request = ctx.request();
            let command = Login { login: input.login, password: input.password.into() };
            answer(request, request.keep(accounts::login(&request.app, &request.client, command).await))
        })
        .await
    }

    /// Exchanges the refresh token for the next tokens. A token that comes back after it was exchanged ends the session.
    /// Code: INVALID_REFRESH_TOKEN. Stands alone in its operation.
    async fn token_refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: TokenRefreshInput,
    ) -> Nullable<TokenRefreshPayload> {
        nullable(async {
            let request = ctx.request();
            let token = input.refresh_token.as_deref().or(request.keeping.refresh_token()).unwrap_or_default();
            let result = request.keep(accounts::token_refresh(&request.app, &request.client, token).await);
            if matches!(result, Err(Error::User(_))) {
                request.drop_session();
            }
            answer(request, result)
        })
        .await
    }

    /// Ends this session: its tokens are no good any more, its sockets close. In cookie mode the cookie for refreshing is
    /// enough, and both cookies go. UNAUTHENTICATED when nobody is signed in. No codes.
    async fn logout(&self, ctx: &Context<'_>) -> Nullable<LogoutPayload> {
        nullable(async {
            let request = ctx.request();
            // The cookies go in any case; of the two, the one for refreshing lives longer.
            request.drop_session();
            let result = match (request.actor.user_id(), request.keeping.refresh_token()) {
                (None, Some(token)) => accounts::logout_by_refresh_token(&request.app, &request.client, token).await,
                _ => accounts::logout(&request.app, &request.actor, &request.client).await,
            };
            answer(request, result)
        })
        .await
    }

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
