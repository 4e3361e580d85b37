//! The floor of transfers: the rows of a transfer between two wallets, written by a loop that nobody waits for: pgbench's
//! on PostgreSQL, one of our own on SQLite.

use std::{path::PathBuf, process::Stdio, str::FromStr};

use chrono::{DateTime, Utc};
use sqlx::{
    Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    Result,
    transfers::{Wallet, pair},
};

const SCRIPT: &str = include_str!("transfer.sql");
/// As long as a hash of what was asked is.
const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Where the numbers of a run's keys begin.
fn base(run: usize) -> i64 {
    100_000_000_000 + run as i64 * 1_000_000_000
}

/// So many transfers by `pgbench`; the table `bench_wallets` numbers the accounts.
pub(crate) async fn pgbench(url: &str, connections: usize, count: usize, wallets: usize, run: usize) -> Result<()> {
    let script = std::env::temp_dir().join(format!("agora-bench-{}.sql", std::process::id()));
    std::fs::write(&script, SCRIPT)?;
    let output = tokio::process::Command::new(program())
        .args(["--no-vacuum", "--protocol=prepared", "--file"])
        .arg(&script)
        .args(["--client", &connections.to_string(), "--jobs", &connections.min(2).to_string()])
        .args(["--transactions", &(count / connections).to_string(), "--define", &format!("wallets={wallets}")])
        .args(["--define", &format!("base={}", base(run)), "--define", "n=0"])
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .await?;
    std::fs::remove_file(&script)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !said.contains("ERROR") {
        return Ok(());
    }
    Err(format!("pgbench failed: {said}").into())
}

/// Debian keeps it out of the path.
fn program() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found = versions.map(|version| version.path().join("bin/pgbench")).filter(|program| program.exists());
    found.next().unwrap_or_else(|| "pgbench".into())
}

/// The loop on SQLite: one writer, as SQLite has it, with Agora's settings.
pub(crate) struct Loop(SqliteConnection);

impl Loop {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("cache_size", "-16000");
        Ok(Self(SqliteConnection::connect_with(&options).await?))
    }

    pub(crate) async fn run(&mut self, wallets: &[Wallet], count: usize, run: usize) -> Result<()> {
        for number in 0..count {
            let (from, to) = pair(run * 1_000_000 + number, wallets.len());
            self.transfer(&wallets[from], &wallets[to], base(run) + number as i64).await?;
        }
        Ok(())
    }

    async fn transfer(&mut self, from: &Wallet, to: &Wallet, key: i64) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "the floor is no part of Agora and has no clock to ask")]
        let now = Utc::now();
        let mut tx = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let mut after = [(0_i64, 0_i64); 2];
        for ((wallet, amount), after) in [(from, -1_i64), (to, 1)].into_iter().zip(&mut after) {
            let sql = "UPDATE ledger_accounts SET balance = balance + $2, entry_seq = entry_seq + 1, last_entry_at = $3 \
                       WHERE id = $1 RETURNING balance, entry_seq";
            let row = sqlx::query(sql).bind(wallet.account).bind(amount).bind(now).fetch_one(&mut *tx).await?;
            *after = (row.try_get(0)?, row.try_get(1)?);
        }
        let (transfer, entries) = (id(0x8000, key), [id(0x8001, key), id(0x8002, key)]);
        let sql = "INSERT INTO ledger_transfers (id, kind, state, currency, amount, reference, description, actor_id, \
                   operation, idempotency_key, input_hash, reverses_id, created_at) \
                   VALUES ($1, 'transfer', 'posted', 'USD', 1, NULL, '', $2, 'walletTransfer', $3, $4, NULL, $5)";
        let query = sqlx::query(sql).bind(transfer).bind(from.owner).bind(key.to_string()).bind(HASH);
        query.bind(now).execute(&mut *tx).await?;
        let sql = "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
                   VALUES ($1, $2, $3, 'transfer', -1, $4, $5, $9), ($6, $2, $7, 'transfer', 1, $8, $10, $9)";
        let query =
            sqlx::query(sql).bind(entries[0]).bind(transfer).bind(from.account).bind(after[0].0).bind(after[0].1);
        let query = query.bind(entries[1]).bind(to.account).bind(after[1].0).bind(now).bind(after[1].1);
        query.execute(&mut *tx).await?;
        for (wallet, entry) in [(from, entries[0]), (to, entries[1])] {
            let sql = "INSERT INTO streams (kind, id, seq) VALUES ('wallet', $1, 1) \
                       ON CONFLICT (kind, id) DO UPDATE SET seq = streams.seq + 1 RETURNING seq";
            let seq: i64 = sqlx::query(sql).bind(wallet.owner).fetch_one(&mut *tx).await?.try_get(0)?;
            event(&mut tx, wallet.owner, seq, entry, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn event(
    connection: &mut SqliteConnection,
    owner: Uuid,
    seq: i64,
    entry: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let sql = "INSERT INTO events (stream_kind, stream_id, seq, kind, actor_id, subject_id, created_at) \
               VALUES ('wallet', $1, $2, 'wallet_changed', NULL, $3, $4)";
    sqlx::query(sql).bind(owner).bind(seq).bind(entry).bind(now).execute(connection).await?;
    Ok(())
}

/// Ids that grow, as Agora's do.
fn id(kind: u128, key: i64) -> Uuid {
    Uuid::from_u128(0x0190_a000_0000_7000_0000_0000_0000_0000 | kind << 48 | u128::from(key.unsigned_abs()))
}
