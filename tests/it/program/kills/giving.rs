//! What is given to goals, and given back.

use agora::platform::providers::payments::sandbox::Act;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Scene;
use crate::{
    goals,
    payments::{self, GOOD, act},
};

/// What amina gives: 5.00 USD under the key `g`.
pub(crate) const GIVE: &str = "mutation($input: GoalContributeInput!) { goalContribute(input: $input) { contribution { state } \
     payment { id state } replayed errors { code } } }";

/// How often each thing has happened when her only contribution came in.
const GIVEN: &[(&str, i64)] = &[
    ("SELECT COUNT(*) FROM payments WHERE state = 'completed' AND captured = 500", 1),
    ("SELECT COUNT(*) FROM payments", 1),
    ("SELECT COUNT(*) FROM sandbox_charges", 1),
    ("SELECT COUNT(*) FROM payment_events WHERE kind = 'completed'", 1),
    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'contribution'", 1),
    ("SELECT COUNT(*) FROM goal_contributions WHERE state = 'received' AND received = 500", 1),
    ("SELECT raised FROM goals", 500),
    ("SELECT contribution_count FROM goals", 1),
];

/// And when that, and badr's 3.00 USD, went back.
const GIVEN_BACK: &[(&str, i64)] = &[
    ("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 2),
    ("SELECT COUNT(*) FROM refunds", 2),
    ("SELECT CAST(SUM(amount) AS bigint) FROM sandbox_refunds", 800),
    ("SELECT CAST(SUM(refunded) AS bigint) FROM payments", 800),
    ("SELECT CAST(SUM(refunding) AS bigint) FROM payments", 0),
    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'refund' AND state = 'posted'", 2),
    ("SELECT COUNT(*) FROM goal_contributions WHERE state = 'refunded' AND refunded = received", 2),
    ("SELECT raised FROM goals", 0),
];

pub(crate) async fn killed_while_giving(step: &str, by_webhook: bool) {
    let scene = Scene::new(if by_webhook { "600" } else { "1" }).await;
    let goal = goals::begin(&scene.staff, &json!({})).await;
    let input = goals::gift(&goal, "5.00", "g", &json!({}));
    let payment = goals::contribute(&scene.amina, &input).await["payment"].clone();
    act(&scene.server, &payment, &Act::card(GOOD)).await;
    if by_webhook {
        scene.kill_at(step, "true", None).await;
    } else {
        scene.lose_webhooks().await;
        let confirm = "mutation($id: ID!) { paymentConfirm(input: { id: $id }) { errors { code } } }";
        scene.kill_at(step, "false", Some((&scene.amina, confirm, json!({ "id": payment["id"] })))).await;
    }
    let serving = scene.serve_on().await;
    scene.until(step, "SELECT COUNT(*) FROM payments WHERE state = 'completed'", 1).await;
    let again = serving.ok(scene.amina.access_token.as_deref(), GIVE, json!({ "input": input })).await;
    let again = &again["goalContribute"];
    assert_eq!((&again["payment"]["id"], &again["replayed"]), (&payment["id"], &json!(true)), "{step}: {again}");
    assert_eq!(again["contribution"]["state"], "RECEIVED", "{step}: {again}");
    scene.assert_ended(step, GIVEN, (0, 0)).await;
}

/// Each with whether a webhook leads there.
pub(crate) const BY_CARD: &[(&str, bool)] = &[("payment.completing", false), ("payment.recorded", true)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_by_card_at_a_sudden_end_comes_in_once() {
    join_all(BY_CARD.iter().map(|(step, by_webhook)| killed_while_giving(step, *by_webhook))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_from_a_wallet_is_told_though_its_giver_was_not_answered() {
    let (scene, step) = (Scene::new("600").await, "payment.reserved");
    let goal = goals::begin(&scene.staff, &json!({})).await;
    scene.paid().await;
    let variables = json!({ "input": goals::gift(&goal, "2.00", "g", &json!({ "provider": "WALLET" })) });
    // By then all of it is in the books, because no provider has to be waited for.
    scene.kill_at(step, "false", Some((&scene.amina, GIVE, variables.clone()))).await;
    let serving = scene.serve_on().await;
    let again = serving.ok(scene.amina.access_token.as_deref(), GIVE, variables).await["goalContribute"].clone();
    assert_eq!((&again["payment"]["state"], &again["replayed"]), (&json!("COMPLETED"), &json!(true)), "{again}");
    let once = [
        ("SELECT COUNT(*) FROM goal_contributions WHERE state = 'received' AND received = 200", 1),
        ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'contribution'", 1),
        ("SELECT raised FROM goals", 200),
    ];
    scene.assert_ended(step, &once, (300, 0)).await;
}

pub(crate) const REFUNDING_ALL: &str = "goal.refunding";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gave_to_a_goal_that_is_called_off_gets_it_back_once_whatever_ends_meanwhile() {
    let (scene, step) = (Scene::new("600").await, REFUNDING_ALL);
    let badr = scene.server.user("badr_the_giver").await;
    let goal = goals::begin(&scene.staff, &json!({})).await;
    for (giver, amount) in [(&scene.amina, "5.00"), (&badr, "3.00")] {
        let given = goals::contribute(giver, &goals::gift(&goal, amount, "g", &json!({}))).await["payment"].clone();
        act(&scene.server, &given, &Act::card(GOOD)).await;
        assert_eq!(payments::confirm(giver, &given).await["state"], "COMPLETED");
    }
    let cancel = "mutation($id: ID!) { goalCancel(input: { id: $id, reason: \"x\" }) { errors { code } } }";
    let cancelled: Value = scene.staff.ok(cancel, json!({ "id": goal })).await;
    assert_eq!(cancelled["goalCancel"]["errors"], json!([]));
    scene.kill_at(step, "true", None).await;
    // One of them was granted what is theirs, the other one not yet.
    assert_eq!(scene.server.count("SELECT COUNT(*) FROM refunds").await, 1);
    let _serving = scene.serve_on().await;
    scene.until(step, "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 2).await;
    scene.assert_ended(step, GIVEN_BACK, (0, 0)).await;
}
