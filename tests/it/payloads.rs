//! What a mutation's payload brings beside what was done: what else has changed by it, as it is afterwards, so that a client
//! need not fetch it anew. Nothing of it when nothing was done.

use serde_json::{Value, json};

use crate::{
    goals::{begin, gift, give},
    harness::{Client, Server},
    payments::{self, funded, paid},
    wallets::{add_method, fund, method_input, transfer_input, withdraw_input},
};

/// Runs the mutation, which takes one input; gives its payload.
async fn call(client: &Client, field: &str, input: Value, selection: &str) -> Value {
    let ty = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let query =
        format!("mutation($input: {ty}!) {{ {field}(input: $input) {{ {selection} errors {{ code path }} }} }}");
    client.ok(&query, json!({ "input": input })).await[field].clone()
}

/// The same, for what has to go well.
async fn done(client: &Client, field: &str, input: Value, selection: &str) -> Value {
    let mut payload = call(client, field, input, selection).await;
    assert_eq!(payload["errors"], json!([]), "{field}: {payload}");
    payload.as_object_mut().unwrap().remove("errors");
    payload
}

#[tokio::test]
async fn what_a_comment_and_a_share_hang_on_comes_with_its_counts() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("hello").await;
    let around = "comment { id } post { id commentCount } parent { replyCount }";
    let input = json!({ "target": { "postId": post }, "body": "an answer" });
    let mut answer = done(&basma, "commentCreate", input, around).await;
    let comment = answer["comment"]["id"].take();
    assert_eq!((&answer["post"], &answer["parent"]), (&json!({ "id": post, "commentCount": 1 }), &Value::Null));
    let input = json!({ "target": { "commentId": comment }, "body": "a reply" });
    let reply = done(&amina, "commentCreate", input, around).await;
    assert_eq!(reply["post"]["commentCount"], 2);
    assert_eq!(reply["parent"], json!({ "replyCount": 1 }));
    for field in ["commentLike", "commentUnlike"] {
        let liked = done(&amina, field, json!({ "id": comment }), "comment { likeCount } post { id }").await;
        let count = i64::from(field == "commentLike");
        assert_eq!(liked, json!({ "comment": { "likeCount": count }, "post": { "id": post } }));
    }
    let input = json!({ "id": reply["comment"]["id"] });
    let gone = done(&amina, "commentDelete", input, "post { commentCount } parent { replyCount }").await;
    assert_eq!(gone, json!({ "post": { "commentCount": 1 }, "parent": { "replyCount": 0 } }));
    let shared = done(&basma, "postShare", json!({ "id": post }), "sharedPost { id shareCount }").await;
    assert_eq!(shared, json!({ "sharedPost": { "id": post, "shareCount": 1 } }));
    let share = basma.ok("{ me { posts { nodes { id } } } }", Value::Null).await["me"]["posts"]["nodes"][0].clone();
    let around = "user { id postCount } sharedPost { id shareCount }";
    let gone = done(&basma, "postDelete", share, around).await;
    let you = json!({ "id": basma.id, "postCount": 0 });
    assert_eq!(gone, json!({ "user": you, "sharedPost": { "id": post, "shareCount": 0 } }));
    let gone = done(&amina, "postDelete", json!({ "id": post }), around).await;
    assert_eq!(gone, json!({ "user": { "id": amina.id, "postCount": 0 }, "sharedPost": null }));
    // Nothing was done, and nothing is shown.
    let refused = call(&basma, "commentLike", json!({ "id": post }), "comment { id } post { id }").await;
    let errors = json!([{ "code": "INVALID_ID", "path": ["input", "id"] }]);
    assert_eq!(refused, json!({ "comment": null, "post": null, "errors": errors }));
}

