//! Refunds: asked for, granted, refused, done; in parts, to the source and to the wallet; and whom it is not for.

use agora::{domain::ledger::AccountRef, entity::payment::ProviderKind, entity::user_role::Role};
use serde_json::{Value, json};

use super::{assert_books, at, call, code, funded, hand_over, look, paid, tamper, treasurer, wait, wait_often, wallet};
use crate::harness::{Client, Server};

const REFUND: &str = "refund { id state destination amount { amount } decisionReason failure } payment { refundState }";

/// Calls a mutation that begins a refund; all that is left without an amount.
pub(super) async fn ask(
    client: &Client,
    field: &str,
    payment: &Value,
    amount: Option<&str>,
    more: &str,
    key: &str,
) -> Value {
    let amount =
        amount.map_or_else(String::new, |amount| format!("amount: {{ amount: \"{amount}\", currency: \"USD\" }}, "));
    let input = format!(", {amount}reason: \"changed my mind\", idempotencyKey: \"{key}\"{more}");
    call(client, field, &payment["id"], &input, &format!("{REFUND} replayed")).await
}

async fn state(client: &Client, payment: &Value) -> Value {
    let query = "query($id: ID!) { payment(id: $id) { refundState refunds { state decisionReason failure } } }";
    client.ok(query, json!({ "id": payment["id"] })).await["payment"].clone()
}

#[tokio::test]
async fn the_payer_asks_staff_grants_and_the_provider_gives_back() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let asked = ask(&amina, "paymentRefundRequest", &payment, Some("4.00"), "", "r").await;
    assert_eq!(asked["refund"]["state"], "REQUESTED");
    // Asking holds nothing; one question at a time; the same key is the same question.
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    let second = ask(&amina, "paymentRefundRequest", &payment, Some("1.00"), "", "r2").await;
    assert_eq!(code(&second), "ALREADY_EXISTS");
    let again = ask(&amina, "paymentRefundRequest", &payment, Some("4.00"), "", "r").await;
    assert_eq!((&again["refund"]["id"], &again["replayed"]), (&asked["refund"]["id"], &true.into()));
    let granted = call(&staff, "paymentRefundGrant", &asked["refund"]["id"], "", REFUND).await;
    assert_eq!(granted["refund"]["state"], "GRANTED");
    assert_eq!(wallet(&server, &amina).await, (1000, 400));
    assert_books(&server.app).await;
    // Granted is not yet done: the provider takes its time.
    server.run_jobs().await;
    assert_eq!(state(&amina, &payment).await["refunds"][0]["state"], "PENDING");
    wait(&server).await;
    let now = state(&amina, &payment).await;
    assert_eq!((&now["refunds"][0]["state"], &now["refundState"]), (&"SUCCEEDED".into(), &"PARTIAL".into()));
    assert_eq!(wallet(&server, &amina).await, (600, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, -600);
    assert!(server.last_sent("amina@example.org").await.text.contains("4.00 USD"));
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_is_refused_stays_and_can_be_asked_for_again() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let asked = ask(&amina, "paymentRefundRequest", &payment, None, "", "r").await;
    let refused =
        call(&staff, "paymentRefundRefuse", &asked["refund"]["id"], ", reason: \"it was spent\"", REFUND).await;
    assert_eq!(refused["refund"]["state"], "REFUSED");
    assert_eq!(state(&amina, &payment).await["refunds"][0]["decisionReason"], "it was spent");
    for field in ["paymentRefundGrant", "paymentRefundRefuse"] {
        let reason = if field == "paymentRefundRefuse" { ", reason: \"no\"" } else { "" };
        assert_eq!(code(&call(&staff, field, &asked["refund"]["id"], reason, REFUND).await), "WRONG_STATE");
    }
    assert_eq!(ask(&amina, "paymentRefundRequest", &payment, None, "", "r2").await["refund"]["state"], "REQUESTED");
    assert_books(&server.app).await;
}

