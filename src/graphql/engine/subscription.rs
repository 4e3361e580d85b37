//! Running subscriptions as the GraphQL specification has it: first the source of their events is opened, then each event
//! is executed as if it were a query whose root it is.
//!
//! What one client makes others wait for, or pay for, is bounded here. Those who follow one stream by equal operations and
//! see the same are an audience: an event is executed once for all of them. An execution is a task that runs to its end,
//! when it is its client's turn, and is taken from its client's allowance; whoever is over theirs gets it later, and where
//! events tell a state, only the newest.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use async_graphql::{Response, Value, parser::types::OperationType};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::{self, BoxStream},
};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::{
    context::{RequestContext, SessionKeeping},
    error::{finish, refused, too_large},
    normal::fingerprint,
    pipeline::{Pipeline, Prepared, panicked, request, timed_out},
    stream::{Event, Happened, Opening, Source},
};
use crate::{
    app::{App, Caller},
    catalogue::Text,
    domain::actor::{Actor, Client},
    error::{Code, Error, Locale, Refusal, Result},
    platform::{
        crypto::sha256,
        fair_semaphore::FairPermit,
        rate_limit::{Limiter, Policy},
    },
};

/// What the events of somebody's subscriptions may cost.
const LIVE: Policy<Limiter<Caller>> = Policy::of_calls("live", |rates| rates.live);

/// How many events an audience holds for those who are behind, how many bytes of them, and for how long.
const HELD: (usize, usize, Duration) = (64, 256 << 10, Duration::from_secs(5));

/// What an operation answers, written once for all who get it.
#[derive(Debug, Clone)]
pub struct Answer(Arc<Written>);

#[derive(Debug)]
struct Written {
    json: Box<RawValue>,
    /// The errors alone, when there is nothing else.
    refusal: Option<Box<RawValue>>,
}

impl Answer {
    fn new(response: &Response) -> Self {
        let write = |value: serde_json::Result<Box<RawValue>>| {
            value.unwrap_or_else(|error| {
                tracing::error!(%error, "an answer could not be written");
                Box::default()
            })
        };
        let is_refusal = response.is_err() && response.data == Value::Null;
        let refusal = is_refusal.then(|| write(serde_json::value::to_raw_value(&response.errors)));
        Self(Arc::new(Written { json: write(serde_json::value::to_raw_value(response)), refusal }))
    }

    /// The whole of it.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        &self.0.json
    }

    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.json.get().len()
    }

    /// Its errors, when they are all that there is.
    #[must_use]
    pub fn refusal(&self) -> Option<&RawValue> {
        self.0.refusal.as_deref()
    }
}

/// An execution that is under way, or done; everybody of the audience may wait for it.
type Execution = Shared<BoxFuture<'static, Answer>>;

/// Those who follow one stream by equal operations and see the same.
#[derive(Default)]
struct Audience(Mutex<VecDeque<Held>>);

/// An event that was executed, for those of the audience who have not got it yet.
struct Held {
    event: Event,
    execution: Execution,
    left: usize,
}

impl Audience {
    /// The execution of an event, if it began.
    fn find(&self, event: &Event) -> Option<Execution> {
        find(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), event)
    }

    /// The execution of an event, which begins now if it has not yet, for so many others too.
    fn find_or_begin(&self, event: &Event, others: usize, begin: impl FnOnce() -> Execution) -> Execution {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(execution) = find(&mut held, event) {
            return execution;
        }
        let execution = begin();
        if others > 0 {
            let bytes = |held: &Held| held.execution.peek().map_or(0, Answer::bytes);
            let mut total: usize = held.iter().map(bytes).sum();
            while held.len() >= HELD.0 || total > HELD.1 {
                total -= held.pop_front().as_ref().map_or(total, bytes);
            }
            held.push_back(Held { event: event.clone(), execution: execution.clone(), left: others });
        }
        execution
    }

    /// Whoever asks for it from now on, executes it anew.
    fn forget(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|held| !held.event.is(event));
    }
}

/// Whoever is the last to ask for an execution takes it away.
fn find(held: &mut VecDeque<Held>, event: &Event) -> Option<Execution> {
    let at = held.iter().position(|held| held.event.is(event))?;
    let found = &mut held[at];
    found.left -= 1;
    if found.left == 0 { held.remove(at).map(|held| held.execution) } else { Some(found.execution.clone()) }
}

