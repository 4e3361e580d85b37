//! The only reader of the environment: every setting typed, validated, secrets wrapped.
//!
//! [`VARIABLES`] is the one list of settings; `.env.example` is generated from it (a test compares), and
//! [`Config::from_values`] reports every problem at once, so that an operator mends them in one go.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// One environment variable: its name, its default (as text; empty means "none") and what it means.
#[derive(Debug)]
pub struct Variable {
    /// The heading it stands under in `.env.example`.
    pub section: &'static str,
    /// The name in the environment.
    pub name: &'static str,
    /// The value used when it is absent or empty.
    pub default: &'static str,
    /// One sentence or two for the operator.
    pub meaning: &'static str,
}

const fn variable(section: &'static str, name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { section, name, default, meaning }
}

const SERVER: &str = "Server";
const DATABASE: &str = "Database";
const SECURITY: &str = "Security";
const ACCOUNTS: &str = "Accounts";
const LIMITS: &str = "Limits of one GraphQL operation";
const RATES: &str = "Rate limits (count/second, /minute or /hour)";
const LIVE: &str = "WebSockets and background work";
const EXPLORE: &str = "Exploring the graph";

/// Every variable that Agora reads.
pub const VARIABLES: &[Variable] = &[
    variable(
        SERVER,
        "AGORA_ENV",
        "development",
        "development or production. Production refuses weak settings and turns introspection, GraphiQL and demo data off by default.",
    ),
    variable(SERVER, "HOST", "127.0.0.1", "The address to listen on; 0.0.0.0 or :: for all."),
    variable(SERVER, "PORT", "8000", "The port to listen on; 0 takes a free one."),
    variable(
        SERVER,
        "PUBLIC_URL",
        "",
        "Where clients reach this server, such as https://api.example.org; needed in production, default http://HOST:PORT.",
    ),
    variable(
        SERVER,
        "FRONTEND_URL",
        "http://localhost:3000",
        "The web frontend: base of every link in a message and of the return from OAuth.",
    ),
    variable(SERVER, "LOG_LEVEL", "info", "A tracing filter: info, debug, agora=debug,sqlx=warn …"),
    variable(SERVER, "LOG_FORMAT", "", "human or json; default human in development, json in production."),
    variable(
        SERVER,
        "TRUSTED_PROXIES",
        "",
        "Networks (CIDR, comma-separated) whose X-Forwarded-For is believed; empty: none.",
    ),
    variable(SERVER, "SHUTDOWN_GRACE_SECONDS", "15", "How long a shutdown waits for requests in flight."),
    variable(
        SERVER,
        "COMPRESSION_MIN_BYTES",
        "1024",
        "Responses of this size and more are compressed (gzip, br, zstd).",
    ),
    variable(DATABASE, "DATABASE_URL", "sqlite://agora.db", "sqlite://file or postgres://user:password@host/database."),
    variable(
        DATABASE,
        "DATABASE_MAX_CONNECTIONS",
        "8",
        "Connections of the PostgreSQL pool, or readers of the SQLite file; two to four per core are enough.",
    ),
    variable(DATABASE, "DATABASE_MIN_CONNECTIONS", "1", "Connections that are kept open."),
    variable(DATABASE, "DATABASE_STATEMENT_TIMEOUT_SECONDS", "5", "A statement that takes longer is ended."),
    variable(DATABASE, "DATABASE_ACQUIRE_TIMEOUT_SECONDS", "5", "How long a request waits for a connection."),
    variable(DATABASE, "MIGRATE_ON_START", "true", "Whether serve brings the database up to date first."),
    variable(
        DATABASE,
        "DEMO_DATA",
        "",
        "Whether serve fills an empty database with demo data; default true in development, refused in production.",
    ),
    variable(
        SECURITY,
        "SECRET_KEY",
        "",
        "At least 32 characters from a good random source; every other key derives from it. Without one, development keeps a generated key beside the database.",
    ),
    variable(
        SECURITY,
        "SECRET_KEYS_OLD",
        "",
        "Former SECRET_KEYs, comma-separated, newest first: tokens signed with them are still accepted.",
    ),
    variable(
        SECURITY,
        "ALLOWED_HOSTS",
        "",
        "Host names that requests may be addressed to, comma-separated; default in production the host of PUBLIC_URL, in development any.",
    ),
    variable(
        SECURITY,
        "CORS_ALLOWED_ORIGINS",
        "",
        "Origins of browser frontends, comma-separated; default FRONTEND_URL's. * is refused in production.",
    ),
    variable(ACCOUNTS, "JWT_ACCESS_TOKEN_LIFETIME_MINUTES", "15", "How long an access token is good."),
    variable(ACCOUNTS, "JWT_REFRESH_TOKEN_LIFETIME_DAYS", "7", "How long a session lives without being used."),
    variable(
        ACCOUNTS,
        "REGISTRATION_CONFIRM_EMAIL",
        "false",
        "Whether a new account has to confirm its e-mail address before it can sign in. Messages are not sent yet: confirm by agora admin confirm.",
    ),
    variable(
        ACCOUNTS,
        "USERNAME_CHANGE_COOLDOWN_DAYS",
        "30",
        "How long after a change of user name the next one is refused.",
    ),
    variable(
        ACCOUNTS,
        "PASSWORD_HASH_MEMORY_KIB",
        "19456",
        "Memory of one argon2id hash; not below 19456 in production.",
    ),
    variable(ACCOUNTS, "PASSWORD_HASH_ITERATIONS", "2", "Passes of one argon2id hash; not below 2 in production."),
    variable(
        ACCOUNTS,
        "PASSWORD_HASH_PARALLEL",
        "2",
        "How many passwords are hashed at the same time; further sign-ins wait their turn.",
    ),
    variable(LIMITS, "LIMIT_BODY_BYTES", "262144", "Largest request body."),
    variable(LIMITS, "LIMIT_DOCUMENT_BYTES", "16384", "Longest query text."),
    variable(LIMITS, "LIMIT_TOKENS", "2000", "Most tokens in a query."),
    variable(LIMITS, "LIMIT_DEPTH", "12", "Deepest nesting of fields (20 below __schema and __type)."),
    variable(LIMITS, "LIMIT_ALIASES", "30", "Most aliases in an operation."),
    variable(LIMITS, "LIMIT_ROOT_FIELDS", "10", "Most root fields in an operation."),
    variable(LIMITS, "LIMIT_DIRECTIVES", "50", "Most directives in an operation."),
    variable(LIMITS, "LIMIT_COST", "1000", "Highest cost of an operation; the cost of each is in extensions.cost."),
    variable(LIMITS, "LIMIT_NODES", "10000", "Most objects that an operation may ask for."),
    variable(
        LIMITS,
        "LIMIT_FIELDS",
        "100000",
        "Most fields that an answer may have, each as often as it is written; a long text counts as many.",
    ),
    variable(LIMITS, "LIMIT_QUERY_SECONDS", "10", "A query that takes longer is ended with TIMEOUT."),
    variable(
        RATES,
        "RATE_LIMIT_ANON",
        "100/minute",
        "GraphQL operations of one address (IPv6: of one /64) without a sign-in.",
    ),
    variable(RATES, "RATE_LIMIT_USER", "1000/minute", "GraphQL operations of one signed-in person."),
    variable(RATES, "RATE_LIMIT_LOGIN_ADDRESS", "20/minute", "Sign-ins tried from one address."),
    variable(RATES, "RATE_LIMIT_LOGIN_ACCOUNT", "10/minute", "Sign-ins tried at one account."),
    variable(RATES, "RATE_LIMIT_REGISTER_ADDRESS", "10/hour", "Registrations from one address."),
    variable(
        RATES,
        "RATE_LIMIT_SENSITIVE_GLOBAL",
        "600/minute",
        "Sign-ins and registrations of all addresses together.",
    ),
    variable(
        LIVE,
        "WEBSOCKET_INIT_TIMEOUT_SECONDS",
        "5",
        "A socket that has not sent connection_init by then is closed (4408).",
    ),
    variable(LIVE, "WEBSOCKET_PING_SECONDS", "20", "How often an idle socket is pinged."),
    variable(LIVE, "WEBSOCKET_MAX_SUBSCRIPTIONS", "50", "Operations at once on one socket (4429 beyond)."),
    variable(LIVE, "WEBSOCKET_MAX_MESSAGE_BYTES", "65536", "Largest message from a client."),
    variable(LIVE, "WEBSOCKET_MAX_CONNECTIONS", "10000", "Sockets at once on this process; further ones get 503."),
    variable(LIVE, "WEBSOCKET_MAX_PER_ADDRESS", "200", "Of these, sockets of one address (IPv6: of one /64)."),
    variable(LIVE, "WEBSOCKET_MUTATIONS", "false", "Whether mutations may be sent over a WebSocket."),
    variable(LIVE, "SWEEP_MILLISECONDS", "1000", "How often lost hints and ended sessions are looked for."),
    variable(LIVE, "EVENT_RETENTION_DAYS", "30", "How long a subscription can be continued from an old cursor."),
    variable(LIVE, "WORKER", "true", "Whether serve also runs background jobs."),
    variable(
        EXPLORE,
        "GRAPHIQL",
        "",
        "Whether GET / serves GraphiQL; default true in development, false in production.",
    ),
    variable(
        EXPLORE,
        "GRAPHIQL_ASSETS",
        "",
        "A node_modules folder to serve GraphiQL's files from; empty: a CDN, with subresource integrity.",
    ),
    variable(
        EXPLORE,
        "INTROSPECTION",
        "",
        "Whether the graph can be introspected; default true in development, false in production (the SDL is at /schema.graphql).",
    ),
    variable(
        EXPLORE,
        "PERSISTED_QUERIES",
        "1000",
        "How many automatic persisted queries are remembered; 0 turns them off.",
    ),
    variable(
        EXPLORE,
        "TRUSTED_DOCUMENTS",
        "",
        "A JSON manifest {\"<sha256>\": \"<query>\"}; when set, no other operation runs.",
    ),
];

