//! Forced interleavings: two who know the same at the same moment.

use std::sync::Arc;

use agora::platform::payments::sandbox::Act;
use futures_util::{FutureExt, future::join_all};
use tokio::sync::Barrier;

use super::{GOOD, act, assert_books, confirm, deposit, hand_over, look, paid, refunds::ask, treasurer, wait, wallet};
use crate::harness::Server;

/// Whoever reaches a step waits there until so many are.
fn gather(server: &Server, step: &'static str, count: usize) {
    let barrier = Arc::new(Barrier::new(count));
    server.app.steps.watch(move |name| {
        let barrier = Arc::clone(&barrier);
        async move {
            if name == step {
                barrier.wait().await;
            }
        }
        .boxed()
    });
}

#[tokio::test]
async fn a_webhook_beside_a_confirmation_counts_once() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    // Two beginnings, too, meet there.
    gather(&server, "payment.answered", 2);
    let (first, second) = tokio::join!(deposit(&amina, "5.00", "k"), deposit(&amina, "5.00", "k"));
    assert_eq!(first["payment"]["id"], second["payment"]["id"]);
    let payment = first["payment"].clone();
    act(&server, &payment, &Act::card(GOOD)).await;
    server.advance(2);
    let (_, confirmed) = tokio::join!(server.run_jobs(), confirm(&amina, &payment));
    assert_eq!(confirmed["state"], "COMPLETED");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM payment_events WHERE kind = 'completed'").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'receipt'").await, 0);
    assert_books(&server.app).await;
}

#[tokio::test]
async fn one_key_in_parallel_is_one_payment() {
    let server = Server::start().await;
    let amina = server.user("amina").await;
    let answers = join_all((0..10).map(|_| deposit(&amina, "5.00", "k"))).await;
    assert!(answers.iter().all(|answer| answer["payment"]["id"] == answers[0]["payment"]["id"]), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer["replayed"] == false).count(), 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM payments").await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_charges").await, 1);
}

#[tokio::test]
async fn a_refund_beside_another_use_of_the_same_money_has_one_winner() {
    for round in 0..4 {
        let server = Server::start().await;
        let (amina, basma, staff) = (server.user("amina").await, server.user("basma").await, treasurer(&server).await);
        let payment = paid(&server, &amina, "5.00", "k").await;
        let refund = ask(&staff, "paymentRefund", &payment, None, "", "r");
        let spending = hand_over(&server, &amina, &basma, 500, "spend");
        let (refund, spent) = if round % 2 == 0 {
            tokio::join!(refund, spending)
        } else {
            let (s, r) = tokio::join!(spending, refund);
            (r, s)
        };
        let refunded = refund["errors"].as_array().unwrap().is_empty();
        assert!(refunded != spent, "{refund} {spent}");
        wait(&server).await;
        assert_eq!(wallet(&server, &amina).await, (0, 0));
        assert_eq!(look(&amina, &payment).await["refundState"], if refunded { "FULL" } else { "NONE" });
        assert_books(&server.app).await;
    }
}

#[tokio::test]
async fn a_refund_that_two_workers_do_is_done_once() {
    let server = Server::start().await;
    let other = server.beside(&[]).await;
    let (amina, staff) = (server.user("amina").await, treasurer(&server).await);
    let payment = paid(&server, &amina, "5.00", "k").await;
    ask(&staff, "paymentRefund", &payment, Some("2.00"), "", "r").await;
    for _ in 0..4 {
        server.advance(600);
        tokio::join!(server.run_jobs(), other.run_jobs());
    }
    assert_eq!(wallet(&server, &amina).await, (300, 0));
    assert_eq!(server.count("SELECT COUNT(*) FROM sandbox_refunds").await, 1);
    assert_books(&server.app).await;
}
