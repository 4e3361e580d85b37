//! Asking only what has called. A task that waits for several things is woken by any of them, and would ask all of them
//! each time: a socket that is given a message would look whether the program stops, the session ends, an alarm rings, its
//! client says something. Behind a bell of its own each is asked when it woke the task itself.

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

/// What one thing wakes its task by.
#[derive(Debug)]
pub(super) struct Bell {
    ring: Arc<Ring>,
    /// Handed to the thing, which rings by it.
    waker: Waker,
}

#[derive(Debug)]
struct Ring {
    /// Whether it was heard since the thing was asked.
    is_heard: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_heard.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl Bell {
    /// It has rung: what was never asked has to be.
    pub(super) fn new() -> Self {
        let ring = Arc::new(Ring { is_heard: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { waker: Waker::from(Arc::clone(&ring)), ring }
    }

    /// Asks the thing, if it has rung. What had something is asked again.
    pub(super) fn ask<T>(&self, cx: &Context<'_>, thing: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        // Before looking: whoever rings in between then wakes the task.
        self.ring.task.register(cx.waker());
        if !self.ring.is_heard.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let answer = thing(&mut Context::from_waker(&self.waker));
        if answer.is_ready() {
            self.ring.is_heard.store(true, Ordering::Release);
        }
        answer
    }
}

/// A future behind a bell.
pub(super) async fn when_called<T>(future: impl Future<Output = T>) -> T {
    let bell = Bell::new();
    let mut future = pin!(future);
    poll_fn(|cx| bell.ask(cx, |cx| future.as_mut().poll(cx))).await
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tokio::{select, sync::mpsc, time::timeout};

    use super::*;

    #[tokio::test]
    async fn what_has_not_called_is_not_asked() {
        let (sender, mut receiver) = mpsc::channel(4);
        let (quiet, asked) = (mpsc::channel::<()>(1), Cell::new(0));
        let (_kept, mut silent) = quiet;
        let silent = when_called(poll_fn(|cx| {
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
    async fn what_calls_is_asked_as_often_as_it_has_something() {
        let (sender, mut receiver) = mpsc::channel(4);
        let bell = Bell::new();
        let listen = async {
            let mut heard = Vec::new();
            while let Some(number) = poll_fn(|cx| bell.ask(cx, |cx| receiver.poll_recv(cx))).await {
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
