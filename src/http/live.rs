//! What sockets and event streams have in common: they are open as long as the session that they were opened by.

use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

use crate::{app::App, entity::SessionId};

/// Tells that a session is over.
#[derive(Debug)]
pub(super) struct SessionEnd {
    app: App,
    ended: Receiver<Uuid>,
}

impl SessionEnd {
    pub(super) fn new(app: App) -> Self {
        let ended = app.db.bus().ended_sessions();
        Self { app, ended }
    }

    /// Ready when this session is over; without one, never. It can be dropped and called again, and misses nothing: what
    /// ended before, or while there were too many at once, is in the list of ended sessions.
    pub(super) async fn of(&mut self, session: Option<SessionId>) {
        let Some(session) = session else { return std::future::pending().await };
        while !self.app.ended_sessions.contains(session) {
            match self.ended.recv().await {
                Ok(ended) if ended == session.0 => return,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
