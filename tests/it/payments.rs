//! Payments over the server, as payers, staff and providers meet them.

mod deposits;

use agora::{app::App, domain::ledger, platform::payments::sandbox::Act};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// A card that pays.
pub const GOOD: &str = "4242 4242 4242 4242";

/// What every payment is asked for.
pub const FIELDS: &str = "id state refundState failure amount { amount currency } captured { amount } refunded { amount } \
     refunding { amount } nextAction { kind url clientSecret reference }";

/// The books balance: every rule of every domain.
pub async fn assert_books(app: &App) {
    let found = app.db.snapshot(async |tx| ledger::verify(&tx).await).await.unwrap();
    assert!(found.is_empty(), "{found:?}");
}

/// Begins a deposit; gives the payload.
pub async fn deposit(client: &Client, amount: &str, key: &str) -> Value {
    let query = format!(
        "mutation($amount: MoneyInput!, $key: String!) {{ walletDeposit(input: {{ amount: $amount, provider: SANDBOX, \
         idempotencyKey: $key }}) {{ payment {{ {FIELDS} }} replayed errors {{ code path }} }} }}"
    );
    let data = client.ok(&query, json!({ "amount": { "amount": amount, "currency": "USD" }, "key": key })).await;
    data["walletDeposit"].clone()
}

/// Pays at the sandbox's page.
pub async fn act(server: &Server, payment: &Value, act: &Act) {
    let secret = payment["nextAction"]["clientSecret"].as_str().unwrap_or_else(|| {
        let url = payment["nextAction"]["url"].as_str().unwrap_or_else(|| panic!("nothing to do: {payment}"));
        url.split_once("secret=").unwrap().1
    });
    server.app.payments.sandbox().unwrap().act(secret, act).await.unwrap().unwrap();
}

/// Says that the payer did their part; gives the payment.
pub async fn confirm(client: &Client, payment: &Value) -> Value {
    let query =
        format!("mutation($id: ID!) {{ paymentConfirm(id: $id) {{ payment {{ {FIELDS} }} errors {{ code }} }} }}");
    let data = client.ok(&query, json!({ "id": payment["id"] })).await;
    data["paymentConfirm"]["payment"].clone()
}

/// How a payment is now.
pub async fn look(client: &Client, payment: &Value) -> Value {
    let query = format!("query($id: ID!) {{ payment(id: $id) {{ {FIELDS} }} }}");
    client.ok(&query, json!({ "id": payment["id"] })).await["payment"].clone()
}

/// Deposits and pays, to have something to spend.
pub async fn funded(server: &Server, username: &str, amount: &str) -> Client {
    let client = server.user(username).await;
    let payment = deposit(&client, amount, "fund").await["payment"].clone();
    act(server, &payment, &Act::card(GOOD)).await;
    assert_eq!(confirm(&client, &payment).await["state"], "COMPLETED");
    client
}
