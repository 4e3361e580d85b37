//! Payments over the server, as payers, staff and providers meet them.

mod alerts;
mod deposits;
mod disputes;
mod disputes_by_hand;
mod guests;
mod lists;
mod live;
mod methods;
mod offline;
mod paypal;
mod privacy;
mod providers;
mod races;
mod reconcile;
mod refund_failures;
mod refunds;
mod rules;
mod settlements;
mod stripe;
pub(crate) mod taken_back;
mod together;
mod webhooks;

use agora::{
    app::App,
    domain::{
        books,
        ledger::{self, AccountRef, Difference, NewTransfer, Origin, account},
    },
    entity::{Currency, ledger_transfer::TransferKind, user_role::Role},
    platform::providers::payments::sandbox::Act,
};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// A card that pays.
pub(crate) const GOOD: &str = "4242 4242 4242 4242";

/// What every payment is asked for.
pub(crate) const FIELDS: &str = "id state refundState failure amount { amount currency } captured { amount } refunded { amount } \
     refunding { amount } nextAction { kind url clientSecret reference }";

/// What breaks a rule of any domain.
async fn differences(app: &App) -> Vec<Difference> {
    books::verify(app).await.unwrap().differences
}

/// The books balance: every rule of every domain.
pub(crate) async fn assert_books(app: &App) {
    let found = differences(app).await;
    assert!(found.is_empty(), "{found:?}");
}

/// What is on an account, in cents, with what is held there.
async fn at(server: &Server, account_ref: AccountRef) -> (i64, i64) {
    ledger::fold(&server.app).await.unwrap();
    let found = account(&server.app, account_ref, Currency::parse("USD").unwrap()).await.unwrap();
    found.map_or((0, 0), |account| (account.balance, account.held))
}

/// What is in somebody's wallet, in cents, with what is held there.
async fn wallet(server: &Server, client: &Client) -> (i64, i64) {
    at(server, AccountRef::Wallet(client.id.parse().unwrap())).await
}

/// Moves money from one wallet to another, as `walletTransfer` does; whether it was there.
async fn hand_over(server: &Server, from: &Client, to: &Client, amount: i64, key: &str) -> bool {
    let new = NewTransfer {
        kind: TransferKind::Transfer,
        from: AccountRef::Wallet(from.id.parse().unwrap()),
        to: AccountRef::Wallet(to.id.parse().unwrap()),
        amount,
        currency: Currency::parse("USD").unwrap(),
        reference: None,
        description: "",
        origin: Origin::step("test", key),
    };
    let posted = server.app.db.transact(async |tx| ledger::post_in(&server.app, &tx, new).await).await;
    match posted {
        Ok(_) => true,
        Err(error) => {
            assert!(error.to_string().contains("InsufficientFunds"), "{error}");
            false
        }
    }
}

/// Changes the database behind everybody's back.
async fn tamper(server: &Server, sql: &str) {
    server.write(sql, Vec::new()).await;
}

/// Calls a mutation about something by its id; gives the payload.
async fn call(client: &Client, field: &str, id: &Value, arguments: &str, selection: &str) -> Value {
    let query = format!(
        "mutation($id: ID!) {{ {field}(input: {{ id: $id{arguments} }}) {{ {selection} errors {{ code path }} }} }}"
    );
    client.ok(&query, json!({ "id": id })).await[field].clone()
}

/// The code of the first error in a payload; empty when it was done.
pub(crate) fn code(payload: &Value) -> &str {
    payload["errors"][0]["code"].as_str().unwrap_or_default()
}

/// Staff with every permission about money.
async fn treasurer(server: &Server) -> Client {
    server.staff("treasurer", Role::Administrator).await
}

/// Lets the sandbox do what takes it some seconds, and tell of it.
async fn wait(server: &Server) {
    for _ in 0..3 {
        server.advance(6);
        server.run_jobs().await;
    }
}

/// The same several times: of what takes it several steps.
async fn wait_often(server: &Server, times: usize) {
    for _ in 0..times {
        wait(server).await;
    }
}

/// Begins a deposit by a provider.
pub(crate) async fn deposit_by(client: &Client, provider: &str, amount: &str, key: &str) -> Value {
    let query = format!(
        "mutation($amount: MoneyInput!, $key: String!) {{ walletDeposit(input: {{ amount: $amount, provider: {provider}, \
         idempotencyKey: $key }}) {{ payment {{ {FIELDS} }} replayed errors {{ code path }} }} }}"
    );
    let data = client.ok(&query, json!({ "amount": { "amount": amount, "currency": "USD" }, "key": key })).await;
    data["walletDeposit"].clone()
}

/// Begins a deposit by the sandbox; gives the payload.
pub(crate) async fn deposit(client: &Client, amount: &str, key: &str) -> Value {
    deposit_by(client, "SANDBOX", amount, key).await
}

/// Pays at the sandbox's page.
pub(crate) async fn act(server: &Server, payment: &Value, act: &Act) {
    let secret = payment["nextAction"]["clientSecret"].as_str().unwrap_or_else(|| {
        let url = payment["nextAction"]["url"].as_str().unwrap_or_else(|| panic!("nothing to do: {payment}"));
        url.split_once("secret=").unwrap().1
    });
    server.app.payments.sandbox().unwrap().act(secret, act).await.unwrap().unwrap();
}

/// Says that the payer did their part; gives the payment.
pub(crate) async fn confirm(client: &Client, payment: &Value) -> Value {
    let query = format!(
        "mutation($id: ID!) {{ paymentConfirm(input: {{ id: $id }}) {{ payment {{ {FIELDS} }} errors {{ code }} }} }}"
    );
    let data = client.ok(&query, json!({ "id": payment["id"] })).await;
    data["paymentConfirm"]["payment"].clone()
}

/// How a payment is now.
pub(crate) async fn look(client: &Client, payment: &Value) -> Value {
    let query = format!("query($id: ID!) {{ payment(id: $id) {{ {FIELDS} }} }}");
    client.ok(&query, json!({ "id": payment["id"] })).await["payment"].clone()
}

/// Deposits and pays; gives the payment.
pub(crate) async fn paid(server: &Server, client: &Client, amount: &str, key: &str) -> Value {
    paid_by(server, client, amount, GOOD, key).await
}

/// The same by a card.
async fn paid_by(server: &Server, client: &Client, amount: &str, card: &str, key: &str) -> Value {
    let payment = deposit(client, amount, key).await["payment"].clone();
    act(server, &payment, &Act::card(card)).await;
    let payment = confirm(client, &payment).await;
    assert_eq!(payment["state"], "COMPLETED");
    payment
}

/// Deposits and pays, to have something to spend.
pub(crate) async fn funded(server: &Server, username: &str, amount: &str) -> Client {
    let client = server.user(username).await;
    paid(server, &client, amount, "fund").await;
    client
}
