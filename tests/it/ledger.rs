//! The ledger by itself: what moves, what is held, what is taken back, and that it all adds up.

use agora::{
    app::App,
    domain::{
        idempotency::Fingerprint,
        ledger::{
            self, AccountRef, End, NewTransfer, Origin, account, end_hold_in, fold, hold_in, post_hold_in, post_in,
            reverse_in,
        },
    },
    entity::{Currency, UserId, ledger_transfer::TransferKind, payment::ProviderKind},
    error::{Error, UserErrorCode},
};
use uuid::Uuid;

use crate::harness::{Server, refused_by_the_database};

const CLEARING: AccountRef = AccountRef::Clearing(ProviderKind::Sandbox);

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn wallet(number: u128) -> AccountRef {
    AccountRef::Wallet(UserId(Uuid::from_u128(number)))
}

fn new(from: AccountRef, to: AccountRef, amount: i64, key: &str) -> NewTransfer<'_> {
    NewTransfer {
        kind: TransferKind::Transfer,
        from,
        to,
        amount,
        currency: usd(),
        reference: Some("post_1"),
        description: "test",
        origin: Origin { actor: Uuid::nil(), operation: "test", key, input: None },
    }
}

async fn post(
    app: &App,
    from: AccountRef,
    to: AccountRef,
    amount: i64,
    key: &str,
) -> agora::error::Result<ledger::Posted> {
    app.db.transact(async |tx| post_in(app, &tx, new(from, to, amount, key)).await).await
}

async fn balance(app: &App, account_ref: AccountRef) -> (i64, i64) {
    account(app, account_ref, usd()).await.unwrap().map_or((0, 0), |account| (account.balance, account.held))
}

async fn differences(app: &App) -> Vec<String> {
    let found = app.db.snapshot(async |tx| ledger::verify(&tx).await).await.unwrap();
    found.iter().map(ToString::to_string).collect()
}

