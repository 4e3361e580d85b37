//! What can't be: amounts, deadlines, other people's goals, used keys.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    SECRET, assert_sound, begin, code, contribute, create, fixed, flexible, gift, give, look, money, withdraw,
};
use crate::harness::{Client, Server};

#[tokio::test]
async fn impossible_goals_are_refused_where_they_are_wrong() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let (post, other) = (olivia.publish("Help us").await, badr.publish("Mine").await);
    let at = |seconds: i64| json!(server.clock.now() + TimeDelta::seconds(seconds));
    let before = server.rows().await;
    for (changes, error, path) in [
        (json!({ "postId": other }), "NOT_ALLOWED", "postId"),
        (json!({ "postId": "post_00000000000000000000000000" }), "NOT_FOUND", "postId"),
        (json!({ "postId": "nonsense" }), "INVALID_ID", "postId"),
        (json!({ "title": " " }), "BLANK", "title"),
        (json!({ "title": "x".repeat(256) }), "TOO_LONG", "title"),
        (json!({ "story": "x".repeat(10_001) }), "TOO_LONG", "story"),
        (json!({ "target": money("0") }), "INVALID_AMOUNT", "target"),
        (json!({ "target": money("-1.00") }), "INVALID_AMOUNT", "target"),
        (json!({ "target": money("0.001") }), "INVALID_AMOUNT", "target"),
        (json!({ "target": money("100000000000000") }), "AMOUNT_TOO_LARGE", "target"),
        (json!({ "funding": "FIXED" }), "BLANK", "deadline"),
        (json!({ "deadline": at(0) }), "INVALID", "deadline"),
        (json!({ "deadline": at(-1) }), "INVALID", "deadline"),
        (json!({ "deadline": at(400 * 86_400) }), "INVALID", "deadline"),
        (json!({ "category": "x".repeat(51) }), "TOO_LONG", "category"),
        (json!({ "suggestedAmounts": [money("0")] }), "INVALID_AMOUNT", "suggestedAmounts"),
        (json!({ "suggestedAmounts": vec![money("1"); 7] }), "INVALID", "suggestedAmounts"),
        (
            json!({ "suggestedAmounts": [{ "amount": "1", "currency": "EUR" }] }),
            "CURRENCY_MISMATCH",
            "suggestedAmounts",
        ),
        (json!({ "coverUrl": "http://example.org/roof.jpg" }), "INVALID", "coverUrl"),
        (json!({ "coverUrl": "javascript:alert(1)" }), "INVALID", "coverUrl"),
    ] {
        let payload = create(&olivia, &flexible(&post, &changes)).await;
        let found = (code(&payload), payload["errors"][0]["path"].clone());
        assert_eq!(found, (error, json!(["input", path])), "{changes}");
    }
    assert_eq!(server.rows().await, before);
    let deadline = at(366 * 86_400);
    let first = create(&olivia, &flexible(&post, &json!({ "idempotencyKey": "k", "deadline": deadline }))).await;
    let again = create(&olivia, &flexible(&post, &json!({ "idempotencyKey": "k", "deadline": deadline }))).await;
    assert_eq!((&again["goal"]["id"], &again["replayed"]), (&first["goal"]["id"], &json!(true)), "{first} {again}");
    assert_eq!(
        code(&create(&olivia, &flexible(&post, &json!({ "idempotencyKey": "k" }))).await),
        "IDEMPOTENCY_KEY_REUSED"
    );
    assert_eq!(code(&create(&olivia, &flexible(&post, &json!({}))).await), "ALREADY_EXISTS");
    let query = "query($id: ID!) { post(id: $id) { goal { id } } }";
    assert_eq!(badr.ok(query, json!({ "id": post })).await["post"]["goal"]["id"], first["goal"]["id"]);
    assert_eq!(badr.ok(query, json!({ "id": other })).await["post"]["goal"], Value::Null);
}

