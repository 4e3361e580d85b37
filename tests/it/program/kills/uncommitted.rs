//! Ends with everything written and nothing committed: then nothing has happened, and whoever asks again gets it, once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    Scene,
    giving::GIVE,
    paying::{REFUND, REFUNDED},
};
use crate::{
    goals,
    harness::Client,
    wallets::{WITHDRAW, add_method, withdraw_input},
};

const GOAL_WITHDRAW: &str = "mutation($input: GoalWithdrawInput!) { goalWithdraw(input: $input) { withdrawal { id } replayed \
     errors { code } } }";

/// What is called in the scene, after amina has paid in 5.00 USD.
struct Call<'a> {
    client: &'a Client,
    query: &'static str,
    variables: Value,
    /// How often each thing has happened after it.
    counts: &'static [(&'static str, i64)],
    /// What is in amina's wallet then, and held there.
    cents: (i64, i64),
}

impl<'a> Call<'a> {
    /// A call that leads to a fail point.
    async fn to(scene: &'a Scene, step: &str) -> Self {
        let (amina, staff) = (&scene.amina, &scene.staff);
        let payment = scene.paid().await;
        let goal = goals::begin(amina, &json!({})).await;
        let give = |goal: &str| goals::gift(goal, "2.00", "g", &json!({ "provider": "WALLET" }));
        match step {
            "withdrawal.holding" => Self {
                client: amina,
                query: WITHDRAW,
                variables: withdraw_input(&add_method(amina, "USD").await, "5.00", "USD", "w"),
                counts: &[("SELECT COUNT(*) FROM withdrawals", 1)],
                cents: (500, 500),
            },
            "goal.withdrawing" => {
                assert_eq!(goals::contribute(amina, &give(&goal)).await["payment"]["state"], "COMPLETED");
                Self {
                    client: amina,
                    query: GOAL_WITHDRAW,
                    variables: json!({ "input": { "goalId": goal, "idempotencyKey": "w" } }),
                    counts: &[
                        ("SELECT COUNT(*) FROM goal_withdrawals", 1),
                        ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'payout'", 1),
                        ("SELECT withdrawn FROM goals", 200),
                    ],
                    cents: (500, 0),
                }
            }
            "refund.granting" => Self {
                client: staff,
                query: REFUND,
                variables: json!({ "id": payment["id"] }),
                counts: REFUNDED,
                cents: (0, 0),
            },
            _ => Self {
                client: amina,
                query: GIVE,
                variables: json!({ "input": give(&goals::begin(staff, &json!({})).await) }),
                counts: &[
                    ("SELECT COUNT(*) FROM goal_contributions", 1),
                    ("SELECT COUNT(*) FROM ledger_transfers WHERE kind = 'contribution'", 1),
                    ("SELECT CAST(SUM(raised) AS bigint) FROM goals", 200),
                ],
                cents: (300, 0),
            },
        }
    }
}

async fn killed_before_the_commit(step: &str) {
    let scene = Scene::new("600").await;
    let call = Call::to(&scene, step).await;
    scene.server.run_jobs().await;
    let before = scene.server.rows().await;
    scene.kill_at(step, "false", Some((call.client, call.query, call.variables.clone()))).await;
    assert_eq!(scene.server.rows().await, before, "{step}");
    let serving = scene.serve_on().await;
    for replayed in [false, true] {
        let data = serving.ok(call.client.access_token.as_deref(), call.query, call.variables.clone()).await;
        let payload = data.as_object().unwrap().values().next().unwrap();
        assert_eq!((&payload["errors"], &payload["replayed"]), (&json!([]), &json!(replayed)), "{step}: {payload}");
    }
    if step == "refund.granting" {
        scene.until(step, "SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'", 1).await;
    }
    scene.assert_ended(step, call.counts, call.cents).await;
}

pub(crate) const STEPS: &[&str] = &["withdrawal.holding", "goal.withdrawing", "refund.granting", "payment.completing"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_and_not_committed_has_not_happened_and_is_done_once_when_it_is_asked_for_again() {
    join_all(STEPS.iter().map(|step| killed_before_the_commit(step))).await;
}
