//! Saved ways to pay: the default, the limit, what is removed, and a provider that refuses or dies in between.

use agora::{
    domain::payments::{self, NewPayment, Payer},
    entity::{
        Currency, Money, PaymentId, PaymentMethodId, UserId,
        payment::{ProviderKind, TargetKind},
    },
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{assert_books, call, code, wait, wallet};
use crate::harness::{Client, Server, races::Gate};

const METHOD: &str = "paymentMethod { id brand lastFour isDefault removedAt } ";

async fn add(client: &Client, input: &str) -> Value {
    let query =
        format!("mutation {{ paymentMethodAdd(input: {{ {input} }}) {{ {METHOD} replayed errors {{ code path }} }} }}");
    client.ok(&query, Value::Null).await["paymentMethodAdd"].clone()
}

async fn card(client: &Client, number: &str) -> Value {
    add(client, &format!("provider: SANDBOX, kind: CARD, token: \"tok_{number}\"")).await["paymentMethod"].clone()
}

/// What is saved, as `brand last-four`, the default with a star.
async fn saved(client: &Client) -> Vec<String> {
    let data = client.ok("{ me { paymentMethods { kind brand lastFour isDefault } } }", Value::Null).await;
    let text = |method: &Value| {
        let name = method["brand"].as_str().or(method["kind"].as_str()).unwrap();
        let star = if method["isDefault"] == true { "*" } else { "" };
        format!("{name} {}{star}", method["lastFour"].as_str().unwrap_or("-"))
    };
    data["me"]["paymentMethods"].as_array().unwrap().iter().map(text).collect()
}

/// Deposits by a saved way to pay.
async fn pay(client: &Client, method: &Value, key: &str) -> Value {
    let query = "mutation($method: ID!, $key: String!) { walletDeposit(input: { amount: { amount: \"3.00\", currency: \"USD\" }, \
                 provider: SANDBOX, methodId: $method, idempotencyKey: $key }) { payment { state failure method { lastFour \
                 removedAt } } errors { code path } } }";
    client.ok(query, json!({ "method": method["id"], "key": key })).await["walletDeposit"].clone()
}

#[tokio::test]
async fn one_is_the_default_from_the_first_to_the_last() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let visa = card(&amina, "4242424242424242").await;
    server.advance(1);
    let master = card(&amina, "5555555555554444").await;
    server.advance(1);
    assert_eq!(saved(&amina).await, ["visa 4242*", "mastercard 4444"]);
    add(&amina, "provider: WALLET, kind: WALLET, isDefault: true").await;
    assert_eq!(saved(&amina).await, ["WALLET -*", "mastercard 4444", "visa 4242"]);
    call(&amina, "paymentMethodSetDefault", &visa["id"], "", METHOD).await;
    assert_eq!(saved(&amina).await, ["visa 4242*", "WALLET -", "mastercard 4444"]);
    // The newest of the others follows.
    let removed = call(&amina, "paymentMethodRemove", &visa["id"], "", METHOD).await;
    assert!(removed["paymentMethod"]["removedAt"].is_string());
    assert_eq!(saved(&amina).await, ["WALLET -*", "mastercard 4444"]);
    call(&amina, "paymentMethodRemove", &master["id"], "", METHOD).await;
    assert_eq!(saved(&amina).await, ["WALLET -*"]);
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs").await, 0);
    for field in ["paymentMethodRemove", "paymentMethodSetDefault"] {
        assert_eq!(code(&call(&amina, field, &visa["id"], "", METHOD).await), "NOT_FOUND", "{field} of a removed one");
    }
}

#[tokio::test]
async fn a_saved_card_is_charged_at_once_by_its_owner_while_it_is_saved() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let (good, bad) = (card(&amina, "4242424242424242").await, card(&amina, "4000000000000002").await);
    let payment = pay(&amina, &good, "a").await["payment"].clone();
    assert_eq!((&payment["state"], &payment["method"]["lastFour"]), (&"COMPLETED".into(), &"4242".into()));
    let payment = pay(&amina, &bad, "b").await["payment"].clone();
    assert_eq!((&payment["state"], &payment["failure"]), (&"FAILED".into(), &"card_declined".into()));
    let before = server.rows().await;
    let refused = pay(&basma, &good, "a").await;
    assert_eq!((code(&refused), &refused["errors"][0]["path"]), ("NOT_FOUND", &json!(["input", "methodId"])));
    for field in ["paymentMethodRemove", "paymentMethodSetDefault"] {
        assert_eq!(code(&call(&basma, field, &good["id"], "", METHOD).await), "NOT_FOUND", "{field}");
    }
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(basma.ok(node, json!({ "id": good["id"] })).await["node"], Value::Null);
    assert_eq!(amina.ok(node, json!({ "id": good["id"] })).await["node"]["id"], good["id"]);
    assert_eq!(server.rows().await, before);
    call(&amina, "paymentMethodRemove", &good["id"], "", METHOD).await;
    assert_eq!(code(&pay(&amina, &good, "c").await), "NOT_FOUND");
    assert_eq!(wallet(&server, &amina).await, (300, 0));
    assert_books(&server.app).await;
}