#[tokio::test]
async fn impossible_contributions_are_refused_and_leave_nothing() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    let before = server.rows().await;
    for (changes, error, path) in [
        (json!({ "amount": money("-1.00") }), "INVALID_AMOUNT", json!(["input", "amount"])),
        (json!({ "amount": money("0") }), "INVALID_AMOUNT", json!(["input", "amount"])),
        (json!({ "amount": money("0.001") }), "INVALID_AMOUNT", json!(["input", "amount"])),
        (json!({ "amount": money("99999999999999999999") }), "INVALID_AMOUNT", json!(["input", "amount"])),
        (json!({ "amount": { "amount": "1.00", "currency": "EUR" } }), "CURRENCY_MISMATCH", json!(["input", "amount"])),
        (json!({ "goalId": "goal_00000000000000000000000000" }), "NOT_FOUND", json!(["input", "goalId"])),
        (json!({ "goalId": badr.id }), "INVALID_ID", json!(["input", "goalId"])),
        (json!({ "provider": "STRIPE" }), "PROVIDER_NOT_AVAILABLE", json!(["input", "provider"])),
        (json!({ "provider": "CASH_ON_DELIVERY" }), "PROVIDER_NOT_AVAILABLE", json!(["input", "provider"])),
        (json!({ "provider": "WALLET" }), "INSUFFICIENT_FUNDS", json!([])),
        (json!({ "methodId": "paymentmethod_00000000000000000000000000" }), "NOT_FOUND", json!(["input", "methodId"])),
        (json!({ "message": "x".repeat(1001) }), "TOO_LONG", json!(["input", "message"])),
        (json!({ "idempotencyKey": " " }), "BLANK", json!(["input", "idempotencyKey"])),
    ] {
        let payload = contribute(&badr, &gift(&goal, "1.00", "k", &changes)).await;
        assert_eq!((code(&payload), &payload["errors"][0]["path"]), (error, &path), "{changes}");
        assert_eq!(server.rows().await, before, "{changes}");
    }
    let query = "mutation($input: GoalContributeInput!) { goalContribute(input: $input) { errors { code path } } }";
    let of = |amount: Value| json!({ "input": gift(&goal, "1.00", "k", &json!({ "amount": { "amount": amount, "currency": "USD" } })) });
    for amount in ["1e30", "NaN"] {
        let told = badr.user_errors(query, of(json!(amount))).await;
        assert_eq!(told, [("INVALID".to_owned(), "input.amount.amount".to_owned())], "{amount}");
    }
    assert_eq!(badr.refused(query, of(json!(1.5))).await, "BAD_REQUEST");
    assert_eq!(server.rows().await, before);
    contribute(&badr, &gift(&goal, "1.00", "k", &json!({}))).await;
    assert_eq!(code(&contribute(&badr, &gift(&goal, "2.00", "k", &json!({}))).await), "IDEMPOTENCY_KEY_REUSED");
    assert_sound(&server).await;
}

#[tokio::test]
async fn a_payment_of_any_kind_is_refused_as_what_it_is_for_is() {
    let server = Server::with(&[("WALLET_CURRENCIES", "USD")]).await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await.seen().await);
    let (goal, over) = (begin(&olivia, &json!({})).await, begin(&olivia, &json!({})).await);
    assert_eq!(code(&super::end(&olivia, &over).await), "");
    let euro = json!({ "amount": "1.00", "currency": "EUR" });
    let deposit = |amount: &Value| json!({ "walletDeposit": amount });
    let to = |goal: &str, amount: &Value, guest: Value| {
        let gift = json!({ "goalId": goal, "amount": amount, "guest": guest });
        json!({ "goalContribution": gift })
    };
    let guest = json!({ "email": "guest@example.org", "secret": SECRET });
    let (dollar, nobody) = (money("1.00"), server.anonymous());
    let gone = "goal_00000000000000000000000001";
    let query = "mutation($input: PaymentCreateInput!) { paymentCreate(input: $input) { payment { id } errors { code path } } }";
    let before = server.contents().await;
    let gift = "target.goalContribution";
    for (client, target, provider, expected, path) in [
        (&badr, deposit(&euro), "SANDBOX", "CURRENCY_MISMATCH", "target.walletDeposit"),
        (&badr, deposit(&dollar), "WALLET", "PROVIDER_NOT_AVAILABLE", "provider"),
        (&badr, to(&goal, &euro, Value::Null), "SANDBOX", "CURRENCY_MISMATCH", &format!("{gift}.amount")),
        (&badr, to(&goal, &dollar, Value::Null), "STRIPE", "PROVIDER_NOT_AVAILABLE", "provider"),
        (&badr, to(&goal, &dollar, Value::Null), "WALLET", "INSUFFICIENT_FUNDS", ""),
        (&badr, to(&over, &dollar, Value::Null), "SANDBOX", "GOAL_CLOSED", &format!("{gift}.goalId")),
        (&nobody, to(&goal, &dollar, guest), "SANDBOX", "TOO_SHORT", "idempotencyKey"),
        (&badr, to(gone, &dollar, Value::Null), "SANDBOX", "NOT_FOUND", &format!("{gift}.goalId")),
    ] {
        let input = json!({ "target": target, "provider": provider, "idempotencyKey": "k" });
        let payload = client.ok(query, json!({ "input": input })).await["paymentCreate"].clone();
        assert_eq!((code(&payload), &payload["payment"]), (expected, &Value::Null), "{input}");
        let path = if path.is_empty() { String::new() } else { format!("input.{path}") };
        let fields: Vec<&str> = path.split('.').filter(|field| !field.is_empty()).collect();
        assert_eq!(payload["errors"][0]["path"], json!(fields), "{input}");
    }
    assert!(server.changes_since(&before).await.is_empty());
}

async fn update(client: &Client, goal: &str, mut input: Value) -> Value {
    let query = "mutation($input: GoalUpdateInput!) { goalUpdate(input: $input) { goal { title story \
                 target { amount currency } deadline funding category coverUrl suggestedAmounts { amount } } errors { code path } } }";
    input["id"] = goal.into();
    client.ok(query, json!({ "input": input })).await["goalUpdate"].clone()
}

