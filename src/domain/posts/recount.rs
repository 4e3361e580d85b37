//! Checks that counters equal what they count, and mends those that don't, a range of ids at a time.

use uuid::Uuid;

use crate::{app::App, error::Result, platform::db::Columns};

/// How many rows are looked at in one transaction.
const BATCH: u64 = 1000;

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
        let mut after = Uuid::nil();
        while let Some(last) = last_of_batch(app, table, after).await? {
            let sql = format!(
                "UPDATE {table} SET {counter} = ({facts}) WHERE id > $1 AND id <= $2 AND {counter} <> ({facts})"
            );
            wrong += app
                .db
                .transact(async |tx| {
                    tx.without_time_limit().await?;
                    tx.execute(sql.as_str(), vec![after.into(), last.into()]).await
                })
                .await?;
            after = last;
        }
    }
    Ok(wrong)
}

/// The highest id of the next batch; `None` behind the last.
async fn last_of_batch(app: &App, table: &str, after: Uuid) -> Result<Option<Uuid>> {
    let sql = format!(
        "SELECT id FROM (SELECT id FROM {table} WHERE id > $1 ORDER BY id LIMIT {BATCH}) b ORDER BY id DESC LIMIT 1"
    );
    app.db.rows(sql, vec![after.into()]).await?.first().map(|row| Columns::new(row).take()).transpose()
}
