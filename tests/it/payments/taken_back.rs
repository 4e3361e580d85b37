//! Money that a provider gives back on its own, as when somebody refunds at its pages: it is booked once, whoever has it by
//! then, in whatever order it is told.

use agora::{
    domain::{
        ledger::AccountRef,
        payments::{Disagreement, reconcile},
    },
    entity::payment::ProviderKind,
    platform::{list::Span, providers::payments::sandbox::Deed},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    assert_books, at, code, deposit, hand_over, look, paid, refunds::ask, tamper, treasurer, wait, wait_often, wallet,
};
use crate::{
    goals,
    harness::{Client, Server},
};

/// The secret of the one charge that there is.
async fn secret(server: &Server) -> String {
    let rows = server.app.db.rows("SELECT secret FROM sandbox_charges", Vec::new()).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows[0].try_get_by_index(0).unwrap()
}

/// Somebody does something at the sandbox to the one charge that there is.
pub(crate) async fn behind_our_back(server: &Server, deed: Deed) {
    let secret = secret(server).await;
    server.app.payments.sandbox().unwrap().behind_our_back(&secret, deed).await.unwrap().unwrap();
}

async fn differences(server: &Server, mend: bool) -> Vec<Disagreement> {
    reconcile(&server.app, Span::default(), mend).await.unwrap().disagreements
}

/// What somebody owes, in cents.
async fn owed(server: &Server, client: &Client) -> i64 {
    -at(server, AccountRef::Debt(client.id.parse().unwrap())).await.0
}

/// What somebody is told of by notifications of a kind, the newest first.
async fn told(client: &Client, kind: &str) -> Vec<Value> {
    let list = "{ me { notifications { nodes { kind title message subject { __typename } } } } }";
    let nodes = client.ok(list, Value::Null).await["me"]["notifications"]["nodes"].clone();
    nodes.as_array().unwrap().iter().filter(|node| node["kind"] == kind).cloned().collect()
}

#[tokio::test]
async fn a_refund_at_the_provider_s_pages_leaves_the_wallet_once_however_often_it_is_told() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = paid(&server, &amina, "10.00", "k").await;
    behind_our_back(&server, Deed::Refund(Some(400))).await;
    behind_our_back(&server, Deed::Refund(Some(100))).await;
    wait_often(&server, 3).await;
    let now = look(&amina, &payment).await;
    assert_eq!((&now["refunded"]["amount"], &now["refundState"]), (&json!("5.00"), &json!("PARTIAL")));
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, -500);
    let query = "query($id: ID!) { payment(id: $id) { refunds { origin state reason amount { amount } } } }";
    let refunds = amina.ok(query, json!({ "id": payment["id"] })).await["payment"]["refunds"].clone();
    let refund = |amount: &str| {
        let amount = json!({ "amount": amount });
        json!({ "origin": "PROVIDER", "state": "SUCCEEDED", "reason": "given_back_by_provider", "amount": amount })
    };
    assert_eq!(refunds, json!([refund("4.00"), refund("1.00")]));
    let told = told(&amina, "MONEY_TAKEN_BACK").await;
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&told[1]["title"], &told[1]["subject"]),
        (&json!("4.00 USD went back to who paid"), &json!({ "__typename": "Payment" }))
    );
    assert_eq!(differences(&server, false).await, []);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn of_a_goal_it_falls_from_what_was_raised() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = goals::begin(&olivia, &json!({})).await;
    let payment = goals::give(&server, &badr, &goal, "10.00").await;
    behind_our_back(&server, Deed::Refund(Some(400))).await;
    wait(&server).await;
    assert_eq!(look(&badr, &payment).await["refunded"]["amount"], "4.00");
    let query = "query($id: ID!) { goal(id: $id) { raised { amount } contributionCount } }";
    let now = olivia.ok(query, json!({ "id": goal })).await["goal"].clone();
    assert_eq!(now["raised"]["amount"], "6.00", "{now}");
    let told = told(&olivia, "MONEY_TAKEN_BACK").await;
    assert_eq!((told.len(), &told[0]["subject"]), (1, &json!({ "__typename": "GoalContribution" })));
    assert_eq!(differences(&server, false).await, []);
    assert_books(&server.app).await;
}

