//! What people are told of what was given: that it is talked about, or asked back; and who is not named.

use serde_json::{Value, json};

use super::{begin, contribute, gift, give, give_with, refunds::ask, settle};
use crate::{
    harness::{Client, Server},
    payments::{self, GOOD},
};
use agora::platform::providers::payments::sandbox::Act;

const TOLD: &str = "{ me { notifications { nodes { kind title message actor { username } subject { __typename ... on GoalContribution { \
     refundRequest { id amount { amount } } } ... on ContributionComment { body author { username } } } } } } }";
const COMMENT: &str = "mutation($input: ContributionCommentCreateInput!) { contributionCommentCreate(input: $input) { \
     comment { id author { username } } errors { code path } } }";
const DELETE: &str = "mutation($id: ID!) { contributionCommentDelete(input: { id: $id }) { errors { code path } } }";

/// What somebody was told of one kind, newest first.
async fn told(server: &Server, client: &Client, kind: &str) -> Vec<Value> {
    while server.run_jobs().await > 0 {}
    let data = client.ok(TOLD, Value::Null).await;
    let all = data["me"]["notifications"]["nodes"].as_array().unwrap();
    all.iter().filter(|one| one["kind"] == kind).cloned().collect()
}

/// The only contribution to a goal.
async fn only(client: &Client, goal: &str) -> Value {
    let query = "query($id: ID!) { goal(id: $id) { contributions { nodes { id } } } }";
    client.ok(query, json!({ "id": goal })).await["goal"]["contributions"]["nodes"][0]["id"].clone()
}

async fn say(client: &Client, contribution: &Value, body: &str) -> Value {
    let input = json!({ "input": { "contributionId": contribution, "body": body } });
    client.ok(COMMENT, input).await["contributionCommentCreate"]["comment"].clone()
}

#[tokio::test]
async fn a_goal_s_owner_is_told_who_asks_for_a_refund_unless_that_is_hidden_from_them() {
    for (changes, named) in [
        (json!({}), true),
        (json!({ "isAnonymous": true }), true),
        (json!({ "isAnonymous": true, "hideFromOwner": true }), false),
    ] {
        let server = Server::start().await;
        let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
        let goal = begin(&olivia, &json!({})).await;
        let payment = give_with(&server, &badr, &goal, "30.00", &changes).await;
        let refund = ask(&badr, &payment, Some("10.00")).await["refund"]["id"].clone();
        let told = told(&server, &olivia, "REFUND_REQUEST").await;
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(told["message"], "10.00 USD: A new roof");
        assert_eq!(told["subject"]["refundRequest"], json!({ "id": refund, "amount": { "amount": "10.00" } }));
        let (title, actor) =
            if named { ("badr asks for a refund", json!("badr")) } else { ("Somebody asks for a refund", json!(null)) };
        assert_eq!((&told["title"], &told["actor"]["username"]), (&json!(title), &actor), "{changes}");
        assert_eq!(told.to_string().contains("badr"), named, "{changes}: {told}");
    }
}

#[tokio::test]
async fn nobody_is_told_of_their_own_refund_nor_of_one_that_was_decided_or_is_of_no_goal() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let hidden = json!({ "isAnonymous": true, "hideFromOwner": true });
    let own = give_with(&server, &olivia, &goal, "30.00", &hidden).await;
    ask(&olivia, &own, None).await;
    assert!(told(&server, &olivia, "REFUND_REQUEST").await.is_empty());
    assert!(told(&server, &olivia, "CONTRIBUTION").await.is_empty(), "nor of their own gift");
    let payment = give(&server, &badr, &goal, "20.00").await;
    let refund = ask(&badr, &payment, None).await["refund"].clone();
    super::refunds::grant(&olivia, &refund).await;
    assert!(told(&server, &olivia, "REFUND_REQUEST").await.is_empty(), "too late");
}

#[tokio::test]
async fn nothing_is_told_any_more_of_what_was_decided_or_went_back() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = give(&server, &badr, &goal, "30.00").await;
    say(&badr, &only(&olivia, &goal).await, "With pleasure").await;
    let refuse = "mutation($id: ID!) { paymentRefundRefuse(input: { id: $id, reason: \"no\" }) { errors { code } } }";
    for (amount, granted, given) in [("10.00", false, 1), ("10.00", true, 1), ("20.00", true, 0)] {
        let input = json!({ "id": payment["id"], "amount": super::money(amount), "reason": "I need it",
                            "idempotencyKey": format!("{amount} {granted}") });
        let query = "mutation($input: PaymentRefundRequestInput!) { paymentRefundRequest(input: $input) { refund { \
                     id } errors { code path } } }";
        let asked = badr.ok(query, json!({ "input": input })).await;
        let refund = asked["paymentRefundRequest"]["refund"].clone();
        assert_eq!(told(&server, &olivia, "REFUND_REQUEST").await.len(), 1, "{asked}");
        if granted {
            super::refunds::grant(&olivia, &refund).await;
        } else {
            olivia.ok(refuse, json!({ "id": refund["id"] })).await;
        }
        settle(&server).await;
        assert!(told(&server, &olivia, "REFUND_REQUEST").await.is_empty(), "it is decided");
        // The goal has a part of it still, or nothing.
        assert_eq!(told(&server, &olivia, "CONTRIBUTION").await.len(), given, "{amount}");
        assert_eq!(told(&server, &olivia, "CONTRIBUTION_COMMENT").await.len(), given, "{amount}");
    }
    let unread = olivia.ok("{ me { notificationUnreadCount } }", Value::Null).await;
    assert_eq!(unread["me"]["notificationUnreadCount"], 0);
}

