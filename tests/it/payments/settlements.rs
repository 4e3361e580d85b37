//! What providers keep for their work and pay out to the bank is in the books once, whoever tells it.

use agora::{
    domain::{
        ledger::{self, AccountRef, NewTransfer, Origin},
        payments::{reconcile, settle},
    },
    entity::{Currency, ledger_transfer::TransferKind, payment::ProviderKind},
    platform::list::Span,
};
use serde_json::{Value, json};

use super::{
    assert_books, at, code, confirm, deposit_by, disputes_by_hand, paypal::Paypal, stripe::Stripe, tamper, treasurer,
};
use crate::harness::{Client, Server};

const PAYPAL: AccountRef = AccountRef::Clearing(ProviderKind::Paypal);
const STRIPE: AccountRef = AccountRef::Clearing(ProviderKind::Stripe);
const PAYMOB: AccountRef = AccountRef::Clearing(ProviderKind::Paymob);
const BANK: AccountRef = AccountRef::Clearing(ProviderKind::BankTransfer);

async fn record(staff: &Client, provider: &str, kind: &str, amount: &str, reference: &str, key: &str) -> Value {
    let query = format!(
        "mutation($amount: MoneyInput!, $reference: String!, $key: String!) {{ adminProviderSettlementRecord(input: {{ \
         provider: {provider}, kind: {kind}, amount: $amount, reference: $reference, idempotencyKey: $key }}) {{ \
         settlement {{ provider kind amount {{ amount }} reference }} replayed errors {{ code path }} }} }}"
    );
    let variables = json!({ "amount": { "amount": amount, "currency": "USD" }, "reference": reference, "key": key });
    staff.ok(&query, variables).await["adminProviderSettlementRecord"].clone()
}

/// A server that has taken 10.00 by PayPal.
async fn paid_by(paypal: &Paypal) -> Server {
    let server = Server::with(&paypal.settings()).await;
    let amina = server.user("amina").await;
    let payment = deposit_by(&amina, "PAYPAL", "10.00", "k").await["payment"].clone();
    paypal.approve();
    assert_eq!(confirm(&amina, &payment).await["state"], "COMPLETED");
    server
}