/// Where Agora runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Convenient: demo data, GraphiQL, a generated key.
    Development,
    /// Strict.
    Production,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For machines: one JSON object a line.
    Json,
}

/// `count` events in `period`, bursts up to `count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
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
    pub cost: u64,
    pub nodes: u64,
    pub fields: u64,
    pub query_time: Duration,
}

/// The named rate limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct Rates {
    pub anonymous: Rate,
    pub user: Rate,
    pub login_address: Rate,
    pub login_account: Rate,
    pub register_address: Rate,
    pub sensitive_global: Rate,
}

/// What a WebSocket may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct WebSocketLimits {
    pub init_timeout: Duration,
    pub ping_interval: Duration,
    pub max_subscriptions: usize,
    pub max_message_bytes: usize,
    pub max_connections: usize,
    pub max_per_address: usize,
    pub mutations: bool,
}

/// Parameters of argon2id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct PasswordHashing {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallel: usize,
}

/// The database and its pool.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct DatabaseConfig {
    pub url: SecretString,
    pub max_connections: u32,
    pub min_connections: u32,
    pub statement_timeout: Duration,
    pub acquire_timeout: Duration,
    pub migrate_on_start: bool,
}

/// Every setting. Cloned only at start.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct Config {
    pub environment: Environment,
    pub host: IpAddr,
    pub port: u16,
    /// `None`: derived from the address that is really listened on.
    pub public_url: Option<Url>,
    pub frontend_url: Url,
    pub log_level: String,
    pub log_format: LogFormat,
    pub trusted_proxies: Vec<IpNet>,
    pub shutdown_grace: Duration,
    pub compression_min_bytes: u16,
    pub database: DatabaseConfig,
    pub demo_data: bool,
    /// `None` only in development: then a generated key is kept beside the database.
    pub secret_key: Option<SecretString>,
    pub old_secret_keys: Vec<SecretString>,
    /// Empty: any.
    pub allowed_hosts: Vec<String>,
    /// `*` as the only entry: any (development only).
    pub cors_origins: Vec<String>,
    pub access_token_lifetime: Duration,
    pub session_lifetime: Duration,
    pub registration_confirm_email: bool,
    pub username_change_cooldown: Duration,
    pub password_hashing: PasswordHashing,
    pub limits: Limits,
    pub rates: Rates,
    pub websocket: WebSocketLimits,
    pub sweep_interval: Duration,
    pub event_retention: Duration,
    pub worker: bool,
    pub graphiql: bool,
    pub graphiql_assets: Option<PathBuf>,
    pub introspection: bool,
    pub persisted_queries: usize,
    pub trusted_documents: Option<PathBuf>,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), .0.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<String>);

