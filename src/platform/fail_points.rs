//! Fail points: named places in the middle of something that has several steps. In a running service they do nothing. A
//! test holds somebody there, to force an interleaving, or has the whole process stand still, to kill it just then.

use std::{fmt, sync::OnceLock};

use futures_util::future::BoxFuture;

type Hook = Box<dyn Fn(&'static str) -> BoxFuture<'static, ()> + Send + Sync>;

/// What happens at each fail point: nothing, unless a test says otherwise.
#[derive(Default)]
pub struct FailPoints {
    stop_at: Option<String>,
    hook: OnceLock<Hook>,
}

impl fmt::Debug for FailPoints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FailPoints").field("stop_at", &self.stop_at).finish_non_exhaustive()
    }
}

impl FailPoints {
    /// Whoever reaches `stop_at` stands still for ever.
    #[must_use]
    pub fn new(stop_at: Option<String>) -> Self {
        Self { stop_at, hook: OnceLock::new() }
    }

    /// Calls this at every fail point, once for all.
    pub fn watch(&self, hook: impl Fn(&'static str) -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        let _ = self.hook.set(Box::new(hook));
    }

    /// Somebody has come to this fail point.
    pub(crate) async fn reach(&self, name: &'static str) {
        if self.stop_at.as_deref() == Some(name) {
            tracing::warn!(fail_point = name, "standing still here, as STOP_AT_STEP says");
            std::future::pending::<()>().await;
        }
        if let Some(hook) = self.hook.get() {
            hook(name).await;
        }
    }
}
