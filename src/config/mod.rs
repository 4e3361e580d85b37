//! The only reader of the environment: every setting typed, validated, secrets wrapped.
//!
//! [`VARIABLES`] (`variables.rs`) is the one list of settings; `.env.example` is generated from it (a test compares), and
//! [`Config::from_values`] reports every problem at once, so that an operator mends them in one go.

mod database;
mod limits;
mod messages;
mod oauth;
mod payments;
mod reader;
mod secrets;
mod strays;
mod variables;
mod wallets;
mod web;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use database::{DatabaseConfig, Synchronous};
pub use limits::{ConnectionLimits, Limits, Rate, Rates, WebSocketLimits};
pub use messages::{Email, EmailTls, MailServer, Sms, SnsAccount, TwilioAccount};
pub use oauth::{OauthProtocol, OauthProvider};
pub use payments::{Payments, PaymobAccount, PaypalAccount, StripeAccount};
use reader::Reader;
pub use secrets::PasswordHashing;
pub(crate) use strays::strays;
pub(crate) use variables::VARIABLES;
pub use wallets::{Amounts, Wallets};

/// Where Agora runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Convenient: demo data, GraphiQL, a generated key.
    Development,
    /// Strict: https, keys and senders have to be set, conveniences are off.
    Production,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people to read.
    Human,
    /// For machines: one JSON object a line.
    Json,
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
    /// What the header `Host` may be; empty: anything.
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
    pub(crate) fn load() -> Result<Self, Problems> {
        match dotenvy::dotenv() {
            Ok(_) => {}
            Err(error) if error.not_found() => {}
            Err(error) => return Err(Problems(vec![format!(".env: cannot be read: {error}")])),
        }
        #[expect(clippy::disallowed_methods, reason = "this module is the one reader")]
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
        let web = web::web(r, production);
        let secrets = secrets::secrets(r, production);
        let (log_level, log_format) = logging(r, production);
        let demo_data = r.flag("DEMO_DATA", development_default);
        if production && demo_data {
            r.problem("DEMO_DATA", "production refuses demo data");
        }
        let config = Self {
            environment,
            host,
            port,
            public_url: web.public_url,
            frontend_url: web.frontend_url,
            log_level,
            log_format,
            colours: r.is_empty("NO_COLOR"),
            trusted_proxies: r.parsed_list("TRUSTED_PROXIES", "networks such as 10.0.0.0/8"),
            metrics_token: secrets.metrics_token,
            shutdown_grace: r.seconds("SHUTDOWN_GRACE_SECONDS"),
            compression_min_bytes: r.number("COMPRESSION_MIN_BYTES", 0, u16::MAX),
            database: database::database(r),
            demo_data,
            secret_key: secrets.key,
            old_secret_keys: secrets.old_keys,
            allowed_hosts: web.allowed_hosts,
            cors_origins: web.cors_origins,
            cors_headers: web.cors_headers,
            access_token_lifetime: Duration::from_secs(
                60 * r.number::<u64>("JWT_ACCESS_TOKEN_LIFETIME_MINUTES", 1, 1440),
            ),
            session_lifetime: r.days("JWT_REFRESH_TOKEN_LIFETIME_DAYS", 1, 365),
            registration_confirm_email: r.flag("REGISTRATION_CONFIRM_EMAIL", if production { "true" } else { "false" }),
            profile_required_fields: r.profile_fields("PROFILE_REQUIRED_FIELDS"),
            two_factor_required_roles: r.roles("TWO_FACTOR_REQUIRED_ROLES"),
            outbox: PathBuf::from(r.text("OUTBOX_DIR")),
            account_deletion_delay: r.days("ACCOUNT_DELETION_DAYS", 0, 365),
            oauth_providers: oauth::providers(r, production),
            email: messages::email(r, production),
            sms: messages::sms(r, production),
            payments: payments::payments(r, production),
            wallets: wallets::wallets(r),
            username_change_cooldown: r.days("USERNAME_CHANGE_COOLDOWN_DAYS", 0, 3650),
            username_hold: r.days("USERNAME_HOLD_DAYS", 0, 3650),
            activity_retention: r.retention("ACTIVITY_RETENTION_DAYS"),
            audit_retention: r.retention("AUDIT_RETENTION_DAYS"),
            password_hashing: secrets::password_hashing(r, production),
            limits: limits::limits(r),
            rates: limits::rates(r),
            connections: limits::connections(r),
            websocket: limits::websocket(r),
            sweep_interval: Duration::from_millis(r.number("SWEEP_MILLISECONDS", 10, 60_000)),
            event_retention: r.days("EVENT_RETENTION_DAYS", 1, 3650),
            worker: r.flag("WORKER", "true"),
            graphiql: r.flag("GRAPHIQL", development_default),
            introspection: r.flag("INTROSPECTION", development_default),
            persisted_queries: r.number("PERSISTED_QUERIES", 0, 1_000_000),
            trusted_documents: r.files("TRUSTED_DOCUMENTS"),
        };
        if reader.problems.is_empty() { Ok(config) } else { Err(Problems(reader.problems)) }
    }

    /// Whether the strict rules hold.
    #[must_use]
    pub(crate) fn is_production(&self) -> bool {
        self.environment == Environment::Production
    }

    /// Where clients reach this server, without a slash at the end.
    #[must_use]
    pub(crate) fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", std::net::SocketAddr::new(self.host, self.port)),
        }
    }

    /// Where the SQLite database lives, if it is a file.
    #[must_use]
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.database.url.expose_secret();
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
        let path = path.split('?').next().unwrap_or_default();
        (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
    }
}

/// Reads what is logged, and how it looks.
fn logging(r: &mut Reader, production: bool) -> (String, LogFormat) {
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
    (log_level, log_format)
}

// Only reached when FRONTEND_URL is already reported as a problem; the value is never used.
fn fallback_url() -> Url {
    #[expect(clippy::expect_used, reason = "a constant")]
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
        #[expect(clippy::disallowed_methods, reason = "a switch of the test itself")]
        if std::env::var("UPDATE_SCHEMA").is_ok() {
            std::fs::write(path, variables::example()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == variables::example(),
            ".env.example differs from config::VARIABLES; UPDATE_SCHEMA=1 cargo test writes it"
        );
    }
}
