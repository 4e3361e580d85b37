//! Refunds that their provider takes back after it had done them.

use agora::{
    domain::{
        ledger::AccountRef,
        payments::{Disagreement, reconcile},
    },
    entity::payment::ProviderKind,
    platform::list::Span,
};
use serde_json::{Value, json};

use super::{assert_books, at, look, paid_by, refunds::ask, tamper, treasurer, wait, wait_often, wallet};
use crate::harness::{Client, Server};

/// A card of which refunds are done, and come back.
pub(crate) const COMES_BACK: &str = "4000 0000 0000 5126";

/// A payment whose refund the sandbox has done, and does not know yet to come back.
async fn refunded(server: &Server) -> (Client, Client, Value) {
    let (amina, staff) = (server.user("amina").await, treasurer(server).await);
    let payment = paid_by(server, &amina, "10.00", COMES_BACK, "k").await;
    ask(&staff, "paymentRefund", &payment, Some("4.00"), "", "r").await;
    server.run_jobs().await;
    server.advance(6);
    server.run_jobs().await;
    server.advance(2);
    server.run_jobs().await;
    assert_eq!(look(&amina, &payment).await["refunded"]["amount"], "4.00");
    assert_eq!(wallet(server, &amina).await, (600, 0));
    assert_books(&server.app).await;
    (amina, staff, payment)
}

async fn differences(server: &Server, mend: bool) -> Vec<Disagreement> {
    reconcile(&server.app, Span::default(), mend).await.unwrap().disagreements
}

#[tokio::test]
async fn what_comes_back_is_in_the_wallet_again_once_and_everybody_is_told() {
    let server = Server::start().await;
    let (amina, staff, payment) = refunded(&server).await;
    wait_often(&server, 3).await;
    let now = look(&amina, &payment).await;
    assert_eq!((&now["refunded"]["amount"], &now["refundState"]), (&json!("0.00"), &json!("NONE")));
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, -1000);
    assert_eq!(server.count("SELECT COUNT(*) FROM ledger_transfers WHERE reverses_id IS NOT NULL").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM payment_events WHERE kind = 'refund_failed'").await, 1);
    let message = server.last_sent("amina@example.org").await;
    assert!(message.subject.contains("did not reach you") && message.text.contains("4.00 USD"), "{message:?}");
    let list = "{ adminRefunds(where: { states: FAILED }) { nodes { failure payment { id } } } }";
    let listed = staff.ok(list, Value::Null).await["adminRefunds"]["nodes"].clone();
    assert_eq!(listed, json!([{ "failure": "refund_failed", "payment": { "id": payment["id"] } }]));
    assert_eq!(differences(&server, false).await, []);
    assert_books(&server.app).await;
    // It can be given back anew.
    tamper(&server, "UPDATE sandbox_charges SET card = '4242424242424242'").await;
    ask(&staff, "paymentRefund", &payment, None, "", "again").await;
    wait(&server).await;
    assert_eq!(look(&amina, &payment).await["refundState"], "FULL");
    assert_books(&server.app).await;
}

#[tokio::test]
async fn where_no_webhook_comes_the_comparison_finds_and_mends_it() {
    let server = Server::start().await;
    let (amina, _, payment) = refunded(&server).await;
    server.advance(6);
    server.app.payments.sandbox().unwrap().settle_due().await.unwrap();
    tamper(&server, "DELETE FROM sandbox_events").await;
    let found = differences(&server, false).await;
    assert!(found.len() == 1 && found[0].to_string().contains("by the provider 0.00 USD"), "{found:?}");
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert!(differences(&server, true).await[0].is_mended);
    assert_eq!(differences(&server, false).await, []);
    assert_eq!(look(&amina, &payment).await["refunded"]["amount"], "0.00");
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_comes_back_before_it_was_known_to_be_done_never_went() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid_by(&server, &amina, "10.00", COMES_BACK, "k").await;
    ask(&staff, "paymentRefund", &payment, None, "", "r").await;
    server.run_jobs().await;
    let sandbox = server.app.payments.sandbox().unwrap();
    for _ in 0..2 {
        server.advance(6);
        sandbox.settle_due().await.unwrap();
    }
    wait(&server).await;
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM ledger_transfers WHERE reverses_id IS NOT NULL").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'failed'").await, 1);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_comes_back_for_somebody_who_is_gone_is_unclaimed() {
    let server = Server::start().await;
    let (_, _, payment) = refunded(&server).await;
    tamper(&server, "UPDATE payments SET payer_id = NULL").await;
    wait_often(&server, 2).await;
    assert_eq!(at(&server, AccountRef::Unclaimed).await.0, 400, "{payment}");
    assert_books(&server.app).await;
}

#[tokio::test]
async fn twenty_notices_at_once_take_it_back_once() {
    let server = Server::start().await;
    let (amina, ..) = refunded(&server).await;
    server.advance(6);
    server.app.payments.sandbox().unwrap().settle_due().await.unwrap();
    let id = "SELECT id FROM payments";
    let id = server.app.db.rows(id, Vec::new()).await.unwrap()[0].try_get_by_index(0).unwrap();
    let id = agora::entity::PaymentId(id);
    let source = agora::entity::payment_event::EventSource::Webhook;
    let asked = (0..20).map(|_| agora::domain::payments::refresh(&server.app, id, source));
    for answer in futures_util::future::join_all(asked).await {
        answer.unwrap().unwrap();
    }
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM payment_events WHERE kind = 'refund_failed'").await, 1);
    assert_books(&server.app).await;
}
