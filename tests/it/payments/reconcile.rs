//! Both sides compared: what differs is named, and mended where that is how payments go on.

use agora::{
    domain::payments::{Disagreement, reconcile},
    entity::payment::ProviderKind,
    platform::{list::Span, providers::payments::sandbox::Act},
};

use super::{
    GOOD, act, assert_books, deposit, deposit_by, look, paid, paypal::Paypal, refunds::ask, tamper, treasurer, wait,
    wallet,
};
use crate::harness::Server;

async fn compare(server: &Server, mend: bool) -> Vec<Disagreement> {
    server.advance(1);
    reconcile(&server.app, Span::default(), mend).await.unwrap().disagreements
}

#[tokio::test]
async fn two_sides_that_agree_have_nothing_to_tell() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    deposit(&amina, "1.00", "open").await;
    let payment = paid(&server, &amina, "5.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("2.00"), "", "r").await;
    assert_eq!(compare(&server, false).await, []);
    wait(&server).await;
    assert_eq!(compare(&server, false).await, []);
}

#[tokio::test]
async fn it_says_of_whom_it_can_only_compare_one_way() {
    let settings = [("PAYPAL_CLIENT_ID", "id"), ("PAYPAL_CLIENT_SECRET", "secret"), ("PAYPAL_WEBHOOK_ID", "webhook")];
    let server = Server::with(&settings).await;
    let found = reconcile(&server.app, Span::default(), false).await.unwrap();
    assert_eq!((found.disagreements, found.one_way), (Vec::new(), vec![ProviderKind::Paypal]));
}

#[tokio::test]
async fn what_was_paid_and_never_told_is_found_and_mended() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    let found = compare(&server, false).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].to_string().contains("0.00 USD were taken, by the provider 5.00 USD"), "{}", found[0]);
    assert_eq!(look(&amina, &payment).await["state"], "PENDING");
    let found = compare(&server, true).await;
    assert!(found[0].is_mended, "{found:?}");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_eq!(compare(&server, false).await, []);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_was_approved_and_not_taken_is_taken_only_by_who_mends() {
    let paypal = Paypal::open().await;
    let server = Server::with(&paypal.settings()).await;
    let amina = server.user("amina").await;
    let payment = deposit_by(&amina, "PAYPAL", "5.00", "k").await["payment"].clone();
    assert_eq!(payment["state"], "PENDING", "{payment}");
    paypal.approve();
    paypal.changes();
    let kept = "SELECT COUNT(*) FROM payment_events";
    let before = (look(&amina, &payment).await, server.count(kept).await);
    for _ in 0..2 {
        assert_eq!(compare(&server, false).await, []);
        assert_eq!(paypal.changes(), [""; 0]);
        assert_eq!((look(&amina, &payment).await, server.count(kept).await), before);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM ledger_transfers").await, 0);
    let found = compare(&server, true).await;
    assert!(found.len() == 1 && found[0].is_mended, "{found:?}");
    assert_eq!(paypal.changes(), ["POST v2/checkout/orders/ORDER0/capture"]);
    assert_eq!(look(&amina, &payment).await["state"], "COMPLETED");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_eq!(compare(&server, false).await, []);
    assert_eq!(paypal.changes(), [""; 0]);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_can_t_be_mended_is_named() {
    for (tampering, words) in [
        ("UPDATE sandbox_charges SET amount = 700", "7.00"),
        ("UPDATE sandbox_charges SET currency = 'EUR'", "minor units of EUR"),
        ("UPDATE sandbox_charges SET captured = 400", "by the provider 4.00 USD"),
        ("UPDATE payments SET provider_reference = 'sbx_00000000000000000000000000000000'", "does not know"),
        ("UPDATE sandbox_charges SET merchant_reference = 'another shop'", "no payment of ours"),
    ] {
        let server = Server::start().await;
        let amina = server.user("amina").await;
        paid(&server, &amina, "5.00", "k").await;
        tamper(&server, tampering).await;
        for mend in [false, true] {
            let found = compare(&server, mend).await;
            let told = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(told.replace("700 minor", "7.00 minor").contains(words), "{tampering}: {told}");
            assert!(found.iter().all(|disagreement| !disagreement.is_mended), "{told}");
        }
        assert_eq!(wallet(&server, &amina).await, (500, 0), "{tampering}");
    }
}

#[tokio::test]
async fn a_charge_whose_answer_was_lost_is_found_by_our_own_id() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    tamper(&server, "UPDATE payments SET provider_reference = NULL, state = 'expired', check_at = NULL").await;
    let found = compare(&server, false).await;
    assert!(found[0].to_string().contains("which we do not know"), "{found:?}");
    assert!(compare(&server, true).await[0].is_mended);
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_eq!(compare(&server, false).await, []);
    assert_books(&server.app).await;
}
