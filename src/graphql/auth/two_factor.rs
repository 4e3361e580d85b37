//! Two-factor authentication, and proving anew who is signed in, as clients see them.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};
use chrono::{DateTime, Utc};

use super::sign_in::{Session, TwoFactorMethod};
use crate::{
    domain::auth::{self, Proof},
    entity::{TwoFactorId, UserId},
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            error::{Nullable, answer, nullable, payload},
            loaders::loaders,
            rules::Rule,
        },
        registration::{ById, Noun},
    },
};

/// What the second factor hands over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[RULES],
    ids: &[ById::loaded::<TwoFactors, TwoFactor>(TwoFactorId::PREFIX)],
    texts: &[
        ("BackupCodesRegeneratePayload", "backupCodes", 200),
        ("TwoFactorEnablePayload", "backupCodes", 200),
        ("TwoFactorSetup", "otpauthUri", 500),
        ("TwoFactorSetup", "qrCode", 10_000),
    ],
    short_texts: &["TwoFactorSetup.secret"],
    ..Noun::EMPTY
};

loaders! {
    /// How the viewer's own second factor stands.
    TwoFactors: UserId => auth::TwoFactor = auth::two_factors;
}

/// How somebody's second factor stands.
pub(crate) struct TwoFactor(auth::TwoFactor);

impl From<auth::TwoFactor> for TwoFactor {
    fn from(view: auth::TwoFactor) -> Self {
        Self(view)
    }
}

/// How somebody's second factor stands. Only they see it.
#[Object]
impl TwoFactor {
    /// Opaque and typed: `twofactor_01jc…`.
    pub(crate) async fn id(&self) -> ID {
        TwoFactorId(self.0.owner.0).to_string().into()
    }

    /// Whether a sign-in asks for a second proof.
    async fn is_enabled(&self) -> bool {
        self.0.enabled_at.is_some()
    }

    /// When it was switched on; null when it is off.
    async fn enabled_at(&self) -> Option<DateTime<Utc>> {
        self.0.enabled_at
    }

    /// Whether the person's role demands it: without, nothing else is possible, and it can't be switched off.
    async fn is_required(&self) -> bool {
        self.0.required
    }

    /// How many backup codes are still good; make new ones by `backupCodesRegenerate` before they run out.
    async fn backup_codes_left(&self) -> i64 {
        self.0.backup_codes_left
    }

    /// The second proofs that a sign-in takes at present; empty when it is off.
    async fn methods(&self) -> Vec<TwoFactorMethod> {
        self.0.methods.iter().filter_map(|method| TwoFactorMethod::of(*method)).collect()
    }
}

/// What an authenticator app needs. Shown once, here; nothing is switched on before `twoFactorEnable`.
#[derive(SimpleObject)]
pub(crate) struct TwoFactorSetup {
    /// The secret in base 32, for those who type it.
    secret: String,
    /// The same as a link that apps open: `otpauth://totp/…`.
    otpauth_uri: String,
    /// The same to be photographed: a PNG as a data URI, for the `src` of an image.
    qr_code: String,
}

impl From<auth::TwoFactorSetup> for TwoFactorSetup {
    fn from(setup: auth::TwoFactorSetup) -> Self {
        Self { secret: setup.secret, otpauth_uri: setup.otpauth_uri, qr_code: setup.qr_code }
    }
}

payload! {
    /// What came of `twoFactorSetup`.
    TwoFactorSetupPayload {
        /// Null when `errors` is not empty.
        setup: TwoFactorSetup
    }
}

/// The first code of the app.
#[derive(InputObject)]
pub(crate) struct TwoFactorEnableInput {
    /// Six digits, as the app shows them now.
    code: String,
}

payload! {
    /// What came of `twoFactorEnable`.
    TwoFactorEnablePayload {
        /// Ten codes to be kept on paper, shown this once: each is good for one sign-in without the app. Null when
        /// `errors` is not empty.
        backup_codes: Vec<String>
    } also {
        /// You, with the second factor switched on; null when `errors` is not empty.
        user: User = viewer,
    }
}

/// A proof that it is the owner who switches it off.
#[derive(InputObject)]
pub(crate) struct TwoFactorDisableInput {
    /// A code of the app, or a backup code.
    code: String,
}

