//! Disputes of which a provider tells nothing: staff says it, and money is held, let go, or gone, as with any other.

use agora::{
    domain::{
        ledger::AccountRef,
        payments::{self, NewPayment, Payer},
    },
    entity::{
        Currency, Money, PaymentId, UserId,
        payment::{ProviderKind, TargetKind},
        payment_event::EventSource,
    },
    platform::providers::payments::{Charge, ChargeState, NextAction},
};
use serde_json::{Value, json};

use super::{assert_books, at, code, paid, treasurer, wallet};
use crate::harness::{Client, Server};

const PAYMOB: AccountRef = AccountRef::Clearing(ProviderKind::Paymob);

/// A server that takes payments by Paymob.
pub(super) async fn start() -> Server {
    Server::with(&[
        ("PAYMOB_API_URL", "http://127.0.0.1:9/"),
        ("PAYMOB_PUBLIC_KEY", "public"),
        ("PAYMOB_SECRET_KEY", "secret"),
        ("PAYMOB_HMAC_SECRET", "hmac"),
        ("PAYMOB_INTEGRATION_IDS", "1"),
    ])
    .await
}

/// 10.00 that somebody has paid into their wallet by Paymob.
async fn paid_by_paymob(server: &Server, client: &Client) -> Value {
    let app = &server.app;
    let user: UserId = client.id.parse().unwrap();
    let new = NewPayment {
        id: PaymentId(app.ids.next(app.clock.now())),
        target: TargetKind::WalletDeposit,
        target_id: user.0,
        payer: Payer::User(user),
        locale: "en",
        provider: ProviderKind::Paymob,
        method: None,
        amount: Money::new(1000, Currency::parse("USD").unwrap()),
    };
    app.db.transact(async |tx| payments::open_in(app, &tx, &new).await).await.unwrap();
    let charge = Charge {
        reference: new.id.to_string(),
        state: ChargeState::Completed,
        amount: 1000,
        currency: "USD".to_owned(),
        authorised: 1000,
        captured: 1000,
        refunded: 0,
        fees: Vec::new(),
        is_disputed: Some(false),
        failure: None,
        next: NextAction::None,
        answer: "{}".to_owned(),
    };
    payments::complete::complete(app, new.id, EventSource::Webhook, &charge).await.unwrap();
    new.id.to_string().into()
}

/// What staff says of a dispute of US dollars.
async fn record(staff: &Client, payment: &Value, state: &str, amount: &str, changes: &Value) -> Value {
    let query = "mutation($input: AdminDisputeRecordInput!) { adminDisputeRecord(input: $input) { \
                 dispute { id state amount { amount } refund { origin state } } \
                 wallet { balance(currency: \"USD\") { held { amount } } } errors { code path } } }";
    let mut input = json!({ "id": payment, "state": state, "amount": { "amount": amount, "currency": "USD" }, "reference": "CB-1",
                            "reason": "fraudulent" });
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    staff.ok(query, json!({ "input": input })).await["adminDisputeRecord"].clone()
}

#[tokio::test]
async fn what_is_open_is_held_and_what_is_lost_is_gone_with_its_fee_once() {
    let server = start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid_by_paymob(&server, &amina).await;
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    let opened = record(&staff, &payment, "OPEN", "4.00", &json!({})).await;
    assert_eq!(opened["dispute"]["refund"], json!({ "origin": "DISPUTE", "state": "PENDING" }), "{opened}");
    assert_eq!(opened["wallet"]["balance"]["held"]["amount"], "4.00", "{opened}");
    let again = record(&staff, &payment, "OPEN", "4.00", &json!({})).await;
    assert_eq!(again["dispute"]["id"], opened["dispute"]["id"]);
    assert_eq!(wallet(&server, &amina).await, (1000, 400));
    server.run_jobs().await;
    let list = "{ me { notifications { nodes { kind } } } }";
    let told = amina.ok(list, Value::Null).await["me"]["notifications"]["nodes"].clone();
    assert_eq!(told.as_array().unwrap().iter().filter(|node| node["kind"] == "DISPUTE").count(), 1, "{told}");
    assert_books(&server.app).await;
    let fee = json!({ "fee": { "amount": "1.50", "currency": "USD" } });
    for _ in 0..2 {
        let lost = record(&staff, &payment, "LOST", "4.00", &fee).await;
        assert_eq!((code(&lost), &lost["dispute"]["state"]), ("", &json!("LOST")), "{lost}");
    }
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert_eq!(at(&server, AccountRef::ProviderFees).await, (-150, 0));
    assert_eq!(at(&server, PAYMOB).await, (-1000 + 400 + 150, 0));
    assert_books(&server.app).await;
    // Nobody opens again what was decided, or decides it otherwise: that would bring the money back.
    for state in ["OPEN", "WON"] {
        assert_eq!(code(&record(&staff, &payment, state, "4.00", &json!({})).await), "WRONG_STATE");
    }
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert_books(&server.app).await;
    let audit = "{ adminAudit { nodes { action reason subject { id } } } }";
    let entries = staff.ok(audit, Value::Null).await["adminAudit"]["nodes"].clone();
    let entry = json!({ "action": "adminDisputeRecord", "reason": "fraudulent",
                        "subject": { "id": opened["dispute"]["id"] } });
    assert_eq!(entries, json!([entry, entry]));
}

