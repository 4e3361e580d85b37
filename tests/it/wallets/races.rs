//! Several at once: whatever the order turns out to be, money is there once.

use agora::entity::user_role::Role;
use futures_util::future::join_all;
use serde_json::json;

use super::{CANCEL, WITHDRAW, add_method, assert_books_balance, dollars, fund, staff::act, withdraw, withdraw_input};
use crate::harness::{SEVERAL_CONNECTIONS, Server, races::one_in_the_midst_of_another};

#[tokio::test]
async fn of_two_withdrawals_of_the_last_pound_one_is_refused() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let amina = server.user("amina").await;
    fund(&server, &amina, 100, "USD").await;
    let method = add_method(&amina, "USD").await;
    let elsewhere = server.anonymous().login("amina").await.seen().await;
    let first = amina.user_errors(WITHDRAW, withdraw_input(&method, "1.00", "USD", "a"));
    let second = elsewhere.user_errors(WITHDRAW, withdraw_input(&method, "1.00", "USD", "b"));
    let (first, second) = one_in_the_midst_of_another(&server, "withdrawal.holding", first, second).await;
    assert_eq!((first.len(), second.len()), (0, 1), "{first:?} {second:?}");
    assert_eq!(second[0].0, "INSUFFICIENT_FUNDS");
    assert_eq!(dollars(&amina).await, ["1.00", "1.00", "0.00"]);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn cancelling_beside_an_approval_is_one_or_the_other() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let ada = server.staff("ada", Role::Administrator).await;
    fund(&server, &amina, 10_000, "USD").await;
    let method = add_method(&amina, "USD").await;
    for round in 0..6 {
        let id = json!({ "id": withdraw(&amina, &method, "1.00", &round.to_string()).await });
        let approve = act("adminWithdrawalApprove", "");
        let (cancelled, approved) = if round % 2 == 0 {
            tokio::join!(amina.user_errors(CANCEL, id.clone()), ada.user_errors(&approve, id.clone()))
        } else {
            let (approved, cancelled) =
                tokio::join!(ada.user_errors(&approve, id.clone()), amina.user_errors(CANCEL, id.clone()));
            (cancelled, approved)
        };
        let lost = if cancelled.is_empty() { approved } else { cancelled };
        assert_eq!(lost, [("WRONG_STATE".to_owned(), "input.id".to_owned())]);
        assert_books_balance(&server).await;
    }
}

#[tokio::test]
async fn of_two_who_act_at_once_on_the_same_withdrawal_one_comes_second() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let (ada, alan) = (server.staff("ada", Role::Administrator).await, server.staff("alan", Role::Owner).await);
    fund(&server, &amina, 1_000_000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let (approve, paid) = (act("adminWithdrawalApprove", ""), act("adminWithdrawalMarkPaid", "reference"));
    let failed = act("adminWithdrawalMarkFailed", "reason");
    // A small one: the second finds it approved already. A large one: it takes them both.
    for (amount, key, lost) in [("1.00", "small", 1), ("2000.00", "large", 0)] {
        let id = json!({ "id": withdraw(&amina, &method, amount, key).await });
        let (one, two) = tokio::join!(ada.user_errors(&approve, id.clone()), alan.user_errors(&approve, id.clone()));
        assert_eq!(one.len() + two.len(), lost, "{one:?} {two:?}");
        // Paid or failed, whoever comes first: never both.
        let before = dollars(&amina).await;
        let (one, two) = tokio::join!(ada.user_errors(&paid, id.clone()), alan.user_errors(&failed, id.clone()));
        assert_eq!(one.len() + two.len(), 1, "{one:?} {two:?}");
        let refused = [one, two].concat();
        assert_eq!(refused, [("WRONG_STATE".to_owned(), "input.id".to_owned())]);
        let query = "query($id: ID!) { node(id: $id) { ... on Withdrawal { state } } }";
        let state = amina.ok(query, id).await["node"]["state"].clone();
        let after = dollars(&amina).await;
        assert_eq!(after[1], "0.00");
        assert_eq!(state == "FAILED", after[0] == before[0], "{state} {before:?} {after:?}");
        assert_books_balance(&server).await;
    }
}

#[tokio::test]
async fn a_payout_that_comes_back_is_given_back_once_and_never_one_that_was_called_failed_meanwhile() {
    let server = Server::with(&[SEVERAL_CONNECTIONS]).await;
    let amina = server.user("amina").await;
    let (ada, alan) = (server.staff("ada", Role::Administrator).await, server.staff("alan", Role::Owner).await);
    fund(&server, &amina, 1000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let (paid, failed) = (act("adminWithdrawalMarkPaid", "reference"), act("adminWithdrawalMarkFailed", "reason"));
    let returned = act("adminWithdrawalMarkReturned", "reason");
    let id = json!({ "id": withdraw(&amina, &method, "10.00", "1").await });
    ada.ok(&act("adminWithdrawalApprove", ""), id.clone()).await;
    ada.ok(&paid, id.clone()).await;
    // The mistaken click comes beside the bank's return, and the return twice.
    let answers = tokio::join!(
        alan.user_errors(&failed, id.clone()),
        ada.user_errors(&returned, id.clone()),
        alan.user_errors(&returned, id.clone())
    );
    let wrong_state = [("WRONG_STATE".to_owned(), "input.id".to_owned())];
    assert_eq!(answers.0, wrong_state);
    assert_eq!([answers.1, answers.2].concat(), wrong_state);
    assert_eq!(dollars(&amina).await, ["10.00", "0.00", "10.00"]);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn the_daily_limit_holds_for_several_at_once() {
    let server = Server::with(&[("WITHDRAWAL_DAILY_LIMITS", "USD 2")]).await;
    let amina = server.user("amina").await;
    fund(&server, &amina, 10_000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let tries = (0..5).map(|number| {
        let (amina, method) = (amina.clone(), method.clone());
        async move { amina.user_errors(WITHDRAW, withdraw_input(&method, "1.00", "USD", &number.to_string())).await }
    });
    let results = join_all(tries).await;
    assert_eq!(results.iter().filter(|errors| errors.is_empty()).count(), 2, "{results:?}");
    assert_books_balance(&server).await;
}
