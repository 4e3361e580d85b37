//! The program's subcommands. The only place that prints.

#![expect(clippy::print_stderr, reason = "this is the command line")]

/// Prints a line.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::write(format_args!("{}\n", format_args!($($words)*)))
    };
}

mod migrate;

use std::{
    fmt,
    io::{IsTerminal, Write},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::ExposeSecret;
use tokio::net::TcpSocket;

use crate::{
    app::App,
    config::{self, Config, Problems},
    demo,
    domain::{
        accounts,
        actor::{Actor, Client},
        admin, auth, books, jobs, payments,
    },
    entity::user_role::Role,
    error::{Error, Locale, Result},
    graphql::{self, engine::trusted::TrustedDocuments},
    http,
    platform::{
        clock::Clock,
        db::backup,
        descriptors,
        ids::Ids,
        list::Span,
        providers::{http::Http, mail::Mail, outbox::Outbox, sms::Sms},
        telemetry,
    },
    worker,
};

/// Prints. Whoever reads may have had enough of it (`agora schema | head`): that is no failure.
fn write(text: fmt::Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(text);
}

/// How long the program may take to its end when what was under way has had its time.
const CLOSING: Duration = Duration::from_secs(5);

/// Agora: one GraphQL API server for community commerce.
#[derive(Debug, Parser)]
#[command(name = "agora", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (the default).
    Serve,
    /// Run background jobs only; several may share one PostgreSQL.
    Worker,
    /// Migrations of the database: apply, undo, show their status.
    Migrate {
        #[command(subcommand)]
        direction: Direction,
    },
    /// Add generated data in bulk, for trying out and measuring.
    Seed {
        /// How many people.
        #[arg(long, default_value_t = 1_000)]
        users: u64,
        /// How many posts.
        #[arg(long, default_value_t = 10_000)]
        posts: u64,
        /// How many comments and replies.
        #[arg(long, default_value_t = 30_000)]
        comments: u64,
        /// How many likes.
        #[arg(long, default_value_t = 50_000)]
        likes: u64,
    },
    /// Print the graph in the schema definition language.
    Schema {
        /// How fields are printed that are null only because they failed.
        #[arg(long, value_enum, default_value_t = Nullability::Semantic)]
        nullability: Nullability,
    },
    /// Staff accounts and their roles.
    Admin {
        #[command(subcommand)]
        action: AdminAction,
    },
    /// The queue of background jobs: list, retry.
    Jobs {
        #[command(subcommand)]
        action: JobsAction,
    },
    /// Inspect the ledger, and verify it.
    Ledger {
        #[command(subcommand)]
        action: LedgerAction,
    },
    /// Reconcile payments with their providers.
    Payments {
        #[command(subcommand)]
        action: PaymentsAction,
    },
    /// Back up the database into a new file, while it is in use (SQLite).
    Backup {
        /// Where to; nothing may be there.
        file: PathBuf,
    },
    /// Restore the database from a backup (SQLite); nobody may use it meanwhile.
    Restore {
        /// The backup, as `backup` wrote it.
        file: PathBuf,
        /// Put aside the database that is there: its name gets the ending `replaced`.
        #[arg(long)]
        replace: bool,
    },
    /// Validate the configuration and reach the database, the mail server and the SMS provider; exit code 1 if one fails.
    Check,
}

#[derive(Debug, Subcommand)]
enum Direction {
    /// Apply every migration that is not applied yet.
    Up,
    /// Undo the last migrations. What would be lost is listed, and asked about.
    Down {
        /// How many migrations to undo, newest first.
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Undo without asking first.
        #[arg(long)]
        yes: bool,
        /// Even if money is lost.
        #[arg(long)]
        destroy_data: bool,
    },
    /// List the migrations and whether they are applied.
    Status,
}