impl Config {
    /// Reads `.env` (without overriding what is set) and the environment.
    pub fn load() -> Result<Self, Problems> {
        match dotenvy::dotenv() {
            Ok(_) => {}
            Err(error) if error.not_found() => {}
            Err(error) => return Err(Problems(vec![format!(".env: cannot be read: {error}")])),
        }
        #[allow(clippy::disallowed_methods, reason = "this module is the one reader")]
        let values = VARIABLES.iter().filter_map(|v| Some((v.name.to_owned(), std::env::var(v.name).ok()?))).collect();
        Self::from_values(values)
    }

    /// Validates settings; absent and empty ones take their default.
    pub fn from_values(values: BTreeMap<String, String>) -> Result<Self, Problems> {
        let mut reader = Reader { values, problems: Vec::new() };
        let r = &mut reader;
        let environment = r
            .choice("AGORA_ENV", &[("development", Environment::Development), ("production", Environment::Production)]);
        let production = environment == Environment::Production;
        let development_default = if production { "false" } else { "true" };

        let host = r.parse("HOST", "an IP address").unwrap_or(IpAddr::from([127, 0, 0, 1]));
        let port = r.parse("PORT", "a port from 0 to 65535").unwrap_or(8000);
        let public_url: Option<Url> = r.optional("PUBLIC_URL", "an http or https address").filter(|_| true);
        let frontend_url: Option<Url> = r.parse("FRONTEND_URL", "an http or https address");
        for (name, url) in [("PUBLIC_URL", &public_url), ("FRONTEND_URL", &frontend_url)] {
            if let Some(url) = url {
                if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                    r.problem(name, "expected an http or https address");
                } else if production && url.scheme() != "https" {
                    r.problem(name, "production expects an https address");
                }
            }
        }
        if production && public_url.is_none() && r.is_empty("PUBLIC_URL") {
            r.problem("PUBLIC_URL", "production expects the https address that clients use");
        }
        let log_format = match r.text("LOG_FORMAT").as_str() {
            "" if production => LogFormat::Json,
            "" | "human" => LogFormat::Human,
            "json" => LogFormat::Json,
            _ => {
                r.problem("LOG_FORMAT", "expected human or json");
                LogFormat::Human
            }
        };
        let log_level = r.text("LOG_LEVEL");
        if log_level.parse::<tracing_subscriber::EnvFilter>().is_err() {
            r.problem("LOG_LEVEL", "expected a tracing filter such as info or agora=debug");
        }