fn code<T: std::fmt::Debug>(result: agora::error::Result<T>) -> UserErrorCode {
    match result.unwrap_err() {
        Error::User(errors) => errors[0].code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn money_moves_once_and_never_below_zero() {
    let server = Server::start().await;
    let app = &server.app;
    post(app, CLEARING, wallet(1), 1000, "a").await.unwrap();
    let first = post(app, wallet(1), wallet(2), 700, "b").await.unwrap();
    assert_eq!((balance(app, wallet(1)).await, balance(app, wallet(2)).await), ((300, 0), (700, 0)));
    // Again, though the money is no longer there: the same transfer.
    let again = post(app, wallet(1), wallet(2), 700, "b").await.unwrap();
    assert_eq!((again.id, again.replayed), (first.id, true));
    assert_eq!(code(post(app, wallet(1), wallet(2), 301, "c").await), UserErrorCode::InsufficientFunds);
    assert_eq!(balance(app, CLEARING).await, (-1000, 0));
    assert_eq!(fold(app).await.unwrap(), 1);
    assert_eq!(balance(app, CLEARING).await, (-1000, 0));
    assert_eq!(code(post(app, CLEARING, wallet(1), i64::MAX, "d").await), UserErrorCode::AmountTooLarge);
    assert_eq!(differences(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_does_not_fit_is_not_added_up_to_something_else() {
    let server = Server::start().await;
    let app = &server.app;
    post(app, CLEARING, wallet(1), 1000, "a").await.unwrap();
    fold(app).await.unwrap();
    // As if more had passed than a number holds: SQLite would go on with a floating point.
    let full = "UPDATE ledger_accounts SET balance = -9223372036854775807 WHERE kind = 'clearing'";
    app.db.transact(async |tx| tx.execute(full, Vec::new()).await).await.unwrap();
    post(app, CLEARING, wallet(1), 1000, "b").await.unwrap();
    assert!(fold(app).await.is_err());
    assert_eq!(server.count("SELECT balance FROM ledger_accounts WHERE kind = 'clearing'").await, -i64::MAX);
    assert_eq!(server.count("SELECT COUNT(*) FROM ledger_deltas").await, 1);
}

#[tokio::test]
async fn a_key_with_another_input_is_refused() {
    let server = Server::start().await;
    let app = &server.app;
    post(app, CLEARING, wallet(1), 1000, "a").await.unwrap();
    let input = Fingerprint::v1().field("what", "other");
    let other = NewTransfer {
        origin: Origin { input: Some(&input), ..Origin::step("test", "a") },
        ..new(CLEARING, wallet(1), 2000, "a")
    };
    let result = app.db.transact(async |tx| post_in(app, &tx, other).await).await;
    assert_eq!(code(result), UserErrorCode::IdempotencyKeyReused);
    assert_eq!(balance(app, wallet(1)).await, (1000, 0));
}

#[tokio::test]
async fn what_is_held_can_t_be_spent_and_ends_once() {
    let server = Server::start().await;
    let app = &server.app;
    post(app, CLEARING, wallet(1), 1000, "a").await.unwrap();
    let hold = async |amount, key: &'static str| {
        app.db
            .transact(async |tx| hold_in(app, &tx, new(wallet(1), AccountRef::Payouts, amount, key), None).await)
            .await
    };
    let (one, two) = (hold(600, "h1").await.unwrap().id, hold(300, "h2").await.unwrap().id);
    assert_eq!(hold(300, "h2").await.unwrap().id, two);
    assert_eq!(code(hold(101, "h3").await), UserErrorCode::InsufficientFunds);
    assert_eq!(code(post(app, wallet(1), wallet(2), 101, "b").await), UserErrorCode::InsufficientFunds);
    assert_eq!(balance(app, wallet(1)).await, (1000, 900));
    assert!(app.db.transact(async |tx| post_hold_in(app, &tx, one, AccountRef::Payouts).await).await.unwrap());
    assert!(app.db.transact(async |tx| end_hold_in(app, &tx, two, End::Voided).await).await.unwrap());
    for id in [one, two] {
        assert!(!app.db.transact(async |tx| post_hold_in(app, &tx, id, AccountRef::Payouts).await).await.unwrap());
        assert!(!app.db.transact(async |tx| end_hold_in(app, &tx, id, End::Expired).await).await.unwrap());
    }
    assert_eq!((balance(app, wallet(1)).await, balance(app, AccountRef::Payouts).await), ((400, 0), (600, 0)));
    assert_eq!(differences(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_mistake_is_taken_back_by_a_transfer_of_its_own_once() {
    let server = Server::start().await;
    let app = &server.app;
    let id = post(app, CLEARING, wallet(1), 1000, "a").await.unwrap().id;
    let back = async |key: &'static str| {
        app.db.transact(async |tx| reverse_in(app, &tx, id, Origin::step("reverse", key), "a mistake").await).await
    };
    back("1").await.unwrap();
    assert_eq!(code(back("2").await), UserErrorCode::AlreadyDone);
    assert_eq!((balance(app, wallet(1)).await, balance(app, CLEARING).await), ((0, 0), (0, 0)));
    assert_eq!(differences(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_database_itself_keeps_what_was_written() {
    let server = Server::start().await;
    let app = &server.app;
    post(app, CLEARING, wallet(1), 1000, "a").await.unwrap();
    for sql in [
        "UPDATE ledger_entries SET amount = amount + 1",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_transfers",
        "UPDATE ledger_transfers SET amount = 5",
        "UPDATE ledger_transfers SET description = 'other'",
        "UPDATE ledger_accounts SET balance = -1 WHERE kind = 'wallet'",
        "UPDATE ledger_accounts SET held = 1001 WHERE kind = 'wallet'",
    ] {
        refused_by_the_database(app, sql).await;
    }
    assert_eq!(differences(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn whatever_differs_is_named() {
    let server = Server::start().await;
    let app = &server.app;
    post(app, CLEARING, wallet(1), 1000, "a").await.unwrap();
    for (sql, back, rule) in [
        (
            "UPDATE ledger_accounts SET balance = balance + 1 WHERE kind = 'wallet'",
            "UPDATE ledger_accounts SET balance = balance - 1 WHERE kind = 'wallet'",
            "is the sum of its entries: wallet",
        ),
        (
            "UPDATE ledger_accounts SET held = held + 1 WHERE kind = 'wallet'",
            "UPDATE ledger_accounts SET held = held - 1 WHERE kind = 'wallet'",
            "is the sum of its pending transfers: wallet",
        ),
        (
            "UPDATE ledger_deltas SET amount = amount + 7",
            "UPDATE ledger_deltas SET amount = amount - 7",
            "what waits to be added is an entry's amount",
        ),
        (
            "UPDATE ledger_accounts SET entry_seq = 9 WHERE kind = 'wallet'",
            "UPDATE ledger_accounts SET entry_seq = 1 WHERE kind = 'wallet'",
            "has counted as many entries as it has",
        ),
    ] {
        app.db.transact(async |tx| tx.execute(sql, Vec::new()).await).await.unwrap();
        let found = differences(app).await;
        assert!(found.iter().any(|line| line.contains(rule)), "{sql}: {found:?}");
        app.db.transact(async |tx| tx.execute(back, Vec::new()).await).await.unwrap();
        assert_eq!(differences(app).await, Vec::<String>::new(), "{back}");
    }
}

/// Two accounts, both ways at once, as fast as it goes: nobody waits in a circle, and nothing is lost.
#[tokio::test]
async fn transfers_both_ways_at_once_add_up() {
    let server = Server::start().await;
    let app = &server.app;
    for number in [1, 2] {
        post(app, CLEARING, wallet(number), 100, &format!("start {number}")).await.unwrap();
    }
    let work = (0..8_u128).map(|client| async move {
        for round in 0..15 {
            let (from, to) = if (client + round) % 2 == 0 { (1, 2) } else { (2, 1) };
            match post(app, wallet(from), wallet(to), 30, &format!("{client} {round}")).await {
                Ok(_) => {}
                Err(Error::User(errors)) => assert_eq!(errors[0].code, UserErrorCode::InsufficientFunds),
                Err(error) => panic!("{error}"),
            }
        }
    });
    futures_util::future::join_all(work).await;
    fold(app).await.unwrap();
    assert_eq!(balance(app, wallet(1)).await.0 + balance(app, wallet(2)).await.0, 200);
    assert_eq!(differences(app).await, Vec::<String>::new());
}
