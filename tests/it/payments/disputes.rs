//! Payers who take a payment back through their bank: while a dispute is open its money is held; it is let go when the dispute
//! is won, and gone when it is lost.

use agora::{
    domain::{ledger::AccountRef, payments::reconcile},
    entity::payment::ProviderKind,
    platform::{
        list::Span,
        providers::payments::sandbox::{Act, DISPUTE_FEE, Deed},
    },
};
use serde_json::{Value, json};

use super::{
    GOOD, act, assert_books, at, code, hand_over, look, paid, paid_by, refunds::ask, taken_back::behind_our_back,
    tamper, treasurer, wait, wait_often, wallet,
};
use crate::{
    goals,
    harness::{Client, Server},
};

/// A card that pays, and is disputed some seconds later.
const DISPUTED: &str = "4000 0000 0000 0259";

/// The disputes of a payment, as its payer sees them.
async fn disputes(client: &Client, payment: &Value) -> Value {
    let query = "query($id: ID!) { payment(id: $id) { disputes { state amount { amount } reason endedAt \
                 refund { origin state } } } }";
    client.ok(query, json!({ "id": payment["id"] })).await["payment"]["disputes"].clone()
}

async fn clearing(server: &Server) -> i64 {
    at(server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0
}

/// What somebody is told of disputes, the newest first.
async fn told(client: &Client) -> Vec<String> {
    let list = "{ me { notifications { nodes { kind title } } } }";
    let nodes = client.ok(list, Value::Null).await["me"]["notifications"]["nodes"].clone();
    let nodes = nodes.as_array().unwrap().iter().filter(|node| node["kind"] == "DISPUTE");
    nodes.map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn while_a_dispute_is_open_its_money_is_held_and_when_it_is_won_it_is_let_go() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let payment = paid_by(&server, &amina, "10.00", DISPUTED, "k").await;
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    wait(&server).await;
    assert_eq!(wallet(&server, &amina).await, (1000, 1000));
    assert!(!hand_over(&server, &amina, &basma, 1, "held").await);
    let now = disputes(&amina, &payment).await;
    assert_eq!((&now[0]["state"], &now[0]["reason"], &now[0]["endedAt"]), (&json!("OPEN"), &json!(null), &json!(null)));
    assert_eq!(now[0]["refund"], json!({ "origin": "DISPUTE", "state": "PENDING" }));
    assert_books(&server.app).await;
    behind_our_back(&server, Deed::Decide(true)).await;
    wait_often(&server, 3).await;
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_eq!(disputes(&amina, &payment).await[0]["state"], "WON");
    assert_eq!(look(&amina, &payment).await["refundState"], "NONE");
    assert_eq!(told(&amina).await.len(), 2);
    assert_eq!(server.count("SELECT COUNT(*) FROM payments WHERE check_at IS NOT NULL").await, 0);
    assert_eq!(reconcile(&server.app, Span::default(), false).await.unwrap().disagreements, []);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_dispute_that_is_lost_takes_the_money_and_the_platform_bears_its_fee() {
    let server = Server::start().await;
    let (olivia, badr, staff) = (server.user("olivia").await, server.user("badr").await, treasurer(&server).await);
    let goal = goals::begin(&olivia, &json!({})).await;
    let payment = goals::give(&server, &badr, &goal, "10.00").await;
    behind_our_back(&server, Deed::Dispute(Some(600))).await;
    wait(&server).await;
    // What is held can't be withdrawn; what is not, can.
    let list = "{ adminDisputes(where: { states: OPEN }) { totalCount nodes { id reason respondBy providerReference payment { id } } } }";
    let listed = staff.ok(list, Value::Null).await["adminDisputes"].clone();
    assert_eq!((&listed["totalCount"], &listed["nodes"][0]["payment"]["id"]), (&json!(1), &payment["id"]), "{listed}");
    assert_eq!(listed["nodes"][0]["reason"], "fraudulent");
    let node = "query($id: ID!) { node(id: $id) { id ... on Dispute { state reason } } }";
    let id = json!({ "id": listed["nodes"][0]["id"] });
    assert_eq!(badr.ok(node, id.clone()).await["node"]["state"], "OPEN");
    assert_eq!(olivia.ok(node, id).await["node"], Value::Null);
    assert_eq!(code(&goals::withdraw(&olivia, &goal, Some("4.01"), "w1").await), "INSUFFICIENT_FUNDS");
    behind_our_back(&server, Deed::Decide(false)).await;
    wait_often(&server, 3).await;
    assert_eq!(look(&badr, &payment).await["refunded"]["amount"], "6.00");
    assert_eq!(disputes(&badr, &payment).await[0]["state"], "LOST");
    let raised = olivia.ok("query($id: ID!) { goal(id: $id) { raised { amount } } }", json!({ "id": goal })).await;
    assert_eq!(raised["goal"]["raised"]["amount"], "4.00");
    assert_eq!(at(&server, AccountRef::ProviderFees).await.0, -DISPUTE_FEE);
    assert_eq!(clearing(&server).await, -400 + DISPUTE_FEE);
    assert_eq!(told(&olivia).await.len(), 2);
    // No receipt of a refund: nobody gave it back.
    assert!(server.sent().await.iter().all(|sent| !sent.subject.to_lowercase().contains("refund")));
    assert_eq!(reconcile(&server.app, Span::default(), false).await.unwrap().disagreements, []);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_was_withdrawn_before_a_dispute_is_owed_and_paid_when_the_goal_has_it_again() {
    let server = Server::with(&[("FEE_GOAL", "10")]).await;
    let (olivia, badr, dina) = (server.user("olivia").await, server.user("badr").await, server.user("dina").await);
    let goal = goals::begin(&olivia, &json!({})).await;
    goals::give(&server, &badr, &goal, "10.00").await;
    assert_eq!(code(&goals::withdraw(&olivia, &goal, None, "w").await), "");
    assert!(hand_over(&server, &olivia, &dina, 900, "spent").await);
    behind_our_back(&server, Deed::Dispute(None)).await;
    wait(&server).await;
    let debt = AccountRef::Debt(olivia.id.parse().unwrap());
    assert_eq!(at(&server, debt).await.0, -900);
    assert_books(&server.app).await;
    behind_our_back(&server, Deed::Decide(true)).await;
    wait_often(&server, 2).await;
    // It is the goal's again: what its owner withdraws pays what they owe.
    assert_eq!(at(&server, debt).await.0, -900);
    assert_eq!(code(&goals::withdraw(&olivia, &goal, None, "w2").await), "");
    assert_eq!((at(&server, debt).await.0, wallet(&server, &olivia).await), (0, (0, 0)));
    assert_eq!(at(&server, AccountRef::Fees).await.0, 100);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_dispute_that_is_decided_otherwise_after_all_is_taken_back() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = paid(&server, &amina, "10.00", "k").await;
    behind_our_back(&server, Deed::Dispute(None)).await;
    wait(&server).await;
    for (state, cents, words) in [("lost", 0, "LOST"), ("won", 1000, "WON"), ("lost", 0, "LOST"), ("won", 1000, "WON")]
    {
        tamper(&server, &format!("UPDATE sandbox_disputes SET state = '{state}'")).await;
        let found = reconcile(&server.app, Span::default(), false).await.unwrap().disagreements;
        assert!(found.len() == 1 && found[0].to_string().contains("dispute"), "{found:?}");
        assert!(reconcile(&server.app, Span::default(), true).await.unwrap().disagreements[0].is_mended);
        assert_eq!(disputes(&amina, &payment).await[0]["state"], words);
        assert_eq!(wallet(&server, &amina).await, (cents, 0));
        assert_books(&server.app).await;
    }
}

/// Given back by us, and then by the bank, the payer has it twice.
#[tokio::test]
async fn a_dispute_of_what_was_refunded_already_is_owed_by_the_payer_when_it_is_lost() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("7.00"), "", "r").await;
    wait_often(&server, 3).await;
    assert_eq!(wallet(&server, &amina).await, (300, 0));
    behind_our_back(&server, Deed::Dispute(None)).await;
    wait(&server).await;
    let debt = AccountRef::Debt(amina.id.parse().unwrap());
    assert_eq!((wallet(&server, &amina).await, at(&server, debt).await.0), ((300, 300), 0));
    behind_our_back(&server, Deed::Decide(false)).await;
    wait_often(&server, 2).await;
    assert_eq!((wallet(&server, &amina).await, at(&server, debt).await.0), ((0, 0), -700));
    assert_eq!(clearing(&server).await, 700 + DISPUTE_FEE);
    assert_books(&server.app).await;
}

/// The bank decides otherwise: the comparison finds and mends it.
async fn decided_otherwise(server: &Server, state: &str) {
    tamper(server, &format!("UPDATE sandbox_disputes SET state = '{state}'")).await;
    assert!(reconcile(&server.app, Span::default(), true).await.unwrap().disagreements[0].is_mended);
    assert_books(&server.app).await;
}

/// What went back beyond the payment comes back with the rest, however much of it was paid by then, and as often as the bank
/// thinks better of it.
#[tokio::test]
async fn a_dispute_that_is_won_after_all_undoes_what_its_payer_owed_beyond_the_payment() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("7.00"), "", "r").await;
    wait_often(&server, 3).await;
    for deed in [Deed::Dispute(None), Deed::Decide(false)] {
        behind_our_back(&server, deed).await;
        wait_often(&server, 2).await;
    }
    let debt = AccountRef::Debt(amina.id.parse().unwrap());
    assert_eq!((wallet(&server, &amina).await, at(&server, debt).await.0), ((0, 0), -700));
    let dina = server.user("dina").await;
    paid(&server, &dina, "20.00", "d").await;
    assert!(hand_over(&server, &dina, &amina, 300, "some").await);
    assert_eq!((wallet(&server, &amina).await, at(&server, debt).await.0), ((0, 0), -400));
    for (state, cents, owed, at_provider) in
        [("won", 600, 0, -2300), ("lost", 0, -400, -1300), ("won", 600, 0, -2300), ("lost", 0, -400, -1300)]
    {
        decided_otherwise(&server, state).await;
        assert_eq!((wallet(&server, &amina).await, at(&server, debt).await.0), ((cents, 0), owed), "{state}");
        assert_eq!(clearing(&server).await, at_provider + DISPUTE_FEE, "{state}");
    }
    assert_eq!(reconcile(&server.app, Span::default(), false).await.unwrap().disagreements, []);
    let steps =
        async |kind: &str| server.count(&format!("SELECT COUNT(*) FROM payment_events WHERE kind = '{kind}'")).await;
    assert_eq!((steps("refund_beyond").await, steps("refund_beyond_back").await), (3, 2));
}

