//! Writes anew what is derived from the texts of posts.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use super::commands::{tag_in, untag_in};
use crate::{
    entity::{PostId, post},
    error::Result,
    platform::{db::Transaction, text},
};

/// How many posts are dealt with in one transaction.
const BATCH: u64 = 200;

/// What is derived from, of a post.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "post::Entity")]
struct Source {
    id: PostId,
    body: String,
    created_at: DateTime<Utc>,
}

/// Search form and tags of the next posts; gives the last of them, nothing at the end.
pub(super) async fn refold_in(tx: &Transaction, after: Uuid) -> Result<Option<Uuid>> {
    let next = post::Entity::find()
        .filter(post::Column::Id.gt(after))
        .filter(post::Column::DeletedAt.is_null())
        .order_by_asc(post::Column::Id)
        .limit(BATCH)
        .lock(LockType::NoKeyUpdate);
    let posts = next.into_partial_model::<Source>().all(tx).await?;
    for Source { id, body, created_at } in &posts {
        let search_key = text::search_key(body);
        post::Entity::update_many()
            .col_expr(post::Column::SearchKey, Expr::val(search_key.as_str()))
            .filter(post::Column::Id.eq(*id))
            .filter(post::Column::SearchKey.ne(search_key.as_str()))
            .exec(tx)
            .await?;
        untag_in(tx, *id).await?;
        tag_in(tx, *id, body, *created_at).await?;
    }
    let is_over = (posts.len() as u64) < BATCH;
    Ok(posts.last().map(|post| post.id.0).filter(|_| !is_over))
}
