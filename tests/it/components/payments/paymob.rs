//! Paymob, by a stub of its published interface.

use std::collections::BTreeMap;

use agora::platform::providers::payments::{
    Charge, ChargeState, Envelope, Failure, Gateway, GivenBack, NO_SUCH_CHARGE, NOT_SUPPORTED, NewCustomer, NextAction,
    RefundProgress, Rejected, Subject,
};
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
    narrow_key: String,
}

impl Account {
    /// `by_api_key`: asks about transactions by a token, as the documents have it.
    async fn open(by_api_key: bool) -> Option<Self> {
        let [url, secret, narrow_key, api_key] = needs([
            "COMPONENT_PAYMOB_URL",
            "COMPONENT_PAYMOB_SECRET_KEY",
            "COMPONENT_PAYMOB_NARROW_KEY",
            "COMPONENT_PAYMOB_API_KEY",
        ])?;
        let (secret, api_key) = if by_api_key { (&narrow_key, api_key.as_str()) } else { (&secret, "") };
        let server = Server::with(&settings(&url, secret, api_key)).await;
        Some(Self { server, url, narrow_key })
    }

    fn gateway(&self) -> &dyn Gateway {
        self.server.app.payments.gateway("paymob").unwrap()
    }

    async fn payer(&self, charge: &Charge, how: &str) {
        post(&self.server, format!("{}_payer/{}", self.url, secret(charge)), json!({ "how": how })).await;
    }

    /// The notice of the last transaction.
    async fn notice(&self, secret: &str) -> (Envelope, Value) {
        let notice = get(&self.server, format!("{}_notice/{secret}", self.url)).await;
        let query = BTreeMap::from([("hmac".to_owned(), notice["hmac"].as_str().unwrap().to_owned())]);
        (Envelope { query, ..Envelope::default() }, notice["body"].clone())
    }
}

fn settings<'a>(url: &'a str, secret: &'a str, api_key: &'a str) -> [(&'a str, &'a str); 7] {
    [
        ("PAYMOB_API_URL", url),
        ("PAYMOB_SECRET_KEY", secret),
        ("PAYMOB_API_KEY", api_key),
        ("PAYMOB_PUBLIC_KEY", "egy_pk_test_1"),
        ("PAYMOB_HMAC_SECRET", "hmac-secret"),
        ("PAYMOB_INTEGRATION_IDS", "4097558"),
        ("PUBLIC_URL", "https://api.example.org"),
    ]
}