payload! {
    /// What came of `twoFactorDisable`.
    TwoFactorDisablePayload {
        /// Whose it was; null when `errors` is not empty.
        user: User
    }
}

payload! {
    /// What came of `backupCodesRegenerate`.
    BackupCodesRegeneratePayload {
        /// Ten new codes, shown this once; null when `errors` is not empty.
        backup_codes: Vec<String>
    } also {
        /// You, with the backup codes that are left; null when `errors` is not empty.
        user: User = viewer,
    }
}

/// The answer to a challenge.
#[derive(InputObject)]
pub(crate) struct TwoFactorVerifyInput {
    /// As `login` gave it.
    challenge_token: String,
    /// Which proof this is: one of those that the challenge lists.
    method: TwoFactorMethod,
    /// The code; spaces, hyphens and case don't matter.
    code: String,
}

payload! {
    /// What came of `twoFactorVerify`.
    TwoFactorVerifyPayload {
        /// Signed in; null when `errors` is not empty.
        session: Session
    }
}

/// Which code to send.
#[derive(InputObject)]
pub(crate) struct TwoFactorCodeSendInput {
    /// As `login` gave it.
    challenge_token: String,
    /// EMAIL or SMS, as far as the challenge lists it.
    method: TwoFactorMethod,
}

payload! {
    /// What came of `twoFactorCodeSend`.
    TwoFactorCodeSendPayload {
        /// The code is good until then, and until the next one is sent; null when `errors` is not empty.
        expires_at: DateTime<Utc>
    }
}

/// One proof of who is signed in: one of those that REAUTHENTICATION_REQUIRED lists as `methods`.
#[derive(OneofObject)]
pub(crate) enum ReauthenticateInput {
    /// The password (`PASSWORD`).
    Password(String),
    /// A code of the authenticator app (`TOTP`).
    Totp(String),
    /// A backup code (`BACKUP_CODE`); it is used up.
    BackupCode(String),
    /// A code that `reauthenticationCodeSend` sent (`EMAIL`).
    EmailCode(String),
}

impl From<ReauthenticateInput> for Proof {
    fn from(input: ReauthenticateInput) -> Self {
        match input {
            ReauthenticateInput::Password(password) => Self::Password(password.into()),
            ReauthenticateInput::Totp(code) => Self::Totp(code),
            ReauthenticateInput::BackupCode(code) => Self::BackupCode(code),
            ReauthenticateInput::EmailCode(code) => Self::EmailCode(code),
        }
    }
}

payload! {
    /// What came of `reauthenticate`.
    ReauthenticatePayload {
        /// Until when this session may do what asks for a recent authentication; null when `errors` is not empty.
        fresh_until: DateTime<Utc>
    }
}

payload! {
    /// What came of `reauthenticationCodeSend`.
    ReauthenticationCodeSendPayload {
        /// The code is good until then, and until the next one is sent; null when `errors` is not empty.
        expires_at: DateTime<Utc>
    }
}

/// The second factor: set up, used, taken away; and proving anew who is signed in.
#[derive(Default)]
pub(crate) struct TwoFactorMutation;

/// The rules of the mutations below.
const RULES: &[Rule] = &[
    Rule::of("twoFactorSetup").recent_authentication("a second factor of a stranger's would lock the owner out"),
    Rule::of("twoFactorEnable").alone(),
    Rule::of("twoFactorDisable").alone().recent_authentication("it takes the protection away"),
    Rule::of("backupCodesRegenerate").recent_authentication("the codes are shown, and replace the second factor"),
    Rule::of("twoFactorVerify").alone(),
    Rule::of("twoFactorCodeSend").alone(),
    Rule::of("reauthenticate").alone(),
    Rule::of("reauthenticationCodeSend").alone(),
];

