//! The jobs that posts queue.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A post was deleted. What follows from it is done by whoever hangs on posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PostDeleted {
    /// The post's id.
    pub post: Uuid,
}
