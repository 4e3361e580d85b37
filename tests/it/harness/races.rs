//! Interleavings that are forced: somebody stands still in the middle of something, others come, and only then it goes on.

use std::{
    cell::Cell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use agora::app::App;
use futures_util::{
    FutureExt,
    future::{join, join_all},
};
use sea_orm::DatabaseBackend;
use tokio::sync::{Notify, oneshot};

use super::{Server, eventually};

/// Whoever comes first to a fail point stands there until the gate opens; whoever comes later passes.
pub(crate) struct Gate {
    reached: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    /// One for each server.
    pub(crate) fn at(server: &Server, step: &'static str) -> Self {
        let gate = Self { reached: Arc::default(), open: Arc::default() };
        let (reached, open) = (Arc::clone(&gate.reached), Arc::clone(&gate.open));
        let is_closed = Arc::new(AtomicBool::new(true));
        server.app.fail_points.watch(move |name| {
            let (reached, open, is_closed) = (Arc::clone(&reached), Arc::clone(&open), Arc::clone(&is_closed));
            async move {
                if name == step && is_closed.swap(false, Ordering::SeqCst) {
                    reached.notify_one();
                    open.notified().await;
                }
            }
            .boxed()
        });
        gate
    }

    /// Waits until somebody stands there.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Whoever stands there goes on.
    pub(crate) fn open(&self) {
        self.open.notify_one();
    }
}

/// One call stands at a fail point in its transaction; the other begins meanwhile and has to wait; then the first goes on.
pub(crate) async fn one_in_the_midst_of_another<A, B>(
    server: &Server,
    step: &'static str,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let gate = Gate::at(server, step);
    let second = async {
        gate.reached().await;
        all_wait(server, 1, second.map(|answer| vec![answer]), || gate.open()).await.remove(0)
    };
    join(first, second).await
}

/// So many calls begin while the tables can't be written to, and go on together when all of them have come that far.
pub(crate) async fn all_at_once<T>(server: &Server, tables: &str, calls: Vec<impl Future<Output = T>>) -> Vec<T> {
    let release = hold_writer(&server.app, tables).await;
    let open = || release.send(()).unwrap();
    all_wait(server, calls.len(), join_all(calls), open).await
}

/// Calls that have to wait for somebody's transaction, which is let go when they all do.
async fn all_wait<T>(
    server: &Server,
    count: usize,
    calls: impl Future<Output = Vec<T>>,
    release: impl FnOnce(),
) -> Vec<T> {
    let (before, is_answered) = (server.app.tasks.len(), Cell::new(false));
    let calls = calls.inspect(|_| is_answered.set(true));
    let releasing = async {
        eventually("those who have to wait", async || have_come(server, before, count).await).await;
        assert!(!is_answered.get(), "somebody did not wait");
        release();
    };
    join(calls, releasing).await.0
}

/// Whether so many wait for what somebody's transaction holds. SQLite does not tell; there only one is in a transaction
/// that writes, so that it is enough that their mutations have begun.
async fn have_come(server: &Server, before: usize, count: usize) -> bool {
    if server.app.db.backend() == DatabaseBackend::Sqlite {
        return server.app.tasks.len() >= before + count;
    }
    let waiting =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    server.count(waiting).await == i64::try_from(count).unwrap()
}

/// Keeps everybody from writing to some tables until the sender goes; on SQLite, from writing at all.
pub(crate) async fn hold_writer(app: &App, tables: &str) -> oneshot::Sender<()> {
    let (release, released) = oneshot::channel::<()>();
    let (begun, has_begun) = oneshot::channel::<()>();
    let (holder, sql) = (app.clone(), format!("LOCK TABLE {tables} IN EXCLUSIVE MODE"));
    let signals = Mutex::new(Some((begun, released)));
    app.spawn(async move {
        let held = holder.db.transact(async |tx| {
            if holder.db.backend() == DatabaseBackend::Postgres {
                tx.execute(sql.as_str(), Vec::new()).await?;
            }
            let (begun, released) = signals.lock().unwrap().take().unwrap();
            begun.send(()).unwrap();
            let _ = released.await;
            Ok(())
        });
        held.await.unwrap();
    });
    has_begun.await.unwrap();
    release
}
