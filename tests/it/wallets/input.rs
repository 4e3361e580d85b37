//! What is refused, wherever money is asked for.

use agora::entity::user_role::Role;
use serde_json::{Value, json};

use super::{
    ADD_METHOD, TRANSFER, WITHDRAW, add_method, adjustments::ADJUST, assert_books_balance, fund, method_input,
    transfer_input, withdraw_input,
};
use crate::harness::{Server, user_error};

const DEPOSIT: &str =
    "mutation($input: WalletDepositInput!) { walletDeposit(input: $input) { payment { id } errors { code path } } }";

#[tokio::test]
async fn an_amount_is_above_zero_and_has_its_currency_s_decimals() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    for currency in ["USD", "JPY", "KWD"] {
        fund(&server, &amina, 100_000, currency).await;
    }
    let method = add_method(&amina, "USD").await;
    for (amount, currency, code) in [
        ("-1.00", "USD", "INVALID_AMOUNT"),
        ("0", "USD", "INVALID_AMOUNT"),
        ("0.00", "USD", "INVALID_AMOUNT"),
        ("0.001", "USD", "INVALID_AMOUNT"),
        ("1.0001", "KWD", "INVALID_AMOUNT"),
        ("1.5", "JPY", "INVALID_AMOUNT"),
        ("99999999999999999999999999", "USD", "INVALID_AMOUNT"),
        ("10000000000000.01", "USD", "AMOUNT_TOO_LARGE"),
        ("1000.01", "USD", "INSUFFICIENT_FUNDS"),
    ] {
        let before = server.rows().await;
        let path = if code == "INSUFFICIENT_FUNDS" { "" } else { "input.amount" };
        let errors = amina.user_errors(TRANSFER, transfer_input(&basma.id, amount, currency, "1")).await;
        assert_eq!(errors, user_error(code, path), "{amount} {currency}");
        if currency == "USD" {
            let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, amount, currency, "1")).await;
            assert_eq!(errors, user_error(code, path), "{amount} {currency}");
        }
        assert_eq!(server.rows().await, before, "{amount} {currency}");
    }
    // What is mistyped is told by the payload; a number where a text belongs, is the client's mistake.
    for (amount, currency, member) in [
        ("1e30", "USD", "amount"),
        ("NaN", "USD", "amount"),
        ("٥", "USD", "amount"),
        ("1", "XXX", "currency"),
        ("1", "usd", "currency"),
    ] {
        let before = server.rows().await;
        let errors = amina.user_errors(TRANSFER, transfer_input(&basma.id, amount, currency, "1")).await;
        assert_eq!(errors, user_error("INVALID", &format!("input.amount.{member}")), "{amount} {currency}");
        assert_eq!(server.rows().await, before, "{amount} {currency}");
    }
    let number = json!({ "input": { "recipientId": basma.id, "amount": { "amount": 1.5, "currency": "USD" }, "idempotencyKey": "1" } });
    assert_eq!(amina.refused(TRANSFER, number).await, "BAD_REQUEST");
    let data = amina.ok(TRANSFER, transfer_input(&basma.id, "0.005", "KWD", "1")).await;
    assert_eq!(data["walletTransfer"]["transaction"]["balanceAfter"]["amount"], "99.995");
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn a_key_has_to_be_there() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    let method = add_method(&amina, "USD").await;
    for (key, code) in
        [("", "BLANK"), ("  ", "BLANK"), (&*"k".repeat(256), "TOO_LONG"), ("a\u{0}", "INVALID_CHARACTERS")]
    {
        let errors = amina.user_errors(TRANSFER, transfer_input(&basma.id, "1", "USD", key)).await;
        assert_eq!(errors, user_error(code, "input.idempotencyKey"));
        let errors = amina.user_errors(WITHDRAW, withdraw_input(&method, "1", "USD", key)).await;
        assert_eq!(errors, user_error(code, "input.idempotencyKey"));
    }
    let without = json!({ "input": { "recipientId": basma.id, "amount": { "amount": "1", "currency": "USD" } } });
    assert_eq!(amina.refused(TRANSFER, without).await, "BAD_REQUEST");
    let mut long = transfer_input(&basma.id, "1", "USD", "1");
    long["input"]["note"] = json!("n".repeat(256));
    assert_eq!(amina.user_errors(TRANSFER, long).await, user_error("TOO_LONG", "input.note"));
}