#[derive(Debug, Subcommand)]
enum AdminAction {
    /// Make an account with rights: an owner's, as long as there is none, an administrator's from then on. The password
    /// is asked for, or read from standard input.
    Create {
        /// The user name.
        #[arg(long)]
        username: String,
        /// The e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Confirm somebody's e-mail address on your own word, where REGISTRATION_CONFIRM_EMAIL asks for it.
    Confirm {
        /// The e-mail address.
        #[arg(long)]
        email: String,
    },
    /// Give somebody another role. The last owner keeps theirs.
    Grant {
        /// The user name.
        #[arg(long)]
        username: String,
        /// user, seller, support_agent, moderator, administrator or owner.
        #[arg(long, value_parser = granted)]
        role: Granted,
    },
}

/// A role that is given; none for an ordinary user.
#[derive(Debug, Clone, Copy)]
struct Granted(Option<Role>);

fn granted(text: &str) -> Result<Granted, String> {
    match Role::parse(text) {
        None if text != "user" => {
            let names: Vec<_> = Role::ALL.iter().map(|role| role.as_str()).collect();
            Err(format!("expected user, {}", names.join(", ")))
        }
        role => Ok(Granted(role)),
    }
}

#[derive(Debug, Subcommand)]
enum LedgerAction {
    /// Recompute every balance and compare; each difference is a line, and the exit code is 1 if there is one.
    Verify,
}

#[derive(Debug, Subcommand)]
enum PaymentsAction {
    /// Compare the payments of a span with what their providers say, and what providers charged with our payments: a line
    /// for each that differs; exit code 1 if any still does.
    Reconcile {
        /// Payments that began at this time or later, such as 2026-01-31 or 2026-01-31T12:00:00Z; without it, thirty days
        /// ago.
        #[arg(long, value_parser = time)]
        from: Option<DateTime<Utc>>,
        /// Payments that began before this time; without it, now.
        #[arg(long, value_parser = time)]
        until: Option<DateTime<Utc>>,
        /// Record what a provider says where that settles it.
        #[arg(long)]
        mend: bool,
    },
}

/// A time in RFC 3339, or the beginning of a day.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = text.parse::<DateTime<Utc>>().ok().or_else(day);
    time.ok_or_else(|| "expected a day such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z".to_owned())
}

#[derive(Debug, Subcommand)]
enum JobsAction {
    /// List jobs that wait, or only the dead ones.
    List {
        /// Only those that failed too often.
        #[arg(long)]
        dead: bool,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Queue dead jobs again.
    Retry {
        /// One of them; without it, all.
        id: Option<String>,
    },
}

/// What the printed graph says of fields that are null only because they failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Nullability {
    /// As the server has it: nullable, with the directive `@semanticNonNull`.
    Semantic,
    /// As non-null, with `!`: for generators of clients that throw on errors.
    Strict,
}

