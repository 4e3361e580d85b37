//! At the same moment: forced interleavings, and many at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agora::platform::payments::sandbox::Act;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    assert_sound, balance, begin, cancel, code, contribute, gift, give, look,
    refunds::{ask, grant},
    settle, withdraw,
};
use crate::{
    harness::Server,
    payments::{self, GOOD},
};

#[tokio::test]
async fn a_goal_is_called_off_while_a_contribution_completes() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "20.00").await;
    let payment = contribute(&badr, &gift(&goal, "10.00", "k", &json!({}))).await["payment"].clone();
    payments::act(&server, &payment, &Act::card(GOOD)).await;
    // Whoever has the provider's answer and has not written it down yet, stands still.
    let (armed, reached, go) = (Arc::new(AtomicBool::new(true)), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&armed), Arc::clone(&reached), Arc::clone(&go));
    server.app.steps.watch(move |step| {
        let (armed, reached, go) = (Arc::clone(&signals.0), Arc::clone(&signals.1), Arc::clone(&signals.2));
        Box::pin(async move {
            if step == "payment.answered" && armed.swap(false, Ordering::SeqCst) {
                reached.notify_one();
                go.notified().await;
            }
        })
    });
    let confirming = payments::confirm(&badr, &payment);
    let cancelling = async {
        reached.notified().await;
        let cancelled = cancel(&olivia, &goal).await;
        assert_eq!(cancelled["goal"]["state"], "CANCELLED", "{cancelled}");
        // All that was there is on its way back before the late one arrives.
        server.run_jobs().await;
        go.notify_one();
    };
    let (confirmed, ()) = join(confirming, cancelling).await;
    assert_eq!(confirmed["state"], "COMPLETED");
    assert_sound(&server).await;
    settle(&server).await;
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["contributionCount"]), (&json!("0.00"), &json!(0)));
    assert_sound(&server).await;
}

#[tokio::test]
async fn two_withdrawals_of_the_last_pound_are_one() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    let both = join_all(["a", "b", "c"].map(|key| withdraw(&olivia, &goal, Some("10.00"), key))).await;
    let mut codes: Vec<_> = both.iter().map(code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["", "INSUFFICIENT_FUNDS", "INSUFFICIENT_FUNDS"]);
    assert_eq!(balance(&server, &olivia).await, 1000);
    assert_sound(&server).await;
}

#[tokio::test]
async fn one_key_in_parallel_is_one_contribution_and_one_withdrawal() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let olivia = server.user("olivia").await;
    let badr = payments::funded(&server, "badr", "50.00").await;
    let goal = begin(&olivia, &json!({})).await;
    let input = gift(&goal, "10.00", "k", &json!({ "provider": "WALLET" }));
    let given = join_all((0..4).map(|_| contribute(&badr, &input))).await;
    assert!(given.iter().all(|payload| payload["payment"]["id"] == given[0]["payment"]["id"]), "{given:?}");
    assert_eq!(balance(&server, &badr).await, 4000);
    let taken = join_all((0..4).map(|_| withdraw(&olivia, &goal, Some("5.00"), "w"))).await;
    assert!(taken.iter().all(|payload| payload["withdrawal"]["id"] == taken[0]["withdrawal"]["id"]), "{taken:?}");
    assert_eq!(balance(&server, &olivia).await, 500);
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_refund_is_granted_while_everything_is_withdrawn() {
    for round in 0..3 {
        let server = Server::with(&[("FEE_GOAL", "0")]).await;
        let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
        let goal = begin(&olivia, &json!({})).await;
        let payment = give(&server, &badr, &goal, "10.00").await;
        let refund = ask(&badr, &payment, None).await["refund"].clone();
        let (granted, withdrawn) = if round == 0 {
            join(grant(&olivia, &refund), withdraw(&olivia, &goal, None, "w")).await
        } else {
            let (withdrawn, granted) = join(withdraw(&olivia, &goal, None, "w"), grant(&olivia, &refund)).await;
            (granted, withdrawn)
        };
        // One of them got the money.
        let codes = [code(&granted), code(&withdrawn)];
        assert!(codes == ["", "INSUFFICIENT_FUNDS"] || codes == ["INSUFFICIENT_FUNDS", ""], "{codes:?}");
        settle(&server).await;
        let expected = if codes[0].is_empty() { 0 } else { 1000 };
        assert_eq!(balance(&server, &olivia).await, expected);
        assert_sound(&server).await;
    }
}

#[tokio::test]
async fn many_give_take_back_and_withdraw_at_once_and_the_books_balance() {
    let server = Server::with(&[("FEE_GOAL", "7.5")]).await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    let mut givers = Vec::new();
    for name in ["badr", "dina", "emad"] {
        givers.push(payments::funded(&server, name, "30.00").await);
    }
    let giving = givers.iter().map(|giver| {
        let goal = &goal;
        async move {
            for number in 1..=6 {
                let amount = format!("{number}.0{number}");
                let input = gift(goal, &amount, &amount, &json!({ "provider": "WALLET" }));
                let payload: Value = contribute(giver, &input).await;
                assert!(["", "INSUFFICIENT_FUNDS"].contains(&code(&payload)), "{payload}");
                if number % 3 == 0 && payload["payment"].is_object() {
                    ask(giver, &payload["payment"], None).await;
                }
            }
        }
    });
    let withdrawing = async {
        for number in 0..6 {
            let payload = withdraw(&olivia, &goal, Some("4.33"), &number.to_string()).await;
            assert!(["", "INSUFFICIENT_FUNDS"].contains(&code(&payload)), "{payload}");
        }
    };
    let working = async {
        for _ in 0..6 {
            server.run_jobs().await;
        }
    };
    join(join_all(giving), join(withdrawing, working)).await;
    assert_sound(&server).await;
    let asked = server.app.db.rows("SELECT id FROM refunds WHERE state = 'requested'", Vec::new()).await.unwrap();
    let refunds: Vec<agora::entity::RefundId> =
        asked.iter().map(|row| agora::entity::RefundId(row.try_get_by_index(0).unwrap())).collect();
    let granting = refunds.iter().map(|id| {
        let olivia = &olivia;
        async move {
            let granted = grant(olivia, &json!({ "id": id.to_string() })).await;
            assert!(["", "INSUFFICIENT_FUNDS"].contains(&code(&granted)), "{granted}");
        }
    });
    join(join_all(granting), withdraw(&olivia, &goal, None, "all")).await;
    settle(&server).await;
    assert_sound(&server).await;
}
