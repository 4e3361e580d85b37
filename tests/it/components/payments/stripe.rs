//! Stripe, by localstripe.

use std::{collections::BTreeMap, time::Duration};

use agora::platform::providers::payments::{
    Charge, ChargeState, Envelope, Failure, Gateway, NO_SUCH_CHARGE, NewCharge, NewCustomer, NextAction, Notice,
    RefundProgress, Rejected, Subject, signature,
};
use agora::{
    domain::{
        ledger::{AccountRef, account as account_at},
        payments::{reconcile, settle},
    },
    entity::{Currency, payment::ProviderKind},
    platform::list::Span,
};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    amount, charge, get, is_pending, is_unavailable, nowhere, outages_are_no_refusals, refund, refused, sums,
    whole::{Arriving, deposit_and_refund},
};
use crate::{
    components::needs,
    harness::{Server, TIMEOUT},
    payments::{assert_books, confirm, deposit_by, look},
};

const WEBHOOK_SECRET: &str = "whsec_component";

struct Account {
    server: Server,
    url: String,
    key: String,
}

impl Account {
    async fn open() -> Option<Self> {
        let [url, key] = needs(["COMPONENT_STRIPE_URL", "COMPONENT_STRIPE_SECRET_KEY"])?;
        Some(Self { server: Server::with(&settings(&url, &key)).await, url, key })
    }

    fn gateway(&self) -> &dyn Gateway {
        self.server.app.payments.gateway("stripe").unwrap()
    }

    /// What Stripe's own program in the browser, or its dashboard, asks.
    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.server.app.http.post(format!("{}v1/{path}", self.url)).bearer_auth(&self.key).form(form);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// A card, as the program in the browser makes a token of it.
    async fn token(&self, number: &str) -> String {
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2030"),
            ("card[cvc]", "123"),
        ];
        self.ask("payment_methods", &card).await["id"].as_str().unwrap().to_owned()
    }

    /// The payer pays by a card.
    async fn pay(&self, charge: &Charge, number: &str) -> Value {
        let token = self.token(number).await;
        let intent = format!("payment_intents/{}", charge.reference);
        self.ask(&intent, &[("payment_method", token.as_str())]).await;
        self.ask(&format!("{intent}/confirm"), &[]).await
    }
}

/// What time it is: localstripe has no other.
#[expect(clippy::disallowed_methods, reason = "the service beside us goes by it")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn settings<'a>(url: &'a str, key: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("STRIPE_API_URL", url),
        ("STRIPE_SECRET_KEY", key),
        ("STRIPE_PUBLIC_KEY", "pk_test_component"),
        ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
    ]
}