/// The one who has it by then is who owes it, less the fee, which the platform gives back; later money pays it first.
#[tokio::test]
async fn what_a_goal_s_owner_has_withdrawn_and_spent_they_owe_and_later_money_pays_it() {
    let server = Server::with(&[("FEE_GOAL", "10")]).await;
    let (olivia, badr, dina) = (server.user("olivia").await, server.user("badr").await, server.user("dina").await);
    let goal = goals::begin(&olivia, &json!({})).await;
    goals::give(&server, &badr, &goal, "10.00").await;
    let withdrawn = goals::withdraw(&olivia, &goal, None, "w").await;
    assert_eq!(code(&withdrawn), "");
    assert_eq!(wallet(&server, &olivia).await, (900, 0));
    assert!(hand_over(&server, &olivia, &dina, 700, "spent").await);
    behind_our_back(&server, Deed::Refund(None)).await;
    wait(&server).await;
    // Nine dollars were theirs, of which two were still there.
    assert_eq!((wallet(&server, &olivia).await, owed(&server, &olivia).await), ((0, 0), 700));
    assert_eq!(at(&server, AccountRef::Fees).await.0, 0);
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, 0);
    assert_books(&server.app).await;
    let told = told(&olivia, "MONEY_TAKEN_BACK").await;
    assert!(told[0]["message"].as_str().unwrap().contains("You owe 7.00 USD"), "{told:?}");
    let message = server.last_sent("olivia@example.org").await;
    assert!(message.text.contains("7.00 USD"), "{message:?}");
    let balances = "{ me { wallet { balances { available { amount } owed { amount } } } } }";
    let balance = olivia.ok(balances, Value::Null).await["me"]["wallet"]["balances"][0].clone();
    assert_eq!(balance, json!({ "available": { "amount": "0.00" }, "owed": { "amount": "7.00" } }));
    // Whatever comes pays it, and can't be spent before.
    assert!(hand_over(&server, &dina, &olivia, 300, "some").await);
    assert_eq!((wallet(&server, &olivia).await, owed(&server, &olivia).await), ((0, 0), 400));
    assert!(!hand_over(&server, &olivia, &dina, 1, "none").await);
    assert_books(&server.app).await;
    let other = goals::begin(&olivia, &json!({})).await;
    let payment = goals::contribute(&dina, &goals::gift(&other, "4.00", "g", &json!({ "provider": "WALLET" }))).await;
    assert_eq!(payment["payment"]["state"], "COMPLETED", "{payment}");
    // The fee of what is withdrawn is taken of it all the same.
    assert_eq!(code(&goals::withdraw(&olivia, &other, None, "w2").await), "");
    assert_eq!((wallet(&server, &olivia).await, owed(&server, &olivia).await), ((0, 0), 40));
    assert_eq!(at(&server, AccountRef::Fees).await.0, 40);
    assert_books(&server.app).await;
}