        let url = r.text("DATABASE_URL");
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            r.problem("DATABASE_URL", "expected sqlite://file or postgres://user:password@host/database");
        }
        if url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory") || url.len() < 10) {
            r.problem(
                "DATABASE_URL",
                "expected a file: several connections share it, which a database in memory can't",
            );
        }
        let database = DatabaseConfig {
            url: url.into(),
            max_connections: r.number("DATABASE_MAX_CONNECTIONS", 1, 1000),
            min_connections: r.number("DATABASE_MIN_CONNECTIONS", 0, 1000),
            statement_timeout: r.seconds("DATABASE_STATEMENT_TIMEOUT_SECONDS"),
            acquire_timeout: r.seconds("DATABASE_ACQUIRE_TIMEOUT_SECONDS"),
            migrate_on_start: r.flag("MIGRATE_ON_START", "true"),
        };
        let demo_data = r.flag("DEMO_DATA", development_default);
        if production && demo_data {
            r.problem("DEMO_DATA", "production refuses demo data");
        }

        let secret_key = Some(r.text("SECRET_KEY")).filter(|key| !key.is_empty()).map(SecretString::from);
        match &secret_key {
            None if production => r.problem("SECRET_KEY", "production expects a key of at least 32 characters"),
            Some(key) if weak_key(key.expose_secret()) => {
                r.problem("SECRET_KEY", "expected at least 32 characters, not all alike, from a good random source");
            }
            _ => {}
        }
        let old_secret_keys: Vec<SecretString> =
            r.list("SECRET_KEYS_OLD").into_iter().map(SecretString::from).collect();
        if old_secret_keys.iter().any(|key| weak_key(key.expose_secret())) {
            r.problem(
                "SECRET_KEYS_OLD",
                "expected keys of at least 32 characters: tokens signed with them are accepted",
            );
        }
        let mut allowed_hosts = r.list("ALLOWED_HOSTS");
        if allowed_hosts.is_empty() && production {
            allowed_hosts.extend(public_url.as_ref().and_then(Url::host_str).map(str::to_owned));
        }
        let mut cors_origins = r.list("CORS_ALLOWED_ORIGINS");
        if cors_origins.is_empty() {
            cors_origins.extend(frontend_url.as_ref().map(|url| url.origin().ascii_serialization()));
        }
        for origin in &cors_origins {
            if origin == "*" {
                if production {
                    r.problem("CORS_ALLOWED_ORIGINS", "production refuses *; list the origins");
                }
            } else if Url::parse(origin).map_or(true, |url| url.origin().ascii_serialization() != *origin) {
                r.problem("CORS_ALLOWED_ORIGINS", &format!("{origin} is not an origin such as https://example.org"));
            }
        }

        let password_hashing = PasswordHashing {
            memory_kib: r.number("PASSWORD_HASH_MEMORY_KIB", if production { 19_456 } else { 8 }, 4_194_304),
            iterations: r.number("PASSWORD_HASH_ITERATIONS", if production { 2 } else { 1 }, 100),
            parallel: r.number("PASSWORD_HASH_PARALLEL", 1, 256),
        };
        let config = Self {
            environment,
            host,
            port,
            public_url,
            frontend_url: frontend_url.unwrap_or_else(fallback_url),
            log_level,
            log_format,
            trusted_proxies: r.parsed_list("TRUSTED_PROXIES", "networks such as 10.0.0.0/8"),
            shutdown_grace: r.seconds("SHUTDOWN_GRACE_SECONDS"),
            compression_min_bytes: r.number("COMPRESSION_MIN_BYTES", 0, u16::MAX),
            database,
            demo_data,
            secret_key,
            old_secret_keys,
            allowed_hosts,
            cors_origins,
            access_token_lifetime: Duration::from_secs(
                60 * r.number::<u64>("JWT_ACCESS_TOKEN_LIFETIME_MINUTES", 1, 1440),
            ),
            session_lifetime: Duration::from_secs(86_400 * r.number::<u64>("JWT_REFRESH_TOKEN_LIFETIME_DAYS", 1, 365)),
            registration_confirm_email: r.flag("REGISTRATION_CONFIRM_EMAIL", "false"),
            username_change_cooldown: Duration::from_secs(
                86_400 * r.number::<u64>("USERNAME_CHANGE_COOLDOWN_DAYS", 0, 3650),
            ),
            password_hashing,
            limits: Limits {
                body_bytes: r.number("LIMIT_BODY_BYTES", 1024, 104_857_600),
                document_bytes: r.number("LIMIT_DOCUMENT_BYTES", 256, 1_048_576),
                tokens: r.number("LIMIT_TOKENS", 50, 100_000),
                depth: r.number("LIMIT_DEPTH", 3, 30),
                aliases: r.number("LIMIT_ALIASES", 0, 10_000),
                root_fields: r.number("LIMIT_ROOT_FIELDS", 1, 1000),
                directives: r.number("LIMIT_DIRECTIVES", 0, 10_000),
                cost: r.number("LIMIT_COST", 10, 1_000_000),
                nodes: r.number("LIMIT_NODES", 10, 10_000_000),
                fields: r.number("LIMIT_FIELDS", 1000, 100_000_000),
                query_time: r.seconds("LIMIT_QUERY_SECONDS"),
            },
            rates: Rates {
                anonymous: r.rate("RATE_LIMIT_ANON"),
                user: r.rate("RATE_LIMIT_USER"),
                login_address: r.rate("RATE_LIMIT_LOGIN_ADDRESS"),
                login_account: r.rate("RATE_LIMIT_LOGIN_ACCOUNT"),
                register_address: r.rate("RATE_LIMIT_REGISTER_ADDRESS"),
                sensitive_global: r.rate("RATE_LIMIT_SENSITIVE_GLOBAL"),
            },
            websocket: WebSocketLimits {
                init_timeout: r.seconds("WEBSOCKET_INIT_TIMEOUT_SECONDS"),
                ping_interval: r.seconds("WEBSOCKET_PING_SECONDS"),
                max_subscriptions: r.number("WEBSOCKET_MAX_SUBSCRIPTIONS", 1, 10_000),
                max_message_bytes: r.number("WEBSOCKET_MAX_MESSAGE_BYTES", 1024, 16_777_216),
                max_connections: r.number("WEBSOCKET_MAX_CONNECTIONS", 1, 1_000_000),
                max_per_address: r.number("WEBSOCKET_MAX_PER_ADDRESS", 1, 1_000_000),
                mutations: r.flag("WEBSOCKET_MUTATIONS", "false"),
            },
            sweep_interval: Duration::from_millis(r.number("SWEEP_MILLISECONDS", 10, 60_000)),
            event_retention: Duration::from_secs(86_400 * r.number::<u64>("EVENT_RETENTION_DAYS", 1, 3650)),
            worker: r.flag("WORKER", "true"),
            graphiql: r.flag("GRAPHIQL", development_default),
            graphiql_assets: r.optional("GRAPHIQL_ASSETS", "a folder"),
            introspection: r.flag("INTROSPECTION", development_default),
            persisted_queries: r.number("PERSISTED_QUERIES", 0, 1_000_000),
            trusted_documents: r.optional("TRUSTED_DOCUMENTS", "a file"),
        };
        if config.database.min_connections > config.database.max_connections {
            reader.problem("DATABASE_MIN_CONNECTIONS", "expected at most DATABASE_MAX_CONNECTIONS");
        }
        if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
    }

    /// Whether the strict rules hold.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// Where the SQLite database lives, if it is a file.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.database.url.expose_secret();
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
        let path = path.split('?').next().unwrap_or_default();
        (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
    }
}