/// Runs the program. Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve);
    if let Command::Schema { nullability } = command {
        match nullability {
            Nullability::Semantic => write(format_args!("{}", graphql::sdl())),
            Nullability::Strict => write(format_args!("{}", graphql::engine::contract::strict(graphql::sdl()))),
        }
        return ExitCode::SUCCESS;
    }
    let config = match Config::load() {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("agora: {problems}");
            return ExitCode::from(2);
        }
    };
    telemetry::init(&config);
    for stray in config::strays() {
        tracing::warn!("{stray}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("agora: the runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(dispatch(command, config));
    // Without waiting for what a thread of its own still hangs on, such as looking up a name.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match outcome {
        Ok(code) => code,
        Err(Error::User(errors)) => {
            for error in errors {
                eprintln!("agora: {}: {}", error.path.join("."), error.message(Locale::English));
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("agora: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes, for an operator: to them nothing is internal.
fn explain(error: &Error) -> String {
    let error: &dyn std::error::Error = match error {
        Error::Internal(cause) => cause.as_ref(),
        other => other,
    };
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

async fn dispatch(command: Command, config: Config) -> Result<ExitCode> {
    if matches!(command, Command::Check) {
        return Ok(Box::pin(check(config)).await);
    }
    if let Command::Restore { file, replace } = &command {
        let to = config.sqlite_file().ok_or_else(|| Error::bad_request(backup::POSTGRES))?;
        backup::restore(file, &to, *replace).await?;
        say!("{} is in its place: {}", file.display(), to.display());
        return Ok(ExitCode::SUCCESS);
    }
    let app = App::start(config, Clock::system(), Ids::random()).await?;
    // These bring it up to date themselves, or say where it stands.
    let may_be_behind = matches!(
        command,
        Command::Serve
            | Command::Backup { .. }
            | Command::Migrate { .. }
            | Command::Seed { .. }
            | Command::Admin { action: AdminAction::Create { .. } }
    );
    if !may_be_behind {
        app.check_schema().await?;
    }
    let result = match command {
        Command::Serve => serve(&app).await,
        Command::Worker => work(&app).await,
        Command::Migrate { direction } => migrate::migrate(&app, direction).await,
        Command::Seed { users, posts, comments, likes } => {
            seed(&app, &demo::Bulk { users, posts, comments, likes }).await
        }
        Command::Admin { action: AdminAction::Create { username, email } } => {
            create_administrator(&app, username, email).await
        }
        Command::Admin { action: AdminAction::Confirm { email } } => confirm_email(&app, &email).await,
        Command::Admin { action: AdminAction::Grant { username, role } } => grant(&app, &username, role).await,
        Command::Payments { action: PaymentsAction::Reconcile { from, until, mend } } => {
            reconcile(&app, from, until, mend).await
        }
        Command::Jobs { action } => look_at_jobs(&app, action).await,
        Command::Ledger { action: LedgerAction::Verify } => {
            let result = verify_books(&app).await;
            app.db.close().await;
            return result;
        }
        Command::Backup { file } => app.db.back_up(&file).await,
        Command::Schema { .. } | Command::Check | Command::Restore { .. } => Ok(()),
    };
    app.db.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn serve(app: &App) -> Result<()> {
    descriptors::raise();
    // Before anything is changed or loaded.
    TrustedDocuments::read(&app.config.trusted_documents, &app.config.limits).map_err(Error::internal)?;
    let socket = bind(SocketAddr::new(app.config.host, app.config.port))?;
    if app.config.database.migrate_on_start {
        app.migrate().await?;
    }
    app.check_schema().await?;
    let demo = app.config.demo_data && demo::load(app).await?;
    let listener = socket.listen(1024).map_err(|error| cannot_listen(app.config.host, app.config.port, &error))?;
    let address = listener.local_addr()?;
    start_background(app).await?;
    stop_on_signal(app);
    app.listening_at.get_or_init(|| format!("http://{address}"));
    let base = app.public_url();
    tracing::info!(%address, "listening");
    say!("Agora serves {base}/graphql (HTTP and WebSocket)");
    if app.config.graphiql {
        say!("GraphiQL:    {base}/");
    }
    if demo || app.config.demo_data {
        say!("Demo:        sign in as amina with the password {}", demo::PASSWORD);
    }
    if app.config.worker {
        app.spawn(worker::run(app.clone()));
    }
    http::serve(app.clone(), listener).await
}

/// Takes the port, and lets nobody in yet.
fn bind(address: SocketAddr) -> Result<TcpSocket> {
    let taken = || -> std::io::Result<TcpSocket> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // So that it can be taken again while connections of a former process fade away.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    taken().map_err(|error| cannot_listen(address.ip(), address.port(), &error))
}

fn cannot_listen(host: IpAddr, port: u16, error: &std::io::Error) -> Error {
    Error::internal(format!("{host}:{port} cannot be listened on: {error}"))
}

async fn work(app: &App) -> Result<()> {
    start_background(app).await?;
    stop_on_signal(app);
    say!("Agora works on background jobs");
    app.spawn(worker::run(app.clone()));
    app.stop.cancelled().await;
    app.tasks.close();
    let _ = tokio::time::timeout(app.config.shutdown_grace, app.tasks.wait()).await;
    Ok(())
}

/// What every long-running process does beside its work: sweeping, and hints from and to the others.
async fn start_background(app: &App) -> Result<()> {
    // Before the first request: which sessions are over.
    auth::sweep(app).await?;
    app.spawn(worker::sweep(app.clone()));
    let url = app.config.database.url.expose_secret();
    if url.starts_with("postgres") {
        app.spawn(app.db.bus().join_postgres(url, app.stop.clone()).await?);
    }
    Ok(())
}

/// The first signal lets what is under way finish, for a bounded time; the second ends the program at once.
fn stop_on_signal(app: &App) {
    let app = app.clone();
    let mut is_stopping = false;
    let on_signal = at_each_signal(move || {
        if std::mem::replace(&mut is_stopping, true) {
            end("agora: asked again, so it ends at once");
        }
        tracing::info!("stopping");
        app.stop.cancel();
        let timeout = app.config.shutdown_grace + CLOSING;
        // A thread of its own, which runs whatever all the others wait for.
        std::thread::spawn(move || {
            std::thread::sleep(timeout);
            end("agora: it could not stop in time, and ends as it is");
        });
    });
    #[expect(clippy::disallowed_methods, reason = "a shutdown must not wait for what watches over it")]
    drop(tokio::spawn(on_signal));
}

/// Ends the program as it is: what it was doing is undone by the database, or comes again.
fn end(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}

/// Calls `each` whenever somebody asks the program to end: from now on, and not only when a task comes to look.
fn at_each_signal(mut each: impl FnMut()) -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)))
    };
    async move {
        #[cfg(unix)]
        {
            let Ok((mut terminate, mut interrupt)) = signals else {
                tracing::error!("signals can't be heard; the program has to be killed");
                return;
            };
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                each();
            }
        }
        #[cfg(not(unix))]
        while tokio::signal::ctrl_c().await.is_ok() {
            each();
        }
    }
}

async fn seed(app: &App, bulk: &demo::Bulk) -> Result<()> {
    app.migrate().await?;
    let total = bulk.users + bulk.posts + bulk.comments + bulk.likes;
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} rows, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let rows = demo::seed(app, bulk, &|rows| bar.inc(rows)).await?;
    bar.finish();
    say!("{rows} rows in {:.1} s", bar.elapsed().as_secs_f64());
    Ok(())
}