#[tokio::test]
async fn what_is_unread_comes_with_what_was_read() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let post = amina.publish("hello").await;
    for body in ["one", "two", "three"] {
        basma.comment(&post, body).await;
        server.run_jobs().await;
    }
    let list = amina.ok("{ me { notifications(first: 1) { nodes { id } } } }", Value::Null).await;
    let id = list["me"]["notifications"]["nodes"][0]["id"].clone();
    let you = "user { id notificationUnreadCount }";
    let read = done(&amina, "notificationMarkRead", json!({ "id": id }), you).await;
    assert_eq!(read, json!({ "user": { "id": amina.id, "notificationUnreadCount": 2 } }));
    let refused = call(&amina, "notificationMarkRead", json!({ "id": "nonsense" }), you).await;
    assert_eq!(refused["user"], Value::Null, "{refused}");
    let all = format!("mutation {{ notificationMarkAllRead {{ markedCount {you} }} }}");
    let all = amina.ok(&all, Value::Null).await["notificationMarkAllRead"].clone();
    assert_eq!(all, json!({ "markedCount": 2, "user": { "id": amina.id, "notificationUnreadCount": 0 } }));
}

#[tokio::test]
async fn the_wallet_comes_with_what_moves_its_money() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 10_000, "USD").await;
    let holds = "wallet { balance(currency: \"USD\") { balance { amount } available { amount } } }";
    let input = transfer_input(&basma.id, "30.00", "USD", "rent")["input"].take();
    let selection = format!("{holds} balance {{ currency balance {{ amount }} }}");
    let moved = done(&amina, "walletTransfer", input.clone(), &selection).await;
    let left = json!({ "balance": { "amount": "70.00" }, "available": { "amount": "70.00" } });
    let balance = json!({ "currency": "USD", "balance": { "amount": "70.00" } });
    assert_eq!(moved, json!({ "wallet": { "balance": left }, "balance": balance }));
    let mut too_much = input;
    (too_much["amount"]["amount"], too_much["idempotencyKey"]) = (json!("70.01"), json!("more"));
    let refused = call(&amina, "walletTransfer", too_much, &selection).await;
    assert_eq!((&refused["wallet"], &refused["balance"]), (&Value::Null, &Value::Null), "{refused}");
    let method = add_method(&amina, "USD").await;
    let input = withdraw_input(&method, "20.00", "USD", "1")["input"].take();
    let asked = done(&amina, "walletWithdraw", input, &format!("withdrawal {{ id }} {holds}")).await;
    let held = json!({ "balance": { "amount": "70.00" }, "available": { "amount": "50.00" } });
    assert_eq!(asked["wallet"]["balance"], held);
    let id = json!({ "id": asked["withdrawal"]["id"] });
    assert_eq!(done(&amina, "withdrawalCancel", id, holds).await["wallet"]["balance"], left);
}

#[tokio::test]
async fn the_goal_and_the_wallets_come_with_what_is_given() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, funded(&server, "badr", "50.00").await);
    let goal = begin(&olivia, &json!({})).await;
    let holds = "wallet { balance(currency: \"USD\") { balance { amount } } }";
    let input = gift(&goal, "20.00", "k", &json!({ "provider": "WALLET" }));
    let selection = format!("contribution {{ id }} goal {{ raised {{ amount }} }} {holds}");
    let given = done(&badr, "goalContribute", input, &selection).await;
    assert_eq!(given["goal"]["raised"]["amount"], "20.00", "{given}");
    assert_eq!(given["wallet"]["balance"]["balance"]["amount"], "30.00", "{given}");
    let input = json!({ "contributionId": given["contribution"]["id"], "body": "With pleasure" });
    let said = done(&badr, "contributionCommentCreate", input, "contribution { commentCount }").await;
    assert_eq!(said, json!({ "contribution": { "commentCount": 1 } }));
    let input = json!({ "goalId": goal, "title": "News", "body": "It holds" });
    let told = done(&olivia, "goalNewsPublish", input, "news { title } goal { id news { totalCount } }").await;
    assert_eq!(told["goal"], json!({ "id": goal, "news": { "totalCount": 1 } }));
    let input = json!({ "goalId": goal, "idempotencyKey": "w" });
    let taken = done(
        &olivia,
        "goalWithdraw",
        input,
        &format!("withdrawal {{ net {{ amount }} }} goal {{ available {{ amount }} }} {holds}"),
    )
    .await;
    assert_eq!(taken["goal"]["available"]["amount"], "0.00", "{taken}");
    assert_eq!(taken["wallet"]["balance"]["balance"]["amount"], taken["withdrawal"]["net"]["amount"], "{taken}");
}

