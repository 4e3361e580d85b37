//! Following a stream of events: what was missed, then what happens, without gap or duplicate.
//!
//! The table is the truth; hints only say that looking is worth it. All who follow one stream in this process share its
//! tail, its last steps in memory, so what happens is read once however many follow, and before they are woken: each of
//! them then finds it there, and is woken once. What was missed is read from the table by whoever missed it, when it is its
//! client's turn: the tail remembers events as they were, and what is gone or changed meanwhile is told as it is now. So does
//! a follower that is slower than the tail; it holds nobody up.
//!
//! Nothing is read in a follower's own future, which may be stopped or dropped at any moment, but in tasks that run to
//! their end: what such a future held, a lock or a connection, others would wait for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use futures_util::{
    FutureExt, Stream,
    future::{BoxFuture, Shared},
    stream,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    actor::{Actor, Client},
    events,
};
use crate::{
    app::{App, Caller},
    catalogue::Text,
    entity::event::{self, StreamKind},
    error::{Code, Error, Refusal, Result},
};

/// How many steps a tail holds: enough for followers that are a moment behind what happens.
const TAIL: usize = 64;
/// How many events are read at once.
const BATCH: u64 = 100;

/// Where a follower stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// From the past, on the way to the present.
    Replay,
    /// As it happens.
    Live,
    /// What it wanted to continue from is gone.
    Reset,
}

/// One step of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<T> {
    /// The sequence after this step.
    pub seq: i64,
    /// Where the follower stands.
    pub phase: Phase,
    /// What the event tells; absent in a marker, or when its subject is gone meanwhile. Those who read it together share it.
    pub content: Option<Arc<T>>,
}

/// How a stream's events become what followers get.
pub(crate) trait Content: Send + Sync + 'static {
    /// What an event tells.
    type Item: Send + Sync + 'static;
    /// The kind of stream.
    const KIND: StreamKind;

    /// The contents of events of one stream, one for each, with a constant number of statements.
    fn load(
        app: &App,
        id: Uuid,
        events: &[event::Model],
    ) -> impl Future<Output = Result<Vec<Option<Arc<Self::Item>>>>> + Send;
}

/// An event and what it tells.
struct LoadedEvent<T> {
    seq: i64,
    content: Option<Arc<T>>,
}

impl<T> Clone for LoadedEvent<T> {
    fn clone(&self) -> Self {
        Self { seq: self.seq, content: self.content.clone() }
    }
}

/// The end of a stream, shared by its followers here.
struct Tail<T> {
    ring: Mutex<Ring<T>>,
    /// How far the stream is said to have come, once that was read.
    news: watch::Receiver<i64>,
}

struct Ring<T> {
    steps: VecDeque<LoadedEvent<T>>,
    /// The last sequence that was read, whether a step of it is still held or none ever was.
    reached: i64,
    /// The reading that began last, and how far it is to come.
    reading: Option<(i64, Reading)>,
}

/// A task that reads on; everybody may wait for it.
type Reading = Shared<BoxFuture<'static, Result<(), Arc<Error>>>>;

impl<T> Tail<T> {
    fn ring(&self) -> MutexGuard<'_, Ring<T>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Ring<T> {
    fn push(&mut self, told: LoadedEvent<T>) {
        self.reached = told.seq;
        self.steps.push_back(told);
        if self.steps.len() > TAIL {
            self.steps.pop_front();
        }
    }

    /// What comes after a sequence; `None` when some of it is no longer held.
    fn after(&self, seq: i64) -> Option<Vec<LoadedEvent<T>>> {
        let oldest = self.steps.front().map_or(self.reached + 1, |told| told.seq);
        (seq + 1 >= oldest).then(|| {
            let skip = usize::try_from(seq + 1 - oldest).unwrap_or(0);
            self.steps.iter().skip(skip).cloned().collect()
        })
    }
}

struct Follower<C: Content> {
    app: App,
    caller: Caller,
    id: Uuid,
    tail: Arc<Tail<C::Item>>,
    news: watch::Receiver<i64>,
    /// How far the stream had come when we began: the tail may not know yet, if the hint got lost.
    known: i64,
    /// Everything up to here was given out, or waits in `ready`.
    seq: i64,
    ready: VecDeque<Step<C::Item>>,
    /// Whether the follower was told that it is up to date.
    live: bool,
    failed: bool,
}

