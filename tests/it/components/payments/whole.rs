//! A deposit from its beginning to its last refund, through the graph, the provider and its notice.

use std::collections::BTreeMap;

use agora::entity::user_role::Role;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Server},
    payments::{FIELDS, assert_books, look},
};

/// A notice, as it arrives.
pub(crate) struct Arriving {
    pub headers: BTreeMap<String, String>,
    /// With its question mark, or empty.
    pub query: String,
    pub body: String,
}

impl Arriving {
    /// Arrives from a provider, with this body; gives how it was taken.
    pub(crate) async fn arrive(&self, server: &Server, provider: &str, body: String) -> StatusCode {
        let mut request = Request::post(format!("/webhooks/{}{}", provider.to_lowercase(), self.query));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        server.send(request.body(Body::from(body)).unwrap()).await.status()
    }
}

/// `pay` does what the payer does, given what they have to do next; `notice` gives what the provider then sends. Gives
/// the payer and the payment, of which 12.50 were taken, and 5.00 and 7.50 given back.
pub(crate) async fn deposit_and_refund(
    server: &Server,
    provider: &str,
    currency: &str,
    pay: impl AsyncFn(&Value),
    notice: impl AsyncFn(&Value) -> Arriving,
) -> (Client, Value) {
    let amina = server.user("amina").await;
    let boss = server.staff("boss", Role::Owner).await;
    let query = format!(
        "mutation($input: WalletDepositInput!) {{ walletDeposit(input: $input) {{ payment {{ {FIELDS} }} errors {{ code }} }} }}"
    );
    let input =
        json!({ "amount": { "amount": "12.50", "currency": currency }, "provider": provider, "idempotencyKey": "k" });
    let payment = amina.ok(&query, json!({ "input": input })).await["walletDeposit"]["payment"].clone();
    assert_eq!(payment["state"], "PENDING", "{payment}");
    pay(&payment["nextAction"]).await;
    let arriving = notice(&payment["nextAction"]).await;
    // Forged first, then twice.
    for (body, status) in [
        (arriving.body.replace('1', "2"), StatusCode::BAD_REQUEST),
        (arriving.body.clone(), StatusCode::OK),
        (arriving.body.clone(), StatusCode::OK),
    ] {
        assert_eq!(arriving.arrive(server, provider, body).await, status);
    }
    server.run_jobs().await;
    assert_eq!(server.count("SELECT COUNT(*) FROM webhook_events").await, 1);
    let paid = look(&amina, &payment).await;
    assert_eq!((&paid["state"], &paid["captured"]["amount"]), (&json!("COMPLETED"), &json!("12.50")), "{paid}");

    let query = "mutation($input: PaymentRefundInput!) { paymentRefund(input: $input) { errors { code } } }";
    let part = json!({ "amount": "5.00", "currency": currency });
    for (amount, refunded) in [(part, "5.00"), (Value::Null, "12.50")] {
        let input = json!({ "id": payment["id"], "amount": amount, "reason": "As asked", "idempotencyKey": refunded });
        let data = boss.ok(query, json!({ "input": input })).await;
        assert_eq!(data["paymentRefund"]["errors"], json!([]));
        server.run_jobs().await;
        let now = look(&amina, &payment).await;
        assert_eq!(now["refunded"]["amount"], refunded, "{now}");
    }
    assert_books(&server.app).await;
    (amina, payment)
}
