//! Goals that are called off or left: everybody gets their money back, by jobs that go on where they stopped.

use agora::platform::providers::payments::sandbox::Act;
use serde_json::{Value, json};

use super::{assert_sound, balance, begin, cancel, code, contribute, gift, give, later, look, settle, withdraw};
use crate::{
    harness::{Client, Server},
    payments::{self, GOOD},
};

async fn delete_post(client: &Client, goal: &str) {
    let found = client.ok("query($id: ID!) { goal(id: $id) { post { id } } }", json!({ "id": goal })).await;
    let query = "mutation($id: ID!) { postDelete(input: { id: $id }) { errors { code } } }";
    client.ok(query, json!({ "id": found["goal"]["post"]["id"] })).await;
}

#[tokio::test]
async fn a_goal_that_is_called_off_gives_everything_back_in_batches() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let badr = payments::funded(&server, "badr", "60.00").await;
    let goal = begin(&olivia, &json!({})).await;
    // One more than a batch.
    for number in 0..51 {
        let input = gift(&goal, "1.00", &number.to_string(), &json!({ "provider": "WALLET" }));
        assert_eq!(contribute(&badr, &input).await["payment"]["state"], "COMPLETED");
    }
    let cancelled = cancel(&olivia, &goal).await;
    assert_eq!((&cancelled["goal"]["state"], &cancelled["goal"]["isOpen"]), (&json!("CANCELED"), &json!(false)));
    assert_eq!(code(&cancel(&olivia, &goal).await), "WRONG_STATE");
    assert_eq!(code(&withdraw(&olivia, &goal, None, "w").await), "WRONG_STATE");
    settle(&server).await;
    assert_eq!(balance(&server, &badr).await, 6000);
    assert_eq!(look(&olivia, &goal).await["raised"]["amount"], "0.00");
    assert_eq!(server.count("SELECT COUNT(*) FROM refunds WHERE state = 'succeeded'").await, 51);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    assert_sound(&server).await;
}

#[tokio::test]
async fn what_comes_in_when_a_goal_is_over_goes_back() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = contribute(&badr, &gift(&goal, "10.00", "k", &json!({}))).await["payment"].clone();
    super::end(&olivia, &goal).await;
    payments::act(&server, &payment, &Act::card(GOOD)).await;
    assert_eq!(payments::confirm(&badr, &payment).await["state"], "COMPLETED");
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["available"]["amount"]), (&json!("10.00"), &json!("0.00")));
    assert_sound(&server).await;
    settle(&server).await;
    let now = look(&olivia, &goal).await;
    assert_eq!((&now["raised"]["amount"], &now["contributionCount"]), (&json!("0.00"), &json!(0)));
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_goal_whose_post_is_deleted_is_called_off_and_only_its_owner_and_staff_see_it() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let staff = server.staff("warden", agora::entity::user_role::Role::Administrator).await;
    let goal = begin(&olivia, &json!({})).await;
    let payment = give(&server, &badr, &goal, "10.00").await;
    let own = badr.ok("{ me { contributions { nodes { id } } } }", Value::Null).await;
    let given = own["me"]["contributions"]["nodes"][0]["id"].clone();
    delete_post(&olivia, &goal).await;
    assert_eq!(look(&badr, &goal).await, Value::Null);
    assert_eq!(code(&contribute(&badr, &gift(&goal, "1.00", "late", &json!({}))).await), "NOT_FOUND");
    assert_eq!(code(&contribute(&olivia, &gift(&goal, "1.00", "late", &json!({}))).await), "GOAL_CLOSED");
    settle(&server).await;
    for client in [&olivia, &staff] {
        assert_eq!(look(client, &goal).await["state"], "CANCELED");
    }
    assert_eq!(payments::look(&badr, &payment).await["refundState"], "FULL");
    let node =
        "query($id: ID!) { node(id: $id) { ... on GoalContribution { state goal { id } } } goals { nodes { id } } }";
    let seen = badr.ok(node, json!({ "id": given })).await;
    assert_eq!(seen["node"], json!({ "state": "REFUNDED", "goal": null }), "one's own stays to be seen");
    assert_eq!(seen["goals"]["nodes"], json!([]));
    assert_eq!(server.anonymous().ok(node, json!({ "id": given })).await["node"], Value::Null);
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_goal_that_paid_out_already_only_ends_when_its_post_is_deleted() {
    let server = Server::with(&[("FEE_GOAL", "0")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    withdraw(&olivia, &goal, Some("4.00"), "w").await;
    delete_post(&olivia, &goal).await;
    settle(&server).await;
    assert_eq!(look(&olivia, &goal).await["state"], "ENDED");
    assert_eq!(withdraw(&olivia, &goal, None, "rest").await["withdrawal"]["amount"]["amount"], "6.00");
    assert_sound(&server).await;
}

#[tokio::test]
async fn who_has_money_in_a_goal_can_t_leave_and_whose_goal_is_open_gives_it_back_first() {
    let server = Server::with(&[("ACCOUNT_DELETION_DAYS", "1")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let leave = "mutation { accountDelete { errors { code path } } }";
    give_and_say(&server, &badr, &goal, "10.00", "for the roof").await;
    assert_eq!(olivia.user_errors(leave, Value::Null).await[0].0, "WALLET_NOT_EMPTY");
    assert_eq!(badr.user_errors(leave, Value::Null).await, []);
    cancel(&olivia, &goal).await;
    settle(&server).await;
    // A second goal, to which somebody gives after its owner has decided to leave.
    let second = begin(&olivia, &json!({})).await;
    assert_eq!(olivia.user_errors(leave, Value::Null).await, []);
    let dina = server.user("dina").await;
    let payment = give(&server, &dina, &second, "5.00").await;
    server.advance(86_400);
    agora::worker::run_schedules(&server.app).await.unwrap();
    assert_eq!(
        server.count("SELECT COUNT(*) FROM users WHERE username = 'olivia'").await,
        1,
        "it has to go back first"
    );
    settle(&server).await;
    later(&server, 3600).await;
    let dina = server.anonymous().login("dina").await;
    assert_eq!(payments::look(&dina, &payment).await["refundState"], "FULL");
    assert_eq!(server.count("SELECT COUNT(*) FROM users WHERE username IN ('olivia', 'badr')").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM goals WHERE owner_id IS NULL").await, 2);
    let forgotten = "SELECT COUNT(*) FROM goal_contributions WHERE contributor_id IS NULL AND message = ''";
    assert_eq!(server.count(forgotten).await, 1);
    assert_sound(&server).await;
}

async fn give_and_say(server: &Server, client: &Client, goal: &str, amount: &str, message: &str) {
    super::give_with(server, client, goal, amount, &json!({ "message": message })).await;
}