/// What is left of a withdrawal of which a provider took a part back, staff takes back, fee and all; once.
#[tokio::test]
async fn the_rest_of_a_withdrawal_is_taken_back_as_long_as_its_owner_has_it() {
    let server = Server::with(&[("FEE_GOAL", "10")]).await;
    let (olivia, badr, dina) = (server.user("olivia").await, server.user("badr").await, server.user("dina").await);
    let staff = treasurer(&server).await;
    let goal = goals::begin(&olivia, &json!({})).await;
    let payment = goals::give(&server, &badr, &goal, "10.00").await;
    let withdrawal = goals::withdraw(&olivia, &goal, None, "w").await["withdrawal"]["id"].clone();
    behind_our_back(&server, Deed::Refund(Some(405))).await;
    wait(&server).await;
    // Of 4.05 the fee is .41, rounded up, which was the platform's.
    assert_eq!(wallet(&server, &olivia).await, (900 - 405 + 41, 0));
    assert_eq!(at(&server, AccountRef::Fees).await.0, 100 - 41);
    let reverse = "mutation($id: ID!) { adminGoalWithdrawalReverse(input: { id: $id, reason: \"fraud\" }) { \
                   withdrawal { reversedAt } errors { code } } }";
    let variables = json!({ "id": withdrawal });
    // While a part of it is spent, nothing of it moves.
    assert!(hand_over(&server, &olivia, &dina, 1, "spent").await);
    let refused = staff.ok(reverse, variables.clone()).await["adminGoalWithdrawalReverse"].clone();
    assert_eq!(code(&refused), "INSUFFICIENT_FUNDS");
    assert_eq!((wallet(&server, &olivia).await, at(&server, AccountRef::Fees).await.0), ((535, 0), 59));
    assert_books(&server.app).await;
    assert!(hand_over(&server, &dina, &olivia, 1, "back").await);
    let back = staff.ok(reverse, variables.clone()).await["adminGoalWithdrawalReverse"].clone();
    assert!(back["withdrawal"]["reversedAt"].is_string(), "{back}");
    let again = staff.ok(reverse, variables).await["adminGoalWithdrawalReverse"].clone();
    assert_eq!(code(&again), "ALREADY_DONE");
    assert_eq!((wallet(&server, &olivia).await, owed(&server, &olivia).await), ((0, 0), 0));
    assert_eq!(at(&server, AccountRef::Fees).await.0, 0);
    let query = "query($id: ID!) { goal(id: $id) { raised { amount } available { amount } } }";
    let now = olivia.ok(query, json!({ "id": goal })).await["goal"].clone();
    assert_eq!(now, json!({ "raised": { "amount": "5.95" }, "available": { "amount": "5.95" } }));
    assert_books(&server.app).await;
    // What is there again goes back to who gave it, though somebody takes more back meanwhile.
    behind_our_back(&server, Deed::Refund(Some(95))).await;
    wait(&server).await;
    assert_eq!((wallet(&server, &olivia).await, owed(&server, &olivia).await), ((0, 0), 0));
    assert_eq!(code(&goals::cancel(&staff, &goal).await), "");
    wait(&server).await;
    assert_eq!(look(&badr, &payment).await["refundState"], "FULL");
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, 0);
    assert_books(&server.app).await;
}

