//! A server of one's own for each test: its database, a clock that stands still, ids in a series, and clients.

pub(crate) mod client;
pub(crate) mod contract;
pub(crate) mod database;
pub(crate) mod dice;
pub(crate) mod races;
pub(crate) mod socket;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use agora::{
    app::App,
    config::Config,
    domain::DOMAINS,
    entity::{UserId, user_role::Role},
    graphql, http,
    platform::{clock::Clock, ids::Ids},
    worker,
};
use axum::{Router, body::Body, extract::ConnectInfo};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DatabaseBackend, QueryResult};
use tokio::sync::OnceCell;
use tower::ServiceExt;

pub(crate) use client::{Answer, Client, user_error};
pub(crate) use races::hold_writer;
pub(crate) use socket::{Socket, TIMEOUT};

/// When every test begins.
pub(crate) const START: &str = "2026-01-01T12:00:00Z";

/// Tables that are not looked at when a call must change nothing, each with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("schedules", "whoever asks how the server is writes a row there, and so does the worker"),
    ("sign_in_failures", "a refused sign-in is counted there, on purpose"),
];

/// Every table of every domain, but those that are left out.
fn tables() -> impl Iterator<Item = &'static str> {
    let all = DOMAINS.iter().flat_map(|domain| domain.tables).copied();
    all.filter(|table| LEFT_OUT.iter().all(|(left_out, _)| left_out != table))
}

/// A time in an answer.
pub(crate) fn time(text: &serde_json::Value) -> DateTime<Utc> {
    text.as_str().unwrap_or_else(|| panic!("no time: {text}")).parse().unwrap()
}

/// A server with a database of its own.
pub(crate) struct Server {
    pub app: App,
    pub router: Router,
    pub clock: Clock,
    database: database::TestDatabase,
    outbox: PathBuf,
}

/// What a server had made when it stopped: others start where it stood.
pub(crate) struct Template {
    database: database::TestDatabase,
    now: DateTime<Utc>,
    ids: Ids,
    settings: Settings,
}

/// Some settings that are other ones than those of most tests.
type Settings = &'static [(&'static str, &'static str)];

impl Template {
    /// Of a server with these settings, which stops.
    pub(crate) async fn of(server: Server, settings: Settings) -> Self {
        server.app.stop.cancel();
        // Nobody may be connected to what is copied.
        server.app.db.close().await;
        server.database.settle().await;
        Self { database: server.database.share(), now: server.clock.now(), ids: server.app.ids.clone(), settings }
    }

    /// A server on a copy. Its time and ids go on from there, and its keys are the same, so that tokens stay good. What was
    /// in memory or in the outbox is not there.
    pub(crate) async fn start(&self) -> Server {
        let clock = Clock::fixed(self.now);
        Server::on(self.database.copy().await, clock, self.ids.clone(), self.settings).await
    }

    /// The same on the very database, where a copy would take long: for those who change nothing that another looks at.
    pub(crate) async fn share(&self) -> Server {
        let clock = Clock::fixed(self.now);
        Server::on(self.database.share(), clock, self.ids.clone(), self.settings).await
    }
}

/// A message that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Sent {
    /// The code in it, which stands on a line of its own.
    pub(crate) fn code(&self) -> String {
        let is_code = |line: &&str| line.len() >= 6 && line.chars().all(|c| c.is_ascii_digit());
        self.text.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }

    /// The token in the address of its link.
    pub(crate) fn token(&self) -> String {
        let url = url::Url::parse(&self.link()).unwrap();
        let token = url.query_pairs().find(|(name, _)| name == "token");
        token.unwrap_or_else(|| panic!("no token: {self:?}")).1.into_owned()
    }

    /// The first link in it.
    pub(crate) fn link(&self) -> String {
        let is_link = |word: &&str| word.starts_with("http://") || word.starts_with("https://");
        self.text.split_whitespace().find(is_link).unwrap_or_else(|| panic!("no link: {self:?}")).to_owned()
    }
}

