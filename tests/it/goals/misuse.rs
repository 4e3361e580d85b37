//! What somebody might try with goals and the money in them.

use agora::platform::providers::payments::sandbox::Act;
use serde_json::{Value, json};

use super::{
    assert_sound, begin, cancel, code, contribute, end, fixed, gift, give, give_with,
    refunds::{ask, grant},
    settle, withdraw,
};
use crate::{
    harness::Server,
    payments::{self, GOOD},
};

#[tokio::test]
async fn who_hides_from_the_owner_stays_hidden_when_they_ask_for_their_money() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let hidden = json!({ "isAnonymous": true, "hideFromOwner": true });
    let payment = give_with(&server, &badr, &goal, "30.00", &hidden).await;
    let refund = ask(&badr, &payment, None).await["refund"].clone();
    let query = "mutation($id: ID!) { paymentRefundRefuse(input: { id: $id, reason: \"no\" }) { refund { state } \
                 payment { payer { username } } errors { code } } }";
    let refused = olivia.ok(query, json!({ "id": refund["id"] })).await["paymentRefundRefuse"].clone();
    assert_eq!((&refused["refund"]["state"], &refused["payment"]), (&json!("REFUSED"), &Value::Null), "{refused}");
}

#[tokio::test]
async fn staff_does_not_say_that_money_for_their_own_goal_has_come() {
    let server = Server::with(&[("BANK_TRANSFER_ACCOUNT", "Bank"), ("CASH_ON_DELIVERY", "true")]).await;
    let staff = server.staff("olivia", agora::entity::user_role::Role::Administrator).await;
    let other = server.staff("badr", agora::entity::user_role::Role::Administrator).await;
    let goal = begin(&staff, &json!({})).await;
    let confirm = "mutation($id: ID!) { adminPaymentConfirm(input: { id: $id, reference: \"1\", idempotencyKey: \"k\" }) \
                   { payment { state } errors { code } } }";
    let collect =
        "mutation($id: ID!) { adminPaymentCollect(input: { id: $id }) { payment { state } errors { code } } }";
    for (provider, field, query) in
        [("BANK_TRANSFER", "adminPaymentConfirm", confirm), ("CASH_ON_DELIVERY", "adminPaymentCollect", collect)]
    {
        let guest = json!({ "provider": provider, "guest": { "email": "guest@example.org" } });
        let payment = contribute(&server.anonymous(), &gift(&goal, "50.00", provider, &guest)).await["payment"].clone();
        let id = json!({ "id": payment["id"] });
        assert_eq!(code(&staff.ok(query, id.clone()).await[field]), "SECOND_PERSON_NEEDED");
        assert_eq!(other.ok(query, id).await[field]["payment"]["state"], "COMPLETED");
    }
    assert_sound(&server).await;
}

#[tokio::test]
async fn staff_whose_role_was_taken_neither_cancels_goals_nor_takes_withdrawals_back() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let staff = server.staff("warden", agora::entity::user_role::Role::Administrator).await;
    let own = begin(&staff, &json!({})).await;
    let (taken, open) = (begin(&olivia, &json!({})).await, begin(&olivia, &json!({})).await);
    give(&server, &badr, &taken, "30.00").await;
    let withdrawal = withdraw(&olivia, &taken, None, "w").await["withdrawal"].clone();
    let sql = "DELETE FROM user_roles WHERE user_id IN (SELECT id FROM users WHERE username = 'warden')";
    server.write(sql, Vec::new()).await;
    let before = server.rows().await;
    let reverse =
        "mutation($id: ID!) { adminGoalWithdrawalReverse(input: { id: $id, reason: \"no\" }) { errors { code } } }";
    assert_eq!(staff.refused(reverse, json!({ "id": withdrawal["id"] })).await, "FORBIDDEN");
    let call_off = "mutation($id: ID!) { goalCancel(input: { id: $id, reason: \"no\" }) { errors { code } } }";
    assert_eq!(staff.refused(call_off, json!({ "id": open })).await, "FORBIDDEN");
    assert_eq!(server.rows().await, before);
    // Their own is still theirs.
    assert_eq!(code(&cancel(&staff, &own).await), "");
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_fixed_target_is_not_reached_by_money_that_came_too_late() {
    let server = Server::with(&[("PAYMENT_EXPIRY_HOURS", "720")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = fixed(&server, &olivia).await;
    give(&server, &badr, &goal, "60.00").await;
    let late = contribute(&olivia, &gift(&goal, "40.00", "late", &json!({}))).await["payment"].clone();
    server.advance(10 * 86_400 + 1);
    let olivia = server.anonymous().login("olivia").await;
    payments::act(&server, &late, &Act::card(GOOD)).await;
    assert_eq!(payments::confirm(&olivia, &late).await["state"], "COMPLETED");
    assert_eq!(code(&withdraw(&olivia, &goal, None, "w").await), "WRONG_STATE");
    assert_eq!(code(&end(&olivia, &goal).await), "WRONG_STATE");
    settle(&server).await;
    agora::worker::run_schedules(&server.app).await.unwrap();
    settle(&server).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM goals WHERE state = 'failed' AND raised = 0").await, 1);
    assert_sound(&server).await;
}

#[tokio::test]
async fn who_reached_a_fixed_target_by_their_own_money_does_not_take_it_back_after_withdrawing() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = fixed(&server, &olivia).await;
    give(&server, &badr, &goal, "60.00").await;
    let own = give(&server, &olivia, &goal, "40.00").await;
    assert_eq!(code(&withdraw(&olivia, &goal, Some("60.00"), "w").await), "");
    let refund = ask(&olivia, &own, None).await["refund"].clone();
    assert_eq!(code(&grant(&olivia, &refund).await), "WRONG_STATE");
    assert_sound(&server).await;
}

#[tokio::test]
async fn what_goes_back_to_a_wallet_that_went_with_its_account_is_not_stuck() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let badr = payments::funded(&server, "badr", "30.00").await;
    let goal = begin(&olivia, &json!({})).await;
    let given = contribute(&badr, &gift(&goal, "30.00", "k", &json!({ "provider": "WALLET" }))).await;
    assert_eq!(given["payment"]["state"], "COMPLETED", "{given}");
    let sql = "UPDATE payments SET payer_id = NULL WHERE provider = 'wallet'";
    server.write(sql, Vec::new()).await;
    assert_eq!(code(&cancel(&olivia, &goal).await), "");
    settle(&server).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'").await, 1);
    assert_eq!(server.count("SELECT balance FROM ledger_accounts WHERE kind = 'escrow'").await, 0);
    assert_sound(&server).await;
}
