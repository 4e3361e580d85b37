//! Subscriptions: a thousand sockets, events at a given rate, and how soon each arrives where it should.
//!
//! The events are written by an SQL function straight into the tables, in a transaction that also sends the hint that
//! another Agora process would send: so the whole way of an event from a commit elsewhere to the client is measured,
//! and nothing of how notifications come to be. An event carries a number; its moment is taken right before COMMIT is
//! sent, and looked up again by the number when the event arrives.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt, future::try_join_all};
use memchr::memmem;
use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet, time::MissedTickBehavior};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::WebSocketConfig,
    },
};
use uuid::Uuid;

use crate::{
    Result,
    database::Session,
    load::percentile,
    processes::{Cpu, Postgres},
};

const SUBSCRIPTION: &str = "subscription { notificationReceived { cursor phase \
                            notification { id kind title message createdAt } } }";

/// Tells a person something, as Agora's job does, and hints at it.
const FUNCTION: &str = "CREATE OR REPLACE FUNCTION bench_tell(person uuid, notification uuid, number bigint) \
    RETURNS void LANGUAGE plpgsql AS $$ \
    DECLARE reached bigint; \
    BEGIN \
      INSERT INTO notifications (id, recipient_id, kind, title, message, dedupe_key, created_at) \
      VALUES (notification, person, 'system', 'Something has happened', '#' || number, 'bench:' || number, now()); \
      INSERT INTO streams (kind, id, seq) VALUES ('notifications', person, 1) \
      ON CONFLICT (kind, id) DO UPDATE SET seq = streams.seq + 1 RETURNING seq INTO reached; \
      INSERT INTO events (stream_kind, stream_id, seq, kind, subject_id, created_at) \
      VALUES ('notifications', person, reached, 'notified', notification, now()); \
      PERFORM pg_notify('agora_hints', 'bench notifications ' || person || ' ' || reached); \
    END $$";

/// A person with a token.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

/// What is known of the events, shared by everybody.
struct Board {
    start: Instant,
    /// When each event was committed, in microseconds since `start`.
    committed: Vec<AtomicU64>,
    received: AtomicU64,
    last_receipt: AtomicU64,
    latencies: Vec<Mutex<Latencies>>,
}

/// What one socket has seen.
#[derive(Default)]
struct Latencies {
    micros: Vec<u32>,
    last: Option<u64>,
    /// Events that came twice or too late.
    disorder: u64,
}

impl Board {
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }
}

/// What came of some events.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) events_per_second: f64,
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: u32,
    pub(crate) p99: u32,
    pub(crate) cpu: Cpu,
    pub(crate) disorder: u64,
}

/// Sockets that are open and subscribed. They close when this is dropped.
pub(crate) struct Sockets {
    board: Arc<Board>,
    tasks: JoinSet<Result<()>>,
    /// Who is told: everybody, or the one person who has all the sockets.
    told: Vec<Uuid>,
    /// How many sockets each of them has.
    each: u64,
    next_number: u64,
}

impl Sockets {
    /// Opens one socket for each of these; `most_events` is how many events there may be before they are closed.
    pub(crate) async fn open(agora: SocketAddr, people: &[&Person], most_events: usize) -> Result<Self> {
        let board = Arc::new(Board {
            start: Instant::now(),
            committed: (0..most_events).map(|_| AtomicU64::new(0)).collect(),
            received: AtomicU64::new(0),
            last_receipt: AtomicU64::new(0),
            latencies: people.iter().map(|_| Mutex::default()).collect(),
        });
        let mut tasks = JoinSet::new();
        for (place, part) in people.chunks(50).enumerate() {
            for (within, socket) in
                try_join_all(part.iter().map(|person| subscribe(agora, person))).await?.into_iter().enumerate()
            {
                tasks.spawn(listen(socket, Arc::clone(&board), place * 50 + within));
            }
        }
        let mut told: Vec<Uuid> = people.iter().map(|person| person.id).collect();
        told.sort_unstable();
        told.dedup();
        Ok(Self { board, tasks, each: (people.len() / told.len().max(1)) as u64, told, next_number: 0 })
    }