#[tokio::test]
async fn a_charge_at_stripe_is_begun_once_paid_and_given_back_in_parts() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    assert_eq!(gateway.check().await, Ok(()));
    let began = now() - TimeDelta::seconds(5);
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(1250, "USD"))).await.unwrap();
    assert!(is_pending(&begun) && begun.reference.starts_with("pi_"), "{begun:?}");
    assert_eq!((begun.amount, begun.currency.as_str()), (1250, "USD"));
    let NextAction::ClientSecret { secret, public_key, .. } = &begun.next else { panic!("{begun:?}") };
    assert_eq!(public_key, "pk_test_component");
    assert!(secret.starts_with(&begun.reference) && !begun.answer.contains(secret.as_str()), "{begun:?}");

    // Repeated, it is the same; and so it is when something about it has changed meanwhile.
    let again = gateway.create_charge(&charge(&ours, amount(1250, "USD"))).await.unwrap();
    assert_eq!(again.reference, begun.reference);
    let changed = NewCharge { description: "Another title", ..charge(&ours, amount(1250, "USD")) };
    assert_eq!(gateway.create_charge(&changed).await.unwrap().reference, begun.reference);

    // A card that is declined may be followed by another one.
    account.pay(&begun, "4000000000000341").await;
    let declined = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert!(is_pending(&declined), "{declined:?}");
    assert_eq!(declined.failure.as_deref(), Some("card_declined"));

    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(1250, "USD"))).await.unwrap();
    account.pay(&begun, "4242424242424242").await;
    let paid = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((paid.state, sums(&paid)), (ChargeState::Completed, (1250, 1250, 0)));
    // Taken money is not called off.
    assert_eq!(gateway.cancel_charge(&begun.reference).await.unwrap().state, ChargeState::Completed);

    let (first, second, third) = (super::reference(), super::reference(), super::reference());
    let part = refund(&first, &begun.reference, amount(500, "USD"), 0);
    let given = gateway.create_refund(&part).await.unwrap();
    assert_eq!(given.progress, RefundProgress::Succeeded);
    assert_eq!(gateway.create_refund(&part).await.unwrap().reference, given.reference);
    let fetched = gateway.fetch_refund(&given.reference, &begun.reference).await.unwrap();
    assert_eq!((fetched.reference, fetched.progress), (given.reference, RefundProgress::Succeeded));
    let too_much = refund(&second, &begun.reference, amount(751, "USD"), 500);
    assert_eq!(gateway.create_refund(&too_much).await.map(drop), refused("amount_too_large"));
    gateway.create_refund(&refund(&third, &begun.reference, amount(750, "USD"), 500)).await.unwrap();
    let whole = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((whole.state, sums(&whole)), (ChargeState::Completed, (1250, 1250, 1250)));

    let all = gateway.charges(began, now() + TimeDelta::seconds(5)).await.unwrap().unwrap();
    let (_, found) = all.iter().find(|(reference, _)| *reference == ours).unwrap_or_else(|| panic!("{ours}: {all:?}"));
    assert_eq!((found.reference.as_str(), sums(found)), (begun.reference.as_str(), (1250, 1250, 1250)));
    let before = gateway.charges(began - TimeDelta::days(1), began - TimeDelta::hours(23)).await.unwrap().unwrap();
    assert!(before.is_empty());
    let keys = get(&account.server, format!("{}_config/keys", account.url)).await;
    for sent in [&ours, &first, &third] {
        assert!(keys.as_array().unwrap().contains(&json!(sent)), "{keys}");
    }
}

#[tokio::test]
async fn a_saved_card_at_stripe_is_charged_at_once() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let new = NewCustomer { reference: &ours, email: Some("amina@example.org") };
    let customer = gateway.create_customer(&new).await.unwrap();
    assert_eq!(gateway.create_customer(&new).await.unwrap(), customer);

    for bad in ["tok_1", "pm_1/../../customers", "pm_", "4242424242424242"] {
        assert_eq!(gateway.save_method(&customer, bad).await.map(drop), refused("no_such_token"), "{bad}");
    }
    let token = account.token("4000000000000002").await;
    assert_eq!(gateway.save_method(&customer, &token).await.map(drop), refused("card_declined"));

    for (number, state, failure) in [
        ("4242424242424242", ChargeState::Completed, None),
        // Declined when it is charged: the payer may give another one.
        ("4000000000000341", ChargeState::Pending, Some("card_declined")),
        ("4000000000003220", ChargeState::Pending, None),
    ] {
        let token = account.token(number).await;
        let method = gateway.save_method(&customer, &token).await.unwrap();
        assert_eq!((method.brand.as_deref(), method.last_four.as_deref()), (Some("visa"), number.get(12..)));
        let ours = super::reference();
        let new = NewCharge {
            customer: Some(&customer),
            method: Some(&method.reference),
            ..charge(&ours, amount(700, "JPY"))
        };
        let charged = gateway.create_charge(&new).await.unwrap();
        assert_eq!((charged.state, charged.failure.as_deref()), (state, failure), "{number}: {charged:?}");
        assert_eq!((charged.amount, charged.currency.as_str()), (700, "JPY"));
        if number == "4000000000003220" {
            let NextAction::ClientSecret { secret, .. } = &charged.next else { panic!("{charged:?}") };
            let path = format!("payment_intents/{}/_authenticate", charged.reference);
            account.ask(&path, &[("client_secret", secret.as_str()), ("success", "true")]).await;
            let passed = gateway.advance_charge(&charged.reference, &ours).await.unwrap();
            assert_eq!((passed.state, sums(&passed)), (ChargeState::Completed, (700, 700, 0)));
        }
        assert_eq!(gateway.forget_method(&method.reference).await, Ok(()));
        assert_eq!(gateway.forget_method(&method.reference).await, Ok(()));
    }
}

