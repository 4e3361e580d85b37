//! Polling only what has woken the task. A task that waits for several things is woken by any of them, and would ask all of
//! them each time: a socket that is given a message would look whether the program stops, the session ends, an alarm rings,
//! its client says something. With a readiness flag and a waker of its own each is polled when it woke the task itself.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// The waker of one thing, and whether it has woken its task.
#[derive(Debug)]
pub(super) struct Readiness {
    flag: Arc<ReadyFlag>,
    /// Handed to the thing, which sets the flag and wakes the task by it.
    waker: Waker,
}

#[derive(Debug)]
struct ReadyFlag {
    /// Whether the thing has woken the task since it was polled.
    is_set: AtomicBool,
    task: AtomicWaker,
}

impl Wake for ReadyFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Readiness {
    /// It is ready: what was never polled has to be.
    pub(super) fn new() -> Self {
        let flag = Arc::new(ReadyFlag { is_set: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { waker: Waker::from(Arc::clone(&flag)), flag }
    }

    /// Polls the thing, if it is ready. What had something is polled again.
    pub(super) fn poll<T>(&self, cx: &Context<'_>, thing: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        // Before looking: whoever wakes it in between then wakes the task.
        self.flag.task.register(cx.waker());
        if !self.flag.is_set.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let answer = thing(&mut Context::from_waker(&self.waker));
        if answer.is_ready() {
            self.flag.is_set.store(true, Ordering::Release);
        }
        answer
    }
}

/// A future with a readiness flag of its own.
pub(super) async fn when_woken<T>(future: impl Future<Output = T>) -> T {
    let readiness = Readiness::new();
    let mut future = pin!(future);
    poll_fn(|cx| readiness.poll(cx, |cx| future.as_mut().poll(cx))).await
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tokio::{select, sync::mpsc, time::timeout};

    use super::*;

    #[tokio::test]
    async fn what_was_not_woken_is_not_polled() {
        let (sender, mut receiver) = mpsc::channel(4);
        let (quiet, asked) = (mpsc::channel::<()>(1), Cell::new(0));
        let (_kept, mut silent) = quiet;
        let silent = when_woken(poll_fn(|cx| {
            asked.set(asked.get() + 1);
            silent.poll_recv(cx)
        }));
        let talk = async {
            for number in 0..3 {
                sender.send(number).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(sender);
        };
        let listen = async { while receiver.recv().await.is_some() {} };
        select! {
            biased;
            _ = silent => unreachable!("nobody says anything"),
            _ = async { tokio::join!(listen, talk) } => {}
        }
        assert_eq!(asked.get(), 1);
    }

    #[tokio::test]
    async fn what_is_woken_is_polled_as_often_as_it_has_something() {
        let (sender, mut receiver) = mpsc::channel(4);
        let readiness = Readiness::new();
        let listen = async {
            let mut heard = Vec::new();
            while let Some(number) = poll_fn(|cx| readiness.poll(cx, |cx| receiver.poll_recv(cx))).await {
                heard.push(number);
            }
            heard
        };
        let talk = async {
            for number in 0..8 {
                sender.send(number).await.unwrap();
            }
            drop(sender);
        };
        let (heard, ()) = timeout(Duration::from_secs(10), async { tokio::join!(listen, talk) }).await.unwrap();
        assert_eq!(heard, (0..8).collect::<Vec<_>>());
    }
}
