//! Corrections of wallets by staff.

use agora::entity::user_role::Role;
use serde_json::{Value, json};

use super::{assert_books_balance, dollars, fund};
use crate::harness::{Server, user_error};

pub(crate) const ADJUST: &str = "mutation($input: AdminWalletAdjustInput!) { adminWalletAdjust(input: $input) { adjustment { id state \
    amount { amount } } replayed errors { code path } } }";
const APPROVE: &str = "mutation($id: ID!) { adminWalletAdjustmentApprove(input: { id: $id }) { adjustment { state } errors { code path } } }";
const REFUSE: &str = "mutation($id: ID!) { adminWalletAdjustmentRefuse(input: { id: $id, reason: \"no\" }) { adjustment { state } \
    errors { code path } } }";

fn input(user: &str, amount: &str, direction: &str, key: &str) -> Value {
    json!({ "input": { "userId": user, "amount": { "amount": amount, "currency": "USD" }, "direction": direction,
                       "reason": "a mistake of ours", "idempotencyKey": key } })
}

#[tokio::test]
async fn a_small_one_is_applied_at_once_and_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let ada = server.staff("ada", Role::Administrator).await;
    let credit = input(&amina.id, "1000.00", "CREDIT", "1");
    let first = ada.ok(ADJUST, credit.clone()).await["adminWalletAdjust"].clone();
    assert_eq!((&first["adjustment"]["state"], &first["errors"]), (&json!("APPLIED"), &json!([])));
    let again = ada.ok(ADJUST, credit).await["adminWalletAdjust"].clone();
    assert_eq!((&again["adjustment"], &again["replayed"]), (&first["adjustment"], &json!(true)));
    let other = ada.user_errors(ADJUST, input(&amina.id, "1000.00", "DEBIT", "1")).await;
    assert_eq!(other, user_error("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey"));
    let data = ada.ok(ADJUST, input(&amina.id, "1.00", "DEBIT", "2")).await;
    assert_eq!(data["adminWalletAdjust"]["adjustment"]["amount"]["amount"], "-1.00");
    assert_eq!(dollars(&amina).await, ["999.00", "0.00", "999.00"]);
    let query = "{ me { wallet { transactions { nodes { kind description subject { id } amount { amount } } } } } }";
    let data = amina.ok(query, Value::Null).await;
    assert_eq!(
        data["me"]["wallet"]["transactions"]["nodes"][0],
        json!({ "kind": "ADJUSTMENT", "description": "a mistake of ours", "subject": null, "amount": { "amount": "-1.00" } })
    );
    for (wrong, code, path) in [
        (input(&ada.id, "1.00", "CREDIT", "3"), "BEYOND_YOUR_RIGHTS", "input.userId"),
        (input("user_00000000000000000000000000", "1.00", "CREDIT", "3"), "NOT_FOUND", "input.userId"),
        (input(&amina.id, "999.01", "DEBIT", "3"), "INSUFFICIENT_FUNDS", ""),
        (input(&amina.id, "-1.00", "DEBIT", "3"), "INVALID_AMOUNT", "input.amount"),
        (input(&amina.id, "1.00", "DEBIT", ""), "BLANK", "input.idempotencyKey"),
    ] {
        let before = server.rows().await;
        assert_eq!(ada.user_errors(ADJUST, wrong.clone()).await, user_error(code, path), "{wrong}");
        assert_eq!(server.rows().await, before, "{wrong}");
    }
    let mut blank = input(&amina.id, "1.00", "DEBIT", "3");
    blank["input"]["reason"] = json!("");
    assert_eq!(ada.user_errors(ADJUST, blank).await, user_error("BLANK", "input.reason"));
    assert_eq!(server.count("SELECT COUNT(*) FROM audit_entries WHERE action = 'adminWalletAdjust'").await, 2);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn a_large_one_is_only_proposed_until_somebody_else_agrees() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (ada, alan) = (server.staff("ada", Role::Administrator).await, server.staff("alan", Role::Owner).await);
    fund(&server, &amina, 1000, "USD").await;
    let propose = async |direction, key| {
        let data = ada.ok(ADJUST, input(&amina.id, "1000.01", direction, key)).await;
        assert_eq!(data["adminWalletAdjust"]["adjustment"]["state"], "PROPOSED", "{data}");
        json!({ "id": data["adminWalletAdjust"]["adjustment"]["id"] })
    };
    let credit = propose("CREDIT", "1").await;
    assert_eq!(dollars(&amina).await[0], "10.00");
    assert_books_balance(&server).await;
    assert_eq!(ada.user_errors(APPROVE, credit.clone()).await, user_error("SECOND_PERSON_NEEDED", "input.id"));
    let debit = propose("DEBIT", "2").await;
    assert_eq!(alan.user_errors(APPROVE, debit.clone()).await, user_error("INSUFFICIENT_FUNDS", ""));
    let data = alan.ok(APPROVE, credit.clone()).await;
    assert_eq!(data["adminWalletAdjustmentApprove"]["adjustment"]["state"], "APPLIED");
    for act in [APPROVE, REFUSE] {
        assert_eq!(alan.user_errors(act, credit.clone()).await, user_error("WRONG_STATE", "input.id"));
    }
    assert_eq!(dollars(&amina).await[0], "1010.01");
    // One's own proposal can be taken back.
    let data = ada.ok(REFUSE, debit.clone()).await;
    assert_eq!(data["adminWalletAdjustmentRefuse"]["adjustment"]["state"], "REFUSED");
    assert_eq!(alan.user_errors(APPROVE, debit).await, user_error("WRONG_STATE", "input.id"));
    // Nobody decides about what is for their own wallet.
    let data = ada.ok(ADJUST, input(&alan.id, "2000.00", "CREDIT", "3")).await;
    let own = json!({ "id": data["adminWalletAdjust"]["adjustment"]["id"] });
    let before = server.contents().await;
    for act in [APPROVE, REFUSE] {
        assert_eq!(alan.user_errors(act, own.clone()).await, user_error("BEYOND_YOUR_RIGHTS", "input.id"));
    }
    assert!(server.changes_since(&before).await.is_empty());
    let query = "{ adminWalletAdjustments(where: { states: PROPOSED }) { totalCount nodes { user { username } \
                 proposedBy { username } decidedBy { username } reason } } }";
    let data = ada.ok(query, Value::Null).await["adminWalletAdjustments"].clone();
    assert_eq!((&data["totalCount"], &data["nodes"][0]["user"]["username"]), (&json!(1), &json!("alan")));
    assert_books_balance(&server).await;
}