#[tokio::test]
async fn what_paypal_keeps_and_pays_out_is_booked_once() {
    let paypal = Paypal::open().await;
    let server = paid_by(&paypal).await;
    assert_eq!(at(&server, PAYPAL).await, (-1000, 0));
    paypal.book("CAPTURE-ORDER0", "T0006", "10.00", Some("-0.59"));
    paypal.book("PAYOUT", "T0400", "-5.00", Some("-0.25"));
    paypal.book("BACK", "T1101", "2.00", None);
    paypal.book("CHARGEBACK", "T0106", "-1.00", None);
    // What the search tells of charges and refunds themselves is in the books by those.
    paypal.book("REFUND", "T1107", "-3.00", None);
    for written in [5, 0] {
        assert_eq!(settle(&server.app, Span::default()).await.unwrap(), written);
    }
    assert_eq!(at(&server, AccountRef::ProviderFees).await, (-59 - 25 - 100, 0));
    assert_eq!(at(&server, BANK).await, (-500 + 200, 0));
    assert_eq!(at(&server, PAYPAL).await, (-1000 + 59 + 25 + 100 + 500 - 200, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_paypal_keeps_of_a_charge_is_booked_by_the_comparison_and_not_again_by_the_search() {
    let paypal = Paypal::open().await;
    paypal.keep("0.59");
    let server = paid_by(&paypal).await;
    for (mend, fees) in [(false, 0), (true, -59), (true, -59)] {
        server.advance(1);
        assert_eq!(reconcile(&server.app, Span::default(), mend).await.unwrap().disagreements, []);
        assert_eq!(at(&server, AccountRef::ProviderFees).await, (fees, 0), "{mend}");
    }
    paypal.book("CAPTURE-ORDER0", "T0006", "10.00", Some("-0.59"));
    assert_eq!(settle(&server.app, Span::default()).await.unwrap(), 0);
    assert_eq!(at(&server, PAYPAL).await, (-1000 + 59, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_a_provider_does_not_tell_staff_books_and_one_reference_once() {
    let server = disputes_by_hand::start().await;
    let (staff, amina) = (treasurer(&server).await, server.user("amina").await);
    let booked = record(&staff, "PAYMOB", "FEE", "2.50", " INV-1 ", "a").await;
    let settlement =
        json!({ "provider": "PAYMOB", "kind": "FEE", "amount": { "amount": "2.50" }, "reference": "INV-1" });
    assert_eq!(booked, json!({ "settlement": settlement, "replayed": false, "errors": [] }));
    // The same call again, and the same statement read by somebody else.
    for key in ["a", "b"] {
        let again = record(&staff, "PAYMOB", "FEE", "2.50", "INV-1", key).await;
        assert_eq!((&again["settlement"], &again["replayed"]), (&settlement, &json!(true)));
    }
    let other = server.staff("boss", agora::entity::user_role::Role::Owner).await;
    assert_eq!(record(&other, "PAYMOB", "FEE", "2.50", "INV-1", "a").await["replayed"], true);
    // Something else under its reference is a mistake of somebody's.
    for (kind, amount) in [("FEE", "2.51"), ("FEE_BACK", "2.50"), ("PAYOUT", "2.50")] {
        let refused = record(&staff, "PAYMOB", kind, amount, "INV-1", &format!("{kind} {amount}")).await;
        assert_eq!(refused["errors"], json!([{ "code": "ALREADY_EXISTS", "path": ["input", "reference"] }]), "{kind}");
    }
    assert_eq!(code(&record(&staff, "PAYMOB", "FEE", "9.00", "INV-9", "a").await), "IDEMPOTENCY_KEY_REUSED");
    // Those that hold nothing, and those that are not used here.
    for provider in ["WALLET", "BANK_TRANSFER", "CASH_ON_DELIVERY", "STRIPE", "PAYPAL"] {
        let refused = record(&staff, provider, "FEE", "1.00", "INV-2", provider).await;
        assert_eq!(code(&refused), "PROVIDER_NOT_AVAILABLE", "{provider}");
    }
    assert_eq!(code(&record(&staff, "PAYMOB", "FEE", "1.00", " ", "c").await), "BLANK");
    assert_eq!(at(&server, PAYMOB).await, (250, 0));
    record(&staff, "PAYMOB", "PAYOUT", "40.00", "P-1", "d").await;
    record(&staff, "PAYMOB", "PAYOUT_BACK", "10.00", "P-2", "e").await;
    record(&staff, "PAYMOB", "FEE_BACK", "0.50", "INV-3", "f").await;
    assert_eq!(at(&server, PAYMOB).await, (250 + 4000 - 1000 - 50, 0));
    assert_eq!((at(&server, BANK).await, at(&server, AccountRef::ProviderFees).await), ((-3000, 0), (-200, 0)));
    let audit = "{ adminAudit { nodes { action subject { id } } } }";
    let entries = staff.ok(audit, Value::Null).await["adminAudit"]["nodes"].clone();
    let entry = json!({ "action": "adminProviderSettlementRecord", "subject": null });
    assert_eq!(entries, json!([entry, entry, entry, entry]));
    let mine = "mutation { adminProviderSettlementRecord(input: { provider: PAYMOB, kind: FEE, amount: { amount: \"1.00\", \
                currency: \"USD\" }, reference: \"x\", idempotencyKey: \"x\" }) { errors { code } } }";
    assert_eq!(amina.refused(mine, Value::Null).await, "FORBIDDEN");
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_staff_has_booked_is_not_booked_again_when_the_provider_tells() {
    let paypal = Paypal::open().await;
    let server = paid_by(&paypal).await;
    let staff = treasurer(&server).await;
    // As long as it does not let us search, staff says it.
    paypal.refuse_search();
    assert_eq!(code(&record(&staff, "PAYPAL", "PAYOUT", "5.00", "PAYOUT", "k").await), "");
    assert_eq!(code(&record(&staff, "PAYPAL", "PAYOUT", "1.00", "OTHER", "l").await), "");
    paypal.allow_search();
    paypal.book("PAYOUT", "T0400", "-5.00", None);
    // Told otherwise, it is for somebody to look into.
    paypal.book("OTHER", "T0400", "-2.00", None);
    assert_eq!(settle(&server.app, Span::default()).await.unwrap(), 0);
    assert_eq!(at(&server, PAYPAL).await, (-400, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn of_a_provider_that_tells_by_itself_staff_books_nothing() {
    let paypal = Paypal::open().await;
    let server = paid_by(&paypal).await;
    let staff = treasurer(&server).await.seen().await;
    let before = server.contents().await;
    let refused = record(&staff, "PAYPAL", "FEE", "5.00", "NEXT", "k").await;
    assert_eq!(refused["errors"], json!([{ "code": "PROVIDER_NOT_AVAILABLE", "path": ["input", "provider"] }]));
    assert!(server.changes_since(&before).await.is_empty());
    // So nothing is in the way of what it tells.
    paypal.book("NEXT", "T0400", "-1.00", None);
    assert_eq!(settle(&server.app, Span::default()).await.unwrap(), 1);
    assert_eq!(at(&server, PAYPAL).await, (-900, 0));
}

/// What the comparison has to say.
async fn compared(server: &Server) -> Vec<String> {
    let found = reconcile(&server.app, Span::default(), false).await.unwrap().disagreements;
    found.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_a_provider_holds_is_compared_with_the_books() {
    let paypal = Paypal::open().await;
    let server = paid_by(&paypal).await;
    server.advance(1);
    // Whom it does not let see that, it does not tell.
    assert_eq!(compared(&server).await, [""; 0]);
    paypal.hold("10.00");
    assert_eq!(compared(&server).await, [""; 0]);
    paypal.hold("9.41");
    let differs = ["paypal: it holds 9.41 USD, by the books 10.00 USD"];
    assert_eq!(compared(&server).await, differs);
    // What it kept is told: then it is right again.
    paypal.book("CAPTURE-ORDER0", "T0006", "10.00", Some("-0.59"));
    settle(&server.app, Span::default()).await.unwrap();
    assert_eq!(compared(&server).await, [""; 0]);
    paypal.hold("-1.00");
    assert_eq!(compared(&server).await, ["paypal: it holds -1.00 USD, by the books 9.41 USD"]);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn while_a_dispute_is_open_its_money_and_a_fee_may_be_gone_and_no_more() {
    let paypal = Paypal::open().await;
    let server = paid_by(&paypal).await;
    server.advance(1);
    let open = "INSERT INTO payment_disputes (id, payment_id, provider_reference, amount, reason, state, opened_at) \
                SELECT id, id, 'D-1', 400, 'fraud', 'open', created_at FROM payments";
    tamper(&server, open).await;
    for held in ["10.00", "8.00", "6.00"] {
        paypal.hold(held);
        assert_eq!(compared(&server).await, [""; 0], "{held}");
    }
    for held in ["5.99", "10.01"] {
        paypal.hold(held);
        assert_eq!(compared(&server).await, [format!("paypal: it holds {held} USD, by the books 10.00 USD")]);
    }
    // What it kept for another one is known: so much it may keep for this one, too.
    let fee = NewTransfer {
        kind: TransferKind::ProviderFee,
        from: AccountRef::ProviderFees,
        to: PAYPAL,
        amount: 100,
        currency: Currency::parse("USD").unwrap(),
        reference: None,
        description: "",
        origin: Origin::step("dispute_fee", "another"),
    };
    server.app.db.transact(async |tx| ledger::post_in(&server.app, &tx, fee).await).await.unwrap();
    paypal.hold("4.00");
    assert_eq!(compared(&server).await, [""; 0]);
    paypal.hold("3.99");
    assert_eq!(compared(&server).await, ["paypal: it holds 3.99 USD, by the books 9.00 USD"]);
}

#[tokio::test]
async fn a_report_of_some_hours_ago_is_compared_with_the_books_of_then() {
    let paypal = Paypal::open().await;
    let server = paid_by(&paypal).await;
    server.advance(1);
    let then = server.clock.now();
    server.advance(3600);
    let badr = server.user("badr").await;
    let payment = deposit_by(&badr, "PAYPAL", "5.00", "k").await["payment"].clone();
    paypal.approve();
    assert_eq!(confirm(&badr, &payment).await["state"], "COMPLETED");
    server.advance(1);
    paypal.hold_at("10.00", Some(then));
    assert_eq!(compared(&server).await, [""; 0]);
    paypal.hold_at("15.00", None);
    assert_eq!(compared(&server).await, [""; 0]);
    paypal.hold_at("15.00", Some(then));
    assert_eq!(compared(&server).await, ["paypal: it holds 15.00 USD, by the books 10.00 USD"]);
}

#[tokio::test]
async fn staff_is_told_that_a_provider_holds_something_else_unless_the_account_is_not_ours_alone() {
    for (setting, differences) in [("true", 1), ("false", 0)] {
        let paypal = Paypal::open().await;
        let settings = [&paypal.settings()[..], &[("RECONCILE_BALANCES", setting)]].concat();
        let server = Server::with(&settings).await;
        let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
        let payment = deposit_by(&amina, "PAYPAL", "10.00", "k").await["payment"].clone();
        paypal.approve();
        assert_eq!(confirm(&amina, &payment).await["state"], "COMPLETED");
        paypal.hold("3.00");
        agora::worker::run_schedules(&server.app).await.unwrap();
        let overview = "{ adminMoneyOverview { providers { differences } } }";
        let found = staff.ok(overview, Value::Null).await["adminMoneyOverview"]["providers"]["differences"].clone();
        assert_eq!(found, differences, "{setting}");
    }
}

/// What the last comparison by night found, and what staff was told of it.
async fn by_night(server: &Server) -> (i64, String, Vec<String>) {
    // Once to compare, and once to tell.
    for _ in 0..2 {
        agora::worker::run_schedules(&server.app).await.unwrap();
        server.advance(301);
    }
    let staff = server.anonymous().login("treasurer").await;
    let query =
        "{ adminMoneyOverview { providers { differences detail } } me { notifications { nodes { kind message } } } }";
    let seen = staff.ok(query, Value::Null).await;
    let check = &seen["adminMoneyOverview"]["providers"];
    let alerts = seen["me"]["notifications"]["nodes"].as_array().unwrap();
    let alerts = alerts.iter().filter(|alert| alert["kind"] == "STAFF_ALERT");
    (
        check["differences"].as_i64().unwrap(),
        check["detail"].as_str().unwrap_or_default().to_owned(),
        alerts.map(|alert| alert["message"].as_str().unwrap().to_owned()).collect(),
    )
}

#[tokio::test]
async fn what_stripe_has_available_and_pending_is_compared_and_staff_told_of_what_differs() {
    let stripe = Stripe::open().await;
    let server = Server::with(&stripe.settings()).await;
    treasurer(&server).await;
    for (currency, amount) in [("USD", 1000), ("JPY", 700)] {
        let taken = NewTransfer {
            kind: TransferKind::Settlement,
            from: STRIPE,
            to: BANK,
            amount,
            currency: Currency::parse(currency).unwrap(),
            reference: None,
            description: "",
            origin: Origin::step("test", currency),
        };
        server.app.db.transact(async |tx| ledger::post_in(&server.app, &tx, taken).await).await.unwrap();
    }
    stripe.hold(&[(900, "usd"), (700, "jpy"), (0, "eur")], &[(100, "usd")]);
    assert_eq!(compared(&server).await, [""; 0]);
    assert_eq!(by_night(&server).await, (0, String::new(), Vec::new()));
    server.advance(24 * 3600);
    stripe.hold(&[(900, "usd"), (700, "jpy"), (5, "eur")], &[]);
    let differ =
        ["stripe: it holds 0.05 EUR, by the books 0.00 EUR", "stripe: it holds 9.00 USD, by the books 10.00 USD"];
    assert_eq!(compared(&server).await, differ);
    let (differences, detail, told) = by_night(&server).await;
    assert_eq!((differences, told.len()), (2, 1), "{told:?}");
    for line in differ {
        assert!(detail.contains(line) && told[0].contains(line), "{detail}: {told:?}");
    }
    assert_books(&server.app).await;
}
