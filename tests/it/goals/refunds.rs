//! Giving back: what one giver asks for, and what staff does.

use serde_json::{Value, json};

use super::{assert_sound, begin, code, contribute, gift, give, look, settle, withdraw};
use crate::{
    harness::{Client, Server},
    payments,
};
use agora::platform::providers::payments::sandbox::Act;

pub(super) async fn ask(client: &Client, payment: &Value, amount: Option<&str>) -> Value {
    let query = "mutation($input: PaymentRefundRequestInput!) { paymentRefundRequest(input: $input) { \
                 refund { id state } errors { code path } } }";
    let input = json!({ "id": payment["id"], "amount": amount.map(super::money), "reason": "I need it", "idempotencyKey": "ask" });
    client.ok(query, json!({ "input": input })).await["paymentRefundRequest"].clone()
}

pub(super) async fn grant(client: &Client, refund: &Value) -> Value {
    let query =
        "mutation($id: ID!) { paymentRefundGrant(input: { id: $id }) { refund { state } errors { code path } } }";
    client.ok(query, json!({ "id": refund["id"] })).await["paymentRefundGrant"].clone()
}

#[tokio::test]
async fn the_owner_grants_what_a_giver_asks_for_and_what_is_granted_can_t_be_withdrawn() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = give(&server, &badr, &goal, "30.00").await;
    give(&server, &badr, &goal, "20.00").await;
    let refund = ask(&badr, &payment, Some("10.00")).await["refund"].clone();
    // Whose goal it is finds it there; nobody else is told.
    let query = "query($id: ID!) { goal(id: $id) { contributions(where: { refundRequested: true }) { totalCount nodes { \
                 refundRequest { id amount { amount } reason } } } others: contributions(where: { refundRequested: false }) { \
                 totalCount } all: contributions { nodes { refundRequest { id } } } } }";
    let stranger = server.user("stranger").await;
    for (viewer, listed, seen) in [(&olivia, 1, true), (&badr, 0, true), (&stranger, 0, false)] {
        let found = viewer.ok(query, json!({ "id": goal })).await["goal"].clone();
        assert_eq!(found["contributions"]["totalCount"], listed, "{found}");
        assert_eq!(found["others"]["totalCount"], listed, "of two one: {found}");
        assert_eq!(found["all"].to_string().contains(refund["id"].as_str().unwrap()), seen, "{found}");
    }
    assert_eq!(code(&grant(&badr, &refund).await), "NOT_FOUND", "nobody grants themselves");
    assert_eq!(code(&grant(&stranger, &refund).await), "NOT_FOUND");
    assert_eq!(code(&grant(&olivia, &refund).await), "");
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["available"]["amount"]), (&json!("50.00"), &json!("40.00")));
    assert_eq!(code(&withdraw(&olivia, &goal, Some("40.01"), "w").await), "INSUFFICIENT_FUNDS");
    assert_eq!(withdraw(&olivia, &goal, None, "w2").await["withdrawal"]["amount"]["amount"], "40.00");
    assert_sound(&server).await;
    settle(&server).await;
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["contributionCount"]), (&json!("40.00"), &json!(2)));
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "PARTIAL");
    assert_sound(&server).await;
}

