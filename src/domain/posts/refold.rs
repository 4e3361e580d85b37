//! Writes anew what is derived from the texts of posts.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::commands::tag_in;
use crate::{
    entity::PostId,
    error::Result,
    platform::{
        db::{Columns, Transaction},
        text,
    },
};

/// How many posts are dealt with in one transaction.
const BATCH: usize = 200;

/// Search form and tags of the next posts; gives the last of them, nothing at the end.
pub(super) async fn refold_in(tx: &Transaction, after: Uuid) -> Result<Option<Uuid>> {
    let sql = format!(
        "SELECT id, body, created_at FROM posts WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT {BATCH} {}",
        tx.for_update()
    );
    let rows = tx.rows(sql, vec![after.into()]).await?;
    let mut last = None;
    for row in &rows {
        let mut columns = Columns::new(row);
        let (id, body): (PostId, String) = (columns.take()?, columns.take()?);
        let published: DateTime<Utc> = columns.take()?;
        last = Some(id.0);
        let sql = "UPDATE posts SET search_key = $2 WHERE id = $1 AND search_key <> $2";
        tx.execute(sql, vec![id.0.into(), text::search_key(&body).into()]).await?;
        tx.execute("DELETE FROM post_tags WHERE post_id = $1", vec![id.0.into()]).await?;
        tag_in(tx, id, &body, published).await?;
    }
    Ok(last.filter(|_| rows.len() == BATCH))
}
