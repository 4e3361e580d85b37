//! Forced interleavings: two who know the same at the same moment.

use std::{collections::BTreeSet, sync::Arc};

use agora::platform::providers::payments::sandbox::Act;
use futures_util::{FutureExt, future::join_all};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::{
    FIELDS, GOOD, act, assert_books, code, confirm, deposit, funded, look, paid, refunds::ask, treasurer, wait, wallet,
};
use crate::{
    goals,
    harness::{
        Client, SEVERAL_CONNECTIONS, Server,
        races::{all_at_once, one_in_the_midst_of_another},
    },
    wallets::{WITHDRAW, add_method, transfer_input, withdraw_input},
};

/// Whoever reaches a fail point waits there until so many are.
fn gather(server: &Server, step: &'static str, count: usize) {
    let barrier = Arc::new(Barrier::new(count));
    server.app.fail_points.watch(move |name| {
        let barrier = Arc::clone(&barrier);
        async move {
            if name == step {
                barrier.wait().await;
            }
        }
        .boxed()
    });
}

#[tokio::test]
async fn a_webhook_beside_a_confirmation_counts_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    // Two beginnings, too, meet there.
    gather(&server, "payment.answered", 2);
    let (first, second) = tokio::join!(deposit(&amina, "5.00", "k"), deposit(&amina, "5.00", "k"));
    assert_eq!(first["payment"]["id"], second["payment"]["id"]);
    let payment = first["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    server.advance(2);
    let (_, confirmed) = tokio::join!(server.run_jobs(), confirm(&amina, &payment));
    assert_eq!(confirmed["state"], "COMPLETED");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM payment_events WHERE kind = 'completed'").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'receipt'").await, 0);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn one_key_in_parallel_has_one_effect_whatever_moves() {
    const CALLS: usize = 5;
    let server = Server::with(&[("DATABASE_MAX_CONNECTIONS", "9"), ("FEE_GOAL", "0")]).await;
    let (amina, staff) = (funded(&server, "amina", "50.00").await, treasurer(&server).await.seen().await);
    let (basma, method) = (server.user("basma").await.seen().await, add_method(&amina, "USD").await);
    let goal = goals::begin(&amina, &json!({})).await;
    let gift = |provider: &str| {
        let more = json!({ "provider": provider });
        json!({ "input": goals::gift(&goal, "2.00", provider, &more) })
    };
    let dollars = json!({ "amount": "1.00", "currency": "USD" });
    let fields = format!("payment {{ {FIELDS} }}");
    let deposited = paid(&server, &amina, "1.00", "refund").await;
    let (give, input) = ("goalContribute(input: $input)", "$input: GoalContributeInput!");
    // What is called, by whom, with what, what it gives, and how often it happened.
    for (client, field, arguments, variables, result, effect) in [
        (
            &amina,
            "walletTransfer(input: $input)",
            "$input: WalletTransferInput!",
            transfer_input(&basma.id, "1.00", "USD", "k"),
            "transaction { id }",
            "ledger_transfers WHERE kind = 'transfer'",
        ),
        (
            &amina,
            "walletDeposit(input: $input)",
            "$input: WalletDepositInput!",
            json!({ "input": { "amount": dollars, "provider": "SANDBOX", "idempotencyKey": "k" } }),
            fields.as_str(),
            "sandbox_charges WHERE captured = 0",
        ),
        (
            &amina,
            "walletWithdraw(input: $input)",
            "$input: WalletWithdrawInput!",
            withdraw_input(&method, "1.00", "USD", "k"),
            "withdrawal { id }",
            "withdrawals",
        ),
        (&basma, give, input, gift("SANDBOX"), fields.as_str(), "sandbox_charges WHERE amount = 200"),
        (&amina, give, input, gift("WALLET"), fields.as_str(), "ledger_transfers WHERE kind = 'contribution'"),
        (
            &amina,
            "goalWithdraw(input: $input)",
            "$input: GoalWithdrawInput!",
            json!({ "input": { "goalId": goal, "amount": dollars, "idempotencyKey": "k" } }),
            "withdrawal { id }",
            "goal_withdrawals",
        ),
        (
            &staff,
            "paymentRefund(input: $input)",
            "$input: PaymentRefundInput!",
            json!({ "input": { "id": deposited["id"], "reason": "x", "idempotencyKey": "k" } }),
            "refund { id }",
            "refunds",
        ),
    ] {
        let query = format!("mutation({arguments}) {{ {field} {{ {result} replayed errors {{ code path }} }} }}");
        let calls = (0..CALLS).map(|_| client.ok(&query, variables.clone())).collect();
        let name = field.split('(').next().unwrap();
        let answers = all_at_once(&server, "payments, ledger_transfers", calls).await;
        let of = |answer: &Value| answer[name][result.split(' ').next().unwrap()]["id"].as_str().map(str::to_owned);
        let ids: BTreeSet<_> = answers.iter().map(of).collect();
        assert!(ids.len() == 1 && !ids.contains(&None), "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer[name]["replayed"] == false).count(), 1, "{answers:?}");
        assert_eq!(server.count(&format!("SELECT COUNT(*) FROM {effect}")).await, 1, "{name}: {effect}");
        assert_books(&server.app).await;
    }
    wait(&server).await;
    assert_books(&server.app).await;
}

/// Amina's wallet of 5.00 USD with a bank account, staff who could refund what she paid in, and that payment.
async fn with_five_dollars() -> (Server, Client, Client, String, Value) {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await.seen().await);
    let payment = paid(&server, &amina, "5.00", "k").await;
    let method = add_method(&amina, "USD").await;
    (server, amina, staff, method, payment)
}