#[Object]
impl TwoFactorMutation {
    /// Makes a secret for an authenticator app; show it, then prove by `twoFactorEnable` that the app has it. Can be
    /// called again until then: the newest counts. Needs a recent authentication (`reauthenticate`). Possible, with
    /// `twoFactorEnable`, while everything else gives TWO_FACTOR_SETUP_REQUIRED. Code: TWO_FACTOR_ENABLED.
    async fn two_factor_setup(&self, ctx: &Context<'_>) -> Nullable<TwoFactorSetupPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, auth::two_factor_setup(&request.app, &request.actor).await)
        })
        .await
    }

    /// Switches the second factor on, by the first code of the app. Where the person's role demanded it, this session's
    /// tokens still say so: get new ones by `tokenRefresh`. After five wrong codes RATE_LIMITED says how long to wait.
    /// Codes: TWO_FACTOR_NOT_ENABLED, TWO_FACTOR_ENABLED, INVALID_CODE. Stands alone in its operation.
    async fn two_factor_enable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code.")] input: TwoFactorEnableInput,
    ) -> Nullable<TwoFactorEnablePayload> {
        nullable(async {
            let request = ctx.request();
            let codes = auth::two_factor_enable(&request.app, &request.actor, &request.client, &input.code).await;
            answer(request, codes)
        })
        .await
    }

    /// Switches the second factor off; the backup codes are void. Needs a recent authentication (`reauthenticate`).
    /// Codes: TWO_FACTOR_NOT_ENABLED, TWO_FACTOR_REQUIRED, INVALID_CODE. Stands alone in its operation.
    async fn two_factor_disable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The code.")] input: TwoFactorDisableInput,
    ) -> Nullable<TwoFactorDisablePayload> {
        nullable(async {
            let request = ctx.request();
            let user = auth::two_factor_disable(&request.app, &request.actor, &request.client, &input.code).await;
            answer(request, user)
        })
        .await
    }

    /// Makes ten new backup codes; the former ones are void. Needs a recent authentication (`reauthenticate`).
    /// Code: TWO_FACTOR_NOT_ENABLED.
    async fn backup_codes_regenerate(&self, ctx: &Context<'_>) -> Nullable<BackupCodesRegeneratePayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, auth::backup_codes_regenerate(&request.app, &request.actor, &request.client).await)
        })
        .await
    }

    /// Signs in by the second proof, after `login` (or a sign-in at a provider) gave a challenge. Five tries; each code
    /// is good once, so wait for the app's next one after it was used. INVALID_CHALLENGE: sign in again.
    /// Codes: INVALID_CHALLENGE, METHOD_NOT_AVAILABLE, INVALID_CODE, ACCOUNT_SUSPENDED. Stands alone in its operation.
    async fn two_factor_verify(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer.")] input: TwoFactorVerifyInput,
    ) -> Nullable<TwoFactorVerifyPayload> {
        nullable(async {
            let request = ctx.request();
            let (token, method) = (&input.challenge_token, input.method.method());
            let session = auth::two_factor_verify(&request.app, &request.client, token, method, &input.code).await;
            answer(request, request.keep(session))
        })
        .await
    }

    /// Sends the code of a challenge to the verified address or number, or sends another, which voids the one before.
    /// Codes: INVALID_CHALLENGE, METHOD_NOT_AVAILABLE, CODE_SENT_JUST_NOW, TOO_MANY_CODES. Stands alone in its operation.
    async fn two_factor_code_send(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which code.")] input: TwoFactorCodeSendInput,
    ) -> Nullable<TwoFactorCodeSendPayload> {
        nullable(async {
            let request = ctx.request();
            let (token, method) = (&input.challenge_token, input.method.method());
            answer(request, auth::two_factor_code_send(&request.app, &request.client, token, method).await)
        })
        .await
    }

    /// Proves anew who is signed in: for five minutes this session may do what otherwise gives
    /// REAUTHENTICATION_REQUIRED. After five wrong proofs RATE_LIMITED says how long to wait.
    /// Codes: METHOD_NOT_AVAILABLE, WRONG_PASSWORD, INVALID_CODE. Stands alone in its operation.
    async fn reauthenticate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof.")] input: ReauthenticateInput,
    ) -> Nullable<ReauthenticatePayload> {
        nullable(async {
            let request = ctx.request();
            let until = auth::reauthenticate(&request.app, &request.actor, &request.client, input.into()).await;
            answer(request, until)
        })
        .await
    }

    /// Sends the code for `reauthenticate` to the e-mail address, for those who have neither a password nor an
    /// authenticator app. Codes: METHOD_NOT_AVAILABLE, CODE_SENT_JUST_NOW, TOO_MANY_CODES. Stands alone in its operation.
    async fn reauthentication_code_send(&self, ctx: &Context<'_>) -> Nullable<ReauthenticationCodeSendPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, auth::reauthentication_code_send(&request.app, &request.actor).await)
        })
        .await
    }
}
