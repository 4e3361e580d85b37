//! Coming in, staying in and leaving, as clients see it.

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};

use crate::{
    domain::{
        actor::Actor,
        auth::{self, IssuedSession, Login, Method, Register, Registered, SignIn},
        profiles::{self, Completion},
    },
    error::Error,
    graphql::{
        accounts::User,
        engine::{
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, Payload, UserError, answer, nullable, payload},
            rules::Rule,
            scalars::EmailAddress,
        },
        profiles::ProfileField,
        registration::Noun,
    },
};

/// What signing in hands over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[RULES],
    texts: &[("Session", "accessToken", 1_000)],
    short_texts: &["EmailConfirmationPending.email", "Session.refreshToken", "TwoFactorChallenge.challengeToken"],
    ..Noun::EMPTY
};

/// Signed in: the tokens, shown once.
pub(crate) struct Session(IssuedSession);

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
        User::from(self.0.user.clone())
    }

    /// Whether something that the operator requires of a profile is missing: show the second step of joining, which ends
    /// with `profileComplete`. Nothing is refused until then.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn requires_completion(&self, ctx: &Context<'_>) -> Nullable<bool> {
        nullable(async { Ok(self.completion(ctx).await?.map(|found| !found.missing.is_empty())) }).await
    }

    /// What is required and missing.
    #[graphql(directive = SemanticNonNull::apply())]
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
pub(crate) struct EmailConfirmationPending {
    /// The address that the message went to.
    email: EmailAddress,
}

/// Signed in at once, or to be confirmed by e-mail first, as the operator chose.
#[derive(Union)]
pub(crate) enum RegisterResult {
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
                Self::EmailConfirmationPending(EmailConfirmationPending { email: email.into() })
            }
        }
    }
}

/// A way to prove who one is, beyond the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum TwoFactorMethod {
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
    pub(in crate::graphql) fn of(method: Method) -> Option<Self> {
        match method {
            Method::Password => None,
            Method::Totp => Some(Self::Totp),
            Method::Email => Some(Self::Email),
            Method::Sms => Some(Self::Sms),
            Method::BackupCode => Some(Self::BackupCode),
        }
    }

    /// The method as the domain knows it.
    pub(in crate::graphql) fn method(self) -> Method {
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
pub(crate) struct TwoFactorChallenge {
    /// Proves that the first proof was right; good for a few minutes and for this purpose only.
    challenge_token: String,
    /// Which further proofs are accepted.
    methods: Vec<TwoFactorMethod>,
    /// When the challenge ends.
    expires_at: DateTime<Utc>,
}

/// Either a session, or what is still needed for one.
#[derive(Union)]
pub(crate) enum LoginResult {
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
pub(crate) struct RegisterInput {
    /// 3 to 30 letters, digits and underscores, starting with a letter; unique whatever its case.
    username: String,
    /// At most 254 characters; unique whatever its case; shown to nobody else.
    email: EmailAddress,
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
pub(crate) struct LoginInput {
    /// E-mail address or user name, whatever its case.
    login: String,
    /// The password; spaces count.
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
pub(crate) struct TokenRefreshInput {
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
pub(crate) struct LogoutPayload {
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

/// Coming in, staying in, leaving.
#[derive(Default)]
pub(crate) struct SignInMutation;

/// The rules of the mutations below.
const RULES: &[Rule] = &[Rule::of("register").alone(), Rule::of("login").alone(), Rule::of("tokenRefresh").alone()];

#[Object]
impl SignInMutation {
    /// Makes an account. Where the operator asks for confirmed addresses (production does, unless told otherwise) a code is
    /// sent, for `emailVerify`, and the answer is the same for a taken address; else the person is signed in at once, and
    /// `emailVerificationSend` sends the code. While an address waits to be confirmed, for 24 hours at most, registering again
    /// with the same user name and password corrects it; the names stay as they were given first. Codes: BLANK, TOO_SHORT, TOO_LONG, INVALID, INVALID_CHARACTERS, RESERVED, TAKEN, PASSWORD_TOO_WEAK.
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
                email: input.email.into(),
                password: input.password.into(),
                first_name: input.first_name,
                last_name: input.last_name,
            };
            answer(request, request.keep(auth::register(&request.app, &request.client, command).await))
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
            answer(request, request.keep(auth::login(&request.app, &request.client, command).await))
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
            let result = request.keep(auth::token_refresh(&request.app, &request.client, token).await);
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
                (None, Some(token)) => auth::logout_by_refresh_token(&request.app, &request.client, token).await,
                _ => auth::logout(&request.app, &request.actor, &request.client).await,
            };
            answer(request, result)
        })
        .await
    }
}
