//! Providers of payments: Stripe by localstripe, PayPal and Paymob by stubs of their published interfaces.

mod paymob;
mod paypal;
mod stripe;
mod whole;

use std::sync::atomic::{AtomicU64, Ordering};

use agora::platform::providers::payments::{
    Amount, Charge, ChargeState, Failure, Gateway, NewCharge, NewRefund, NextAction,
};
use serde_json::Value;

use crate::harness::Server;

/// A reference that nobody else has.
fn reference() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("payment_{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

fn amount(minor: i64, currency: &'static str) -> Amount {
    let digits = match currency {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    };
    Amount { minor, currency, digits }
}

fn charge(reference: &str, amount: Amount) -> NewCharge<'_> {
    NewCharge {
        reference,
        amount,
        description: "Books for the school",
        customer: None,
        method: None,
        email: Some("amina@example.org"),
        return_url: "https://example.org/payment?id=1",
    }
}

fn refund<'a>(reference: &'a str, charge: &'a str, amount: Amount, others: i64) -> NewRefund<'a> {
    NewRefund { reference, charge, amount, others }
}

fn refused<T: std::fmt::Debug>(word: &str) -> Result<T, Failure> {
    Err(Failure::Refused(word.to_owned()))
}

fn redirect(charge: &Charge) -> &str {
    match &charge.next {
        NextAction::Redirect { url } => url,
        other => panic!("no redirect: {other:?}"),
    }
}

/// The sums of a charge: authorised, captured, refunded.
fn sums(charge: &Charge) -> (i64, i64, i64) {
    (charge.authorised, charge.captured, charge.refunded)
}

/// Posts JSON to a service, as somebody beside us.
async fn post(server: &Server, url: String, body: Value) {
    let answer = server.app.http.post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

async fn get(server: &Server, url: String) -> Value {
    server.app.http.get(url).send().await.unwrap().json().await.unwrap()
}

/// Whatever goes wrong at the provider, a charge that may have begun is not taken for refused; and no answer is read
/// without end.
async fn outages_are_no_refusals(gateway: &dyn Gateway, amount: Amount) {
    for ordered in ["answer 429", "answer 500", "answer 503", "answer html", "answer huge", "answer 401"] {
        let reference = reference();
        let new = NewCharge { description: ordered, ..charge(&reference, amount.clone()) };
        let answer = gateway.create_charge(&new).await;
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{ordered}: {answer:?}");
    }
}

/// A provider that is not there.
async fn is_unavailable(gateway: &dyn Gateway, known: &str, amount: Amount) {
    let reference = reference();
    let answers = [
        gateway.create_charge(&charge(&reference, amount.clone())).await.map(drop),
        gateway.advance_charge(known, &reference).await.map(drop),
        gateway.cancel_charge(known).await.map(drop),
        gateway.create_refund(&refund(&reference, known, amount, 0)).await.map(drop),
        gateway.fetch_refund("1", known).await.map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
    }
    assert!(gateway.check().await.is_err());
}

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

fn is_pending(charge: &Charge) -> bool {
    charge.state == ChargeState::Pending && sums(charge) == (0, 0, 0)
}
