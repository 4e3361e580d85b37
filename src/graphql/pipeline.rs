//! The way of an operation: trusted documents, persisted queries, the document with its limits and the graph's rules, the
//! variables, the cost, then the execution, within its time. HTTP and sockets both go this way.

use std::{
    any::Any,
    collections::HashMap,
    num::{NonZeroU32, NonZeroUsize},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_graphql::{
    Request, Response, Value, Variables,
    indexmap::IndexMap,
    parser::types::{DocumentOperations, ExecutableDocument, OperationType},
};
use futures_util::FutureExt;
use lru::LruCache;
use serde::Deserialize;
use serde_json::{Map, value::RawValue};
use tracing::Instrument;

use super::{
    Graph,
    coercion::coerce,
    context::RequestContext,
    cost::Cost,
    document::{Document, DocumentCache, content_fields},
    error::{finish, refused},
    mistakes::{self, Mistaken},
    model::Model,
};
use crate::{
    app::App,
    config::Limits,
    domain::actor::Actor,
    error::{Code, Error, Refusal, Result},
    platform::crypto::{hex, sha256},
};

/// An operation as a client sends it (GraphQL over HTTP, and the payload of `subscribe`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphqlRequest {
    /// The query's text; may be absent when it is known by its hash.
    #[serde(default)]
    pub query: Option<String>,
    /// Which of several operations.
    #[serde(default)]
    pub operation_name: Option<String>,
    /// Values for the operation's variables.
    #[serde(default)]
    pub variables: Option<Map<String, serde_json::Value>>,
    /// `persistedQuery`, and what we don't know.
    #[serde(default)]
    pub extensions: Option<Map<String, serde_json::Value>>,
}

impl GraphqlRequest {
    /// Reads the JSON of one operation. A list of them is refused.
    pub fn parse(json: &[u8]) -> Result<Self, Refusal> {
        let refuse = |message: &str| Refusal::new(Code::BadRequest, message);
        let raw: &RawValue =
            serde_json::from_slice(json).map_err(|error| refuse(&format!("The body is not valid JSON: {error}")))?;
        match raw.get().as_bytes().first() {
            Some(b'{') => {
                serde_json::from_str(raw.get()).map_err(|error| refuse(&format!("Not a GraphQL request: {error}")))
            }
            Some(b'[') => Err(refuse("Several operations in one request are not accepted.")),
            _ => Err(refuse("A GraphQL request is a JSON object.")),
        }
    }
}

/// By which way an operation came: it decides what may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP GET: queries only.
    Get,
    /// HTTP POST: queries and mutations.
    Post,
    /// WebSocket: queries, subscriptions, and mutations when they are switched on.
    Socket,
}

/// How far an operation came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was refused before: there is no `data`.
    Refused,
    /// Its execution began, whatever became of it.
    Executed,
    /// A bug ended it; what it did until then is unknown.
    Failed,
}

/// An operation that may run: valid, in its normal form, with variables that are right.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub(super) document: Arc<ExecutableDocument>,
    pub(super) variables: Variables,
    /// Mutations of the operation that are not run, and say why.
    mistaken: Vec<Mistaken>,
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// What it may cost at most.
    pub cost: Cost,
}

/// Everything between a transport and the graph. Built once.
#[derive(Debug)]
pub struct Pipeline {
    pub(super) app: App,
    pub(super) graph: GraphHandle,
    model: &'static Model,
    documents: DocumentCache,
    persisted: Option<Mutex<LruCache<[u8; 32], Arc<str>>>>,
    /// Hash to text of the only operations that run, when set.
    trusted: Option<HashMap<[u8; 32], Arc<str>>>,
}

pub(super) struct GraphHandle(Graph);

impl std::fmt::Debug for GraphHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Graph")
    }
}

impl std::ops::Deref for GraphHandle {
    type Target = Graph;

    fn deref(&self) -> &Graph {
        &self.0
    }
}

impl Pipeline {
    /// Prepares the caches; reads the manifest of trusted documents, when one is configured.
    pub fn new(app: App, graph: Graph) -> Result<Self> {
        let persisted = NonZeroUsize::new(app.config.persisted_queries).map(|room| Mutex::new(LruCache::new(room)));
        let trusted = app.config.trusted_documents.as_deref();
        let trusted = trusted.map(|file| read_manifest(file, &app.config.limits)).transpose()?;
        let model = Model::of_graph(app.config.introspection)?;
        let (graph, documents) = (GraphHandle(graph), DocumentCache::default());
        Ok(Self { app, graph, model, documents, persisted, trusted })
    }

