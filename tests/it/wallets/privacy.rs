//! Leaving with money, and taking along what is known of it; and that the books tell what is wrong.

use agora::domain::{books, privacy};
use serde_json::{Value, json};

use super::{CANCEL, TRANSFER, assert_books_balance, fund, transfer_input, with_withdrawal};
use crate::harness::Server;

const DELETE: &str = "mutation { accountDelete { dueAt errors { code path } } }";

#[tokio::test]
async fn nobody_leaves_with_money_in_the_wallet_or_on_its_way() {
    let server = Server::with(&[("ACCOUNT_DELETION_DAYS", "0")]).await;
    let (amina, basma) = (server.user("amina").await, server.user("basma").await);
    let (_, withdrawal) = with_withdrawal(&server, &amina).await;
    let not_empty = [("WALLET_NOT_EMPTY".to_owned(), String::new())];
    assert_eq!(amina.user_errors(DELETE, Value::Null).await, not_empty);
    amina.ok(TRANSFER, transfer_input(&basma.id, "9.00", "USD", "1")).await;
    assert_eq!(amina.user_errors(DELETE, Value::Null).await, not_empty);
    amina.ok(CANCEL, json!({ "id": withdrawal })).await;
    amina.ok(TRANSFER, transfer_input(&basma.id, "1.00", "USD", "2")).await;
    assert_eq!(amina.user_errors(DELETE, Value::Null).await, []);
    // Money that came in between: the account stays until it is out.
    basma.ok(TRANSFER, transfer_input(&amina.id, "1.00", "USD", "1")).await;
    assert_eq!(privacy::erase_due(&server.app).await.unwrap(), 0);
    amina.ok(TRANSFER, transfer_input(&basma.id, "1.00", "USD", "3")).await;
    assert_eq!(privacy::erase_due(&server.app).await.unwrap(), 1);
    // The books keep what they need, and no name.
    assert_eq!(server.count("SELECT COUNT(*) FROM payout_methods").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM withdrawals WHERE bank_name <> '' OR last_four <> ''").await, 0);
    assert_eq!(server.count("SELECT COUNT(*) FROM events WHERE stream_kind = 'wallet'").await, 4);
    let query = "{ me { wallet { transactions { nodes { counterparty { id } } } } } }";
    let data = basma.ok(query, Value::Null).await;
    assert_eq!(data["me"]["wallet"]["transactions"]["nodes"][0]["counterparty"], Value::Null);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn the_books_name_a_withdrawal_and_an_adjustment_that_disagree_with_the_ledger() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    with_withdrawal(&server, &amina).await;
    fund(&server, &amina, 5, "EGP").await;
    super::propose_by_hand(&server, &amina.id).await;
    assert_books_balance(&server).await;
    for (wrong, back, rule) in [
        (
            "UPDATE withdrawals SET amount = amount + 1",
            "UPDATE withdrawals SET amount = amount - 1",
            "a withdrawal under way",
        ),
        (
            "UPDATE withdrawals SET state = 'paid'",
            "UPDATE withdrawals SET state = 'requested'",
            "a withdrawal under way",
        ),
        (
            "UPDATE withdrawals SET state = 'cancelled'",
            "UPDATE withdrawals SET state = 'requested'",
            "a withdrawal under way",
        ),
        (
            "UPDATE wallet_adjustments SET state = 'applied'",
            "UPDATE wallet_adjustments SET state = 'proposed'",
            "an adjustment that was applied",
        ),
    ] {
        server.write(wrong, Vec::new()).await;
        let found = books::verify(&server.app).await.unwrap().differences;
        assert!(found.iter().any(|difference| difference.rule.starts_with(rule)), "{wrong}: {found:?}");
        server.write(back, Vec::new()).await;
        assert_books_balance(&server).await;
    }
    server.write("DELETE FROM withdrawals", Vec::new()).await;
    let found = books::verify(&server.app).await.unwrap().differences;
    assert!(found.iter().any(|difference| difference.rule.starts_with("money that is held")), "{found:?}");
}