impl Server {
    /// With the settings of most tests: limits out of the way, cheap passwords.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With some settings changed.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let database = database::create().await;
        let clock = Clock::fixed(START.parse::<DateTime<Utc>>().unwrap());
        Self::on(database, clock, Ids::seeded(), settings).await
    }

    /// Another server on the same database, by the same clock: an instance beside the first.
    pub(crate) async fn beside(&self, settings: &[(&str, &str)]) -> Self {
        Self::on(self.database.share(), self.clock.clone(), self.app.ids.clone(), settings).await
    }

    async fn on(database: database::TestDatabase, clock: Clock, ids: Ids, settings: &[(&str, &str)]) -> Self {
        let (url, connections) = (database.url(), connections());
        let outbox = database::folder().join(format!("outbox-{}", OUTBOXES.fetch_add(1, Ordering::SeqCst)));
        let mut values: BTreeMap<String, String> = [
            ("OUTBOX_DIR", outbox.to_str().unwrap()),
            ("DATABASE_URL", url.as_str()),
            ("SECRET_KEY", "only for tests: 0123456789 abcdefghijkl"),
            ("DEMO_DATA", "false"),
            ("PASSWORD_HASH_MEMORY_KIB", "8"),
            ("PASSWORD_HASH_ITERATIONS", "1"),
            ("RATE_LIMIT_ANON", "1000000/second"),
            ("RATE_LIMIT_USER", "1000000/second"),
            ("RATE_LIMIT_CONTENT", "1000000/second"),
            ("RATE_LIMIT_LIVE", "1000000/second"),
            ("LIMIT_CONTENT", "1000"),
            ("RATE_LIMIT_LOGIN_ADDRESS", "1000000/second"),
            ("RATE_LIMIT_LOGIN_ACCOUNT", "1000000/second"),
            ("RATE_LIMIT_REGISTER_ADDRESS", "1000000/second"),
            ("RATE_LIMIT_UNPROVEN_ADDRESS", "1000000/second"),
            ("RATE_LIMIT_SEND_ADDRESS", "1000000/second"),
            ("RATE_LIMIT_SEND_ACCOUNT", "1000000/second"),
            ("RATE_LIMIT_PROOF_ADDRESS", "1000000/second"),
            ("RATE_LIMIT_PROOF_ACCOUNT", "1000000/second"),
            ("RATE_LIMIT_WEBHOOK_ADDRESS", "1000000/second"),
            ("MAX_CONNECTIONS", "100000"),
            ("MAX_CONNECTIONS_PER_ADDRESS", "100000"),
            ("DATABASE_MAX_CONNECTIONS", connections.as_str()),
            // Tests make one person do many things at once.
            ("DATABASE_CONNECTIONS_PER_CLIENT", "5"),
            ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "30"),
            ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "30"),
            ("DATABASE_SYNCHRONOUS", "normal"),
            ("SWEEP_MILLISECONDS", "50"),
            ("TWO_FACTOR_REQUIRED_ROLES", "none"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in settings {
            values.insert((*name).to_owned(), (*value).to_owned());
        }
        let config = Config::from_values(values).unwrap();
        let app = App::start(config, clock.clone(), ids).await.unwrap();
        let router = http::router(app.clone(), graphql::build(app.config.introspection)).unwrap();
        Self { app, router, clock, database, outbox }
    }

    /// Where its database is, for a program beside it.
    pub(crate) fn database_url(&self) -> String {
        self.database.url()
    }

    /// Somebody who is not signed in.
    pub(crate) fn anonymous(&self) -> Client {
        Client::new(self.router.clone())
    }

    /// A new person, signed in. Their e-mail address is `<username>@example.org`, their password [`client::PASSWORD`].
    pub(crate) async fn user(&self, username: &str) -> Client {
        self.anonymous().register(username).await
    }

    /// Somebody with a role, signed in with what it allows.
    pub(crate) async fn staff(&self, username: &str, role: Role) -> Client {
        let person = self.user(username).await;
        self.appoint(&person, role).await;
        self.anonymous().login(username).await
    }

    /// Gives somebody a role, as if they had it from of old: no session ends, and nothing is written down.
    pub(crate) async fn appoint(&self, person: &Client, role: Role) {
        let id: UserId = person.id.parse().unwrap();
        let values = vec![id.0.into(), role.as_str().into(), self.clock.now().into()];
        let sql = "INSERT INTO user_roles (user_id, role, created_at) VALUES ($1, $2, $3)";
        self.write(sql, values).await;
    }

    /// Runs the jobs that are due, as the worker does; gives how many ran.
    pub(crate) async fn run_jobs(&self) -> u64 {
        worker::run_due(&self.app).await.unwrap()
    }

    /// Runs the jobs that are due, then gives every message that has left so far, oldest first.
    pub(crate) async fn sent(&self) -> Vec<Sent> {
        self.run_jobs().await;
        let mut files: Vec<_> = std::fs::read_dir(&self.outbox)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .collect();
        // Jobs' ids come in a series, so that messages of one moment are in order, too.
        files.sort_by_key(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let (start, id) = name.rsplit_once(' ').map(|(start, id)| (start.to_owned(), id.to_owned())).unwrap();
            (start[..15].to_owned(), id)
        });
        files.into_iter().map(|file| read_sent(&std::fs::read_to_string(file).unwrap())).collect()
    }

    /// The newest message to somebody.
    pub(crate) async fn last_sent(&self, to: &str) -> Sent {
        let sent = self.sent().await;
        sent.into_iter().rfind(|sent| sent.to == to).unwrap_or_else(|| panic!("nothing was sent to {to}"))
    }

    /// Lets time go by.
    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// Sends a raw request from the address 192.0.2.1.
    pub(crate) async fn send(&self, request: axum::http::Request<Body>) -> axum::http::Response<Body> {
        send(self.router.clone(), request, "192.0.2.1:1234".parse().unwrap()).await
    }

    /// One number from the database.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let rows = self.app.db.rows(sql, Vec::new()).await.unwrap();
        rows[0].try_get_by_index(0).unwrap()
    }

    /// Changes the database by hand, as no call does; gives how many rows.
    pub(crate) async fn write(&self, sql: &str, values: Vec<sea_orm::Value>) -> u64 {
        self.app.db.transact(async |tx| tx.execute(sql, values.clone()).await).await.unwrap()
    }

    /// What a call gives and costs: hashes of passwords, statements, and the jobs that it queues.
    pub(crate) async fn cost_of<T>(&self, call: impl Future<Output = T>) -> (T, [u64; 3]) {
        let jobs = self.count("SELECT COUNT(*) FROM jobs").await;
        let (hashed, statements) = (self.app.passwords.hashed(), self.app.db.statements());
        let given = call.await;
        let spent = [self.app.passwords.hashed() - hashed, self.app.db.statements() - statements];
        let queued = (self.count("SELECT COUNT(*) FROM jobs").await - jobs) as u64;
        (given, [spent[0], spent[1], queued])
    }

    /// Where in the database a text can be read, in whatever letters: `table.column`, with how many rows.
    pub(crate) async fn places_of(&self, text: &str) -> Vec<String> {
        let columns = match self.app.db.backend() {
            DatabaseBackend::Sqlite => {
                "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' \
                 AND m.name NOT LIKE '%\\_search%' ESCAPE '\\'"
            }
            _ => {
                "SELECT CAST(table_name AS text), CAST(column_name AS text) FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name NOT LIKE '%\\_search'"
            }
        };
        let mut places = Vec::new();
        for row in self.app.db.rows(columns, Vec::new()).await.unwrap() {
            let (table, column): (String, String) =
                (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE LOWER(CAST(\"{column}\" AS text)) LIKE '%{text}%'");
            let count = self.count(&sql).await;
            if count > 0 {
                places.push(format!("{table}.{column}: {count}"));
            }
        }
        places
    }

    /// How many rows each table has that a call can write to: equal before and after a call that wrote nothing.
    pub(crate) async fn rows(&self) -> Vec<(&'static str, i64)> {
        let counts: Vec<_> = tables().map(|table| format!("(SELECT COUNT(*) FROM {table})")).collect();
        let rows = self.app.db.rows(format!("SELECT {}", counts.join(", ")), Vec::new()).await.unwrap();
        tables().enumerate().map(|(at, table)| (table, rows[0].try_get_by_index(at).unwrap())).collect()
    }

    /// Every row of every table that a call can write to, as text.
    pub(crate) async fn contents(&self) -> BTreeSet<String> {
        // All servers have the same tables.
        static EVERY_ROW: OnceCell<String> = OnceCell::const_new();
        let sql = EVERY_ROW.get_or_init(|| self.every_row()).await;
        let rows = self.app.db.rows(sql, Vec::new()).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// The statement that reads them, one for all of them: it is asked for some hundred times.
    async fn every_row(&self) -> String {
        let select = |table: &str, row: &str| format!("SELECT '{table} ' || {row} FROM {table} t");
        if self.app.db.backend() == DatabaseBackend::Postgres {
            return tables().map(|table| select(table, "CAST(t AS text)")).collect::<Vec<_>>().join(" UNION ALL ");
        }
        let mut selects = Vec::new();
        for table in tables() {
            let sql = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns = self.app.db.rows(sql, Vec::new()).await.unwrap();
            let quoted = |row: &QueryResult| format!("QUOTE(\"{}\")", row.try_get_by_index::<String>(0).unwrap());
            selects.push(select(table, &columns.iter().map(quoted).collect::<Vec<_>>().join(" || ' ' || ")));
        }
        selects.join(" UNION ALL ")
    }

    /// The rows that are other ones than they were: none after a call that changed nothing at all.
    pub(crate) async fn changes_since(&self, before: &BTreeSet<String>) -> Vec<String> {
        self.contents().await.symmetric_difference(before).cloned().collect()
    }

    /// Listens on a real port, with the sweep, as `serve` does, until the test ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.app.spawn(worker::sweep(self.app.clone()));
        if let Some(url) = self.database.postgres_url() {
            let bus = self.app.db.bus().join_postgres(&url, self.app.stop.clone()).await.unwrap();
            self.app.spawn(bus);
        }
        // Not among the program's tasks: it waits for all of these when it stops, and would wait for itself.
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(http::serve(self.app.clone(), listener));
        address
    }
}

/// For tests in which several stand in the midst of transactions at once, and are looked at.
pub(crate) const SEVERAL_CONNECTIONS: (&str, &str) = ("DATABASE_MAX_CONNECTIONS", "6");

/// How many connections other servers have: with one, whoever asked for a second one in the midst of a transaction
/// would not get it.
fn connections() -> String {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite")]
    std::env::var("TEST_MAX_CONNECTIONS").unwrap_or_else(|_| SEVERAL_CONNECTIONS.1.to_owned())
}

static OUTBOXES: AtomicU64 = AtomicU64::new(0);

fn read_sent(text: &str) -> Sent {
    let (head, text) = text.split_once("\n\n").unwrap();
    let (to, subject) = head.split_once('\n').unwrap();
    Sent {
        to: to.strip_prefix("To: ").unwrap().to_owned(),
        subject: subject.strip_prefix("Subject: ").unwrap().to_owned(),
        text: text.to_owned(),
    }
}

/// Waits until something that has to come is there.
pub(crate) async fn eventually(what: &str, mut is_there: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_there().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, looking).await.unwrap_or_else(|_| panic!("{what}: it did not come"));
}

/// The database itself refuses a statement, whoever asks.
pub(crate) async fn refused_by_the_database(app: &App, sql: &str) {
    assert!(app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.is_err(), "{sql}");
}

impl Drop for Server {
    fn drop(&mut self) {
        self.app.stop.cancel();
    }
}

/// Sends a request through the router, as if from an address.
pub(crate) async fn send(
    router: Router,
    mut request: axum::http::Request<Body>,
    peer: SocketAddr,
) -> axum::http::Response<Body> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await.unwrap()
}