#[tokio::test]
async fn parts_go_back_until_nothing_is_left_and_never_more() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let above = ask(&staff, "paymentRefund", &payment, Some("10.01"), "", "a").await;
    assert_eq!((code(&above), &above["errors"][0]["path"]), ("AMOUNT_TOO_LARGE", &json!(["input", "amount"])));
    for (amount, key) in [("2.50", "b"), ("2.50", "c")] {
        assert_eq!(code(&ask(&staff, "paymentRefund", &payment, Some(amount), "", key).await), "");
    }
    // While two are under way, five dollars are left.
    assert_eq!(code(&ask(&staff, "paymentRefund", &payment, Some("5.01"), "", "d").await), "AMOUNT_TOO_LARGE");
    wait(&server).await;
    assert_eq!(state(&amina, &payment).await["refundState"], "PARTIAL");
    let rest = ask(&staff, "paymentRefund", &payment, None, "", "e").await;
    assert_eq!(rest["refund"]["amount"]["amount"], "5.00");
    assert_eq!(code(&ask(&staff, "paymentRefund", &payment, None, "", "f").await), "WRONG_STATE");
    wait(&server).await;
    assert_eq!(state(&amina, &payment).await["refundState"], "FULL");
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_eq!(at(&server, AccountRef::Clearing(ProviderKind::Sandbox)).await.0, 0);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn one_key_in_parallel_is_one_refund_and_another_input_is_refused() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let calls = (0..8).map(|_| ask(&staff, "paymentRefund", &payment, Some("1.00"), "", "one"));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer["refund"]["id"] == answers[0]["refund"]["id"]), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer["replayed"] == false).count(), 1);
    assert_eq!(code(&ask(&staff, "paymentRefund", &payment, Some("2.00"), "", "one").await), "IDEMPOTENCY_KEY_REUSED");
    wait(&server).await;
    assert_eq!(wallet(&server, &amina).await, (900, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn into_the_wallet_that_it_lies_in_nothing_is_given_back() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let before = server.rows().await;
    for (client, field) in [(&staff, "paymentRefund"), (&amina, "paymentRefundRequest")] {
        let refused = ask(client, field, &payment, Some("4.00"), ", destination: WALLET", "r").await;
        assert_eq!(code(&refused), "PROVIDER_NOT_AVAILABLE");
        assert_eq!(refused["errors"][0]["path"], json!(["input", "destination"]));
    }
    assert_eq!(server.rows().await, before);
    // One that was asked for before can't be granted either.
    ask(&amina, "paymentRefundRequest", &payment, Some("4.00"), "", "r").await;
    tamper(&server, "UPDATE refunds SET destination = 'wallet'").await;
    let query = "{ adminRefunds { nodes { id } } }";
    let refund = staff.ok(query, Value::Null).await["adminRefunds"]["nodes"][0]["id"].clone();
    assert_eq!(code(&call(&staff, "paymentRefundGrant", &refund, "", REFUND).await), "WRONG_STATE");
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn nobody_decides_about_their_own_money_or_sees_somebody_else_s() {
    let server = Server::start().await;
    let (amina, basma, staff) = (server.user("amina").await, server.user("basma").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let own = paid(&server, &staff, "10.00", "k").await;
    let asked = ask(&amina, "paymentRefundRequest", &payment, None, "", "r").await;
    let of_staff = ask(&staff, "paymentRefundRequest", &own, None, "", "r").await;
    let before = server.rows().await;
    assert_eq!(code(&ask(&basma, "paymentRefundRequest", &payment, None, "", "x").await), "NOT_FOUND");
    // Staff sees it, but it is not theirs to ask for.
    assert_eq!(code(&ask(&staff, "paymentRefundRequest", &payment, None, "", "x").await), "NOT_FOUND");
    assert_eq!(code(&ask(&staff, "paymentRefund", &own, None, "", "x").await), "SECOND_PERSON_NEEDED");
    for (client, refund) in [(&basma, &asked), (&amina, &asked), (&staff, &of_staff)] {
        assert_eq!(code(&call(client, "paymentRefundGrant", &refund["refund"]["id"], "", REFUND).await), "NOT_FOUND");
    }
    assert_eq!(server.rows().await, before);
    let other = server.staff("other", Role::Administrator).await;
    assert_eq!(code(&call(&other, "paymentRefundGrant", &of_staff["refund"]["id"], "", REFUND).await), "");
}

#[tokio::test]
async fn a_deposit_that_was_spent_can_t_go_back() {
    let server = Server::start().await;
    let (amina, basma, staff) = (server.user("amina").await, server.user("basma").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    assert!(hand_over(&server, &amina, &basma, 700, "spend").await);
    let before = server.rows().await;
    assert_eq!(code(&ask(&staff, "paymentRefund", &payment, Some("3.01"), "", "a").await), "INSUFFICIENT_FUNDS");
    assert_eq!(server.rows().await, before);
    assert_eq!(code(&ask(&staff, "paymentRefund", &payment, Some("3.00"), "", "b").await), "");
    // What is held for it is no longer to be spent.
    assert!(!hand_over(&server, &amina, &basma, 1, "spend too").await);
    wait(&server).await;
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_refund_that_the_provider_refuses_lets_its_money_go() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    tamper(&server, "UPDATE sandbox_charges SET captured = 0").await;
    ask(&staff, "paymentRefund", &payment, None, "", "r").await;
    server.run_jobs().await;
    let seen = state(&staff, &payment).await;
    assert_eq!((&seen["refunds"][0]["state"], &seen["refundState"]), (&"FAILED".into(), &"NONE".into()));
    assert_eq!(seen["refunds"][0]["failure"], "charge_already_refunded");
    assert_eq!(state(&amina, &payment).await["refunds"][0]["failure"], Value::Null);
    assert_eq!(wallet(&server, &amina).await, (1000, 0));
    assert_eq!(look(&amina, &payment).await["refunding"]["amount"], "0.00");
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_cannot_be_refunded_is_refused() {
    let server = Server::start().await;
    let staff = treasurer(&server).await;
    let amina = funded(&server, "amina", "5.00").await;
    let open = super::deposit(&amina, "1.00", "open").await["payment"].clone();
    let before = server.rows().await;
    for (client, field) in [(&staff, "paymentRefund"), (&amina, "paymentRefundRequest")] {
        for (amount, expected) in [
            (Some("-1.00"), "INVALID_AMOUNT"),
            (Some("0"), "INVALID_AMOUNT"),
            (Some("0.001"), "INVALID_AMOUNT"),
            (None, "WRONG_STATE"),
        ] {
            assert_eq!(code(&ask(client, field, &open, amount, "", "k").await), expected, "{field} {amount:?}");
        }
        let euros = ", amount: { amount: \"1.00\", currency: \"EUR\" }, reason: \"r\", idempotencyKey: \"k\"";
        assert_eq!(code(&call(client, field, &open["id"], euros, REFUND).await), "CURRENCY_MISMATCH", "{field}");
        let silent = ", reason: \" \", idempotencyKey: \"k\"";
        assert_eq!(code(&call(client, field, &open["id"], silent, REFUND).await), "BLANK", "{field}");
    }
    assert_eq!(server.rows().await, before);
}

/// A provider forgets what it was asked under which key: asked again after that, it would give the money back twice.
#[tokio::test]
async fn what_a_provider_could_not_be_asked_for_in_time_is_ended_by_hand() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    let refund = ask(&staff, "paymentRefund", &payment, None, "", "r").await["refund"]["id"].clone();
    // As if it was asked for, and no answer came for a day.
    tamper(&server, "UPDATE refunds SET asked_at = created_at").await;
    server.advance(21 * 3600);
    server.run_jobs().await;
    let staff = server.anonymous().login("treasurer").await;
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_refunds").await, 0);
    assert_eq!(wallet(&server, &amina).await, (1000, 1000));
    let done = call(&staff, "adminRefundComplete", &refund, ", reference: \"re_1\"", "refund { state }").await;
    assert_eq!(done["refund"]["state"], "SUCCEEDED", "{done}");
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    // The job has nothing left to do.
    server.advance(86_400);
    server.run_jobs().await;
    assert_books(&server.app).await;
}

#[tokio::test]
async fn what_its_provider_was_never_asked_for_is_done_however_late() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "10.00", "k").await;
    ask(&staff, "paymentRefund", &payment, None, "", "r").await;
    // As if nobody could do it for a day.
    server.advance(21 * 3600);
    wait_often(&server, 2).await;
    let amina = server.anonymous().login("amina").await;
    assert_eq!(look(&amina, &payment).await["refundState"], "FULL");
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
    assert_eq!(wallet(&server, &amina).await, (0, 0));
    assert_books(&server.app).await;
}