#[tokio::test]
async fn what_people_relied_on_when_they_gave_stays() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = fixed(&server, &olivia).await;
    let soon = server.clock.now() + TimeDelta::days(5);
    let late = server.clock.now() + TimeDelta::days(20);
    assert_eq!(code(&update(&badr, &goal, json!({ "title": "Mine" })).await), "NOT_ALLOWED");
    // As long as nobody has begun to give, everything is free.
    let changed = update(
        &olivia,
        &goal,
        json!({ "target": { "amount": "50", "currency": "KWD" }, "deadline": null, "funding": "FLEXIBLE", "category": " Health  Care" }),
    )
    .await;
    assert_eq!(changed["goal"]["target"], json!({ "amount": "50.000", "currency": "KWD" }), "{changed}");
    assert_eq!((&changed["goal"]["category"], &changed["goal"]["deadline"]), (&json!("health care"), &Value::Null));
    assert_eq!(code(&update(&olivia, &goal, json!({ "funding": "FIXED" })).await), "BLANK");
    let terms = json!({ "target": money("100.00"), "deadline": soon, "funding": "FIXED", "category": null });
    assert_eq!(code(&update(&olivia, &goal, terms).await), "");
    give(&server, &badr, &goal, "10.00").await;
    for (input, field) in [
        (json!({ "target": money("99.00") }), "target"),
        (json!({ "target": { "amount": "100", "currency": "EUR" } }), "target"),
        (json!({ "funding": "FLEXIBLE" }), "funding"),
        (json!({ "deadline": server.clock.now() + TimeDelta::days(4) }), "deadline"),
    ] {
        let payload = update(&olivia, &goal, input.clone()).await;
        let expected = ("NOT_ALLOWED", &json!(["input", field]));
        assert_eq!((code(&payload), &payload["errors"][0]["path"]), expected, "{input}");
    }
    for (input, error) in [
        (json!({ "title": null }), "BLANK"),
        (json!({ "deadline": null }), "BLANK"),
        (json!({ "target": money("120.00"), "deadline": late }), ""),
        (json!({ "title": "A better roof", "story": null, "coverUrl": "https://example.org/roof.jpg" }), ""),
    ] {
        assert_eq!(code(&update(&olivia, &goal, input.clone()).await), error, "{input}");
    }
    give(&server, &badr, &goal, "110.00").await;
    assert_eq!(
        code(&update(&olivia, &goal, json!({ "target": money("200.00") })).await),
        "NOT_ALLOWED",
        "it is reached"
    );
    assert_eq!(look(&olivia, &goal).await["progressPercent"], 100);
    assert_sound(&server).await;
}

#[tokio::test]
async fn amounts_are_suggested_in_the_goal_s_currency_and_what_is_over_stays_as_it_was() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let (goal, over) = (begin(&olivia, &json!({})).await, begin(&olivia, &json!({})).await);
    assert_eq!(code(&super::end(&olivia, &over).await), "");
    let euros = json!({ "suggestedAmounts": [{ "amount": "1.00", "currency": "EUR" }] });
    let before = server.contents().await;
    for (goal, input, expected, path) in [
        (&goal, euros, "CURRENCY_MISMATCH", "suggestedAmounts"),
        (&over, json!({ "target": money("50.00") }), "WRONG_STATE", "id"),
        (&over, json!({ "deadline": server.clock.now() + TimeDelta::days(5) }), "WRONG_STATE", "id"),
    ] {
        let payload = update(&olivia, goal, input.clone()).await;
        assert_eq!(payload["errors"], json!([{ "code": expected, "path": ["input", path] }]), "{input}");
    }
    assert!(server.changes_since(&before).await.is_empty());
}

#[tokio::test]
async fn somebody_else_s_goal_and_money_that_is_not_there_can_t_be_withdrawn() {
    let server = Server::start().await;
    let (olivia, badr) = (server.user("olivia").await, server.user("badr").await);
    let goal = begin(&olivia, &json!({})).await;
    give(&server, &badr, &goal, "10.00").await;
    assert_eq!(code(&withdraw(&badr, &goal, None, "k").await), "NOT_ALLOWED");
    assert_eq!(code(&super::end(&badr, &goal).await), "NOT_ALLOWED");
    assert_eq!(code(&super::cancel(&badr, &goal).await), "NOT_ALLOWED");
    for amount in ["-1.00", "0", "0.001"] {
        assert_eq!(code(&withdraw(&olivia, &goal, Some(amount), "k").await), "INVALID_AMOUNT", "{amount}");
    }
    let query = "mutation($input: GoalWithdrawInput!) { goalWithdraw(input: $input) { errors { code } } }";
    let other = json!({ "goalId": goal, "amount": { "amount": "1", "currency": "EUR" }, "idempotencyKey": "k" });
    assert_eq!(code(&olivia.ok(query, json!({ "input": other })).await["goalWithdraw"]), "CURRENCY_MISMATCH");
    let empty = begin(&badr, &json!({})).await;
    assert_eq!(code(&withdraw(&badr, &empty, None, "k").await), "INSUFFICIENT_FUNDS");
    assert_sound(&server).await;
}
