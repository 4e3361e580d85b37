//! At the same moment: forced interleavings, and many at once.

use agora::platform::providers::payments::sandbox::Act;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{
    assert_sound, balance, begin, cancel, code, contribute, gift, give, look,
    refunds::{ask, grant},
    settle, withdraw,
};
use crate::{
    harness::{
        Client, SEVERAL_CONNECTIONS, Server,
        races::{Gate, one_in_the_midst_of_another},
    },
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
    let gate = Gate::at(&server, "payment.answered");
    let confirming = payments::confirm(&badr, &payment);
    let cancelling = async {
        gate.reached().await;
        let cancelled = cancel(&olivia, &goal).await;
        assert_eq!(cancelled["goal"]["state"], "CANCELED", "{cancelled}");
        // All that was there is on its way back before the late one arrives.
        server.run_jobs().await;
        gate.open();
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

/// What can't be had any more, because it went elsewhere.
const GONE: &str = "INSUFFICIENT_FUNDS";

#[tokio::test]
async fn two_withdrawals_of_the_last_pound_are_one() {
    let server = Server::with(&[("FEE_GOAL", "0"), SEVERAL_CONNECTIONS]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    let elsewhere = server.anonymous().login("olivia").await.seen().await;
    let (first, second) = (withdraw(&olivia, &goal, Some("10.00"), "a"), withdraw(&elsewhere, &goal, None, "b"));
    let (first, second) = one_in_the_midst_of_another(&server, "goal.withdrawing", first, second).await;
    assert_eq!((code(&first), code(&second)), ("", GONE), "{first} {second}");
    assert_eq!(balance(&server, &olivia).await, 1000);
    assert_eq!(server.count("SELECT COUNT(*) FROM goal_withdrawals").await, 1);
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_refund_in_the_midst_of_a_withdrawal_finds_nothing_left() {
    let (server, olivia, goal, refund) = with_a_refund_asked_for().await;
    let (withdrawing, granting) = (withdraw(&olivia, &goal, None, "w"), grant(&olivia, &refund));
    let (withdrawn, granted) = one_in_the_midst_of_another(&server, "goal.withdrawing", withdrawing, granting).await;
    assert_eq!((code(&withdrawn), code(&granted)), ("", GONE), "{withdrawn} {granted}");
    settle(&server).await;
    assert_eq!(balance(&server, &olivia).await, 1000);
    // It is still asked for: once staff takes the withdrawal back, it can be granted.
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'requested'").await, 1);
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_withdrawal_in_the_midst_of_a_refund_finds_nothing_left() {
    let (server, olivia, goal, refund) = with_a_refund_asked_for().await;
    let (granting, withdrawing) = (grant(&olivia, &refund), withdraw(&olivia, &goal, None, "w"));
    let (granted, withdrawn) = one_in_the_midst_of_another(&server, "refund.granting", granting, withdrawing).await;
    assert_eq!((code(&granted), code(&withdrawn)), ("", GONE), "{granted} {withdrawn}");
    settle(&server).await;
    assert_eq!(balance(&server, &olivia).await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded' AND amount = 1000").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM goal_withdrawals").await, 0);
    assert_sound(&server).await;
}

/// Olivia's goal, to which badr gave 10.00 USD that he wants back.
async fn with_a_refund_asked_for() -> (Server, Client, String, Value) {
    let server = Server::with(&[("FEE_GOAL", "0"), SEVERAL_CONNECTIONS]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = give(&server, &badr, &goal, "10.00").await;
    let refund = ask(&badr, &payment, None).await["refund"].clone();
    (server, olivia, goal, refund)
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
