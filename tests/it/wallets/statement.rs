//! The statement of a wallet, as a file.

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use super::{TRANSFER, fund, transfer_input};
use crate::harness::{Client, Server};

const LINK: &str = "query($currency: CurrencyCode!, $during: DateTimeRange!) { me { wallet { statement(currency: $currency, \
    during: $during) { url expiresAt } } } }";

async fn link(person: &Client, currency: &str, during: Value) -> String {
    let data = person.ok(LINK, json!({ "currency": currency, "during": during })).await;
    data["me"]["wallet"]["statement"]["url"].as_str().unwrap().to_owned()
}

async fn fetch(server: &Server, url: &str) -> (StatusCode, String) {
    let path = url.split_once("/statements/").map(|(_, token)| format!("/statements/{token}")).unwrap();
    let response = server.send(Request::get(path).body(Body::empty()).unwrap()).await;
    let status = response.status();
    if status == StatusCode::OK {
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let disposition = response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert!(disposition.starts_with("attachment; filename=\"statement-"), "{disposition}");
    }
    let bytes = to_bytes(response.into_body(), 64 << 20).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn it_tells_every_transaction_of_its_span_between_two_balances() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 100_000, "USD").await;
    fund(&server, &amina, 7, "JPY").await;
    server.advance(360);
    for (key, note) in [("1", "=HYPERLINK(\"http://evil\")"), ("2", "rent, \"May\""), ("3", "@sum"), ("4", "إيجار")]
    {
        let mut input = transfer_input(&basma.id, "1.50", "USD", key);
        input["input"]["note"] = json!(note);
        assert_eq!(amina.user_errors(TRANSFER, input).await, []);
    }
    server.advance(360);
    amina.ok(TRANSFER, transfer_input(&basma.id, "1.00", "USD", "5")).await;
    let during = json!({ "from": "2026-01-01T12:03:00Z", "until": "2026-01-01T12:09:00Z" });
    let (status, text) = fetch(&server, &link(&amina, "USD", during).await).await;
    assert_eq!(status, StatusCode::OK);
    let rows = records(&text);
    assert_eq!(rows[0], ["date", "transaction id", "kind", "description", "reference", "amount", "balance"]);
    assert_eq!(rows[1], ["2026-01-01T12:03:00Z", "", "opening", "", "", "", "1000.00"]);
    assert_eq!(rows[6], ["2026-01-01T12:09:00Z", "", "closing", "", "", "", "994.00"]);
    assert_eq!(rows.len(), 7);
    let descriptions: Vec<_> = rows[2..6].iter().map(|row| row[3].as_str()).collect();
    assert_eq!(descriptions, ["'=HYPERLINK(\"http://evil\")", "rent, \"May\"", "'@sum", "إيجار"]);
    assert!(
        rows[2..6].iter().all(|row| row[2] == "transfer" && row[5] == "-1.50" && row[1].starts_with("transaction_"))
    );
    assert_eq!(
        rows[2..6].iter().map(|row| row[6].as_str()).collect::<Vec<_>>(),
        ["998.50", "997.00", "995.50", "994.00"]
    );
    // All of it, up to now; and of a currency that was never held.
    let all = records(&fetch(&server, &link(&amina, "USD", json!({})).await).await.1);
    assert_eq!((all.len(), all[1][6].as_str(), all[8][6].as_str()), (9, "0.00", "993.00"));
    assert_eq!(records(&fetch(&server, &link(&amina, "EUR", json!({})).await).await.1).len(), 3);
    let backwards = json!({ "from": "2026-01-01T12:09:00Z", "until": "2026-01-01T12:03:00Z" });
    assert_eq!(amina.refused(LINK, json!({ "currency": "USD", "during": backwards })).await, "BAD_REQUEST");
}

#[tokio::test]
async fn a_long_one_is_whole_though_it_is_read_in_batches() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    fund(&server, &amina, 1, "USD").await;
    // As a thousand and a half deposits more would have left it.
    let after = "ledger_accounts a CROSS JOIN ledger_entries e WHERE e.account_id = a.id AND a.kind = 'wallet'";
    for number in 2..=1500_i64 {
        let now = server.clock.now() + chrono::TimeDelta::seconds(number);
        let id = server.app.ids.next(now);
        let sql = format!(
            "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
             SELECT $1, e.transfer_id, e.account_id, e.kind, 1, $2, $2, $3 FROM {after} AND e.seq = 1"
        );
        let values = vec![id.into(), number.into(), now.into()];
        server.write(&sql, values).await;
    }
    server.advance(7200);
    let amina = server.anonymous().login("amina").await;
    let rows = records(&fetch(&server, &link(&amina, "USD", json!({})).await).await.1);
    assert_eq!((rows.len(), rows[1502][6].as_str()), (1503, "15.00"));
    assert!(rows[2..1502].iter().enumerate().all(|(index, row)| row[6].replace('.', "").parse() == Ok(index + 1)));
}

#[tokio::test]
async fn a_link_is_good_for_a_quarter_of_an_hour_and_can_t_be_made_up() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    fund(&server, &amina, 100, "USD").await;
    let url = link(&amina, "USD", json!({})).await;
    assert_eq!(fetch(&server, &url).await.0, StatusCode::OK);
    let (start, token) = url.rsplit_once('/').unwrap();
    for wrong in ["none", &token[1..], &format!("{}AAAA", &token[..token.len() - 4]), &"A".repeat(2000)] {
        assert_eq!(fetch(&server, &format!("{start}/{wrong}")).await.0, StatusCode::NOT_FOUND, "{wrong}");
    }
    server.advance(15 * 60);
    assert_eq!(fetch(&server, &url).await.0, StatusCode::NOT_FOUND);
}