/// The client secret, out of the page's address.
fn secret(charge: &Charge) -> String {
    redirect(charge).rsplit_once("clientSecret=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_charge_at_paymob_is_begun_paid_and_given_back_in_parts() {
    for by_api_key in [false, true] {
        let Some(account) = Account::open(by_api_key).await else { return };
        let gateway = account.gateway();
        assert_eq!(gateway.check().await, Ok(()));
        let ours = super::reference();
        let begun = gateway.create_charge(&charge(&ours, amount(12_500, "EGP"))).await.unwrap();
        assert!(is_pending(&begun), "{begun:?}");
        assert_eq!((begun.amount, begun.currency.as_str()), (12_500, "EGP"));
        let page = format!("{}unifiedcheckout/?publicKey=egy_pk_test_1&clientSecret=egy_csk_test_", account.url);
        assert!(redirect(&begun).starts_with(&page), "{begun:?}");
        assert!(!begun.answer.contains("csk"), "{}", begun.answer);
        let seen = get(&account.server, format!("{}_seen/{}", account.url, secret(&begun))).await;
        assert_eq!(seen["notification_url"], "https://api.example.org/webhooks/paymob");
        assert_eq!((&seen["special_reference"], &seen["expiration"]), (&json!(ours), &json!(86_400)));

        // Nobody has tried yet; then somebody does in vain, and may again on the same page.
        let waiting = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert!(is_pending(&waiting) && waiting.next == begun.next, "{waiting:?}");
        account.payer(&begun, "declined").await;
        let declined = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert!(is_pending(&declined) && declined.next == begun.next, "{declined:?}");
        assert_eq!(declined.failure.as_deref(), Some("51"));
        account.payer(&begun, "pending").await;
        let held = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert_eq!((held.state, sums(&held)), (ChargeState::Processing, (0, 0, 0)));
        assert_eq!(gateway.cancel_charge(&begun.reference).await.unwrap().state, ChargeState::Processing);
        account.payer(&begun, "cleared").await;
        let paid = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert_eq!((paid.state, sums(&paid)), (ChargeState::Completed, (12_500, 12_500, 0)));
        assert_eq!((paid.reference.as_str(), &paid.next), (begun.reference.as_str(), &NextAction::None));
        assert_eq!(gateway.cancel_charge(&begun.reference).await.unwrap().state, ChargeState::Completed);

        let part = refund("refund_1", &begun.reference, amount(5000, "EGP"), 0);
        let given = gateway.create_refund(&part).await.unwrap();
        assert_eq!((given.progress, given.failure.as_deref()), (RefundProgress::Succeeded, None));
        // Its answer was lost: it is not given back twice.
        let again = gateway.create_refund(&part).await.unwrap();
        assert_eq!((again.reference, again.progress), (given.reference.clone(), RefundProgress::Succeeded));
        let fetched = gateway.fetch_refund(&given.reference, &begun.reference).await.unwrap();
        assert_eq!(fetched.progress, RefundProgress::Succeeded);
        let too_much = refund("refund_2", &begun.reference, amount(7501, "EGP"), 5000);
        assert_eq!(gateway.create_refund(&too_much).await.map(drop), refused("refund_refused"));
        // More was given back there than we know of: nobody guesses.
        let unknown = gateway.create_refund(&refund("refund_3", &begun.reference, amount(1000, "EGP"), 2000)).await;
        assert!(matches!(unknown, Err(Failure::Unavailable(_))), "{unknown:?}");
        gateway.create_refund(&refund("refund_4", &begun.reference, amount(7500, "EGP"), 5000)).await.unwrap();
        let whole = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
        assert_eq!((whole.state, sums(&whole)), (ChargeState::Completed, (12_500, 12_500, 12_500)));
    }
}

#[tokio::test]
async fn a_charge_at_paymob_whose_beginning_got_lost_is_begun_anew_or_found() {
    let Some(account) = Account::open(false).await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let lost = gateway.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    // Nobody has tried to pay the lost one: there is another.
    let second = gateway.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    assert!(is_pending(&second) && second.reference != lost.reference, "{second:?}");
    // Its notices are still about our charge.
    account.payer(&second, "declined").await;
    let (envelope, body) = account.notice(&secret(&second)).await;
    assert_eq!(body["obj"]["order"]["merchant_order_id"], json!(format!("{ours}.2")));
    let now = account.server.app.clock.now();
    let notice = gateway.verify_webhook(&envelope, body.to_string().as_bytes(), now).await.unwrap();
    assert_eq!(notice.subject, Subject::Reference(ours.clone()));
    // Somebody has paid: that is the charge.
    account.payer(&second, "paid").await;
    account.payer(&lost, "paid").await;
    let found = gateway.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    assert_eq!((found.state, sums(&found)), (ChargeState::Completed, (900, 900, 0)));
    let asked = gateway.advance_charge(&found.reference, &ours).await.unwrap();
    assert_eq!((asked.state, asked.reference), (ChargeState::Completed, found.reference.clone()));
    // Of another amount than ours, it is not.
    let other = gateway.create_charge(&charge(&ours, amount(800, "EGP"))).await;
    assert!(matches!(other, Err(Failure::Unavailable(_))), "{other:?}");
}

#[tokio::test]
async fn a_charge_at_paymob_is_called_off_on_our_side_and_what_is_paid_yet_counts() {
    let Some(account) = Account::open(false).await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    let off = gateway.cancel_charge(&begun.reference).await.unwrap();
    assert_eq!((off.state, off.next), (ChargeState::Cancelled, NextAction::None));
    account.payer(&begun, "paid").await;
    let paid = gateway.advance_charge(&begun.reference, &ours).await.unwrap();
    assert_eq!((paid.state, sums(&paid)), (ChargeState::Completed, (900, 900, 0)));
}

#[tokio::test]
async fn what_paymob_can_not_do_is_refused_and_an_outage_is_none() {
    let Some(account) = Account::open(false).await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let odd = gateway.create_charge(&charge(&ours, amount(900, "JPY"))).await;
    assert_eq!(odd.map(drop), refused("currency_not_supported"));
    let new = NewCustomer { reference: &ours, email: None };
    assert_eq!(gateway.create_customer(&new).await, refused(NOT_SUPPORTED));
    for strange in ["", "1", "x:1:EGP:s", "1:1:EGP"] {
        assert_eq!(gateway.advance_charge(strange, &ours).await.map(drop), refused(NO_SUCH_CHARGE), "{strange}");
    }
    outages_are_no_refusals(gateway, amount(900, "EGP")).await;

    // A key that may not ask about transactions is found by the check, and nothing is taken for unpaid because of it.
    let narrow = Server::with(&settings(&account.url, &account.narrow_key, "")).await;
    let narrow = narrow.app.payments.gateway("paymob").unwrap();
    assert_eq!(narrow.check().await, Err("unavailable: status 401".to_owned()));
    let begun = narrow.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    assert!(matches!(narrow.advance_charge(&begun.reference, &ours).await, Err(Failure::Unavailable(_))));
    let url = nowhere();
    let down = Server::with(&settings(&url, "egy_sk_test_1", "")).await;
    let down = down.app.payments.gateway("paymob").unwrap();
    is_unavailable(down, "1:900:EGP:egy_csk_test_1", amount(900, "EGP")).await;
}

#[tokio::test]
async fn notices_of_paymob_are_believed_when_their_hmac_is_right() {
    let Some(account) = Account::open(true).await else { return };
    let gateway = account.gateway();
    let now = account.server.app.clock.now();
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    let verify = async |envelope: &Envelope, body: &Value| {
        gateway.verify_webhook(envelope, body.to_string().as_bytes(), now).await
    };
    account.payer(&begun, "pending").await;
    let (envelope, pending) = account.notice(&secret(&begun)).await;
    let first = verify(&envelope, &pending).await.unwrap();
    assert_eq!(first.subject, Subject::Reference(ours.clone()));
    assert_eq!(verify(&envelope, &pending).await.unwrap(), first);
    // The same transaction in another state is another event.
    account.payer(&begun, "cleared").await;
    let (cleared, body) = account.notice(&secret(&begun)).await;
    let second = verify(&cleared, &body).await.unwrap();
    assert!(second.event_id != first.event_id && second.subject == first.subject, "{second:?}");

    // What is signed can't be changed, and no tag but the right one passes.
    for (path, value) in
        [("success", json!(true)), ("pending", json!(false)), ("amount_cents", json!(1)), ("id", json!(1))]
    {
        let mut changed = pending.clone();
        changed["obj"][path] = value;
        assert_eq!(verify(&envelope, &changed).await, Err(Rejected::Signature), "{path}");
    }
    assert_eq!(verify(&cleared, &pending).await, Err(Rejected::Signature));
    assert_eq!(verify(&Envelope::default(), &pending).await, Err(Rejected::Signature));
    for tag in ["", "00", "zz", &"0".repeat(128)] {
        let query = BTreeMap::from([("hmac".to_owned(), (*tag).to_owned())]);
        let bad = Envelope { query, ..Envelope::default() };
        assert_eq!(verify(&bad, &pending).await, Err(Rejected::Signature), "{tag}");
    }
    assert_eq!(gateway.verify_webhook(&cleared, b"[]", now).await, Err(Rejected::Body));
}

#[tokio::test]
async fn a_deposit_by_paymob_comes_in_by_its_notice_and_goes_back_in_parts() {
    let Some(account) = Account::open(true).await else { return };
    let secret = |next: &Value| next["url"].as_str().unwrap().rsplit_once("clientSecret=").unwrap().1.to_owned();
    let pay = async |next: &Value| {
        post(&account.server, format!("{}_payer/{}", account.url, secret(next)), json!({ "how": "paid" })).await;
    };
    let notice = async |next: &Value| {
        let (envelope, body) = account.notice(&secret(next)).await;
        let query = format!("?hmac={}", envelope.query["hmac"]);
        Arriving { headers: BTreeMap::new(), query, body: body.to_string() }
    };
    deposit_and_refund(&account.server, "PAYMOB", "EGP", pay, notice).await;
}

#[tokio::test]
async fn what_is_given_back_or_voided_in_paymobs_dashboard_is_told() {
    let Some(account) = Account::open(true).await else { return };
    let gateway = account.gateway();
    let ours = super::reference();
    let begun = gateway.create_charge(&charge(&ours, amount(900, "EGP"))).await.unwrap();
    account.payer(&begun, "paid").await;
    let given_back = async || gateway.given_back(&begun.reference).await;
    assert_eq!(given_back().await, Ok(GivenBack::Total(0)));
    let url = format!("{}_payer/{}", account.url, secret(&begun));
    post(&account.server, url, json!({ "how": "given back", "amount": 300 })).await;
    assert_eq!(given_back().await, Ok(GivenBack::Total(300)));
    account.payer(&begun, "voided").await;
    let voided = gateway.look_at_charge(&begun.reference).await.unwrap();
    assert_eq!((voided.state, sums(&voided)), (ChargeState::Completed, (900, 900, 900)));
}
