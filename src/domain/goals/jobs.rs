//! The jobs of goals: what is stored of each. Whose work it is says how it is done.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Gives back everything that a goal received.
#[derive(Serialize, Deserialize)]
pub(super) struct RefundAll {
    pub(super) goal: Uuid,
    /// Goes on with the contributions that come after this one.
    pub(super) after: Uuid,
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