    /// Decides whether an operation of somebody's may run. Whatever is refused here was not begun.
    pub fn prepare(&self, request: GraphqlRequest, transport: Transport, actor: &Actor) -> Result<Prepared, Refusal> {
        let limits = &self.app.config.limits;
        let (hash, text, store) = self.text(request.query, request.extensions.as_ref())?;
        // What is near to a misspelt name is for developers.
        let suggestions = !self.app.config.is_production();
        let document = self.documents.get(hash, &text, limits, (self.model, suggestions))?;
        let operation = document.operation(request.operation_name.as_deref())?;
        let kind = operation.definition().ty;
        permit(kind, transport, self.app.config.websocket.mutations)?;
        let given = request.variables.unwrap_or_default();
        let coerced = coerce((self.model, suggestions), operation.definition(), operation.facts(), given)?;
        let variables = coerced.variables;
        let mut document = operation.normal(self.model, &variables)?;
        let cost = self.cost(&document, &variables);
        within(cost, kind, limits)?;
        let mut mistaken = Vec::new();
        if kind == OperationType::Mutation && (coerced.mistyped || operation.facts().mistyped) {
            mistaken = mistakes::take(self.model, Arc::make_mut(&mut document), &variables);
        }
        self.charge_content(content_fields(&document), actor)?;
        if store && let Some(persisted) = &self.persisted {
            persisted.lock().unwrap_or_else(PoisonError::into_inner).put(hash, text);
        }
        Ok(Prepared { document, variables, mistaken, kind, cost })
    }

    fn cost(&self, document: &ExecutableDocument, variables: &Variables) -> Cost {
        match &document.operations {
            DocumentOperations::Single(operation) => Cost::of(self.model, document, &operation.node, variables),
            DocumentOperations::Multiple(_) => Cost::default(),
        }
    }

    /// What an operation writes for others to see has limits of its own: what it makes the server do comes after it, in the
    /// streams and notifications of others.
    fn charge_content(&self, count: usize, actor: &Actor) -> Result<(), Refusal> {
        let limit = self.app.config.limits.content;
        if count > limit {
            return Err(Refusal::over_limit("number of mutations of content", limit as u64, count as u64));
        }
        match (actor, u32::try_from(count).ok().and_then(NonZeroU32::new)) {
            (Actor::User(user), Some(count)) => {
                let checked = self.app.limiters.content.check_many(&user.id, count);
                checked.map(drop).map_err(|left| left.refusal())
            }
            _ => Ok(()),
        }
    }

    /// The query's text and hash, and whether the client asked to remember it (Apollo's automatic persisted queries).
    fn text(
        &self,
        query: Option<String>,
        extensions: Option<&Map<String, serde_json::Value>>,
    ) -> Result<([u8; 32], Arc<str>, bool), Refusal> {
        let bad = |message: &str| Refusal::new(Code::BadRequest, message);
        let query = query.filter(|query| !query.is_empty());
        if query.as_ref().is_some_and(|query| query.len() > self.app.config.limits.document_bytes) {
            let (limit, requested) = (self.app.config.limits.document_bytes, query.map_or(0, |query| query.len()));
            return Err(Refusal::over_limit("length in bytes", limit as u64, requested as u64));
        }
        let asked = match extensions.and_then(|extensions| extensions.get("persistedQuery")) {
            None | Some(serde_json::Value::Null) => None,
            Some(value) => Some(
                persisted_hash(value)
                    .ok_or_else(|| bad("`persistedQuery` takes version 1 and a SHA-256 in hexadecimal."))?,
            ),
        };
        let hash = query.as_ref().map(|query| sha256(query.as_bytes()));
        if let (Some(asked), Some(hash)) = (asked, hash)
            && asked != hash
        {
            return Err(bad("The hash in `persistedQuery` is not that of the query."));
        }
        if let Some(trusted) = &self.trusted {
            let wanted = hash.or(asked).ok_or_else(|| bad("A query is missing."))?;
            let known = trusted.get(&wanted);
            let message = format!("Only trusted operations run here; {} is none of them.", hex(&wanted));
            return known
                .map(|text| (wanted, Arc::clone(text), false))
                .ok_or_else(|| Refusal::new(Code::Forbidden, message));
        }
        match (query, hash, asked) {
            (Some(query), Some(hash), asked) => Ok((hash, query.into(), asked.is_some())),
            (_, _, Some(asked)) => {
                let found = self.persisted.as_ref().and_then(|persisted| {
                    persisted.lock().unwrap_or_else(PoisonError::into_inner).get(&asked).cloned()
                });
                // The words are those that Apollo's clients look for.
                let unknown = || Refusal::new(Code::PersistedQueryNotFound, "PersistedQueryNotFound");
                found.map(|text| (asked, text, false)).ok_or_else(unknown)
            }
            _ => Err(bad("A query is missing.")),
        }
    }

