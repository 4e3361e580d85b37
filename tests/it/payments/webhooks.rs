//! Webhooks as they come over HTTP: forged, old, huge, about nothing we know, many times, in any order.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use agora::platform::providers::payments::sandbox::{Act, Delivery, SIGNATURE};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures_util::{future::join_all, stream};
use serde_json::Value;

use super::{GOOD, act, assert_books, deposit, look, tamper, wallet};
use crate::harness::{self, Client, Server};

async fn post(server: &Server, provider: &str, body: impl Into<Body>, signature: Option<&str>) -> StatusCode {
    let mut request = Request::post(format!("/webhooks/{provider}")).header("content-type", "application/json");
    if let Some(signature) = signature {
        request = request.header(SIGNATURE, signature);
    }
    server.send(request.body(body.into()).unwrap()).await.status()
}

/// What the sandbox would send by now.
async fn deliveries(server: &Server) -> Vec<Delivery> {
    let sandbox = server.app.payments.sandbox().unwrap();
    let deliveries = sandbox.deliveries().await.unwrap();
    for delivery in &deliveries {
        sandbox.delivered(delivery.id).await.unwrap();
    }
    deliveries
}

async fn kept(server: &Server) -> i64 {
    server.count("SELECT COUNT(*) FROM webhook_events").await
}

/// A payment that was paid by a card, which nobody but the sandbox told us, and what it would tell.
async fn told(server: &Server, card: &str) -> (Client, Value, Vec<Delivery>) {
    let amina = server.user("amina").await;
    let payment = deposit(&amina, "5.00", "k").await["payment"].clone();
    act(server, &payment, &Act::card(card)).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        server.advance(4);
        server.app.payments.sandbox().unwrap().settle_due().await.unwrap();
        told.extend(deliveries(server).await);
    }
    assert!(told.len() >= 2);
    (amina, payment, told)
}

#[tokio::test]
async fn what_is_not_the_provider_s_own_is_refused_and_not_kept() {
    let server = Server::start().await;
    let (amina, payment, told) = told(&server, GOOD).await;
    let Delivery { body, signature, .. } = told[0].clone();
    assert_eq!(post(&server, "sandbox", body.clone(), None).await, StatusCode::BAD_REQUEST);
    assert_eq!(post(&server, "sandbox", body.clone(), Some("t=1,v1=00")).await, StatusCode::BAD_REQUEST);
    assert_eq!(post(&server, "sandbox", format!("{body} "), Some(&signature)).await, StatusCode::BAD_REQUEST);
    for unknown in ["stripe", "nobody", "wallet"] {
        assert_eq!(post(&server, unknown, body.clone(), Some(&signature)).await, StatusCode::NOT_FOUND, "{unknown}");
    }
    server.advance(301);
    assert_eq!(post(&server, "sandbox", body, Some(&signature)).await, StatusCode::BAD_REQUEST, "too old");
    assert_eq!(kept(&server).await, 0);
    assert_eq!(look(&amina, &payment).await["state"], "PENDING");
}

#[tokio::test]
async fn a_huge_body_is_refused_before_it_is_read() {
    let server = Server::start().await;
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let chunks = (0..160).map(move |_| {
        counter.fetch_add(65_536, Ordering::SeqCst);
        Ok::<_, std::io::Error>(vec![b'x'; 65_536])
    });
    let body = Body::from_stream(stream::iter(chunks));
    assert_eq!(post(&server, "sandbox", body, Some("t=1,v1=00")).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(read.load(Ordering::SeqCst) <= 512 * 1024, "{read:?} of 10 MB were read");
}

#[tokio::test]
async fn an_event_for_an_unknown_payment_is_kept_and_changes_nothing() {
    let server = Server::start().await;
    let (amina, payment, told) = told(&server, GOOD).await;
    tamper(&server, "UPDATE payments SET provider_reference = 'sbx_other', check_at = NULL").await;
    assert_eq!(post(&server, "sandbox", told[0].body.clone(), Some(&told[0].signature)).await, StatusCode::OK);
    server.run_jobs().await;
    let unknown =
        "SELECT COUNT(*) FROM webhook_events WHERE outcome = 'no payment of ours' AND processed_at IS NOT NULL";
    assert_eq!(server.count(unknown).await, 1);
    assert_eq!(look(&amina, &payment).await["state"], "PENDING");
    assert_eq!(server.count("SELECT COUNT(*) FROM ledger_transfers").await, 0);
}

#[tokio::test]
async fn the_same_event_counts_once_however_often_and_at_once_it_comes() {
    let server = Server::start().await;
    let (amina, payment, told) = told(&server, GOOD).await;
    let Delivery { body, signature, .. } = told[0].clone();
    let posts = (0..20).map(|_| post(&server, "sandbox", body.clone(), Some(&signature)));
    assert!(join_all(posts).await.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(kept(&server).await, 1);
    assert_eq!(server.count("SELECT COUNT(*) FROM jobs WHERE kind = 'webhook'").await, 1);
    server.run_jobs().await;
    assert_eq!(look(&amina, &payment).await["state"], "COMPLETED");
    assert_eq!(wallet(&server, &amina).await, (500, 0));
    assert_books(&server.app).await;
}

#[tokio::test]
async fn the_order_in_which_events_come_does_not_matter() {
    // Slow, and authorised before it is taken: each tells of steps on the way, here after the end.
    for card in ["4000000000000077", "4000000000000044"] {
        let server = Server::start().await;
        let (amina, payment, mut told) = told(&server, card).await;
        told.reverse();
        for Delivery { body, signature, .. } in told {
            assert_eq!(post(&server, "sandbox", body, Some(&signature)).await, StatusCode::OK);
            server.run_jobs().await;
            assert_eq!(look(&amina, &payment).await["state"], "COMPLETED", "{card}");
        }
        assert_eq!(wallet(&server, &amina).await, (500, 0), "{card}");
        assert_books(&server.app).await;
    }
}

#[tokio::test]
async fn who_sends_too_many_that_are_not_genuine_is_not_heard_for_a_while_and_nobody_else_is_held_up() {
    let server = Server::with(&[("RATE_LIMIT_WEBHOOK_ADDRESS", "3/hour")]).await;
    let (_, _, told) = told(&server, GOOD).await;
    let Delivery { body, signature, .. } = told[0].clone();
    // Genuine ones are not counted, however many.
    for _ in 0..10 {
        assert_eq!(post(&server, "sandbox", body.clone(), Some(&signature)).await, StatusCode::OK);
    }
    for _ in 0..3 {
        assert_eq!(post(&server, "sandbox", body.clone(), Some("t=1,v1=00")).await, StatusCode::BAD_REQUEST);
    }
    let from = async |address: &str| {
        let request = Request::post("/webhooks/sandbox").header(SIGNATURE, &signature);
        let peer = format!("{address}:1234").parse().unwrap();
        harness::send(server.router.clone(), request.body(Body::from(body.clone())).unwrap(), peer).await
    };
    let refused = from("192.0.2.1").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1000..=1200).contains(&wait), "{wait}");
    assert_eq!(refused.headers()["ratelimit-policy"], "\"webhook-address\";q=3;w=3600");
    assert_eq!(from("192.0.2.2").await.status(), StatusCode::OK);
}
