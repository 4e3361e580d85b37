//! Wallets, as their owners and staff use them, and as attackers would.

mod adjustments;
mod input;
mod live;
mod privacy;
mod races;
mod staff;
mod statement;
mod transactions;
mod transfers;
mod withdrawals;

use agora::{
    domain::{
        books,
        ledger::{AccountRef, NewTransfer, Origin, fold, post_in},
    },
    entity::{AdjustmentId, Currency, UserId, WithdrawalId, ledger_transfer::TransferKind, payment::ProviderKind},
};
use serde_json::{Value, json};

use crate::harness::{Client, Server};

/// Puts money into somebody's wallet, as a deposit does.
pub(crate) async fn fund(server: &Server, person: &Client, minor: i64, currency: &str) {
    let id: UserId = person.id.parse().unwrap();
    let key = server.app.ids.next(server.clock.now()).to_string();
    let new = NewTransfer {
        kind: TransferKind::Deposit,
        from: AccountRef::Clearing(ProviderKind::Sandbox),
        to: AccountRef::Wallet(id),
        amount: minor,
        currency: Currency::parse(currency).unwrap(),
        reference: None,
        description: "a deposit",
        origin: Origin::step("test", &key),
    };
    server.app.db.transact(async |tx| post_in(&server.app, &tx, new).await).await.unwrap();
}

pub(crate) const ADD_METHOD: &str = "mutation($input: PayoutMethodAddInput!) { payoutMethodAdd(input: $input) { payoutMethod { id \
    bankName country currency lastFour } replayed errors { code path } } }";
pub(crate) const WITHDRAW: &str = "mutation($input: WalletWithdrawInput!) { walletWithdraw(input: $input) { withdrawal { id state \
    amount { amount currency } bankName lastFour viewerCanCancel } replayed errors { code path message } } }";
pub(crate) const TRANSFER: &str = "mutation($input: WalletTransferInput!) { walletTransfer(input: $input) { transaction { id kind \
    amount { amount currency } balanceAfter { amount } description counterparty { id } createdAt } replayed \
    errors { code path } } }";
pub(crate) const CANCEL: &str =
    "mutation($id: ID!) { withdrawalCancel(input: { id: $id }) { withdrawal { state } errors { code path } } }";

pub(crate) fn method_input(currency: &str) -> Value {
    json!({ "holder": "Amina Haddad", "account": { "accountNumber": "1234 5678" }, "bankName": "A Bank", "country": "EG",
            "currency": currency })
}

/// Adds a bank account; gives its id.
pub(crate) async fn add_method(person: &Client, currency: &str) -> String {
    let data = person.ok(ADD_METHOD, json!({ "input": method_input(currency) })).await;
    data["payoutMethodAdd"]["payoutMethod"]["id"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
}

pub(crate) fn withdraw_input(method: &str, amount: &str, currency: &str, key: &str) -> Value {
    json!({ "input": { "payoutMethodId": method, "amount": { "amount": amount, "currency": currency },
                       "idempotencyKey": key } })
}

/// Asks for US dollars to be paid out; gives the withdrawal's id.
pub(crate) async fn withdraw(person: &Client, method: &str, amount: &str, key: &str) -> String {
    let data = person.ok(WITHDRAW, withdraw_input(method, amount, "USD", key)).await;
    data["walletWithdraw"]["withdrawal"]["id"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned()
}

/// Gives somebody 10 US dollars, of which they want 1 paid out: the bank account, and the withdrawal.
pub(crate) async fn with_withdrawal(server: &Server, person: &Client) -> (String, String) {
    fund(server, person, 1000, "USD").await;
    let method = add_method(person, "USD").await;
    let withdrawal = withdraw(person, &method, "1.00", "first").await;
    (method, withdrawal)
}

/// As if staff had agreed to a withdrawal.
pub(crate) async fn approve_by_hand(server: &Server, withdrawal: &str) {
    let id: WithdrawalId = withdrawal.parse().unwrap();
    let sql = "UPDATE withdrawals SET state = 'approved' WHERE id = $1";
    server.write(sql, vec![id.0.into()]).await;
}

/// As if somebody had proposed to give a person a US dollar.
pub(crate) async fn propose_by_hand(server: &Server, person: &str) -> String {
    let user: UserId = person.parse().unwrap();
    let now = server.clock.now();
    let id = AdjustmentId(server.app.ids.next(now));
    let sql = "INSERT INTO wallet_adjustments (id, user_id, currency, amount, reason, state, proposed_by, created_at) \
               VALUES ($1, $2, 'USD', 100, 'why', 'proposed', $1, $3)";
    let values = vec![id.0.into(), user.0.into(), now.into()];
    server.write(sql, values).await;
    id.to_string()
}

pub(crate) fn transfer_input(to: &str, amount: &str, currency: &str, key: &str) -> Value {
    json!({ "input": { "recipientId": to, "amount": { "amount": amount, "currency": currency }, "idempotencyKey": key } })
}

/// Balance, held, and available of US dollars.
pub(crate) async fn dollars(person: &Client) -> [String; 3] {
    let query =
        "{ me { wallet { balance(currency: \"USD\") { balance { amount } held { amount } available { amount } } } } }";
    let data = person.ok(query, Value::Null).await;
    let balance = &data["me"]["wallet"]["balance"];
    ["balance", "held", "available"].map(|part| balance[part]["amount"].as_str().unwrap_or("none").to_owned())
}

/// The books balance, before and after what waits is added up.
pub(crate) async fn assert_books_balance(server: &Server) {
    for _ in 0..2 {
        assert_eq!(books::verify(&server.app).await.unwrap().differences, []);
        fold(&server.app).await.unwrap();
    }
}