/// Follows a stream: with `after`, first what was missed since then; without, from now on, a marker first.
pub(crate) async fn follow<C: Content>(
    app: &App,
    actor: &Actor,
    client: &Client,
    id: Uuid,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<C::Item>>> + Send + use<C>> {
    let key = events::stream(C::KIND, id);
    // Follow before looking: what is committed between the two then wakes us.
    let hints = app.db.bus().follow(key);
    let head = events::head(app, C::KIND, id).await?;
    let ring = Ring { steps: VecDeque::new(), reached: head, reading: None };
    let mut told = None;
    let tail = app.tails.get_or_insert(key, || {
        let (teller, news) = watch::channel(*hints.borrow());
        told = Some(teller);
        Tail { ring: Mutex::new(ring), news }
    });
    if let Some(teller) = told {
        // With the hints that we have followed since before we looked.
        app.spawn(read_ahead::<C>(app.clone(), id, Arc::downgrade(&tail), hints, teller));
    }
    let news = tail.news.clone();
    // A place that the stream has not reached is one of a database that was put back: begin anew.
    let first = match after {
        None => Some(Phase::Live),
        Some(after) if after > head => Some(Phase::Reset),
        Some(_) => None,
    };
    let live = first.is_some();
    let seq = after.filter(|_| !live).unwrap_or(head);
    let ready = first.map(|phase| Step { seq, phase, content: None }).into_iter().collect();
    let (app, caller) = (app.clone(), actor.caller(client));
    let follower = Follower::<C> { app, caller, id, tail, news, known: head, seq, ready, live, failed: false };
    Ok(stream::unfold(follower, |mut follower| async move {
        if follower.failed {
            return None;
        }
        let step = follower.next().await;
        follower.failed = step.is_err();
        Some((step, follower))
    }))
}

impl<C: Content> Follower<C> {
    async fn next(&mut self) -> Result<Step<C::Item>> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(step);
            }
            // Marked as seen before reading: a hint that comes during the read is not lost.
            let hinted = self.known.max(*self.news.borrow_and_update());
            self.read_on(hinted).await?;
            if !self.ready.is_empty() {
                continue;
            }
            if !self.live {
                self.live = true;
                return Ok(Step { seq: self.seq, phase: Phase::Live, content: None });
            }
            self.news.changed().await.map_err(Error::internal)?;
        }
    }

    async fn read_on(&mut self, hinted: i64) -> Result<()> {
        let told = if self.live {
            match self.shared_tail(hinted).await? {
                Some(told) => told,
                // On the heap, as all that is seldom: otherwise each follower would have room for it.
                None => Box::pin(self.read_alone()).await?,
            }
        } else if self.seq < hinted {
            Box::pin(self.read_alone()).await?
        } else {
            Vec::new()
        };
        // Sequences have no gaps: where the next is not the next, or what was known to be there is not, it is no longer
        // kept. Only the head of the beginning tells that: asked for anew, it may be of an event that came in between.
        let cut_off = told.first().map_or(self.known > self.seq, |next| next.seq != self.seq + 1);
        if cut_off {
            self.seq = Box::pin(events::head(&self.app, C::KIND, self.id)).await?;
            self.live = true;
            self.ready.push_back(Step { seq: self.seq, phase: Phase::Reset, content: None });
            return Ok(());
        }
        let phase = if self.live { Phase::Live } else { Phase::Replay };
        for told in told {
            self.seq = told.seq;
            self.ready.push_back(Step { seq: told.seq, phase, content: told.content });
        }
        Ok(())
    }

    /// What the tail holds after our place, read on as far as the hints go; `None` when our place is before it.
    async fn shared_tail(&self, hinted: i64) -> Result<Option<Vec<LoadedEvent<C::Item>>>> {
        {
            let ring = self.tail.ring();
            if ring.reached >= hinted {
                return Ok(ring.after(self.seq));
            }
        }
        // Of what was read ahead something failed, or was not heard of.
        Box::pin(read_to::<C>(&self.app, self.id, &self.tail, hinted)).await?;
        Ok(self.tail.ring().after(self.seq))
    }

    /// What comes after our place, by a reading of our own.
    async fn read_alone(&self) -> Result<Vec<LoadedEvent<C::Item>>> {
        let busy = |_| Refusal::of(Code::Unavailable, Text::CatchingUpBusy);
        let permit = tokio::time::timeout(self.app.config.limits.query_time, self.app.catching_up.acquire(self.caller));
        let permit = permit.await.map_err(busy)?;
        let (app, id, seq) = (self.app.clone(), self.id, self.seq);
        self.app
            .apart(async move {
                let told = load_after::<C>(&app, id, seq).await;
                drop(permit);
                told
            })
            .await
    }
}

