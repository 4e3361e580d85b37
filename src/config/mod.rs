//! The only reader of the environment: every setting typed, validated, secrets wrapped.
//!
//! [`VARIABLES`] (`variables.rs`) is the one list of settings; `.env.example` is generated from it (a test compares), and
//! [`Config::from_values`] reports every problem at once, so that an operator mends them in one go.

mod messages;
mod oauth;
mod payments;
mod reader;
mod strays;
mod variables;
mod wallets;

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use messages::{Email, EmailTls, MailServer, Sms, SnsAccount, TwilioAccount};
pub use oauth::{OauthProtocol, OauthProvider};
pub use payments::{Payments, PaymobAccount, PaypalAccount, StripeAccount};
use reader::Reader;
pub use strays::strays;
pub use variables::{VARIABLES, Variable, example};
pub use wallets::{Amounts, Wallets};

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

/// Parameters of argon2id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct PasswordHashing {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallel: usize,
    pub waiting: usize,
}

/// When a commit on SQLite counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk.
    Full,
    /// When it is on its way there.
    Normal,
}

/// The database and its pool.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each is explained where it is read from, in VARIABLES")]
pub struct DatabaseConfig {
    pub url: SecretString,
    pub max_connections: u32,
    pub connections_per_client: u32,
    pub min_connections: u32,
    pub statement_timeout: Duration,
    pub synchronous: Synchronous,
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
    pub colours: bool,
    pub trusted_proxies: Vec<IpNet>,
    /// `None`: no metrics are shown.
    pub metrics_token: Option<SecretString>,
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
    pub cors_headers: Vec<String>,
    pub access_token_lifetime: Duration,
    pub session_lifetime: Duration,
    pub registration_confirm_email: bool,
    /// Names of fields; which there are, the domain knows.
    pub profile_required_fields: Vec<String>,
    /// Names of roles; which there are, the domain knows.
    pub two_factor_required_roles: Vec<String>,
    pub outbox: PathBuf,
    pub account_deletion_delay: Duration,
    pub oauth_providers: Vec<OauthProvider>,
    pub email: Email,
    pub sms: Sms,
    pub payments: Payments,
    pub wallets: Wallets,
    pub username_change_cooldown: Duration,
    pub username_hold: Duration,
    /// `None`: for ever.
    pub activity_retention: Option<Duration>,
    /// `None`: for ever.
    pub audit_retention: Option<Duration>,
    pub password_hashing: PasswordHashing,
    pub limits: Limits,
    pub rates: Rates,
    pub connections: ConnectionLimits,
    pub websocket: WebSocketLimits,
    pub sweep_interval: Duration,
    pub event_retention: Duration,
    pub worker: bool,
    pub graphiql: bool,
    pub introspection: bool,
    pub persisted_queries: usize,
    /// Empty: any document runs.
    pub trusted_documents: Vec<PathBuf>,
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
            connections_per_client: r.number("DATABASE_CONNECTIONS_PER_CLIENT", 1, 1000),
            min_connections: r.number("DATABASE_MIN_CONNECTIONS", 0, 1000),
            statement_timeout: r.seconds("DATABASE_STATEMENT_TIMEOUT_SECONDS"),
            synchronous: r
                .choice("DATABASE_SYNCHRONOUS", &[("full", Synchronous::Full), ("normal", Synchronous::Normal)]),
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
        let metrics_token = Some(r.text("METRICS_TOKEN")).filter(|token| !token.is_empty()).map(SecretString::from);
        if metrics_token.as_ref().is_some_and(|token| weak_key(token.expose_secret())) {
            r.problem("METRICS_TOKEN", "expected at least 32 characters, not all alike, from a good random source");
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

        let cors_headers = r.list("CORS_ALLOWED_HEADERS");
        if cors_headers
            .iter()
            .any(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        {
            r.problem("CORS_ALLOWED_HEADERS", "expected names of headers");
        }
        let password_hashing = PasswordHashing {
            memory_kib: r.number("PASSWORD_HASH_MEMORY_KIB", if production { 19_456 } else { 8 }, 4_194_304),
            iterations: r.number("PASSWORD_HASH_ITERATIONS", if production { 2 } else { 1 }, 100),
            parallel: r.number("PASSWORD_HASH_PARALLEL", 1, 256),
            waiting: r.number("PASSWORD_HASH_WAITING", 0, 10_000),
        };
        let config = Self {
            environment,
            host,
            port,
            public_url,
            frontend_url: frontend_url.unwrap_or_else(fallback_url),
            log_level,
            log_format,
            colours: r.is_empty("NO_COLOR"),
            trusted_proxies: r.parsed_list("TRUSTED_PROXIES", "networks such as 10.0.0.0/8"),
            metrics_token,
            shutdown_grace: r.seconds("SHUTDOWN_GRACE_SECONDS"),
            compression_min_bytes: r.number("COMPRESSION_MIN_BYTES", 0, u16::MAX),
            database,
            demo_data,
            secret_key,
            old_secret_keys,
            allowed_hosts,
            cors_origins,
            cors_headers,
            access_token_lifetime: Duration::from_secs(
                60 * r.number::<u64>("JWT_ACCESS_TOKEN_LIFETIME_MINUTES", 1, 1440),
            ),
            session_lifetime: Duration::from_secs(86_400 * r.number::<u64>("JWT_REFRESH_TOKEN_LIFETIME_DAYS", 1, 365)),
            registration_confirm_email: r.flag("REGISTRATION_CONFIRM_EMAIL", if production { "true" } else { "false" }),
            profile_required_fields: r.profile_fields("PROFILE_REQUIRED_FIELDS"),
            two_factor_required_roles: r.roles("TWO_FACTOR_REQUIRED_ROLES"),
            outbox: PathBuf::from(r.text("OUTBOX_DIR")),
            account_deletion_delay: Duration::from_secs(86_400 * r.number::<u64>("ACCOUNT_DELETION_DAYS", 0, 365)),
            oauth_providers: oauth::providers(r, production),
            email: messages::email(r, production),
            sms: messages::sms(r, production),
            payments: payments::payments(r, production),
            wallets: wallets::wallets(r),
            username_change_cooldown: Duration::from_secs(
                86_400 * r.number::<u64>("USERNAME_CHANGE_COOLDOWN_DAYS", 0, 3650),
            ),
            username_hold: Duration::from_secs(86_400 * r.number::<u64>("USERNAME_HOLD_DAYS", 0, 3650)),
            activity_retention: r.retention("ACTIVITY_RETENTION_DAYS"),
            audit_retention: r.retention("AUDIT_RETENTION_DAYS"),
            password_hashing,
            limits: Limits {
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
            },
            rates: Rates {
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
            },
            connections: ConnectionLimits {
                max: r.optional("MAX_CONNECTIONS", "a whole number").map(|most: NonZeroU32| most.get() as usize),
                max_per_address: r.number("MAX_CONNECTIONS_PER_ADDRESS", 1, 1_000_000),
                idle: r.seconds("CONNECTION_IDLE_SECONDS"),
                head: r.seconds("REQUEST_HEAD_SECONDS"),
                body: r.seconds("REQUEST_BODY_SECONDS"),
                stall: r.seconds("ANSWER_STALL_SECONDS"),
            },
            websocket: WebSocketLimits {
                init_timeout: r.seconds("WEBSOCKET_INIT_TIMEOUT_SECONDS"),
                ping_interval: r.seconds("WEBSOCKET_PING_SECONDS"),
                write_timeout: r.seconds("WEBSOCKET_WRITE_TIMEOUT_SECONDS"),
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
            introspection: r.flag("INTROSPECTION", development_default),
            persisted_queries: r.number("PERSISTED_QUERIES", 0, 1_000_000),
            trusted_documents: r.files("TRUSTED_DOCUMENTS"),
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

    /// Where clients reach this server, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", std::net::SocketAddr::new(self.host, self.port)),
        }
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
        ("EMAIL_HOST", "smtp.example.org"),
        ("DEFAULT_FROM_EMAIL", "Example <no-reply@example.org>"),
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
            ("PAYMENT_SANDBOX", "true"),
            ("STOP_AT_STEP", "payment.reserved"),
            ("CORS_ALLOWED_ORIGINS", "*"),
            ("PUBLIC_URL", "http://api.example.org"),
            ("PUBLIC_URL", ""),
            ("FRONTEND_URL", "http://example.org"),
            ("PASSWORD_HASH_MEMORY_KIB", "1024"),
            ("EMAIL_HOST", ""),
            ("EMAIL_TLS", "none"),
            ("DEFAULT_FROM_EMAIL", ""),
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
