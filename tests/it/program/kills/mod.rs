//! Sudden ends in the midst of what moves money: a program is killed at a fail point, and the next one brings everything to
//! its end, once, with books that balance. At every fail point somebody is killed.

mod giving;
mod paying;
mod uncommitted;

use std::{collections::BTreeSet, path::Path};

use agora::{
    domain::ledger::{AccountRef, account},
    entity::{Currency, user_role::Role},
    platform::providers::payments::sandbox::Act,
};
use serde_json::Value;
use tokio::sync::oneshot;

use super::{BufRead, BufReader, Serving, Stdio};
use crate::{
    architecture::sources,
    harness::{Client, Server, TIMEOUT, eventually},
    payments::{GOOD, act, assert_books, confirm, deposit},
};

/// A database with people in it, and a server beside the programs, by their clock, for what is not at issue.
struct Scene {
    server: Server,
    amina: Client,
    staff: Client,
    check: &'static str,
}

impl Scene {
    /// `check` is PAYMENT_CHECK_SECONDS of everybody.
    async fn new(check: &'static str) -> Self {
        let server = Server::with(&[("PAYMENT_CHECK_SECONDS", check), ("FEE_GOAL", "0")]).await;
        #[expect(clippy::disallowed_methods, reason = "the programs have no other")]
        let now = chrono::Utc::now();
        server.advance((now - server.clock.now()).num_seconds());
        let (amina, staff) = (server.user("amina").await, server.staff("badr", Role::Administrator).await);
        Self { server, amina, staff, check }
    }

    /// A program, and what tells that somebody stands still in it.
    async fn serve(&self, settings: &[(&str, &str)]) -> (Serving, oneshot::Receiver<()>) {
        let url = self.server.database_url();
        let mut all = vec![
            ("DATABASE_URL", url.as_str()),
            ("PAYMENT_CHECK_SECONDS", self.check),
            ("TWO_FACTOR_REQUIRED_ROLES", "none"),
            ("FEE_GOAL", "0"),
        ];
        all.extend(settings);
        let mut starting = Serving::spawn_logging(&all, Stdio::piped());
        let log = BufReader::new(starting.child.stderr.take().unwrap());
        let (sender, standing) = oneshot::channel();
        std::thread::spawn(move || {
            let mut sender = Some(sender);
            for line in log.lines().map_while(Result::ok) {
                if !line.contains("standing still here") {
                    eprintln!("{line}");
                } else if let Some(sender) = sender.take() {
                    let _ = sender.send(());
                }
            }
        });
        (tokio::task::spawn_blocking(move || starting.ready()).await.unwrap(), standing)
    }

    /// Kills a program while somebody stands still at a fail point, to which a call may have to lead.
    async fn kill_at(&self, step: &str, worker: &str, call: Option<(&Client, &str, Value)>) {
        let (serving, standing) = self.serve(&[("STOP_AT_STEP", step), ("WORKER", worker)]).await;
        let calling = async {
            if let Some((client, query, variables)) = call {
                let _ = serving.send(client.access_token.as_deref(), query, variables).await;
            }
            // Who is not answered waits; who is answered waits for what comes of it.
            std::future::pending::<()>().await;
        };
        let stands = async {
            let stands = tokio::time::timeout(TIMEOUT, standing).await;
            stands.unwrap_or_else(|_| panic!("nobody came to {step}")).unwrap();
        };
        tokio::select! {
            () = calling => {}
            () = stands => {}
        }
        serving.kill();
        // Jobs that were being done are taken again when their lease is over; here it is over at once.
        let sql = "UPDATE jobs SET run_at = created_at";
        self.server.write(sql, Vec::new()).await;
    }

    /// A program that nobody stops.
    async fn serve_on(&self) -> Serving {
        self.serve(&[]).await.0
    }

    async fn until(&self, step: &str, sql: &str, count: i64) {
        eventually(&format!("{step}: {sql}"), async || {
            self.give_back_at_once().await;
            self.server.count(sql).await == count
        })
        .await;
    }

    /// The sandbox takes seconds to give something back, by the programs' clock, which is the world's: here they are over.
    async fn give_back_at_once(&self) {
        if self.server.count("SELECT COUNT(*) FROM sandbox_refunds WHERE due_at > created_at").await > 0 {
            let sql = "UPDATE sandbox_refunds SET due_at = created_at WHERE due_at > created_at";
            self.server.write(sql, Vec::new()).await;
        }
    }

    /// The webhooks get lost: only those who ask are left.
    async fn lose_webhooks(&self) {
        let sql = "DELETE FROM sandbox_events";
        self.server.write(sql, Vec::new()).await;
    }

    /// Amina has paid 5.00 USD into her wallet.
    async fn paid(&self) -> Value {
        let payment = deposit(&self.amina, "5.00", "k").await["payment"].clone();
        act(&self.server, &payment, &Act::card(GOOD)).await;
        assert_eq!(confirm(&self.amina, &payment).await["state"], "COMPLETED");
        payment
    }

    /// What happened is exactly this, and amina has so many cents, of which so many are held.
    async fn assert_ended(&self, step: &str, counts: &[(&str, i64)], cents: (i64, i64)) {
        self.until(step, "SELECT COUNT(*) FROM jobs", 0).await;
        for (sql, count) in counts {
            assert_eq!(self.server.count(sql).await, *count, "{step}: {sql}");
        }
        let wallet = AccountRef::Wallet(self.amina.id.parse().unwrap());
        let wallet = account(&self.server.app, wallet, Currency::parse("USD").unwrap()).await.unwrap();
        assert_eq!(wallet.map_or((0, 0), |wallet| (wallet.balance, wallet.held)), cents, "{step}");
        assert_books(&self.server.app).await;
    }
}

#[test]
fn every_fail_point_has_somebody_killed_there() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let named = text.split(".reach(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut killed: BTreeSet<_> =
        [paying::OPENING, paying::SAVING, paying::BOOKING, uncommitted::STEPS].concat().into_iter().collect();
    let others = [paying::COMPLETING, paying::REFUNDING, paying::DISPUTED, giving::BY_CARD].concat();
    killed.extend(others.iter().map(|(step, _)| *step));
    killed.insert(giving::REFUNDING_ALL);
    // One transaction from its beginning to its end; somebody stands still there in a race.
    killed.insert("notification.delivering");
    assert_eq!(named.collect::<BTreeSet<_>>(), killed);
    assert_eq!(
        text.matches(".reach(").count(),
        text.matches(".reach(\"").count(),
        "a fail point without a name of its own"
    );
}
