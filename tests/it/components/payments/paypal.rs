//! PayPal, by a stub of its published interface.

use agora::platform::providers::payments::{
    ChargeState, DisputeProgress, Envelope, Failure, Gateway, GivenBack, NO_SUCH_CHARGE, NOT_SUPPORTED, NewCustomer,
    NextAction, Notice, RefundProgress, Rejected, Subject,
};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    amount, charge, get, is_pending, is_unavailable, nowhere, outages_are_no_refusals, post, redirect, refund, refused,
    sums,
    whole::{Arriving, deposit_and_refund},
};
use crate::{components::needs, harness::Server};

struct Account {
    server: Server,
    url: String,
    secret: String,
}

impl Account {
    async fn open() -> Option<Self> {
        let [url, secret] = needs(["COMPONENT_PAYPAL_URL", "COMPONENT_PAYPAL_CLIENT_SECRET"])?;
        Some(Self { server: Server::with(&settings(&url, &secret)).await, url, secret })
    }

    fn gateway(&self) -> &dyn Gateway {
        self.server.app.payments.gateway("paypal").unwrap()
    }

    /// What the payer, or time, does with an order.
    async fn payer(&self, order: &str, how: &str) {
        post(&self.server, format!("{}_payer/{order}", self.url), json!({ "how": how })).await;
    }
}

fn settings<'a>(url: &'a str, secret: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("PAYPAL_API_URL", url),
        ("PAYPAL_CLIENT_ID", "client-id"),
        ("PAYPAL_CLIENT_SECRET", secret),
        ("PAYPAL_WEBHOOK_ID", "WH-COMPONENT"),
    ]
}

#[tokio::test]
async fn a_charge_at_paypal_is_begun_once_approved_captured_and_given_back_in_parts() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    assert_eq!(gateway.check().await, Ok(()));
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(1205, "EUR"))).await.unwrap();
    assert!(is_pending(&begun), "{begun:?}");
    assert_eq!((begun.amount, begun.currency.as_str()), (1205, "EUR"));
    assert!(redirect(&begun).ends_with(&format!("token={}", begun.reference)));
    let again = gateway.create_charge(&charge(&ours, amount(1205, "EUR"))).await.unwrap();
    assert_eq!(again.reference, begun.reference);
    // Nobody is charged before they approved, and the page stays theirs.
    let waiting = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert!(is_pending(&waiting) && waiting.next == begun.next, "{waiting:?}");
    let early = super::reference();
    let part = refund(&early, &begun.reference, amount(100, "EUR"), 0);
    assert_eq!(gateway.create_refund(&part).await.map(drop), refused("not_captured"));

    // The payer's bank says no; they choose another way on the same page.
    account.payer(&begun.reference, "declined").await;
    let declined = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert!(is_pending(&declined) && declined.next == begun.next, "{declined:?}");
    assert_eq!(declined.failure.as_deref(), Some("INSTRUMENT_DECLINED"));
    account.payer(&begun.reference, "approved").await;
    let paid = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((paid.state, sums(&paid)), (ChargeState::Completed, (1205, 1205, 0)));
    assert!(!paid.answer.contains("payer@example.org"), "{}", paid.answer);
    let again = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((again.state, sums(&again)), (ChargeState::Completed, (1205, 1205, 0)));
    assert_eq!(gateway.cancel_charge(&begun.reference).await.unwrap().state, ChargeState::Completed);

    let (first, second, third) = (super::reference(), super::reference(), super::reference());
    let part = refund(&first, &begun.reference, amount(500, "EUR"), 0);
    let given = gateway.create_refund(&part).await.unwrap();
    assert_eq!((given.progress, given.failure.as_deref()), (RefundProgress::Succeeded, None));
    assert_eq!(gateway.create_refund(&part).await.unwrap().reference, given.reference);
    let fetched = gateway.fetch_refund(&given.reference, &begun.reference).await.unwrap();
    assert_eq!(fetched.progress, RefundProgress::Succeeded);
    let too_much = refund(&second, &begun.reference, amount(706, "EUR"), 500);
    assert_eq!(gateway.create_refund(&too_much).await.map(drop), refused("REFUND_AMOUNT_EXCEEDED"));
    gateway.create_refund(&refund(&third, &begun.reference, amount(705, "EUR"), 500)).await.unwrap();
    let whole = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((whole.state, sums(&whole)), (ChargeState::Completed, (1205, 1205, 1205)));
    let sent = get(&account.server, format!("{}_sent", account.url)).await;
    for id in [&ours, &first, &third] {
        assert!(sent.as_array().unwrap().contains(&json!(id)), "{sent}");
    }
}

#[tokio::test]
async fn many_at_once_capture_an_order_of_paypals_once() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(1_000, "JPY"))).await.unwrap();
    account.payer(&begun.reference, "approved").await;
    // Their token is taken back, too: each finds its way in again.
    post(&account.server, format!("{}_revoke", account.url), json!({})).await;
    let all = (0..8).map(|_| gateway.advance_charge(&begun.reference, &ours));
    for paid in futures_util::future::join_all(all).await {
        let paid = paid.unwrap();
        assert_eq!((paid.state, sums(&paid)), (ChargeState::Completed, (1_000, 1_000, 0)));
    }
}