/// Has the tail read on whenever there is a hint, and then tells those who follow it, as long as there are any. What fails
/// here they try themselves.
async fn read_ahead<C: Content>(
    app: App,
    id: Uuid,
    tail: Weak<Tail<C::Item>>,
    mut hints: watch::Receiver<i64>,
    news: watch::Sender<i64>,
) {
    loop {
        tokio::select! {
            () = news.closed() => return,
            changed = hints.changed() => if changed.is_err() { return },
        }
        let hinted = *hints.borrow_and_update();
        let Some(tail) = tail.upgrade() else { return };
        if let Err(error) = Box::pin(read_to::<C>(&app, id, &tail, hinted)).await {
            tracing::debug!(%error, "a stream could not be read ahead");
        }
        drop(tail);
        news.send_replace(hinted);
    }
}

/// Has the tail read as far as the hints go. Whoever comes first has it read; the others wait for the same reading.
async fn read_to<C: Content>(app: &App, id: Uuid, tail: &Arc<Tail<C::Item>>, hinted: i64) -> Result<()> {
    loop {
        let (goal, reading) = {
            let mut ring = tail.ring();
            if ring.reached >= hinted {
                return Ok(());
            }
            match &ring.reading {
                Some((goal, reading)) if reading.peek().is_none() => (*goal, reading.clone()),
                _ => {
                    let reading = begin_reading::<C>(app, id, tail, hinted);
                    ring.reading = Some((hinted, reading.clone()));
                    (hinted, reading)
                }
            }
        };
        reading.await.map_err(|error| of_all(&error))?;
        // It may have found less than it was to: then there is no more.
        if goal >= hinted {
            return Ok(());
        }
    }
}

fn begin_reading<C: Content>(app: &App, id: Uuid, tail: &Arc<Tail<C::Item>>, hinted: i64) -> Reading {
    let (reader, tail) = (app.clone(), Arc::clone(tail));
    let work = async move { read_tail::<C>(&reader, id, &tail, hinted).await };
    let app = app.clone();
    async move { app.apart(work).await.map_err(Arc::new) }.boxed().shared()
}

/// The failure of a reading, for each who waited for it.
fn of_all(error: &Error) -> Error {
    match error {
        Error::User(errors) => Error::User(errors.clone()),
        Error::Refused(refusal) => Error::Refused(refusal.clone()),
        Error::Internal(cause) => Error::internal(cause.to_string()),
    }
}

/// Reads on, to a sequence or as far as there is something.
async fn read_tail<C: Content>(app: &App, id: Uuid, tail: &Tail<C::Item>, hinted: i64) -> Result<()> {
    let mut reached = tail.ring().reached;
    while reached < hinted {
        let told = load_after::<C>(app, id, reached).await?;
        let Some((first, last)) = told.first().zip(told.last()) else { return Ok(()) };
        let has_gap = first.seq != reached + 1;
        reached = last.seq;
        let mut ring = tail.ring();
        if has_gap {
            ring.steps.clear();
        }
        for told in told {
            ring.push(told);
        }
    }
    Ok(())
}

async fn load_after<C: Content>(app: &App, id: Uuid, after: i64) -> Result<Vec<LoadedEvent<C::Item>>> {
    let events = events::after(app, C::KIND, id, after, BATCH).await?;
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let contents = C::load(app, id, &events).await?;
    Ok(events.iter().zip(contents).map(|(event, content)| LoadedEvent { seq: event.seq, content }).collect())
}
