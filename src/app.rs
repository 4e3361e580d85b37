//! What everything runs on: settings, database, clock, keys, limits, and the tasks that a shutdown waits for.

use std::{
    net::IpAddr,
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64},
    },
};

use sea_orm::DatabaseConnection;
use sea_orm_migration::MigratorTrait;
use secrecy::ExposeSecret;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    config::Config,
    entity::{SessionId, UserId},
    error::{Error, Result},
    platform::{
        bus::{Bus, StreamKey},
        clock::Clock,
        concurrency_limits::ConcurrencyLimits,
        crypto::{self, Keys},
        db::Database,
        fail_points::FailPoints,
        fair_semaphore::FairSemaphore,
        ids::Ids,
        memory::{ExpiringSet, HighWaterMarks, WeakCache},
        passwords::Passwords,
        providers::{http::Http, mail::Mail, oidc::Issuers, outbox::Outbox, payments::Providers, sms::Sms},
        rate_limit::Limiters,
    },
};

/// Shared by everything; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

/// The parts of an [`App`].
#[derive(Debug)]
pub struct Parts {
    /// What the environment says, read once at start.
    pub config: Config,
    /// The pools of connections, and the bus that tells of commits.
    pub db: Database,
    /// Now; a test moves it.
    pub clock: Clock,
    /// Makes UUIDs of version 7, which sort by time.
    pub ids: Ids,
    /// What signs and seals, derived from SECRET_KEY and the former ones.
    pub keys: Keys,
    /// Asks other servers.
    pub http: Http,
    /// Carries e-mail: by SMTP, or into the outbox folder.
    pub mail: Mail,
    /// Carries text messages.
    pub sms: Sms,
    /// The providers of payments that are configured.
    pub payments: Providers,
    /// How many connections of the database each client may use at once.
    pub concurrency_limits: ConcurrencyLimits<Caller>,
    /// Fail points, for tests.
    pub fail_points: FailPoints,
    /// What is known of the issuers of OpenID Connect.
    pub issuers: Issuers,
    /// Where clients reach this server when no PUBLIC_URL is set; known once it listens.
    pub listening_at: OnceLock<String>,
    /// Hashes passwords, a few at a time; the others wait in a queue.
    pub passwords: Passwords,
    /// How often each client did what, counted in this process. The policies are declared by those who count by them.
    pub limiters: Limiters,
    /// Sessions that ended lately: their access tokens are refused before they expire.
    pub ended_sessions: ExpiringSet<SessionId>,
    /// When the last sweep for ended sessions went well, in microseconds since 1970; 0 before the first.
    pub sessions_swept_at: AtomicI64,
    /// The newest generation of each session that was seen in use here: only its first use costs a statement.
    pub seen_generations: HighWaterMarks<SessionId>,
    /// The ends of the streams that are followed here.
    pub tails: WeakCache<StreamKey>,
    /// Those who follow one stream by equal operations and see the same, by what is equal.
    pub audiences: WeakCache<[u8; 32]>,
    /// Permits to execute what happens on streams.
    pub happening: FairSemaphore<Caller>,
    /// Permits for what was missed: reading it, and executing it. Apart, so that nobody who only wants to know what happens
    /// waits for those who want to know everything.
    pub catching_up: FairSemaphore<Caller>,
    /// How many events were executed so far, for one follower or for many: for tests and metrics.
    pub executions: AtomicU64,
    /// How many of these told somebody what they had missed.
    pub replays: AtomicU64,
    /// Tasks that a shutdown waits for.
    pub tasks: TaskTracker,
    /// Cancelled when the program is to stop.
    pub stop: CancellationToken,
}

/// By whom work is asked for, as far as limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Somebody who is signed in, from wherever.
    Person(UserId),
    /// Whoever is not, at one address (IPv6: in one /64), where it is known.
    Address(Option<IpAddr>),
}

impl App {
    /// Connects to the database and derives the keys. Does not migrate.
    pub async fn start(config: Config, clock: Clock, ids: Ids) -> Result<Self> {
        let bus = Bus::default();
        let db = Database::connect(&config.database, bus).await.map_err(|error| out_of_reach(&config, &error))?;
        let secret = match &config.secret_key {
            Some(secret) => secret.clone(),
            None if config.is_production() => return Err(Error::internal("SECRET_KEY is missing")),
            None => {
                let file = development_secret_file(&config);
                crypto::development_secret(&file)
                    .map_err(|error| Error::internal(format!("no key can be kept in {}: {error}", file.display())))?
            }
        };
        let keys = Keys::derive(&secret, &config.old_secret_keys)?;
        let passwords = Passwords::new(&config.password_hashing)?;
        let limiters = Limiters::new(config.rates.clone());
        let database = &config.database;
        // One connection at least is left for others, where there are two.
        let concurrency_limit = database.connections_per_client.min(database.max_connections.saturating_sub(1)).max(1);
        let concurrency_limits = ConcurrencyLimits::new(concurrency_limit as usize, database.acquire_timeout);
        let http = Http::new()?;
        let outbox = Outbox::new(config.outbox.clone());
        let mail = Mail::new(&config.email, outbox.clone())?;
        let sms = Sms::new(&config.sms, http.clone(), outbox);
        let payments = Providers::new(&config.payments, config.public_url.as_ref(), &http, &db, &clock, &ids, &keys)?;
        let connections = config.database.max_connections as usize;
        let fail_points = FailPoints::new(config.payments.stop_at_step.clone());
        Ok(Self(Arc::new(Parts {
            config,
            db,
            clock,
            ids,
            keys,
            http,
            mail,
            sms,
            payments,
            fail_points,
            issuers: Issuers::default(),
            listening_at: OnceLock::new(),
            passwords,
            limiters,
            concurrency_limits,
            ended_sessions: ExpiringSet::default(),
            sessions_swept_at: AtomicI64::new(0),
            seen_generations: HighWaterMarks::new(100_000),
            tails: WeakCache::default(),
            audiences: WeakCache::default(),
            happening: fair_semaphore(connections / 2),
            catching_up: fair_semaphore(connections / 4),
            executions: AtomicU64::new(0),
            replays: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })))
    }

