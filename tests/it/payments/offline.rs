//! What no provider speaks of: bank transfers, cash, refunds by hand, and payments that are called off.

use agora::{
    domain::ledger::AccountRef,
    entity::{payment::ProviderKind, user_role::Role},
    platform::providers::payments::sandbox::Act,
};
use serde_json::{Value, json};

use super::{
    GOOD, act, assert_books, at, call, code, confirm, deposit, deposit_by, look, refunds::ask, tamper, treasurer,
    wallet,
};
use crate::harness::{Client, Server};

const PAYMENT: &str = "payment { id state captured { amount } remitted { amount } proof }";
const REFUND: &str = "refund { state }";

async fn with_bank() -> (Server, Client, Client) {
    let server =
        Server::with(&[("BANK_TRANSFER_ACCOUNT", "Agora, IBAN EG00 0000"), ("CASH_ON_DELIVERY", "true")]).await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    (server, amina, staff)
}

async fn transfer(client: &Client, amount: &str, key: &str) -> Value {
    deposit_by(client, "BANK_TRANSFER", amount, key).await["payment"].clone()
}

/// What came to the bank.
fn came(amount: Option<&str>, key: &str) -> String {
    let amount =
        amount.map_or_else(String::new, |amount| format!("amount: {{ amount: \"{amount}\", currency: \"USD\" }}, "));
    format!(", {amount}reference: \"BANK 7\", idempotencyKey: \"{key}\"")
}

