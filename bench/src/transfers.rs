//! Transfers between wallets: by the graph, by the ledger alone (in this process, to see what the graph costs), and by the
//! floor, which writes the same rows; and what it costs that all transfers touch one account of the platform's.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use agora::{
    app::App,
    config::Config,
    domain::{
        idempotency::Fingerprint,
        ledger::{self, AccountRef, NewTransfer, Origin},
    },
    entity::{Currency, LedgerAccountId, Money, UserId, ledger_transfer::TransferKind, payment::ProviderKind},
    platform::{clock::Clock, ids::Ids},
};
use futures_util::future::try_join_all;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Result,
    floor::transfers::{Loop, pgbench},
    goals::{Aim, Reached},
    http, load,
    processes::{Cpu, Postgres, Server, own_cpu},
    run::{MANY, ROUNDS, rest, sign_in},
    typeid,
};

/// What everybody has at the start, in cents.
const FUNDS: i64 = 1_000_000_000;
/// As many as Agora's connections to PostgreSQL.
const CONNECTIONS: usize = 8;

const TRANSFER: &str = "mutation Transfer($input: WalletTransferInput!) { walletTransfer(input: $input) { \
                        transaction { id } errors { code } } }";

/// A person and their account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wallet {
    pub(crate) owner: Uuid,
    pub(crate) account: Uuid,
}

/// Between which two wallets money moves in this transfer: the same for everybody, and always from the earlier one.
pub(crate) fn pair(number: usize, wallets: usize) -> (usize, usize) {
    let mixed = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let from = (mixed >> 33) as usize % (wallets - 1);
    (from, from + 1 + (mixed & 0xffff_ffff) as usize % (wallets - 1 - from))
}

/// Who moves the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Graph,
    Ledger(Kind),
    Floor,
}

/// Whether every transfer touches the same account of the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wallets,
    Fees,
}

/// What some transfers took.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    count: f64,
    seconds: f64,
    client: f64,
    cpu: Cpu,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.client += other.client;
        self.cpu.add(other.cpu);
    }

    fn per_second(self) -> f64 {
        self.count / self.seconds.max(f64::EPSILON)
    }

    /// Milliseconds of every processor, for one transfer.
    fn together(self) -> f64 {
        (self.client + self.cpu.total()) / self.count.max(1.0)
    }
}

/// A database, and everybody who moves money in it.
struct Bench<'a> {
    name: &'static str,
    url: &'a str,
    server: Server,
    postgres: Option<Postgres>,
    app: App,
    wallets: Vec<Wallet>,
    tokens: Vec<String>,
    runs: usize,
}

/// Measures on one database, which has at least `people` people, and prints lines of the table.
pub(crate) async fn measure(
    agora: &Path,
    folder: &Path,
    url: &str,
    postgres: Option<Postgres>,
    counts: [usize; 2],
    people: usize,
    reached: &mut Reached,
) -> Result<()> {
    let name = if postgres.is_some() { "PostgreSQL" } else { "SQLite" };
    let app = app(url).await?;
    let server = Server::agora(agora, folder, url, false)?;
    let mut bench = Bench { name, url, server, postgres, app, wallets: Vec::new(), tokens: Vec::new(), runs: 0 };
    bench.prepare(people).await?;
    println!(
        "| database | wallets | at once | moved by | transfers/s | CPU ms: client | server | database | together | × floor |"
    );
    println!("|---|--:|--:|---|--:|--:|--:|--:|--:|--:|");
    for wallets in [2, people] {
        for (concurrency, count) in [(1, counts[0]), (MANY, counts[1])] {
            let ways = [Way::Graph, Way::Ledger(Kind::Wallets), Way::Floor];
            let costs = bench.compare(&ways, wallets, concurrency, count).await?;
            if wallets == people {
                reached.note(Aim::Transfers, costs[0].together() / costs[2].together());
            }
        }
    }
    println!();
    let ways = [Way::Ledger(Kind::Wallets), Way::Ledger(Kind::Fees)];
    let costs = bench.compare(&ways, people, MANY, counts[1]).await?;
    reached.note(Aim::OneAccount, 100.0 * (1.0 - costs[1].per_second() / costs[0].per_second()));
    let wrong = bench.app.db.snapshot(async |tx| ledger::verify(&tx).await).await?;
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(format!("the books don't balance: {first}, and {} more", wrong.len() - 1).into()),
    }
}