#[tokio::test]
async fn a_guest_s_refund_is_told_by_the_name_they_gave() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = begin(&olivia, &json!({})).await;
    let guest = json!({ "guest": { "email": "guest@example.org", "name": "A friend" } });
    let payload = contribute(&server.anonymous(), &gift(&goal, "7.00", "k", &guest)).await;
    payments::act(&server, &payload["payment"], &Act::card(GOOD)).await;
    settle(&server).await;
    let query =
        "mutation($input: PaymentRefundRequestInput!) { paymentRefundRequest(input: $input) { errors { code path } } }";
    let input = json!({ "id": payload["payment"]["id"], "guestToken": payload["guestToken"], "reason": "I need it",
                        "idempotencyKey": "ask" });
    assert_eq!(server.anonymous().user_errors(query, json!({ "input": input })).await, []);
    let told = told(&server, &olivia, "REFUND_REQUEST").await;
    assert_eq!((&told[0]["title"], &told[0]["actor"]), (&json!("A friend asks for a refund"), &Value::Null));
}

#[tokio::test]
async fn owner_and_giver_are_told_of_each_other_s_comments_and_of_others_but_not_of_their_own() {
    let server = Server::start().await;
    let (olivia, badr, dina) = (server.user("olivia").await, server.user("badr").await, server.user("dina").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "30.00").await;
    let about = only(&olivia, &goal).await;
    let kind = "CONTRIBUTION_COMMENT";
    say(&olivia, &about, "Thank you").await;
    let seen = told(&server, &badr, kind).await;
    assert_eq!(
        (&seen[0]["title"], &seen[0]["message"]),
        (&json!("olivia commented on a contribution"), &json!("Thank you"))
    );
    assert_eq!((&seen[0]["actor"]["username"], &seen[0]["subject"]["body"]), (&json!("olivia"), &json!("Thank you")));
    assert!(told(&server, &olivia, kind).await.is_empty());
    say(&badr, &about, "With pleasure").await;
    let third = say(&dina, &about, "How kind").await["id"].clone();
    assert_eq!(told(&server, &badr, kind).await.len(), 2);
    let seen = told(&server, &olivia, kind).await;
    assert_eq!(seen.iter().map(|one| &one["message"]).collect::<Vec<_>>(), ["How kind", "With pleasure"]);
    assert!(told(&server, &dina, kind).await.is_empty());
    // What is deleted is nowhere to be read.
    assert_eq!(dina.user_errors(DELETE, json!({ "id": third })).await, []);
    for client in [&olivia, &badr] {
        let seen = told(&server, client, kind).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_ne!(seen[0]["message"], "How kind");
    }
}

#[tokio::test]
async fn a_giver_who_is_anonymous_stays_so_when_they_comment() {
    for (hide_from_owner, by_owner) in [(false, true), (true, false)] {
        let server = Server::start().await;
        let (olivia, badr, dina) = (server.user("olivia").await, server.user("badr").await, server.user("dina").await);
        let goal = begin(&olivia, &json!({})).await;
        let changes = json!({ "isAnonymous": true, "hideFromOwner": hide_from_owner });
        give_with(&server, &badr, &goal, "30.00", &changes).await;
        let about = only(&olivia, &goal).await;
        say(&olivia, &about, "Whoever you are: thank you").await;
        assert_eq!(told(&server, &badr, "CONTRIBUTION_COMMENT").await.len(), 1);
        assert_eq!(say(&badr, &about, "With pleasure").await["author"]["username"], "badr", "to themselves");
        let seen = told(&server, &olivia, "CONTRIBUTION_COMMENT").await;
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].to_string().contains("badr"), by_owner, "{seen:?}");
        let list = "query($id: ID!) { node(id: $id) { ... on GoalContribution { comments { nodes { body author { username } } } } } }";
        for (viewer, sees) in [(&olivia, by_owner), (&dina, false), (&server.anonymous(), false), (&badr, true)] {
            let seen = viewer.ok(list, json!({ "id": about })).await;
            assert!(seen.to_string().contains("With pleasure") && seen.to_string().contains("olivia"), "{seen}");
            assert_eq!(seen.to_string().contains("badr"), sees, "{:?}: {seen}", viewer.username);
        }
        // Elsewhere they have a name.
        let staff = server.staff("warden", agora::entity::user_role::Role::Administrator).await;
        assert!(staff.ok(list, json!({ "id": about })).await.to_string().contains("badr"));
    }
}