#[tokio::test]
async fn what_is_only_promised_at_stripe_is_taken_and_what_is_called_off_is_not_paid() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let token = account.token("4242424242424242").await;
    let form = [
        ("amount", "900"),
        ("currency", "usd"),
        ("payment_method", token.as_str()),
        ("capture_method", "manual"),
        ("confirm", "true"),
        ("automatic_payment_methods[enabled]", "true"),
    ];
    let promised = account.ask("payment_intents", &form).await;
    assert_eq!(promised["status"], "requires_capture");
    let taken = gateway.advance_charge(promised["id"].as_str().unwrap(), "x").await.unwrap();
    assert_eq!((taken.state, sums(&taken)), (ChargeState::Completed, (900, 900, 0)));

    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "USD"))).await.unwrap();
    let off = gateway.cancel_charge(&begun.reference).await.unwrap();
    assert_eq!((off.state, off.next.clone()), (ChargeState::Cancelled, NextAction::None));
    assert_eq!(gateway.cancel_charge(&begun.reference).await.unwrap().state, ChargeState::Cancelled);
    account.pay(&off, "4242424242424242").await;
    assert_eq!(gateway.advance_charge(&begun.reference, &ours).await.unwrap().state, ChargeState::Cancelled);
}

#[tokio::test]
async fn what_stripe_can_not_do_is_refused_and_an_outage_is_none() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let odd = gateway.create_charge(&charge(&ours, amount(1_001, "KWD"))).await;
    assert_eq!(odd.map(drop), refused("amount_not_possible"));
    for strange in ["pi_1/../customers", "", "pi_1?expand=x"] {
        assert_eq!(gateway.advance_charge(strange, &ours).await.map(drop), refused(NO_SUCH_CHARGE));
        assert_eq!(gateway.cancel_charge(strange).await.map(drop), refused(NO_SUCH_CHARGE));
    }
    assert!(matches!(gateway.advance_charge("pi_unknown", &ours).await, Err(Failure::Refused(_))));
    outages_are_no_refusals(gateway, amount(900, "USD")).await;

    let wrong = Server::with(&settings(&account.url, "sk_test_wrong")).await;
    let told = wrong.app.payments.gateway("stripe").unwrap().check().await.unwrap_err();
    assert!(told.contains("401") && !told.contains("sk_test_wrong"), "{told}");
    let url = nowhere();
    let down = Server::with(&settings(&url, "sk_test_component")).await;
    is_unavailable(down.app.payments.gateway("stripe").unwrap(), "pi_1", amount(900, "USD")).await;
    assert!(!format!("{:?}", down.app.payments).contains("sk_test_component"));
}

#[tokio::test]
async fn notices_of_stripe_are_believed_when_they_are_signed_and_new() {
    let Some(account) = Account::open().await else { return };
    let gateway = account.gateway();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let take = async move |headers: HeaderMap, body: Bytes| drop(sender.send((headers, body)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", routing::post(take));
    account.server.app.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let register = format!("{}_config/webhooks/{}", account.url, super::reference());
    super::post(&account.server, register, json!({ "url": hook, "secret": WEBHOOK_SECRET })).await;

    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "USD"))).await.unwrap();
    account.pay(&begun, "4242424242424242").await;
    let (header, body, event) = loop {
        let (headers, body) = tokio::time::timeout(TIMEOUT, receiver.recv()).await.unwrap().unwrap();
        let event: Value = serde_json::from_slice(&body).unwrap();
        if event["data"]["object"]["id"] == begun.reference.as_str() {
            break (headers["stripe-signature"].to_str().unwrap().to_owned(), body, event);
        }
    };
    let envelope = |header: &str| Envelope {
        headers: BTreeMap::from([("stripe-signature".to_owned(), header.to_owned())]),
        query: BTreeMap::new(),
    };
    let at: i64 = header[2..].split(',').next().unwrap().parse().unwrap();
    let at = DateTime::<Utc>::from_timestamp(at, 0).unwrap();
    let id = event["id"].as_str().unwrap().to_owned();
    let expected = Notice { event_id: id, subject: Subject::Charge(begun.reference.clone()) };
    assert_eq!(gateway.verify_webhook(&envelope(&header), &body, at).await, Ok(expected));

    let changed = String::from_utf8(body.to_vec()).unwrap().replace("900", "901");
    let checked = async |header: &str, body: &[u8], now| gateway.verify_webhook(&envelope(header), body, now).await;
    assert_eq!(checked(&header, changed.as_bytes(), at).await, Err(Rejected::Signature));
    assert_eq!(checked("", &body, at).await, Err(Rejected::Signature));
    assert_eq!(gateway.verify_webhook(&Envelope::default(), &body, at).await, Err(Rejected::Signature));
    let later = at + TimeDelta::from_std(Duration::from_secs(301)).unwrap();
    assert_eq!(checked(&header, &body, later).await, Err(Rejected::Old));

    // Signed, of other kinds.
    let signed = async |body: Value| {
        let body = body.to_string();
        let header = signature::sign(WEBHOOK_SECRET.as_bytes(), body.as_bytes(), at);
        gateway.verify_webhook(&envelope(&header), body.as_bytes(), at).await
    };
    let refunded = json!({ "id": "evt_1", "type": "charge.refunded", "data": { "object": { "id": "ch_1", "payment_intent": "pi_9" } } });
    assert_eq!(signed(refunded).await.unwrap().subject, Subject::Charge("pi_9".to_owned()));
    let other = json!({ "id": "evt_2", "type": "customer.created", "data": { "object": { "id": "cus_1" } } });
    assert_eq!(signed(other).await.unwrap().subject, Subject::Nothing);
    assert_eq!(signed(json!({ "id": 1 })).await, Err(Rejected::Body));
}