/// What a program is made of, here in this process.
async fn app(url: &str) -> Result<App> {
    let values = [("DATABASE_URL", url), ("SECRET_KEY", "only-for-measuring-0123456789-abcdefghij")];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::from_values(BTreeMap::from(values)).map_err(|problems| problems.to_string())?;
    App::start(config, Clock::system(), Ids::random()).await.map_err(|error| error.to_string().into())
}

fn usd() -> Result<Currency> {
    Currency::parse("USD").ok_or_else(|| "no dollars".into())
}

impl Bench<'_> {
    /// Fills the wallets by the ledger, in the order of their accounts, and signs everybody in.
    async fn prepare(&mut self, people: usize) -> Result<()> {
        let sql = format!(
            "SELECT id, username FROM users WHERE username LIKE 'user\\_%' ESCAPE '\\' ORDER BY username LIMIT {people}"
        );
        let (mut names, currency) = (Vec::new(), usd()?);
        for row in self.app.db.rows(sql, Vec::new()).await? {
            let (owner, name): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            names.push(name);
            let LedgerAccountId(account) = AccountRef::Wallet(UserId(owner)).account(currency);
            self.wallets.push(Wallet { owner, account });
        }
        if self.wallets.len() < people {
            return Err(format!("{} people are too few", self.wallets.len()).into());
        }
        let app = &self.app;
        for some in self.wallets.chunks(100) {
            let fill = app.db.transact(async |tx| {
                for wallet in some {
                    let key = wallet.owner.to_string();
                    let origin = Origin::step("bench", &key);
                    let (from, to) =
                        (AccountRef::Clearing(ProviderKind::Sandbox), AccountRef::Wallet(UserId(wallet.owner)));
                    ledger::post_in(app, &tx, new(TransferKind::Deposit, from, to, FUNDS, currency, origin)).await?;
                }
                Ok(())
            });
            fill.await?;
        }
        ledger::fold(app).await?;
        if self.postgres.is_some() {
            let session = crate::database::Session::open(self.url).await?;
            let client = &session.client;
            client.batch_execute("CREATE TABLE bench_wallets (n int PRIMARY KEY, account_id uuid NOT NULL)").await?;
            for (number, wallet) in (1_i32..).zip(&self.wallets) {
                client.execute("INSERT INTO bench_wallets VALUES ($1, $2)", &[&number, &wallet.account]).await?;
            }
            client.batch_execute("VACUUM ANALYZE").await?;
        }
        self.tokens = sign_in(self.server.address, &names).await?;
        // The first sight of a token is written down, once: no part of a transfer.
        let request = |number: usize| {
            http::post(self.server.address, "/graphql", &self.tokens[number], r#"{"query":"{ me { id } }"}"#)
        };
        let holds = |body: &[u8]| load::count_of(body, "\"id\":\"user_") == 1;
        load::send(self.server.address, CONNECTIONS, 0, people, &request, &holds).await.map(drop)
    }

    /// Each way in turn, after a tenth as a warm-up; prints a line for each.
    async fn compare(&mut self, ways: &[Way], wallets: usize, concurrency: usize, count: usize) -> Result<Vec<Cost>> {
        eprintln!("transfers on {}, {wallets} wallets, {concurrency} at once …", self.name);
        let mut costs = vec![Cost::default(); ways.len()];
        for round in 0..=ROUNDS {
            let count = if round == 0 { count / 10 } else { count };
            for (way, cost) in ways.iter().zip(&mut costs) {
                let one = self.run(*way, wallets, concurrency, count).await?;
                if round > 0 {
                    cost.add(one);
                }
            }
        }
        let floor = ways.iter().zip(&costs).find(|(way, _)| **way == Way::Floor).map(|(_, cost)| cost.together());
        for (way, cost) in ways.iter().zip(&costs) {
            let name = match way {
                Way::Graph => "`walletTransfer`",
                Way::Ledger(Kind::Wallets) => "the ledger alone",
                Way::Ledger(Kind::Fees) => "the ledger alone, into one platform account",
                Way::Floor => "floor",
            };
            let ratio = floor.filter(|_| *way != Way::Floor).map(|floor| format!("{:.2}", cost.together() / floor));
            let each = |time: f64| time / cost.count.max(1.0);
            println!(
                "| {} | {wallets} | {concurrency} | {name} | {:.0} | {:.3} | {:.3} | {:.3} | {:.3} | {} |",
                self.name,
                cost.per_second(),
                each(cost.client),
                each(cost.cpu.server),
                each(cost.cpu.database),
                cost.together(),
                ratio.unwrap_or_default()
            );
        }
        Ok(costs)
    }

    /// So many transfers; looks that each wrote what a transfer writes.
    async fn run(&mut self, way: Way, wallets: usize, at_once: usize, count: usize) -> Result<Cost> {
        self.runs += 1;
        // pgbench gives each of its connections the same share.
        let connections = at_once.min(CONNECTIONS);
        let count = count / connections * connections;
        let before = self.rows().await?;
        let mut floor = match (way, self.postgres) {
            (Way::Floor, None) => Some(Loop::open(self.url).await?),
            _ => None,
        };
        let used = (own_cpu(), self.cpu());
        let start = Instant::now();
        match way {
            Way::Graph => self.by_graph(wallets, at_once, count).await?,
            Way::Ledger(kind) => self.by_ledger(kind, wallets, at_once, count).await?,
            Way::Floor => match &mut floor {
                Some(floor) => floor.run(&self.wallets[..wallets], count, self.runs).await?,
                None => pgbench(self.url, connections, count, wallets, self.runs).await?,
            },
        }
        let seconds = start.elapsed().as_secs_f64();
        rest().await;
        let (client, cpu) = (own_cpu() - used.0, self.cpu().since(used.1));
        let after = self.rows().await?;
        let one = |of: usize| (after[of] - before[of]) as usize;
        let events = if way == Way::Ledger(Kind::Fees) { count } else { 2 * count };
        if (one(0), one(1), one(2)) != (count, 2 * count, events) {
            return Err(format!("{way:?}: {count} transfers wrote {} {} {} rows", one(0), one(1), one(2)).into());
        }
        Ok(Cost { count: count as f64, seconds, client, cpu })
    }

    fn cpu(&self) -> Cpu {
        let server = self.server.pid();
        self.postgres.map_or_else(|| Cpu::of_server(server), |postgres| Cpu::now(server, postgres))
    }

    async fn rows(&self) -> Result<[i64; 3]> {
        let sql = "SELECT (SELECT COUNT(*) FROM ledger_transfers), (SELECT COUNT(*) FROM ledger_entries), \
                   (SELECT COUNT(*) FROM events)";
        let rows = self.app.db.rows(sql, Vec::new()).await?;
        let row = rows.first().ok_or("no row")?;
        Ok([row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?])
    }

    async fn by_graph(&self, wallets: usize, at_once: usize, count: usize) -> Result<()> {
        let request = |number: usize| {
            let (from, to) = pair(self.runs * 1_000_000 + number, wallets);
            let input = json!({
                "recipientId": typeid::text("user", self.wallets[to].owner),
                "amount": { "amount": "0.01", "currency": "USD" },
                "idempotencyKey": format!("{}-{number}", self.runs),
            });
            let body = json!({ "query": TRANSFER, "variables": { "input": input } }).to_string();
            http::post(self.server.address, "/graphql", &self.tokens[from], &body)
        };
        let holds = |body: &[u8]| load::count_of(body, "\"transaction\":{") == 1;
        load::send(self.server.address, at_once, 0, count, &request, &holds).await.map(drop)
    }

    async fn by_ledger(&self, kind: Kind, wallets: usize, at_once: usize, count: usize) -> Result<()> {
        let (next, next_key, currency) = (AtomicUsize::new(0), self.runs * 1_000_000, usd()?);
        try_join_all((0..at_once).map(|_| async {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, crate::Error>(());
                }
                let (from, to) = pair(next_key + number, wallets);
                let (from, to) = (UserId(self.wallets[from].owner), UserId(self.wallets[to].owner));
                let to = if kind == Kind::Wallets { AccountRef::Wallet(to) } else { AccountRef::Fees };
                let key = (next_key + number).to_string();
                let input = Fingerprint::v1().field("amount", Money::new(1, currency));
                let origin = Origin { actor: from.0, operation: "walletTransfer", key: &key, input: Some(&input) };
                let new = new(TransferKind::Transfer, AccountRef::Wallet(from), to, 1, currency, origin);
                self.app.db.transact(async |tx| ledger::post_in(&self.app, &tx, new).await).await?;
            }
        }))
        .await?;
        // What is put off is part of the cost.
        ledger::fold(&self.app).await?;
        Ok(())
    }
}

fn new(
    kind: TransferKind,
    from: AccountRef,
    to: AccountRef,
    amount: i64,
    currency: Currency,
    origin: Origin<'_>,
) -> NewTransfer<'_> {
    NewTransfer { kind, from, to, amount, currency, reference: None, description: "", origin }
}
