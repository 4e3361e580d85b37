//! Whether the process lives, and whether it can do its work.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use crate::{domain::jobs, http::Shared};

/// How long the database may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The process answers.
pub(in crate::http) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers and stores, and the process is not stopping.
pub(in crate::http) async fn ready(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let app = &shared.app;
    let stopping = app.stop.is_cancelled();
    let (answers, stores) = tokio::join!(
        tokio::time::timeout(TIMEOUT, app.db.answers()),
        tokio::time::timeout(TIMEOUT, jobs::can_store(app)),
    );
    let (database, storage) = (matches!(answers, Ok(Ok(()))), stores == Ok(true));
    let status = if database && storage && !stopping { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if status == StatusCode::OK { "ok" } else { "unavailable" };
    (status, Json(json!({ "status": word, "database": database, "storage": storage, "stopping": stopping })))
}