#[tokio::test]
async fn a_deposit_by_stripe_comes_in_by_its_notice_goes_back_in_parts_and_is_here_again_when_a_part_comes_back() {
    let Some(account) = Account::open().await else { return };
    let intent = |next: &Value| next["clientSecret"].as_str().unwrap().split_once("_secret").unwrap().0.to_owned();
    let pay = async |next: &Value| {
        let token = account.token("4242424242424242").await;
        let path = format!("payment_intents/{}", intent(next));
        account.ask(&path, &[("payment_method", token.as_str())]).await;
        account.ask(&format!("{path}/confirm"), &[]).await;
    };
    let signed = |id: &str, kind: &str, object: Value| {
        let body = json!({ "id": id, "type": kind, "data": { "object": object } }).to_string();
        let header = signature::sign(WEBHOOK_SECRET.as_bytes(), body.as_bytes(), account.server.app.clock.now());
        Arriving { headers: BTreeMap::from([("stripe-signature".to_owned(), header)]), query: String::new(), body }
    };
    let notice = async |next: &Value| signed("evt_1", "payment_intent.succeeded", json!({ "id": intent(next) }));
    let server = &account.server;
    let (amina, payment) = deposit_and_refund(server, "STRIPE", "USD", pay, notice).await;

    // The card of the second part is no longer there: Stripe has its money again, and says so twice.
    let intent = intent(&payment["nextAction"]);
    let failed = json!({ "payment_intent": intent });
    super::post(server, format!("{}_config/refunds/fail", account.url), failed).await;
    for id in ["evt_2", "evt_3"] {
        let object = json!({ "id": "re_1", "object": "refund", "payment_intent": intent });
        let told = signed(id, "refund.failed", object);
        assert_eq!(told.arrive(server, "STRIPE", told.body.clone()).await, StatusCode::OK);
        server.run_jobs().await;
        assert_eq!(look(&amina, &payment).await["refunded"]["amount"], "5.00");
        let wallet = amina.ok("{ me { wallet { balances { available { amount } } } } }", Value::Null).await;
        assert_eq!(wallet["me"]["wallet"]["balances"], json!([{ "available": { "amount": "7.50" } }]));
    }
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_stripe_gives_or_takes_back_on_its_own_is_booked() {
    let Some(account) = Account::open().await else { return };
    let server = &account.server;
    let amina = server.user("amina").await;
    let payment = deposit_by(&amina, "STRIPE", "10.00", "k").await["payment"].clone();
    let secret = payment["nextAction"]["clientSecret"].as_str().unwrap();
    let intent = secret.split_once("_secret").unwrap().0;
    let (token, path) = (account.token("4242424242424242").await, format!("payment_intents/{intent}"));
    account.ask(&path, &[("payment_method", token.as_str())]).await;
    account.ask(&format!("{path}/confirm"), &[]).await;
    assert_eq!(confirm(&amina, &payment).await["state"], "COMPLETED");
    let told = async |id: &str, kind: &str| {
        let object = json!({ "id": "x_1", "payment_intent": intent });
        let body = json!({ "id": id, "type": kind, "data": { "object": object } }).to_string();
        let header = signature::sign(WEBHOOK_SECRET.as_bytes(), body.as_bytes(), server.app.clock.now());
        let headers = BTreeMap::from([("stripe-signature".to_owned(), header)]);
        let notice = Arriving { headers, query: String::new(), body };
        assert_eq!(notice.arrive(server, "STRIPE", notice.body.clone()).await, StatusCode::OK);
        server.run_jobs().await;
        assert_books(&server.app).await;
        let wallet =
            amina.ok("{ me { wallet { balances { balance { amount } held { amount } } } } }", Value::Null).await;
        let balance = &wallet["me"]["wallet"]["balances"][0];
        (balance["balance"]["amount"].clone(), balance["held"]["amount"].clone())
    };
    let amounts = |balance: &str, held: &str| (json!(balance), json!(held));

    account.ask("refunds", &[("payment_intent", intent), ("amount", "400")]).await;
    assert_eq!(told("evt_1", "refund.created").await, amounts("6.00", "0.00"));
    assert_eq!(told("evt_2", "charge.refunded").await, amounts("6.00", "0.00"));
    let dispute = async |status: &str, fee: i64| {
        let stands =
            json!({ "payment_intent": intent, "amount": 500, "currency": "usd", "status": status, "fee": fee });
        super::post(server, format!("{}_config/disputes", account.url), stands).await;
    };
    dispute("needs_response", 0).await;
    assert_eq!(told("evt_3", "charge.dispute.created").await, amounts("6.00", "5.00"));
    dispute("lost", 1500).await;
    assert_eq!(told("evt_4", "charge.dispute.closed").await, amounts("1.00", "0.00"));
    assert_eq!(look(&amina, &payment).await["refunded"]["amount"], "9.00");
    let found = reconcile(&server.app, Span::default(), false).await.unwrap().disagreements;
    assert!(found.iter().all(|found| found.subject != payment["id"].as_str().unwrap()), "{found:?}");
}

#[tokio::test]
async fn what_stripe_keeps_and_pays_out_is_written_down_once() {
    let Some(account) = Account::open().await else { return };
    let server = &account.server;
    let own = super::reference();
    for (id, kind, amount, fee, category) in [
        ("charge", "charge", 1000, 59, "charge"),
        ("fee", "stripe_fee", -200, 0, "fee"),
        ("payout", "payout", -700, 0, "payout"),
        ("back", "payout_failure", 300, 0, "payout_reversal"),
        ("dispute", "adjustment", -1000, 1500, "dispute"),
        ("given", "refund", -400, 0, "refund"),
    ] {
        let id = format!("txn_{own}_{id}");
        let changed = json!({ "id": id, "type": kind, "amount": amount, "fee": fee, "currency": "eur",
                              "reporting_category": category });
        super::post(server, format!("{}_config/balance", account.url), changed).await;
    }
    for written in [4, 0] {
        assert_eq!(settle(&server.app, Span::default()).await.unwrap(), written);
    }
    let amount = async |account_ref: AccountRef| {
        let found = account_at(&server.app, account_ref, Currency::parse("EUR").unwrap()).await.unwrap();
        found.map_or(0, |account| account.balance)
    };
    assert_eq!(amount(AccountRef::ProviderFees).await, -259);
    assert_eq!(amount(AccountRef::Clearing(ProviderKind::BankTransfer)).await, -400);
    assert_eq!(amount(AccountRef::Clearing(ProviderKind::Stripe)).await, 659);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_stripe_holds_is_read_by_its_client_in_minor_units_of_ours() {
    let Some(account) = Account::open().await else { return };
    let held = |amount: i64, currency: &str| json!({ "amount": amount, "currency": currency, "source_types": {} });
    // Of the Ugandan shilling Stripe counts hundredths, which it does not have.
    let holds =
        json!({ "available": [held(900, "usd"), held(700, "jpy")], "pending": [held(100, "usd"), held(500, "ugx")] });
    super::post(&account.server, format!("{}_config/holdings", account.url), holds).await;
    let holdings = account.gateway().holdings().await.unwrap().unwrap();
    let amounts = [("USD", 900), ("JPY", 700), ("USD", 100), ("UGX", 5)];
    assert_eq!(holdings.amounts, amounts.map(|(currency, minor)| (currency.to_owned(), minor)));
    assert_eq!(holdings.at, None);
}
