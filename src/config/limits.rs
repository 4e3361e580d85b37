//! The settings that say how much: of an operation, in a time, over a connection.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

use super::reader::Reader;

/// `count` events in `period`, bursts up to `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many within the period, and at once.
    pub count: NonZeroU32,
    /// In which time.
    pub period: Duration,
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (count, unit) = text.split_once('/').ok_or(())?;
        let seconds = match unit.trim() {
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            _ => return Err(()),
        };
        Ok(Self { count: count.trim().parse().map_err(|_| ())?, period: Duration::from_secs(seconds) })
    }
}

/// Limits of one GraphQL operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct Limits {
    pub body_bytes: usize,
    pub document_bytes: usize,
    pub tokens: usize,
    pub depth: usize,
    pub aliases: usize,
    pub root_fields: usize,
    pub directives: usize,
    pub content: usize,
    pub cost: u64,
    pub nodes: u64,
    pub fields: u64,
    pub answer_bytes: usize,
    pub answers_in_flight: usize,
    pub query_time: Duration,
}

/// The named rate limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct Rates {
    pub anonymous: Rate,
    pub user: Rate,
    pub content: Rate,
    pub live: Rate,
    pub login_address: Rate,
    pub login_account: Rate,
    pub register_address: Rate,
    pub unproven_address: Rate,
    pub send_address: Rate,
    pub send_account: Rate,
    pub proof_address: Rate,
    pub proof_account: Rate,
    pub webhook_address: Rate,
}

/// What a connection may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct ConnectionLimits {
    /// `None`: what the process's descriptors leave.
    pub max: Option<usize>,
    pub max_per_address: usize,
    pub idle: Duration,
    pub head: Duration,
    pub body: Duration,
    pub stall: Duration,
}

/// What a WebSocket may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct WebSocketLimits {
    pub init_timeout: Duration,
    pub ping_interval: Duration,
    pub write_timeout: Duration,
    pub max_subscriptions: usize,
    pub max_message_bytes: usize,
    pub max_connections: usize,
    pub max_per_address: usize,
    pub mutations: bool,
}

/// Reads the limits of an operation.
pub(super) fn limits(r: &mut Reader) -> Limits {
    Limits {
        body_bytes: r.number("LIMIT_BODY_BYTES", 1024, 104_857_600),
        document_bytes: r.number("LIMIT_DOCUMENT_BYTES", 256, 1_048_576),
        tokens: r.number("LIMIT_TOKENS", 50, 100_000),
        depth: r.number("LIMIT_DEPTH", 3, 30),
        aliases: r.number("LIMIT_ALIASES", 0, 10_000),
        root_fields: r.number("LIMIT_ROOT_FIELDS", 1, 1000),
        directives: r.number("LIMIT_DIRECTIVES", 0, 10_000),
        content: r.number("LIMIT_CONTENT", 1, 1000),
        cost: r.number("LIMIT_COST", 10, 1_000_000),
        nodes: r.number("LIMIT_NODES", 10, 10_000_000),
        fields: r.number("LIMIT_FIELDS", 1000, 100_000_000),
        answer_bytes: r.number("LIMIT_ANSWER_BYTES", 1024, 1 << 30),
        answers_in_flight: r.number("ANSWERS_IN_FLIGHT_BYTES", 1024, 1 << 40),
        query_time: r.seconds("LIMIT_QUERY_SECONDS"),
    }
}

/// Reads the rate limits.
pub(super) fn rates(r: &mut Reader) -> Rates {
    Rates {
        anonymous: r.rate("RATE_LIMIT_ANON"),
        user: r.rate("RATE_LIMIT_USER"),
        content: r.rate("RATE_LIMIT_CONTENT"),
        live: r.rate("RATE_LIMIT_LIVE"),
        login_address: r.rate("RATE_LIMIT_LOGIN_ADDRESS"),
        login_account: r.rate("RATE_LIMIT_LOGIN_ACCOUNT"),
        register_address: r.rate("RATE_LIMIT_REGISTER_ADDRESS"),
        unproven_address: r.rate("RATE_LIMIT_UNPROVEN_ADDRESS"),
        send_address: r.rate("RATE_LIMIT_SEND_ADDRESS"),
        send_account: r.rate("RATE_LIMIT_SEND_ACCOUNT"),
        proof_address: r.rate("RATE_LIMIT_PROOF_ADDRESS"),
        proof_account: r.rate("RATE_LIMIT_PROOF_ACCOUNT"),
        webhook_address: r.rate("RATE_LIMIT_WEBHOOK_ADDRESS"),
    }
}

/// Reads the limits of a connection.
pub(super) fn connections(r: &mut Reader) -> ConnectionLimits {
    ConnectionLimits {
        max: r.optional("MAX_CONNECTIONS", "a whole number").map(|most: NonZeroU32| most.get() as usize),
        max_per_address: r.number("MAX_CONNECTIONS_PER_ADDRESS", 1, 1_000_000),
        idle: r.seconds("CONNECTION_IDLE_SECONDS"),
        head: r.seconds("REQUEST_HEAD_SECONDS"),
        body: r.seconds("REQUEST_BODY_SECONDS"),
        stall: r.seconds("ANSWER_STALL_SECONDS"),
    }
}

/// Reads the limits of a WebSocket.
pub(super) fn websocket(r: &mut Reader) -> WebSocketLimits {
    WebSocketLimits {
        init_timeout: r.seconds("WEBSOCKET_INIT_TIMEOUT_SECONDS"),
        ping_interval: r.seconds("WEBSOCKET_PING_SECONDS"),
        write_timeout: r.seconds("WEBSOCKET_WRITE_TIMEOUT_SECONDS"),
        max_subscriptions: r.number("WEBSOCKET_MAX_SUBSCRIPTIONS", 1, 10_000),
        max_message_bytes: r.number("WEBSOCKET_MAX_MESSAGE_BYTES", 1024, 16_777_216),
        max_connections: r.number("WEBSOCKET_MAX_CONNECTIONS", 1, 1_000_000),
        max_per_address: r.number("WEBSOCKET_MAX_PER_ADDRESS", 1, 1_000_000),
        mutations: r.flag("WEBSOCKET_MUTATIONS", "false"),
    }
}
