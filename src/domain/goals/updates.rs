//! News of goals. Those who gave and have an account are told here; guests by e-mail ([`super::news`]).

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use uuid::Uuid;

use super::{
    MAX_STORY, MAX_TITLE, at_goal_id, news, not_found,
    queries::goals_by_id,
    rows::{lock_own_in, tell_in},
};
use crate::{
    app::App,
    domain::{
        Once,
        actor::Actor,
        idempotency::{Claim, claim_in},
        jobs::{self, NOTIFY, Notify},
    },
    entity::{GoalId, GoalUpdateId, goal_update::Model},
    error::Result,
    platform::{
        db::{Columns, Transaction, placeholders},
        list::{Conditions, Source, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// News of a goal.
pub type Update = Model;

const COLUMNS: &str = "n.id, n.goal_id, n.title, n.body, n.created_at";

fn read(row: &QueryResult) -> Result<Update> {
    let mut columns = Columns::new(row);
    Ok(Model {
        id: columns.take()?,
        goal_id: columns.take()?,
        title: columns.take()?,
        body: columns.take()?,
        created_at: columns.take()?,
    })
}

async fn get(app: &App, id: GoalUpdateId) -> Result<Update> {
    let rows = app.db.rows(format!("SELECT {COLUMNS} FROM goal_updates n WHERE n.id = $1"), vec![id.0.into()]).await?;
    read(rows.first().ok_or_else(|| not_found("id"))?)
}

/// News that is to be told.
#[derive(Debug, Clone)]
pub struct UpdatePublish {
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
pub async fn update_publish(app: &App, actor: &Actor, command: UpdatePublish) -> Result<Once<Update>> {
    let owner = actor.require_user()?.id;
    let title = text::required("title", text::line("title", &command.title, MAX_TITLE)?)?;
    let body = text::required("body", text::block("body", &command.body, MAX_STORY)?)?;
    let now = app.clock.now();
    let id = GoalUpdateId(app.ids.next(now));
    let (key, input) = (command.idempotency_key.as_deref(), format!("{} {title}\n{body}", command.goal));
    let update = Model { id, goal_id: command.goal, title, body, created_at: now };
    let once = app
        .db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, owner, "goalUpdatePublish", key, &input, id.0).await? {
                return Ok(Once { value: GoalUpdateId(id), replayed: true });
            }
            lock_own_in(&tx, actor, command.goal, at_goal_id).await?;
            news::write_in(app, &tx, &update).await?;
            publish_in(app, &tx, &update).await?;
            Ok(Once { value: id, replayed: false })
        })
        .await?;
    Ok(Once { value: get(app, once.value).await?, replayed: once.replayed })
}

/// Writes news of a goal, which is locked, and tells those who gave and have an account, and those who follow it.
pub async fn publish_in(app: &App, tx: &Transaction, update: &Update) -> Result<()> {
    tx.execute(
        "INSERT INTO goal_updates (id, goal_id, title, body, created_at) VALUES ($1, $2, $3, $4, $5)",
        vec![
            update.id.0.into(),
            update.goal_id.0.into(),
            update.title.as_str().into(),
            update.body.as_str().into(),
            update.created_at.into(),
        ],
    )
    .await?;
    tell_in(app, tx, update.goal_id).await?;
    let told = Notify::GoalUpdate { update: update.id.0, after: Uuid::nil() };
    jobs::enqueue_in(app, tx, NOTIFY, &told).await
}

/// What cursors in the list are tied to.
pub const UPDATES_SORT: &str = "goal_updates.newest";

/// An update's place in the list.
#[must_use]
pub fn update_cursor(update: &Update) -> Cursor {
    Cursor { sort: UPDATES_SORT, key: Key::Time(update.created_at), id: update.id.0 }
}

/// The news of a goal, which the actor sees, newest first.
pub async fn updates(app: &App, _actor: &Actor, goal: GoalId, page: &Page, with_total: bool) -> Result<Slice<Update>> {
    let mut conditions = Conditions::default();
    conditions.equal("n.goal_id", Some(goal.0));
    let source = Source {
        columns: COLUMNS,
        table: "goal_updates n",
        joins: "",
        key: "n.created_at",
        id: "n.id",
        descending: true,
    };
    page_of(&app.db, source, conditions, page, with_total, read).await
}

/// News by id, of goals that the actor sees.
pub async fn updates_by_id(app: &App, actor: &Actor, ids: &[GoalUpdateId]) -> Result<HashMap<GoalUpdateId, Update>> {
    let mut values: Vec<Value> = Vec::new();
    let list = placeholders(&mut values, &ids.iter().map(|id| id.0).collect::<Vec<_>>());
    let sql = format!("SELECT {COLUMNS} FROM goal_updates n WHERE n.id IN ({list})");
    let found = app.db.rows(sql, values).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
    let goals: Vec<_> = found.iter().map(|update| update.goal_id).collect();
    let seen = goals_by_id(app, actor, &goals).await?;
    let found = found.into_iter().filter(|update| seen.contains_key(&update.goal_id));
    Ok(found.map(|update| (update.id, update)).collect())
}
