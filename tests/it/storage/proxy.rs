//! A way to PostgreSQL that can fall silent: it closes nothing, and answers nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// It goes with the test's runtime.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    silent: AtomicBool,
    /// How many connections there were so far.
    count: AtomicU64,
    /// Those before this one are silent for ever.
    lost: AtomicU64,
}

impl Proxy {
    /// To whatever listens at an address.
    pub async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let serving = Arc::clone(&state);
        #[allow(clippy::disallowed_methods, reason = "it is no task of the application")]
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&address).await else { continue };
                let number = serving.count.fetch_add(1, Ordering::SeqCst);
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(pump(Arc::clone(&serving), number, near_in, far_out));
                tokio::spawn(pump(Arc::clone(&serving), number, far_in, near_out));
            }
        });
        Self { port, state }
    }

    /// From now on nothing gets through.
    pub fn fall_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// New connections get through; those that there were never do again.
    pub fn speak(&self) {
        self.state.lost.store(self.state.count.load(Ordering::SeqCst), Ordering::SeqCst);
        self.state.silent.store(false, Ordering::SeqCst);
    }
}

impl State {
    fn swallows(&self, number: u64) -> bool {
        self.silent.load(Ordering::SeqCst) || number < self.lost.load(Ordering::SeqCst)
    }
}

async fn pump(
    state: Arc<State>,
    number: u64,
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if state.swallows(number) {
            // Not even an end gets through.
            return std::future::pending().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
