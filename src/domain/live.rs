//! Following a stream of events: what was missed, then what happens, without gap or duplicate.
//!
//! The table is the truth; hints only say that looking is worth it. All who follow one stream in this process share its
//! tail, its last steps in memory, so an event is read once however many follow. A follower that is slower
//! than that, or begins further back, reads the table by itself; it holds nobody up.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{Stream, stream};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use super::events;
use crate::{
    app::App,
    entity::event::{self, StreamKind},
    error::{Error, Result},
};

/// How many steps a tail holds: enough for followers that are a moment behind.
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
    /// What the event tells; absent in a marker, or when its subject is gone meanwhile.
    pub content: Option<T>,
}

/// How a stream's events become what followers get.
pub trait Content: Send + Sync + 'static {
    /// What an event tells.
    type Item: Clone + Send + Sync + 'static;
    /// The kind of stream.
    const KIND: StreamKind;

    /// The contents of events of one stream, one for each, with a constant number of statements.
    fn load(
        app: &App,
        id: Uuid,
        events: &[event::Model],
    ) -> impl Future<Output = Result<Vec<Option<Self::Item>>>> + Send;
}

/// An event and what it tells.
struct Told<T> {
    seq: i64,
    content: Option<T>,
}

/// The end of a stream, shared by its followers here.
struct Tail<T> {
    ring: Mutex<Ring<T>>,
}

struct Ring<T> {
    steps: VecDeque<Arc<Told<T>>>,
    /// The last sequence that was read, whether a step of it is still held or none ever was.
    reached: i64,
}

impl<T> Ring<T> {
    /// What comes after a sequence; `None` when some of it is no longer held.
    fn after(&self, seq: i64) -> Option<Vec<Arc<Told<T>>>> {
        let oldest = self.steps.front().map_or(self.reached + 1, |told| told.seq);
        (seq + 1 >= oldest).then(|| {
            let skip = usize::try_from(seq + 1 - oldest).unwrap_or(0);
            self.steps.iter().skip(skip).cloned().collect()
        })
    }
}

/// Sequence, phase, and the event; a marker has none.
type Ready<T> = (i64, Phase, Option<Arc<Told<T>>>);

struct Follower<C: Content> {
    app: App,
    id: Uuid,
    tail: Arc<Tail<C::Item>>,
    hints: watch::Receiver<i64>,
    /// How far the stream had come when we began: the tail may not know yet, if the hint got lost.
    known: i64,
    /// Everything up to here was given out, or waits in `ready`.
    seq: i64,
    ready: VecDeque<Ready<C::Item>>,
    /// Whether the follower was told that it is up to date.
    live: bool,
    failed: bool,
}

/// Follows a stream: with `after`, first what was missed since then; without, from now on, a marker first.
pub async fn follow<C: Content>(
    app: &App,
    id: Uuid,
    after: Option<i64>,
) -> Result<impl Stream<Item = Result<Step<C::Item>>> + Send + use<C>> {
    let key = events::stream(C::KIND, id);
    // Follow before looking: what is committed between the two then wakes us.
    let hints = app.db.bus().follow(key);
    let head = events::head(app, C::KIND, id).await?;
    let ring = Ring { steps: VecDeque::new(), reached: head };
    let tail = app.tails.get_or_insert(key, || Tail { ring: Mutex::new(ring) });
    // A place that the stream has not reached is one of a database that was put back: begin anew.
    let first = match after {
        None => Some(Phase::Live),
        Some(after) if after > head => Some(Phase::Reset),
        Some(_) => None,
    };
    let live = first.is_some();
    let seq = after.filter(|_| !live).unwrap_or(head);
    let ready = first.map(|phase| (seq, phase, None)).into_iter().collect();
    let follower = Follower::<C> { app: app.clone(), id, tail, hints, known: head, seq, ready, live, failed: false };
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
            if let Some((seq, phase, told)) = self.ready.pop_front() {
                return Ok(Step { seq, phase, content: told.and_then(|told| told.content.clone()) });
            }
            // Marked as seen before reading: a hint that comes during the read is not lost.
            let hinted = self.known.max(*self.hints.borrow_and_update());
            self.read_on(hinted).await?;
            if !self.ready.is_empty() {
                continue;
            }
            if !self.live {
                self.live = true;
                return Ok(Step { seq: self.seq, phase: Phase::Live, content: None });
            }
            self.hints.changed().await.map_err(Error::internal)?;
        }
    }

    async fn read_on(&mut self, hinted: i64) -> Result<()> {
        let told = match self.shared_tail(hinted).await? {
            Some(told) => told,
            None => load_after::<C>(&self.app, self.id, self.seq).await?,
        };
        // Sequences have no gaps: where the next is not the next, or what was known to be there is not, it is no longer
        // kept. Only the head of the beginning tells that: asked for anew, it may be of an event that came in between.
        let cut_off = told.first().map_or(self.known > self.seq, |next| next.seq != self.seq + 1);
        if cut_off {
            self.seq = events::head(&self.app, C::KIND, self.id).await?;
            self.live = true;
            self.ready.push_back((self.seq, Phase::Reset, None));
            return Ok(());
        }
        let phase = if self.live { Phase::Live } else { Phase::Replay };
        for told in told {
            self.seq = told.seq;
            self.ready.push_back((told.seq, phase, Some(told)));
        }
        Ok(())
    }

    /// What the tail holds after our place, read on as far as the hints go; `None` when our place is before it.
    async fn shared_tail(&self, hinted: i64) -> Result<Option<Vec<Arc<Told<C::Item>>>>> {
        // Whoever comes first reads; the others wait here and find it done.
        let mut ring = self.tail.ring.lock().await;
        while ring.reached < hinted {
            let told = load_after::<C>(&self.app, self.id, ring.reached).await?;
            match told.first() {
                None => break,
                Some(next) if next.seq != ring.reached + 1 => ring.steps.clear(),
                Some(_) => {}
            }
            for told in told {
                ring.reached = told.seq;
                ring.steps.push_back(told);
                if ring.steps.len() > TAIL {
                    ring.steps.pop_front();
                }
            }
        }
        Ok(ring.after(self.seq))
    }
}

async fn load_after<C: Content>(app: &App, id: Uuid, after: i64) -> Result<Vec<Arc<Told<C::Item>>>> {
    let events = events::after(app, C::KIND, id, after, BATCH).await?;
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let contents = C::load(app, id, &events).await?;
    Ok(events.iter().zip(contents).map(|(event, content)| Arc::new(Told { seq: event.seq, content })).collect())
}
