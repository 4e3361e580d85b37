//! Staff is told of what somebody has to look into, each once; the books are checked, and compared, by themselves.

use agora::{domain::alerts, entity::user_role::Role, platform::providers::payments::sandbox::Deed, worker};
use serde_json::{Value, json};

use super::{
    GOOD, act, deposit, paid, paid_by, refunds::ask, taken_back::behind_our_back, tamper, treasurer, wait_often,
};
use crate::{
    harness::{Client, Server},
    wallets::{add_method, withdraw},
};

/// What staff is told of, the newest first: titles and messages.
async fn told(client: &Client) -> Vec<(String, String)> {
    let list = "{ me { notifications { nodes { kind title message } } } }";
    let nodes = client.ok(list, Value::Null).await["me"]["notifications"]["nodes"].clone();
    let text = |node: &Value, name: &str| node[name].as_str().unwrap().to_owned();
    let nodes = nodes.as_array().unwrap().iter().filter(|node| node["kind"] == "STAFF_ALERT");
    nodes.map(|node| (text(node, "title"), text(node, "message"))).collect()
}

#[tokio::test]
async fn staff_with_the_permission_is_told_of_disputes_and_failed_refunds_once_and_nobody_else() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    assert!(agora::domain::auth::confirm_email(&server.app, "treasurer@example.org").await.unwrap());
    let warden = server.staff("warden", Role::Moderator).await;
    let payment = paid_by(&server, &amina, "10.00", "4000000000007726", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("1.00"), "", "r").await;
    behind_our_back(&server, Deed::Dispute(Some(400))).await;
    wait_often(&server, 2).await;
    for _ in 0..2 {
        alerts::watch(&server.app).await.unwrap();
    }
    let all = told(&staff).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.contains(&("A payment is disputed".to_owned(), "4.00 USD: fraudulent".to_owned())), "{all:?}");
    assert!(all.contains(&("A refund failed".to_owned(), "1.00 USD refund_failed".to_owned())), "{all:?}");
    assert_eq!((told(&warden).await, told(&amina).await), (Vec::new(), Vec::new()));
    let sent = server.sent().await;
    let to_staff: Vec<_> = sent.iter().filter(|sent| sent.to == "treasurer@example.org").collect();
    let alerts = |text: &str| {
        to_staff.iter().filter(|sent| sent.subject.starts_with("To look into") && sent.text.contains(text)).count()
    };
    assert_eq!((alerts("4.00 USD"), alerts("1.00 USD")), (1, 1), "{to_staff:?}");
}

#[tokio::test]
async fn books_that_differ_and_providers_that_tell_otherwise_are_found_by_themselves() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    paid(&server, &amina, "10.00", "k").await;
    worker::run_schedules(&server.app).await.unwrap();
    let query = "{ adminMoneyOverview { books { differences } providers { differences } openDisputes } }";
    let now = staff.ok(query, Value::Null).await["adminMoneyOverview"].clone();
    let none = json!({ "differences": 0 });
    assert_eq!(now, json!({ "books": none, "providers": none, "openDisputes": 0 }));
    assert_eq!(told(&staff).await, []);
    // What was paid and never told is mended by the comparison; what can't be is told.
    let late = deposit(&amina, "5.00", "late").await["payment"].clone();
    act(&server, &late, &agora::platform::providers::payments::sandbox::Act::card(GOOD)).await;
    tamper(&server, "DELETE FROM sandbox_events").await;
    tamper(&server, "UPDATE payments SET check_at = NULL").await;
    tamper(&server, "UPDATE sandbox_charges SET captured = 400 WHERE amount = 1000").await;
    tamper(&server, "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'").await;
    server.advance(24 * 3600);
    for _ in 0..2 {
        worker::run_schedules(&server.app).await.unwrap();
        server.advance(301);
    }
    let staff = server.anonymous().login("treasurer").await;
    let now = staff
        .ok("{ adminMoneyOverview { books { differences detail } providers { differences detail } } }", Value::Null)
        .await;
    let now = now["adminMoneyOverview"].clone();
    assert_eq!(now["providers"]["differences"], 1, "{now}");
    assert!(now["providers"]["detail"].as_str().unwrap().contains("by the provider 4.00 USD"), "{now}");
    assert!(now["books"]["differences"].as_i64().unwrap() >= 1, "{now}");
    let mut titles: Vec<_> = told(&staff).await.into_iter().map(|(title, _)| title).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["The books and a provider do not agree", "The books do not balance"]);
    assert_eq!(server.count("SELECT COUNT(*) FROM payments WHERE state = 'completed'").await, 2);
}

#[tokio::test]
async fn dead_jobs_and_withdrawals_that_wait_are_told_once_a_day() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    paid(&server, &amina, "10.00", "k").await;
    let method = add_method(&amina, "USD").await;
    withdraw(&amina, &method, "1.00", "w").await;
    server.run_jobs().await;
    tamper(
        &server,
        "INSERT INTO jobs (id, kind, payload, state, attempts, run_at, created_at) \
         SELECT id, 'webhook', '{}', 'dead', 10, created_at, created_at FROM payments",
    )
    .await;
    server.advance(3 * 86_400);
    for _ in 0..3 {
        alerts::watch(&server.app).await.unwrap();
    }
    let staff = {
        drop(staff);
        server.anonymous().login("treasurer").await
    };
    let mut all = told(&staff).await;
    all.sort_unstable();
    let expected = [("Background jobs have failed for good", "webhook: 1"), ("Withdrawals wait for a decision", "1")];
    assert_eq!(all, expected.map(|(title, message)| (title.to_owned(), message.to_owned())));
    server.advance(86_400);
    alerts::watch(&server.app).await.unwrap();
    let staff = server.anonymous().login("treasurer").await;
    assert_eq!(told(&staff).await.len(), 4);
}

#[tokio::test]
async fn the_trial_balance_sums_to_zero_now_and_as_of_a_time() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    paid(&server, &amina, "10.00", "k").await;
    let then = server.clock.now();
    server.advance(60);
    paid(&server, &amina, "5.00", "l").await;
    let query = "query($at: DateTime) { adminLedgerAccounts(at: $at) { lines { kind name currency accounts balance { amount } } csv } }";
    let expected = |amount: &str| {
        let line = |kind: &str, name: &str, amount: String| json!({ "kind": kind, "name": name, "currency": "USD", "accounts": 1, "balance": { "amount": amount } });
        json!([line("CLEARING", "sandbox", format!("-{amount}")), line("WALLET", "", amount.to_owned())])
    };
    for (at, amount) in [(Value::Null, "15.00"), (json!(then), "10.00")] {
        let found = staff.ok(query, json!({ "at": at })).await["adminLedgerAccounts"].clone();
        assert_eq!(found["lines"], expected(amount), "{found}");
        let csv = format!(
            "currency,kind,name,accounts,balance\r\nUSD,clearing,sandbox,1,-{amount}\r\nUSD,wallet,,1,{amount}\r\n"
        );
        assert_eq!(found["csv"], csv);
    }
}
