//! Fundraising goals over the server, as those who raise, give and look after them meet them.

mod ends;
mod fees;
mod input;
mod life;
mod lists;
mod live;
mod misuse;
mod news;
mod notices;
mod people;
mod races;
mod refunds;

use agora::{
    domain::ledger::{AccountRef, account},
    entity::Currency,
    platform::providers::payments::sandbox::Act,
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Server},
    payments::{self, FIELDS, GOOD, code},
};

/// What every goal is asked for.
const GOAL: &str = "id state isOpen isReached raised { amount currency } target { amount } withdrawn { amount } \
     available { amount } progressPercent contributionCount availableActions endReason deadline title";

/// The books balance, and goals agree with them.
async fn assert_sound(server: &Server) {
    payments::assert_books(&server.app).await;
}

fn money(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

/// The input of a flexible goal of 100.00 USD, with some fields changed.
pub(crate) fn flexible(post: &str, changes: &Value) -> Value {
    let mut input = json!({ "postId": post, "title": "A new roof", "target": money("100.00"), "funding": "FLEXIBLE" });
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

pub(crate) async fn create(client: &Client, input: &Value) -> Value {
    let query = format!(
        "mutation($input: GoalCreateInput!) {{ goalCreate(input: $input) {{ goal {{ {GOAL} }} replayed errors {{ code path }} }} }}"
    );
    client.ok(&query, json!({ "input": input })).await["goalCreate"].clone()
}

/// Begins a goal on a new post; gives its id.
pub(crate) async fn begin(client: &Client, changes: &Value) -> String {
    let post = client.publish("Help us").await;
    let payload = create(client, &flexible(&post, changes)).await;
    payload["goal"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned()
}

/// A fixed goal of 100.00 USD that ends in ten days.
async fn fixed(server: &Server, client: &Client) -> String {
    let deadline = server.clock.now() + chrono::TimeDelta::days(10);
    begin(client, &json!({ "funding": "FIXED", "deadline": deadline })).await
}

/// How a goal is now; null where it can't be seen.
async fn look(client: &Client, goal: &str) -> Value {
    let query = format!("query($id: ID!) {{ goal(id: $id) {{ {GOAL} }} }}");
    client.ok(&query, json!({ "id": goal })).await["goal"].clone()
}

/// Begins to give; gives the payload.
pub(crate) async fn contribute(client: &Client, input: &Value) -> Value {
    let query = format!(
        "mutation($input: GoalContributeInput!) {{ goalContribute(input: $input) {{ contribution {{ id state name }} \
         payment {{ {FIELDS} }} guestToken replayed errors {{ code path }} }} }}"
    );
    client.ok(&query, json!({ "input": input })).await["goalContribute"].clone()
}

/// What only a guest's own program knows.
pub(crate) const SECRET: &str = "7d0c6a6e-guest-secret";

/// The input of what is given by the sandbox, with some fields changed. A guest's key is made one that nobody guesses, and they have a secret.
pub(crate) fn gift(goal: &str, amount: &str, key: &str, changes: &Value) -> Value {
    let key = if changes.get("guest").is_some() { format!("{key} 9b1deb4d-3b7d-4bad") } else { key.to_owned() };
    let mut input = json!({ "goalId": goal, "amount": money(amount), "provider": "SANDBOX", "idempotencyKey": key });
    for (name, value) in changes.as_object().unwrap() {
        input[name] = value.clone();
    }
    if input["guest"].is_object() && input["guest"]["secret"].is_null() {
        input["guest"]["secret"] = json!(SECRET);
    }
    input
}

/// Gives by a good card, until the money is there; gives the payment.
pub(crate) async fn give(server: &Server, client: &Client, goal: &str, amount: &str) -> Value {
    give_with(server, client, goal, amount, &json!({})).await
}

async fn give_with(server: &Server, client: &Client, goal: &str, amount: &str, changes: &Value) -> Value {
    let key = format!("{} {goal} {amount} {changes}", client.username);
    let payload = contribute(client, &gift(goal, amount, &key, changes)).await;
    assert!(payload["errors"].as_array().unwrap().is_empty(), "{payload}");
    payments::act(server, &payload["payment"], &Act::card(GOOD)).await;
    let payment = payments::confirm(client, &payload["payment"]).await;
    assert_eq!(payment["state"], "COMPLETED", "{payment}");
    payment
}

pub(crate) async fn withdraw(client: &Client, goal: &str, amount: Option<&str>, key: &str) -> Value {
    let query = "mutation($input: GoalWithdrawInput!) { goalWithdraw(input: $input) { withdrawal { id amount { amount } \
                 fee { amount } net { amount } } replayed errors { code path } } }";
    let input = json!({ "goalId": goal, "amount": amount.map(money), "idempotencyKey": key });
    client.ok(query, json!({ "input": input })).await["goalWithdraw"].clone()
}

pub(crate) async fn cancel(client: &Client, goal: &str) -> Value {
    let query = format!(
        "mutation($id: ID!) {{ goalCancel(input: {{ id: $id, reason: \"no longer needed\" }}) {{ goal {{ {GOAL} }} errors {{ code path }} }} }}"
    );
    client.ok(&query, json!({ "id": goal })).await["goalCancel"].clone()
}

async fn end(client: &Client, goal: &str) -> Value {
    let query = format!(
        "mutation($id: ID!) {{ goalEnd(input: {{ id: $id }}) {{ goal {{ {GOAL} }} errors {{ code path }} }} }}"
    );
    client.ok(&query, json!({ "id": goal })).await["goalEnd"].clone()
}

/// What is in somebody's wallet, in cents.
async fn balance(server: &Server, client: &Client) -> i64 {
    let account_ref = AccountRef::Wallet(client.id.parse().unwrap());
    let found = account(&server.app, account_ref, Currency::parse("USD").unwrap()).await.unwrap();
    found.map_or(0, |account| account.balance)
}

/// Time goes by, as far as everything that waits; whoever was signed in has to do so again.
async fn later(server: &Server, seconds: i64) {
    server.advance(seconds);
    agora::worker::run_schedules(&server.app).await.unwrap();
    settle(server).await;
}

/// Lets refunds and webhooks, which take some seconds, come to their end.
async fn settle(server: &Server) {
    for _ in 0..4 {
        server.run_jobs().await;
        server.advance(15);
    }
    server.run_jobs().await;
}
