//! What people are told when they are refused: in their language, and with what a program needs to tell them itself.

use serde_json::{Value, json};

use crate::{
    harness::{Client, Server, Socket},
    wallets::{add_method, fund, withdraw_input},
};

const ERRORS: &str = "errors { code retryAfter parameters { min max minAmount { amount currency } \
                      maxAmount { amount currency } currencies state until reason } }";

/// The code and the message of a top-level error.
async fn told(client: &Client, query: &str) -> (String, String) {
    let answer = client.send(query, Value::Null).await;
    (answer.code().to_owned(), answer.body["errors"][0]["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn people_are_refused_in_their_language_and_developers_in_english() {
    let server = Server::with(&[("RATE_LIMIT_ANON", "2/hour")]).await;
    let amina = server.user("amina").await;
    let deep = format!("{{ post(id: \"x\") {{ {}id{} }} }}", "sharedPost { ".repeat(11), " }".repeat(11));
    server.advance(600);
    for (language, is_english, address) in [("en", true, "192.0.2.7"), ("ar-EG,ar;q=0.9", false, "192.0.2.8")] {
        let amina = amina.clone().header("accept-language", language);
        let nobody = server.anonymous().from(address).header("accept-language", language);
        for (client, query, code) in [
            (&amina, "{ adminUsers { nodes { id } } }", "FORBIDDEN"),
            (&amina, deep.as_str(), "COST_EXCEEDED"),
            (&amina, "mutation { accountExport { errors { code } } }", "REAUTHENTICATION_REQUIRED"),
            (&nobody, "{ adminUsers { nodes { id } } }", "UNAUTHENTICATED"),
            (&nobody.clone().token("nonsense"), "{ me { notifications { nodes { id } } } }", "UNAUTHENTICATED"),
            (&nobody, "{ me { id } }", "RATE_LIMITED"),
        ] {
            let (refused, message) = told(client, query).await;
            assert_eq!((refused.as_str(), message.is_ascii()), (code, is_english), "{query}: {message}");
        }
        let (code, message) = told(&amina, "{ psot { id } }").await;
        assert_eq!((code.as_str(), message.is_ascii()), ("BAD_REQUEST", true), "{message}");
    }
}

#[tokio::test]
async fn a_socket_speaks_the_language_of_its_handshake() {
    let server = Server::start().await;
    let address = server.listen().await;
    for (language, is_english) in [("en", true), ("ar", false)] {
        let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("accept-language", language)];
        let mut socket = Socket::connect_with(address, &headers).await.unwrap();
        socket.send(json!({ "type": "connection_init" })).await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        socket.subscribe("1", "subscription { notificationReceived { cursor } }", Value::Null).await;
        let refused = socket.next().await;
        let error = if refused["type"] == "error" { &refused["payload"][0] } else { &refused["payload"]["errors"][0] };
        assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
        assert_eq!(error["message"].as_str().unwrap().is_ascii(), is_english, "{refused}");
    }
}

/// The first error of an operation's only mutation.
async fn error(client: &Client, query: &str, variables: Value) -> Value {
    let data = client.ok(&query.replace("ERRORS", ERRORS), variables).await;
    let payload = data.as_object().unwrap().values().next().unwrap();
    payload["errors"][0].clone()
}

/// An error that speaks of one thing, such as a limit.
fn limited(code: &str, name: &str, limit: Value) -> Value {
    let mut parameters = json!({ "min": null, "max": null, "minAmount": null, "maxAmount": null, "currencies": null,
                                 "state": null, "until": null, "reason": null });
    parameters[name] = limit;
    json!({ "code": code, "retryAfter": null, "parameters": parameters })
}

#[tokio::test]
async fn the_limit_that_was_not_kept_is_told_as_data() {
    let server = Server::with(&[("WITHDRAWAL_MINIMUMS", "USD 1"), ("WITHDRAWAL_DAILY_LIMITS", "USD 5")]).await;
    let amina = server.user("amina").await;
    let publish = "mutation($body: String!) { postCreate(input: { body: $body }) { ERRORS } }";
    let long = error(&amina, publish, json!({ "body": "x".repeat(10_001) })).await;
    assert_eq!(long, limited("TOO_LONG", "max", json!(10_000)));
    let blank = error(&amina, publish, json!({ "body": " " })).await;
    assert_eq!(blank, json!({ "code": "BLANK", "retryAfter": null, "parameters": null }));
    let join = "mutation($input: RegisterInput!) { register(input: $input) { ERRORS } }";
    let input = json!({ "username": "badr", "email": "badr@example.org", "password": "qx7", "firstName": "Badr" });
    let short = error(&server.anonymous(), join, json!({ "input": input })).await;
    assert_eq!(short, limited("TOO_SHORT", "min", json!(10)));

    fund(&server, &amina, 100_000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let withdraw = "mutation($input: WalletWithdrawInput!) { walletWithdraw(input: $input) { ERRORS } }";
    for (amount, currency, expected) in [
        ("0.99", "USD", limited("AMOUNT_TOO_SMALL", "minAmount", json!({ "amount": "1.00", "currency": "USD" }))),
        ("5.01", "USD", limited("AMOUNT_TOO_LARGE", "maxAmount", json!({ "amount": "5.00", "currency": "USD" }))),
        ("2.00", "EGP", limited("CURRENCY_MISMATCH", "currencies", json!(["USD"]))),
    ] {
        assert_eq!(error(&amina, withdraw, withdraw_input(&method, amount, currency, "1")).await, expected);
    }
}

#[tokio::test]
async fn too_many_of_a_list_are_told_as_a_number() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let post = olivia.publish("Help us").await;
    let begin = "mutation($input: GoalCreateInput!) { goalCreate(input: $input) { ERRORS } }";
    let many = vec![json!({ "amount": "1.00", "currency": "USD" }); 7];
    let input = crate::goals::flexible(&post, &json!({ "suggestedAmounts": many }));
    assert_eq!(error(&olivia, begin, json!({ "input": input })).await, limited("INVALID", "max", json!(6)));
}

/// By the name that the graph has for it, and in words of the caller's language: never as it is stored.
#[tokio::test]
async fn the_state_that_something_is_in_is_told_as_data_and_in_words() {
    let server = Server::start().await;
    let olivia = server.user("olivia").await;
    let goal = crate::goals::begin(&olivia, &json!({})).await;
    let cancel = "mutation($id: ID!) { goalCancel(input: { id: $id, reason: \"no longer needed\" }) { \
                  errors { code message parameters { state } } } }";
    assert_eq!(olivia.ok(cancel, json!({ "id": goal })).await["goalCancel"]["errors"], json!([]));
    for (language, message) in
        [("en", "This is no longer possible: it is canceled."), ("ar", "لم يعد هذا ممكنًا: الحالة «ملغى».")]
    {
        let olivia = olivia.clone().header("accept-language", language);
        let errors = olivia.ok(cancel, json!({ "id": goal })).await["goalCancel"]["errors"].clone();
        let parameters = json!({ "state": "CANCELED" });
        assert_eq!(errors, json!([{ "code": "WRONG_STATE", "message": message, "parameters": parameters }]));
    }
}

#[tokio::test]
async fn how_long_to_wait_is_told_in_seconds() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let waits = |code: &str, seconds: i64| json!({ "code": code, "retryAfter": seconds, "parameters": null });
    let rename = "mutation($name: String!) { profileUpdate(input: { username: $name }) { ERRORS } }";
    assert_eq!(error(&amina, rename, json!({ "name": "amina_two" })).await, Value::Null);
    let soon = error(&amina, rename, json!({ "name": "amina_three" })).await;
    assert_eq!(soon, waits("TOO_SOON", 30 * 86_400));

    let send = "mutation { emailVerificationSend(input: {}) { ERRORS } }";
    for _ in 0..9 {
        assert_eq!(error(&amina, send, Value::Null).await, Value::Null);
        server.advance(60);
    }
    assert_eq!(error(&amina, send, Value::Null).await, Value::Null);
    server.advance(20);
    assert_eq!(error(&amina, send, Value::Null).await, waits("CODE_SENT_JUST_NOW", 40));
    server.advance(40);
    // The first of ten counts until it is a day old.
    assert_eq!(error(&amina, send, Value::Null).await, waits("TOO_MANY_CODES", 86_400 - 600));
}
