//! Whether the process lives, and whether it can do its work.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use super::Shared;

/// The process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers, and the process is not stopping.
pub(super) async fn ready(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let stopping = shared.app.stop.is_cancelled();
    let asked = tokio::time::timeout(Duration::from_secs(2), shared.app.db.rows("SELECT 1", Vec::new())).await;
    let database = matches!(asked, Ok(Ok(_)));
    let status = if database && !stopping { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if status == StatusCode::OK { "ok" } else { "unavailable" };
    (status, Json(json!({ "status": word, "database": database, "stopping": stopping })))
}
