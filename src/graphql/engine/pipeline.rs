//! The way of an operation: trusted documents, persisted queries, the document with its limits and the graph's rules, the
//! variables, the cost, then the execution, within its time. HTTP and sockets both go this way.

use std::{
    any::Any,
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
    coercion::coerce,
    context::RequestContext,
    cost::Cost,
    document::{DocumentCache, content_fields},
    error::{finish, refused},
    mistakes::{self, Mistaken},
    model::Model,
    trusted::{DocumentId, TrustedDocuments},
};
use crate::{
    app::App,
    catalogue::Text,
    config::Limits,
    domain::actor::Actor,
    entity::UserId,
    error::{Code, Error, Locale, Refusal, Result},
    graphql::Graph,
    platform::{
        crypto::sha256,
        rate_limit::{Limiter, Policy},
    },
};

/// What a person writes for others to see.
const CONTENT: Policy<Limiter<UserId>> = Policy::of_calls("content", |rates| rates.content);

/// An operation as a client sends it (GraphQL over HTTP, and the payload of `subscribe`).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphqlRequest {
    /// The query's text; may be absent when it is known by its id.
    #[serde(default)]
    pub query: Option<String>,
    /// Its id instead of its text, or beside it: `sha256:` and the SHA-256 of the text, or one of the operator's files.
    #[serde(default)]
    pub document_id: Option<String>,
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
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Refusal> {
        // An object is what it is nearly always; a list would do for one, too.
        let begins = json.iter().find(|byte| !byte.is_ascii_whitespace());
        if begins == Some(&b'{')
            && let Ok(request) = serde_json::from_slice(json)
        {
            return Ok(request);
        }
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

    /// Whether it says, in any of the ways, which document it is about.
    #[must_use]
    pub(crate) fn names_a_document(&self) -> bool {
        self.query.is_some() || self.document_id.is_some() || self.extensions.is_some()
    }
}

/// By which way an operation came: it decides what may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP GET: queries; subscriptions, when the answer may be events.
    Get {
        /// Whether it may.
        events: bool,
    },
    /// HTTP POST: queries and mutations; subscriptions, when the answer may be events.
    Post {
        /// Whether it may.
        events: bool,
    },
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
    pub(in crate::graphql) document: Arc<ExecutableDocument>,
    pub(in crate::graphql) variables: Variables,
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
    pub(in crate::graphql) app: App,
    pub(in crate::graphql) graph: GraphHandle,
    model: &'static Model,
    documents: DocumentCache,
    persisted: Option<Mutex<LruCache<[u8; 32], Arc<str>>>>,
    /// The only ones that run, when there are any.
    trusted: Option<TrustedDocuments>,
}

