//! The whole course: database, data, servers, check, requests, subscriptions, table.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use futures_util::future::try_join_all;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Error, Result,
    database::{Database, Session},
    goals::{Aim, Reached},
    http::Connection,
    load,
    operations::{self, Operation, Pair},
    processes::{Cpu, Folder, Others, Postgres, Server, resident_kib, run_agora, timed},
    report::{self, Requests, Side},
    sockets::{self, Person, Sockets},
    storm, transfers, typeid,
};

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A PostgreSQL on this machine whose user may create databases.
    #[arg(long)]
    server_url: Option<String>,
    /// A database that `prepare` made, instead of one for this run only; it stays, and likes become more in it.
    #[arg(long, conflicts_with = "server_url", required_unless_present = "server_url")]
    prepared: Option<String>,
    /// Agora's program.
    #[arg(long)]
    agora: PathBuf,
    /// Little data and few requests: to see that it works, not to learn anything.
    #[arg(long)]
    quick: bool,
    /// Only these, comma-separated: operations by a part of their name, `sign-in`, `transfers`, `subscriptions`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Scale {
    seed: [&'static str; 4],
    /// So many comments make a post much discussed.
    much: i64,
    /// Requests per round, one at a time and many at once, of each operation.
    post: [usize; 2],
    feed: [usize; 2],
    like: [usize; 2],
    /// Likes while the worker runs.
    with_worker: usize,
    /// Sign-ins, and feeds read during them.
    sign_ins: [usize; 2],
    /// Transfers per round, one at a time and many at once, and between how many wallets.
    transfers: [usize; 2],
    wallets: usize,
    sockets: usize,
    /// How long events are written.
    seconds: u64,
    timeout: Duration,
}

const FULL: Scale = Scale {
    seed: ["10000", "100000", "500000", "1000000"],
    much: 1_000,
    post: [10_000, 40_000],
    feed: [2_000, 8_000],
    like: [3_000, 8_000],
    with_worker: 4_000,
    sign_ins: [400, 4_000],
    transfers: [3_000, 12_000],
    wallets: 10_000,
    sockets: 1_000,
    seconds: 10,
    timeout: Duration::from_secs(30),
};

const QUICK: Scale = Scale {
    seed: ["500", "5000", "20000", "40000"],
    much: 100,
    post: [500, 2_000],
    feed: [100, 400],
    like: [150, 400],
    with_worker: 200,
    sign_ins: [20, 200],
    transfers: [160, 480],
    wallets: 500,
    sockets: 100,
    seconds: 2,
    timeout: Duration::from_secs(8),
};

/// Agora and the floor in turn, so often each.
pub(crate) const ROUNDS: usize = 3;
pub(crate) const MANY: usize = 32;
/// Of `agora::demo`.
const PASSWORD: &str = "agora-demo-2026";

/// Measures, and takes away what it made, whatever happens.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut scale = if options.quick { QUICK } else { FULL };
    if !options.only.is_empty() && options.only.iter().all(|only| "transfers".contains(only.as_str())) {
        // Posts are no part of it.
        scale.seed = [scale.seed[0], "1", "0", "0"];
    }
    in_runtime(async {
        let folder = Folder::new()?;
        let made = match &options.server_url {
            Some(server) => Some(prepare(server, &options.agora, &folder.0, scale).await?),
            None => None,
        };
        let url = made.as_ref().map(|database| &database.url).or(options.prepared.as_ref());
        let result = tokio::select! {
            result = measure(options, scale, &folder.0, url.ok_or("no database")?) => result,
            result = stopped() => result,
        };
        if let Some(database) = made {
            database.remove().await?;
        }
        result
    })
}

/// Makes a database with data, prints its address, and leaves it.
pub(crate) fn prepare_only(server_url: &str, agora: &Path, quick: bool) -> Result<()> {
    in_runtime(async {
        let folder = Folder::new()?;
        println!("{}", prepare(server_url, agora, &folder.0, if quick { QUICK } else { FULL }).await?.url);
        Ok(())
    })
}

