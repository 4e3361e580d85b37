//! Hints: "stream X has reached N". They only say that looking is worth it; losing one costs at most one sweep.
//!
//! Within a process a hint raises a `watch` value per stream that somebody follows. On PostgreSQL processes hint
//! each other by NOTIFY, sent and received on connections of their own, outside of every business transaction.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{crypto::hex, ids::fill_random};
use crate::error::Result;

/// The channel that processes on one database share.
const CHANNEL: &str = "agora_hints";

/// The least time between two messages to the other processes: what is to be said meanwhile goes together with the next.
/// The first after a pause goes at once.
const BREATH: Duration = Duration::from_millis(3);

/// Which stream: a kind (`notifications`, `post` …) and the subject's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// The kind of stream.
    pub kind: &'static str,
    /// Whose.
    pub id: Uuid,
}

/// A stream has reached a sequence; or a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hint {
    /// The stream holds events up to this sequence.
    Stream(StreamKey, i64),
    /// The session is over: its sockets close.
    SessionEnded(Uuid),
    /// There is a job to run now.
    Jobs,
}

/// Sends and receives hints. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    streams: Mutex<HashMap<StreamKey, watch::Sender<i64>>>,
    sessions: tokio::sync::broadcast::Sender<Uuid>,
    jobs: watch::Sender<u64>,
    remote: Mutex<Option<mpsc::Sender<Hint>>>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            streams: Mutex::default(),
            sessions: tokio::sync::broadcast::channel(1024).0,
            jobs: watch::Sender::new(0),
            remote: Mutex::default(),
        }
    }
}

impl Bus {
    /// Tells this process and the others. Never waits: a hint that finds no room is dropped.
    pub fn send(&self, hint: Hint) {
        self.deliver(hint);
        if let Some(remote) = &*self.inner.remote.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = remote.try_send(hint);
        }
    }

    /// Tells this process only.
    pub fn deliver(&self, hint: Hint) {
        match hint {
            Hint::Stream(key, sequence) => {
                let streams = self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sender) = streams.get(&key) {
                    sender.send_if_modified(|reached| {
                        let further = sequence > *reached;
                        *reached = (*reached).max(sequence);
                        further
                    });
                }
            }
            Hint::SessionEnded(id) => {
                let _ = self.inner.sessions.send(id);
            }
            Hint::Jobs => self.inner.jobs.send_modify(|count| *count = count.wrapping_add(1)),
        }
    }

    /// Follows a stream: the receiver wakes when it is said to have gone further.
    #[must_use]
    pub fn follow(&self, key: StreamKey) -> watch::Receiver<i64> {
        let mut streams = self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.entry(key).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    // A kind that nobody here follows has no name here, and needs none.
    fn decode(&self, text: &str) -> Option<Hint> {
        let mut words = text.split(' ').skip(1);
        let (kind, id, sequence) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        match kind {
            "session" => Some(Hint::SessionEnded(id)),
            "jobs" => Some(Hint::Jobs),
            _ => {
                let streams = self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner);
                let kind = streams.keys().find(|key| key.id == id && key.kind == kind)?.kind;
                Some(Hint::Stream(StreamKey { kind, id }, sequence))
            }
        }
    }

    /// Every stream that is followed here, with what it is known to have reached; forgets those that no longer are.
    #[must_use]
    pub fn followed(&self) -> Vec<(StreamKey, i64)> {
        let mut streams = self.inner.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, sender| sender.receiver_count() > 0);
        streams.iter().map(|(key, sender)| (*key, *sender.borrow())).collect()
    }

    /// Ids of sessions as they end.
    #[must_use]
    pub fn ended_sessions(&self) -> tokio::sync::broadcast::Receiver<Uuid> {
        self.inner.sessions.subscribe()
    }

    /// Changes whenever there may be a job to run.
    #[must_use]
    pub fn jobs(&self) -> watch::Receiver<u64> {
        self.inner.jobs.subscribe()
    }

    /// Joins the other processes on the same PostgreSQL. Returns a future that runs until `stop`.
    pub async fn join_postgres(
        &self,
        url: &str,
        stop: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + use<>> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("agora bus");
        let pool = PgPoolOptions::new().max_connections(2).min_connections(0).connect_with(options).await?;
        let (sender, mut outgoing) = mpsc::channel::<Hint>(4096);
        *self.inner.remote.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let bus = self.clone();
        let mut name = [0; 6];
        fill_random(&mut name);
        let me = hex(&name);
        Ok(async move {
            let send = async {
                let mut batch = Vec::new();
                while outgoing.recv_many(&mut batch, 1024).await > 0 {
                    let payloads: Vec<String> = encode(&me, batch.drain(..));
                    let sent = sqlx::query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload")
                        .bind(CHANNEL)
                        .bind(payloads)
                        .execute(&pool)
                        .await;
                    if let Err(error) = sent {
                        tracing::warn!(%error, "hints were lost; the sweep makes up for them");
                    }
                    tokio::time::sleep(BREATH).await;
                }
            };
            let receive = async {
                loop {
                    match listen(&bus, &pool, &me).await {
                        Ok(()) => return,
                        Err(error) => {
                            tracing::warn!(%error, "the listening connection broke; connecting again");
                            tokio::time::sleep(Duration::from_secs(1)).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = async { tokio::join!(send, receive); } => {}
                () = stop.cancelled() => {}
            }
            pool.close().await;
        })
    }
}

async fn listen(bus: &Bus, pool: &sqlx::PgPool, me: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let notification = listener.recv().await?;
        // Our own was delivered when it was sent.
        if !notification.payload().starts_with(me)
            && let Some(hint) = bus.decode(notification.payload())
        {
            bus.deliver(hint);
        }
    }
}

/// One text per stream (its furthest sequence) and per session: `sender kind id sequence`.
fn encode(me: &str, hints: impl Iterator<Item = Hint>) -> Vec<String> {
    let mut streams: HashMap<StreamKey, i64> = HashMap::new();
    let mut texts = Vec::new();
    let mut jobs = false;
    for hint in hints {
        match hint {
            Hint::Stream(key, sequence) => {
                let reached = streams.entry(key).or_default();
                *reached = (*reached).max(sequence);
            }
            Hint::SessionEnded(id) => texts.push(format!("{me} session {id} 0")),
            Hint::Jobs => jobs = true,
        }
    }
    if jobs {
        texts.push(format!("{me} jobs {} 0", Uuid::nil()));
    }
    texts.extend(streams.into_iter().map(|(key, sequence)| format!("{me} {} {} {sequence}", key.kind, key.id)));
    texts
}
