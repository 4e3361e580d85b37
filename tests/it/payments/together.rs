//! Everything at once: people who deposit, give to goals, refund, cancel, hand money on and withdraw it in a random order, at
//! the same time, while staff decides, and the sandbox and the worker go on. Then the books balance, and nothing is lost.
//!
//! Short by default; `AGORA_LONG_TESTS=1 cargo test --test it everything_at_once` runs many rounds. A failure names its
//! seed.

use agora::platform::providers::payments::sandbox::{Act, CARDS, DISPUTE_FEE, Deed};
use futures_util::future::join_all;
use serde_json::json;

use super::{act, assert_books, call, confirm, deposit, differences, refunds::ask, tamper, treasurer, wait, wallet};
use crate::{
    goals,
    harness::{
        Client, Server,
        dice::{Dice, is_long},
    },
    wallets::{CANCEL, TRANSFER, WITHDRAW, add_method, transfer_input, withdraw_input},
};

/// Somebody, with where their money can go: a bank account, and a goal of their own.
#[derive(Clone)]
struct Person {
    client: Client,
    method: String,
    goal: String,
}

/// What a provider, and payers' banks, do on their own.
const DEEDS: &[Deed] = &[
    Deed::Refund(Some(40)),
    Deed::Refund(None),
    Deed::Release,
    Deed::Dispute(Some(30)),
    Deed::Dispute(None),
    Deed::Decide(true),
    Deed::Decide(false),
];

/// What one person does.
async fn live(server: &Server, person: &Person, others: &[Person], staff: &Client, seed: u64, acts: usize) {
    let me = &person.client;
    let mut dice = Dice::new(seed);
    let (mut payments, mut withdrawals) = (Vec::new(), Vec::new());
    for number in 0..acts {
        let key = format!("{} {number}", me.username);
        match dice.roll(15) {
            0..=2 => {
                let amount = format!("{}.{:02}", dice.roll(9), 1 + dice.roll(99));
                let payment = deposit(me, &amount, &key).await["payment"].clone();
                let card = CARDS[dice.roll(CARDS.len())].0;
                act(server, &payment, &Act::card(card)).await;
                payments.push(payment);
            }
            3 if !payments.is_empty() => drop(confirm(me, &payments[dice.roll(payments.len())]).await),
            4 if !payments.is_empty() => {
                let payment = &payments[dice.roll(payments.len())];
                let amount = [None, Some("0.01"), Some("1.00")][dice.roll(3)];
                let destination = ["", ", destination: WALLET"][dice.roll(2)];
                ask(staff, "paymentRefund", payment, amount, destination, &key).await;
            }
            5 if !payments.is_empty() => {
                call(me, "paymentCancel", &payments[dice.roll(payments.len())]["id"], "", "payment { state }").await;
            }
            6 => drop(server.run_jobs().await),
            7 => {
                let amount = format!("{}.{:02}", dice.roll(3), 1 + dice.roll(99));
                let data = me.ok(WITHDRAW, withdraw_input(&person.method, &amount, "USD", &key)).await;
                let id = data["walletWithdraw"]["withdrawal"]["id"].clone();
                withdrawals.extend(id.as_str().map(|_| id.clone()));
            }
            8 if !withdrawals.is_empty() => {
                // Whatever its state allows; the rest is refused.
                let id = &withdrawals[dice.roll(withdrawals.len())];
                let (field, arguments) = [
                    ("adminWithdrawalApprove", ""),
                    ("adminWithdrawalRefuse", ", reason: \"no\""),
                    ("adminWithdrawalMarkPaid", ", reference: \"1\""),
                    ("adminWithdrawalMarkFailed", ", reason: \"no\""),
                    ("adminWithdrawalMarkReturned", ", reason: \"no\""),
                ][dice.roll(5)];
                call(staff, field, id, arguments, "withdrawal { state }").await;
                if dice.roll(4) == 0 {
                    me.ok(CANCEL, json!({ "id": id })).await;
                }
            }
            9 | 10 => {
                let goal = &others[dice.roll(others.len())].goal;
                let amount = format!("{}.{:02}", dice.roll(2), 1 + dice.roll(99));
                let by_wallet = json!({ "provider": "WALLET" });
                let given = goals::contribute(me, &goals::gift(goal, &amount, &key, &by_wallet)).await;
                if given["payment"]["id"].is_string() {
                    payments.push(given["payment"].clone());
                }
            }
            12 | 13 if !payments.is_empty() => {
                let secret = payments[dice.roll(payments.len())]["nextAction"]["clientSecret"].clone();
                if let Some(secret) = secret.as_str() {
                    let deed = DEEDS[dice.roll(DEEDS.len())];
                    server.app.payments.sandbox().unwrap().behind_our_back(secret, deed).await.unwrap();
                }
            }
            11 => drop(goals::withdraw(me, &person.goal, None, &key).await),
            _ => {
                let other = &others[dice.roll(others.len())].client;
                let amount = format!("{}.{:02}", dice.roll(3), 1 + dice.roll(99));
                me.ok(TRANSFER, transfer_input(&other.id, &amount, "USD", &key)).await;
            }
        }
    }
}