#[tokio::test]
async fn an_order_of_paypals_that_was_called_off_is_never_captured() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    for approved_before in [false, true] {
        let ours = super::reference();
        let begun = gateway.create_charge(&charge(&ours, amount(900, "USD"))).await.unwrap();
        if approved_before {
            account.payer(&begun.reference, "approved").await;
        }
        let off = gateway.cancel_charge(&begun.reference).await.unwrap();
        assert_eq!((off.state, off.next.clone()), (ChargeState::Cancelled, NextAction::None));
        account.payer(&begun.reference, "approved").await;
        let still = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert_eq!((still.state, sums(&still)), (ChargeState::Cancelled, (0, 0, 0)));
        assert_eq!(gateway.cancel_charge(&begun.reference).await.unwrap().state, ChargeState::Cancelled);
    }
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "USD"))).await.unwrap();
    account.payer(&begun.reference, "forgotten").await;
    assert_eq!(gateway.advance_charge(&begun.reference, &ours).await.map(drop), refused(NO_SUCH_CHARGE));
    assert_eq!(gateway.cancel_charge(&begun.reference).await.map(drop), refused(NO_SUCH_CHARGE));
}

#[tokio::test]
async fn a_capture_that_paypal_holds_is_waited_for() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(30_000, "HUF"))).await.unwrap();
    account.payer(&begun.reference, "pending").await;
    for _ in 0..2 {
        let held = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert_eq!((held.state, sums(&held)), (ChargeState::Processing, (30_000, 0, 0)));
    }
    account.payer(&begun.reference, "cleared").await;
    let paid = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((paid.state, sums(&paid)), (ChargeState::Completed, (30_000, 30_000, 0)));
}

#[tokio::test]
async fn what_paypal_can_not_do_is_refused_and_an_outage_is_none() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    for (minor, currency, word) in [
        (900, "EGP", "currency_not_supported"),
        (30_001, "HUF", "amount_not_possible"),
        (1, "KWD", "currency_not_supported"),
    ] {
        assert_eq!(gateway.create_charge(&charge(&ours, amount(minor, currency))).await.map(drop), refused(word));
    }
    let new = NewCustomer { reference: &ours, email: None };
    assert_eq!(gateway.create_customer(&new).await, refused(NOT_SUPPORTED));
    assert_eq!(gateway.save_method("a", "b").await.map(drop), refused(NOT_SUPPORTED));
    assert_eq!(gateway.advance_charge("A/../B", &ours).await.map(drop), refused(NO_SUCH_CHARGE));
    outages_are_no_refusals(gateway, amount(900, "USD")).await;

    let wrong = Server::with(&settings(&account.url, "wrong")).await;
    let wrong = wrong.app.payments.gateway("paypal").unwrap();
    assert_eq!(wrong.check().await, Err("unavailable: no token: status 401".to_owned()));
    let answer = wrong.create_charge(&charge(&ours, amount(900, "USD"))).await;
    assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
    let url = nowhere();
    let down = Server::with(&settings(&url, &account.secret)).await;
    is_unavailable(down.app.payments.gateway("paypal").unwrap(), "ORDER", amount(900, "USD")).await;
}

