//! Every setting with its default and meaning: what `.env.example` is made of.

/// One environment variable: its name, its default (as text; empty means "none") and what it means.
#[derive(Debug)]
pub(crate) struct Variable {
    /// The heading it stands under in `.env.example`.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the file with it"))]
    pub section: &'static str,
    /// The name in the environment.
    pub name: &'static str,
    /// The value used when it is absent or empty.
    pub default: &'static str,
    /// One sentence or two for the operator.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the file with it"))]
    pub meaning: &'static str,
}

const fn variable(section: &'static str, name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { section, name, default, meaning }
}

const SERVER: &str = "Server";
const DATABASE: &str = "Database";
const SECURITY: &str = "Security";
const ACCOUNTS: &str = "Accounts";
const MESSAGES: &str = "Messages that leave";
const PROVIDERS: &str =
    "Providers of sign-in (each by its client id and secret; its callback is PUBLIC_URL/oauth/callback/<name>)";
const PAYMENTS: &str = "Payments (a provider is offered when all of its settings are there; webhooks come to PUBLIC_URL/webhooks/<provider>)";
const WALLETS: &str = "Wallets (lists such as USD 10,EGP 100.50)";
const LIMITS: &str = "Limits of one GraphQL operation";
const RATES: &str = "Rate limits (count/second, /minute or /hour)";
const CONNECTIONS: &str = "Connections";
const LIVE: &str = "Live streams and background work";
const EXPLORE: &str = "Exploring the graph";