#[tokio::test]
async fn a_bank_transfer_is_there_when_staff_finds_it() {
    let (server, amina, staff) = with_bank().await;
    let payment = transfer(&amina, "20.00", "k").await;
    assert_eq!((&payment["state"], &payment["nextAction"]["kind"]), (&"PENDING".into(), &"REFERENCE".into()));
    assert!(payment["nextAction"]["reference"].as_str().unwrap().starts_with("AG"));
    let proof = ", note: \"sent on Monday, slip 12\"";
    assert_eq!(
        call(&amina, "paymentProofAdd", &payment["id"], proof, PAYMENT).await["payment"]["proof"],
        "sent on Monday, slip 12"
    );
    let long = format!(", note: \"{}\"", "x".repeat(501));
    assert_eq!(code(&call(&amina, "paymentProofAdd", &payment["id"], &long, PAYMENT).await), "TOO_LONG");
    let confirmed = call(&staff, "adminPaymentConfirm", &payment["id"], &came(None, "c"), PAYMENT).await;
    assert_eq!(confirmed["payment"]["state"], "COMPLETED");
    // The same key is the same act; another one finds nothing left.
    let again = call(&staff, "adminPaymentConfirm", &payment["id"], &came(None, "c"), "replayed").await;
    assert_eq!((code(&again), &again["replayed"]), ("", &true.into()));
    let twice = call(&staff, "adminPaymentConfirm", &payment["id"], &came(None, "d"), PAYMENT).await;
    assert_eq!(code(&twice), "WRONG_STATE");
    assert_eq!(wallet(&server, &amina).await, (2000, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::BankTransfer)).await.0, -2000);
    assert_eq!(server.count("SELECT COUNT(*) FROM audit_entries WHERE action = 'adminPaymentConfirm'").await, 1);
    assert!(server.last_sent("amina@example.org").await.text.contains("20.00 USD"));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn less_than_was_to_be_paid_completes_it_and_the_rest_may_follow() {
    let (server, amina, staff) = with_bank().await;
    let payment = transfer(&amina, "20.00", "k").await;
    let confirmed = |amount, key| {
        let (staff, payment) = (&staff, &payment);
        async move { call(staff, "adminPaymentConfirm", &payment["id"], &came(amount, key), PAYMENT).await }
    };
    assert_eq!(code(&confirmed(Some("20.01"), "a").await), "AMOUNT_TOO_LARGE");
    let first = confirmed(Some("15.00"), "b").await;
    assert_eq!(first["payment"]["state"], "COMPLETED");
    assert_eq!(first["payment"]["captured"]["amount"], "15.00");
    assert_eq!(code(&confirmed(Some("5.01"), "c").await), "AMOUNT_TOO_LARGE");
    assert_eq!(confirmed(None, "d").await["payment"]["captured"]["amount"], "20.00");
    assert_eq!(wallet(&server, &amina).await, (2000, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_transfer_that_nobody_makes_is_over_in_time_and_one_that_comes_late_still_counts() {
    let (server, amina, staff) = with_bank().await;
    let payment = transfer(&amina, "20.00", "k").await;
    server.advance(7 * 86_400 - 60);
    server.run_jobs().await;
    let amina = server.anonymous().login("amina").await;
    assert_eq!(look(&amina, &payment).await["state"], "PENDING");
    server.advance(60);
    server.run_jobs().await;
    assert_eq!(look(&amina, &payment).await["state"], "EXPIRED");
    let staff = server.anonymous().login(&staff.username).await;
    let late = call(&staff, "adminPaymentConfirm", &payment["id"], &came(None, "c"), PAYMENT).await;
    assert_eq!(late["payment"]["state"], "COMPLETED");
    assert_eq!(wallet(&server, &amina).await, (2000, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn staff_confirms_neither_their_own_nor_what_a_provider_speaks_of() {
    let (server, amina, staff) = with_bank().await;
    let own = transfer(&staff, "20.00", "k").await;
    let by_card = deposit(&amina, "1.00", "k").await["payment"].clone();
    let before = server.rows().await;
    for (field, arguments) in [
        ("adminPaymentConfirm", came(None, "a")),
        ("adminPaymentRemit", came(None, "a")),
        ("adminPaymentCollect", String::new()),
        ("adminPaymentCancel", ", reason: \"no\"".to_owned()),
    ] {
        assert_eq!(
            code(&call(&staff, field, &own["id"], &arguments, PAYMENT).await),
            "SECOND_PERSON_NEEDED",
            "{field}"
        );
        if field != "adminPaymentCancel" {
            assert_eq!(code(&call(&staff, field, &by_card["id"], &arguments, PAYMENT).await), "WRONG_STATE", "{field}");
        }
    }
    let proof = ", note: \"n\"";
    assert_eq!(code(&call(&amina, "paymentProofAdd", &by_card["id"], proof, PAYMENT).await), "WRONG_STATE");
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn what_came_is_in_the_payment_s_currency_and_what_was_taken_is_not_called_off() {
    let (server, amina, staff) = with_bank().await;
    let by_bank = transfer(&amina, "20.00", "bank").await;
    let in_cash = transfer(&amina, "30.00", "cash").await;
    tamper(&server, "UPDATE payments SET provider = 'cash_on_delivery' WHERE amount = 3000").await;
    let collected = call(&staff, "adminPaymentCollect", &in_cash["id"], "", PAYMENT).await;
    assert_eq!(collected["payment"]["state"], "COMPLETED", "{collected}");
    let euros = came(Some("1.00"), "e").replace("USD", "EUR");
    let before = server.contents().await;
    for (field, payment, arguments, expected, path) in [
        ("adminPaymentConfirm", &by_bank, euros.as_str(), "CURRENCY_MISMATCH", "amount"),
        ("adminPaymentRemit", &in_cash, euros.as_str(), "CURRENCY_MISMATCH", "amount"),
        ("adminPaymentCancel", &in_cash, ", reason: \"no\"", "WRONG_STATE", "id"),
    ] {
        let refused = call(&staff, field, &payment["id"], arguments, PAYMENT).await;
        assert_eq!(refused["errors"], json!([{ "code": expected, "path": ["input", path] }]), "{field}");
    }
    assert!(server.changes_since(&before).await.is_empty());
}

#[tokio::test]
async fn a_refund_is_ended_neither_by_whom_it_is_for_nor_while_a_provider_speaks_of_it() {
    let (server, amina, staff) = with_bank().await;
    let mut refunds = Vec::new();
    for client in [&staff, &amina] {
        let payment = super::paid(&server, client, "5.00", "p").await;
        refunds.push(ask(client, "paymentRefundRequest", &payment, None, "", "r").await["refund"]["id"].clone());
    }
    let before = server.contents().await;
    for (refund, expected) in refunds.iter().zip(["SECOND_PERSON_NEEDED", "WRONG_STATE"]) {
        for (field, arguments) in
            [("adminRefundComplete", ", reference: \"BANK 8\""), ("adminRefundFail", ", reason: \"no such account\"")]
        {
            let refused = call(&staff, field, refund, arguments, REFUND).await;
            assert_eq!(refused["errors"], json!([{ "code": expected, "path": ["input", "id"] }]), "{field}");
        }
    }
    assert!(server.changes_since(&before).await.is_empty());
}

#[tokio::test]
async fn nobody_acts_on_payments_any_more_whose_role_was_taken() {
    let (server, amina, staff) = with_bank().await;
    let payment = transfer(&amina, "20.00", "k").await;
    let paid = super::paid(&server, &amina, "5.00", "p").await;
    let asked = ask(&amina, "paymentRefundRequest", &paid, None, "", "r").await["refund"]["id"].clone();
    let refund = ", reason: \"why\", idempotencyKey: \"a\"".to_owned();
    let acts = [
        ("adminPaymentConfirm", &payment["id"], came(None, "a")),
        ("adminPaymentRemit", &payment["id"], came(None, "a")),
        ("adminPaymentCollect", &payment["id"], String::new()),
        ("adminPaymentCancel", &payment["id"], ", reason: \"no\"".to_owned()),
        ("adminRefundComplete", &asked, ", reference: \"B\"".to_owned()),
        ("adminRefundFail", &asked, ", reason: \"no\"".to_owned()),
        ("paymentRefundGrant", &asked, String::new()),
        ("paymentRefundRefuse", &asked, ", reason: \"no\"".to_owned()),
        ("paymentRefund", &paid["id"], refund),
    ];
    let gone = "SELECT id FROM users WHERE username = 'treasurer'";
    tamper(&server, &format!("DELETE FROM user_roles WHERE user_id IN ({gone})")).await;
    let before = server.rows().await;
    for (field, id, arguments) in &acts {
        let query =
            format!("mutation($id: ID!) {{ {field}(input: {{ id: $id{arguments} }}) {{ errors {{ code }} }} }}");
        assert_eq!(staff.refused(&query, json!({ "id": id })).await, "FORBIDDEN", "{field}");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn cash_is_collected_then_brought_to_the_bank() {
    let (server, amina, staff) = with_bank().await;
    // Nothing that can be bought at the door is here yet.
    let payment = transfer(&amina, "20.00", "k").await;
    tamper(&server, "UPDATE payments SET provider = 'cash_on_delivery'").await;
    let remit = |amount, key| {
        let (staff, payment) = (&staff, &payment);
        async move { call(staff, "adminPaymentRemit", &payment["id"], &came(amount, key), PAYMENT).await }
    };
    assert_eq!(code(&remit(None, "early").await), "WRONG_STATE");
    let collected = call(&staff, "adminPaymentCollect", &payment["id"], "", PAYMENT).await;
    assert_eq!(collected["payment"]["state"], "COMPLETED");
    assert_eq!(code(&call(&staff, "adminPaymentCollect", &payment["id"], "", PAYMENT).await), "WRONG_STATE");
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::CashOnDelivery)).await.0, -2000);
    assert_eq!(remit(Some("5.00"), "a").await["payment"]["remitted"]["amount"], "5.00");
    assert_eq!(remit(Some("5.00"), "a").await["payment"]["remitted"]["amount"], "5.00");
    assert_eq!(code(&remit(Some("15.01"), "b").await), "AMOUNT_TOO_LARGE");
    assert_eq!(remit(None, "c").await["payment"]["remitted"]["amount"], "20.00");
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::CashOnDelivery)).await.0, 0);
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::BankTransfer)).await.0, -2000);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_refund_by_hand_waits_for_staff() {
    let (server, amina, staff) = with_bank().await;
    let payment = transfer(&amina, "20.00", "k").await;
    call(&staff, "adminPaymentConfirm", &payment["id"], &came(None, "c"), PAYMENT).await;
    let mut refunds = Vec::new();
    for (amount, key) in [("5.00", "a"), ("7.00", "b")] {
        refunds.push(ask(&staff, "paymentRefund", &payment, Some(amount), "", key).await["refund"]["id"].clone());
    }
    for _ in 0..3 {
        server.advance(60);
        server.run_jobs().await;
    }
    let list = "{ adminRefunds(where: { states: PENDING }) { nodes { id state payment { id } } } }";
    let listed = staff.ok(list, Value::Null).await;
    assert_eq!(listed["adminRefunds"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(listed["adminRefunds"]["nodes"][0]["payment"]["id"], payment["id"]);
    assert_eq!(wallet(&server, &amina).await, (2000, 1200));
    let around =
        format!("{REFUND} contribution {{ id }} wallet {{ balance(currency: \"USD\") {{ held {{ amount }} }} }}");
    let done = call(&staff, "adminRefundComplete", &refunds[0], ", reference: \"BANK 8\"", &around).await;
    assert_eq!((&done["refund"]["state"], &done["contribution"]), (&json!("SUCCEEDED"), &Value::Null));
    assert_eq!(done["wallet"]["balance"]["held"]["amount"], "7.00", "{done}");
    let failed = call(&staff, "adminRefundFail", &refunds[1], ", reason: \"no such account\"", &around).await;
    assert_eq!(failed["refund"]["state"], "FAILED");
    assert_eq!(failed["wallet"]["balance"]["held"]["amount"], "0.00", "{failed}");
    for refund in &refunds {
        let again = call(&staff, "adminRefundComplete", refund, ", reference: \"BANK 9\"", REFUND).await;
        assert_eq!(code(&again), "WRONG_STATE");
    }
    assert_eq!(wallet(&server, &amina).await, (1500, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::BankTransfer)).await.0, -1500);
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE provider_reference = 'BANK 8'").await, 1);
    assert_books(&server.app).await;
}

/// What is confirmed, with whether a second person has to say it, too.
const AWAITED: &str = "payment { state captured { amount } awaitsSecondPerson }";

#[tokio::test]
async fn a_large_transfer_counts_when_a_second_person_says_the_same() {
    let (server, amina, ada) = with_bank().await;
    let alan = server.staff("alan", Role::Administrator).await;
    let payment = transfer(&amina, "5000.00", "k").await;
    let confirm = async |staff: &Client, amount, key: &str| {
        call(staff, "adminPaymentConfirm", &payment["id"], &came(amount, key), AWAITED).await
    };
    let proposed = json!({ "state": "PENDING", "captured": { "amount": "0.00" }, "awaitsSecondPerson": true });
    assert_eq!(confirm(&ada, None, "a").await["payment"], proposed);
    // Neither by the same key nor by another one is anybody two people.
    assert_eq!(confirm(&ada, None, "a").await["payment"], proposed);
    assert_eq!(code(&confirm(&ada, None, "b").await), "SECOND_PERSON_NEEDED");
    assert_eq!(code(&confirm(&ada, Some("5000.00"), "c").await), "SECOND_PERSON_NEEDED");
    // Another amount, or another reference, is another proposal, and whoever made it needs a second person for it.
    assert_eq!(confirm(&alan, Some("4000.00"), "a").await["payment"], proposed);
    assert_eq!(code(&confirm(&alan, Some("4000.00"), "b").await), "SECOND_PERSON_NEEDED");
    let other = came(Some("4000.00"), "d").replace("BANK 7", "BANK 8");
    let answer = call(&ada, "adminPaymentConfirm", &payment["id"], &other, AWAITED).await;
    assert_eq!(answer["payment"], proposed);
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    let hidden = "query($id: ID!) { payment(id: $id) { awaitsSecondPerson events { kind detail } } }";
    let seen = amina.ok(hidden, json!({ "id": payment["id"] })).await["payment"].clone();
    assert_eq!(seen["awaitsSecondPerson"], Value::Null);
    assert_eq!(seen["events"][1], json!({ "kind": "awaits_second_person", "detail": null }));
    assert_books(&server.app).await;
    let answer = call(&alan, "adminPaymentConfirm", &payment["id"], &other, AWAITED).await;
    let done = json!({ "state": "COMPLETED", "captured": { "amount": "4000.00" }, "awaitsSecondPerson": false });
    assert_eq!(answer["payment"], done);
    assert_eq!(wallet(&server, &amina).await, (400_000, 0));
    let log = "SELECT COUNT(*) FROM audit_entries WHERE action = 'adminPaymentConfirm'";
    assert_eq!(server.count(log).await, 4);
    assert_eq!(server.count(&format!("{log} AND after_state LIKE '%\"proposedBy\":\"user%'")).await, 1);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn many_small_parts_are_a_large_amount() {
    let (server, amina, staff) = with_bank().await;
    let payment = transfer(&amina, "5000.00", "k").await;
    let confirm = async |amount, key: &str| {
        call(&staff, "adminPaymentConfirm", &payment["id"], &came(Some(amount), key), AWAITED).await["payment"].clone()
    };
    let first = confirm("999.00", "a").await;
    assert_eq!((&first["state"], &first["awaitsSecondPerson"]), (&"COMPLETED".into(), &false.into()));
    assert_eq!(confirm("1.01", "b").await["awaitsSecondPerson"], true);
    // What is small goes through, and what was proposed before it is settled by that.
    assert_eq!(confirm("1.00", "c").await["awaitsSecondPerson"], false);
    assert_eq!(wallet(&server, &amina).await, (100_000, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_somebody_proposed_who_may_no_longer_does_not_count() {
    let (server, amina, ada) = with_bank().await;
    let alan = server.staff("alan", Role::Administrator).await;
    let payment = transfer(&amina, "5000.00", "k").await;
    call(&ada, "adminPaymentConfirm", &payment["id"], &came(None, "a"), AWAITED).await;
    tamper(&server, "DELETE FROM user_roles WHERE user_id IN (SELECT id FROM users WHERE username = 'treasurer')")
        .await;
    let answer = call(&alan, "adminPaymentConfirm", &payment["id"], &came(None, "a"), AWAITED).await;
    assert_eq!(answer["payment"]["awaitsSecondPerson"], true);
    assert_eq!(wallet(&server, &amina).await, (0, 0));
}

#[tokio::test]
async fn large_cash_and_large_refunds_by_hand_take_two_people_too() {
    let (server, amina, ada) = with_bank().await;
    let alan = server.staff("alan", Role::Administrator).await;
    let payment = transfer(&amina, "3000.00", "k").await;
    call(&ada, "adminPaymentConfirm", &payment["id"], &came(None, "a"), AWAITED).await;
    call(&alan, "adminPaymentConfirm", &payment["id"], &came(None, "a"), AWAITED).await;
    let refund = ask(&ada, "paymentRefund", &payment, Some("2000.00"), "", "r").await["refund"]["id"].clone();
    server.run_jobs().await;
    let selection = "refund { state awaitsSecondPerson }";
    let complete = async |staff: &Client, reference: &str| {
        let argument = format!(", reference: \"{reference}\"");
        call(staff, "adminRefundComplete", &refund, &argument, selection).await
    };
    let proposed = json!({ "state": "PENDING", "awaitsSecondPerson": true });
    assert_eq!(complete(&ada, "BANK 8").await["refund"], proposed);
    assert_eq!(code(&complete(&ada, "BANK 8").await), "SECOND_PERSON_NEEDED");
    assert_eq!(complete(&alan, "BANK 9").await["refund"], proposed);
    assert_eq!(wallet(&server, &amina).await, (300_000, 200_000));
    let done = json!({ "state": "SUCCEEDED", "awaitsSecondPerson": false });
    assert_eq!(complete(&ada, "BANK 9").await["refund"], done);
    assert_eq!(wallet(&server, &amina).await, (100_000, 0));
    assert_books(&server.app).await;

    let cash = transfer(&amina, "2000.00", "cash").await;
    tamper(&server, "UPDATE payments SET provider = 'cash_on_delivery' WHERE captured = 0").await;
    for (staff, state) in [(&ada, "PENDING"), (&alan, "COMPLETED")] {
        let answer = call(staff, "adminPaymentCollect", &cash["id"], "", AWAITED).await;
        assert_eq!(answer["payment"]["state"], state);
    }
    for (staff, remitted) in [(&ada, "0.00"), (&alan, "2000.00")] {
        let answer = call(staff, "adminPaymentRemit", &cash["id"], &came(None, "c"), PAYMENT).await;
        assert_eq!(answer["payment"]["remitted"]["amount"], remitted);
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM payment_proposals").await, 0);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_refund_that_a_provider_does_is_not_staff_s_to_end() {
    let (server, amina, staff) = with_bank().await;
    let payment = super::paid(&server, &amina, "5.00", "k").await;
    let refund = ask(&staff, "paymentRefund", &payment, None, "", "a").await["refund"]["id"].clone();
    let answer = call(&staff, "adminRefundComplete", &refund, ", reference: \"B\"", REFUND).await;
    assert_eq!(code(&answer), "WRONG_STATE");
}

#[tokio::test]
async fn a_payment_is_called_off_at_the_provider_too_unless_it_was_paid() {
    let (server, amina, staff) = with_bank().await;
    let payment = deposit(&amina, "5.00", "a").await["payment"].clone();
    for _ in 0..2 {
        assert_eq!(call(&amina, "paymentCancel", &payment["id"], "", PAYMENT).await["payment"]["state"], "CANCELED");
    }
    act(&server, &payment, &Act::card(GOOD)).await;
    assert_eq!(confirm(&amina, &payment).await["state"], "CANCELED");
    // Paid at the provider, though we did not know: it counts.
    let paid = deposit(&amina, "5.00", "b").await["payment"].clone();
    act(&server, &paid, &Act::card(GOOD)).await;
    assert_eq!(code(&call(&amina, "paymentCancel", &paid["id"], "", PAYMENT).await), "WRONG_STATE");
    assert_eq!(look(&amina, &paid).await["state"], "COMPLETED");
    let by_bank = transfer(&amina, "5.00", "c").await;
    let cancelled = call(&staff, "adminPaymentCancel", &by_bank["id"], ", reason: \"a mistake\"", PAYMENT).await;
    assert_eq!(cancelled["payment"]["state"], "CANCELED");
    assert_eq!(server.count("SELECT COUNT(*) FROM audit_entries WHERE reason = 'a mistake'").await, 1);
    let basma = server.user("basma").await;
    assert_eq!(code(&call(&basma, "paymentCancel", &by_bank["id"], "", PAYMENT).await), "NOT_FOUND");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    let steps = amina
        .ok("query($id: ID!) { payment(id: $id) { events { kind source } } }", json!({ "id": by_bank["id"] }))
        .await;
    let kinds = json!([{ "kind": "pending", "source": "CREATE" }, { "kind": "canceled", "source": "STAFF" }]);
    assert_eq!(steps["payment"]["events"], kinds);
    assert_books(&server.app).await;
}
