//! News of goals. Those who gave and have an account are told here; guests by e-mail ([`super::newsletter`]).

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::{
    MAX_STORY, MAX_TITLE, at_goal_id, newsletter,
    notices::NewsPublished,
    queries::goals_by_id,
    rows::{lock_own_in, publish_progress_in},
};
use crate::{
    app::App,
    domain::{
        Idempotent,
        actor::Actor,
        idempotency::{Claim, Fingerprint, claim_in},
        notifications::notify_in,
    },
    entity::{
        GoalId, GoalNewsId,
        goal_news::{Column, Entity, Model},
    },
    error::{Error, Result},
    platform::{
        db::{Transaction, any_id},
        list::{List, Sorting},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// News of a goal.
pub(crate) type News = Model;

/// What its keys are stored with: the name that the mutation had at first, so that who repeats a call of before is known.
const OPERATION: &str = "goalUpdatePublish";

async fn get(app: &App, id: GoalNewsId) -> Result<News> {
    app.db.one(Entity::find_by_id(id)).await?.ok_or_else(|| Error::not_found("id"))
}

/// News that is to be told.
#[derive(Debug, Clone)]
pub(crate) struct NewsPublish {
    /// Of which goal.
    pub goal: GoalId,
    /// 1 to [`MAX_TITLE`] characters.
    pub title: String,
    /// 1 to [`MAX_STORY`] characters.
    pub body: String,
    /// Makes a repeated call harmless.
    pub idempotency_key: Option<String>,
}

/// Tells those who gave to one's own goal its news. Codes: NOT_FOUND, NOT_ALLOWED, BLANK, TOO_LONG, INVALID_CHARACTERS,
/// IDEMPOTENCY_KEY_REUSED.
pub(crate) async fn news_publish(app: &App, actor: &Actor, command: NewsPublish) -> Result<Idempotent<News>> {
    let owner = actor.require_user()?.id;
    let title = text::required("title", text::line("title", &command.title, MAX_TITLE)?)?;
    let body = text::required("body", text::block("body", &command.body, MAX_STORY)?)?;
    let now = app.clock.now();
    let id = GoalNewsId(app.ids.next(now));
    let (key, input) = (command.idempotency_key.as_deref(), input(command.goal, &title, &body));
    let news = Model { id, goal_id: command.goal, title, body, created_at: now };
    let outcome = app
        .db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, owner, OPERATION, key, &input, id.0).await? {
                return Ok(Idempotent { value: GoalNewsId(id), replayed: true });
            }
            lock_own_in(&tx, actor, command.goal, at_goal_id).await?;
            newsletter::write_in(app, &tx, &news).await?;
            publish_in(app, &tx, &news).await?;
            Ok(Idempotent { value: id, replayed: false })
        })
        .await?;
    Ok(Idempotent { value: get(app, outcome.value).await?, replayed: outcome.replayed })
}

fn input(goal: GoalId, title: &str, body: &str) -> Fingerprint {
    let input = Fingerprint::v1().field("goalId", goal).field("title", title).field("body", body);
    input.before_versions(format!("{goal} {title}\n{body}"))
}

/// Writes news of a goal, which is locked, and tells those who gave and have an account, and those who follow it.
pub(crate) async fn publish_in(app: &App, tx: &Transaction, news: &News) -> Result<()> {
    Entity::insert(news.clone().into_active_model()).exec_without_returning(tx).await?;
    publish_progress_in(app, tx, news.goal_id).await?;
    notify_in(app, tx, &NewsPublished { news: news.id.0, after: Uuid::nil() }).await
}

/// What cursors in the list are tied to.
pub(crate) const NEWS_SORT: &str = "goal_news.newest";

/// Their place in the list.
#[must_use]
pub(crate) fn news_cursor(news: &News) -> Cursor {
    Cursor { sort: NEWS_SORT, key: Key::Time(news.created_at), id: news.id.0 }
}

/// The news of a goal, which the actor sees, newest first.
pub(crate) async fn news(
    app: &App,
    _actor: &Actor,
    goal: GoalId,
    page: &Page,
    with_total: bool,
) -> Result<Slice<News>> {
    let mut list = List::<Entity>::sorted(Sorting::descending(Column::CreatedAt, Column::Id));
    list.filter(Column::GoalId.eq(goal));
    list.page(&app.db, page, with_total, |select| select).await
}

/// News by id, of goals that the actor sees.
pub(crate) async fn news_by_id(app: &App, actor: &Actor, ids: &[GoalNewsId]) -> Result<HashMap<GoalNewsId, News>> {
    let found = app.db.all(Entity::find().filter(any_id(Column::Id, ids))).await?;
    let goals: Vec<_> = found.iter().map(|news| news.goal_id).collect();
    let seen = goals_by_id(app, actor, &goals).await?;
    let found = found.into_iter().filter(|news| seen.contains_key(&news.goal_id));
    Ok(found.map(|news| (news.id, news)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_a_key_never_changes() {
        assert_eq!(
            input(GoalId(Uuid::nil()), "news", "it rains").texts(),
            (
                "goalId 31 goal_00000000000000000000000000\ntitle 4 news\nbody 8 it rains\n",
                "goal_00000000000000000000000000 news\nit rains"
            )
        );
    }
}
