//! Money that leaves, as its owner sees it.

use serde_json::{Value, json};

use super::{
    CANCEL, TRANSFER, WITHDRAW, add_method, assert_books_balance, dollars, fund, transfer_input, withdraw,
    withdraw_input,
};
use crate::harness::{Server, user_error};

#[tokio::test]
async fn what_is_to_leave_is_held_and_can_t_be_spent_until_it_is_taken_back() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let first = amina.ok(WITHDRAW, withdraw_input(&method, "7.00", "USD", "1")).await["walletWithdraw"].clone();
    assert_eq!(first["withdrawal"]["state"], "REQUESTED");
    assert_eq!(first["withdrawal"]["viewerCanCancel"], true);
    assert_eq!(dollars(&amina).await, ["10.00", "7.00", "3.00"]);
    let again = amina.ok(WITHDRAW, withdraw_input(&method, "7.00", "USD", "1")).await["walletWithdraw"].clone();
    assert_eq!((&again["withdrawal"], &again["replayed"]), (&first["withdrawal"], &json!(true)));
    let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, "7.01", "USD", "1")).await;
    assert_eq!(errors, user_error("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey"));
    let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, "3.01", "USD", "2")).await;
    assert_eq!(errors, user_error("INSUFFICIENT_FUNDS", ""));
    let errors = amina.user_errors(TRANSFER, transfer_input(&basma.id, "3.01", "USD", "2")).await;
    assert_eq!(errors, user_error("INSUFFICIENT_FUNDS", ""));
    assert_books_balance(&server).await;
    let id = json!({ "id": first["withdrawal"]["id"] });
    assert_eq!(basma.user_errors(CANCEL, id.clone()).await, user_error("NOT_FOUND", "input.id"));
    let data = amina.ok(CANCEL, id.clone()).await;
    assert_eq!(data["withdrawalCancel"]["withdrawal"]["state"], "CANCELED");
    assert_eq!(amina.user_errors(CANCEL, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    assert_eq!(dollars(&amina).await, ["10.00", "0.00", "10.00"]);
    let query = "query($id: ID!) { node(id: $id) { ... on Withdrawal { state bankDetails { holder } } } \
                 me { wallet { withdrawals(where: { states: CANCELED }) { totalCount nodes { id } } } } }";
    let data = amina.ok(query, id.clone()).await;
    assert_eq!(data["node"], json!({ "state": "CANCELED", "bankDetails": null }));
    assert_eq!(data["me"]["wallet"]["withdrawals"]["totalCount"], 1);
    let query = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(basma.ok(query, id).await["node"], Value::Null);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn it_goes_to_one_s_own_account_of_the_same_currency_only() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    let (pounds, theirs) = (add_method(&amina, "EGP").await, add_method(&basma, "USD").await);
    for (method, currency, code, path) in [
        (pounds.as_str(), "USD", "CURRENCY_MISMATCH", "input.amount"),
        (pounds.as_str(), "EGP", "INSUFFICIENT_FUNDS", ""),
        (theirs.as_str(), "USD", "NOT_FOUND", "input.payoutMethodId"),
        ("payoutmethod_00000000000000000000000000", "USD", "NOT_FOUND", "input.payoutMethodId"),
        ("user_00000000000000000000000000", "USD", "INVALID_ID", "input.payoutMethodId"),
    ] {
        let errors = amina.user_errors(WITHDRAW, withdraw_input(method, "1.00", currency, "1")).await;
        assert_eq!(errors, user_error(code, path), "{method} {currency}");
    }
    assert_eq!(server.count("SELECT COUNT(*) FROM withdrawals").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM idempotency_keys").await, 0);
    // To one that was removed, neither; what is under way to it goes on.
    let method = add_method(&amina, "USD").await;
    withdraw(&amina, &method, "1.00", "1").await;
    amina
        .ok(
            "mutation($id: ID!) { payoutMethodRemove(input: { id: $id }) { errors { code } } }",
            json!({ "id": method }),
        )
        .await;
    let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, "1.00", "USD", "2")).await;
    assert_eq!(errors, user_error("NOT_FOUND", "input.payoutMethodId"));
    assert_eq!(dollars(&amina).await, ["10.00", "1.00", "9.00"]);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn there_is_a_least_amount_and_a_most_of_a_day() {
    let server = Server::with(&[("WITHDRAWAL_MINIMUMS", "USD 1"), ("WITHDRAWAL_DAILY_LIMITS", "USD 5,EGP 1")]).await;
    let amina = server.user("amina").await;
    fund(&server, &amina, 100_000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, "0.99", "USD", "1")).await;
    assert_eq!(errors, user_error("AMOUNT_TOO_SMALL", "input.amount"));
    let first = withdraw(&amina, &method, "3.00", "1").await;
    let data = amina.ok(WITHDRAW, withdraw_input(&method, "2.01", "USD", "2")).await;
    assert_eq!(data["walletWithdraw"]["errors"][0]["code"], "AMOUNT_TOO_LARGE");
    assert!(data["walletWithdraw"]["errors"][0]["message"].as_str().unwrap().contains("2.00 USD"), "{data}");
    withdraw(&amina, &method, "2.00", "2").await;
    let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, "1.00", "USD", "3")).await;
    assert_eq!(errors, user_error("AMOUNT_TOO_LARGE", "input.amount"));
    // What was taken back counts for nothing, and tomorrow is another day.
    amina.ok(CANCEL, json!({ "id": first })).await;
    withdraw(&amina, &method, "3.00", "3").await;
    server.advance(12 * 3600);
    let amina = server.anonymous().login("amina").await;
    withdraw(&amina, &method, "5.00", "4").await;
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn it_takes_a_recent_authentication_and_is_written_down() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    fund(&server, &amina, 1000, "USD").await;
    let method = add_method(&amina, "USD").await;
    withdraw(&amina, &method, "1.00", "1").await;
    let data = amina.ok("{ me { activity { nodes { kind detail } } } }", Value::Null).await;
    assert_eq!(data["me"]["activity"]["nodes"][0], json!({ "kind": "WITHDRAWAL_REQUESTED", "detail": "A Bank …5678" }));
    server.advance(300);
    let refusal = amina.refused(WITHDRAW, withdraw_input(&method, "1.00", "USD", "2")).await;
    assert_eq!(refusal, "REAUTHENTICATION_REQUIRED");
}