    /// Runs a query or a mutation.
    ///
    /// A query ends when the client goes away; a mutation runs to its end in a task that a shutdown waits for.
    pub async fn execute(&self, prepared: Prepared, context: RequestContext) -> (Response, Stage) {
        let limit = self.app.config.limits.query_time;
        let (request_id, cost, mutation) =
            (context.request_id.clone(), prepared.cost, prepared.kind == OperationType::Mutation);
        let (graph, locale, mistaken) = (self.graph.clone(), context.client.locale, prepared.mistaken.clone());
        let nothing_is_left = is_empty(&prepared.document);
        let share = self.app.shares.of(context.actor.caller(&context.client));
        let request = request(prepared, context);
        let operation = share.pays_for(async move {
            if nothing_is_left {
                return Response::new(Value::Object(IndexMap::new()));
            }
            // What runs it moves it about, and without optimisation it is large.
            Box::pin(graph.execute(request)).await
        });
        let operation = AssertUnwindSafe(operation).catch_unwind();
        let ended = if mutation {
            let task = self.app.tasks.spawn(operation.in_current_span());
            tokio::time::timeout(limit, async { task.await.unwrap_or_else(|error| Err(Box::new(error))) }).await
        } else {
            tokio::time::timeout(limit, operation).await
        };
        let (mut response, stage) = match ended {
            Ok(Ok(response)) => (response, Stage::Executed),
            Ok(Err(panic)) => (panicked(&*panic), Stage::Failed),
            Err(_) => (refused(&timed_out(limit, mutation), &request_id), Stage::Executed),
        };
        mistakes::tell(self.model, &mistaken, locale, &mut response);
        finish(&mut response, &request_id);
        response.extensions.insert("cost".to_owned(), self.describe(cost));
        (response, stage)
    }

    fn describe(&self, cost: Cost) -> Value {
        async_graphql::value!({ "requested": cost.points(), "limit": self.app.config.limits.cost })
    }
}

/// The executor's request.
pub(super) fn request(prepared: Prepared, context: RequestContext) -> Request {
    let document = Arc::unwrap_or_clone(prepared.document);
    let mut request = Request::new(String::new()).variables(prepared.variables).data(context);
    request.set_parsed_query(document);
    request
}

fn is_empty(document: &ExecutableDocument) -> bool {
    document.operations.iter().all(|(_, operation)| operation.node.selection_set.node.items.is_empty())
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> Response {
    tracing::error!(panic = panic_text(panic), "an operation panicked");
    refused(&Refusal::internal(), "")
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of unknown kind")
}

pub(super) fn timed_out(limit: Duration, mutation: bool) -> Refusal {
    let seconds = limit.as_secs();
    let message = if mutation {
        format!("Not done within {seconds} s; it may still be. Try again with the same idempotency key.")
    } else {
        format!("Not done within {seconds} s.")
    };
    Refusal::new(Code::Timeout, message).with("limit", seconds)
}

fn permit(kind: OperationType, transport: Transport, socket_mutations: bool) -> Result<(), Refusal> {
    let refuse = |message: &str| Err(Refusal::new(Code::BadRequest, message));
    match (kind, transport) {
        (OperationType::Mutation, Transport::Get) => {
            let message = "Mutations are sent by POST, never by GET.";
            Err(Refusal::new(Code::BadRequest, message).with("allow", "POST"))
        }
        (OperationType::Subscription, Transport::Get | Transport::Post) => {
            refuse("Subscriptions are sent over a WebSocket with the protocol graphql-transport-ws.")
        }
        (OperationType::Mutation, Transport::Socket) if !socket_mutations => {
            refuse("Mutations are sent by POST; over a WebSocket they are switched off.")
        }
        _ => Ok(()),
    }
}

fn within(cost: Cost, kind: OperationType, limits: &Limits) -> Result<(), Refusal> {
    if cost.points() > limits.cost {
        return Err(Refusal::over_limit("cost", limits.cost, cost.points()));
    }
    // Afterwards it would be done, and its answer could not be given.
    if kind == OperationType::Mutation && cost.bytes > limits.answer_bytes as u64 {
        return Err(Refusal::over_limit("answer in bytes", limits.answer_bytes as u64, cost.bytes));
    }
    if cost.fields > limits.fields {
        return Err(Refusal::over_limit("number of fields", limits.fields, cost.fields));
    }
    if cost.nodes > limits.nodes {
        return Err(Refusal::over_limit("number of nodes", limits.nodes, cost.nodes));
    }
    Ok(())
}

fn persisted_hash(value: &serde_json::Value) -> Option<[u8; 32]> {
    (value.get("version")?.as_i64()? == 1).then_some(())?;
    unhex(value.get("sha256Hash")?.as_str()?)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Every text of the manifest has to be the one of its hash, and to keep the limits.
fn read_manifest(file: &std::path::Path, limits: &Limits) -> Result<HashMap<[u8; 32], Arc<str>>> {
    let refuse = |why: String| Error::internal(format!("TRUSTED_DOCUMENTS {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
    let manifest: HashMap<String, String> = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    let read = |(name, query): (String, String)| {
        let hash = unhex(&name).filter(|hash| *hash == sha256(query.as_bytes()));
        let hash = hash.ok_or_else(|| refuse(format!("{name} is not the SHA-256 of its query")))?;
        Document::parse(&query, limits).map_err(|why| refuse(format!("{name}: {why}")))?;
        Ok((hash, query.into()))
    };
    manifest.into_iter().map(read).collect()
}