async fn verify_books(app: &App) -> Result<ExitCode> {
    let books = books::verify(app).await?;
    for difference in &books.differences {
        say!("{difference}");
    }
    if books.differences.is_empty() {
        say!("The books balance: {} transfers.", books.transfers);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("agora: the books do not balance: {} differences", books.differences.len());
    Ok(ExitCode::FAILURE)
}

async fn create_administrator(app: &App, username: String, email: String) -> Result<()> {
    app.migrate().await?;
    let password = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Password: ")?
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    let command = auth::Register {
        username,
        email,
        password: password.into(),
        first_name: String::new(),
        last_name: String::new(),
    };
    let (user, role) = auth::create_administrator(app, command).await?;
    say!("{} is an {} ({})", user.username, role.as_str(), user.id);
    Ok(())
}

async fn grant(app: &App, username: &str, Granted(role): Granted) -> Result<()> {
    let user = accounts::user_by_username(app, &Actor::System, username)
        .await?
        .ok_or_else(|| Error::bad_request("nobody has this user name"))?;
    let user = admin::user_set_role(app, &Actor::System, &Client::default(), user.id, role).await?;
    say!("{} has the role {} ({})", user.username, role.map_or("user", Role::as_str), user.id);
    Ok(())
}

async fn confirm_email(app: &App, email: &str) -> Result<()> {
    if auth::confirm_email(app, email).await? {
        say!("{email} is confirmed");
        Ok(())
    } else {
        Err(Error::bad_request("no account waits for this address to be confirmed"))
    }
}

async fn look_at_jobs(app: &App, action: JobsAction) -> Result<()> {
    match action {
        JobsAction::List { dead, limit } => {
            let found = jobs::list(app, dead, limit).await?;
            if found.is_empty() {
                say!("{}", if dead { "No job is dead." } else { "No jobs wait." });
            }
            for job in found {
                let error = job.last_error.unwrap_or_default();
                say!(
                    "{}  {:<6} {:<10} attempts {}  due {}  {}",
                    job.id,
                    job.state.as_str(),
                    job.kind,
                    job.attempts,
                    job.run_at.format("%Y-%m-%d %H:%M:%S"),
                    error.lines().next().unwrap_or_default()
                );
            }
        }
        JobsAction::Retry { id } => {
            let id = id.map(|id| id.parse()).transpose().map_err(|_| Error::bad_request("this is not a job's id"))?;
            say!("{} job(s) queued again", admin::jobs_retry(app, id).await?);
        }
    }
    Ok(())
}

async fn reconcile(app: &App, from: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>, mend: bool) -> Result<()> {
    let now = app.clock.now();
    let span = Span { from: Some(from.unwrap_or(now - TimeDelta::days(30))), until: Some(until.unwrap_or(now)) };
    if mend {
        let settled = payments::settle(app, span).await?;
        say!("{settled} fee(s) and payout(s) of providers written down");
    }
    let payments::Comparison { disagreements: found, one_way } = payments::reconcile(app, span, mend).await?;
    for disagreement in &found {
        say!("{disagreement}");
    }
    for provider in one_way {
        say!("{}: asked about our own payments only; what else it may have charged is not compared", provider.as_str());
    }
    let left = found.iter().filter(|disagreement| !disagreement.is_mended).count();
    if left > 0 {
        return Err(Error::internal(format!("{left} payment(s) or charge(s) differ")));
    }
    say!("{} difference(s), none is left", found.len());
    Ok(())
}

/// A line per service. The configuration itself was valid, or we were not here.
async fn check(config: Config) -> ExitCode {
    say!("ok    configuration ({:?})", config.environment);
    let mut code = ExitCode::SUCCESS;
    for stray in config::strays() {
        say!("warn  {stray}");
    }
    match TrustedDocuments::read(&config.trusted_documents, &config.limits) {
        Ok(None) => {}
        Ok(Some(documents)) => say!("ok    TRUSTED_DOCUMENTS ({})", documents.count()),
        Err(Problems(lines)) => {
            for line in lines {
                say!("fail  {line}");
            }
            code = ExitCode::FAILURE;
        }
    }
    if !check_carriers(&config).await {
        code = ExitCode::FAILURE;
    }
    let kind = if config.sqlite_file().is_some() { "SQLite" } else { "PostgreSQL" };
    let reached = tokio::time::timeout(Duration::from_secs(10), async {
        let app = App::start(config, Clock::system(), Ids::random()).await?;
        let pending = migration::standing(&app.db.connections()).await?.pending.len();
        app.db.answers().await?;
        app.db.close().await;
        Ok::<_, Error>((pending, app))
    })
    .await
    .unwrap_or_else(|_| Err(Error::internal("no answer within 10 s")));
    match reached {
        Ok((pending, app)) => {
            say!("ok    database ({kind}, {pending} migration(s) pending)");
            if Box::pin(check_providers(&app)).await { code } else { ExitCode::FAILURE }
        }
        Err(error) => {
            say!("fail  database ({kind}): {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

/// A line for each provider of payments; false when one of them does not answer or does not know us.
async fn check_providers(app: &App) -> bool {
    let mut well = true;
    for (name, gateway) in app.payments.all() {
        match gateway.check().await {
            Ok(()) => say!("ok    payments ({name})"),
            Err(cause) => {
                say!("fail  payments ({name}): {cause}");
                well = false;
            }
        }
    }
    well
}

/// A line for each server that carries messages; false when one of them does not answer or does not know us.
async fn check_carriers(config: &Config) -> bool {
    let outbox = Outbox::new(config.outbox.clone());
    let mut well = true;
    let mut tell = |name: String, result: Result<(), String>| match result {
        Ok(()) => say!("ok    {name}"),
        Err(cause) => {
            say!("fail  {name}: {cause}");
            well = false;
        }
    };
    if let Some(server) = &config.email.server {
        let answer = match Mail::new(&config.email, outbox.clone()) {
            Ok(mail) => mail.check().await.unwrap_or(Ok(())),
            Err(error) => Err(explain(&error)),
        };
        tell(format!("mail server ({}:{})", server.host, server.port), answer);
    }
    let sms = match Http::new() {
        Ok(http) => Sms::new(&config.sms, http, outbox),
        Err(error) => {
            tell("HTTP client".to_owned(), Err(explain(&error)));
            return false;
        }
    };
    if let Some(answer) = sms.check(Clock::system().now()).await {
        tell(format!("text messages ({})", sms.carrier_name()), answer);
    }
    well
}
