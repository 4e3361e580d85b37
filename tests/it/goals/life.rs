//! The whole life of a flexible and of a fixed goal.

use serde_json::json;

use super::{assert_sound, balance, begin, code, contribute, end, fixed, gift, give, later, look, settle, withdraw};
use crate::{harness::Server, payments};

#[tokio::test]
async fn a_flexible_goal_raises_pays_out_less_its_fee_and_ends() {
    let server = Server::with(&[("FEE_GOAL", "5")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({ "suggestedAmounts": [{ "amount": "5.00", "currency": "USD" }] })).await;
    give(&server, &badr, &goal, "30.10").await;
    let dina = payments::funded(&server, "dina", "50.00").await;
    let payload = contribute(&dina, &gift(&goal, "20.00", "k", &json!({ "provider": "WALLET" }))).await;
    assert_eq!(payload["payment"]["state"], "COMPLETED", "{payload}");
    assert_eq!(payload["contribution"]["state"], "RECEIVED");
    assert_eq!(balance(&server, &dina).await, 3000);

    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["progressPercent"]), (&json!("50.10"), &json!(50)));
    assert_eq!((&now["contributionCount"], &now["available"]["amount"]), (&json!(2), &json!("50.10")));
    assert_eq!(now["availableActions"], json!(["CONTRIBUTE", "UPDATE", "PUBLISH_NEWS", "WITHDRAW", "END", "CANCEL"]));
    let seen = look(&badr, &goal).await;
    assert_eq!((&seen["available"], &seen["withdrawn"]), (&json!(null), &json!(null)));
    assert_eq!(seen["availableActions"], json!(["CONTRIBUTE"]));
    assert_sound(&server).await;

    let paid = withdraw(&olivia, &goal, Some("10.10"), "w").await;
    let withdrawal = &paid["withdrawal"];
    assert_eq!(
        (&withdrawal["fee"]["amount"], &withdrawal["net"]["amount"]),
        (&json!("0.51"), &json!("9.59")),
        "{paid}"
    );
    let again = withdraw(&olivia, &goal, Some("10.10"), "w").await;
    assert_eq!((&again["withdrawal"]["id"], &again["replayed"]), (&withdrawal["id"], &json!(true)));
    assert_eq!(code(&withdraw(&olivia, &goal, Some("10.11"), "w").await), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(balance(&server, &olivia).await, 959);
    assert_eq!(code(&withdraw(&olivia, &goal, Some("40.01"), "more").await), "INSUFFICIENT_FUNDS");

    assert_eq!(end(&olivia, &goal).await["goal"]["state"], "ENDED");
    assert_eq!(code(&end(&olivia, &goal).await), "WRONG_STATE");
    assert_eq!(code(&contribute(&badr, &gift(&goal, "1.00", "late", &json!({}))).await), "GOAL_CLOSED");
    let rest = withdraw(&olivia, &goal, None, "rest").await;
    assert_eq!(rest["withdrawal"]["amount"]["amount"], "40.00", "{rest}");
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["withdrawn"]["amount"]), (&json!("50.10"), &json!("50.10")));
    assert_eq!(now["available"]["amount"], "0.00");
    settle(&server).await;
    let receipt = server.last_sent("badr@example.org").await;
    assert!(receipt.text.contains("30.10 USD"), "{receipt:?}");
    // Nobody has proven the address: it gets no words that somebody chose.
    assert!(!receipt.text.contains("A new roof") && !receipt.text.contains("badr,"), "{receipt:?}");
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_fixed_goal_pays_out_once_it_is_reached_and_ends_at_its_deadline() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = fixed(&server, &olivia).await;
    give(&server, &badr, &goal, "60.00").await;
    assert_eq!(code(&withdraw(&olivia, &goal, None, "early").await), "WRONG_STATE");
    assert_eq!(code(&end(&olivia, &goal).await), "WRONG_STATE");
    give(&server, &badr, &goal, "40.00").await;
    assert_eq!(look(&olivia, &goal).await["isReached"], true);
    let paid = withdraw(&olivia, &goal, Some("25.00"), "now").await;
    assert_eq!(paid["withdrawal"]["net"]["amount"], "25.00", "{paid}");
    later(&server, 11 * 86_400).await;
    let olivia = server.anonymous().login("olivia").await;
    assert_eq!(look(&olivia, &goal).await["state"], "ENDED");
    assert_eq!(withdraw(&olivia, &goal, None, "rest").await["withdrawal"]["amount"]["amount"], "75.00");
    assert_eq!(balance(&server, &olivia).await, 10_000);
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_fixed_goal_that_missed_its_target_gives_everything_back() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let dina = payments::funded(&server, "dina", "20.00").await;
    let goal = fixed(&server, &olivia).await;
    give(&server, &badr, &goal, "60.00").await;
    contribute(&dina, &gift(&goal, "20.00", "k", &json!({ "provider": "WALLET" }))).await;
    // Shortly after the deadline, before anybody has looked.
    server.advance(10 * 86_400);
    let badr = server.anonymous().login("badr").await;
    assert_eq!(code(&contribute(&badr, &gift(&goal, "1.00", "late", &json!({}))).await), "GOAL_CLOSED");
    assert_eq!(look(&badr, &goal).await["isOpen"], false);
    later(&server, 60).await;
    let now = look(&server.anonymous(), &goal).await;
    assert_eq!((&now["state"], &now["raised"]["amount"]), (&json!("FAILED"), &json!("0.00")));
    assert_eq!(now["contributionCount"], 0);
    assert_eq!(balance(&server, &dina).await, 2000);
    let told = badr.ok("{ me { notifications { nodes { kind title message } } } }", json!(null)).await;
    let told = &told["me"]["notifications"]["nodes"][0];
    assert_eq!((&told["kind"], &told["title"]), (&json!("GOAL_ENDED"), &json!("“A new roof” is over")), "{told}");
    assert!(told["message"].as_str().unwrap().contains("money back"));
    assert!(server.last_sent("badr@example.org").await.text.contains("60.00 USD"));
    assert_sound(&server).await;
}
