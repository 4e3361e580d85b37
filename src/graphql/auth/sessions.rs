//! The sessions of the signed-in person: where they are signed in, and ending what is not theirs.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::{
    domain::auth::{self, ActiveSession as ActiveSessionView},
    entity::SessionId,
    graphql::{
        accounts::{User, viewer},
        engine::{
            context::RequestExt,
            error::{Nullable, Payload, UserError, also, answer, nullable},
            loaders::loaders,
        },
        node::{id_input, input_id},
        registration::{ById, Noun},
    },
};

/// What sessions hand over.
pub(in crate::graphql) const GRAPH: Noun = Noun {
    ids: &[ById::loaded::<SessionsById, ActiveSession>(SessionId::PREFIX)],
    short_texts: &["ActiveSession.address", "ActiveSession.device"],
    lists: &[("User", "sessions", 20)],
    ..Noun::EMPTY
};

loaders! {
    /// The viewer's own sessions that go on.
    SessionsById: SessionId => ActiveSessionView = auth::sessions_by_id;
}

/// A place where a person is signed in. Only they see it.
#[derive(SimpleObject)]
pub(crate) struct ActiveSession {
    /// Opaque and typed: `session_01jc…`; for `sessionRevoke`.
    #[graphql(owned)]
    pub id: ID,
    /// What the program called itself when it signed in (`User-Agent`, at most 255 characters); null when it did not.
    device: Option<String>,
    /// The address that it signed in from; null when it is not known.
    address: Option<String>,
    /// When it signed in.
    created_at: DateTime<Utc>,
    /// When it was last used, to the lifetime of an access token.
    last_used_at: DateTime<Utc>,
    /// When it ends unless it is used before.
    expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    is_current: bool,
}

impl From<ActiveSessionView> for ActiveSession {
    fn from(view: ActiveSessionView) -> Self {
        let ActiveSessionView { session, is_current } = view;
        Self {
            id: session.id.to_string().into(),
            device: session.user_agent,
            address: session.address,
            created_at: session.created_at,
            last_used_at: session.rotated_at,
            expires_at: session.expires_at,
            is_current,
        }
    }
}

id_input! {
    /// Which of your sessions is to end.
    SessionRevokeInput, "The session's id, from `User.sessions`."
}

/// What came of `sessionRevoke`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct SessionRevokePayload {
    /// Whether the session has ended.
    ended: bool,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
}

also! {
    SessionRevokePayload {
        /// You, with the sessions that are left; null when `errors` is not empty.
        user: User = viewer,
    }
}

impl Payload<()> for SessionRevokePayload {
    fn done((): ()) -> Self {
        Self { ended: true, errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { ended: false, errors }
    }
}

/// What came of `sessionsRevokeOthers`.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(crate) struct SessionsRevokeOthersPayload {
    /// How many sessions have ended.
    ended_count: i64,
    /// Why it was refused; empty when it was done.
    errors: Vec<UserError>,
}

also! {
    SessionsRevokeOthersPayload {
        /// You, with the sessions that are left; null when `errors` is not empty.
        user: User = viewer,
    }
}

impl Payload<i64> for SessionsRevokeOthersPayload {
    fn done(ended_count: i64) -> Self {
        Self { ended_count, errors: Vec::new() }
    }

    fn refused(errors: Vec<UserError>) -> Self {
        Self { ended_count: 0, errors }
    }
}

/// The mutations that end sessions.
#[derive(Default)]
pub(crate) struct SessionMutation;

#[Object]
impl SessionMutation {
    /// Ends one of your own sessions: its tokens are refused, its sockets close within a second. Codes: INVALID_ID,
    /// NOT_FOUND.
    async fn session_revoke(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which session.")] input: SessionRevokeInput,
    ) -> Nullable<SessionRevokePayload> {
        nullable(async {
            let request = ctx.request();
            let result = async {
                let id = input_id("id", &input.id)?;
                auth::session_revoke(&request.app, &request.actor, &request.client, id).await
            };
            answer(request, result.await)
        })
        .await
    }

    /// Ends all of your sessions but this one. No codes.
    async fn sessions_revoke_others(&self, ctx: &Context<'_>) -> Nullable<SessionsRevokeOthersPayload> {
        nullable(async {
            let request = ctx.request();
            let result = auth::sessions_revoke_others(&request.app, &request.actor, &request.client).await;
            answer(request, result)
        })
        .await
    }
}
