//! Sudden ends in the midst of payments: a program is killed at a named step, and the next one brings the payment to its
//! end, once, with books that balance.

use agora::{
    domain::ledger::{Place, account},
    entity::{Currency, user_role::Role},
    platform::payments::sandbox::Act,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{BufRead, BufReader, Serving, Stdio};
use crate::{
    harness::{Client, PATIENCE, Server, eventually},
    payments::{GOOD, act, assert_books, confirm, deposit},
};

const DEPOSIT: &str = "mutation { walletDeposit(input: { amount: { amount: \"5.00\", currency: \"USD\" }, provider: SANDBOX, \
     idempotencyKey: \"k\" }) { payment { id state nextAction { clientSecret } } replayed errors { code } } }";
const CONFIRM: &str = "mutation($id: ID!) { paymentConfirm(id: $id) { payment { state } errors { code } } }";
const REFUND: &str = "mutation($id: ID!) { paymentRefund(id: $id, input: { reason: \"x\", idempotencyKey: \"k\" }) \
     { refund { id state } replayed errors { code } } }";

/// How a payment is begun and paid: 5.00 USD under the key `k`, and how often each thing has happened when it ended well.
const PAID: &[(&str, i64)] = &[
    ("SELECT COUNT(*) FROM payments WHERE state = 'completed' AND captured = 500", 1),
    ("SELECT COUNT(*) FROM payments", 1),
    ("SELECT COUNT(*) FROM sandbox_charges", 1),
    ("SELECT COUNT(*) FROM payment_events WHERE kind = 'completed'", 1),
    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'deposit'", 1),
];

/// The same for a refund of all of it.
const REFUNDED: &[(&str, i64)] = &[
    ("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 1),
    ("SELECT COUNT(*) FROM refunds", 1),
    ("SELECT CAST(SUM(amount) AS bigint) FROM sandbox_refunds", 500),
    ("SELECT refunded FROM payments", 500),
    ("SELECT refunding FROM payments", 0),
    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'refund' AND state = 'posted'", 1),
];

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
        let server = Server::with(&[("PAYMENT_CHECK_SECONDS", check)]).await;
        #[allow(clippy::disallowed_methods, reason = "the programs have no other")]
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

    /// Kills a program while somebody stands still at a step, to which a call may have to lead.
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
            let stands = tokio::time::timeout(PATIENCE, standing).await;
            stands.unwrap_or_else(|_| panic!("nobody came to {step}")).unwrap();
        };
        tokio::select! {
            () = calling => {}
            () = stands => {}
        }
        serving.kill();
        // Jobs that were being done are taken again when their lease is over; here it is over at once.
        let sql = "UPDATE jobs SET run_at = created_at";
        self.server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
    }

    /// A program that nobody stops.
    async fn serve_on(&self) -> Serving {
        self.serve(&[]).await.0
    }

    async fn until(&self, step: &str, sql: &str, count: i64) {
        eventually(&format!("{step}: {sql}"), async || self.server.count(sql).await == count).await;
    }

    /// What happened is exactly this, and amina has so many cents.
    async fn assert_ended(&self, step: &str, counts: &[(&str, i64)], balance: i64) {
        self.until(step, "SELECT COUNT(*) FROM jobs", 0).await;
        for (sql, count) in counts {
            assert_eq!(self.server.count(sql).await, *count, "{step}: {sql}");
        }
        let wallet = Place::Wallet(self.amina.id.parse().unwrap());
        let wallet = account(&self.server.app, wallet, Currency::parse("USD").unwrap()).await.unwrap().unwrap();
        assert_eq!((wallet.balance, wallet.held), (balance, 0), "{step}");
        assert_books(&self.server.app).await;
    }
}

