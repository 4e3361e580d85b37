//! Payments, their refunds, and cards that are saved.

use agora::platform::providers::payments::sandbox::{Act, Deed};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Scene, Serving};
use crate::{
    harness::Client,
    payments::{GOOD, act, deposit, look, taken_back},
};

const DEPOSIT: &str = "mutation { walletDeposit(input: { amount: { amount: \"5.00\", currency: \"USD\" }, provider: SANDBOX, \
     idempotencyKey: \"k\" }) { payment { id state nextAction { clientSecret } } replayed errors { code } } }";
const CONFIRM: &str = "mutation($id: ID!) { paymentConfirm(input: { id: $id }) { payment { state } errors { code } } }";
pub(crate) const REFUND: &str = "mutation($id: ID!) { paymentRefund(input: { id: $id, reason: \"x\", idempotencyKey: \"k\" }) \
     { refund { id state } replayed errors { code } } }";
const SAVE: &str = "mutation { paymentMethodAdd(input: { provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\", \
     idempotencyKey: \"s\" }) { paymentMethod { id lastFour } replayed errors { code } } }";
const PAY: &str = "mutation($method: ID!) { walletDeposit(input: { amount: { amount: \"5.00\", currency: \"USD\" }, \
     provider: SANDBOX, methodId: $method, idempotencyKey: \"k\" }) { payment { state } errors { code } } }";

/// How a payment is begun and paid: 5.00 USD under the key `k`, and how often each thing has happened when it ended well.
pub(crate) const PAID: &[(&str, i64)] = &[
    ("SELECT COUNT(*) FROM payments WHERE state = 'completed' AND captured = 500", 1),
    ("SELECT COUNT(*) FROM payments", 1),
    ("SELECT COUNT(*) FROM sandbox_charges", 1),
    ("SELECT COUNT(*) FROM payment_events WHERE kind = 'completed'", 1),
    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'deposit'", 1),
];

/// The same for a refund of all of it.
pub(crate) const REFUNDED: &[(&str, i64)] = &[
    ("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 1),
    ("SELECT COUNT(*) FROM refunds", 1),
    ("SELECT CAST(SUM(amount) AS bigint) FROM sandbox_refunds", 500),
    ("SELECT refunded FROM payments", 500),
    ("SELECT refunding FROM payments", 0),
    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'refund' AND state = 'posted'", 1),
];

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
    // Whoever called did not come back yet: the poll goes on.
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'pending'", 1).await;
    let payment = again(&serving, &scene.amina).await;
    pay(&serving, &payment).await;
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'completed'", 1).await;
    let ended = again(&serving, &scene.amina).await;
    assert_eq!((&ended["id"], &ended["state"]), (&payment["id"], &json!("COMPLETED")), "{step}");
    scene.assert_ended(step, PAID, (500, 0)).await;
}

async fn killed_while_completing(step: &str, by_webhook: bool) {
    let scene = Scene::new(if by_webhook { "600" } else { "1" }).await;
    let payment = deposit(&scene.amina, "5.00", "k").await["payment"].clone();
    act(&scene.server, &payment, &Act::card(GOOD)).await;
    if by_webhook {
        scene.kill_at(step, "true", None).await;
    } else {
        scene.lose_webhooks().await;
        let call = (&scene.amina, CONFIRM, json!({ "id": payment["id"] }));
        scene.kill_at(step, "false", Some(call)).await;
    }
    let serving = scene.serve_on().await;
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'completed'", 1).await;
    let ended = again(&serving, &scene.amina).await;
    assert_eq!((&ended["id"], &ended["state"]), (&payment["id"], &json!("COMPLETED")), "{step}");
    scene.assert_ended(step, PAID, (500, 0)).await;
}

/// `at_the_end`: not while the provider is asked for the refund, but when it has said that the money is back.
async fn killed_while_refunding(step: &str, at_the_end: bool) {
    let scene = Scene::new("1").await;
    let payment = scene.paid().await;
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
    scene.assert_ended(step, PAID, (0, 0)).await;
    scene.assert_ended(step, REFUNDED, (0, 0)).await;
}

async fn killed_while_saving(step: &str) {
    let scene = Scene::new("600").await;
    scene.kill_at(step, "false", Some((&scene.amina, SAVE, Value::Null))).await;
    // Nobody can use what the provider may not know.
    assert_eq!(scene.server.count("SELECT COUNT(*) FROM payment_methods WHERE removed_at IS NULL").await, 0, "{step}");
    let (serving, token) = (scene.serve_on().await, scene.amina.access_token.as_deref());
    let saved = serving.ok(token, SAVE, Value::Null).await["paymentMethodAdd"].clone();
    assert_eq!((&saved["replayed"], &saved["paymentMethod"]["lastFour"]), (&json!(true), &json!("4242")), "{saved}");
    let paid = serving.ok(token, PAY, json!({ "method": saved["paymentMethod"]["id"] })).await;
    assert_eq!(paid["walletDeposit"]["payment"]["state"], "COMPLETED", "{paid}");
    scene.assert_ended(step, PAID, (500, 0)).await;
    assert_eq!(scene.server.count("SELECT COUNT(*) FROM payment_methods").await, 1, "{step}");
}

