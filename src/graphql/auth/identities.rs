//! Signing in by providers, and the identities of an account, as clients see them.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};

use super::sign_in::{LoginResult, Session, TwoFactorChallenge};
use crate::{
    domain::auth::oauth::{self, Begin, Begun, Complete, Completed, LinkedIdentity},
    entity::{IdentityId, SignInProviderId},
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            contract::SemanticNonNull,
            error::{Nullable, Payload, UserError, also, answer, nullable, payload},
            loaders::loaders,
            rules::Rule,
            scalars::{EmailAddress, Url},
        },
        node::{Node, id_input, input_id},
        registration::{ById, Noun},
    },
};

/// What identities elsewhere hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    rules: &[RULES],
    ids: &[
        ById::loaded::<IdentitiesById, Identity>(IdentityId::PREFIX),
        ById {
            prefix: SignInProviderId::PREFIX,
            find: |ctx, uuid| {
                Box::pin(async move {
                    let found =
                        oauth::sign_in_providers(&ctx.request().app).into_iter().find(|provider| provider.id.0 == uuid);
                    Ok(found.map(|provider| Node::SignInProvider(provider.into())))
                })
            },
        },
    ],
    texts: &[("OauthFlow", "authorizationUrl", 2_000)],
    short_texts: &[
        "Identity.email",
        "Identity.provider",
        "Identity.title",
        "OauthFlow.flowToken",
        "SignInProvider.name",
        "SignInProvider.title",
    ],
    lists: &[("Query", "signInProviders", 5), ("User", "identities", 5)],
    ..Noun::EMPTY
};

loaders! {
    /// The viewer's own identities elsewhere.
    IdentitiesById: IdentityId => LinkedIdentity = oauth::identities_by_id;
}

/// A provider by which people can sign in here.
#[derive(SimpleObject)]
pub(crate) struct SignInProvider {
    /// Opaque and typed: `signinprovider_…`.
    #[graphql(owned)]
    pub id: ID,
    /// What `oauthBegin` and `identityLink` want, such as `google`.
    name: String,
    /// For people, such as "Google".
    title: String,
}

impl From<oauth::SignInProvider> for SignInProvider {
    fn from(provider: oauth::SignInProvider) -> Self {
        let oauth::SignInProvider { id, name, title } = provider;
        Self { id: id.to_string().into(), name, title }
    }
}

/// An account elsewhere by which a person signs in here. Only they see it.
#[derive(SimpleObject)]
pub(crate) struct Identity {
    /// Opaque and typed: `identity_01jc…`.
    #[graphql(owned)]
    pub id: ID,
    /// The provider's name, such as `google`; a person has at most one identity of each.
    provider: String,
    /// The provider's name for people.
    title: String,
    /// The e-mail address that the provider told last; null when it told none.
    email: Option<EmailAddress>,
    /// When it was linked.
    linked_at: DateTime<Utc>,
    /// When it was last used to sign in, or linked.
    last_used_at: DateTime<Utc>,
}

impl From<LinkedIdentity> for Identity {
    fn from(identity: LinkedIdentity) -> Self {
        let LinkedIdentity { id, provider, title, email, linked_at, last_used_at } = identity;
        let email = email.map(EmailAddress::from);
        Self { id: id.to_string().into(), provider, title, email, linked_at, last_used_at }
    }
}

/// A flow that has begun: send the browser to `authorizationUrl`.
#[derive(SimpleObject)]
pub(crate) struct OauthFlow {
    /// Where to send the browser. It comes back to the frontend, to the path that was asked for, with one parameter
    /// more: `ticket` for `oauthComplete`, or `error`: `access_denied` (the person said no), `provider_failed`, or
    /// `invalid_state` (it took too long, or was not begun here).
    authorization_url: Url,
    /// Keep it in this browser (as in `sessionStorage`) and never put it into an address: `oauthComplete` wants it, so
    /// that nobody can finish here what another browser began.
    flow_token: String,
    /// The browser has to be back by then; the ticket is good for five minutes more.
    expires_at: DateTime<Utc>,
}

impl From<Begun> for OauthFlow {
    fn from(begun: Begun) -> Self {
        Self {
            authorization_url: begun.authorization_url.as_str().into(),
            flow_token: begun.flow_token,
            expires_at: begun.expires_at,
        }
    }
}

/// A wish to go to a provider.
#[derive(InputObject)]
pub(crate) struct OauthBeginInput {
    /// One of `signInProviders`, by its name.
    provider: String,
    /// Where in the frontend to go on: a path such as `/welcome?tab=1`, at most 512 characters; absent: its start.
    return_path: Option<String>,
}

impl From<OauthBeginInput> for Begin {
    fn from(input: OauthBeginInput) -> Self {
        Self { provider: input.provider, return_path: input.return_path }
    }
}

payload! {
    /// What came of `oauthBegin`.
    OauthBeginPayload {
        /// Null when `errors` is not empty.
        flow: OauthFlow
    }
}

/// A wish to link an identity.
#[derive(InputObject)]
pub(crate) struct IdentityLinkInput {
    /// One of `signInProviders`, by its name.
    provider: String,
    /// Where in the frontend to go on: a path such as `/settings`, at most 512 characters; absent: its start.
    return_path: Option<String>,
}

payload! {
    /// What came of `identityLink`.
    IdentityLinkPayload {
        /// Null when `errors` is not empty.
        flow: OauthFlow
    }
}

/// The end of a flow.
#[derive(InputObject)]
pub(crate) struct OauthCompleteInput {
    /// What `oauthBegin` or `identityLink` gave to this browser.
    flow_token: String,
    /// What the browser came back with.
    ticket: String,
}