#[tokio::test]
async fn what_the_platform_bore_of_a_guest_s_dispute_it_has_again_when_that_is_won_after_all() {
    let server = Server::start().await;
    let (olivia, staff) = (server.user("olivia").await, treasurer(&server).await);
    let goal = goals::begin(&olivia, &json!({})).await;
    let gift = goals::gift(&goal, "10.00", "g", &json!({ "guest": { "email": "guest@example.org" } }));
    let payment = goals::contribute(&server.anonymous(), &gift).await["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    wait(&server).await;
    assert_eq!(code(&ask(&staff, "paymentRefund", &payment, Some("7.00"), "", "r").await), "");
    wait_often(&server, 3).await;
    for deed in [Deed::Dispute(None), Deed::Decide(false)] {
        behind_our_back(&server, deed).await;
        wait_often(&server, 2).await;
    }
    assert_eq!(at(&server, AccountRef::Losses).await.0, -700);
    for (state, borne) in [("won", 0), ("lost", -700), ("won", 0)] {
        decided_otherwise(&server, state).await;
        assert_eq!(at(&server, AccountRef::Losses).await.0, borne, "{state}");
    }
}

/// Nobody tells of the end: the one that is open is asked about.
#[tokio::test]
async fn a_dispute_whose_end_nobody_tells_of_is_asked_about() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = paid(&server, &amina, "10.00", "k").await;
    behind_our_back(&server, Deed::Dispute(None)).await;
    wait(&server).await;
    assert_eq!(disputes(&amina, &payment).await[0]["state"], "OPEN");
    behind_our_back(&server, Deed::Decide(true)).await;
    tamper(&server, "DELETE FROM sandbox_events").await;
    server.advance(3700);
    server.run_jobs().await;
    let amina = server.anonymous().login("amina").await;
    assert_eq!(disputes(&amina, &payment).await[0]["state"], "WON");
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_books(&server.app).await;
}