impl Pipeline {
    /// Runs a subscription, or anything else as a stream of one answer.
    ///
    /// Between two answers the stream holds nothing that others could wait for; before an answer it may, and has to be
    /// polled to it, or dropped.
    pub fn subscribe(self: &Arc<Self>, prepared: Prepared, context: RequestContext) -> BoxStream<'static, Answer> {
        let pipeline = Arc::clone(self);
        if prepared.kind == OperationType::Subscription {
            let following = Following::new(pipeline, prepared, context);
            return stream::unfold(following, |mut following| async move {
                following.next().await.map(|answer| (answer, following))
            })
            .boxed();
        }
        let (request_id, locale) = (context.request_id.clone(), context.client.locale);
        let is_mutation = prepared.kind == OperationType::Mutation;
        let answer = async move {
            let (response, _) = pipeline.execute(prepared, context).await;
            pipeline.write(&response, &request_id, locale, is_mutation)
        };
        stream::once(answer).boxed()
    }

    /// Writes a response, as far as an answer may go.
    fn write(&self, response: &Response, request_id: &str, locale: Locale, is_mutation: bool) -> Answer {
        let (answer, limit) = (Answer::new(response), self.app.config.limits.answer_bytes);
        if answer.bytes() <= limit {
            return answer;
        }
        Answer::new(&refused(&too_large(limit, is_mutation), request_id, locale))
    }

    /// Opens the source of a subscription's events, or says why not.
    async fn open(&self, prepared: Prepared, context: RequestContext) -> Result<Source, Answer> {
        let (request_id, locale) = (context.request_id.clone(), context.client.locale);
        let opening = Opening::default();
        let concurrency_limit = self.app.concurrency_limits.of(context.actor.caller(&context.client));
        let request = request(prepared, context).data(opening.clone());
        match concurrency_limit.apply_to(self.first_response(request, &request_id, locale)).await {
            Some(refusal) => Err(refusal),
            None => opening.take().ok_or_else(|| Answer::new(&refused(&Refusal::internal(), &request_id, locale))),
        }
    }

    /// Executes an event; a failure of its source is answered as one of the root field.
    async fn execute_event(&self, prepared: Prepared, context: RequestContext, event: Result<Event>) -> Answer {
        self.app.executions.fetch_add(1, Ordering::Relaxed);
        if event.as_ref().is_ok_and(Event::is_missed) {
            self.app.replays.fetch_add(1, Ordering::Relaxed);
        }
        let (request_id, locale) = (context.request_id.clone(), context.client.locale);
        let concurrency_limit = self.app.concurrency_limits.of(context.actor.caller(&context.client));
        let request = request(prepared, context).data(Happened::new(event));
        let answer = concurrency_limit.apply_to(self.first_response(request, &request_id, locale)).await;
        answer.unwrap_or_else(|| Answer::new(&refused(&Refusal::internal(), &request_id, locale)))
    }

    async fn first_response(
        &self,
        request: async_graphql::Request,
        request_id: &str,
        locale: Locale,
    ) -> Option<Answer> {
        let limit = self.app.config.limits.query_time;
        let mut responses = self.graph.execute_stream(request);
        let mut response = match timeout(limit, AssertUnwindSafe(responses.next()).catch_unwind()).await {
            Ok(Ok(response)) => response?,
            Ok(Err(panic)) => panicked(&*panic),
            Err(_) => refused(&timed_out(limit, false), request_id, locale),
        };
        finish(&mut response, request_id, locale);
        Some(self.write(&response, request_id, locale, false))
    }
}

/// A subscription that runs.
struct Following {
    pipeline: Arc<Pipeline>,
    app: App,
    prepared: Prepared,
    actor: Actor,
    client: Client,
    request_id: String,
    stage: Stage,
}

/// How far a subscription has come.
enum Stage {
    /// Its source is not open yet.
    Begun,
    /// Its events come.
    Open(Open),
    /// Nothing more comes.
    Over,
}

struct Open {
    events: BoxStream<'static, Result<Event>>,
    /// An event that was taken from the source ahead of its time.
    ahead: Option<Result<Event>>,
    audience: Arc<Audience>,
}

impl Following {
    fn new(pipeline: Arc<Pipeline>, prepared: Prepared, context: RequestContext) -> Self {
        let RequestContext { app, actor, client, request_id, .. } = context;
        Self { pipeline, app, prepared, actor, client, request_id, stage: Stage::Begun }
    }

    /// Each execution is a request of its own, as far as the loaders are concerned.
    fn context(&self) -> RequestContext {
        let (app, actor, client) = (self.app.clone(), self.actor.clone(), self.client.clone());
        RequestContext::new(app, actor, client, self.request_id.clone(), SessionKeeping::by_client())
    }