/// Too short, or so uniform that nobody generated it.
fn weak_key(key: &str) -> bool {
    let mut distinct: Vec<char> = key.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    key.len() < 32 || distinct.len() < 10
}

/// The text of `.env.example`.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Every setting of Agora with its meaning and default. Copy to .env and change what you need;\n# an environment variable of the same name wins over the file.\n",
    );
    let mut section = "";
    for variable in VARIABLES {
        if variable.section != section {
            section = variable.section;
            text.push_str(&format!("\n## {section}\n"));
        }
        text.push_str(&format!("\n# {}\n#{}={}\n", variable.meaning, variable.name, variable.default));
    }
    text
}

struct Reader {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Reader {
    fn is_empty(&self, name: &str) -> bool {
        self.values.get(name).is_none_or(|value| value.trim().is_empty())
    }

    fn text(&self, name: &str) -> String {
        match self.values.get(name).map(|value| value.trim()) {
            Some(value) if !value.is_empty() => value.to_owned(),
            _ => VARIABLES.iter().find(|v| v.name == name).map(|v| v.default.to_owned()).unwrap_or_default(),
        }
    }

    // The value itself is never part of a message: it may be a secret.
    fn problem(&mut self, name: &str, expected: &str) {
        self.problems.push(format!("{name}: {expected}"));
    }

