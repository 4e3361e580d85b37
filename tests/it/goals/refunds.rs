//! Giving back: what one giver asks for, and what staff does.

use serde_json::{Value, json};

use super::{assert_sound, begin, code, give, look, settle, withdraw};
use crate::{
    harness::{Client, Server},
    payments,
};

pub(super) async fn ask(client: &Client, payment: &Value, amount: Option<&str>) -> Value {
    let query = "mutation($id: ID!, $input: PaymentRefundInput!) { paymentRefundRequest(id: $id, input: $input) { \
                 refund { id state } errors { code path } } }";
    let input = json!({ "amount": amount.map(super::money), "reason": "I need it", "idempotencyKey": "ask" });
    client.ok(query, json!({ "id": payment["id"], "input": input })).await["paymentRefundRequest"].clone()
}

pub(super) async fn grant(client: &Client, refund: &Value) -> Value {
    let query = "mutation($id: ID!) { paymentRefundGrant(id: $id) { refund { state } errors { code path } } }";
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
    let query = "query($id: ID!) { goal(id: $id) { contributions(refundRequested: true) { totalCount nodes { \
                 refundRequest { id amount { amount } reason } } } all: contributions { nodes { refundRequest { id } } } } }";
    let stranger = server.user("stranger").await;
    for (viewer, listed, seen) in [(&olivia, 1, true), (&badr, 0, true), (&stranger, 0, false)] {
        let found = viewer.ok(query, json!({ "id": goal })).await["goal"].clone();
        assert_eq!(found["contributions"]["totalCount"], listed, "{found}");
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

    let reverse = "mutation($id: ID!) { adminGoalWithdrawalReverse(id: $id, reason: \"fraud\") { withdrawal { reversedAt } \
                   errors { code path } } }";
    let variables = json!({ "id": withdrawal["id"] });
    let back = staff.ok(reverse, variables.clone()).await["adminGoalWithdrawalReverse"].clone();
    assert!(back["withdrawal"]["reversedAt"].is_string(), "{back}");
    assert_eq!(code(&staff.ok(reverse, variables).await["adminGoalWithdrawalReverse"]), "ALREADY_DONE");
    assert_eq!(super::balance(&server, &olivia).await, 0);
    assert_eq!(look(&olivia, &goal).await["available"]["amount"], "30.00");
    assert_sound(&server).await;

    let cancelled = super::cancel(&staff, &goal).await;
    assert_eq!(cancelled["goal"]["state"], "CANCELLED", "{cancelled}");
    settle(&server).await;
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["endReason"]), (&json!("0.00"), &json!("no longer needed")));
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
    let audit = "SELECT COUNT(*) FROM audit_entries WHERE action IN ('goalCancel', 'adminGoalWithdrawalReverse')";
    assert_eq!(server.count(audit).await, 2);
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_withdrawal_whose_money_is_spent_can_t_be_taken_back_nor_one_s_own() {
    let server = Server::with(&[("FEE_GOAL", "5")]).await;
    let badr = server.user("badr").await;
    let staff = server.staff("warden", agora::entity::user_role::Role::Administrator).await;
    let (own, other) = (begin(&staff, &json!({})).await, begin(&badr, &json!({})).await);
    give(&server, &badr, &own, "10.00").await;
    let reverse = "mutation($id: ID!) { adminGoalWithdrawalReverse(id: $id, reason: \"fraud\") { errors { code } } }";
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
