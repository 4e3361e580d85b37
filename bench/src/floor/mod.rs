//! The floor: three operations as one would write them by hand when nothing else mattered.
//!
//! It answers with the same JSON as Agora does to the same operation and viewer, and writes the same rows. It reads no
//! query language, checks no limit, and believes a token without looking at its signature: the person's id is read
//! from the token's payload when it is first seen, and found in a table after that.

mod json;
mod queries;
pub(crate) mod transfers;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use self::queries::Connections;
use crate::{Result, typeid};

struct Floor {
    connections: Connections,
    people: RwLock<HashMap<String, Uuid>>,
}

type Shared = State<Arc<Floor>>;

/// Serves until the process is killed; the address is the first line on standard output.
pub(crate) fn serve(database_url: &str, connections: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let connections = Connections::open(database_url, connections).await?;
        let floor = Arc::new(Floor { connections, people: RwLock::default() });
        let router = Router::new()
            .route("/post/{id}", get(post_by_id))
            .route("/feed", get(feed))
            .route("/post/{id}/like", post(like))
            .with_state(floor);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("The floor serves http://{}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn post_by_id(State(floor): Shared, Path(id): Path<String>) -> Answer {
    let id = typeid::read("post", &id).ok_or(Refusal::NotFound)?;
    Ok(json(floor.connections.next().post(id).await?))
}

async fn feed(State(floor): Shared, headers: HeaderMap) -> Answer {
    let viewer = floor.viewer(&headers)?;
    Ok(json(floor.connections.next().feed(viewer).await?))
}

async fn like(State(floor): Shared, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let viewer = floor.viewer(&headers)?;
    let post = typeid::read("post", &id).ok_or(Refusal::NotFound)?;
    let body = floor.connections.next().like(viewer, post).await?.ok_or(Refusal::NotFound)?;
    Ok(json(body))
}

type Answer = Result<Response, Refusal>;

fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

enum Refusal {
    Unauthenticated,
    NotFound,
    Database(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Refusal {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED.into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Database(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")).into_response(),
        }
    }
}

impl Floor {
    fn viewer(&self, headers: &HeaderMap) -> Result<Uuid, Refusal> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(Refusal::Unauthenticated)?;
        if let Some(id) = self.people.read().unwrap_or_else(PoisonError::into_inner).get(token) {
            return Ok(*id);
        }
        let id = person(token).ok_or(Refusal::Unauthenticated)?;
        self.people.write().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), id);
        Ok(id)
    }
}

/// Whom a JWT says it stands for.
fn person(token: &str) -> Option<Uuid> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    typeid::read("user", claims.get("sub")?.as_str()?)
}
