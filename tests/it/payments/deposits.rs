//! Paying into one's wallet by the sandbox: every card, late and repeated webhooks, one key.

use agora::platform::{
    crypto::{hex, sha256},
    providers::payments::sandbox::Act,
};

use super::{GOOD, act, assert_books, code, confirm, deposit, deposit_by, funded, look, wallet};
use crate::harness::{Client, Server};

/// What is in somebody's wallet, in cents.
async fn balance(server: &Server, client: &Client) -> i64 {
    wallet(server, client).await.0
}

#[tokio::test]
async fn a_deposit_is_there_when_the_payer_says_so() {
    let server = Server::start().await;
    let amina = funded(&server, "amina", "12.50").await;
    assert_eq!(balance(&server, &amina).await, 1250);
    // The webhooks come later, twice, and change nothing.
    server.advance(10);
    server.run_jobs().await;
    server.advance(10);
    server.run_jobs().await;
    assert_eq!(balance(&server, &amina).await, 1250);
    assert_eq!(server.count("SELECT COUNT(*) FROM webhook_events WHERE processed_at IS NOT NULL").await, 1);
    let receipt = server.last_sent("amina@example.org").await;
    assert!(receipt.text.contains("12.50 USD"), "{receipt:?}");
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_deposit_takes_a_provider_that_is_offered_for_it() {
    let server = Server::start().await;
    let amina = server.user("amina").await.seen().await;
    let before = server.contents().await;
    for provider in ["STRIPE", "WALLET", "CASH_ON_DELIVERY", "BANK_TRANSFER"] {
        assert_eq!(code(&deposit_by(&amina, provider, "1.00", "k").await), "PROVIDER_NOT_AVAILABLE", "{provider}");
    }
    assert!(server.changes_since(&before).await.is_empty());
}

#[tokio::test]
async fn a_deposit_comes_in_though_nobody_says_so() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    assert_eq!(payment["nextAction"]["kind"], "CLIENT_SECRET");
    act(&server, &payment, &Act::card(GOOD)).await;
    assert_eq!(look(&amina, &payment).await["state"], "PENDING");
    server.advance(2);
    server.run_jobs().await;
    assert_eq!(look(&amina, &payment).await["state"], "COMPLETED");
    assert_eq!(balance(&server, &amina).await, 500);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn cards_do_what_their_numbers_say() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for (card, first, failure, last) in [
        ("4000000000000002", "PENDING", Some("card_declined"), "PENDING"),
        ("4000000000009995", "PENDING", Some("insufficient_funds"), "PENDING"),
        ("4000000000000119", "FAILED", Some("processing_error"), "FAILED"),
        ("4000000000000077", "PROCESSING", None, "COMPLETED"),
        ("4000000000000093", "PROCESSING", None, "FAILED"),
        ("4000000000000044", "AUTHORIZED", None, "COMPLETED"),
        ("5555555555554444", "COMPLETED", None, "COMPLETED"),
    ] {
        let before = balance(&server, &amina).await;
        let payment = deposit(&amina, "1.00", card).await["payment"].clone();
        act(&server, &payment, &Act::card(card)).await;
        let now = confirm(&amina, &payment).await;
        assert_eq!((now["state"].as_str().unwrap(), now["failure"].as_str()), (first, failure), "{card}");
        for _ in 0..4 {
            server.advance(4);
            server.run_jobs().await;
        }
        assert_eq!(look(&amina, &payment).await["state"], last, "{card}");
        let came = balance(&server, &amina).await - before;
        assert_eq!(came, if last == "COMPLETED" { 100 } else { 0 }, "{card}");
    }
    assert_books(&server.app).await;
}

#[tokio::test]
async fn the_bank_s_question_is_passed_or_not() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for (passed, state, failure) in [(false, "PENDING", Some("authentication_failed")), (true, "COMPLETED", None)] {
        let payment = deposit(&amina, "1.00", &format!("{passed}")).await["payment"].clone();
        act(&server, &payment, &Act::card("4000000000003220")).await;
        let asked = confirm(&amina, &payment).await;
        assert_eq!((&asked["state"], &asked["nextAction"]["kind"]), (&"PENDING".into(), &"REDIRECT".into()));
        act(&server, &asked, &Act::Authenticate(passed)).await;
        let now = confirm(&amina, &payment).await;
        assert_eq!((now["state"].as_str().unwrap(), now["failure"].as_str()), (state, failure));
    }
    assert_books(&server.app).await;
}

#[tokio::test]
async fn the_same_key_is_the_same_payment_and_another_input_is_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let first = deposit(&amina, "1.00", "k").await;
    let again = deposit(&amina, "1.00", "k").await;
    assert_eq!((&again["payment"]["id"], &again["replayed"]), (&first["payment"]["id"], &true.into()));
    // For good: a day later, too.
    server.advance(3 * 86_400);
    server.run_jobs().await;
    let amina = server.anonymous().login("amina").await;
    assert_eq!(deposit(&amina, "1.00", "k").await["payment"]["id"], first["payment"]["id"]);
    let other = deposit(&amina, "2.00", "k").await;
    assert_eq!(other["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    // Somebody else's key is their own.
    let badr = server.user("badr").await;
    assert_eq!(deposit(&badr, "2.00", "k").await["replayed"], false);
}

#[tokio::test]
async fn a_key_of_before_there_were_versions_stands_for_the_same_payment() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let first = deposit(&amina, "1.00", "k").await;
    assert_eq!(server.count("SELECT COUNT(*) FROM money_keys WHERE input_hash LIKE '1:%'").await, 1);
    let before = hex(&sha256(b"1.00 USD sandbox None"));
    let sql = "UPDATE money_keys SET input_hash = $1";
    server.write(sql, vec![before.into()]).await;
    let again = deposit(&amina, "1.00", "k").await;
    assert_eq!((&again["payment"]["id"], &again["replayed"]), (&first["payment"]["id"], &true.into()));
    assert_eq!(deposit(&amina, "2.00", "k").await["errors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn nobody_pays_in_time_and_it_is_over() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "1.00", "k").await["payment"].clone();
    server.advance(25 * 3600);
    server.run_jobs().await;
    let amina = server.anonymous().login("amina").await;
    assert_eq!(look(&amina, &payment).await["state"], "EXPIRED");
    // The provider knows, too: the card is no longer taken.
    act(&server, &payment, &Act::card(GOOD)).await;
    assert_eq!(confirm(&amina, &payment).await["state"], "EXPIRED");
    assert_eq!(balance(&server, &amina).await, 0);
}

#[tokio::test]
async fn impossible_amounts_are_refused() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for (amount, code) in [
        ("-1.00", "INVALID_AMOUNT"),
        ("0", "INVALID_AMOUNT"),
        ("0.001", "INVALID_AMOUNT"),
        ("99999999999999999999", "INVALID_AMOUNT"),
        ("100000000000000.00", "AMOUNT_TOO_LARGE"),
    ] {
        let answer = deposit(&amina, amount, "k").await;
        assert_eq!(answer["errors"][0]["code"], code, "{amount}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM payments").await, 0);
}
