//! Lists of payments, and what only staff sees of them.

use serde_json::{Value, json};

use super::{call, deposit, deposit_by, paid, refunds::ask, treasurer};
use crate::harness::{Server, refused_by_the_database};

#[tokio::test]
async fn one_s_own_payments_come_in_pages_and_by_conditions() {
    let server = Server::with(&[("BANK_TRANSFER_ACCOUNT", "IBAN")]).await;
    let (amina, basma, staff) = (server.user("amina").await, server.user("basma").await, treasurer(&server).await);
    let mut newest = Vec::new();
    for number in 0..5 {
        server.advance(1);
        let provider = if number % 2 == 0 { "SANDBOX" } else { "BANK_TRANSFER" };
        let payment = deposit_by(&amina, provider, "1.00", &number.to_string()).await["payment"]["id"].clone();
        newest.insert(0, payment.as_str().unwrap().to_owned());
    }
    deposit(&basma, "1.00", "k").await;
    paid(&server, &amina, "2.00", "paid").await;
    for (size, backwards) in [(2, false), (2, true), (100, false)] {
        let mut pages =
            amina.pages("{ me { payments(where: { states: PENDING }, PAGE) { ITEMS } } }", size, backwards).await;
        if backwards {
            pages.reverse();
        }
        assert_eq!(pages.concat(), newest);
    }
    for (filter, expected) in [
        ("{ providers: BANK_TRANSFER }", 2),
        ("{ states: COMPLETED }", 1),
        ("{ states: [COMPLETED, PENDING, PENDING] }", 6),
        ("{ states: [COMPLETED, PENDING], providers: [BANK_TRANSFER] }", 2),
        ("{ states: [] }", 0),
        // Both ends are within.
        ("{ amount: { currency: \"USD\", min: \"1.00\", max: \"2\" } }", 6),
        ("{ amount: { currency: \"USD\", min: \"1.01\" } }", 1),
        ("{ amount: { currency: \"USD\", max: \"1.99\" }, states: [COMPLETED] }", 0),
        ("{ amount: { currency: \"EUR\" } }", 0),
        ("{ targetKinds: WALLET_DEPOSIT }", 6),
        ("{ targetKinds: GOAL_CONTRIBUTION }", 0),
        ("{ createdAt: { from: \"2026-01-01T12:00:03Z\" } }", 4),
    ] {
        let query = format!("{{ me {{ payments(where: {filter}) {{ totalCount }} }} }}");
        assert_eq!(amina.ok(&query, Value::Null).await["me"]["payments"]["totalCount"], expected, "{filter}");
    }
    let everybody = staff.ok("{ adminPayments { totalCount nodes { payer { username } } } }", Value::Null).await;
    assert_eq!(everybody["adminPayments"]["totalCount"], 7);
    let query = "query($ids: [ID!]!) { adminPayments(where: { payerIds: $ids, amount: { currency: \"USD\", max: \"1.00\" } }) { \
                 totalCount } }";
    for (ids, expected) in [(vec![&basma.id], 1), (vec![&basma.id, &amina.id], 6), (vec![], 0)] {
        assert_eq!(staff.ok(query, json!({ "ids": ids })).await["adminPayments"]["totalCount"], expected, "{ids:?}");
    }
    let fractions = "{ payments(where: { amount: { currency: \"USD\", min: \"1.001\" } }) { totalCount } }";
    assert_eq!(amina.refused(fractions, Value::Null).await, "BAD_REQUEST");
}

