//! Checks that counters equal what they count, and mends those that don't.

use crate::{app::App, error::Result};

/// Counter, and the facts it counts.
const COUNTERS: &[(&str, &str, &str)] = &[
    ("posts", "like_count", "SELECT COUNT(*) FROM post_likes f WHERE f.post_id = posts.id"),
    ("posts", "comment_count", "SELECT COUNT(*) FROM comments f WHERE f.post_id = posts.id AND f.deleted_at IS NULL"),
    ("posts", "share_count", "SELECT COUNT(*) FROM posts f WHERE f.shared_post_id = posts.id AND f.deleted_at IS NULL"),
    ("comments", "like_count", "SELECT COUNT(*) FROM comment_likes f WHERE f.comment_id = comments.id"),
    (
        "comments",
        "reply_count",
        "SELECT COUNT(*) FROM comments f WHERE f.parent_id = comments.id AND f.deleted_at IS NULL",
    ),
    ("users", "post_count", "SELECT COUNT(*) FROM posts f WHERE f.author_id = users.id AND f.deleted_at IS NULL"),
];

/// Mends every counter that differs from its facts; gives how many did: always none, or there is a bug.
pub async fn recount(app: &App) -> Result<u64> {
    let mut wrong = 0;
    for (table, counter, facts) in COUNTERS {
        let sql = format!("UPDATE {table} SET {counter} = ({facts}) WHERE {counter} <> ({facts})");
        wrong += app
            .db
            .transact(async |tx| {
                tx.without_time_limit().await?;
                tx.execute(sql.as_str(), Vec::new()).await
            })
            .await?;
    }
    Ok(wrong)
}