#[tokio::test]
async fn a_bank_account_is_checked_and_its_number_is_never_shown_again() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let with = |changes: Value| {
        let mut input = method_input("EGP");
        for (name, value) in changes.as_object().unwrap() {
            input[name] = value.clone();
        }
        json!({ "input": input })
    };
    let number = |number: &str| json!({ "account": { "accountNumber": number } });
    let iban = |iban: &str| json!({ "account": { "iban": iban } });
    for (changes, code, path) in [
        (json!({ "holder": " " }), "BLANK", "input.holder"),
        (json!({ "bankName": "" }), "BLANK", "input.bankName"),
        (json!({ "bankName": "b".repeat(101) }), "TOO_LONG", "input.bankName"),
        (json!({ "country": "Egypt" }), "INVALID", "input.country"),
        (json!({ "country": "XX" }), "INVALID", "input.country"),
        (number("12"), "INVALID", "input.account.accountNumber"),
        (number("=1+1+1"), "INVALID", "input.account.accountNumber"),
        (number("GB82 WEST 1234 5698 7654 33"), "INVALID", "input.account.accountNumber"),
        (iban("GB82 WEST 1234 5698 7654 33"), "INVALID", "input.account.iban"),
    ] {
        assert_eq!(amina.user_errors(ADD_METHOD, with(changes.clone())).await, user_error(code, path), "{changes}");
    }
    let both = json!({ "iban": "GB82 WEST 1234 5698 7654 32", "accountNumber": "12345678" });
    for account in [json!({}), json!({ "iban": null }), both] {
        let input = with(json!({ "account": account }));
        assert_eq!(amina.refused(ADD_METHOD, input).await, "BAD_REQUEST", "{account}");
    }
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    let data = amina.ok(ADD_METHOD, with(iban("gb82 west 1234 5698 7654 32"))).await;
    let method = &data["payoutMethodAdd"]["payoutMethod"];
    assert_eq!((&method["lastFour"], &method["currency"]), (&json!("5432"), &json!("EGP")));
    // Nowhere in the database, the log of what happened and the mail included.
    let message = server.last_sent("amina@example.org").await;
    assert!(message.text.contains("5432") && !message.text.contains("987654"), "{}", message.text);
    let rows = server.app.db.rows("SELECT sealed_details FROM payout_methods", Vec::new()).await.unwrap();
    let sealed: Vec<u8> = rows[0].try_get_by_index(0).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("WEST") && sealed.len() > 40);
    let activity = amina.ok("{ me { activity { nodes { kind detail } } } }", Value::Null).await;
    assert_eq!(
        activity["me"]["activity"]["nodes"][0],
        json!({ "kind": "PAYOUT_METHOD_ADDED", "detail": "A Bank …5432" })
    );
    // As many as anybody needs.
    for _ in 0..19 {
        add_method(&amina, "EGP").await;
    }
    assert_eq!(amina.user_errors(ADD_METHOD, with(json!({}))).await, user_error("TOO_MANY", ""));
    let remove = "mutation($id: ID!) { payoutMethodRemove(input: { id: $id }) { payoutMethod { removedAt } errors { code path } } }";
    let id = json!({ "id": method["id"] });
    assert!(amina.ok(remove, id.clone()).await["payoutMethodRemove"]["payoutMethod"]["removedAt"].is_string());
    assert_eq!(amina.user_errors(remove, id).await, user_error("NOT_FOUND", "input.id"));
    let list = amina.ok("{ me { payoutMethods { lastFour } } }", Value::Null).await;
    assert_eq!(list["me"]["payoutMethods"].as_array().unwrap().len(), 19);
}

