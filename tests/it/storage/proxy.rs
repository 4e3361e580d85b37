//! A way to PostgreSQL that can fall silent, so that it closes nothing and answers nothing, or be cut off.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// It goes with the test's runtime.
pub(crate) struct Proxy {
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
    /// Nobody may connect.
    closed: AtomicBool,
    /// Ends the connections that there are.
    connected: Mutex<CancellationToken>,
}

impl Proxy {
    /// To whatever listens at an address.
    pub(crate) async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let serving = Arc::clone(&state);
        #[expect(clippy::disallowed_methods, reason = "it is no task of the application")]
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                // Before it is asked whether they may: whoever comes in the moment of the cut is cut off, too.
                let cut = serving.connected.lock().unwrap().clone();
                if serving.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&address).await else { continue };
                let number = serving.count.fetch_add(1, Ordering::SeqCst);
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                let there = pump(Arc::clone(&serving), number, near_in, far_out);
                let back = pump(Arc::clone(&serving), number, far_in, near_out);
                tokio::spawn(cut.clone().run_until_cancelled_owned(there));
                tokio::spawn(cut.run_until_cancelled_owned(back));
            }
        });
        Self { port, state }
    }

    /// From now on nothing gets through.
    pub(crate) fn fall_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// Every connection is closed, and nobody gets another one.
    pub(crate) fn cut_off(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
        std::mem::take(&mut *self.state.connected.lock().unwrap()).cancel();
    }

    /// New connections get through; those that there were never do again.
    pub(crate) fn speak(&self) {
        self.state.closed.store(false, Ordering::SeqCst);
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