fn in_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(work)
}

async fn stopped() -> Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    Err("stopped".into())
}

async fn prepare(server_url: &str, agora: &Path, folder: &Path, scale: Scale) -> Result<Database> {
    let database = Database::create(server_url).await?;
    let [users, posts, comments, likes] = scale.seed;
    let seed = ["seed", "--users", users, "--posts", posts, "--comments", comments, "--likes", likes];
    let filled = timed("migrating", || run_agora(agora, folder, &database.url, &["migrate", "up"]))
        .and_then(|()| timed("seeding", || run_agora(agora, folder, &database.url, &seed)));
    let settled = match filled {
        Ok(()) => database.settle().await,
        failed => failed,
    };
    match settled {
        Ok(()) => Ok(database),
        Err(error) => {
            database.remove().await?;
            Err(error)
        }
    }
}

async fn measure(options: &Options, scale: Scale, folder: &Path, database_url: &str) -> Result<()> {
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| name.contains(only.as_str()));
    let session = Session::open(database_url).await?;
    let mut bench = Bench { options, scale, folder, database_url, postgres: session.postgres().await?, session };
    println!("PostgreSQL {}, {} cores\n", bench.session.version().await?, std::thread::available_parallelism()?);
    let others = Others::watch(bench.postgres);
    let (mut lines, mut reached) = (Vec::new(), Reached::default());
    if [Operation::Post, Operation::Feed, Operation::Like].iter().any(|operation| wanted(operation.name())) {
        bench.requests(&wanted, &mut lines).await?;
    }
    if !lines.is_empty() {
        report::print_requests(&mut lines, &mut reached);
    }
    if wanted("sign-in") {
        println!();
        storm::measure(&options.agora, folder, database_url, bench.postgres, scale.sign_ins).await?;
    }
    if wanted("transfers") {
        println!();
        bench.transfers(&mut reached).await?;
    }
    if wanted("subscriptions") {
        println!();
        bench.subscriptions(&mut reached).await?;
    }
    println!("\nOther programs kept {:.1} cores busy meanwhile; the fewer, the better these figures.", others.cores());
    reached.judge(!options.quick)
}

struct Bench<'a> {
    options: &'a Options,
    scale: Scale,
    folder: &'a Path,
    database_url: &'a str,
    session: Session,
    postgres: Postgres,
}

