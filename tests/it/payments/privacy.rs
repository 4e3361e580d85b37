//! People who leave: what waits is called off, what was saved is forgotten, the books stay.

use agora::{domain::privacy, platform::providers::payments::sandbox::Act, worker};
use serde_json::Value;

use super::{GOOD, act, assert_books, deposit, paid, tamper, wallet};
use crate::harness::Server;

#[tokio::test]
async fn who_leaves_leaves_only_the_books() {
    let server = Server::with(&[
        ("PAYMENT_EXPIRY_HOURS", "720"),
        ("BANK_TRANSFER_ACCOUNT", "IBAN"),
        ("BANK_TRANSFER_DAYS", "30"),
    ])
    .await;
    let amina = server.user("amina").await;
    let paid = paid(&server, &amina, "5.00", "k").await;
    let ask = "mutation($id: ID!) { paymentRefundRequest(input: { id: $id, amount: { amount: \"1.00\", currency: \"USD\" }, \
               reason: \"my own words\", idempotencyKey: \"r\" }) { errors { code } } }";
    amina.ok(ask, serde_json::json!({ "id": paid["id"] })).await;
    let open = deposit(&amina, "2.00", "open").await["payment"].clone();
    super::deposit_by(&amina, "BANK_TRANSFER", "3.00", "transfer").await;
    tamper(&server, "UPDATE payments SET proof = 'my bank'").await;
    let save = "mutation { paymentMethodAdd(input: { provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\" }) { \
                errors { code } } }";
    amina.ok(save, Value::Null).await;
    // Who leaves has no money here any more.
    let basma = server.user("basma").await;
    assert!(super::hand_over(&server, &amina, &basma, 500, "farewell").await);
    amina.ok("mutation { accountDelete { errors { code } } }", Value::Null).await;
    server.advance(14 * 86_400);
    assert_eq!(privacy::erase_due(&server.app).await.unwrap(), 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'forget_method'").await, 1);
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    for sql in [
        "SELECT COUNT(*) FROM payment_methods",
        "SELECT COUNT(*) FROM payment_customers",
        "SELECT COUNT(*) FROM payments WHERE payer_id IS NOT NULL OR payer_email IS NOT NULL OR proof IS NOT NULL",
        "SELECT COUNT(*) FROM payments WHERE provider_answer IS NOT NULL",
        "SELECT COUNT(*) FROM payments WHERE state NOT IN ('completed', 'cancelled')",
        "SELECT COUNT(*) FROM refunds WHERE reason <> '' OR requested_by IS NOT NULL",
    ] {
        assert_eq!(server.count(sql).await, 0, "{sql}");
    }
    // Called off at the provider, too.
    act(&server, &open, &Act::card(GOOD)).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_charges WHERE state = 'completed'").await, 1);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn money_for_a_wallet_whose_owner_is_gone_goes_back() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    tamper(&server, "UPDATE payments SET payer_id = NULL").await;
    super::wait(&server).await;
    super::wait(&server).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded' AND amount = 500").await, 1);
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_providers_told_is_kept_for_a_time() {
    let server = Server::with(&[("WEBHOOK_RETENTION_DAYS", "2")]).await;
    let amina = server.user("amina").await;
    paid(&server, &amina, "5.00", "k").await;
    super::wait(&server).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM webhook_events").await, 1);
    server.advance(86_400);
    worker::run_schedules(&server.app).await.unwrap();
    assert_eq!(server.count("SELECT COUNT(*) FROM webhook_events").await, 1);
    server.advance(2 * 86_400);
    worker::run_schedules(&server.app).await.unwrap();
    assert_eq!(server.count("SELECT COUNT(*) FROM webhook_events").await, 0);
}