/// Every variable that Agora reads.
pub(crate) const VARIABLES: &[Variable] = &[
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
    variable(SERVER, "NO_COLOR", "", "Anything: log lines have no colours; in files they never have any."),
    variable(
        SERVER,
        "TRUSTED_PROXIES",
        "",
        "Networks (CIDR, comma-separated) whose X-Forwarded-For is believed; empty: none.",
    ),
    variable(
        SERVER,
        "METRICS_TOKEN",
        "",
        "What monitoring sends as Authorization: Bearer … to read GET /metrics (text of Prometheus); at least 32 characters. Empty: there is no such page.",
    ),
    variable(SERVER, "SHUTDOWN_GRACE_SECONDS", "15", "How long a shutdown waits for requests in flight."),
    variable(SERVER, "COMPRESSION_MIN_BYTES", "1024", "Responses of this size and more are compressed (br, gzip)."),
    variable(DATABASE, "DATABASE_URL", "sqlite://agora.db", "sqlite://file or postgres://user:password@host/database."),
    variable(
        DATABASE,
        "DATABASE_MAX_CONNECTIONS",
        "8",
        "Connections of the PostgreSQL pool, or readers of the SQLite file; two to four per core are enough.",
    ),
    variable(
        DATABASE,
        "DATABASE_CONNECTIONS_PER_CLIENT",
        "4",
        "So many of them one client (a person; an address, where nobody is signed in) uses at once; one is always left for others.",
    ),
    variable(DATABASE, "DATABASE_MIN_CONNECTIONS", "1", "Connections that are kept open."),
    variable(DATABASE, "DATABASE_STATEMENT_TIMEOUT_SECONDS", "5", "A statement that takes longer is ended."),
    variable(DATABASE, "DATABASE_ACQUIRE_TIMEOUT_SECONDS", "5", "How long a request waits for a connection."),
    variable(
        DATABASE,
        "DATABASE_SYNCHRONOUS",
        "full",
        "When a commit on SQLite counts: full, when it is on the disk; normal, before that: faster, and a loss of power may undo the last ones.",
    ),
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
    variable(
        SECURITY,
        "CORS_ALLOWED_HEADERS",
        "apollo-require-preflight,apollographql-client-name,apollographql-client-version,baggage,content-encoding,graphql-client-name,graphql-client-version,graphql-require-preflight,idempotency-key,sentry-trace,traceparent,tracestate,x-apollo-cache-key,x-apollo-operation-id,x-apollo-operation-name,x-apollo-operation-type,x-request-id,x-requested-with",
        "Headers that pages of these origins may send beside those that the API knows; most do nothing here, but clients and tracing tools add them.",
    ),
    variable(ACCOUNTS, "JWT_ACCESS_TOKEN_LIFETIME_MINUTES", "15", "How long an access token is good."),
    variable(ACCOUNTS, "JWT_REFRESH_TOKEN_LIFETIME_DAYS", "7", "How long a session lives without being used."),
    variable(
        ACCOUNTS,
        "REGISTRATION_CONFIRM_EMAIL",
        "",
        "Whether a new account has to confirm its e-mail address before it can sign in; default true in production. Without it a registration tells whether an address has an account.",
    ),
    variable(
        ACCOUNTS,
        "PROFILE_REQUIRED_FIELDS",
        "phone,country,city",
        "What the second step of joining asks for, comma-separated (phone, country, state, city, address, date_of_birth, skills, hourly_rate, bio), or none. Nobody is kept out: clients are told what is missing.",
    ),
    variable(
        ACCOUNTS,
        "USERNAME_CHANGE_COOLDOWN_DAYS",
        "30",
        "How long after a change of user name the next one is refused.",
    ),
    variable(
        ACCOUNTS,
        "USERNAME_HOLD_DAYS",
        "90",
        "How long nobody else gets a user name that somebody gave up, or that went with their account.",
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
    variable(
        ACCOUNTS,
        "PASSWORD_HASH_WAITING",
        "64",
        "How many strangers may wait for their turn, and as many who are known (who are signed in, or come from where the account has had a session); further ones get UNAVAILABLE at once.",
    ),
    variable(
        ACCOUNTS,
        "TWO_FACTOR_REQUIRED_ROLES",
        "administrator,owner",
        "Roles that must have a second factor, comma-separated (seller, support_agent, moderator, administrator, owner); without, those who have them can only set it up.",
    ),
    variable(ACCOUNTS, "ACCOUNT_DELETION_DAYS", "14", "How long somebody who wants to leave may change their mind."),
    variable(
        ACCOUNTS,
        "ACTIVITY_RETENTION_DAYS",
        "365",
        "How long the lines of people's activity logs are kept; 0: for ever.",
    ),
    variable(ACCOUNTS, "AUDIT_RETENTION_DAYS", "0", "How long the entries of the audit log are kept; 0: for ever."),
    variable(PROVIDERS, "GOOGLE_CLIENT_ID", "", "Signing in by Google."),
    variable(PROVIDERS, "GOOGLE_CLIENT_SECRET", "", "Its secret."),
    variable(PROVIDERS, "GOOGLE_ISSUER", "https://accounts.google.com", "Another issuer in Google's place, for tests."),
    variable(PROVIDERS, "GITHUB_CLIENT_ID", "", "Signing in by GitHub (an OAuth app)."),
    variable(PROVIDERS, "GITHUB_CLIENT_SECRET", "", "Its secret."),
    variable(
        PROVIDERS,
        "GITHUB_URL",
        "https://github.com",
        "Where people sign in; for GitHub Enterprise Server its own address.",
    ),
    variable(
        PROVIDERS,
        "GITHUB_API_URL",
        "https://api.github.com",
        "Where GitHub is asked who it was; for GitHub Enterprise Server https://HOST/api/v3.",
    ),
    variable(PROVIDERS, "DISCORD_CLIENT_ID", "", "Signing in by Discord."),
    variable(PROVIDERS, "DISCORD_CLIENT_SECRET", "", "Its secret."),
    variable(PROVIDERS, "DISCORD_URL", "https://discord.com", "Another address in Discord's place, for tests."),
    variable(
        PROVIDERS,
        "OIDC_NAME",
        "",
        "Signing in by any issuer of OpenID Connect: its name in addresses and in the database, never to be changed, such as company.",
    ),
    variable(PROVIDERS, "OIDC_TITLE", "", "Its name for people; empty: OIDC_NAME."),
    variable(
        PROVIDERS,
        "OIDC_ISSUER",
        "",
        "The issuer, letter by letter as in its discovery document (ISSUER/.well-known/openid-configuration).",
    ),
    variable(PROVIDERS, "OIDC_CLIENT_ID", "", "Who Agora is there."),
    variable(PROVIDERS, "OIDC_CLIENT_SECRET", "", "Its secret."),
    variable(
        PROVIDERS,
        "OIDC_CLIENT_AUTH",
        "basic",
        "How the secret is sent, as the client is registered there: basic (client_secret_basic) or post (client_secret_post).",
    ),
    variable(
        PROVIDERS,
        "OIDC_TRUST_EMAIL",
        "false",
        "Whether every e-mail address of this issuer counts as verified, though it does not say email_verified: only where the addresses are given out by you.",
    ),
    variable(
        MESSAGES,
        "OUTBOX_DIR",
        "outbox",
        "The folder that messages are written to where nothing is configured to carry them; codes are readable in it.",
    ),
    variable(
        MESSAGES,
        "EMAIL_HOST",
        "",
        "The mail server (SMTP) that carries e-mail; without one it goes to OUTBOX_DIR, which production accepts only when that is set.",
    ),
    variable(MESSAGES, "EMAIL_PORT", "", "Its port; default 587 with starttls, 465 with tls, 25 with none."),
    variable(
        MESSAGES,
        "EMAIL_TLS",
        "starttls",
        "starttls (demanded, never left out), tls (from the first byte) or none (in production on the same machine only).",
    ),
    variable(MESSAGES, "EMAIL_HOST_USER", "", "The user name at the mail server; empty: without a sign-in."),
    variable(MESSAGES, "EMAIL_HOST_PASSWORD", "", "The password at the mail server."),
    variable(
        MESSAGES,
        "EMAIL_TLS_CA_FILE",
        "",
        "A PEM file with the certificate authority of a mail server of your own; the public ones are known.",
    ),
    variable(
        MESSAGES,
        "DEFAULT_FROM_EMAIL",
        "Agora <no-reply@localhost>",
        "The sender: an address, or Name <address>; the name is also what messages call this service. Needed in production.",
    ),
    variable(MESSAGES, "EMAIL_TIMEOUT_SECONDS", "10", "How long a step of the talk with the mail server may take."),
    variable(
        MESSAGES,
        "SMS_PROVIDER",
        "outbox",
        "Who carries text messages: twilio, sns, or outbox for OUTBOX_DIR (in production only when that is set: else they are dropped).",
    ),
    variable(MESSAGES, "TWILIO_ACCOUNT_SID", "", "Twilio's account, AC…; needed with twilio."),
    variable(MESSAGES, "TWILIO_AUTH_TOKEN", "", "Its token; needed with twilio."),
    variable(
        MESSAGES,
        "TWILIO_PHONE_NUMBER",
        "",
        "The number that texts come from, such as +15551234567; needed with twilio.",
    ),
    variable(MESSAGES, "TWILIO_API_URL", "https://api.twilio.com", "Where Twilio answers; another one for tests."),
    variable(MESSAGES, "AWS_ACCESS_KEY_ID", "", "The key that may call sns:Publish; needed with sns."),
    variable(MESSAGES, "AWS_SECRET_ACCESS_KEY", "", "Its secret; needed with sns."),
    variable(MESSAGES, "AWS_REGION", "", "The region whose SNS is used, such as eu-central-1; needed with sns."),
    variable(MESSAGES, "SNS_ENDPOINT_URL", "", "Where SNS answers; default that of the region, another one for tests."),
    variable(LIMITS, "LIMIT_BODY_BYTES", "262144", "Largest request body."),
    variable(LIMITS, "LIMIT_DOCUMENT_BYTES", "16384", "Longest query text."),
    variable(LIMITS, "LIMIT_TOKENS", "2000", "Most tokens in a query."),
    variable(LIMITS, "LIMIT_DEPTH", "12", "Deepest nesting of fields (20 below __schema and __type)."),
    variable(LIMITS, "LIMIT_ALIASES", "30", "Most aliases in an operation."),
    variable(LIMITS, "LIMIT_ROOT_FIELDS", "10", "Most root fields in an operation."),
    variable(LIMITS, "LIMIT_DIRECTIVES", "50", "Most directives in an operation."),
    variable(
        LIMITS,
        "LIMIT_CONTENT",
        "5",
        "Most root fields in a mutation that write what others see: posts, comments, likes, shares, goals and their news.",
    ),
    variable(
        LIMITS,
        "LIMIT_COST",
        "1000",
        "Highest cost of an operation: an object costs 1, and so do 10,000 bytes that its texts may have; the cost of each is in extensions.cost.",
    ),
    variable(LIMITS, "LIMIT_NODES", "10000", "Most objects that an operation may ask for."),
    variable(LIMITS, "LIMIT_FIELDS", "100000", "Most fields that an answer may have, each as often as it is written."),
    variable(
        LIMITS,
        "LIMIT_ANSWER_BYTES",
        "8388608",
        "Largest answer; of a mutation, the largest that its answer could be.",
    ),
    variable(LIMITS, "LIMIT_QUERY_SECONDS", "10", "A query that takes longer is ended with TIMEOUT."),
    variable(
        PAYMENTS,
        "PAYMENT_SANDBOX",
        "",
        "Whether the embedded sandbox takes payments: test cards, no account, no real money; default true in development. Production refuses it.",
    ),
    variable(
        PAYMENTS,
        "STRIPE_PUBLIC_KEY",
        "",
        "Stripe's publishable key (pk_…); clients read it where they choose a way to pay.",
    ),
    variable(PAYMENTS, "STRIPE_SECRET_KEY", "", "Stripe's secret key (sk_…)."),
    variable(
        PAYMENTS,
        "STRIPE_WEBHOOK_SECRET",
        "",
        "The signing secret (whsec_…) of the webhook endpoint PUBLIC_URL/webhooks/stripe.",
    ),
    variable(PAYMENTS, "STRIPE_API_URL", "https://api.stripe.com/", "Where Stripe's API is."),
    variable(PAYMENTS, "PAYPAL_CLIENT_ID", "", "The client id of PayPal's app."),
    variable(PAYMENTS, "PAYPAL_CLIENT_SECRET", "", "Its secret."),
    variable(
        PAYMENTS,
        "PAYPAL_WEBHOOK_ID",
        "",
        "The id of the webhook PUBLIC_URL/webhooks/paypal, as PayPal shows it.",
    ),
    variable(
        PAYMENTS,
        "PAYPAL_API_URL",
        "https://api-m.paypal.com/",
        "Where PayPal's API is; https://api-m.sandbox.paypal.com/ for its sandbox.",
    ),
    variable(PAYMENTS, "PAYMOB_PUBLIC_KEY", "", "Paymob's public key."),
    variable(PAYMENTS, "PAYMOB_SECRET_KEY", "", "Paymob's secret key."),
    variable(
        PAYMENTS,
        "PAYMOB_API_KEY",
        "",
        "Paymob's API key; needed where the secret key may not ask about transactions (`agora check` tells).",
    ),
    variable(
        PAYMENTS,
        "PAYMOB_HMAC_SECRET",
        "",
        "The HMAC secret that Paymob signs callbacks with (PUBLIC_URL/webhooks/paymob).",
    ),
    variable(
        PAYMENTS,
        "PAYMOB_INTEGRATION_IDS",
        "",
        "The integrations (ways to pay) that are offered, comma-separated numbers.",
    ),
    variable(PAYMENTS, "PAYMOB_API_URL", "https://accept.paymob.com/", "Where Paymob's API is."),
    variable(PAYMENTS, "CASH_ON_DELIVERY", "false", "Whether cash, collected at the door, is a way to pay."),
    variable(
        PAYMENTS,
        "BANK_TRANSFER_ACCOUNT",
        "",
        "What somebody needs to transfer money to you (bank, holder, IBAN), as they read it; empty: not offered.",
    ),
    variable(
        PAYMENTS,
        "BANK_TRANSFER_DAYS",
        "7",
        "How long a bank transfer or cash may take before its payment is over.",
    ),
    variable(PAYMENTS, "PAYMENT_EXPIRY_HOURS", "24", "How long any other payment waits for its payer."),
    variable(
        PAYMENTS,
        "WEBHOOK_RETENTION_DAYS",
        "90",
        "How long it is kept what providers of payments told, as it came.",
    ),
    variable(
        PAYMENTS,
        "PAYMENT_CHECK_SECONDS",
        "30",
        "How long after its beginning a provider is first asked about a payment that it told nothing of; then after twice as long, and so on, up to an hour.",
    ),
    variable(
        PAYMENTS,
        "RECONCILE_DAYS",
        "30",
        "Every night the payments of so many days are compared with their providers, and what differs is told to staff; 0: never.",
    ),
    variable(
        PAYMENTS,
        "RECONCILE_BALANCES",
        "true",
        "Whether what a provider says that it holds is compared with the books, too; false where the account there is not Agora's alone.",
    ),
    variable(PAYMENTS, "FEE_MARKETPLACE", "10", "The platform's fee of what is sold here, in percent."),
    variable(PAYMENTS, "FEE_DIGITAL", "7.5", "The platform's fee of digital goods, in percent."),
    variable(
        PAYMENTS,
        "FEE_GOAL",
        "0",
        "The platform's fee of what a goal pays out to its owner, in percent; contributions themselves are whole.",
    ),
    variable(
        PAYMENTS,
        "STOP_AT_STEP",
        "",
        "For the project's own tests: whoever reaches this fail point stands still. Production refuses it.",
    ),
    variable(
        WALLETS,
        "WALLET_CURRENCIES",
        "all",
        "Which currencies wallets take, such as USD,EGP; all for every currency of ISO 4217. Money of others can still leave.",
    ),
    variable(
        WALLETS,
        "WITHDRAWAL_MINIMUMS",
        "none",
        "The least that can be withdrawn at once; a currency that is not listed has no minimum.",
    ),
    variable(
        WALLETS,
        "WITHDRAWAL_DAILY_LIMITS",
        "none",
        "The most that a person can withdraw in one day (UTC); a currency that is not listed has no limit.",
    ),
    variable(
        WALLETS,
        "WITHDRAWAL_REQUEST_DAYS",
        "30",
        "How long a withdrawal waits for staff; when nobody has decided by then it is over, and its money is free again.",
    ),
    variable(
        WALLETS,
        "SECOND_PERSON_ABOVE",
        "USD 1000,EUR 1000,EGP 50000",
        "Withdrawals, adjustments and payments confirmed by hand above these amounts take two people; of a currency not listed, all.",
    ),
    variable(
        RATES,
        "RATE_LIMIT_ANON",
        "100/minute",
        "GraphQL operations of one address (IPv6: of one /64) without a sign-in.",
    ),
    variable(RATES, "RATE_LIMIT_USER", "1000/minute", "GraphQL operations of one signed-in person."),
    variable(
        RATES,
        "RATE_LIMIT_CONTENT",
        "60/minute",
        "What one person writes for others to see: posts, comments, likes, shares, goals and their news, each change counted.",
    ),
    variable(
        RATES,
        "RATE_LIMIT_LIVE",
        "1000/second",
        "What the events of one person's subscriptions may cost (of one address's without a sign-in), counted as LIMIT_COST counts. Who is beyond it gets them later; none is lost.",
    ),
    variable(RATES, "RATE_LIMIT_LOGIN_ADDRESS", "20/minute", "Sign-ins tried from one address."),
    variable(
        RATES,
        "RATE_LIMIT_LOGIN_ACCOUNT",
        "30/hour",
        "Failed sign-ins at one account, from all addresses together. Beyond, addresses at which its owner was never signed in share one try in the time that this leaves for each (two minutes); the owner's own go on.",
    ),
    variable(RATES, "RATE_LIMIT_REGISTER_ADDRESS", "10/hour", "Registrations from one address."),
    variable(
        RATES,
        "RATE_LIMIT_UNPROVEN_ADDRESS",
        "10/hour",
        "Messages about an account to an e-mail address that nobody has proven; more are dropped.",
    ),
    variable(
        RATES,
        "RATE_LIMIT_SEND_ADDRESS",
        "30/hour",
        "Codes asked for, by e-mail or text message, and gifts begun, from one address without a sign-in.",
    ),
    variable(
        RATES,
        "RATE_LIMIT_SEND_ACCOUNT",
        "20/hour",
        "Codes asked for, by e-mail or text message, by one signed-in person.",
    ),
    variable(RATES, "RATE_LIMIT_PROOF_ADDRESS", "30/minute", "Codes tried from one address without a sign-in."),
    variable(RATES, "RATE_LIMIT_PROOF_ACCOUNT", "20/minute", "Codes and old passwords tried by one signed-in person."),
    variable(
        RATES,
        "RATE_LIMIT_WEBHOOK_ADDRESS",
        "30/minute",
        "Webhooks from one address that turn out not to be their provider's own; genuine ones are not counted.",
    ),
    variable(
        CONNECTIONS,
        "MAX_CONNECTIONS",
        "",
        "Connections at once on this process, and requests at once; further ones get 503. Empty: what the limit of open files (ulimit -n) leaves, at most 16384.",
    ),
    variable(
        CONNECTIONS,
        "MAX_CONNECTIONS_PER_ADDRESS",
        "256",
        "Of these, connections of one address (IPv6: of one /64), and requests at once of one client. Connections of TRUSTED_PROXIES are not counted by address.",
    ),
    variable(
        CONNECTIONS,
        "CONNECTION_IDLE_SECONDS",
        "75",
        "How long a connection may wait between requests. Longer than load balancers keep idle ones (60 s), so that it is they who close them.",
    ),
    variable(CONNECTIONS, "REQUEST_HEAD_SECONDS", "10", "How long a client may take for the head of a request."),
    variable(CONNECTIONS, "REQUEST_BODY_SECONDS", "30", "How long a client may take for the body of a request."),
    variable(
        CONNECTIONS,
        "ANSWER_STALL_SECONDS",
        "30",
        "A client that waits to be written to, and takes less than 64 KiB in this time, is closed.",
    ),
    variable(
        CONNECTIONS,
        "ANSWERS_IN_FLIGHT_BYTES",
        "134217728",
        "Answers of more than 16 KiB that are made and not yet taken, together; one address may have a quarter of it. Further ones get 503.",
    ),
    variable(
        LIVE,
        "WEBSOCKET_INIT_TIMEOUT_SECONDS",
        "5",
        "A socket that has not sent connection_init by then is closed (4408).",
    ),
    variable(
        LIVE,
        "WEBSOCKET_PING_SECONDS",
        "20",
        "How often an idle socket is pinged, and a comment is sent to those who follow by server-sent events.",
    ),
    variable(
        LIVE,
        "WEBSOCKET_WRITE_TIMEOUT_SECONDS",
        "30",
        "A client that has not taken a message or an event by then, because it does not read, is cut off.",
    ),
    variable(LIVE, "WEBSOCKET_MAX_SUBSCRIPTIONS", "50", "Operations at once on one socket (4429 beyond)."),
    variable(LIVE, "WEBSOCKET_MAX_MESSAGE_BYTES", "65536", "Largest message from a client."),
    variable(
        LIVE,
        "WEBSOCKET_MAX_CONNECTIONS",
        "10000",
        "Sockets, and subscriptions by server-sent events, at once on this process; further ones get 503.",
    ),
    variable(LIVE, "WEBSOCKET_MAX_PER_ADDRESS", "200", "Of these, those of one address (IPv6: of one /64)."),
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
        "Files of documents, as Apollo's, GraphQL Code Generator's and Relay's tools write them (a list); when set, no other operation runs.",
    ),
];

/// The text of `.env.example`.
#[cfg(test)]
pub(crate) fn example() -> String {
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
