//! A PayPal of the test's own: its orders, what its account holds, and what was done there that changes something.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    http::{Method, StatusCode, Uri},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// What an account at PayPal has.
#[derive(Debug, Default)]
struct Account {
    orders: BTreeMap<String, Value>,
    /// What changed something, as method and path.
    changes: Vec<String>,
    /// What was booked, as the transaction search tells it.
    transactions: Vec<Value>,
    /// What is kept of each capture, of US dollars, where that is told with it.
    fee: Option<String>,
    /// The report of balances; `None` where we may not see it.
    balances: Option<Value>,
    /// Whether we may not search transactions.
    is_search_refused: bool,
}

/// A PayPal of the test's own.
#[derive(Debug, Clone)]
pub(crate) struct Paypal {
    url: String,
    account: Arc<Mutex<Account>>,
}

impl Paypal {
    /// Opens its doors.
    pub(crate) async fn open() -> Self {
        let account = Arc::<Mutex<Account>>::default();
        let books = Arc::clone(&account);
        let answer = move |method: Method, uri: Uri, body: String| {
            let (status, answer) = books.lock().unwrap().answer(&method, &uri, &body);
            async move { (status, Json(answer)) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "it is no task of the application")]
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { url, account }
    }

    /// What makes a server use it.
    pub(crate) fn settings(&self) -> [(&str, &str); 4] {
        [
            ("PAYPAL_API_URL", self.url.as_str()),
            ("PAYPAL_CLIENT_ID", "client-id"),
            ("PAYPAL_CLIENT_SECRET", "secret"),
            ("PAYPAL_WEBHOOK_ID", "WH-TEST"),
        ]
    }

    /// The payers approve every order that waits for them.
    pub(crate) fn approve(&self) {
        for order in self.account.lock().unwrap().orders.values_mut() {
            if order["status"] == "CREATED" {
                order["status"] = json!("APPROVED");
            }
        }
    }

    /// What was done that changes something, since this was asked the last time.
    pub(crate) fn changes(&self) -> Vec<String> {
        std::mem::take(&mut self.account.lock().unwrap().changes)
    }

    /// Something is booked: its id, PayPal's code for what it is, its amount and its fee, of US dollars.
    pub(crate) fn book(&self, id: &str, code: &str, amount: &str, fee: Option<&str>) {
        let money = |value: &str| json!({ "currency_code": "USD", "value": value });
        let info = json!({
            "transaction_id": id,
            "transaction_event_code": code,
            "transaction_status": "S",
            "transaction_amount": money(amount),
            "fee_amount": fee.map(money),
        });
        self.account.lock().unwrap().transactions.push(json!({ "transaction_info": info }));
    }

    /// Transactions are not to be searched from now on.
    pub(crate) fn refuse_search(&self) {
        self.account.lock().unwrap().is_search_refused = true;
    }

    /// Transactions are to be searched again.
    pub(crate) fn allow_search(&self) {
        self.account.lock().unwrap().is_search_refused = false;
    }

    /// So much is kept of each capture from now on, of US dollars, and told with it.
    pub(crate) fn keep(&self, fee: &str) {
        self.account.lock().unwrap().fee = Some(fee.to_owned());
    }

    /// So much is held, of US dollars.
    pub(crate) fn hold(&self, total: &str) {
        self.hold_at(total, None);
    }

    /// The same, as of a time.
    pub(crate) fn hold_at(&self, total: &str, at: Option<DateTime<Utc>>) {
        let money = json!({ "currency_code": "USD", "value": total });
        let held = json!({ "currency": "USD", "total_balance": money });
        self.account.lock().unwrap().balances = Some(json!({ "balances": [held], "as_of_time": at }));
    }
}

impl Account {
    fn answer(&mut self, method: &Method, uri: &Uri, body: &str) -> (StatusCode, Value) {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let path = uri.path().trim_start_matches('/').to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match (method.as_str(), parts.as_slice()) {
            ("POST", ["v1", "oauth2", "token"]) => found(json!({ "access_token": "token", "expires_in": 3600 })),
            ("POST", ["v2", "checkout", "orders"]) => {
                let id = format!("ORDER{}", self.orders.len());
                let order = json!({
                    "id": id,
                    "status": "CREATED",
                    "links": [{ "rel": "payer-action", "href": format!("https://paypal.example/?token={id}") }],
                    "purchase_units": body["purchase_units"],
                });
                self.change(method, &path);
                self.orders.insert(id, order.clone());
                (StatusCode::CREATED, order)
            }
            ("GET", ["v2", "checkout", "orders", id]) => {
                self.orders.get(*id).cloned().map_or((StatusCode::NOT_FOUND, json!({})), found)
            }
            ("POST", ["v2", "checkout", "orders", id, "capture"]) => {
                self.change(method, &path);
                let order = self.orders.get_mut(*id).unwrap();
                order["status"] = json!("COMPLETED");
                let amount = order["purchase_units"][0]["amount"].clone();
                let mut capture = json!({ "id": format!("CAPTURE-{id}"), "status": "COMPLETED", "amount": amount });
                if let Some(fee) = &self.fee {
                    let fee = json!({ "currency_code": "USD", "value": fee });
                    capture["seller_receivable_breakdown"] = json!({ "paypal_fee": fee });
                }
                order["purchase_units"][0]["payments"] = json!({ "captures": [capture] });
                (StatusCode::CREATED, order.clone())
            }
            ("GET", ["v1", "customer", "disputes"]) => found(json!({ "items": [] })),
            ("GET", ["v1", "reporting", "transactions"]) if self.is_search_refused => {
                (StatusCode::FORBIDDEN, json!({ "name": "NOT_AUTHORIZED" }))
            }
            ("GET", ["v1", "reporting", "transactions"]) => {
                found(json!({ "transaction_details": self.transactions, "page": 1, "total_pages": 1 }))
            }
            ("GET", ["v1", "reporting", "balances"]) => match &self.balances {
                Some(balances) => found(balances.clone()),
                None => (StatusCode::FORBIDDEN, json!({ "name": "NOT_AUTHORIZED" })),
            },
            _ => (StatusCode::NOT_FOUND, json!({ "name": "RESOURCE_NOT_FOUND" })),
        }
    }

    fn change(&mut self, method: &Method, path: &str) {
        self.changes.push(format!("{method} {path}"));
    }
}

fn found(answer: Value) -> (StatusCode, Value) {
    (StatusCode::OK, answer)
}
