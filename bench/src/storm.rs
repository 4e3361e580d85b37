//! Sign-ins: how many a second, and whether a storm of them disturbs those who read.

use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use crate::{
    Result, http,
    load::{self, Timing, percentile},
    operations::Operation,
    processes::{Cpu, Postgres, Server},
    run::{register, rest},
};

/// Passwords cost here what they cost in production; elsewhere in this benchmark they are cheap.
const SETTINGS: &[(&str, &str)] = &[("PASSWORD_HASH_MEMORY_KIB", "19456"), ("PASSWORD_HASH_ITERATIONS", "2")];
/// How many sign in at the same time.
const STORM: usize = 32;
/// How many read the feed meanwhile.
const READERS: usize = 4;

const LOGIN: &str = "mutation Login($input: LoginInput!) { login(input: $input) { \
                     result { ... on Session { accessToken } } errors { code } } }";

/// Measures, and prints a table.
pub(crate) async fn measure(
    agora: &Path,
    folder: &Path,
    url: &str,
    postgres: Postgres,
    counts: [usize; 2],
) -> Result<()> {
    let server = Server::agora_with(agora, folder, url, false, SETTINGS)?;
    // Several accounts, because of many sign-ins to one at the same moment, some have to wait.
    let (mut people, mut bodies) = (Vec::new(), Vec::new());
    for number in 0..2 * STORM {
        let name = format!("storm_{number}_{}", std::process::id());
        people.push(register(&server, &name).await?);
        let input = json!({ "login": name, "password": "a-viewer-of-posts-17" });
        bodies.push(json!({ "query": LOGIN, "variables": { "input": input } }).to_string());
    }
    let sign_in = |number: usize| http::post(server.address, "/graphql", "", &bodies[number % bodies.len()]);
    let feed = |_| Operation::Feed.to_agora(server.address, &people[0].token, Uuid::nil());
    let signed_in = |body: &[u8]| load::count_of(body, "\"accessToken\":") == 1;
    let is_feed = |body: &[u8]| Operation::Feed.holds(body);
    let [sign_ins, feeds] = counts;

    eprintln!("signing in, {STORM} at once …");
    load::send(server.address, STORM, 0, sign_ins / 10, &sign_in, &signed_in).await?;
    let before = Cpu::now(server.pid(), postgres);
    let alone = load::send(server.address, STORM, 0, sign_ins, &sign_in, &signed_in).await?;
    rest().await;
    let cpu = Cpu::now(server.pid(), postgres).since(before);

    eprintln!("the feed, {READERS} at once, without and with that …");
    load::send(server.address, READERS, 0, feeds / 10, &feed, &is_feed).await?;
    let calm = load::send(server.address, READERS, 0, feeds, &feed, &is_feed).await?;
    let storm = load::send(server.address, STORM, 0, 1_000_000, &sign_in, &signed_in);
    let stormy = tokio::select! {
        stormy = load::send(server.address, READERS, 0, feeds, &feed, &is_feed) => stormy?,
        ended = storm => return Err(format!("the storm ended: {:?}", ended.map(|timing| timing.elapsed)).into()),
    };

    println!("| operation | at once | requests/s | p50 ms | p99 ms | CPU ms: server | database |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let count = alone.latencies.len().max(1) as f64;
    row("sign-in", STORM, alone, &format!("{:.2} | {:.3}", cpu.server / count, cpu.database / count));
    row("feed", READERS, calm, " | ");
    row("feed, during the sign-ins", READERS, stormy, " | ");
    Ok(())
}

fn row(name: &str, concurrency: usize, mut timing: Timing, cpu: &str) {
    let per_second = timing.per_second();
    let mut at = |share| f64::from(percentile(&mut timing.latencies, share)) / 1000.0;
    println!("| {name} | {concurrency} | {per_second:.0} | {:.2} | {:.2} | {cpu} |", at(0.5), at(0.99));
}