pub(in crate::graphql) struct GraphHandle(Graph);

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
    /// Prepares the caches; reads the files of trusted documents, when there are any.
    pub fn new(app: App, graph: Graph) -> Result<Self> {
        let persisted = NonZeroUsize::new(app.config.persisted_queries).map(|room| Mutex::new(LruCache::new(room)));
        let trusted = TrustedDocuments::read(&app.config.trusted_documents, &app.config.limits);
        let trusted = trusted.map_err(Error::internal)?;
        let model = Model::of_graph(app.config.introspection)?;
        let (graph, documents) = (GraphHandle(graph), DocumentCache::default());
        Ok(Self { app, graph, model, documents, persisted, trusted })
    }

    /// Decides whether an operation of somebody's may run. Whatever is refused here was not begun.
    pub fn prepare(&self, request: GraphqlRequest, transport: Transport, actor: &Actor) -> Result<Prepared, Refusal> {
        let limits = &self.app.config.limits;
        let (query, id, extensions) = (request.query, request.document_id.as_deref(), request.extensions.as_ref());
        let (hash, text, store) = self.text(query, id, extensions)?;
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
        let cost = operation.cost(&document, || self.weigh(&document, &variables));
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

    /// What an operation in its normal form costs, and whether it does with all variables.
    fn weigh(&self, document: &ExecutableDocument, variables: &Variables) -> (Cost, bool) {
        match &document.operations {
            DocumentOperations::Single(operation) => Cost::weigh(self.model, document, &operation.node, variables),
            DocumentOperations::Multiple(_) => (Cost::default(), true),
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
                let checked = self.app.limiters.of(&CONTENT).check_many(&user.id, count);
                checked.map(drop).map_err(|left| left.refusal())
            }
            _ => Ok(()),
        }
    }

    /// The query's text and hash, and whether the client asked to remember it (Apollo's automatic persisted queries).
    fn text(
        &self,
        query: Option<String>,
        id: Option<&str>,
        extensions: Option<&Map<String, serde_json::Value>>,
    ) -> Result<([u8; 32], Arc<str>, bool), Refusal> {
        let query = query.filter(|query| !query.is_empty());
        if let Some(query) = query.as_ref().filter(|query| query.len() > self.app.config.limits.document_bytes) {
            let (limit, requested) = (self.app.config.limits.document_bytes, query.len());
            return Err(Refusal::over_limit("length in bytes", limit as u64, requested as u64));
        }
        let asked = self.asked(id, extensions)?;
        let hash = query.as_ref().map(|query| sha256(query.as_bytes()));
        let missing = || bad("A query is missing.");
        let another = || bad("The query is not the one that is named beside it: its SHA-256 is another.");
        if let Some(trusted) = &self.trusted {
            let wanted = asked.or(hash.map(DocumentId::Sha256)).ok_or_else(missing)?;
            let stranger = || {
                let document = wanted.to_string().into();
                Refusal::of(Code::Forbidden, Text::OperationNotTrusted { document })
            };
            let (known, text) = trusted.get(&wanted).ok_or_else(stranger)?;
            return if hash.is_none_or(|hash| hash == known) { Ok((known, text, false)) } else { Err(another()) };
        }
        match (query.zip(hash), asked) {
            (Some((query, hash)), None) => Ok((hash, query.into(), false)),
            (Some((query, hash)), Some(asked)) if asked.sha256() == Some(hash) => Ok((hash, query.into(), true)),
            (Some(_), Some(_)) => Err(another()),
            (None, Some(asked)) => {
                let found = self.persisted.as_ref().zip(asked.sha256()).and_then(|(persisted, hash)| {
                    let mut persisted = persisted.lock().unwrap_or_else(PoisonError::into_inner);
                    persisted.get(&hash).map(|text| (hash, Arc::clone(text), false))
                });
                // The words are those that Apollo's clients look for.
                found.ok_or_else(|| Refusal::new(Code::PersistedQueryNotFound, "PersistedQueryNotFound"))
            }
            (None, None) => Err(missing()),
        }
    }

    /// The id by which a document is asked for: `documentId`, or Apollo's `persistedQuery`.
    fn asked(
        &self,
        id: Option<&str>,
        extensions: Option<&Map<String, serde_json::Value>>,
    ) -> Result<Option<DocumentId>, Refusal> {
        let wrong_id =
            || bad("`documentId` is `sha256:` and a SHA-256 in hexadecimal, or an id of the server's files.");
        let id = id.filter(|id| !id.is_empty()).map(|id| DocumentId::parse(id).ok_or_else(wrong_id)).transpose()?;
        // Apollo's clients send whatever id their manifest has; where there is none, only a hash has a meaning.
        let has_meaning = |id: &DocumentId| self.trusted.is_some() || id.sha256().is_some();
        let wrong_hash = || bad("`persistedQuery` takes version 1 and a SHA-256 in hexadecimal.");
        let persisted = extensions.and_then(|extensions| extensions.get("persistedQuery"));
        let hash = persisted
            .filter(|value| !value.is_null())
            .map(|value| persisted_query(value).filter(has_meaning).ok_or_else(wrong_hash))
            .transpose()?;
        if id.is_some() && hash.is_some() && id != hash {
            return Err(bad("`documentId` and `persistedQuery` name different documents."));
        }
        Ok(id.or(hash))
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
        let concurrency_limit = self.app.concurrency_limits.of(context.actor.caller(&context.client));
        let request = request(prepared, context);
        let operation = concurrency_limit.apply_to(async move {
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
            Err(_) => (refused(&timed_out(limit, mutation), &request_id, locale), Stage::Executed),
        };
        mistakes::tell(self.model, &mistaken, locale, &mut response);
        finish(&mut response, &request_id, locale);
        response.extensions.insert("cost".to_owned(), self.describe(cost));
        (response, stage)
    }

    fn describe(&self, cost: Cost) -> Value {
        async_graphql::value!({ "requested": cost.points(), "limit": self.app.config.limits.cost })
    }
}

/// The executor's request.
pub(in crate::graphql) fn request(prepared: Prepared, context: RequestContext) -> Request {
    let document = Arc::unwrap_or_clone(prepared.document);
    let mut request = Request::new(String::new()).variables(prepared.variables).data(context);
    request.set_parsed_query(document);
    request
}

fn is_empty(document: &ExecutableDocument) -> bool {
    document.operations.iter().all(|(_, operation)| operation.node.selection_set.node.items.is_empty())
}

pub(in crate::graphql) fn panicked(panic: &(dyn Any + Send)) -> Response {
    tracing::error!(panic = panic_text(panic), "an operation panicked");
    // `finish` says the rest.
    refused(&Refusal::internal(), "", Locale::default())
}

/// What a panic said.
#[must_use]
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("of unknown kind")
}

pub(in crate::graphql) fn timed_out(limit: Duration, mutation: bool) -> Refusal {
    let seconds = limit.as_secs();
    let text = if mutation { Text::PerhapsDoneLater { seconds } } else { Text::NotDoneInTime { seconds } };
    Refusal::of(Code::Timeout, text).with("limit", seconds)
}

fn bad(message: &str) -> Refusal {
    Refusal::new(Code::BadRequest, message)
}

fn permit(kind: OperationType, transport: Transport, socket_mutations: bool) -> Result<(), Refusal> {
    let refuse = |message: &str| Err(bad(message));
    match (kind, transport) {
        (OperationType::Mutation, Transport::Get { .. }) => {
            let message = "Mutations are sent by POST, never by GET.";
            Err(Refusal::new(Code::BadRequest, message).with("allow", "POST"))
        }
        (OperationType::Subscription, Transport::Get { events: false } | Transport::Post { events: false }) => refuse(
            "Subscriptions are sent with `accept: text/event-stream`, or over a WebSocket with the protocol \
             graphql-transport-ws.",
        ),
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

/// Apollo's way to name a document.
fn persisted_query(value: &serde_json::Value) -> Option<DocumentId> {
    (value.get("version")?.as_i64()? == 1).then_some(())?;
    DocumentId::parse(value.get("sha256Hash")?.as_str()?)
}