    fn parse<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let parsed = self.text(name).parse().ok();
        if parsed.is_none() {
            self.problem(name, &format!("expected {expected}"));
        }
        parsed
    }

    fn optional<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        if self.text(name).is_empty() { None } else { self.parse(name, expected) }
    }

    fn number<T: FromStr + PartialOrd + std::fmt::Display + Copy>(&mut self, name: &str, low: T, high: T) -> T {
        match self.text(name).parse::<T>() {
            Ok(number) if number >= low && number <= high => number,
            _ => {
                self.problem(name, &format!("expected a whole number from {low} to {high}"));
                low
            }
        }
    }

    fn seconds(&mut self, name: &str) -> Duration {
        Duration::from_secs(self.number(name, 1, 86_400))
    }

    fn flag(&mut self, name: &str, default: &str) -> bool {
        let text = self.text(name);
        match if text.is_empty() { default } else { &text } {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.problem(name, "expected true or false");
                false
            }
        }
    }

    fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let text = self.text(name);
        choices.iter().find(|(word, _)| *word == text).map_or_else(
            || {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                self.problem(name, &format!("expected {}", words.join(" or ")));
                choices[0].1
            },
            |(_, value)| *value,
        )
    }

    fn rate(&mut self, name: &str) -> Rate {
        self.parse(name, "a rate such as 100/minute (second, minute or hour)")
            .unwrap_or(Rate { count: NonZeroU32::MIN, period: Duration::from_secs(60) })
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.text(name).split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    fn parsed_list<T: FromStr>(&mut self, name: &str, expected: &str) -> Vec<T> {
        let mut parsed = Vec::new();
        for item in self.list(name) {
            match item.parse() {
                Ok(value) => parsed.push(value),
                Err(_) => self.problem(name, &format!("expected {expected}")),
            }
        }
        parsed
    }
}

