//! What staff does with withdrawals.

use agora::entity::user_role::Role;
use serde_json::{Value, json};

use super::{add_method, assert_books_balance, dollars, fund, withdraw};
use crate::harness::{Client, Server, user_error};

pub(super) fn act(name: &str, argument: &str) -> String {
    let argument = if argument.is_empty() { String::new() } else { format!(", {argument}: \"because\"") };
    format!(
        "mutation($id: ID!) {{ {name}(input: {{ id: $id{argument} }}) {{ withdrawal {{ state awaitsSecondPerson }} errors {{ code path }} }} }}"
    )
}

struct Scene {
    server: Server,
    amina: Client,
    ada: Client,
    alan: Client,
    method: String,
}

async fn scene() -> Scene {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    // Only a proven address is told of reasons.
    assert!(agora::domain::auth::confirm_email(&server.app, "amina@example.org").await.unwrap());
    fund(&server, &amina, 1_000_000, "USD").await;
    let method = add_method(&amina, "USD").await;
    let ada = server.staff("ada", Role::Administrator).await;
    let alan = server.staff("alan", Role::Administrator).await;
    Scene { server, amina, ada, alan, method }
}

#[tokio::test]
async fn a_withdrawal_is_agreed_to_then_paid_and_its_owner_is_told() {
    let Scene { server, amina, ada, method, .. } = scene().await;
    let id = json!({ "id": withdraw(&amina, &method, "1000.00", "1").await });
    let paid = act("adminWithdrawalMarkPaid", "reference");
    assert_eq!(ada.user_errors(&paid, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let data = ada.ok(&act("adminWithdrawalApprove", ""), id.clone()).await;
    assert_eq!(
        data["adminWithdrawalApprove"]["withdrawal"],
        json!({ "state": "APPROVED", "awaitsSecondPerson": false })
    );
    assert_eq!(server.last_sent("amina@example.org").await.subject, "Your withdrawal was approved");
    assert_eq!(amina.user_errors(super::CANCEL, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let query = "{ adminWithdrawals(where: { states: APPROVED }) { nodes { user { username } approvedBy { username } \
                 bankDetails { holder iban accountNumber } } } }";
    let node = &ada.ok(query, Value::Null).await["adminWithdrawals"]["nodes"][0];
    assert_eq!(node["bankDetails"], json!({ "holder": "Amina Haddad", "iban": null, "accountNumber": "12345678" }));
    assert_eq!((&node["user"]["username"], &node["approvedBy"]["username"]), (&json!("amina"), &json!("ada")));
    assert_books_balance(&server).await;
    assert_eq!(ada.ok(&paid, id.clone()).await["adminWithdrawalMarkPaid"]["withdrawal"]["state"], "PAID");
    assert_eq!(ada.user_errors(&paid, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let message = server.last_sent("amina@example.org").await;
    assert_eq!(message.subject, "Your withdrawal was paid");
    assert!(message.text.contains("1000.00 USD") && message.text.contains("because"), "{}", message.text);
    assert_eq!(dollars(&amina).await, ["9000.00", "0.00", "9000.00"]);
    // The owner's transaction leads back to the withdrawal.
    let query =
        "{ me { wallet { transactions(first: 1) { nodes { kind reference subject { id } amount { amount } } } } } }";
    let transaction = &amina.ok(query, Value::Null).await["me"]["wallet"]["transactions"]["nodes"][0];
    assert_eq!((&transaction["kind"], &transaction["amount"]["amount"]), (&json!("WITHDRAWAL"), &json!("-1000.00")));
    assert_eq!((&transaction["reference"], &transaction["subject"]["id"]), (&id["id"], &id["id"]));
    let audit = "query($id: [ID!]) { adminAudit(where: { subjectIds: $id }) { nodes { action actor { username } \
                 subject { id } changes { property before after } } } }";
    let entries = ada.ok(audit, id.clone()).await["adminAudit"]["nodes"].clone();
    let actions: Vec<_> = entries.as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["adminWithdrawalMarkPaid", "adminWithdrawalApprove"]);
    assert_eq!(entries[0]["subject"]["id"], id["id"]);
    let change = json!({ "property": "state", "before": "approved", "after": "paid" });
    assert!(entries[0]["changes"].as_array().unwrap().contains(&change), "{entries}");
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn what_is_refused_or_fails_is_back_and_the_owner_is_told_why() {
    let Scene { server, amina, ada, method, .. } = scene().await;
    let id = json!({ "id": withdraw(&amina, &method, "10.00", "1").await });
    let refuse = act("adminWithdrawalRefuse", "reason");
    let blank =
        "mutation($id: ID!) { adminWithdrawalRefuse(input: { id: $id, reason: \" \" }) { errors { code path } } }";
    assert_eq!(ada.user_errors(blank, id.clone()).await, user_error("BLANK", "input.reason"));
    assert_eq!(ada.ok(&refuse, id.clone()).await["adminWithdrawalRefuse"]["withdrawal"]["state"], "CANCELED");
    assert_eq!(ada.user_errors(&refuse, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let message = server.last_sent("amina@example.org").await;
    assert!(message.subject.contains("refused") && message.text.contains("because"), "{message:?}");
    let id = json!({ "id": withdraw(&amina, &method, "10.00", "2").await });
    ada.ok(&act("adminWithdrawalApprove", ""), id.clone()).await;
    assert_eq!(ada.user_errors(&refuse, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let data = ada.ok(&act("adminWithdrawalMarkFailed", "reason"), id).await;
    assert_eq!(data["adminWithdrawalMarkFailed"]["withdrawal"]["state"], "FAILED");
    let message = server.last_sent("amina@example.org").await;
    assert!(message.subject.contains("could not be paid") && message.text.contains("because"), "{message:?}");
    assert_eq!(dollars(&amina).await, ["10000.00", "0.00", "10000.00"]);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn what_the_bank_sends_back_after_it_was_paid_is_back_once_and_the_owner_is_told_why() {
    let Scene { server, amina, ada, method, .. } = scene().await;
    let id = json!({ "id": withdraw(&amina, &method, "10.00", "1").await });
    ada.ok(&act("adminWithdrawalApprove", ""), id.clone()).await;
    ada.ok(&act("adminWithdrawalMarkPaid", "reference"), id.clone()).await;
    assert_eq!(dollars(&amina).await, ["9990.00", "0.00", "9990.00"]);
    // The money is not back because somebody calls it failed.
    let failed = act("adminWithdrawalMarkFailed", "reason");
    assert_eq!(ada.user_errors(&failed, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    assert_eq!(dollars(&amina).await, ["9990.00", "0.00", "9990.00"]);
    let returned = act("adminWithdrawalMarkReturned", "reason");
    let data = ada.ok(&returned, id.clone()).await;
    assert_eq!(data["adminWithdrawalMarkReturned"]["withdrawal"]["state"], "RETURNED");
    assert_eq!(ada.user_errors(&returned, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    assert_eq!(ada.user_errors(&failed, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let message = server.last_sent("amina@example.org").await;
    assert!(message.subject.contains("came back from the bank") && message.text.contains("because"), "{message:?}");
    assert_eq!(dollars(&amina).await, ["10000.00", "0.00", "10000.00"]);
    let audit = "query($id: [ID!]) { adminAudit(where: { subjectIds: $id }) { nodes { action reason } } }";
    let entry = ada.ok(audit, id).await["adminAudit"]["nodes"][0].clone();
    assert_eq!(entry, json!({ "action": "adminWithdrawalMarkReturned", "reason": "because" }));
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn it_takes_two_people_to_say_that_a_large_one_came_back() {
    let Scene { server, amina, ada, alan, method } = scene().await;
    let id = json!({ "id": withdraw(&amina, &method, "1000.01", "1").await });
    for client in [&ada, &alan] {
        client.ok(&act("adminWithdrawalApprove", ""), id.clone()).await;
    }
    let returned = act("adminWithdrawalMarkReturned", "reason");
    // What is not paid can't come back.
    assert_eq!(ada.user_errors(&returned, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    ada.ok(&act("adminWithdrawalMarkPaid", "reference"), id.clone()).await;
    let data = ada.ok(&returned, id.clone()).await;
    assert_eq!(
        data["adminWithdrawalMarkReturned"]["withdrawal"],
        json!({ "state": "PAID", "awaitsSecondPerson": true })
    );
    assert_eq!(ada.user_errors(&returned, id.clone()).await, user_error("SECOND_PERSON_NEEDED", "input.id"));
    assert_eq!(dollars(&amina).await, ["8999.99", "0.00", "8999.99"]);
    assert_books_balance(&server).await;
    let data = alan.ok(&returned, id).await;
    assert_eq!(
        data["adminWithdrawalMarkReturned"]["withdrawal"],
        json!({ "state": "RETURNED", "awaitsSecondPerson": false })
    );
    assert_eq!(dollars(&amina).await, ["10000.00", "0.00", "10000.00"]);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn what_nobody_decides_about_does_not_hold_the_money_for_ever() {
    let Scene { server, amina, ada, method, .. } = scene().await;
    let waiting = withdraw(&amina, &method, "10.00", "1").await;
    let approved = withdraw(&amina, &method, "20.00", "2").await;
    ada.ok(&act("adminWithdrawalApprove", ""), json!({ "id": approved })).await;
    server.advance(30 * 86_400 - 1);
    agora::worker::run_schedules(&server.app).await.unwrap();
    let amina = server.anonymous().login("amina").await;
    assert_eq!(dollars(&amina).await, ["10000.00", "30.00", "9970.00"]);
    server.advance(3600);
    for _ in 0..2 {
        agora::worker::run_schedules(&server.app).await.unwrap();
    }
    let amina = server.anonymous().login("amina").await;
    assert_eq!(dollars(&amina).await, ["10000.00", "20.00", "9980.00"]);
    let query = "query($id: ID!) { node(id: $id) { ... on Withdrawal { state } } }";
    assert_eq!(amina.ok(query, json!({ "id": waiting })).await["node"]["state"], "CANCELED");
    let sent = server.sent().await;
    assert_eq!(sent.iter().filter(|sent| sent.subject == "Your withdrawal is over").count(), 1, "{sent:?}");
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn a_large_one_takes_two_people() {
    let Scene { server, amina, ada, alan, method } = scene().await;
    let id = json!({ "id": withdraw(&amina, &method, "1000.01", "1").await });
    let approve = act("adminWithdrawalApprove", "");
    let data = ada.ok(&approve, id.clone()).await;
    assert_eq!(
        data["adminWithdrawalApprove"]["withdrawal"],
        json!({ "state": "REQUESTED", "awaitsSecondPerson": true })
    );
    assert_eq!(ada.user_errors(&approve, id.clone()).await, user_error("SECOND_PERSON_NEEDED", "input.id"));
    let paid = act("adminWithdrawalMarkPaid", "reference");
    assert_eq!(ada.user_errors(&paid, id.clone()).await, user_error("WRONG_STATE", "input.id"));
    let data = alan.ok(&approve, id).await;
    assert_eq!(data["adminWithdrawalApprove"]["withdrawal"]["state"], "APPROVED");
    // Of a currency for which no amount is set, every one does.
    fund(&server, &amina, 10, "JPY").await;
    let method = add_method(&amina, "JPY").await;
    let data = amina.ok(super::WITHDRAW, super::withdraw_input(&method, "1", "JPY", "2")).await;
    let id = json!({ "id": data["walletWithdraw"]["withdrawal"]["id"] });
    let data = ada.ok(&approve, id).await;
    assert_eq!(data["adminWithdrawalApprove"]["withdrawal"]["awaitsSecondPerson"], true);
    assert_books_balance(&server).await;
}

#[tokio::test]
async fn nobody_decides_about_their_own_money_and_nobody_any_more_whose_role_was_taken() {
    let Scene { server, amina, ada, method, .. } = scene().await;
    fund(&server, &ada, 10_000, "USD").await;
    let audited = "SELECT COUNT(*) FROM audit_entries";
    let before = server.count(audited).await;
    let own_method = add_method(&ada, "USD").await;
    let own = json!({ "id": withdraw(&ada, &own_method, "1.00", "1").await });
    for (name, argument) in [
        ("adminWithdrawalApprove", ""),
        ("adminWithdrawalRefuse", "reason"),
        ("adminWithdrawalMarkPaid", "reference"),
        ("adminWithdrawalMarkFailed", "reason"),
        ("adminWithdrawalMarkReturned", "reason"),
    ] {
        assert_eq!(
            ada.user_errors(&act(name, argument), own.clone()).await,
            user_error("BEYOND_YOUR_RIGHTS", "input.id")
        );
    }
    let id = json!({ "id": withdraw(&amina, &method, "1.00", "1").await });
    let sql = "DELETE FROM user_roles WHERE user_id IN (SELECT id FROM users WHERE username = 'ada')";
    server.write(sql, Vec::new()).await;
    assert_eq!(ada.refused(&act("adminWithdrawalApprove", ""), id).await, "FORBIDDEN");
    assert_eq!(server.count(audited).await, before);
    assert_books_balance(&server).await;
}