#[tokio::test]
async fn a_bank_account_is_added_once_however_often_its_key_comes() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    let with = |key: &str, number: &str| {
        let mut input = method_input("EGP");
        (input["idempotencyKey"], input["account"]["accountNumber"]) = (json!(key), json!(number));
        json!({ "input": input })
    };
    let first = amina.ok(ADD_METHOD, with("k", "12345678")).await["payoutMethodAdd"].clone();
    assert_eq!(first["replayed"], false, "{first}");
    let again = amina.ok(ADD_METHOD, with("k", "12345678")).await["payoutMethodAdd"].clone();
    assert_eq!((&again["replayed"], &again["payoutMethod"]), (&json!(true), &first["payoutMethod"]), "{again}");
    let reused = user_error("IDEMPOTENCY_KEY_REUSED", "input.idempotencyKey");
    assert_eq!(amina.user_errors(ADD_METHOD, with("k", "12345679")).await, reused);
    assert_eq!(amina.user_errors(ADD_METHOD, with(" ", "12345678")).await, user_error("BLANK", "input.idempotencyKey"));
    assert_eq!(server.count("SELECT COUNT(*) FROM payout_methods").await, 1);
    let messages = server.sent().await.into_iter().filter(|sent| sent.text.contains("5678")).count();
    assert_eq!(messages, 1);
    // Somebody else's key is another.
    let basma = server.user("basma").await;
    assert_eq!(basma.ok(ADD_METHOD, with("k", "12345678")).await["payoutMethodAdd"]["replayed"], false);
    // A refusal is not remembered, and a day later the key is free.
    assert_eq!(
        amina.user_errors(ADD_METHOD, with("l", "1")).await,
        user_error("INVALID", "input.account.accountNumber")
    );
    assert_eq!(amina.ok(ADD_METHOD, with("l", "12345670")).await["payoutMethodAdd"]["replayed"], false);
    server.advance(86_401);
    let amina = server.anonymous().login("amina").await;
    assert_eq!(amina.ok(ADD_METHOD, with("k", "12345679")).await["payoutMethodAdd"]["replayed"], false);
}

#[tokio::test]
async fn currencies_are_those_that_the_operator_wants() {
    let server = Server::with(&[("WALLET_CURRENCIES", "USD,KWD")]).await;
    let amina = server.user("amina").await;
    let data = amina.ok("{ currencies { code digits inWallets } }", Value::Null).await;
    let listed = data["currencies"].as_array().unwrap();
    assert!(listed.len() > 140);
    for expected in [
        json!({ "code": "USD", "digits": 2, "inWallets": true }),
        json!({ "code": "KWD", "digits": 3, "inWallets": true }),
        json!({ "code": "JPY", "digits": 0, "inWallets": false }),
    ] {
        assert!(listed.contains(&expected), "{expected}");
    }
    let ada = server.staff("ada", Role::Administrator).await.seen().await;
    let pound = json!({ "amount": "1.00", "currency": "EGP" });
    let deposit = json!({ "amount": pound, "provider": "SANDBOX", "idempotencyKey": "k" });
    let credit = json!({ "userId": amina.id, "amount": pound, "direction": "CREDIT", "reason": "a mistake of ours",
                         "idempotencyKey": "k" });
    let before = server.contents().await;
    for (client, query, input, path) in [
        (&amina, ADD_METHOD, method_input("EGP"), "input.currency"),
        (&amina, DEPOSIT, deposit, "input.amount"),
        (&ada, ADJUST, credit, "input.amount"),
    ] {
        let errors = client.user_errors(query, json!({ "input": input })).await;
        assert_eq!(errors, user_error("CURRENCY_MISMATCH", path), "{query}");
    }
    assert!(server.changes_since(&before).await.is_empty());
}