// Only reached when FRONTEND_URL is already reported as a problem; the value is never used.
fn fallback_url() -> Url {
    #[allow(clippy::expect_used, reason = "a constant")]
    Url::parse("http://localhost").expect("a constant address parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const PRODUCTION: &[(&str, &str)] = &[
        ("AGORA_ENV", "production"),
        ("SECRET_KEY", "N4v!x8Qm2_pLr7Zs0Ty5Wb3Kd9Hf6Gj1Ce"),
        ("PUBLIC_URL", "https://api.example.org"),
        ("FRONTEND_URL", "https://example.org"),
    ];

    #[test]
    fn nothing_set_is_a_valid_development_configuration() {
        let config = Config::from_values(BTreeMap::new()).unwrap();
        assert!(config.graphiql && config.introspection && config.demo_data && config.secret_key.is_none());
        assert_eq!(config.sqlite_file(), Some(PathBuf::from("agora.db")));
    }

    #[test]
    fn every_problem_is_listed_with_its_variable_and_no_value() {
        let bad = values(&[
            ("PORT", "seventy"),
            ("RATE_LIMIT_ANON", "fast"),
            ("DATABASE_URL", "mysql://s3cret@host"),
            ("SECRET_KEY", "s3cret"),
        ]);
        let message = Config::from_values(bad).unwrap_err().to_string();
        for name in ["PORT", "RATE_LIMIT_ANON", "DATABASE_URL", "SECRET_KEY"] {
            assert!(message.contains(name), "{message}");
        }
        assert!(!message.contains("s3cret") && !message.contains("seventy"), "{message}");
    }

    #[test]
    fn production_is_strict() {
        assert!(Config::from_values(values(PRODUCTION)).is_ok());
        let config = Config::from_values(values(PRODUCTION)).unwrap();
        assert!(!config.graphiql && !config.introspection && !config.demo_data);
        assert_eq!(config.allowed_hosts, ["api.example.org"]);
        for (name, value) in [
            ("SECRET_KEY", ""),
            ("SECRET_KEY", "short"),
            ("SECRET_KEY", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("DEMO_DATA", "true"),
            ("CORS_ALLOWED_ORIGINS", "*"),
            ("PUBLIC_URL", "http://api.example.org"),
            ("PUBLIC_URL", ""),
            ("FRONTEND_URL", "http://example.org"),
            ("PASSWORD_HASH_MEMORY_KIB", "1024"),
        ] {
            let mut bad = values(PRODUCTION);
            bad.insert(name.to_owned(), value.to_owned());
            let problems = Config::from_values(bad).unwrap_err();
            assert!(problems.0.iter().any(|line| line.starts_with(name)), "{name}={value}: {problems}");
        }
    }

    #[test]
    fn every_default_is_read_without_a_problem_and_every_name_is_unique() {
        let mut names: Vec<_> = VARIABLES.iter().map(|v| v.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_example_file_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example");
        #[allow(clippy::disallowed_methods, reason = "a switch of the test itself")]
        if std::env::var("UPDATE_SCHEMA").is_ok() {
            std::fs::write(path, example()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == example(),
            ".env.example differs from config::VARIABLES; UPDATE_SCHEMA=1 cargo test writes it"
        );
    }
}