/// Of what was reclaimed whole, nothing is left.
#[tokio::test]
async fn a_withdrawal_that_was_reclaimed_whole_is_not_taken_back_again() {
    let server = Server::with(&[("FEE_GOAL", "10")]).await;
    let (olivia, badr, staff) = (server.user("olivia").await, server.user("badr").await, treasurer(&server).await);
    let goal = goals::begin(&olivia, &json!({})).await;
    goals::give(&server, &badr, &goal, "10.00").await;
    let withdrawal = goals::withdraw(&olivia, &goal, None, "w").await["withdrawal"]["id"].clone();
    behind_our_back(&server, Deed::Refund(None)).await;
    wait(&server).await;
    let reverse =
        "mutation($id: ID!) { adminGoalWithdrawalReverse(input: { id: $id, reason: \"fraud\" }) { errors { code } } }";
    let refused = staff.ok(reverse, json!({ "id": withdrawal })).await["adminGoalWithdrawalReverse"].clone();
    assert_eq!(code(&refused), "ALREADY_DONE");
    assert_eq!((wallet(&server, &olivia).await, owed(&server, &olivia).await), ((0, 0), 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn whose_deposit_is_spent_owes_it_and_can_not_leave_before_it_is_paid() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    paid(&server, &amina, "10.00", "k").await;
    assert!(hand_over(&server, &amina, &basma, 1000, "spent").await);
    behind_our_back(&server, Deed::Refund(Some(600))).await;
    wait(&server).await;
    assert_eq!((wallet(&server, &amina).await, owed(&server, &amina).await), ((0, 0), 600));
    assert_books(&server.app).await;
    let empty = agora::domain::wallets::is_empty_in;
    let id = amina.id.parse().unwrap();
    let leaves = async || server.app.db.transact(async |tx| empty(&tx, id).await).await.unwrap();
    assert!(!leaves().await);
    assert!(hand_over(&server, &basma, &amina, 1000, "back").await);
    assert_eq!((wallet(&server, &amina).await, owed(&server, &amina).await), ((400, 0), 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn where_nobody_can_be_asked_any_more_the_platform_bears_it() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = goals::begin(&olivia, &json!({})).await;
    goals::give(&server, &badr, &goal, "10.00").await;
    assert_eq!(code(&goals::withdraw(&olivia, &goal, None, "w").await), "");
    tamper(&server, "UPDATE goals SET owner_id = NULL").await;
    behind_our_back(&server, Deed::Refund(None)).await;
    wait(&server).await;
    assert_eq!(at(&server, AccountRef::Losses).await.0, -1000);
    assert_books(&server.app).await;
}

/// A refund that was granted here and not done yet makes way: its provider would refuse it.
#[tokio::test]
async fn beside_a_refund_of_ours_never_more_goes_back_than_was_paid() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("7.00"), "", "r").await;
    assert_eq!(wallet(&server, &amina).await, (1000, 700));
    behind_our_back(&server, Deed::Refund(Some(600))).await;
    wait_often(&server, 3).await;
    let query = "{ adminRefunds { nodes { origin state failure } } }";
    let staff = server.anonymous().login("treasurer").await;
    let refunds = staff.ok(query, Value::Null).await["adminRefunds"]["nodes"].clone();
    assert_eq!(refunds[0], json!({ "origin": "PROVIDER", "state": "SUCCEEDED", "failure": null }), "{refunds}");
    assert_eq!((&refunds[1]["origin"], &refunds[1]["state"]), (&json!("PLATFORM"), &json!("FAILED")));
    assert_eq!(wallet(&server, &amina).await, (400, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, -400);
    assert_eq!(differences(&server, false).await, []);
    assert_books(&server.app).await;
}

/// What went into the wallet here, and to the card there, its payer has twice, and owes.
#[tokio::test]
async fn what_goes_back_beyond_a_payment_is_owed_by_who_has_it_twice() {
    let server = Server::start().await;
    let (olivia, badr, staff) = (server.user("olivia").await, server.user("badr").await, treasurer(&server).await);
    let goal = goals::begin(&olivia, &json!({})).await;
    let payment = goals::give(&server, &badr, &goal, "10.00").await;
    ask(&staff, "paymentRefund", &payment, None, ", destination: WALLET", "r").await;
    server.run_jobs().await;
    assert_eq!(wallet(&server, &badr).await, (1000, 0));
    behind_our_back(&server, Deed::Refund(Some(1000))).await;
    wait_often(&server, 2).await;
    assert_eq!((wallet(&server, &badr).await, owed(&server, &badr).await), ((0, 0), 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, 0);
    assert_eq!(differences(&server, false).await, []);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn where_no_webhook_comes_the_comparison_finds_and_mends_it() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = paid(&server, &amina, "10.00", "k").await;
    behind_our_back(&server, Deed::Refund(Some(400))).await;
    tamper(&server, "DELETE FROM sandbox_events").await;
    let found = differences(&server, false).await;
    assert!(found.len() == 1 && found[0].to_string().contains("by the provider 4.00 USD"), "{found:?}");
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert!(differences(&server, true).await[0].is_mended);
    assert_eq!(differences(&server, false).await, []);
    assert_eq!(look(&amina, &payment).await["refunded"]["amount"], "4.00");
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn twenty_who_ask_at_once_book_it_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    paid(&server, &amina, "10.00", "k").await;
    behind_our_back(&server, Deed::Refund(Some(400))).await;
    let rows = server.app.db.rows("SELECT id FROM payments", Vec::new()).await.unwrap();
    let id = rows[0].try_get_by_index(0).unwrap();
    let source = agora::entity::payment_event::EventSource::Webhook;
    let asking = (0..20).map(|_| agora::domain::payments::refresh(&server.app, agora::entity::PaymentId(id), source));
    for asked in join_all(asking).await {
        asked.unwrap().unwrap();
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds").await, 1);
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_a_provider_no_longer_promises_is_called_off() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "10.00", "k").await["payment"].clone();
    super::act(&server, &payment, &agora::platform::providers::payments::sandbox::Act::card("4000000000000044")).await;
    let promised = super::confirm(&amina, &payment).await;
    assert_eq!(promised["state"], "AUTHORIZED");
    behind_our_back(&server, Deed::Release).await;
    wait(&server).await;
    assert_eq!(look(&amina, &payment).await["state"], "CANCELED");
    let query = "query($id: ID!) { payment(id: $id) { authorized { amount } } }";
    assert_eq!(amina.ok(query, json!({ "id": payment["id"] })).await["payment"]["authorized"]["amount"], "0.00");
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_books(&server.app).await;
}
