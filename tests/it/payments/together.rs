//! Everything at once: people who deposit, pay, refund, cancel and hand money on in a random order, at the same time, while
//! the sandbox and the worker go on. Then the books balance, and nothing is lost.
//!
//! Short by default; `AGORA_LONG_TESTS=1 cargo test --test it everything_at_once` runs many rounds. A failure names its
//! seed.

use agora::platform::payments::sandbox::{Act, CARDS};
use futures_util::future::join_all;

use super::{act, assert_books, call, confirm, deposit, differences, hand_over, refunds::ask, treasurer, wait, wallet};
use crate::harness::{Client, Server};

/// Numbers that look random, the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((number ^ (number >> 31)) % sides as u64) as usize
    }
}

/// What one person does.
async fn live(server: &Server, me: &Client, others: &[Client], staff: &Client, seed: u64, acts: usize) {
    let mut dice = Dice(seed);
    let mut payments = Vec::new();
    for number in 0..acts {
        let key = format!("{} {number}", me.username);
        match dice.roll(8) {
            0..=2 => {
                let amount = format!("{}.{:02}", dice.roll(9), 1 + dice.roll(99));
                let payment = deposit(me, &amount, &key).await["payment"].clone();
                let card = CARDS[dice.roll(CARDS.len())].0;
                act(server, &payment, &Act::card(card)).await;
                payments.push(payment);
            }
            3 if !payments.is_empty() => drop(confirm(me, &payments[dice.roll(payments.len())]).await),
            4 if !payments.is_empty() => {
                let payment = &payments[dice.roll(payments.len())];
                let amount = [None, Some("0.01"), Some("1.00")][dice.roll(3)];
                let destination = ["", ", destination: WALLET"][dice.roll(2)];
                ask(staff, "paymentRefund", payment, amount, destination, &key).await;
            }
            5 if !payments.is_empty() => {
                call(me, "paymentCancel", &payments[dice.roll(payments.len())]["id"], "", "payment { state }").await;
            }
            6 => drop(server.run_jobs().await),
            _ => {
                let other = &others[dice.roll(others.len())];
                if other.id != me.id {
                    hand_over(server, me, other, 1 + dice.roll(300) as i64, &key).await;
                }
            }
        }
    }
}

async fn round(seed: u64, people: usize, acts: usize) {
    let server = Server::start().await;
    let staff = treasurer(&server).await;
    let mut clients = Vec::new();
    for number in 0..people {
        clients.push(server.user(&format!("person{number}")).await);
    }
    for part in 0..3 {
        let lives = clients.iter().enumerate().map(|(number, me)| {
            let seed = seed * 1_000 + part * 100 + number as u64;
            let acting = acts / 3;
            let (server, clients, staff) = (&server, &clients, &staff);
            async move {
                // Keys are of one part.
                let mut named = me.clone();
                named.username = format!("{}/{part}", me.username);
                live(server, &named, clients, staff, seed, acting).await;
            }
        });
        join_all(lives).await;
        let found = differences(&server.app).await;
        assert!(found.is_empty(), "seed {seed}, part {part}: {found:?}");
        server.advance(7);
    }
    for _ in 0..4 {
        wait(&server).await;
        server.advance(700);
    }
    assert_books(&server.app).await;
    let mut held = 0;
    for client in &clients {
        held += wallet(&server, client).await.1;
    }
    assert_eq!(held, 0, "seed {seed}: every refund has come to its end");
    // What the provider took and did not give back is what people have.
    let theirs = "SELECT CAST(COALESCE(SUM(captured), 0) AS bigint) FROM sandbox_charges";
    let back = "SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) FROM sandbox_refunds";
    let ours = "SELECT CAST(COALESCE(SUM(balance), 0) AS bigint) FROM ledger_accounts WHERE kind = 'wallet'";
    let (theirs, back, ours) = (server.count(theirs).await, server.count(back).await, server.count(ours).await);
    assert_eq!(theirs - back, ours, "seed {seed}");
}

#[tokio::test]
async fn everything_at_once_and_the_books_balance() {
    #[allow(clippy::disallowed_methods, reason = "a switch of the test itself")]
    let is_long = std::env::var("AGORA_LONG_TESTS").is_ok_and(|text| text == "1");
    let (rounds, people, acts) = if is_long { (30, 8, 60) } else { (2, 4, 18) };
    for seed in 1..=rounds {
        round(seed, people, acts).await;
    }
}