pub(crate) const OPENING: &[&str] = &["payment.reserved", "payment.answered", "payment.completing", "payment.recorded"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_being_opened_at_a_sudden_end_goes_on_and_completes_once() {
    join_all(OPENING.iter().map(|step| killed_while_opening(step))).await;
}

/// Each with whether a webhook leads there.
pub(crate) const COMPLETING: &[(&str, bool)] = &[
    ("payment.answered", false),
    ("payment.completing", false),
    ("payment.recorded", false),
    ("webhook.verified", true),
    ("webhook.taken", true),
    ("payment.completing", true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_paid_at_a_sudden_end_comes_in_once() {
    join_all(COMPLETING.iter().map(|(step, by_webhook)| killed_while_completing(step, *by_webhook))).await;
}

/// Each with whether the provider has said that the money is back.
pub(crate) const REFUNDING: &[(&str, bool)] = &[
    ("refund.reserved", false),
    ("refund.asking", false),
    ("refund.answered", false),
    ("refund.recorded", false),
    ("refund.answered", true),
    ("refund.recorded", true),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_is_under_way_at_a_sudden_end_goes_back_once() {
    join_all(REFUNDING.iter().map(|(step, at_the_end)| killed_while_refunding(step, *at_the_end))).await;
}

/// The sandbox gives 5.00 USD back on its own, and tells.
async fn killed_while_booking(step: &str) {
    let scene = Scene::new("600").await;
    let payment = scene.paid().await;
    scene.server.run_jobs().await;
    taken_back::behind_our_back(&scene.server, Deed::Refund(None)).await;
    scene.server.advance(2);
    scene.kill_at(step, "true", None).await;
    let _serving = scene.serve_on().await;
    scene.until(step, "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 1).await;
    scene.assert_ended(step, PAID, (0, 0)).await;
    scene.assert_ended(step, REFUNDED, (0, 0)).await;
    assert_eq!(look(&scene.amina, &payment).await["refundState"], "FULL", "{step}");
    assert_eq!(scene.server.count("SELECT COUNT(*) FROM notifications").await, 1, "{step}");
}

pub(crate) const BOOKING: &[&str] = &["refund.listed", "refund.taking", "refund.booked"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_provider_gave_back_on_its_own_at_a_sudden_end_is_booked_once() {
    join_all(BOOKING.iter().map(|step| killed_while_booking(step))).await;
}

/// The payer's bank disputes 5.00 USD, and decides for them: `at_the_end`, when that is told.
async fn killed_while_disputed(step: &str, at_the_end: bool) {
    let scene = Scene::new("600").await;
    scene.paid().await;
    scene.server.run_jobs().await;
    taken_back::behind_our_back(&scene.server, Deed::Dispute(None)).await;
    scene.server.advance(2);
    if at_the_end {
        scene.server.run_jobs().await;
        taken_back::behind_our_back(&scene.server, Deed::Decide(false)).await;
        scene.server.advance(2);
    }
    scene.kill_at(step, "true", None).await;
    let _serving = scene.serve_on().await;
    let state = if at_the_end { "lost" } else { "open" };
    scene.until(step, &format!("SELECT COUNT(*) FROM payment_disputes WHERE state = '{state}'"), 1).await;
    let disputed = [("SELECT COUNT(*) FROM payment_disputes", 1), ("SELECT COUNT(*) FROM refunds", 1)];
    scene.assert_ended(step, &disputed, if at_the_end { (0, 0) } else { (500, 500) }).await;
}

/// Each with whether the dispute was decided.
pub(crate) const DISPUTED: &[(&str, bool)] =
    &[("dispute.listed", false), ("refund.taking", false), ("dispute.listed", true), ("dispute.ending", true)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_that_is_told_of_at_a_sudden_end_is_booked_once() {
    join_all(DISPUTED.iter().map(|(step, at_the_end)| killed_while_disputed(step, *at_the_end))).await;
}

pub(crate) const SAVING: &[&str] = &["method.reserved", "method.answered"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_is_being_saved_at_a_sudden_end_is_saved_once_by_whoever_asks_again() {
    join_all(SAVING.iter().map(|step| killed_while_saving(step))).await;
}
