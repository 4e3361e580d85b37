//! A Stripe of the test's own: its account holds what a test says, and nothing else was ever done there.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, http::Uri};
use serde_json::{Value, json};

/// Amounts in minor units, with their currencies as Stripe writes them.
pub(crate) type Held<'a> = &'a [(i64, &'a str)];

/// A Stripe of the test's own.
#[derive(Debug, Clone)]
pub(crate) struct Stripe {
    url: String,
    balance: Arc<Mutex<Value>>,
}

impl Stripe {
    /// Opens its doors.
    pub(crate) async fn open() -> Self {
        let balance = Arc::new(Mutex::new(json!({ "object": "balance", "available": [], "pending": [] })));
        let told = Arc::clone(&balance);
        let answer = move |uri: Uri| {
            let nothing = json!({ "object": "list", "url": "/v1", "data": [], "has_more": false });
            let answer = if uri.path() == "/v1/balance" { told.lock().unwrap().clone() } else { nothing };
            async move { Json(answer) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "it is no task of the application")]
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { url, balance }
    }

    /// What makes a server use it.
    pub(crate) fn settings(&self) -> [(&str, &str); 4] {
        [
            ("STRIPE_API_URL", self.url.as_str()),
            ("STRIPE_SECRET_KEY", "sk_test_own"),
            ("STRIPE_PUBLIC_KEY", "pk_test_own"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_own"),
        ]
    }

    /// What is there to be paid out, and what is on its way.
    pub(crate) fn hold(&self, available: Held<'_>, pending: Held<'_>) {
        let amounts = |held: Held<'_>| -> Value {
            held.iter().map(|(amount, currency)| json!({ "amount": amount, "currency": currency })).collect()
        };
        let balance = json!({ "object": "balance", "available": amounts(available), "pending": amounts(pending) });
        *self.balance.lock().unwrap() = balance;
    }
}