    /// Writes events at this rate for this long, to each person in turn, and waits until they have arrived, at most
    /// for `timeout`.
    pub(crate) async fn deliver(
        &mut self,
        session: &Session,
        server: u32,
        postgres: Postgres,
        per_second: u64,
        seconds: u64,
        timeout: Duration,
    ) -> Result<Delivery> {
        for latencies in &self.board.latencies {
            latencies.lock().unwrap_or_else(PoisonError::into_inner).micros.clear();
        }
        let before = self.board.received.load(Ordering::Relaxed);
        let (start, cpu) = (self.board.now(), Cpu::now(server, postgres));
        let events = per_second * seconds;
        self.write(session, per_second, events).await?;
        let created = self.board.now() - start;
        let expected = events * self.each;
        let deadline = Instant::now() + timeout;
        while self.board.received.load(Ordering::Relaxed) < before + expected && Instant::now() < deadline {
            if let Some(ended) = self.tasks.try_join_next() {
                ended??;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let delivered = self.board.received.load(Ordering::Relaxed) - before;
        let cpu = Cpu::now(server, postgres).since(cpu);
        let elapsed = self.board.last_receipt.load(Ordering::Relaxed).saturating_sub(start).max(1);
        let (mut micros, mut disorder) = (Vec::new(), 0);
        for latencies in &self.board.latencies {
            let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
            micros.append(&mut latencies.micros);
            disorder += std::mem::take(&mut latencies.disorder);
        }
        Ok(Delivery {
            events_per_second: events as f64 * 1e6 / created as f64,
            expected,
            delivered,
            per_second: delivered as f64 * 1e6 / elapsed as f64,
            p50: percentile(&mut micros, 0.5),
            p99: percentile(&mut micros, 0.99),
            cpu,
            disorder,
        })
    }

    async fn write(&mut self, session: &Session, per_second: u64, events: u64) -> Result<()> {
        let client = &session.client;
        let tell = client.prepare("SELECT bench_tell($1, $2, $3)").await?;
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / per_second));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for _ in 0..events {
            ticks.tick().await;
            let number = self.next_number;
            self.next_number += 1;
            let slot = self.board.committed.get(number as usize).ok_or("more events than were announced")?;
            let person = self.told[number as usize % self.told.len()];
            // Different in each run of sockets, because the board's start is.
            let id = Uuid::from_u64_pair(self.board.now(), (number << 32) | u64::from(std::process::id()));
            client.batch_execute("BEGIN").await?;
            client.execute(&tell, &[&person, &id, &number.cast_signed()]).await?;
            slot.store(self.board.now(), Ordering::Release);
            client.batch_execute("COMMIT").await?;
        }
        Ok(())
    }
}

/// Makes the function that writes events.
pub(crate) async fn prepare(session: &Session) -> Result<()> {
    Ok(session.client.batch_execute(FUNCTION).await?)
}

/// Forgets the notifications of earlier sockets, whose numbers come again.
pub(crate) async fn forget(session: &Session) -> Result<()> {
    Ok(session.client.batch_execute("DELETE FROM notifications WHERE dedupe_key LIKE 'bench:%'").await?)
}

type Socket = WebSocketStream<TcpStream>;

async fn subscribe(agora: SocketAddr, person: &Person) -> Result<Socket> {
    let stream = TcpStream::connect(agora).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{agora}/graphql").into_client_request()?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("graphql-transport-ws"));
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let (mut socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
    let authorization = format!("Bearer {}", person.token);
    send(&mut socket, json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await?;
    until(&mut socket, "\"connection_ack\"").await?;
    send(&mut socket, json!({ "id": "1", "type": "subscribe", "payload": { "query": SUBSCRIPTION } })).await?;
    until(&mut socket, "\"LIVE\"").await?;
    Ok(socket)
}

async fn send(socket: &mut Socket, message: serde_json::Value) -> Result<()> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

/// Waits for a message with this text in it.
async fn until(socket: &mut Socket, text: &str) -> Result<()> {
    let wait = async {
        loop {
            let message = next(socket).await?;
            if message.contains(text) {
                return Ok(());
            }
            if message.contains("\"error") {
                return Err(message.as_str().into());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.map_err(|_| format!("no {text} within 20 s"))?
}

/// The next text; answers the protocol's pings. The library answers those of WebSocket itself.
async fn next(socket: &mut Socket) -> Result<Utf8Bytes> {
    loop {
        match socket.next().await.ok_or("the socket ended")?? {
            Message::Text(text) if text.starts_with("{\"type\":\"ping\"") => {
                send(socket, json!({ "type": "pong" })).await?;
            }
            Message::Text(text) => return Ok(text),
            Message::Close(frame) => return Err(format!("the socket was closed: {frame:?}").into()),
            _ => {}
        }
    }
}

async fn listen(mut socket: Socket, board: Arc<Board>, place: usize) -> Result<()> {
    loop {
        let text = next(&mut socket).await?;
        let now = board.now();
        let Some(number) = number_in(text.as_bytes()) else {
            return Err(format!("not an event of ours: {text}").into());
        };
        let committed = board.committed.get(number as usize).map_or(now, |slot| slot.load(Ordering::Acquire));
        {
            let mut latencies = board.latencies[place].lock().unwrap_or_else(PoisonError::into_inner);
            if latencies.last.is_some_and(|last| last >= number) {
                latencies.disorder += 1;
            }
            latencies.last = Some(number);
            latencies.micros.push(now.saturating_sub(committed) as u32);
        }
        board.last_receipt.fetch_max(now, Ordering::Relaxed);
        board.received.fetch_add(1, Ordering::Relaxed);
    }
}

/// The number that an event carries as `"#…"`.
fn number_in(message: &[u8]) -> Option<u64> {
    let rest = &message[memmem::find(message, b"\"#")? + 2..];
    let digits = &rest[..rest.iter().position(|byte| !byte.is_ascii_digit())?];
    std::str::from_utf8(digits).ok()?.parse().ok()
}
