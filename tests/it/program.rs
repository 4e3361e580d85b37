//! The built program: its subcommands, its exit codes, its start, its end, and what survives a sudden one.

mod beside;
mod carriers;
mod kills;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use agora::platform::payments::sandbox::Act;
use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use serde_json::{Value, json};

use crate::{
    harness::{PATIENCE, Server, Socket, client::PASSWORD, database, eventually},
    payments,
};

const KEY: &str = "only for tests: 0123456789 abcdefghijkl";

/// A folder of the test's own, where the program runs.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let folder = std::env::temp_dir().join(format!("agora-program-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// The program with nothing in its environment but this.
    fn program(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agora"));
        command.args(arguments).env_clear().envs(environment.iter().copied()).current_dir(&self.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        self.run_with_input(arguments, environment, "")
    }

    fn run_with_input(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ended {
        let mut child = self.program(arguments, environment).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not want its input is free to be gone.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (out, err) = (gather(child.stdout.take().unwrap()), gather(child.stderr.take().unwrap()));
        let code = wait(&mut child);
        Ended { code, out: out.join().unwrap(), err: err.join().unwrap() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What came of a run.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

fn gather(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

/// The exit code; `None` when a signal ended it.
fn wait(child: &mut Child) -> Option<i32> {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if since.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the program did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program that serves.
struct Serving {
    child: Child,
    /// `http://address:port`.
    base: String,
    /// What it printed.
    lines: Vec<String>,
    http: reqwest::Client,
    _folder: Folder,
}

impl Serving {
    fn spawn(settings: &[(&str, &str)]) -> Starting {
        Self::spawn_logging(settings, Stdio::inherit())
    }

    fn spawn_logging(settings: &[(&str, &str)], log: Stdio) -> Starting {
        let folder = Folder::new();
        let mut environment = vec![
            ("PORT", "0"),
            ("SECRET_KEY", KEY),
            ("DEMO_DATA", "false"),
            ("PASSWORD_HASH_MEMORY_KIB", "8"),
            ("PASSWORD_HASH_ITERATIONS", "1"),
            ("RATE_LIMIT_ANON", "100000/second"),
            ("RATE_LIMIT_USER", "100000/second"),
            ("RATE_LIMIT_REGISTER_ADDRESS", "100000/second"),
            ("RATE_LIMIT_SENSITIVE_GLOBAL", "100000/second"),
            ("LOG_LEVEL", "warn"),
        ];
        environment.extend(settings);
        let mut child = folder.program(&["serve"], &environment).stderr(log).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Starting { child, lines, folder }
    }

    fn start(settings: &[(&str, &str)]) -> Self {
        Self::spawn(settings).ready()
    }

    async fn send(&self, token: Option<&str>, query: &str, variables: Value) -> Option<Value> {
        let mut request = self.http.post(format!("{}/graphql", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let request = request.json(&json!({ "query": query, "variables": variables }));
        request.send().await.ok()?.json().await.ok()
    }

    async fn ok(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let answer = self.send(token, query, variables).await.unwrap();
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    /// Registers somebody; gives their access token.
    async fn register(&self, username: &str) -> String {
        let query = "mutation($i: RegisterInput!) { register(input: $i) { errors { code } result { ... on Session { accessToken } } } }";
        let input = json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD });
        let data = self.ok(None, query, json!({ "i": input })).await;
        data["register"]["result"]["accessToken"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
    }

    /// Asks it to stop, as an operator does; gives the exit code.
    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        wait(&mut self.child)
    }

    /// Ends it without a warning.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that will serve soon.
struct Starting {
    child: Child,
    lines: mpsc::Receiver<String>,
    folder: Folder,
}

impl Starting {
    /// Waits for the line with its address, and for those that follow it at once.
    fn ready(mut self) -> Serving {
        let mut printed = Vec::new();
        let base = loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let base = line.strip_prefix("Agora serves ").and_then(|rest| rest.split("/graphql").next());
                    let base = base.map(str::to_owned);
                    printed.push(line);
                    if let Some(base) = base {
                        break base;
                    }
                }
                Err(error) => panic!("it does not serve ({error}): {printed:?}, {:?}", self.child.try_wait()),
            }
        };
        while let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) {
            printed.push(line);
        }
        #[allow(clippy::disallowed_methods, reason = "from outside")]
        let http = reqwest::Client::new();
        Serving { child: self.child, base, lines: printed, http, _folder: self.folder }
    }
}

/// Everything that a schema consists of, one line each.
async fn schema(url: &str) -> Vec<String> {
    let connection = Database::connect(url).await.unwrap();
    let backend = connection.get_database_backend();
    let sql = if backend == DatabaseBackend::Postgres {
        "SELECT c.relkind::text || ' ' || c.relname || ' ' || COALESCE((SELECT string_agg(a.attname, ',' ORDER BY a.attname) \
         FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' UNION ALL SELECT 'f ' || proname FROM \
         pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'public' ORDER BY 1"
    } else {
        "SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master ORDER BY 1"
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    let lines = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
    // What the database notes of its own accord is no part of it.
    let lines = lines.filter(|line| !line.contains("seaql_migrations") && !line.contains("sqlite_stat")).collect();
    connection.close().await.unwrap();
    lines
}

/// For a program on a database without a schema.
fn writable(url: &str) -> String {
    if url.starts_with("sqlite:") { format!("{url}?mode=rwc") } else { url.to_owned() }
}

// ---------------------------------------------------------------------------------------------------- configuration

#[test]
fn a_wrong_configuration_is_told_at_once_and_ends_with_2() {
    let folder = Folder::new();
    let environment = [
        ("PORT", "seventy-thousand"),
        ("DATABASE_URL", "mysql://root:s3cret-password@host/db"),
        ("SECRET_KEY", "s3cret-key"),
        ("RATE_LIMIT_ANON", "fast"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("LIMIT_DEPTH", "-1"),
    ];
    for arguments in [&[][..], &["serve"], &["worker"], &["check"], &["migrate", "up"], &["jobs", "list"]] {
        let ended = folder.run(arguments, &environment);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.out, "");
        let lines: Vec<&str> = ended.err.lines().collect();
        assert_eq!(lines[0], "agora: the configuration has 6 problem(s):", "{}", ended.err);
        assert_eq!(lines.len(), 7, "{}", ended.err);
        for (name, value) in environment {
            assert!(
                lines[1..].iter().any(|line| line.trim().starts_with(&format!("{name}: "))),
                "{name}: {}",
                ended.err
            );
            assert!(!ended.err.contains(value), "{}", ended.err);
        }
        assert!(!ended.err.contains("s3cret"), "{}", ended.err);
    }
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0, "something was written");
}

#[test]
fn production_without_its_settings_does_not_start() {
    let folder = Folder::new();
    let ended = folder.run(&["serve"], &[("AGORA_ENV", "production"), ("DEMO_DATA", "true")]);
    assert_eq!(ended.code, Some(2));
    for name in ["SECRET_KEY", "PUBLIC_URL", "FRONTEND_URL", "DEMO_DATA"] {
        assert!(ended.err.contains(&format!("  {name}: ")), "{name}: {}", ended.err);
    }
}

#[test]
fn a_file_beside_the_program_configures_it_and_the_environment_wins() {
    let folder = Folder::new();
    std::fs::write(folder.0.join(".env"), "PORT=nonsense\nLIMIT_DEPTH=nonsense\n").unwrap();
    let ended = folder.run(&["check"], &[("PORT", "0")]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("LIMIT_DEPTH: ") && !ended.err.contains("PORT: "), "{}", ended.err);
    std::fs::write(folder.0.join(".env"), "LIMIT DEPTH = 'nonsense\n").unwrap();
    let ended = folder.run(&["check"], &[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains(".env"), "{}", ended.err);
}

#[test]
fn arguments_that_are_none_end_with_2_and_help_with_0() {
    let folder = Folder::new();
    for arguments in [&["nothing"][..], &["migrate"], &["migrate", "sideways"], &["admin", "create"], &["serve", "--x"]]
    {
        let ended = folder.run(arguments, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}");
    }
    let help = folder.run(&["--help"], &[]);
    assert_eq!(help.code, Some(0));
    for word in ["serve", "worker", "migrate", "seed", "schema", "admin", "jobs", "ledger", "check"] {
        assert!(help.out.contains(word), "{word}: {}", help.out);
    }
    let version = folder.run(&["--version"], &[]);
    assert_eq!(version.out.trim(), format!("agora {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_schema_is_printed_whatever_the_configuration() {
    let ended = Folder::new().run(&["schema"], &[("PORT", "nonsense")]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let written = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql")).unwrap();
    assert!(ended.out == written, "agora schema and schema.graphql differ");
}

#[tokio::test]
async fn check_tells_each_service_and_ends_with_0_or_1() {
    let folder = Folder::new();
    let database = database::create_empty().await;
    let url = database.url();
    let kind = if database.postgres_url().is_some() { "PostgreSQL" } else { "SQLite" };
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let ended = folder.run(&["check"], &environment);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "ok    configuration (Development)");
    assert!(lines[1].starts_with(&format!("ok    database ({kind}, ")), "{}", ended.out);
    assert!(lines[1].ends_with("migration(s) pending)") && !lines[1].contains(" 0 "), "{}", ended.out);
    assert_eq!(folder.run(&["migrate", "up"], &environment).code, Some(0));
    let ended = folder.run(&["check"], &environment);
    assert!(ended.out.contains(&format!("ok    database ({kind}, 0 migration(s) pending)")), "{}", ended.out);

    for bad in [
        "postgres://agora:s3cret-password@127.0.0.1:1/agora",
        "sqlite:///there/is/no/such/folder/agora.db",
        "postgres://agora:s3cret-password@name.invalid/agora",
    ] {
        let ended = folder.run(&["check"], &[("DATABASE_URL", bad), ("SECRET_KEY", KEY)]);
        assert_eq!(ended.code, Some(1), "{bad}: {ended:?}");
        let lines: Vec<&str> = ended.out.lines().collect();
        assert_eq!(lines[0], "ok    configuration (Development)");
        assert!(lines[1].starts_with("fail  database ("), "{}", ended.out);
        assert!(lines[1].len() > "fail  database (PostgreSQL): ".len(), "{}", ended.out);
        assert!(!format!("{}{}", ended.out, ended.err).contains("s3cret"), "{ended:?}");
    }
}

// ------------------------------------------------------------------------------------------------------- the database

#[tokio::test]
async fn migrations_go_up_and_down_and_up_again_and_leave_nothing_behind() {
    let folder = Folder::new();
    let database = database::create_empty().await;
    let url = database.url();
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let migrate = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["migrate"].iter().chain(arguments).copied().collect();
        let ended = folder.run(&arguments, &environment);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let steps = migrate(&["status"]).len();
    assert!(steps >= 3);
    assert_eq!(migrate(&["status"]), vec!["pending"; steps]);
    assert_eq!(schema(&writable(&url)).await, Vec::<String>::new());
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);
    let full = schema(&url).await;
    assert!(full.len() > 20, "{full:?}");
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);

    // A step that changes a table leaves it there, in an earlier form.
    let names = |lines: &[String]| -> BTreeSet<String> {
        lines.iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let mut before = full.clone();
    for undone in 1..=steps {
        let status = migrate(&["down"]);
        assert_eq!(status.iter().filter(|word| *word == "pending").count(), undone);
        let now = schema(&url).await;
        assert!(now != before && names(&now).is_subset(&names(&before)), "{now:?}");
        before = now;
    }
    assert_eq!(before, Vec::<String>::new());
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);
    assert_eq!(schema(&url).await, full);
    assert_eq!(migrate(&["down", "--steps", &steps.to_string()]), vec!["pending"; steps]);
    assert_eq!(schema(&url).await, Vec::<String>::new());
    // There is nothing left to undo.
    migrate(&["down"]);
    assert_eq!(migrate(&["up"]), vec!["applied"; steps]);
    assert_eq!(schema(&url).await, full);
}

// ---------------------------------------------------------------------------------------------------------- operators

#[tokio::test]
async fn accounts_with_rights_are_made_once_the_first_is_an_owner_s_and_can_sign_in() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", KEY),
        ("PASSWORD_HASH_MEMORY_KIB", "8"),
        ("LOG_LEVEL", "debug"),
    ];
    let create = |username: &str, email: &str, password: &str| {
        let arguments = ["admin", "create", "--username", username, "--email", email];
        let ended = folder.run_with_input(&arguments, &environment, password);
        assert!(password.trim().is_empty() || !format!("{ended:?}").contains(password.trim()), "{ended:?}");
        ended
    };
    let ended = create("keeper", "keeper@example.org", &format!("{PASSWORD}\n"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.starts_with("keeper is an owner (user_"), "{ended:?}");
    let keeper = server.anonymous().login("keeper").await;
    assert!(ended.out.contains(&keeper.id), "{ended:?}");
    assert_eq!(server.count("SELECT COUNT(*) FROM user_roles WHERE role = 'owner'").await, 1);
    let ended = create("helper", "helper@example.org", PASSWORD);
    assert!(ended.out.starts_with("helper is an administrator (user_"), "{ended:?}");
    let sql = "SELECT COUNT(*) FROM audit_entries WHERE action = 'admin create' AND actor_id IS NULL";
    assert_eq!(server.count(sql).await, 2);

    let before = server.rows().await;
    for (username, email, password, words) in [
        ("keeper", "other@example.org", PASSWORD, "agora: input.username: This is already taken."),
        ("KEEPER", "other@example.org", PASSWORD, "agora: input.username: This is already taken."),
        ("other", "Keeper@example.org", PASSWORD, "agora: input.email: This is already taken."),
        ("other", "other@example.org", "short", "agora: input.password: At least 10 characters are needed."),
        ("other", "other@example.org", "", "agora: input.password: "),
        ("no name", "other@example.org", PASSWORD, "agora: input.username: "),
        ("other", "nonsense", PASSWORD, "agora: input.email: "),
    ] {
        let ended = create(username, email, password);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{username} {email}: {ended:?}");
        assert!(ended.err.lines().any(|line| line.starts_with(words)), "{username} {email}: {}", ended.err);
    }
    assert_eq!(server.rows().await, before);
    assert_eq!(server.count("SELECT COUNT(*) FROM user_roles").await, 2);
}

#[tokio::test]
async fn an_operator_gives_and_takes_roles_but_never_the_last_owner_s() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let grant = |username: &str, role: &str| {
        folder.run(&["admin", "grant", "--username", username, "--role", role], &environment)
    };
    let (amina, basma) = (server.user("Amina").await, server.user("basma").await);
    let ended = grant("amina", "owner");
    let expected = format!("Amina has the role owner ({})\n", amina.id);
    assert_eq!((ended.code, &ended.out), (Some(0), &expected), "{ended:?}");
    let before = server.rows().await;
    for role in ["user", "administrator"] {
        let ended = grant("amina", role);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.err.contains("The last owner can't be removed."), "{ended:?}");
    }
    for (username, role, code) in [("nobody", "seller", 1), ("basma", "king", 2), ("basma", "", 2)] {
        assert_eq!(grant(username, role).code, Some(code), "{username} {role}");
    }
    assert_eq!(server.rows().await, before);
    assert_eq!(grant("basma", "owner").code, Some(0));
    // Another process takes what it allowed away; an instance that serves learns of it by its sweep.
    let basma = server.anonymous().login(&basma.username).await;
    basma.ok("{ adminAudit { totalCount } }", Value::Null).await;
    assert_eq!(grant("basma", "user").out, format!("basma has the role user ({})\n", basma.id));
    agora::domain::accounts::sweep(&server.app).await.unwrap();
    assert_eq!(basma.refused("{ me { id } }", Value::Null).await, "UNAUTHENTICATED");
    let sql = "SELECT COUNT(*) FROM audit_entries WHERE action = 'admin grant' AND actor_id IS NULL";
    assert_eq!(server.count(sql).await, 3);
}

#[tokio::test]
async fn an_operator_sees_the_queue_and_queues_dead_jobs_again() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let jobs = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["jobs"].iter().chain(arguments).copied().collect();
        folder.run(&arguments, &environment)
    };
    assert_eq!((jobs(&["list"]).code, jobs(&["list"]).out.as_str()), (Some(0), ""));
    // Three likes are three jobs; two of them die.
    let amina = server.user("amina").await;
    for body in ["one", "two", "three"] {
        let post = amina.publish(body).await;
        server.user(&format!("fan_of_{body}")).await.like(&post).await;
    }
    let sql = "UPDATE jobs SET state = 'dead', attempts = 10, last_error = 'it is broken' \
               WHERE id IN (SELECT id FROM jobs ORDER BY created_at, id LIMIT 2)";
    server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();

    let all = jobs(&["list"]);
    assert_eq!((all.code, all.out.lines().count()), (Some(0), 3), "{all:?}");
    let dead = jobs(&["list", "--dead"]).out;
    assert_eq!(dead.lines().count(), 2, "{dead}");
    for line in dead.lines() {
        assert!(line.contains(" dead ") && line.contains("notify") && line.contains("attempts 10"), "{line}");
        assert!(line.ends_with("it is broken"), "{line}");
    }
    assert_eq!(jobs(&["list", "--limit", "1"]).out.lines().count(), 1);

    let id = dead.split(' ').next().unwrap();
    assert_eq!(jobs(&["retry", id]).out, "1 job(s) queued again\n");
    assert_eq!(jobs(&["retry", id]).out, "0 job(s) queued again\n");
    assert_eq!(jobs(&["list", "--dead"]).out.lines().count(), 1);
    for wrong in ["nonsense", "post_01jc0000000000000000000000"] {
        let ended = jobs(&["retry", wrong]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("not a job's id"), "{}", ended.err);
    }
    assert_eq!(jobs(&["retry"]).out, "1 job(s) queued again\n");
    assert_eq!(server.count("SELECT COUNT(*) FROM audit_entries WHERE action = 'jobs retry'").await, 2);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND attempts = 0").await, 3);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, 0);
}

