//! News of goals. Those who gave and have an account are told here; guests by e-mail, once a day at most however much is
//! published.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{QueryResult, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    MAX_STORY, MAX_TITLE, at_goal_id, not_found,
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
        messages::{self, Message, Template},
    },
    entity::{GoalId, GoalUpdateId, goal_update::Model, job},
    error::Result,
    platform::{
        db::{Columns, placeholders},
        list::{Conditions, Source, page_of},
        page::{Cursor, Key, Page, Slice},
        text,
    },
};

/// News of a goal.
pub type Update = Model;

/// The kind of the job that sends news to guests.
pub const NEWS: &str = "goal_news";
/// How many guests one job writes to.
const BATCH: usize = 200;
/// How long after news guests get the next.
const APART: TimeDelta = TimeDelta::hours(24);
/// Most characters of news in an e-mail: the rest is on the page.
const EXCERPT: usize = 500;

#[derive(Serialize, Deserialize)]
struct Job {
    update: Uuid,
    /// Goes on with the addresses that come after this one.
    after: String,
}

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
    let once = app
        .db
        .transact(async |tx| {
            if let Claim::Replay(id) = claim_in(app, &tx, owner, "goalUpdatePublish", key, &input, id.0).await? {
                return Ok(Once { value: GoalUpdateId(id), replayed: true });
            }
            lock_own_in(&tx, actor, command.goal, at_goal_id).await?;
            let lately = "SELECT 1 FROM goal_updates WHERE goal_id = $1 AND created_at > $2";
            let lately = tx.row(lately, vec![command.goal.0.into(), (now - APART).into()]).await?.is_some();
            tx.execute(
                "INSERT INTO goal_updates (id, goal_id, title, body, created_at) VALUES ($1, $2, $3, $4, $5)",
                vec![id.0.into(), command.goal.0.into(), title.as_str().into(), body.as_str().into(), now.into()],
            )
            .await?;
            tell_in(app, &tx, command.goal).await?;
            let told = Notify::GoalUpdate { update: id.0, after: Uuid::nil() };
            jobs::enqueue_in(app, &tx, NOTIFY, &told).await?;
            if !lately {
                jobs::enqueue_in(app, &tx, NEWS, &Job { update: id.0, after: String::new() }).await?;
            }
            Ok(Once { value: id, replayed: false })
        })
        .await?;
    Ok(Once { value: get(app, once.value).await?, replayed: once.replayed })
}

/// Runs a job of kind [`NEWS`]: writes to the next guests, each once, and leaves the rest to the next job.
pub async fn send_news(app: &App, job: &job::Model) -> Result<()> {
    let Job { update, after } = serde_json::from_str(&job.payload)?;
    app.db
        .transact(async |tx| {
            let sql = "SELECT g.id, g.title, n.title, n.body FROM goal_updates n JOIN goals g ON g.id = n.goal_id \
                       WHERE n.id = $1";
            let row = tx.row(sql, vec![update.into()]).await?.ok_or_else(|| not_found("id"))?;
            let mut columns = Columns::new(&row);
            let goal: GoalId = columns.take()?;
            let (what, title, body): (String, String, String) = (columns.take()?, columns.take()?, columns.take()?);
            let sql = format!(
                "SELECT c.guest_email, MIN(p.payer_locale) FROM goal_contributions c JOIN payments p ON p.id = c.payment_id \
                 WHERE c.goal_id = $1 AND c.guest_email > $2 AND c.state = 'received' \
                 GROUP BY c.guest_email ORDER BY c.guest_email LIMIT {BATCH}"
            );
            let guests = tx.rows(sql, vec![goal.0.into(), after.as_str().into()]).await?;
            let (mut letters, mut last) = (Vec::new(), String::new());
            for row in &guests {
                let mut columns = Columns::new(row);
                let (email, locale): (String, String) = (columns.take()?, columns.take()?);
                letters.push(
                    Message::email(&email, &locale, Template::GoalNews)
                        .with("what", &what)
                        .with("title", &title)
                        .with("body", text::excerpt(&body, EXCERPT))
                        .with("link", app.frontend_link("goal", &[("id", &goal.to_string())])),
                );
                last = email;
            }
            messages::send_all_in(app, &tx, &letters).await?;
            if guests.len() == BATCH {
                jobs::enqueue_in(app, &tx, NEWS, &Job { update, after: last }).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
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
    let source =
        Source { columns: COLUMNS, tables: "goal_updates n", key: "n.created_at", id: "n.id", descending: true };
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