/// What a flow ends with.
#[derive(Union)]
pub(crate) enum OauthResult {
    /// Signed in.
    Session(Session),
    /// One more proof is needed: `twoFactorVerify`.
    TwoFactorChallenge(TwoFactorChallenge),
    /// Linked to the account that is signed in, which `identityLink` asked for.
    Identity(Identity),
}

/// What came of `oauthComplete`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct OauthCompletePayload {
    /// Null when `errors` is not empty.
    result: Option<OauthResult>,
    /// Whether an account was made just now: its user name and names are those of the provider, for the person to change.
    is_new_user: bool,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
}

also! {
    OauthCompletePayload {
        /// You, with your identities, when one was linked; null when it was a sign-in (the session says whose), or when `errors`
        /// is not empty.
        user: User = linked_to,
    }
}

/// Whoever asks, when an identity was linked: nobody else ends that flow.
async fn linked_to(ctx: &Context<'_>, payload: &OauthCompletePayload) -> async_graphql::Result<Option<User>> {
    match payload.result {
        Some(OauthResult::Identity(_)) => viewer(ctx, payload).await,
        _ => Ok(None),
    }
}

impl Payload<Completed> for OauthCompletePayload {
    fn done(completed: Completed) -> Self {
        let (result, is_new_user) = match completed {
            Completed::SignedIn { sign_in, is_new_user } => match sign_in.into() {
                LoginResult::Session(session) => (OauthResult::Session(session), is_new_user),
                LoginResult::TwoFactorChallenge(challenge) => (OauthResult::TwoFactorChallenge(challenge), is_new_user),
            },
            Completed::Linked(identity) => (OauthResult::Identity(identity.into()), false),
        };
        Self { result: Some(result), is_new_user, errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { result: None, is_new_user: false, errors }
    }
}

id_input! {
    /// Which of your identities is to be unlinked.
    IdentityUnlinkInput, "The identity's id, from `User.identities`."
}

payload! {
    /// What came of `identityUnlink`.
    IdentityUnlinkPayload {
        /// The person, with the identities that are left; null when `errors` is not empty.
        user: User
    }
}

/// Reading what can be signed in by.
#[derive(Default)]
pub(crate) struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// The providers by which people can sign in here; empty when the operator configured none.
    #[graphql(directive = SemanticNonNull::apply())]
    async fn sign_in_providers(&self, ctx: &Context<'_>) -> Nullable<Vec<SignInProvider>> {
        let providers = oauth::sign_in_providers(&ctx.request().app);
        Some(Ok(providers.into_iter().map(SignInProvider::from).collect()))
    }
}

/// Signing in by providers, and linking them.
#[derive(Default)]
pub(crate) struct IdentityMutation;

/// The rules of the mutations below.
const RULES: &[Rule] = &[
    Rule::of("oauthBegin").alone(),
    Rule::of("oauthComplete").alone(),
    Rule::of("identityLink").recent_authentication("a stranger's identity would be a door of their own"),
    Rule::of("identityUnlink").recent_authentication("it may be the owner's way in"),
];

#[Object]
impl IdentityMutation {
    /// Begins a sign-in by a provider: send the browser to the address, then call `oauthComplete` with what it comes
    /// back with. Codes: INVALID, TOO_LONG, PROVIDER_FAILED. Stands alone in its operation.
    async fn oauth_begin(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "By which provider, and where to go on afterwards.")] input: OauthBeginInput,
    ) -> Nullable<OauthBeginPayload> {
        nullable(async {
            let request = ctx.request();
            answer(request, oauth::begin(&request.app, &request.client, input.into()).await)
        })
        .await
    }

    /// Ends a flow that `oauthBegin` or `identityLink` began in this browser: signs in, makes an account, or links. Both
    /// tokens work once. Codes: PROVIDER_FAILED, LINK_REQUIRED, PROVIDER_EMAIL_UNVERIFIED, EMAIL_NOT_CONFIRMED,
    /// ALREADY_LINKED, ACCOUNT_SUSPENDED. Stands alone in its operation.
    async fn oauth_complete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The two tokens.")] input: OauthCompleteInput,
    ) -> Nullable<OauthCompletePayload> {
        nullable(Box::pin(async {
            let request = ctx.request();
            let command = Complete { flow_token: input.flow_token, ticket: input.ticket };
            let completed = oauth::complete(&request.app, &request.actor, &request.client, command).await;
            answer(request, request.keep(completed))
        }))
        .await
    }

    /// Begins to link an identity to one's own account: like `oauthBegin`, and `oauthComplete` ends it, signed in as
    /// the same person. The account's e-mail address has to be confirmed, or to be the one that the provider has verified.
    /// Needs a recent authentication. Codes: INVALID, TOO_LONG, PROVIDER_FAILED.
    async fn identity_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At which provider, and where to go on afterwards.")] input: IdentityLinkInput,
    ) -> Nullable<IdentityLinkPayload> {
        nullable(async {
            let request = ctx.request();
            let command = Begin { provider: input.provider, return_path: input.return_path };
            answer(request, oauth::identity_link(&request.app, &request.actor, &request.client, command).await)
        })
        .await
    }

    /// Unlinks an identity from one's own account. The last way to sign in stays. Needs a recent authentication.
    /// Codes: INVALID_ID, NOT_FOUND, LAST_WAY_IN.
    async fn identity_unlink(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which identity.")] input: IdentityUnlinkInput,
    ) -> Nullable<IdentityUnlinkPayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                oauth::identity_unlink(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }
}