/// How many rows there are, but for whom the provider knows: it made a customer of them before it looked at what they brought,
/// and is not to make another at the next try.
async fn kept(server: &Server) -> Vec<(&'static str, i64)> {
    let rows = server.rows().await;
    rows.into_iter().filter(|(table, _)| *table != "payment_customers").collect()
}

#[tokio::test]
async fn what_can_t_be_saved_leaves_nothing() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    for (input, expected) in [
        ("provider: SANDBOX, kind: CARD, token: \"tok_1\"", "PAYMENT_REFUSED"),
        ("provider: SANDBOX, kind: CARD, token: \"tok_1\", idempotencyKey: \"k\"", "PAYMENT_REFUSED"),
        ("provider: SANDBOX, kind: CARD", "BLANK"),
        ("provider: SANDBOX, kind: WALLET", "PROVIDER_NOT_AVAILABLE"),
        ("provider: WALLET, kind: CARD", "PROVIDER_NOT_AVAILABLE"),
        ("provider: STRIPE, kind: CARD, token: \"pm_1\"", "PROVIDER_NOT_AVAILABLE"),
        ("provider: BANK_TRANSFER, kind: BANK_TRANSFER", "PROVIDER_NOT_AVAILABLE"),
    ] {
        let before = kept(&server).await;
        assert_eq!(code(&add(&amina, input).await), expected, "{input}");
        assert_eq!(kept(&server).await, before, "{input}");
    }
    // What was refused is not remembered: the key is free.
    let again =
        add(&amina, "provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\", idempotencyKey: \"k\"").await;
    assert_eq!((code(&again), &again["replayed"]), ("", &false.into()));
    add(&amina, "provider: WALLET, kind: WALLET").await;
    assert_eq!(code(&add(&amina, "provider: WALLET, kind: WALLET").await), "ALREADY_EXISTS");
}

#[tokio::test]
async fn one_key_saves_one_card_and_nobody_has_more_than_twenty() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let input = "provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\", idempotencyKey: \"one\"";
    let answers = join_all((0..6).map(|_| add(&amina, input))).await;
    assert!(
        answers.iter().all(|answer| answer["paymentMethod"]["id"] == answers[0]["paymentMethod"]["id"]),
        "{answers:?}"
    );
    assert_eq!(saved(&amina).await.len(), 1);
    for _ in 0..17 {
        card(&amina, "4242424242424242").await;
    }
    let many = (0..5).map(|_| add(&amina, "provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\""));
    let answers = join_all(many).await;
    assert_eq!(answers.iter().filter(|answer| code(answer) == "TOO_MANY").count(), 3, "{answers:?}");
    assert_eq!(saved(&amina).await.len(), 20);
    server.run_jobs().await;
}

#[tokio::test]
async fn what_is_only_reserved_can_t_be_used() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let gate = Gate::at(&server, "method.answered");
    let meanwhile = async {
        gate.reached().await;
        // Whoever dies here leaves this.
        assert!(saved(&amina).await.is_empty());
        let rows = server.app.db.rows("SELECT id FROM payment_methods", Vec::new()).await.unwrap();
        let id = PaymentMethodId(rows[0].try_get_by_index(0).unwrap()).to_string();
        assert_eq!(code(&pay(&amina, &json!({ "id": id }), "k").await), "NOT_FOUND");
        gate.open();
        id
    };
    let (method, id) = tokio::join!(card(&amina, "4242424242424242"), meanwhile);
    assert_eq!(method["id"], id);
    assert_eq!(saved(&amina).await, ["visa 4242*"]);
}

#[tokio::test]
async fn what_is_called_off_before_its_provider_knew_of_it_charges_no_saved_card() {
    let server = Server::start().await;
    let (app, amina) = (&server.app, server.user("amina").await);
    let save = "mutation { paymentMethodAdd(input: { provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\" }) { \
                paymentMethod { id } } }";
    let method = amina.ok(save, Value::Null).await["paymentMethodAdd"]["paymentMethod"]["id"].clone();
    let user: UserId = amina.id.parse().unwrap();
    // As one that was opened, and whose process died before it told the provider.
    let new = NewPayment {
        id: PaymentId(app.ids.next(app.clock.now())),
        target: TargetKind::WalletDeposit,
        target_id: user.0,
        payer: Payer::User(user),
        locale: "en",
        provider: ProviderKind::Sandbox,
        method: Some(method.as_str().unwrap().parse().unwrap()),
        amount: Money::new(500, Currency::parse("USD").unwrap()),
    };
    app.db.transact(async |tx| payments::open_in(app, &tx, &new).await).await.unwrap();
    let payload = call(&amina, "paymentCancel", &new.id.to_string().into(), "", "payment { state }").await;
    assert_eq!(payload["payment"]["state"], "CANCELED", "{payload}");
    wait(&server).await;
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_charges WHERE captured > 0").await, 0);
    assert_books(app).await;
}