/// Pays at the sandbox's page, as a browser does.
async fn pay(serving: &Serving, payment: &Value) {
    let secret = payment["nextAction"]["clientSecret"].as_str().unwrap_or_else(|| panic!("{payment}"));
    let request = serving.http.post(format!("{}/sandbox/pay", serving.base));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("secret={secret}&card=4242424242424242")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

/// The payment of the client's own call, made again by the same key.
async fn again(serving: &Serving, client: &Client) -> Value {
    let payload = serving.ok(client.access_token.as_deref(), DEPOSIT, Value::Null).await["walletDeposit"].clone();
    assert_eq!((&payload["replayed"], &payload["errors"]), (&json!(true), &json!([])), "{payload}");
    payload["payment"].clone()
}

async fn killed_while_opening(step: &str) {
    let scene = Scene::new("1").await;
    scene.kill_at(step, "false", Some((&scene.amina, DEPOSIT, Value::Null))).await;
    let serving = scene.serve_on().await;
    // Whoever called did not come back yet: the sweeper goes on.
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'pending'", 1).await;
    let payment = again(&serving, &scene.amina).await;
    pay(&serving, &payment).await;
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'completed'", 1).await;
    let ended = again(&serving, &scene.amina).await;
    assert_eq!((&ended["id"], &ended["state"]), (&payment["id"], &json!("COMPLETED")), "{step}");
    scene.assert_ended(step, PAID, 500).await;
}

async fn killed_while_completing(step: &str, by_webhook: bool) {
    let scene = Scene::new(if by_webhook { "600" } else { "1" }).await;
    let payment = deposit(&scene.amina, "5.00", "k").await["payment"].clone();
    act(&scene.server, &payment, &Act::card(GOOD)).await;
    if by_webhook {
        scene.kill_at(step, "true", None).await;
    } else {
        // The webhooks get lost: only the sweeper is left.
        let sql = "DELETE FROM sandbox_events";
        scene.server.app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
        let call = (&scene.amina, CONFIRM, json!({ "id": payment["id"] }));
        scene.kill_at(step, "false", Some(call)).await;
    }
    let serving = scene.serve_on().await;
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'completed'", 1).await;
    let ended = again(&serving, &scene.amina).await;
    assert_eq!((&ended["id"], &ended["state"]), (&payment["id"], &json!("COMPLETED")), "{step}");
    scene.assert_ended(step, PAID, 500).await;
}

/// `at_the_end`: not while the provider is asked for the refund, but when it has said that the money is back.
async fn killed_while_refunding(step: &str, at_the_end: bool) {
    let scene = Scene::new("1").await;
    let payment = deposit(&scene.amina, "5.00", "k").await["payment"].clone();
    act(&scene.server, &payment, &Act::card(GOOD)).await;
    assert_eq!(confirm(&scene.amina, &payment).await["state"], "COMPLETED");
    let variables = json!({ "id": payment["id"] });
    if at_the_end {
        scene.staff.ok(REFUND, variables.clone()).await;
        scene.server.run_jobs().await;
        scene.server.advance(6);
        scene.server.app.payments.sandbox().unwrap().settle_due().await.unwrap();
        assert_eq!(scene.server.count("SELECT COUNT(*) FROM refunds WHERE state = 'pending'").await, 1);
        scene.kill_at(step, "true", None).await;
    } else {
        scene.kill_at(step, "true", Some((&scene.staff, REFUND, variables.clone()))).await;
    }
    let serving = scene.serve_on().await;
    scene.until(step, "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 1).await;
    let again = serving.ok(scene.staff.access_token.as_deref(), REFUND, variables).await["paymentRefund"].clone();
    assert_eq!((&again["replayed"], &again["refund"]["state"]), (&json!(true), &json!("SUCCEEDED")), "{again}");
    scene.assert_ended(step, PAID, 0).await;
    scene.assert_ended(step, REFUNDED, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_being_opened_at_a_sudden_end_goes_on_and_completes_once() {
    let steps = ["payment.reserved", "payment.answered", "payment.completing", "payment.recorded"];
    join_all(steps.map(killed_while_opening)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_paid_at_a_sudden_end_comes_in_once() {
    let steps = [
        ("payment.answered", false),
        ("payment.completing", false),
        ("payment.recorded", false),
        ("webhook.taken", true),
        ("payment.completing", true),
    ];
    join_all(steps.map(|(step, by_webhook)| killed_while_completing(step, by_webhook))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_is_under_way_at_a_sudden_end_goes_back_once() {
    let steps = [
        ("refund.reserved", false),
        ("refund.answered", false),
        ("refund.recorded", false),
        ("refund.answered", true),
        ("refund.recorded", true),
    ];
    join_all(steps.map(|(step, at_the_end)| killed_while_refunding(step, at_the_end))).await;
}
