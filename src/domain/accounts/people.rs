//! The rows of people: written when somebody joins, locked by whatever must not change beside it.

use std::sync::Arc;

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType, OnConflict},
};

use super::{User, UserRow, likenesses, policy};
use crate::{
    app::App,
    entity::{
        UserId,
        user::{self, UserKind},
    },
    error::{Locale, Result},
    platform::db::{Transaction, any_id},
};

/// Somebody who joins, with names that are valid.
#[derive(Debug)]
pub(crate) struct NewPerson {
    /// As they write it.
    pub username: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// What others see.
    pub display_name: String,
    /// Address of a picture.
    pub avatar_url: Option<String>,
    /// Language of messages to them.
    pub locale: Locale,
}

impl NewPerson {
    /// Their row, which is not written yet.
    pub(crate) fn row(self, app: &App) -> user::Model {
        let Self { username, first_name, last_name, display_name, avatar_url, locale } = self;
        let now = app.clock.now();
        user::Model {
            id: UserId(app.ids.next(now)),
            username_key: policy::key(&username),
            search_key: likenesses::search_key([&username, &first_name, &last_name, &display_name]),
            username,
            first_name,
            last_name,
            display_name,
            avatar_url,
            bio: String::new(),
            kind: UserKind::Customer,
            locale: locale.as_str().to_owned(),
            post_count: 0,
            username_changed_at: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Writes somebody who joins; false, and nothing is written, when the user name is taken, or looks like one that is.
pub(crate) async fn insert_in(app: &App, tx: &Transaction, new: &user::Model) -> Result<bool> {
    let inserted = user::Entity::insert(new.clone().into_active_model())
        .on_conflict(OnConflict::column(user::Column::UsernameKey).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    if inserted == 0 {
        return Ok(false);
    }
    let is_free = likenesses::set_in(app, tx, new.id, &new.username, &new.display_name).await?;
    if !is_free {
        user::Entity::delete_by_id(new.id).exec(tx).await?;
    }
    Ok(is_free)
}

/// Locks people until the end of the transaction, in the order of their ids, so that of two acts that concern the same
/// people the second sees what the first has done.
pub(crate) async fn lock_in(tx: &Transaction, ids: &[UserId]) -> Result<()> {
    let people = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(any_id(user::Column::Id, ids))
        .order_by_asc(user::Column::Id)
        .lock(LockType::NoKeyUpdate);
    people.into_tuple::<UserId>().all(tx).await?;
    Ok(())
}

/// A person, as they are now.
pub(crate) async fn find_in(tx: &Transaction, id: UserId) -> Result<Option<User>> {
    let person = user::Entity::find_by_id(id).into_partial_model::<UserRow>();
    Ok(person.one(tx).await?.map(Arc::new))
}

/// Changes a person's number of posts by one, within the transaction of the post.
pub(crate) async fn count_post_in(tx: &Transaction, id: UserId, change: i64) -> Result<()> {
    user::Entity::update_many()
        .col_expr(user::Column::PostCount, Expr::col(user::Column::PostCount).add(change))
        .filter(user::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}
