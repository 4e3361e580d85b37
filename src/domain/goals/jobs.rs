//! The jobs of goals: what is stored of each, and who does it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{closing, newsletter};
use crate::{
    app::App,
    domain::{
        jobs::{Job, Lane},
        posts::PostDeleted,
    },
    entity::job,
    error::Result,
};

/// The goal that hung on a deleted post is called off.
impl Job for PostDeleted {
    const KIND: &'static str = "post_deleted";

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        closing::post_deleted(app, job, self.post).await
    }
}

/// Gives back everything that a goal received.
#[derive(Serialize, Deserialize)]
pub(super) struct RefundAll {
    pub(super) goal: Uuid,
    /// Goes on with the contributions that come after this one.
    pub(super) after: Uuid,
}

impl Job for RefundAll {
    const KIND: &'static str = "goal_refund_all";
    const LANE: Lane = Lane::Bulk;

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        closing::refund_all(app, job, self).await
    }
}

/// Sends news to guests.
#[derive(Serialize, Deserialize)]
pub(super) struct SendNews {
    /// Stored by the word that it had at first.
    #[serde(rename = "update", alias = "news")]
    pub(super) news: Uuid,
    /// Goes on with the addresses that come after this one.
    pub(super) after: String,
}

impl Job for SendNews {
    const KIND: &'static str = "goal_news";
    const LANE: Lane = Lane::Bulk;

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        newsletter::send_news(app, job, self).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of before, or one that is gone back to, reads and writes the same.
    #[test]
    fn news_are_sent_by_the_word_that_is_stored() {
        let stored = r#"{"update":"00000000-0000-0000-0000-000000000001","after":"b@example.org"}"#;
        let job: SendNews = serde_json::from_str(stored).unwrap();
        assert_eq!((job.news, job.after.as_str()), (Uuid::from_u128(1), "b@example.org"));
        assert_eq!(serde_json::to_string(&job).unwrap(), stored);
        let other: SendNews = serde_json::from_str(&stored.replace("update", "news")).unwrap();
        assert_eq!(other.news, job.news);
    }
}
