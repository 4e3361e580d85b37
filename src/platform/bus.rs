//! Hints: "stream X has reached N". They only say that looking is worth it; losing one costs at most one sweep.
//!
//! Within a process a hint raises a `watch` value per stream that somebody follows. On PostgreSQL processes hint
//! each other by NOTIFY, sent and received on connections of their own, outside of every business transaction.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgConnection, PgListener, PgPoolOptions},
};
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
/// How long the server may take to connect, or to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// After so long without a message the server is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(10);

/// Which stream: a kind (`notifications`, `post` …) and the subject's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    /// The kind of stream.
    pub kind: &'static str,
    /// The id of its subject: a person, a post, a payment, a goal.
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
    pub(crate) fn followed(&self) -> Vec<(StreamKey, i64)> {
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
    ///
    /// Every wait on the network in it has an end: a server that falls silent is connected to anew.
    pub async fn join_postgres(
        &self,
        url: &str,
        stop: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + use<>> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.application_name("agora bus");
        // Whoever starts it learns at once that it does not work.
        let listener = subscribe(&options).await?;
        let (sender, outgoing) = mpsc::channel::<Hint>(4096);
        *self.inner.remote.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let bus = self.clone();
        let mut name = [0; 6];
        fill_random(&mut name);
        let me = hex(&name);
        Ok(async move {
            tokio::select! {
                () = async { tokio::join!(tell(&options, outgoing, &me), bus.hear(&options, listener, &me)); } => {}
                () = stop.cancelled() => {}
            }
        })
    }

    /// Hears what the others say, over ever new connections.
    async fn hear(&self, options: &PgConnectOptions, first: PgListener, me: &str) {
        let mut listener = Ok(first);
        loop {
            let ended = match listener {
                Ok(listener) => self.listen(listener, me).await,
                Err(error) => error,
            };
            tracing::warn!(error = %ended, "the listening connection broke; connecting again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            listener = subscribe(options).await;
        }
    }

    /// Hears until the connection breaks.
    async fn listen(&self, mut listener: PgListener, me: &str) -> sqlx::Error {
        loop {
            match tokio::time::timeout(QUIET, listener.try_recv()).await {
                // Our own was delivered when it was sent.
                Ok(Ok(Some(notification))) if notification.payload().starts_with(me) => {}
                Ok(Ok(Some(notification))) => {
                    if let Some(hint) = self.decode(notification.payload()) {
                        self.deliver(hint);
                    }
                }
                Ok(Ok(None)) => return sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()),
                Ok(Err(error)) => return error,
                // Nobody has anything to say, or the server is gone.
                Err(_) => {
                    if let Err(error) = within(sqlx::query("SELECT 1").execute(&mut listener)).await {
                        return error;
                    }
                }
            }
        }
    }
}

/// Tells the others, over one connection that is replaced when it does not do it. What it did not tell is lost.
async fn tell(options: &PgConnectOptions, mut outgoing: mpsc::Receiver<Hint>, me: &str) {
    let mut connection = None;
    let mut batch = Vec::new();
    while outgoing.recv_many(&mut batch, 1024).await > 0 {
        let payloads: Vec<String> = encode(me, batch.drain(..));
        let telling = async {
            let mut on = match connection.take() {
                Some(on) => on,
                None => PgConnection::connect_with(options).await?,
            };
            sqlx::query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload")
                .bind(CHANNEL)
                .bind(payloads)
                .execute(&mut on)
                .await?;
            Ok(on)
        };
        match within(telling).await {
            Ok(on) => connection = Some(on),
            Err(error) => tracing::warn!(%error, "hints were lost; the sweep makes up for them"),
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// A connection that hears what is said from now on. It has a pool of its own, since that is all it is made of: what a
/// silent one holds is never given back.
async fn subscribe(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .min_connections(0)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ANSWER)
        .connect_lazy_with(options.clone());
    within(async {
        let mut listener = PgListener::connect_with(&pool).await?;
        // A broken connection is an error, which is told, and not a silent attempt without an end.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    })
    .await
}

async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer")));
    tokio::time::timeout(ANSWER, work).await.unwrap_or_else(late)
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