#[tokio::test]
async fn what_was_withdrawn_can_t_be_given_back_until_staff_takes_it_back() {
    let server = Server::with(&[("FEE_GOAL", "7.5")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let staff = server.staff("warden", agora::entity::user_role::Role::Administrator).await;
    let goal = begin(&olivia, &json!({})).await;
    let payment = give(&server, &badr, &goal, "30.00").await;
    let withdrawal = withdraw(&olivia, &goal, None, "w").await["withdrawal"].clone();
    let refund = ask(&badr, &payment, None).await["refund"].clone();
    assert_eq!(code(&grant(&olivia, &refund).await), "INSUFFICIENT_FUNDS");
    assert_eq!(code(&super::cancel(&olivia, &goal).await), "WRONG_STATE");
    assert_eq!(code(&super::cancel(&staff, &goal).await), "WRONG_STATE");

    let reverse = "mutation($id: ID!) { adminGoalWithdrawalReverse(input: { id: $id, reason: \"fraud\" }) { withdrawal { reversedAt } \
                   errors { code path } } }";
    let variables = json!({ "id": withdrawal["id"] });
    let back = staff.ok(reverse, variables.clone()).await["adminGoalWithdrawalReverse"].clone();
    assert!(back["withdrawal"]["reversedAt"].is_string(), "{back}");
    assert_eq!(code(&staff.ok(reverse, variables).await["adminGoalWithdrawalReverse"]), "ALREADY_DONE");
    assert_eq!(super::balance(&server, &olivia).await, 0);
    assert_eq!(look(&olivia, &goal).await["available"]["amount"], "30.00");
    assert_sound(&server).await;

    let cancelled = super::cancel(&staff, &goal).await;
    assert_eq!(cancelled["goal"]["state"], "CANCELED", "{cancelled}");
    settle(&server).await;
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["endReason"]), (&json!("0.00"), &json!("no longer needed")));
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
    let audit = "SELECT COUNT(*) FROM audit_entries WHERE action IN ('goalCancel', 'adminGoalWithdrawalReverse')";
    assert_eq!(server.count(audit).await, 2);
    // In the spelling of the graph, whatever is stored.
    let log = "{ adminAudit(where: { actions: [\"goalCancel\"] }) { nodes { changes { property before after } } } }";
    let entries = staff.ok(log, Value::Null).await["adminAudit"]["nodes"].clone();
    let change = json!({ "property": "state", "before": "open", "after": "canceled" });
    assert_eq!(entries, json!([{ "changes": [change] }]));
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_withdrawal_whose_money_is_spent_can_t_be_taken_back_nor_one_s_own() {
    let server = Server::with(&[("FEE_GOAL", "5")]).await;
    let badr = server.user("badr").await;
    let staff = server.staff("warden", agora::entity::user_role::Role::Administrator).await;
    let (own, other) = (begin(&staff, &json!({})).await, begin(&badr, &json!({})).await);
    give(&server, &badr, &own, "10.00").await;
    let reverse =
        "mutation($id: ID!) { adminGoalWithdrawalReverse(input: { id: $id, reason: \"fraud\" }) { errors { code } } }";
    let withdrawal = withdraw(&staff, &own, None, "w").await["withdrawal"].clone();
    let refused = staff.ok(reverse, json!({ "id": withdrawal["id"] })).await;
    assert_eq!(code(&refused["adminGoalWithdrawalReverse"]), "SECOND_PERSON_NEEDED");
    // Badr's is spent: on the other goal.
    give(&server, &staff, &other, "10.00").await;
    let withdrawal = withdraw(&badr, &other, None, "w").await["withdrawal"].clone();
    let spent = super::gift(&own, "9.00", "spend", &json!({ "provider": "WALLET" }));
    assert_eq!(super::contribute(&badr, &spent).await["payment"]["state"], "COMPLETED");
    let refused = staff.ok(reverse, json!({ "id": withdrawal["id"] })).await;
    assert_eq!(code(&refused["adminGoalWithdrawalReverse"]), "INSUFFICIENT_FUNDS");
    assert_sound(&server).await;
}

/// A card of which refunds fail, and one of which they are done and come back.
const FAILS: &str = "4000 0000 0000 7726";
const COMES_BACK: &str = "4000 0000 0000 5126";

async fn give_by(server: &Server, client: &Client, goal: &str, card: &str, changes: &Value) -> Value {
    let payload = contribute(client, &gift(goal, "30.00", &format!("{card} {changes}"), changes)).await;
    payments::act(server, &payload["payment"], &Act::card(card)).await;
    settle(server).await;
    payload["payment"].clone()
}

#[tokio::test]
async fn what_comes_back_after_a_refund_is_the_goal_s_again() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = give_by(&server, &badr, &goal, COMES_BACK, &json!({})).await;
    let refund = ask(&badr, &payment, None).await["refund"].clone();
    assert_eq!(code(&grant(&olivia, &refund).await), "");
    server.run_jobs().await;
    server.advance(6);
    server.run_jobs().await;
    server.advance(2);
    server.run_jobs().await;
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["contributionCount"]), (&json!("0.00"), &json!(0)));
    settle(&server).await;
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["contributionCount"]), (&json!("30.00"), &json!(1)));
    assert_eq!(now["available"]["amount"], "30.00");
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "NONE");
    assert_eq!(super::balance(&server, &badr).await, 0);
    payments::assert_books(&server.app).await;
}

#[tokio::test]
async fn of_a_goal_that_is_over_what_can_t_go_back_goes_to_the_giver_s_wallet_once() {
    for card in [FAILS, COMES_BACK] {
        let server = Server::start().await;
        let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
        let goal = begin(&olivia, &json!({})).await;
        let payment = give_by(&server, &badr, &goal, card, &json!({})).await;
        assert_eq!(code(&super::cancel(&olivia, &goal).await), "");
        for _ in 0..3 {
            settle(&server).await;
        }
        assert_eq!(super::balance(&server, &badr).await, 3000, "{card}");
        let (olivia, badr) = (server.anonymous().login("olivia").await, server.anonymous().login("badr").await);
        assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
        assert_eq!(look(&olivia, &goal).await["raised"]["amount"], "0.00");
        assert_eq!(server.count("SELECT COUNT(*) FROM refunds").await, 2);
        assert!(server.last_sent("badr@example.org").await.text.contains("30.00 USD"));
        payments::assert_books(&server.app).await;
    }
}