async fn round(seed: u64, people: usize, acts: usize) {
    let server = Server::with(&[("FEE_GOAL", "7.5")]).await;
    let staff = treasurer(&server).await;
    let mut crowd = Vec::new();
    for number in 0..people {
        let client = server.user(&format!("person{number}")).await;
        let method = add_method(&client, "USD").await;
        let goal = goals::begin(&client, &json!({})).await;
        crowd.push(Person { client, method, goal });
    }
    for part in 0..3 {
        let lives = crowd.iter().enumerate().map(|(number, me)| {
            let seed = seed * 1_000 + part * 100 + number as u64;
            let acting = acts / 3;
            let (server, crowd, staff) = (&server, &crowd, &staff);
            async move {
                // Keys are of one part.
                let mut named = me.clone();
                named.client.username = format!("{}/{part}", me.client.username);
                live(server, &named, crowd, staff, seed, acting).await;
            }
        });
        join_all(lives).await;
        let found = differences(&server.app).await;
        assert!(found.is_empty(), "seed {seed}, part {part}: {found:?}");
        server.advance(7);
    }
    // What is disputed still is decided, and nobody tells.
    tamper(&server, "UPDATE sandbox_disputes SET state = 'lost' WHERE state = 'open'").await;
    for _ in 0..7 {
        wait(&server).await;
        server.advance(700);
    }
    assert_books(&server.app).await;
    let mut held = 0;
    for person in &crowd {
        held += wallet(&server, &person.client).await.1;
    }
    let waiting =
        "SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM withdrawals WHERE state IN ('requested', 'approved')";
    assert_eq!(held, server.count(waiting).await, "seed {seed}: every refund has come to its end");
    // What the provider took and did not give back is what people, goals, banks and the platform have.
    let theirs = "SELECT CAST(COALESCE(SUM(captured), 0) AS bigint) FROM sandbox_charges";
    let back = "SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM sandbox_refunds WHERE state <> 'failed'";
    let disputed = format!(
        "SELECT CAST(COALESCE(SUM(amount + {DISPUTE_FEE}), 0) AS bigint) FROM sandbox_disputes WHERE state = 'lost'"
    );
    let ours = "SELECT CAST(COALESCE(SUM(a.balance), 0) + COALESCE((SELECT SUM(d.amount) FROM ledger_deltas d \
                JOIN ledger_accounts b ON b.id = d.account_id WHERE b.kind <> 'clearing' OR b.name = 'bank_transfer'), 0) AS bigint) \
                FROM ledger_accounts a WHERE a.kind <> 'clearing' OR a.name = 'bank_transfer'";
    let (theirs, back, ours) = (server.count(theirs).await, server.count(back).await, server.count(ours).await);
    assert_eq!(theirs - back - server.count(&disputed).await, ours, "seed {seed}");
}

#[tokio::test]
async fn everything_at_once_and_the_books_balance() {
    let (rounds, people, acts) = if is_long() { (30, 8, 60) } else { (2, 4, 18) };
    for seed in 1..=rounds {
        round(seed, people, acts).await;
    }
}
