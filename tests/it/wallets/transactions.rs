//! The list of transactions: its order, its filters, its running balances.

use serde_json::{Value, json};

use super::{TRANSFER, assert_books_balance, fund, transfer_input};
use crate::harness::{Client, Server};

const ALL: &str = "query($where: WalletTransactionWhere, $reverse: Boolean! = false) { me { wallet { \
    transactions(where: $where, reverse: $reverse, first: 100) { totalCount nodes { id amount { amount currency } \
    balanceAfter { amount } kind createdAt } } } } }";

/// Two people who pay each other, in three currencies, at one moment and after it.
async fn with_history(server: &Server) -> (Client, Client) {
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    for currency in ["USD", "JPY", "KWD"] {
        fund(server, &amina, 1_000_000, currency).await;
        fund(server, &basma, 1_000_000, currency).await;
    }
    for round in 0..24 {
        let (from, to) = if round % 3 == 0 { (&basma, &amina) } else { (&amina, &basma) };
        let currency = ["USD", "JPY", "KWD"][round / 2 % 3];
        let amount = (round + 1).to_string();
        let input = transfer_input(&to.id, &amount, currency, &round.to_string());
        assert_eq!(from.user_errors(TRANSFER, input).await, []);
        if round % 8 == 7 {
            server.advance(240);
        }
    }
    (amina, basma)
}

fn minor(money: &Value) -> i64 {
    money["amount"].as_str().unwrap().replace('.', "").parse().unwrap()
}

#[tokio::test]
async fn each_balance_follows_from_the_one_before_in_every_currency() {
    let server = Server::start().await;
    let (amina, basma) = with_history(&server).await;
    for person in [&amina, &basma] {
        let data = person.ok(ALL, Value::Null).await;
        let list = &data["me"]["wallet"]["transactions"];
        assert_eq!(list["totalCount"], 27);
        for currency in ["USD", "JPY", "KWD"] {
            let nodes = list["nodes"].as_array().unwrap();
            let mut balance = 0;
            for node in nodes.iter().rev().filter(|node| node["amount"]["currency"] == currency) {
                balance += minor(&node["amount"]);
                assert_eq!(minor(&node["balanceAfter"]), balance, "{node}");
            }
        }
        let ids = |data: &Value| -> Vec<String> {
            let nodes = data["me"]["wallet"]["transactions"]["nodes"].as_array().unwrap();
            nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
        };
        let newest = ids(&data);
        let mut oldest = ids(&person.ok(ALL, json!({ "reverse": true })).await);
        oldest.reverse();
        assert_eq!(newest, oldest);
        // Page by page, from either end, it is the same list.
        for size in [1, 4, 27] {
            let query = "{ me { wallet { transactions(PAGE) { ITEMS } } } }";
            assert_eq!(person.pages(query, size, false).await.concat(), newest);
            let mut pages = person.pages(query, size, true).await;
            pages.reverse();
            assert_eq!(pages.concat(), newest);
        }
    }
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn it_can_be_narrowed_down() {
    let server = Server::start().await;
    let (amina, _) = with_history(&server).await;
    for (filter, count) in [
        (json!({}), 27),
        (json!({ "kinds": [] }), 0),
        (json!({ "kinds": ["DEPOSIT"] }), 3),
        (json!({ "kinds": ["DEPOSIT", "TRANSFER"], "currencies": ["JPY"] }), 9),
        (json!({ "kinds": ["WITHDRAWAL"] }), 0),
        (json!({ "currencies": ["EUR"] }), 0),
        (json!({ "currencies": [] }), 0),
        (json!({ "currencies": ["JPY", "KWD", "JPY"] }), 18),
        (json!({ "createdAt": { "from": "2026-01-01T12:04:00Z", "until": "2026-01-01T12:08:00Z" } }), 8),
        (json!({ "createdAt": { "until": "2026-01-01T12:04:00Z" }, "kinds": ["TRANSFER"] }), 8),
    ] {
        let data = amina.ok(ALL, json!({ "where": filter })).await;
        let list = &data["me"]["wallet"]["transactions"];
        assert_eq!(list["totalCount"], count, "{filter}");
        assert_eq!(list["nodes"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn a_list_of_any_length_takes_the_same_number_of_statements() {
    let server = Server::start().await;
    let (amina, _) = with_history(&server).await;
    let mut counts = Vec::new();
    for size in [1, 27] {
        let before = server.app.db.statements();
        let query = format!(
            "{{ me {{ wallet {{ balances {{ currency }} transactions(first: {size}) {{ nodes {{ id counterparty {{ username }} }} }} }} }} }}"
        );
        amina.ok(&query, Value::Null).await;
        counts.push(server.app.db.statements() - before);
    }
    assert_eq!(counts[0], counts[1]);
}

#[tokio::test]
async fn a_transaction_is_seen_by_those_whose_it_is_and_by_those_who_see_money() {
    let server = Server::start().await;
    let (amina, basma) = with_history(&server).await;
    let ada = server.staff("ada", agora::entity::user_role::Role::Administrator).await;
    let data = amina.ok(ALL, Value::Null).await;
    let id = json!({ "id": data["me"]["wallet"]["transactions"]["nodes"][0]["id"] });
    let query = "query($id: ID!) { node(id: $id) { id ... on WalletTransaction { balanceAfter { amount } } } }";
    for (client, seen) in [(&amina, true), (&ada, true), (&basma, false), (&server.anonymous(), false)] {
        assert_eq!(client.ok(query, id.clone()).await["node"].is_object(), seen);
    }
    let query = "query($id: ID!) { adminWallet(userId: $id) { owner { username } streamCursor balances { currency } \
                 transactions { totalCount } } }";
    let data = ada.ok(query, json!({ "id": amina.id })).await["adminWallet"].clone();
    assert_eq!((&data["owner"]["username"], &data["transactions"]["totalCount"]), (&json!("amina"), &json!(27)));
    assert_eq!(data["streamCursor"], Value::Null);
    let nobody = json!({ "id": "user_00000000000000000000000000" });
    assert_eq!(ada.ok(query, nobody).await["adminWallet"], Value::Null);
}