    /// Brings the database up to date. Several processes may do it at once: on PostgreSQL one waits for the other by an
    /// advisory lock.
    pub(crate) async fn migrate(&self) -> Result<()> {
        let connection = self.db.migration_connection().await?;
        let result = self.migrate_on(&connection).await;
        connection.close().await?;
        result
    }

    /// The same on a connection that is there already, whose turn it is.
    pub(crate) async fn migrate_on(&self, connection: &DatabaseConnection) -> Result<()> {
        let standing = migration::standing(connection).await?;
        if !standing.breaking.is_empty() {
            return Err(too_new(&standing));
        }
        if let Some(last) = standing.pending.last() {
            migration::Migrator::up(connection, None).await?;
            tracing::info!(steps = standing.pending.len(), %last, "the database is up to date");
        }
        Ok(())
    }

    /// Refuses to go on upon a database that this version does not fit: one that lacks steps of it, or one that a newer
    /// version has changed so that this one can't run. Where a newer one has only added something, it goes on.
    pub(crate) async fn check_schema(&self) -> Result<()> {
        let standing = migration::standing(&self.db.connections()).await?;
        if !standing.breaking.is_empty() {
            return Err(too_new(&standing));
        }
        if !standing.pending.is_empty() {
            let count = standing.pending.len();
            return Err(Error::internal(format!(
                "the database lacks {count} step(s) of this version: run agora migrate up"
            )));
        }
        if !standing.unknown.is_empty() {
            let steps = standing.unknown.join(", ");
            tracing::warn!(%steps, "a newer version has been here; this one goes on, because these steps only add");
        }
        Ok(())
    }

    /// Where clients reach this server: PUBLIC_URL, or the address that it listens on; without a slash at the end.
    #[must_use]
    pub(crate) fn public_url(&self) -> String {
        match (&self.config.public_url, self.listening_at.get()) {
            (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
            (None, Some(address)) => address.clone(),
            (None, None) => format!("http://{}:{}", self.config.host, self.config.port),
        }
    }

    /// The address of a page of the frontend, with a query: what every link in a message is made by.
    #[must_use]
    pub(crate) fn frontend_link(&self, page: &str, query: &[(&str, &str)]) -> String {
        let mut url = self.config.frontend_url.clone();
        url.set_fragment(None);
        url.set_query(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(page.split('/'));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url.into()
    }

    /// Runs a task that a shutdown waits for; it should watch `stop` when it is a long one.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Runs work in a task of its own, to its end. Whoever waits for it can be stopped or dropped at any moment, and keeps
    /// nothing from others by that: no lock, no permit, no connection.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.tasks.spawn(work.in_current_span()).await.map_err(Error::internal)?
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

fn too_new(standing: &migration::Standing) -> Error {
    Error::internal(format!(
        "a newer version has changed the database so that this one can't run on it ({}): start the newer one, or undo its \
         {} step(s) by its own agora migrate down, after a backup",
        standing.breaking.join(", "),
        standing.unknown.len()
    ))
}

/// Why there is no database, and where it was looked for; a password is no part of that.
fn out_of_reach(config: &Config, error: &Error) -> Error {
    let cause = match error {
        Error::Internal(cause) => cause.to_string(),
        _ => format!("no answer within {} s", config.database.acquire_timeout.as_secs()),
    };
    let Some(file) = config.sqlite_file() else {
        let url = url::Url::parse(config.database.url.expose_secret()).ok();
        let host = url.as_ref().and_then(url::Url::host_str).unwrap_or("localhost");
        let port = url.as_ref().and_then(url::Url::port).unwrap_or(5432);
        let name = url.as_ref().map_or("", |url| url.path().trim_start_matches('/'));
        return Error::internal(format!("the database {name} at {host}:{port} can't be reached: {cause}"));
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let cause = folder.map_or(cause, |folder| format!("the folder {} is not there", folder.display()));
    Error::internal(format!("the database {} can't be opened: {cause}", file.display()))
}

/// So many at once, so that streams leave connections to queries; half of these for one caller.
fn fair_semaphore(all: usize) -> FairSemaphore<Caller> {
    FairSemaphore::new(all, all / 2)
}

/// Beside the SQLite file, or in the working directory.
fn development_secret_file(config: &Config) -> PathBuf {
    config.sqlite_file().map_or_else(|| PathBuf::from("agora.secret"), |file| file.with_extension("secret"))
}
