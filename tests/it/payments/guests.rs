//! Payers without an account: they come back by the token that they were given, and nobody else does.

use agora::{
    domain::{
        Idempotent,
        actor::Actor,
        payments::{self, NewPayment, Payer},
    },
    entity::{
        Currency, Money, PaymentId, UserId,
        payment::{ProviderKind, TargetKind},
    },
    platform::providers::payments::sandbox::Act,
};
use serde_json::{Value, json};

use super::{GOOD, assert_books, wait};
use crate::harness::{Client, Server};

/// A guest's payment and its token. What guests can pay for comes with other modules: this one goes back once it is there.
async fn begun(server: &Server, target: &Client) -> (Value, Value) {
    let app = &server.app;
    let new = NewPayment {
        id: PaymentId(app.ids.next(app.clock.now())),
        target: TargetKind::WalletDeposit,
        target_id: target.id.parse::<UserId>().unwrap().0,
        payer: Payer::Guest("guest@example.org".to_owned()),
        locale: "en",
        provider: ProviderKind::Sandbox,
        method: None,
        amount: Money::new(500, Currency::parse("USD").unwrap()),
    };
    app.db.transact(async |tx| payments::open_in(app, &tx, &new).await).await.unwrap();
    let outcome = Idempotent { value: new.id, replayed: false };
    let started = payments::started(app, &Actor::Anonymous, outcome).await.unwrap().value;
    (new.id.to_string().into(), started.guest_token.unwrap().into())
}

const LOOK: &str = "query($id: ID!, $token: String) { payment(id: $id, guestToken: $token) { state nextAction { url } method { id } \
    events { kind detail } providerAnswer } }";

#[tokio::test]
async fn a_guest_comes_back_by_their_token_and_nobody_without_it() {
    let server = Server::start().await;
    let (amina, guest) = (server.user("amina").await, server.anonymous());
    let (id, token) = begun(&server, &amina).await;
    let (other_id, other_token) = begun(&server, &amina).await;
    let before = server.rows().await;
    for (client, token) in [
        (&guest, Value::Null),
        (&guest, "x".into()),
        (&guest, "".into()),
        (&guest, other_token.clone()),
        (&amina, Value::Null),
    ] {
        assert_eq!(client.ok(LOOK, json!({ "id": id, "token": token })).await["payment"], Value::Null, "{token}");
        for field in ["paymentConfirm", "paymentCancel"] {
            let query = format!(
                "mutation($id: ID!, $token: String) {{ {field}(input: {{ id: $id, guestToken: $token }}) {{ errors {{ code }} }} }}"
            );
            let data = client.ok(&query, json!({ "id": id, "token": token })).await;
            assert_eq!(data[field]["errors"][0]["code"], "NOT_FOUND", "{field} {token}");
        }
    }
    assert_eq!(server.rows().await, before);
    let seen = guest.ok(LOOK, json!({ "id": id, "token": token })).await["payment"].clone();
    assert_eq!((&seen["state"], &seen["providerAnswer"]), (&"PENDING".into(), &Value::Null));
    let secret = seen["nextAction"]["url"].as_str().unwrap().split_once("secret=").unwrap().1.to_owned();
    server.app.payments.sandbox().unwrap().act(&secret, &Act::card(GOOD)).await.unwrap();
    let confirm = "mutation($id: ID!, $token: String) { paymentConfirm(input: { id: $id, guestToken: $token }) { payment { state } } }";
    let data = guest.ok(confirm, json!({ "id": id, "token": token })).await;
    assert_eq!(data["paymentConfirm"]["payment"]["state"], "COMPLETED");
    let cancel = "mutation($id: ID!, $token: String) { paymentCancel(input: { id: $id, guestToken: $token }) { payment { state } } }";
    let data = guest.ok(cancel, json!({ "id": other_id, "token": other_token })).await;
    assert_eq!(data["paymentCancel"]["payment"]["state"], "CANCELED");
    wait(&server).await;
    assert!(server.last_sent("guest@example.org").await.text.contains("5.00 USD"));
    assert_books(&server.app).await;
}