#[tokio::test]
async fn one_that_was_under_way_when_the_goal_was_cancelled_is_not_stuck_either() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = give_by(&server, &badr, &goal, FAILS, &json!({})).await;
    let refund = ask(&badr, &payment, None).await["refund"].clone();
    assert_eq!(code(&grant(&olivia, &refund).await), "");
    assert_eq!(code(&super::cancel(&olivia, &goal).await), "");
    for _ in 0..2 {
        settle(&server).await;
    }
    assert_eq!(super::balance(&server, &badr).await, 3000);
    let query = "query($id: ID!) { payment(id: $id) { refunds { reason } } }";
    let refunds = badr.ok(query, json!({ "id": payment["id"] })).await["payment"]["refunds"].clone();
    assert_eq!(refunds.as_array().unwrap().last().unwrap()["reason"], "goal_canceled", "{refunds}");
    payments::assert_books(&server.app).await;
}

#[tokio::test]
async fn a_guest_s_money_is_tried_again_some_times_then_it_is_for_staff() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    server.staff("warden", agora::entity::user_role::Role::Administrator).await;
    let guest = json!({ "guest": { "email": "guest@example.org" } });
    let goal = begin(&olivia, &json!({})).await;
    let payment = give_by(&server, &server.anonymous(), &goal, FAILS, &guest).await;
    assert_eq!(code(&super::cancel(&olivia, &goal).await), "");
    let failed = "SELECT COUNT(*) FROM refunds WHERE state = 'failed'";
    settle(&server).await;
    for (hours, failures) in [(1, 2), (4, 3), (16, 4), (24, 4), (240, 4)] {
        // Held meanwhile: nobody else takes it.
        server.advance(hours * 3600 - 120);
        settle(&server).await;
        server.advance(120);
        settle(&server).await;
        assert_eq!(server.count(failed).await, failures, "after {hours} hours more");
        payments::assert_books(&server.app).await;
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds").await, 4);
    let warden = server.anonymous().login("warden").await;
    let list = "{ adminRefunds(where: { states: FAILED }) { totalCount nodes { payment { id } } } }";
    let listed = warden.ok(list, Value::Null).await["adminRefunds"].clone();
    assert_eq!((&listed["totalCount"], &listed["nodes"][0]["payment"]["id"]), (&json!(4), &payment["id"]));
    // The card is mended; staff grants it anew.
    let sql = "UPDATE sandbox_charges SET card = '4242424242424242'";
    server.write(sql, Vec::new()).await;
    let query = "mutation($id: ID!) { paymentRefund(input: { id: $id, reason: \"goal cancelled\", idempotencyKey: \"a\" }) { \
                 refund { state } errors { code } } }";
    let granted = warden.ok(query, json!({ "id": payment["id"] })).await["paymentRefund"].clone();
    assert_eq!(granted["refund"]["state"], "GRANTED", "{granted}");
    settle(&server).await;
    assert_eq!(server.count("SELECT balance FROM ledger_accounts WHERE kind = 'escrow'").await, 0);
    assert!(server.last_sent("guest@example.org").await.text.contains("30.00 USD"));
    payments::assert_books(&server.app).await;
}

#[tokio::test]
async fn what_was_asked_for_when_the_goal_is_cancelled_is_granted_by_it_and_nothing_goes_back_twice() {
    for (amount, destination, refunds) in [(None, "SOURCE", 1), (Some("10.00"), "WALLET", 2)] {
        let server = Server::start().await;
        let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
        let goal = begin(&olivia, &json!({})).await;
        let payment = give(&server, &badr, &goal, "30.00").await;
        let query = "mutation($input: PaymentRefundRequestInput!) { paymentRefundRequest(input: $input) { \
                     refund { id } errors { code } } }";
        let input = json!({ "id": payment["id"], "amount": amount.map(super::money), "reason": "I need it",
                            "destination": destination, "idempotencyKey": "ask" });
        let asked = badr.ok(query, json!({ "input": input })).await;
        let refund = asked["paymentRefundRequest"]["refund"].clone();
        assert_eq!(code(&super::cancel(&olivia, &goal).await), "");
        settle(&server).await;
        assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'").await, refunds);
        assert_eq!(server.count("SELECT COUNT(*) FROM refunds").await, refunds);
        assert_eq!(code(&grant(&olivia, &refund).await), "WRONG_STATE");
        assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
        let in_wallet = if destination == "WALLET" { 1000 } else { 0 };
        assert_eq!(super::balance(&server, &badr).await, in_wallet);
        payments::assert_books(&server.app).await;
    }
}