#[tokio::test]
async fn a_refund_in_the_midst_of_a_withdrawal_finds_nothing_left() {
    let (server, amina, staff, method, payment) = with_five_dollars().await;
    let withdrawing = amina.user_errors(WITHDRAW, withdraw_input(&method, "5.00", "USD", "w"));
    let refunding = ask(&staff, "paymentRefund", &payment, None, "", "r");
    let (withdrawn, refunded) =
        one_in_the_midst_of_another(&server, "withdrawal.holding", withdrawing, refunding).await;
    assert_eq!((withdrawn, code(&refunded)), (Vec::new(), "INSUFFICIENT_FUNDS"), "{refunded}");
    wait(&server).await;
    assert_eq!(wallet(&server, &amina).await, (500, 500));
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds").await, 0);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_withdrawal_in_the_midst_of_a_refund_finds_nothing_left() {
    let (server, amina, staff, method, payment) = with_five_dollars().await;
    let refunding = ask(&staff, "paymentRefund", &payment, None, "", "r");
    let withdrawing = amina.user_errors(WITHDRAW, withdraw_input(&method, "5.00", "USD", "w"));
    let (refunded, withdrawn) = one_in_the_midst_of_another(&server, "refund.granting", refunding, withdrawing).await;
    assert_eq!((code(&refunded), withdrawn.len()), ("", 1), "{refunded} {withdrawn:?}");
    assert_eq!(withdrawn[0].0, "INSUFFICIENT_FUNDS");
    wait(&server).await;
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_eq!(look(&amina, &payment).await["refundState"], "FULL");
    assert_eq!(server.count("SELECT COUNT(*) FROM withdrawals").await, 0);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_refund_that_two_workers_do_is_done_once() {
    let server = Server::start().await;
    let other = server.beside(&[]).await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "5.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("2.00"), "", "r").await;
    for _ in 0..4 {
        server.advance(600);
        tokio::join!(server.run_jobs(), other.run_jobs());
    }
    assert_eq!(wallet(&server, &amina).await, (300, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn many_acts_of_staff_at_once_need_no_more_connections_than_there_are() {
    let server = Server::with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await.seen().await);
    let goal = goals::begin(&server.user("olivia").await, &json!({})).await;
    let payment = goals::give(&server, &amina, &goal, "20.00").await;
    let keys: Vec<_> = (0..9).map(|number| number.to_string()).collect();
    let acts = keys.iter().map(|key| ask(&staff, "paymentRefund", &payment, Some("1.00"), "", key));
    for act in join_all(acts).await {
        assert_eq!(code(&act), "", "{act}");
    }
    wait(&server).await;
    assert_eq!(look(&amina, &payment).await["refunded"]["amount"], "9.00");
    assert_books(&server.app).await;
}
