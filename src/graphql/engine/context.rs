//! What a resolver knows of its request.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;

use super::loaders::Loaders;
use crate::{
    app::App,
    domain::{
        actor::{Actor, Client},
        auth::{IssuedSession, Registered, SignIn, oauth::Completed},
    },
    error::Result,
};

/// How the client keeps its session: itself, by the tokens that it is given; or in cookies, which `http` sets.
#[derive(Debug, Clone, Default)]
pub struct SessionKeeping(Option<Arc<Cookies>>);

/// A session in cookies.
#[derive(Debug, Default)]
struct Cookies {
    /// The refresh token that came with the request.
    refresh_token: Option<String>,
    /// What becomes of the session.
    change: Mutex<Option<SessionChange>>,
}

/// What an operation did to the client's session.
#[derive(Debug, Clone)]
pub enum SessionChange {
    /// It has these tokens now.
    Begun(Box<IssuedSession>),
    /// It is over.
    Ended,
}

impl SessionKeeping {
    /// The client keeps the tokens.
    #[must_use]
    pub(crate) fn by_client() -> Self {
        Self(None)
    }

    /// Cookies keep the tokens; `refresh_token` is the one that came with the request.
    #[must_use]
    pub(crate) fn in_cookies(refresh_token: Option<String>) -> Self {
        Self(Some(Arc::new(Cookies { refresh_token, change: Mutex::default() })))
    }

    /// Whether cookies keep the tokens: then they are shown to nobody.
    #[must_use]
    pub(crate) fn is_in_cookies(&self) -> bool {
        self.0.is_some()
    }

    /// The refresh token of the request's cookie.
    #[must_use]
    pub(crate) fn refresh_token(&self) -> Option<&str> {
        self.0.as_ref()?.refresh_token.as_deref()
    }

    /// What the operation did to the session.
    #[must_use]
    pub fn change(&self) -> Option<SessionChange> {
        self.0.as_ref()?.change.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, change: impl FnOnce() -> SessionChange) {
        if let Some(cookies) = &self.0 {
            *cookies.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change());
        }
    }
}

/// What may hold a new session.
pub trait MayHoldSession {
    /// The session, if it does.
    fn session(&self) -> Option<&IssuedSession>;
}

impl MayHoldSession for IssuedSession {
    fn session(&self) -> Option<&IssuedSession> {
        Some(self)
    }
}

impl MayHoldSession for SignIn {
    fn session(&self) -> Option<&IssuedSession> {
        match self {
            Self::Session(session) => Some(session),
            Self::Challenge(_) => None,
        }
    }
}

impl MayHoldSession for Completed {
    fn session(&self) -> Option<&IssuedSession> {
        match self {
            Self::SignedIn { sign_in, .. } => sign_in.session(),
            Self::Linked(_) => None,
        }
    }
}

impl MayHoldSession for Registered {
    fn session(&self) -> Option<&IssuedSession> {
        match self {
            Self::Session(session) => Some(session),
            Self::ConfirmationPending { .. } => None,
        }
    }
}

/// One request: who asks, by what, and the loaders that live as long as it does. For a subscription, each event is a
/// request of its own as far as the loaders are concerned: they do not cache.
#[derive(Debug)]
pub struct RequestContext {
    /// What everything runs on.
    pub app: App,
    /// Who asks, by their token or cookie.
    pub actor: Actor,
    /// By which program, from which address, in which language.
    pub client: Client,
    /// In the log, in the header `x-request-id` and in every error.
    pub request_id: String,
    /// How the client keeps its session.
    pub keeping: SessionKeeping,
    /// Load what many fields ask for with few statements.
    pub loaders: Loaders,
}

impl RequestContext {
    /// A request's context.
    #[must_use]
    pub fn new(app: App, actor: Actor, client: Client, request_id: String, keeping: SessionKeeping) -> Self {
        let loaders = Loaders::new(app.clone(), actor.clone());
        Self { app, actor, client, request_id, keeping, loaders }
    }

    /// Passes on what may hold a new session, which the client keeps from now on, in its way.
    pub fn keep<T: MayHoldSession>(&self, result: Result<T>) -> Result<T> {
        if let Ok(value) = &result
            && let Some(session) = value.session()
        {
            self.keeping.note(|| SessionChange::Begun(Box::new(session.clone())));
        }
        result
    }

    /// The client's session is over.
    pub(crate) fn drop_session(&self) {
        self.keeping.note(|| SessionChange::Ended);
    }
}

/// `ctx.request()` gives the request's context.
pub(crate) trait RequestExt {
    /// The request that this resolver works for.
    fn request(&self) -> &RequestContext;
}

impl RequestExt for Context<'_> {
    fn request(&self) -> &RequestContext {
        self.data_unchecked::<RequestContext>()
    }
}