// ------------------------------------------------------------------------------------------------------------- serving

#[tokio::test]
async fn the_books_are_verified_and_each_difference_is_a_line() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let verify = || folder.run(&["ledger", "verify"], &[("DATABASE_URL", &url), ("SECRET_KEY", KEY)]);
    let amina = server.user("amina").await;
    crate::wallets::fund(&server, &amina, 1000, "USD").await;
    let ended = verify();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "The books balance: 1 transfers.\n"), "{ended:?}");
    let sql = "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'";
    server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
    let ended = verify();
    assert_eq!((ended.code, ended.out.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.out.contains("has 1001 instead of 1000"), "{ended:?}");
}

#[tokio::test]
async fn a_newcomer_starts_it_signs_in_with_what_it_prints_and_stops_it() {
    let database = database::create_empty().await;
    let url = database.url();
    let serving = Serving::start(&[("DATABASE_URL", &url), ("DEMO_DATA", ""), ("SECRET_KEY", "")]);
    assert!(serving.base.starts_with("http://127.0.0.1:") && !serving.base.ends_with(":0"), "{}", serving.base);
    assert!(serving.lines.contains(&format!("GraphiQL:    {}/", serving.base)), "{:?}", serving.lines);
    let demo = serving.lines.iter().find_map(|line| line.strip_prefix("Demo:        sign in as ")).unwrap();
    let (username, password) = demo.split_once(" with the password ").unwrap();
    let query = "mutation($l: String!, $p: String!) { login(input: { login: $l, password: $p }) { errors { code } result { ... on Session { accessToken } } } }";
    let data = serving.ok(None, query, json!({ "l": username, "p": password })).await;
    let token = data["login"]["result"]["accessToken"].as_str().unwrap();
    assert_eq!(serving.ok(Some(token), "{ me { username } }", Value::Null).await["me"]["username"], username);
    let ready = serving.http.get(format!("{}/health/ready", serving.base)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let page = serving.http.get(format!("{}/", serving.base)).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("GraphiQL"));

    // With somebody connected it stops as well, and says goodbye.
    let address = serving.base.trim_start_matches("http://").parse().unwrap();
    let mut socket = Socket::open(address, Some(token)).await;
    let stopped = tokio::task::spawn_blocking(|| serving.terminate());
    assert_eq!(socket.closed().await.0, 1001);
    assert_eq!(stopped.await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_ends_with_1() {
    let database = database::create_empty().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let environment = [
        ("DATABASE_URL", database.url()),
        ("DEMO_DATA", "false".to_owned()),
        ("PORT", port.clone()),
        ("SECRET_KEY", KEY.to_owned()),
    ];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ended = Folder::new().run(&["serve"], &environment);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(&format!("127.0.0.1:{port} cannot be listened on")), "{}", ended.err);
}

#[tokio::test]
async fn a_worker_does_the_jobs_of_a_server_that_does_none() {
    let server = Server::start().await;
    let url = server.database_url();
    let serving = Serving::start(&[("DATABASE_URL", &url), ("WORKER", "false")]);
    let (amina, badr) = (serving.register("amina").await, serving.register("badr").await);
    let query = "mutation { postCreate(input: { body: \"x\" }) { post { id } } }";
    let post = serving.ok(Some(&amina), query, Value::Null).await["postCreate"]["post"]["id"].clone();
    serving
        .ok(Some(&badr), "mutation($id: ID!) { postLike(id: $id) { errors { code } } }", json!({ "id": post }))
        .await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 1);

    let folder = Folder::new();
    let mut worker = folder.program(&["worker"], &[("DATABASE_URL", &url), ("SECRET_KEY", KEY)]).spawn().unwrap();
    eventually("the notification", async || server.count("SELECT COUNT(*) FROM notifications").await == 1).await;
    assert!(Command::new("kill").args(["-TERM", &worker.id().to_string()]).status().unwrap().success());
    assert_eq!(wait(&mut worker), Some(0));
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sudden_end_loses_no_like_and_tells_of_each_exactly_once() {
    const POSTS: usize = 20;
    const FANS: usize = 10;
    let server = Server::start().await;
    let url = server.database_url();
    let settings = [("DATABASE_URL", url.as_str()), ("WORKER", "true")];
    let serving = Serving::start(&settings);
    let author = serving.register("author").await;
    let mut fans = Vec::new();
    for fan in 0..FANS {
        fans.push(serving.register(&format!("fan_{fan}")).await);
    }
    let mut posts = Vec::new();
    for _ in 0..POSTS {
        let query = "mutation { postCreate(input: { body: \"x\" }) { post { id } } }";
        posts.push(serving.ok(Some(&author), query, Value::Null).await["postCreate"]["post"]["id"].clone());
    }

    // Each fan likes post after post, until nobody answers; in the midst of it the program is killed.
    let told = AtomicUsize::new(0);
    let like = "mutation($id: ID!) { postLike(id: $id) { errors { code } post { viewerHasLiked } } }";
    let liking = futures_util::future::join_all(fans.iter().map(async |fan| {
        for post in &posts {
            let Some(answer) = serving.send(Some(fan), like, json!({ "id": post })).await else { return };
            assert_eq!(answer["data"]["postLike"]["post"]["viewerHasLiked"], true, "{answer}");
            told.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let pid = serving.child.id().to_string();
    let killing = async {
        eventually("a third of the likes", async || told.load(Ordering::SeqCst) >= POSTS * FANS / 3).await;
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    };
    tokio::join!(liking, killing);
    serving.kill();
    let told = told.load(Ordering::SeqCst) as i64;
    assert!(told < (POSTS * FANS) as i64, "it was killed too late");
    let likes = server.count("SELECT COUNT(*) FROM post_likes").await;
    assert!(likes >= told, "{likes} likes are there, {told} were told");

    // Jobs that were being done are taken again when their lease is over; here it is over at once.
    let sql = "UPDATE jobs SET run_at = created_at";
    server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
    let serving = Serving::start(&settings);
    eventually("the last job", async || server.count("SELECT COUNT(*) FROM jobs").await == 0).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM post_likes").await, likes);
    assert_eq!(server.count("SELECT CAST(SUM(like_count) AS bigint) FROM posts").await, likes);
    assert_eq!(server.count("SELECT COUNT(*) FROM notifications").await, likes);
    assert_eq!(server.count("SELECT COUNT(DISTINCT dedupe_key) FROM notifications").await, likes);
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE stream_kind = 'notifications'").await, likes);
    // The author sees each of them; tokens from before are still good.
    let data =
        serving.ok(Some(&author), "{ notifications(first: 1) { totalCount } notificationUnreadCount }", Value::Null);
    let data = data.await;
    assert_eq!(data["notifications"]["totalCount"], likes);
    assert_eq!(data["notificationUnreadCount"], likes);
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_programs_may_start_at_once_on_one_empty_postgresql() {
    let database = database::create_empty().await;
    let Some(url) = database.postgres_url() else { return };
    let settings = [("DATABASE_URL", url.as_str()), ("DEMO_DATA", "true")];
    let starting = [Serving::spawn(&settings), Serving::spawn(&settings), Serving::spawn(&settings)];
    let serving = starting.map(Starting::ready);
    let mut users = Vec::new();
    for program in &serving {
        let ready = program.http.get(format!("{}/health/ready", program.base)).send().await.unwrap();
        assert_eq!(ready.status(), 200);
        let data =
            program.ok(None, "{ users(first: 1) { totalCount } user(username: \"amina\") { id } }", Value::Null).await;
        assert!(data["user"]["id"].is_string(), "{data}");
        users.push(data);
    }
    assert!(users.iter().all(|data| *data == users[0]), "{users:?}");
    for program in serving {
        assert_eq!(program.terminate(), Some(0));
    }
}

#[tokio::test]
async fn an_operator_compares_payments_with_their_providers() {
    let server = Server::start().await;
    let (folder, url) = (Folder::new(), server.database_url());
    let environment = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", KEY)];
    let reconcile = |arguments: &[&str]| {
        let span = ["payments", "reconcile", "--from", "2026-01-01", "--until", "2026-01-02T00:00:00Z"];
        let arguments: Vec<&str> = span.iter().chain(arguments).copied().collect();
        folder.run(&arguments, &environment)
    };
    let amina = server.user("amina").await;
    let payment = payments::deposit(&amina, "5.00", "k").await["payment"].clone();
    let ended = reconcile(&[]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "0 difference(s), none is left\n"), "{ended:?}");
    payments::act(&server, &payment, &Act::card(payments::GOOD)).await;
    let ended = reconcile(&[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains(payment["id"].as_str().unwrap()), "{ended:?}");
    let ended = reconcile(&["--mend"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("(mended)"), "{ended:?}");
    assert_eq!(reconcile(&[]).code, Some(0));
    assert_eq!(folder.run(&["payments", "reconcile", "--from", "yesterday"], &environment).code, Some(2));
}
