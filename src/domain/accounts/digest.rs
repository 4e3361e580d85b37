//! Who wants a daily digest of what they have not read. What is in it, `digests` knows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use crate::{
    app::App,
    domain::actor::Actor,
    entity::{
        UserId,
        digest_subscription::{ActiveModel, Column, Digest, Entity},
    },
    error::Result,
    platform::db::{Transaction, any_id},
};

/// Whether and how often people get a digest: of the actor only; absent is off.
pub(crate) async fn digests(app: &App, actor: &Actor, ids: &[UserId]) -> Result<HashMap<UserId, Digest>> {
    let Some(own) = actor.user_id().filter(|own| ids.contains(own)) else { return Ok(HashMap::new()) };
    Ok(app.db.one(Entity::find_by_id(own)).await?.into_iter().map(|row| (own, row.digest)).collect())
}

/// Switches somebody's digest on or off.
pub(super) async fn set_in(app: &App, tx: &Transaction, id: UserId, digest: Digest) -> Result<()> {
    let row =
        ActiveModel { user_id: Set(id), digest: Set(digest), sent_at: Set(None), created_at: Set(app.clock.now()) };
    Entity::insert(row)
        .on_conflict(OnConflict::column(Column::UserId).update_column(Column::Digest).to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Notes that people have got their digest, unless they got one after `before`; gives those of whom it was noted.
pub(crate) async fn digest_sent_in(
    app: &App,
    tx: &Transaction,
    ids: &[UserId],
    before: DateTime<Utc>,
) -> Result<Vec<UserId>> {
    let told = Entity::update_many()
        .col_expr(Column::SentAt, Expr::val(app.clock.now()))
        .filter(any_id(Column::UserId, ids))
        .filter(Column::SentAt.is_null().or(Column::SentAt.lte(before)))
        .exec_with_returning(tx)
        .await?;
    Ok(told.into_iter().map(|row| row.user_id).collect())
}