#[tokio::test]
async fn what_the_provider_said_is_for_staff_only_and_stays_as_it_was_said() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "5.00", "k").await;
    for sql in ["UPDATE payment_events SET detail = 'risk 7'", "DELETE FROM payment_events"] {
        refused_by_the_database(&server.app, sql).await;
    }
    let sql = "INSERT INTO payment_events (id, payment_id, kind, source, authorised, captured, refunded, pending, detail, \
               created_at) SELECT $1, payment_id, kind, source, authorised, captured, refunded, pending, 'risk 7', created_at \
               FROM payment_events WHERE kind = 'completed'";
    let id = server.app.ids.next(server.clock.now());
    server.write(sql, vec![id.into()]).await;
    let query = "query($id: ID!) { payment(id: $id) { providerAnswer providerReference nextAction { kind } events { kind detail \
                 captured { amount } } } }";
    let seen = amina.ok(query, json!({ "id": payment["id"] })).await["payment"].clone();
    assert_eq!((&seen["providerAnswer"], &seen["providerReference"]), (&Value::Null, &Value::Null));
    assert_eq!(seen["events"].as_array().unwrap().len(), 4);
    assert_eq!(seen["events"][3], json!({ "kind": "completed", "detail": null, "captured": { "amount": "5.00" } }));
    let seen = staff.ok(query, json!({ "id": payment["id"] })).await["payment"].clone();
    assert!(seen["providerAnswer"].as_str().unwrap().contains("completed"));
    assert_eq!((&seen["events"][3]["detail"], &seen["nextAction"]), (&"risk 7".into(), &Value::Null));
}

#[tokio::test]
async fn a_refund_is_found_by_its_id_by_those_who_see_its_payment() {
    let server = Server::start().await;
    let (amina, basma, staff) = (server.user("amina").await, server.user("basma").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "5.00", "k").await;
    let asked = ask(&amina, "paymentRefundRequest", &payment, None, "", "r").await["refund"]["id"].clone();
    let query = "query($id: ID!) { node(id: $id) { id ... on Refund { amount { amount } payment { id } } } }";
    for client in [&amina, &staff] {
        let node = client.ok(query, json!({ "id": asked })).await["node"].clone();
        assert_eq!((&node["amount"]["amount"], &node["payment"]["id"]), (&"5.00".into(), &payment["id"]));
    }
    assert_eq!(basma.ok(query, json!({ "id": asked })).await["node"], Value::Null);
    let first = "{ adminRefunds(first: 1, where: { states: REQUESTED }) { totalCount nodes { id } } }";
    assert_eq!(staff.ok(first, Value::Null).await["adminRefunds"]["nodes"][0]["id"], asked);
    assert_eq!(basma.refused(first, Value::Null).await, "FORBIDDEN");
    call(&staff, "paymentRefundRefuse", &asked, ", reason: \"\"", "refund { state }").await;
    assert_eq!(staff.ok(first, Value::Null).await["adminRefunds"]["totalCount"], 0);
}

#[tokio::test]
async fn mutations_that_move_money_stand_alone() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let query = "mutation { a: walletDeposit(input: { amount: { amount: \"1.00\", currency: \"USD\" }, provider: SANDBOX, \
                 idempotencyKey: \"a\" }) { errors { code } } b: paymentCancel(input: { id: \"x\" }) { errors { code } } }";
    assert_eq!(amina.refused(query, Value::Null).await, "COST_EXCEEDED");
    assert_eq!(server.count("SELECT COUNT(*) FROM payments").await, 0);
}

#[tokio::test]
async fn a_payment_shows_its_newest_hundred_steps_and_refunds() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = paid(&server, &amina, "5.00", "k").await;
    for sql in [
        "INSERT INTO payment_events (id, payment_id, kind, source, authorised, captured, refunded, pending, created_at) \
         SELECT $1, p.id, 'step', 'system', 0, 0, 0, 0, $2 FROM payments p",
        "INSERT INTO refunds (id, payment_id, amount, destination, state, reason, checks, created_at) \
         SELECT $1, p.id, 1, 'source', 'refused', '', 0, $2 FROM payments p",
    ] {
        for _ in 0..103 {
            server.advance(1);
            let values = vec![server.app.ids.next(server.clock.now()).into(), server.clock.now().into()];
            server.write(sql, values).await;
        }
    }
    let query = "query($id: ID!) { payment(id: $id) { events { createdAt } refunds { createdAt } } }";
    let seen = amina.ok(query, json!({ "id": payment["id"] })).await["payment"].clone();
    for (list, first, last) in [("events", 4, 103), ("refunds", 103 + 4, 206)] {
        let times = seen[list].as_array().unwrap();
        let at = |second: i64| json!((server.clock.now() - chrono::TimeDelta::seconds(206 - second)).to_rfc3339());
        assert_eq!(
            (times.len(), &times[0]["createdAt"], &times[99]["createdAt"]),
            (100, &at(first), &at(last)),
            "{list}"
        );
    }
}
