//! Whoever changes the books of payments behind our back is found out.

use serde_json::Value;

use super::{assert_books, differences, paid, refunds::ask, tamper, treasurer, wait};
use crate::harness::Server;

/// A server with a payment of which part went back, part is going back, and part was asked for.
async fn scene() -> Server {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("2.00"), "", "done").await;
    wait(&server).await;
    ask(&staff, "paymentRefund", &payment, Some("3.00"), "", "open").await;
    let asked = ask(&amina, "paymentRefundRequest", &payment, Some("1.00"), "", "asked").await;
    assert_eq!(asked["errors"], Value::Array(Vec::new()));
    assert_books(&server.app).await;
    server
}

#[tokio::test]
async fn every_tampering_is_named() {
    let server = scene().await;
    for (change, back, words) in [
        ("UPDATE payments SET captured = 999", "UPDATE payments SET captured = 1000", "took 999 USD, the ledger 1000"),
        ("UPDATE payments SET currency = 'EUR'", "UPDATE payments SET currency = 'USD'", "EUR, the ledger 0"),
        (
            "UPDATE payments SET provider = 'stripe'",
            "UPDATE payments SET provider = 'sandbox'",
            "came from clearing sandbox",
        ),
        ("UPDATE payments SET remitted = 5", "UPDATE payments SET remitted = 0", "remitted 5, the ledger 0"),
        ("UPDATE payments SET refunded = 100", "UPDATE payments SET refunded = 200", "gave back 100"),
        ("UPDATE payments SET refunding = 0", "UPDATE payments SET refunding = 300", "and gives 0"),
        (
            "UPDATE payments SET state = 'pending'",
            "UPDATE payments SET state = 'completed'",
            "is pending and took 1000",
        ),
        (
            "UPDATE refunds SET amount = 301 WHERE state = 'granted'",
            "UPDATE refunds SET amount = 300 WHERE state = 'granted'",
            "its transfer not there",
        ),
        (
            "UPDATE refunds SET state = 'failed' WHERE state = 'granted'",
            "UPDATE refunds SET state = 'granted' WHERE state = 'failed'",
            "is failed, its transfer pending",
        ),
        (
            "UPDATE refunds SET state = 'refused' WHERE state = 'succeeded'",
            "UPDATE refunds SET state = 'succeeded' WHERE state = 'refused'",
            "is refused, its transfer posted",
        ),
    ] {
        tamper(&server, change).await;
        let found: Vec<String> = differences(&server.app).await.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|line| line.contains(words)), "{change}: {found:?}");
        tamper(&server, back).await;
        assert_books(&server.app).await;
    }
    // Money that is held for nobody, and money of no payment.
    tamper(&server, "UPDATE refunds SET hold_id = NULL, state = 'requested' WHERE state = 'granted'").await;
    let found: Vec<String> = differences(&server.app).await.iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|line| line.contains("holds 300 USD")), "{found:?}");
}