#[tokio::test]
async fn what_a_payment_is_for_comes_with_it_to_who_may_see_it() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let payment = give(&server, &badr, &goal, "10.00").await;
    let around = "contribution { amount { amount } } wallet { owner { username } }";
    let asked = json!({ "id": payment["id"], "reason": "I need it", "idempotencyKey": "r" });
    let asked = done(&badr, "paymentRefundRequest", asked, &format!("refund {{ id }} {around}")).await;
    assert_eq!(asked["contribution"]["amount"]["amount"], "10.00", "{asked}");
    assert_eq!(asked["wallet"]["owner"]["username"], "badr", "{asked}");
    // The owner decides, and sees neither the payment nor whose wallet it came from.
    let granted = done(&olivia, "paymentRefundGrant", json!({ "id": asked["refund"]["id"] }), around).await;
    assert_eq!(granted, json!({ "contribution": null, "wallet": null }));
    let deposit = paid(&server, &badr, "5.00", "d").await;
    let seen = done(&badr, "paymentConfirm", json!({ "id": deposit["id"] }), around).await;
    assert_eq!(seen, json!({ "contribution": null, "wallet": { "owner": { "username": "badr" } } }));
    payments::assert_books(&server.app).await;
}

#[tokio::test]
async fn the_other_ways_to_pay_come_with_the_one_that_goes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let all = "user { paymentMethods { kind isDefault } }";
    let wallet = json!({ "provider": "WALLET", "kind": "WALLET" });
    done(&amina, "paymentMethodAdd", wallet, all).await;
    let card = json!({ "provider": "SANDBOX", "kind": "CARD", "token": "tok_4242424242424242", "isDefault": true });
    let added = done(&amina, "paymentMethodAdd", card, &format!("paymentMethod {{ id }} {all}")).await;
    let both = json!([{ "kind": "CARD", "isDefault": true }, { "kind": "WALLET", "isDefault": false }]);
    assert_eq!(added["user"]["paymentMethods"], both);
    let chosen = json!({ "id": added["paymentMethod"]["id"] });
    assert_eq!(done(&amina, "paymentMethodSetDefault", chosen.clone(), all).await["user"]["paymentMethods"], both);
    let left = done(&amina, "paymentMethodRemove", chosen, all).await;
    assert_eq!(left, json!({ "user": { "paymentMethods": [{ "kind": "WALLET", "isDefault": true }] } }));
}

#[tokio::test]
async fn the_bank_accounts_that_are_there_come_with_the_one_that_comes_or_goes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let input = method_input("USD");
    let added = done(&amina, "payoutMethodAdd", input, "payoutMethod { id } user { payoutMethods { id } }").await;
    let id = added["payoutMethod"]["id"].clone();
    assert_eq!(added["user"]["payoutMethods"], json!([{ "id": id }]));
    let left = done(&amina, "payoutMethodRemove", json!({ "id": id }), "user { payoutMethods { id } }").await;
    assert_eq!(left, json!({ "user": { "payoutMethods": [] } }));
}

#[tokio::test]
async fn the_sessions_that_are_left_come_with_the_one_that_ended() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    server.anonymous().login("amina").await;
    let list = amina.ok("{ me { sessions { id isCurrent } } }", Value::Null).await;
    let sessions = list["me"]["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{list}");
    let other = sessions.iter().find(|session| session["isCurrent"] == false).unwrap();
    let left = "ended user { sessions { isCurrent } }";
    let ended = done(&amina, "sessionRevoke", json!({ "id": other["id"] }), left).await;
    assert_eq!(ended, json!({ "ended": true, "user": { "sessions": [{ "isCurrent": true }] } }));
    let refused = call(&amina, "sessionRevoke", json!({ "id": "nonsense" }), left).await;
    assert_eq!((&refused["ended"], &refused["user"]), (&json!(false), &Value::Null));
}