    async fn next(&mut self) -> Option<Answer> {
        if matches!(self.stage, Stage::Begun) {
            match Box::pin(self.pipeline.open(self.prepared.clone(), self.context())).await {
                Ok(source) => self.stage = Stage::Open(self.opened(source)),
                Err(refusal) => {
                    self.stage = Stage::Over;
                    return Some(refusal);
                }
            }
        }
        let Stage::Open(open) = &mut self.stage else { return None };
        let event = match open.ahead.take() {
            Some(event) => event,
            None => open.events.next().await?,
        };
        // Most of an audience find it executed, and need none of what it takes to do so.
        let shared = event.as_ref().ok().and_then(|event| self.shared(event));
        if let Some(execution) = shared {
            return Some(execution.await);
        }
        match Box::pin(self.answer(event)).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.stage = Stage::Over;
                let (prepared, context) = (self.prepared.clone(), self.context());
                Some(Box::pin(self.pipeline.execute_event(prepared, context, Err(error))).await)
            }
        }
    }

    fn opened(&self, source: Source) -> Open {
        let audience = self.app.audiences.get_or_insert(self.key(&source), Audience::default);
        Open { events: source.events, ahead: None, audience }
    }

    /// What is equal for all of an audience: the stream; who sees it, by which session; what is asked of its events, however
    /// it is written. Where in the stream somebody began is none of them.
    fn key(&self, source: &Source) -> [u8; 32] {
        let operation = fingerprint(&self.prepared.document, &self.prepared.variables);
        let viewer = (&self.actor, self.client.locale);
        sha256(format!("{:?} {viewer:?} {operation:?}", source.stream).as_bytes())
    }

    async fn answer(&mut self, event: Result<Event>) -> Result<Answer> {
        let mut event = event?;
        let caller = self.actor.caller(&self.client);
        loop {
            if let Some(execution) = self.shared(&event) {
                return Ok(execution.await);
            }
            let permit = permit(&self.app, caller, &event).await?;
            // While we waited, somebody else may have begun.
            if let Some(execution) = self.shared(&event) {
                drop(permit);
                return Ok(execution.await);
            }
            match self.app.limiters.of(&LIVE).check_many(&caller, self.points(&event)) {
                Ok(_) => return Ok(self.begin(event, permit).await),
                Err(left) => {
                    drop(permit);
                    tokio::time::sleep(left.retry_after).await;
                    event = self.newest(event);
                }
            }
        }
    }

    /// The execution of an event that somebody of the audience has begun.
    fn shared(&self, event: &Event) -> Option<Execution> {
        let Stage::Open(open) = &self.stage else { return None };
        if event.is_shared() { open.audience.find(event) } else { None }
    }

    /// What an event costs: nearly nothing where there is nothing to see.
    fn points(&self, event: &Event) -> NonZeroU32 {
        let cost = if event.has_content() { self.prepared.cost.points() } else { 1 };
        NonZeroU32::new(u32::try_from(cost).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN)
    }

    fn begin(&self, event: Event, permit: FairPermit) -> Execution {
        let begin = || {
            let (pipeline, prepared, context) = (Arc::clone(&self.pipeline), self.prepared.clone(), self.context());
            let (app, event, locale) = (self.app.clone(), event.clone(), self.client.locale);
            let work = async move {
                let answer = pipeline.execute_event(prepared, context, Ok(event)).await;
                drop(permit);
                Ok(answer)
            };
            async move {
                let answer = app.apart(work).await;
                answer.unwrap_or_else(|_: Error| Answer::new(&refused(&Refusal::internal(), "", locale)))
            }
            .boxed()
            .shared()
        };
        match &self.stage {
            Stage::Open(open) if event.is_shared() => {
                let others = Arc::strong_count(&open.audience) - 1;
                let execution = open.audience.find_or_begin(&event, others, begin);
                if others > 0 {
                    self.forget_later(&open.audience, event);
                }
                execution
            }
            _ => begin(),
        }
    }

    /// An answer is not held for ever for those who may never come for it.
    fn forget_later(&self, audience: &Arc<Audience>, event: Event) {
        let (audience, stop) = (Arc::downgrade(audience), self.app.stop.clone());
        self.app.spawn(async move {
            stop.run_until_cancelled(tokio::time::sleep(HELD.2)).await;
            if let Some(audience) = audience.upgrade() {
                audience.forget(&event);
            }
        });
    }

    /// The newest event that is there and stands for this one.
    fn newest(&mut self, mut event: Event) -> Event {
        let Stage::Open(open) = &mut self.stage else { return event };
        while open.ahead.is_none()
            && let Some(Some(next)) = open.events.next().now_or_never()
        {
            match next {
                Ok(newer) if newer.stands_for(&event) => event = newer,
                other => open.ahead = Some(other),
            }
        }
        event
    }
}

async fn permit(app: &App, caller: Caller, event: &Event) -> Result<FairPermit> {
    let semaphore = if event.is_missed() { &app.catching_up } else { &app.happening };
    let permit = timeout(app.config.limits.query_time, semaphore.acquire(caller)).await;
    permit.map_err(|_| Refusal::of(Code::Unavailable, Text::EventsBusy).into())
}