#[tokio::test]
async fn notices_of_paypal_are_believed_when_paypal_says_so() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "USD"))).await.unwrap();
    let now = account.server.app.clock.now();
    let time = now.format("%Y-%m-%dT%H:%M:%SZ");
    let sent = async |kind: &str| {
        let url = format!("{}_notice/{}?kind={kind}&time={time}", account.url, begun.reference);
        let notice: Value = get(&account.server, url).await;
        let headers = serde_json::from_value(notice["headers"].clone()).unwrap();
        let envelope = Envelope { headers, ..Envelope::default() };
        let body = notice["body"].as_str().unwrap().to_owned();
        (envelope, body, notice["id"].as_str().unwrap().to_owned())
    };
    account.payer(&begun.reference, "approved").await;
    let (envelope, body, event_id) = sent("CHECKOUT.ORDER.APPROVED").await;
    let expected = Notice { event_id, subject: Subject::Charge(begun.reference.clone()) };
    assert_eq!(gateway.verify_webhook(&envelope, body.as_bytes(), now).await, Ok(expected));
    gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    let (captured, text, _) = sent("PAYMENT.CAPTURE.COMPLETED").await;
    let subject = gateway.verify_webhook(&captured, text.as_bytes(), now).await.unwrap().subject;
    assert_eq!(subject, Subject::Charge(begun.reference.clone()));

    let changed = body.replace("9.00", "8.00");
    assert_eq!(gateway.verify_webhook(&envelope, changed.as_bytes(), now).await, Err(Rejected::Signature));
    for name in envelope.headers.keys() {
        let mut without = envelope.clone();
        without.headers.remove(name);
        assert_eq!(gateway.verify_webhook(&without, body.as_bytes(), now).await, Err(Rejected::Signature), "{name}");
    }
    for (name, value, rejected) in [
        ("paypal-transmission-sig", "AAAA", Rejected::Signature),
        ("paypal-transmission-id", "other", Rejected::Signature),
        ("paypal-cert-url", "https://paypal.com.example.org/cert", Rejected::Signature),
        ("paypal-cert-url", "http://api.paypal.com/cert", Rejected::Signature),
        ("paypal-transmission-time", "2025-12-20T12:00:00Z", Rejected::Old),
        ("paypal-transmission-time", "2026-01-08T12:00:00Z", Rejected::Old),
        ("paypal-transmission-time", "2026-01-01T12:00:01Z", Rejected::Signature),
    ] {
        let mut bad = envelope.clone();
        bad.headers.insert(name.to_owned(), value.to_owned());
        assert_eq!(gateway.verify_webhook(&bad, body.as_bytes(), now).await, Err(rejected), "{name} {value}");
    }
    assert_eq!(gateway.verify_webhook(&envelope, b"{", now).await, Err(Rejected::Body));
    let late = now + TimeDelta::days(3) + TimeDelta::seconds(1);
    assert_eq!(gateway.verify_webhook(&envelope, body.as_bytes(), late).await, Err(Rejected::Old));

    let url = nowhere();
    let down = Server::with(&settings(&url, &account.secret)).await;
    let answer = down.app.payments.gateway("paypal").unwrap().verify_webhook(&envelope, body.as_bytes(), now).await;
    assert!(matches!(answer, Err(Rejected::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_deposit_by_paypal_comes_in_by_its_notice_and_goes_back_in_parts() {
    let Some(account) = Account::open().await else { return };
    let order = |next: &Value| next["url"].as_str().unwrap().rsplit_once("token=").unwrap().1.to_owned();
    let pay = async |next: &Value| account.payer(&order(next), "approved").await;
    let notice = async |next: &Value| {
        let time = account.server.app.clock.now().format("%Y-%m-%dT%H:%M:%SZ");
        let url = format!("{}_notice/{}?kind=CHECKOUT.ORDER.APPROVED&time={time}", account.url, order(next));
        let sent = get(&account.server, url).await;
        let headers = serde_json::from_value(sent["headers"].clone()).unwrap();
        Arriving { headers, query: String::new(), body: sent["body"].as_str().unwrap().to_owned() }
    };
    deposit_and_refund(&account.server, "PAYPAL", "USD", pay, notice).await;
}

#[tokio::test]
async fn what_paypal_gives_or_takes_back_on_its_own_is_told() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let (ours, part) = (super::reference(), super::reference());
    let begun = gateway.create_charge(&charge(&ours, amount(900, "USD"))).await.unwrap();
    account.payer(&begun.reference, "approved").await;
    gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    let behind_our_back = async |what: Value| {
        post(&account.server, format!("{}_behind_our_back/{}", account.url, begun.reference), what).await;
    };
    gateway.create_refund(&refund(&part, &begun.reference, amount(200, "USD"), 0)).await.unwrap();
    behind_our_back(json!({ "refund": { "currency_code": "USD", "value": "3.00" } })).await;
    let listed = async || match gateway.given_back(&begun.reference).await.unwrap() {
        GivenBack::Each(listed) => listed.into_iter().map(|one| (one.ours, one.amount)).collect::<Vec<_>>(),
        GivenBack::Total(total) => panic!("{total}"),
    };
    assert_eq!(listed().await, [(Some(part.clone()), 200), (None, 300)]);
    let looked = gateway.look_at_charge(&begun.reference).await.unwrap();
    assert_eq!((looked.refunded, looked.is_disputed), (500, None));

    assert_eq!(gateway.disputes(&begun.reference).await, Ok(Vec::new()));
    let money = json!({ "currency_code": "USD", "value": "4.00" });
    for (status, outcome, progress) in [
        ("UNDER_REVIEW", Value::Null, DisputeProgress::Open),
        ("RESOLVED", json!({ "outcome_code": "RESOLVED_SELLER_FAVOUR" }), DisputeProgress::Won),
        ("RESOLVED", json!({ "outcome_code": "RESOLVED_BUYER_FAVOUR" }), DisputeProgress::Lost),
    ] {
        let dispute = json!({ "status": status, "dispute_amount": money, "dispute_outcome": outcome });
        behind_our_back(json!({ "dispute": dispute })).await;
        let told = gateway.disputes(&begun.reference).await.unwrap();
        assert_eq!((told[0].progress, told[0].amount, told[0].is_given_back), (progress, 400, true));
    }
    // PayPal says of the capture only that nothing is left of it.
    behind_our_back(json!({ "reverse": true })).await;
    assert_eq!(listed().await, [(Some(part), 200), (None, 300), (None, 400)]);
    assert_eq!(gateway.look_at_charge(&begun.reference).await.unwrap().refunded, 900);
}