impl Bench<'_> {
    fn start_agora(&self, worker: bool) -> Result<Server> {
        Server::agora(&self.options.agora, self.folder, self.database_url, worker)
    }

    async fn requests(&mut self, wanted: &dyn Fn(&str) -> bool, lines: &mut Vec<Requests>) -> Result<()> {
        self.check_data().await?;
        let agora = self.start_agora(false)?;
        let floor = Server::floor(self.database_url)?;
        let viewer = register(&agora, &format!("viewer_{}", std::process::id())).await?;
        let posts = self.posts().await?;
        // The newest posts stand in the feed; some of them are to be liked.
        let newest = self.newest().await?;
        let mut connection = Connection::open(agora.address).await?;
        for post in newest.iter().step_by(3) {
            connection.send(&Operation::Like.to_agora(agora.address, &viewer.token, *post)).await?;
        }
        let pair = Pair { agora: agora.address, floor: floor.address, viewer: &viewer };
        pair.check(&self.session, &posts[posts.len() - 100..], [posts[0], posts[1]]).await?;
        eprintln!("Agora and the floor answer and write alike");
        let mut liked = 2;
        for (operation, counts) in
            [(Operation::Post, self.scale.post), (Operation::Feed, self.scale.feed), (Operation::Like, self.scale.like)]
        {
            if wanted(operation.name()) {
                for (concurrency, count) in [(1, counts[0]), (MANY, counts[1])] {
                    let line =
                        self.compare(operation, concurrency, count, &agora, &floor, &viewer.token, &posts, &mut liked);
                    lines.push(line.await?);
                }
            }
        }
        pair.check(&self.session, &posts[posts.len() - 100..], [posts[liked], posts[liked + 1]]).await?;
        liked += 2;
        drop(agora);
        if wanted("like") {
            lines.push(self.with_worker(&viewer.token, &posts, liked).await?);
        }
        Ok(())
    }

    /// A few posts have to be much discussed, one of them on the first page: it is there that lists of comments get dear.
    async fn check_data(&self) -> Result<()> {
        let sql = "SELECT COUNT(*), COUNT(*) FILTER (WHERE id IN (SELECT id FROM posts ORDER BY created_at DESC LIMIT 20)) \
                   FROM posts WHERE comment_count >= $1";
        let row = self.session.client.query_one(sql, &[&self.scale.much]).await?;
        let (all, on_the_first_page): (i64, i64) = (row.get(0), row.get(1));
        if all < 3 || on_the_first_page < 1 {
            return Err(
                format!("too few posts are much discussed: {all}, {on_the_first_page} on the first page").into()
            );
        }
        Ok(())
    }

    /// Posts in an order that has nothing to do with where they lie.
    async fn posts(&self) -> Result<Vec<Uuid>> {
        let sql = "SELECT id FROM posts WHERE id NOT IN (SELECT id FROM posts ORDER BY created_at DESC LIMIT 100) \
                   ORDER BY md5(id::text)";
        Ok(self.session.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    }

    async fn newest(&self) -> Result<Vec<Uuid>> {
        let sql = "SELECT id FROM posts ORDER BY created_at DESC LIMIT 20";
        Ok(self.session.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// Agora, floor, Agora, floor …, after a tenth of the requests as a warm-up of each.
    #[expect(clippy::too_many_arguments, reason = "a measurement has many parameters")]
    async fn compare(
        &self,
        operation: Operation,
        concurrency: usize,
        count: usize,
        agora: &Server,
        floor: &Server,
        token: &str,
        posts: &[Uuid],
        liked: &mut usize,
    ) -> Result<Requests> {
        eprintln!("{} at {concurrency} …", operation.name());
        let post = |number: usize| posts[number % posts.len()];
        let to_agora = |number: usize| operation.to_agora(agora.address, token, post(number));
        let to_floor = |number: usize| operation.to_floor(floor.address, token, post(number));
        let aim = (concurrency == MANY).then(|| operation.aim());
        let name = operation.name().into();
        let mut line = Requests { name, aim, concurrency, agora: Side::default(), floor: None };
        let mut other = Side::default();
        for round in 0..=ROUNDS {
            let count = if round == 0 { count / 10 } else { count };
            for is_floor in [false, true] {
                let (server, request): (&Server, &dyn Fn(usize) -> Vec<u8>) =
                    if is_floor { (floor, &to_floor) } else { (agora, &to_agora) };
                if operation == Operation::Like && *liked + count + 2 > posts.len() {
                    return Err("too few posts to like".into());
                }
                let before = Cpu::now(server.pid(), self.postgres);
                let holds = |body: &[u8]| operation.holds(body);
                let timing = load::send(server.address, concurrency, *liked, count, request, &holds).await?;
                rest().await;
                let cpu = Cpu::now(server.pid(), self.postgres).since(before);
                // Only likes use posts up.
                if operation == Operation::Like {
                    *liked += count;
                }
                if round > 0 {
                    let side = if is_floor { &mut other } else { &mut line.agora };
                    side.timing.add(timing);
                    side.cpu.add(cpu);
                }
            }
        }
        line.floor = Some(other);
        Ok(line)
    }

    /// Likes while the same process also works on the jobs that they leave; the time until the last job is done is
    /// shared out among the likes.
    async fn with_worker(&self, token: &str, posts: &[Uuid], first: usize) -> Result<Requests> {
        eprintln!("like with the worker …");
        // What the worker does once a day would otherwise fall into our few seconds.
        let later = "INSERT INTO schedules (name, next_run_at) SELECT name, now() + '1 day' \
                     FROM unnest('{prune,recount}'::text[]) AS name \
                     ON CONFLICT (name) DO UPDATE SET next_run_at = excluded.next_run_at";
        self.session.client.batch_execute(later).await?;
        self.session.client.batch_execute("TRUNCATE jobs").await?;
        let agora = self.start_agora(true)?;
        let to_agora = |number: usize| Operation::Like.to_agora(agora.address, token, posts[number]);
        let count = self.scale.with_worker.min(posts.len() - first - 100);
        let holds = |body: &[u8]| Operation::Like.holds(body);
        load::send(agora.address, MANY, first, 100, &to_agora, &holds).await?;
        self.jobs_done().await?;
        let before = Cpu::now(agora.pid(), self.postgres);
        let timing = load::send(agora.address, MANY, first + 100, count, &to_agora, &holds).await?;
        let left: i64 = self.session.client.query_one("SELECT COUNT(*) FROM jobs", &[]).await?.get(0);
        let start = Instant::now();
        self.jobs_done().await?;
        let jobs_per_second = left as f64 / start.elapsed().as_secs_f64();
        rest().await;
        let cpu = Cpu::now(agora.pid(), self.postgres).since(before);
        eprintln!(
            "  {left} of {count} jobs were left after the last like, and done at {jobs_per_second:.0} per second"
        );
        let name = "like, and its job".into();
        Ok(Requests { name, aim: None, concurrency: MANY, agora: Side { timing, cpu }, floor: None })
    }

    async fn jobs_done(&self) -> Result<()> {
        for _ in 0..600 {
            let left: bool = self.session.client.query_one("SELECT EXISTS (SELECT FROM jobs)", &[]).await?.get(0);
            if !left {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("the worker did not finish within a minute".into())
    }

    /// On the database at hand, then on an SQLite file with as many people.
    async fn transfers(&self, reached: &mut Reached) -> Result<()> {
        let (agora, folder) = (self.options.agora.as_path(), self.folder);
        let (counts, wallets) = (self.scale.transfers, self.scale.wallets);
        transfers::measure(agora, folder, self.database_url, Some(self.postgres), counts, wallets, reached).await?;
        println!();
        let file = format!("sqlite://{}?mode=rwc", folder.join("transfers.db").display());
        run_agora(agora, folder, &file, &["migrate", "up"])?;
        let users = wallets.to_string();
        run_agora(
            agora,
            folder,
            &file,
            &["seed", "--users", &users, "--posts", "1", "--comments", "0", "--likes", "0"],
        )?;
        transfers::measure(agora, folder, &file, None, counts, wallets, reached).await
    }

    async fn subscriptions(&mut self, reached: &mut Reached) -> Result<()> {
        let agora = self.start_agora(false)?;
        sockets::prepare(&self.session).await?;
        let people = self.people(&agora).await?;
        let (seconds, timeout, count) = (self.scale.seconds, self.scale.timeout, people.len());
        let mut lines = Vec::new();

        eprintln!("{count} people with a socket each …");
        sockets::forget(&self.session).await?;
        rest().await;
        let before = resident_kib(agora.pid())?;
        let everybody: Vec<&Person> = people.iter().collect();
        let mut sockets = Sockets::open(agora.address, &everybody, 100 * seconds as usize).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let idle = resident_kib(agora.pid())?.saturating_sub(before) as f64 / count as f64;
        let cpu = Cpu::now(agora.pid(), self.postgres);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let idle_cpu = Cpu::now(agora.pid(), self.postgres).since(cpu);
        let delivery = sockets.deliver(&self.session, agora.pid(), self.postgres, 100, seconds, timeout).await?;
        lines.push((format!("{count} people, a socket each"), delivery));
        drop(sockets);
        sockets::forget(&self.session).await?;

        eprintln!("one person with {count} sockets …");
        let all_of_one: Vec<&Person> = people.iter().take(1).cycle().take(count).collect();
        let mut sockets = Sockets::open(agora.address, &all_of_one, 110 * seconds as usize).await?;
        for rate in [10, 100] {
            let delivery = sockets.deliver(&self.session, agora.pid(), self.postgres, rate, seconds, timeout).await?;
            let complete = delivery.delivered == delivery.expected;
            lines.push((format!("one person, {count} sockets"), delivery));
            if !complete {
                break;
            }
        }
        report::print_deliveries(&lines);
        reached.note(Aim::IdleSocket, idle);
        if let Some((_, delivery)) = lines.last() {
            let messages = delivery.delivered.max(1) as f64;
            reached.note(Aim::MessageCpu, delivery.cpu.total() * 1000.0 / messages);
            // What did not arrive did not arrive in time.
            let is_late = delivery.delivered * 100 < delivery.expected * 99;
            reached.note(Aim::MessageDelay, if is_late { f64::INFINITY } else { f64::from(delivery.p99) / 1000.0 });
        }
        println!(
            "\n{count} idle subscribed sockets: {idle:.1} KiB each; together {:.1} ms of CPU per second in the server \
             and {:.1} in the database.",
            idle_cpu.server / 5.0,
            idle_cpu.database / 5.0
        );
        Ok(())
    }

    /// Signs people in.
    async fn people(&self, agora: &Server) -> Result<Vec<Person>> {
        let sql = "SELECT id, username FROM users WHERE username LIKE 'user\\_%' ORDER BY username LIMIT $1";
        let rows = self.session.client.query(sql, &[&(self.scale.sockets as i64)]).await?;
        let names: Vec<String> = rows.iter().map(|row| row.get(1)).collect();
        let tokens = sign_in(agora.address, &names).await?;
        Ok(rows.iter().zip(tokens).map(|(row, token)| Person { id: row.get(0), token }).collect())
    }
}

/// Signs generated people in; gives their access tokens in the same order.
pub(crate) async fn sign_in(agora: SocketAddr, names: &[String]) -> Result<Vec<String>> {
    let parts = names.chunks(names.len().div_ceil(8).max(1)).map(async |part| {
        let mut connection = Connection::open(agora).await?;
        let mut tokens = Vec::new();
        for name in part {
            let query = "mutation Login($input: LoginInput!) { login(input: $input) { \
                         result { ... on Session { accessToken } } errors { code } } }";
            let input = json!({ "input": { "login": name, "password": PASSWORD } });
            let data = operations::ask(&mut connection, agora, "", query, input).await?;
            let token = data.pointer("/login/result/accessToken").and_then(|token| token.as_str());
            tokens.push(token.ok_or_else(|| format!("nobody was signed in: {data}"))?.to_owned());
        }
        Ok::<_, Error>(tokens)
    });
    Ok(try_join_all(parts).await?.concat())
}

/// Lets what a server does after its answers come to an end.
pub(crate) async fn rest() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

pub(crate) async fn register(agora: &Server, username: &str) -> Result<Person> {
    let query = "mutation Register($input: RegisterInput!) { register(input: $input) { \
                 result { ... on Session { accessToken user { id } } } errors { code } } }";
    let input =
        json!({ "username": username, "email": format!("{username}@example.org"), "password": "a-viewer-of-posts-17" });
    let mut connection = Connection::open(agora.address).await?;
    let data = operations::ask(&mut connection, agora.address, "", query, json!({ "input": input })).await?;
    let text = |path: &str| data.pointer(path).and_then(|value| value.as_str());
    let (token, id) = (text("/register/result/accessToken"), text("/register/result/user/id"));
    match (token, id.and_then(|id| typeid::read("user", id))) {
        (Some(token), Some(id)) => Ok(Person { id, token: token.to_owned() }),
        _ => Err(format!("nobody was registered: {data}").into()),
    }
}
