//! From one person's wallet into another's.

use agora::platform::crypto::{hex, sha256};
use serde_json::{Value, json};

use super::{TRANSFER, assert_books_balance, dollars, fund, transfer_input};
use crate::harness::Server;

#[tokio::test]
async fn money_goes_from_one_wallet_into_another_once() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    assert_eq!(
        amina.ok("{ me { wallet { balances { currency } } } }", Value::Null).await["me"]["wallet"]["balances"],
        json!([])
    );
    fund(&server, &amina, 1000, "USD").await;
    let mut input = transfer_input(&basma.id, "7.00", "USD", "rent");
    input["input"]["note"] = json!("the  rent");
    let first = amina.ok(TRANSFER, input.clone()).await["walletTransfer"].clone();
    let transaction = &first["transaction"];
    assert_eq!(transaction["kind"], "TRANSFER");
    assert_eq!(transaction["amount"], json!({ "amount": "-7.00", "currency": "USD" }));
    assert_eq!(transaction["balanceAfter"]["amount"], "3.00");
    assert_eq!(transaction["description"], "the rent");
    assert_eq!(transaction["counterparty"]["id"], basma.id.as_str());
    assert_eq!((&first["replayed"], &first["errors"]), (&json!(false), &json!([])));
    // Again, though the money is no longer there: the same answer, read from the books this time.
    let again = amina.ok(TRANSFER, input.clone()).await["walletTransfer"].clone();
    assert_eq!((&again["transaction"], &again["replayed"]), (transaction, &json!(true)));
    // The same key is somebody else's own affair.
    let theirs = basma.ok(TRANSFER, transfer_input(&amina.id, "1.00", "USD", "rent")).await["walletTransfer"].clone();
    assert_eq!((&theirs["replayed"], &theirs["errors"]), (&json!(false), &json!([])));
    assert_eq!(dollars(&amina).await, ["4.00", "0.00", "4.00"]);
    assert_eq!(dollars(&basma).await, ["6.00", "0.00", "6.00"]);
    input["input"]["amount"]["amount"] = json!("7.01");
    let errors = amina.user_errors(TRANSFER, input).await;
    assert_eq!(errors, [("IDEMPOTENCY_KEY_REUSED".to_owned(), "input.idempotencyKey".to_owned())]);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn a_transfer_of_before_there_were_versions_comes_again() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    let first = amina.ok(TRANSFER, transfer_input(&basma.id, "1.00", "USD", "now")).await["walletTransfer"].clone();
    // The books don't change: one is written as it was written then, like the other but for key and hash.
    let mut input = transfer_input(&basma.id, "1.00", "USD", "before");
    input["input"]["note"] = json!("the rent");
    let hash = hex(&sha256(format!("{} 1.00 USD the rent", basma.id).as_bytes()));
    let new = || server.app.ids.next(server.clock.now());
    let transfer = new();
    let transfers = "INSERT INTO ledger_transfers (id, kind, state, currency, amount, description, actor_id, operation, \
                     idempotency_key, input_hash, created_at) SELECT $1, kind, state, currency, amount, description, \
                     actor_id, operation, 'before', $2, created_at FROM ledger_transfers WHERE idempotency_key = 'now'";
    let entries = |which| {
        format!(
            "INSERT INTO ledger_entries (id, transfer_id, account_id, kind, amount, balance_after, seq, created_at) \
             SELECT $1, $2, e.account_id, e.kind, e.amount, e.balance_after, e.seq + 10, e.created_at \
             FROM ledger_entries e JOIN ledger_transfers t ON t.id = e.transfer_id \
             WHERE t.idempotency_key = 'now' AND e.amount {which} 0"
        )
    };
    server
        .app
        .db
        .transact(async |tx| {
            tx.execute(transfers, vec![transfer.into(), hash.clone().into()]).await?;
            tx.execute(entries("<"), vec![new().into(), transfer.into()]).await?;
            tx.execute(entries(">"), vec![new().into(), transfer.into()]).await
        })
        .await
        .unwrap();
    let before = server.rows().await;
    let again = amina.ok(TRANSFER, input.clone()).await["walletTransfer"].clone();
    assert_eq!((&again["replayed"], &again["errors"]), (&json!(true), &json!([])));
    assert_ne!(again["transaction"]["id"], first["transaction"]["id"]);
    assert_eq!(again["transaction"]["amount"], json!({ "amount": "-1.00", "currency": "USD" }));
    input["input"]["note"] = json!("another");
    let errors = amina.user_errors(TRANSFER, input).await;
    assert_eq!(errors, [("IDEMPOTENCY_KEY_REUSED".to_owned(), "input.idempotencyKey".to_owned())]);
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn nobody_pays_themselves_nobody_or_somebody_who_is_suspended() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    let done = transfer_input(&basma.id, "1.00", "USD", "before");
    amina.ok(TRANSFER, done.clone()).await;
    let sql = "INSERT INTO suspensions (user_id, reason, created_at) \
               SELECT id, 'spam', created_at FROM users WHERE username = 'basma'";
    server.write(sql, Vec::new()).await;
    let before = server.rows().await;
    for (to, code) in [
        (amina.id.as_str(), "NOT_ALLOWED"),
        (basma.id.as_str(), "NOT_FOUND"),
        ("user_00000000000000000000000000", "NOT_FOUND"),
        ("post_00000000000000000000000000", "INVALID_ID"),
        ("", "INVALID_ID"),
    ] {
        let errors = amina.user_errors(TRANSFER, transfer_input(to, "1.00", "USD", "1")).await;
        assert_eq!(errors, [(code.to_owned(), "input.recipientId".to_owned())], "{to}");
    }
    assert_eq!(server.rows().await, before);
    // What was done before is still told.
    assert_eq!(amina.ok(TRANSFER, done).await["walletTransfer"]["replayed"], true);
    assert_books_balance(&server).await;
}

/// It is the hot path: who may add a statement to it should know.
#[tokio::test]
async fn a_transfer_takes_few_statements() {
    let server = Server::start().await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    fund(&server, &amina, 1000, "USD").await;
    fund(&server, &basma, 1000, "USD").await;
    amina.ok(TRANSFER, transfer_input(&basma.id, "1.00", "USD", "warm")).await;
    let before = server.app.db.statements();
    let short = "mutation($input: WalletTransferInput!) { walletTransfer(input: $input) { transaction { id \
                 balanceAfter { amount } } errors { code } } }";
    amina.ok(short, transfer_input(&basma.id, "1.00", "USD", "counted")).await;
    let statements = server.app.db.statements() - before;
    let most = if server.app.db.backend() == sea_orm::DatabaseBackend::Postgres { 4 } else { 8 };
    assert!(statements <= most, "{statements}");
}
