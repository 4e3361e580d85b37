//! The built program: its subcommands, its exit codes, its start, its end, and what survives a sudden one.

mod backups;
mod beside;
mod carriers;
mod chaos;
mod configuration;
mod flood;
mod full_disk;
mod kills;
mod migrations;
mod operators;
mod serving;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{TIMEOUT, client::PASSWORD};

const KEY: &str = "only for tests: 0123456789 abcdefghijkl";

/// The arguments of a run, and all that is in its environment.
type Run<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

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

    /// Runs it several times at once; gives what came of each, in their order.
    fn run_all(&self, runs: &[Run<'_>]) -> Vec<Ended> {
        std::thread::scope(|scope| {
            let running: Vec<_> = runs
                .iter()
                .map(|(arguments, environment)| scope.spawn(move || self.run(arguments, environment)))
                .collect();
            running.into_iter().map(|run| run.join().unwrap()).collect()
        })
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
        if since.elapsed() > TIMEOUT {
            child.kill().unwrap();
            panic!("the program did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A program that serves.
pub(crate) struct Serving {
    child: Child,
    /// `http://address:port`.
    base: String,
    /// What it printed after that.
    lines: Mutex<mpsc::Receiver<String>>,
    http: reqwest::Client,
    _folder: Folder,
}

impl Serving {
    pub(crate) fn spawn(settings: &[(&str, &str)]) -> Starting {
        Self::spawn_logging(settings, Stdio::inherit())
    }

    fn spawn_logging(settings: &[(&str, &str)], log: Stdio) -> Starting {
        Self::spawn_by(settings, log, |command| command)
    }

    /// With so many descriptors and no more.
    fn start_with_descriptors(count: usize, settings: &[(&str, &str)]) -> Self {
        let limited = |command: Command| {
            let script = format!("ulimit -n {count} && exec \"$0\" \"$@\"");
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
            shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null()).stdout(Stdio::piped());
            shell
        };
        Self::spawn_by(settings, Stdio::inherit(), limited).ready()
    }

    fn spawn_by(settings: &[(&str, &str)], log: Stdio, by: impl FnOnce(Command) -> Command) -> Starting {
        let folder = Folder::new();
        let mut environment = vec![
            ("PORT", "0"),
            ("SECRET_KEY", KEY),
            ("DEMO_DATA", "false"),
            ("PASSWORD_HASH_MEMORY_KIB", "8"),
            ("PASSWORD_HASH_ITERATIONS", "1"),
            ("RATE_LIMIT_ANON", "100000/second"),
            ("RATE_LIMIT_USER", "100000/second"),
            ("RATE_LIMIT_CONTENT", "100000/second"),
            ("RATE_LIMIT_LIVE", "100000/second"),
            ("RATE_LIMIT_REGISTER_ADDRESS", "100000/second"),
            ("DATABASE_SYNCHRONOUS", "normal"),
            ("LOG_LEVEL", "warn"),
        ];
        environment.extend(settings);
        let mut child = by(folder.program(&["serve"], &environment)).stderr(log).spawn().unwrap();
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

    /// What it prints next.
    fn line(&self) -> String {
        self.lines.lock().unwrap().recv_timeout(TIMEOUT).unwrap()
    }

    /// Asks it to stop, as an operator does; gives the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.ask_to_end();
        wait(&mut self.child)
    }

    /// The same, without waiting.
    pub(crate) fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
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
pub(crate) struct Starting {
    child: Child,
    lines: mpsc::Receiver<String>,
    folder: Folder,
}

impl Starting {
    /// Waits for the line with its address.
    pub(crate) fn ready(mut self) -> Serving {
        let mut printed = Vec::new();
        let base = loop {
            match self.lines.recv_timeout(TIMEOUT) {
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
        #[expect(clippy::disallowed_methods, reason = "from outside")]
        // Without the machine's certificates, which take their time to be read: nothing here is encrypted.
        let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        Serving { child: self.child, base, lines: Mutex::new(self.lines), http, _folder: self.folder }
    }
}
