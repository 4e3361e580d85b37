//! Providers that are down, and providers that lie.

use agora::{domain::payments, platform::providers::payments::sandbox::Act, worker};
use serde_json::json;

use super::{
    GOOD, act, assert_books, call, confirm, deposit, look, paid, refunds::ask, tamper, treasurer, wait, wallet,
};
use crate::harness::{Server, eventually};

/// The sandbox can't be reached.
async fn down(server: &Server) {
    tamper(server, "ALTER TABLE sandbox_charges RENAME TO sandbox_away").await;
}

async fn up(server: &Server) {
    tamper(server, "ALTER TABLE sandbox_away RENAME TO sandbox_charges").await;
}

#[tokio::test]
async fn while_the_provider_is_down_nothing_is_lost() {
    let server = Server::start().await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let before = paid(&server, &amina, "5.00", "before").await;
    let open = deposit(&amina, "2.00", "open").await["payment"].clone();
    down(&server).await;
    let begun = deposit(&amina, "1.00", "k").await["payment"].clone();
    assert_eq!(begun["state"], "CREATED");
    assert_eq!(confirm(&amina, &open).await["state"], "PENDING");
    let cancel = "mutation($id: ID!) { paymentCancel(input: { id: $id }) { errors { code } } }";
    assert_eq!(amina.refused(cancel, json!({ "id": open["id"] })).await, "UNAVAILABLE");
    let save = "mutation { paymentMethodAdd(input: { provider: SANDBOX, kind: CARD, token: \"tok_4242424242424242\" }) { \
                errors { code } } }";
    // The sandbox keeps no cards, so that saving one works meanwhile.
    amina.ok(save, serde_json::Value::Null).await;
    ask(&staff, "paymentRefund", &before, None, "", "r").await;
    for _ in 0..3 {
        // The sandbox, which has no process of its own, fails here, too.
        let _ = worker::run_due(&server.app).await;
        server.advance(20);
    }
    assert_eq!(wallet(&server, &amina).await, (500, 500));
    up(&server).await;
    server.advance(600);
    server.run_jobs().await;
    wait(&server).await;
    server.advance(600);
    server.run_jobs().await;
    let amina = server.anonymous().login("amina").await;
    let begun = look(&amina, &begun).await;
    assert_eq!(begun["state"], "PENDING");
    act(&server, &begun, &Act::card(GOOD)).await;
    assert_eq!(confirm(&amina, &begun).await["state"], "COMPLETED");
    assert_eq!(look(&amina, &before).await["refundState"], "FULL");
    assert_eq!(wallet(&server, &amina).await, (100, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_provider_that_tells_of_another_amount_is_not_believed() {
    for lie in [
        "UPDATE sandbox_charges SET amount = 100000, captured = 100000",
        "UPDATE sandbox_charges SET currency = 'KWD'",
        "UPDATE sandbox_charges SET captured = captured + 1",
    ] {
        let server = Server::start().await;
        let amina = server.user("amina").await;
        let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
        act(&server, &payment, &Act::card(GOOD)).await;
        tamper(&server, lie).await;
        let query = "mutation($id: ID!) { paymentConfirm(input: { id: $id }) { payment { state } errors { code } } }";
        assert_eq!(amina.refused(query, json!({ "id": payment["id"] })).await, "INTERNAL", "{lie}");
        assert_eq!(look(&amina, &payment).await["state"], "PENDING", "{lie}");
        wait(&server).await;
        assert_eq!(wallet(&server, &amina).await, (0, 0), "{lie}");
        assert_eq!(server.count("SELECT COUNT(*) FROM ledger_transfers").await, 0, "{lie}");
        assert_books(&server.app).await;
    }
}

#[tokio::test]
async fn what_is_paid_after_the_end_still_counts() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    call(&amina, "paymentCancel", &payment["id"], "", "payment { state }").await;
    tamper(&server, "UPDATE sandbox_charges SET state = 'completed', captured = 500").await;
    assert_eq!(confirm(&amina, &payment).await["state"], "COMPLETED");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_holds_up_no_other() {
    // Takes connections, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let settings = [
        ("STRIPE_API_URL", url.as_str()),
        ("STRIPE_SECRET_KEY", "sk_test_silent"),
        ("STRIPE_PUBLIC_KEY", "pk_test_silent"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_silent"),
    ];
    let server = Server::with(&settings).await;
    let amina = server.user("amina").await;
    deposit(&amina, "1.00", "stuck").await;
    tamper(&server, "UPDATE payments SET provider = 'stripe', provider_reference = 'pi_silent'").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    tamper(&server, "DELETE FROM sandbox_events").await;
    server.advance(60);
    let completed = eventually("the other's payment", async || look(&amina, &payment).await["state"] == "COMPLETED");
    tokio::select! {
        biased;
        () = completed => {}
        done = payments::poll_all(&server.app) => panic!("it has answered: {done:?}"),
    }
    drop(silent);
}
