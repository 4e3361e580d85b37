//! The processes that are measured: starting and stopping servers, and the kernel's accounts of them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// A server that we started, on a port that it chose; killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts Agora in a folder of its own, so that nobody's `.env` is read.
    pub(crate) fn agora(program: &Path, folder: &Path, database_url: &str, worker: bool) -> Result<Self> {
        Self::agora_with(program, folder, database_url, worker, &[])
    }

    /// The same with some settings changed.
    pub(crate) fn agora_with(
        program: &Path,
        folder: &Path,
        database_url: &str,
        worker: bool,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut command = agora_command(program, folder, database_url);
        command.arg("serve").env("WORKER", worker.to_string()).envs(settings.iter().copied());
        Self::start(command)
    }

    /// Starts the floor: this program.
    pub(crate) fn floor(database_url: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", "--database-url", database_url]);
        Self::start(command)
    }

    /// Either server says in its first line where it listens.
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let address = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split([' ', '/', '\n']).next())
            .and_then(|address| address.parse().ok());
        if let Some(address) = address {
            return Ok(Self { child, address });
        }
        let _ = child.kill();
        let status = child.wait();
        Err(format!("a server did not start: it said {line:?} ({read:?}), then {status:?}").into())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Agora with the settings under which it is measured. Cheap password hashes, because signing a thousand people in is
/// no part of what is measured; and all sockets come from one address.
pub(crate) fn agora_command(program: &Path, folder: &Path, database_url: &str) -> Command {
    const SETTINGS: &[(&str, &str)] = &[
        ("OUTBOX_DIR", "outbox"),
        ("AGORA_ENV", "development"),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("LOG_LEVEL", "warn"),
        ("DEMO_DATA", "false"),
        ("GRAPHIQL", "false"),
        ("INTROSPECTION", "false"),
        ("SECRET_KEY", "only-for-measuring-0123456789-abcdefghij"),
        ("JWT_ACCESS_TOKEN_LIFETIME_MINUTES", "1440"),
        ("PASSWORD_HASH_MEMORY_KIB", "8"),
        ("PASSWORD_HASH_ITERATIONS", "1"),
        ("WEBSOCKET_MAX_PER_ADDRESS", "10000"),
        // Here one person asks for what many do elsewhere.
        ("DATABASE_CONNECTIONS_PER_CLIENT", "8"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "20000"),
    ];
    const RATES: &[&str] = &["ANON", "USER", "LOGIN_ADDRESS", "LOGIN_ACCOUNT", "REGISTER_ADDRESS", "CONTENT", "LIVE"];
    let mut command = Command::new(program);
    command.current_dir(folder).env("DATABASE_URL", database_url).envs(SETTINGS.iter().copied());
    command.envs(RATES.iter().map(|rate| (format!("RATE_LIMIT_{rate}"), "1000000/second")));
    command
}

/// Runs one of Agora's other subcommands to its end; what it prints goes where our own messages go.
pub(crate) fn run_agora(program: &Path, folder: &Path, database_url: &str, arguments: &[&str]) -> Result<()> {
    let out = agora_command(program, folder, database_url).args(arguments).stdin(Stdio::null()).output()?;
    eprint!("{}", String::from_utf8_lossy(&out.stdout));
    if out.status.success() {
        return Ok(());
    }
    Err(format!("agora {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&out.stderr)).into())
}

/// Linux shows its accounts in hundredths of a second on every machine of today.
const MILLISECONDS_PER_TICK: f64 = 10.0;

/// The kernel's account of a process: `/proc/<pid>/stat`.
#[derive(Debug)]
struct Account {
    name: String,
    parent: u32,
    /// Clock ticks of the process itself, in its own code and in the kernel's.
    own: u64,
    /// The same of its children that have ended.
    ended_children: u64,
}

fn account(pid: u32) -> Option<Account> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may contain anything.
    let (before, after) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Account {
        name: before.split_once('(')?.1.to_owned(),
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

/// PostgreSQL's first process, found by one of its backends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Postgres {
    postmaster: u32,
}

impl Postgres {
    pub(crate) fn of_backend(pid: u32) -> Result<Self> {
        let backend = account(pid).filter(|account| account.name.starts_with("postgres"));
        let backend =
            backend.ok_or("PostgreSQL has to run on this machine, or its processor time is not to be seen")?;
        Ok(Self { postmaster: backend.parent })
    }

    /// The time of the postmaster and of all its children, those included that have ended.
    fn ticks(self) -> u64 {
        let mut ticks = account(self.postmaster).map_or(0, |account| account.own + account.ended_children);
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && let Some(child) = account(pid).filter(|child| child.parent == self.postmaster)
            {
                ticks += child.own + child.ended_children;
            }
        }
        ticks
    }
}

/// Processor time of a server and of PostgreSQL, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) server: f64,
    pub(crate) database: f64,
}

impl Cpu {
    pub(crate) fn now(server: u32, postgres: Postgres) -> Self {
        Self { database: postgres.ticks() as f64 * MILLISECONDS_PER_TICK, ..Self::of_server(server) }
    }

    /// Of a server that has its database in itself.
    pub(crate) fn of_server(server: u32) -> Self {
        let own = account(server).map_or(0, |account| account.own);
        Self { server: own as f64 * MILLISECONDS_PER_TICK, database: 0.0 }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { server: self.server - earlier.server, database: self.database - earlier.database }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.server += other.server;
        self.database += other.database;
    }

    pub(crate) fn total(self) -> f64 {
        self.server + self.database
    }
}

/// Processor time of this process and of its children that have ended, in milliseconds.
pub(crate) fn own_cpu() -> f64 {
    let ticks = account(std::process::id()).map_or(0, |account| account.own + account.ended_children);
    ticks as f64 * MILLISECONDS_PER_TICK
}

/// What else the machine did: it disturbs what is measured.
#[derive(Debug)]
pub(crate) struct Others {
    postgres: Postgres,
    start: Instant,
    ticks: u64,
}

impl Others {
    pub(crate) fn watch(postgres: Postgres) -> Self {
        Self { postgres, start: Instant::now(), ticks: Self::ticks(postgres) }
    }

    /// Cores kept busy since, on average; right once the servers that we started have been stopped.
    pub(crate) fn cores(&self) -> f64 {
        let milliseconds = Self::ticks(self.postgres).saturating_sub(self.ticks) as f64 * MILLISECONDS_PER_TICK;
        milliseconds / 1000.0 / self.start.elapsed().as_secs_f64()
    }

    /// The whole machine's busy time, without ours, our ended servers' and PostgreSQL's.
    fn ticks(postgres: Postgres) -> u64 {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let fields: Vec<u64> = line.split_ascii_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        // user, nice, system, (idle, waiting,) interrupts, soft interrupts, stolen by the host.
        let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|place| fields.get(*place)).sum();
        let ours = account(std::process::id()).map_or(0, |account| account.own + account.ended_children);
        busy.saturating_sub(ours + postgres.ticks())
    }
}

/// Memory that a process holds, in KiB: `VmRSS`.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().map_err(Error::from)
}

/// A folder that goes when this does.
pub(crate) struct Folder(pub(crate) std::path::PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("agora-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Says on standard error how long something took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprint!("{what} … ");
    let start = Instant::now();
    let result = work();
    eprintln!("{:.1} s", Duration::as_secs_f64(&start.elapsed()));
    result
}