#[tokio::test]
async fn only_what_nobody_else_tells_is_said_and_only_what_can_be() {
    let server = start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid_by_paymob(&server, &amina).await;
    let by_sandbox = paid(&server, &amina, "5.00", "k").await["id"].clone();
    let (own, nothing) = (paid_by_paymob(&server, &staff).await, json!({}));
    record(&staff, &payment, "OPEN", "4.00", &nothing).await;
    let before = server.contents().await;
    let euros = json!({ "amount": { "amount": "1.00", "currency": "EUR" } });
    let fee = |amount: &str, currency: &str| json!({ "fee": { "amount": amount, "currency": currency } });
    for (payment, state, amount, changes, expected) in [
        (&by_sandbox, "OPEN", "1.00", &nothing, "WRONG_STATE"),
        (&own, "OPEN", "1.00", &nothing, "SECOND_PERSON_NEEDED"),
        (&json!("payment_00000000000000000000000000"), "OPEN", "1.00", &nothing, "NOT_FOUND"),
        (&payment, "OPEN", "10.01", &json!({ "reference": "CB-2" }), "AMOUNT_TOO_LARGE"),
        // The same one, typed otherwise.
        (&payment, "OPEN", "6.01", &json!({ "reference": "CB 1" }), "AMOUNT_TOO_LARGE"),
        (&payment, "LOST", "4.00", &fee("4.01", "USD"), "AMOUNT_TOO_LARGE"),
        (&payment, "LOST", "4.00", &fee("1.00", "EUR"), "CURRENCY_MISMATCH"),
        (&payment, "OPEN", "0.00", &json!({ "reference": "CB-2" }), "INVALID_AMOUNT"),
        (&payment, "OPEN", "1.00", &euros, "CURRENCY_MISMATCH"),
        (&payment, "LOST", "5.00", &nothing, "ALREADY_EXISTS"),
        (&payment, "LOST", "4.00", &json!({ "reference": " " }), "BLANK"),
        (&payment, "OPEN", "1.00", &json!({ "reason": "x".repeat(101), "reference": "CB-2" }), "TOO_LONG"),
    ] {
        assert_eq!(code(&record(&staff, payment, state, amount, changes).await), expected, "{changes}");
    }
    assert!(server.changes_since(&before).await.is_empty());
    assert_books(&server.app).await;
}

#[tokio::test]
async fn all_disputes_of_a_payment_come_to_no_more_than_was_taken_but_for_those_that_were_won() {
    let server = start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid_by_paymob(&server, &amina).await;
    let called = |reference: &str| json!({ "reference": reference });
    // Lost, it counts once, though its money has gone back.
    assert_eq!(code(&record(&staff, &payment, "LOST", "4.00", &called("CB-1")).await), "");
    assert_eq!(code(&record(&staff, &payment, "LOST", "6.01", &called("CB-2")).await), "AMOUNT_TOO_LARGE");
    assert_eq!(code(&record(&staff, &payment, "OPEN", "6.00", &called("CB-2")).await), "");
    assert_eq!(code(&record(&staff, &payment, "OPEN", "0.01", &called("CB-3")).await), "AMOUNT_TOO_LARGE");
    assert_eq!(code(&record(&staff, &payment, "WON", "6.00", &called("CB-2")).await), "");
    assert_eq!(code(&record(&staff, &payment, "LOST", "6.00", &called("CB-2")).await), "WRONG_STATE");
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert_eq!(code(&record(&staff, &payment, "LOST", "6.00", &called("CB-3")).await), "");
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_eq!(at(&server, PAYMOB).await, (0, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn two_who_say_at_once_that_it_is_lost_take_it_once() {
    let server = start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let other = server.staff("boss", agora::entity::user_role::Role::Owner).await;
    let payment = paid_by_paymob(&server, &amina).await;
    let nothing = json!({});
    let (one, two) = tokio::join!(
        record(&staff, &payment, "LOST", "10.00", &nothing),
        record(&other, &payment, "LOST", "10.00", &nothing)
    );
    assert_eq!((code(&one), code(&two)), ("", ""));
    assert_eq!(one["dispute"]["id"], two["dispute"]["id"]);
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_eq!(at(&server, PAYMOB).await, (0, 0));
    assert_books(&server.app).await;
}
