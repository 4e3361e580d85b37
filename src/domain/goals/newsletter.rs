//! News by e-mail, for guests: once a day at most however much is published, until they want no more. A letter says that
//! there is some and where: nobody has proven a guest's address, so that an owner who gave in a stranger's name could write
//! to them otherwise.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{jobs::SendNews, not_found};
use crate::{
    app::App,
    domain::{
        jobs,
        messages::{self, Message, Template},
    },
    entity::{GoalId, goal_news::Model as News, job},
    error::Result,
    platform::{
        db::{Columns, Transaction},
        mailbox,
    },
};

/// How many guests one job writes to.
const BATCH: usize = 200;
/// How long after news guests get the next.
const APART: TimeDelta = TimeDelta::hours(24);
/// What tokens are sealed for.
const PURPOSE: &str = "goal_news";

/// Queues the letters about news that are not written yet, unless guests got others lately.
pub(super) async fn write_in(app: &App, tx: &Transaction, news: &News) -> Result<()> {
    let lately = "SELECT 1 FROM goal_updates WHERE goal_id = $1 AND created_at > $2";
    let values = vec![news.goal_id.0.into(), (news.created_at - APART).into()];
    if tx.row(lately, values).await?.is_some() {
        return Ok(());
    }
    jobs::enqueue_in(app, tx, &SendNews { news: news.id.0, after: String::new() }).await
}

impl jobs::Job for SendNews {
    const KIND: &'static str = "goal_news";
    const LANE: jobs::Lane = jobs::Lane::Bulk;

    async fn run(self, app: &App, job: &job::Model) -> Result<()> {
        send_news(app, job, self).await
    }
}

/// Writes to the next guests, each once, and leaves the rest to the next job.
async fn send_news(app: &App, job: &job::Model, SendNews { news, after }: SendNews) -> Result<()> {
    app.db
        .transact(async |tx| {
            let sql = "SELECT goal_id FROM goal_updates WHERE id = $1";
            let row = tx.row(sql, vec![news.into()]).await?.ok_or_else(|| not_found("id"))?;
            let goal: GoalId = Columns::new(&row).take()?;
            let sql = format!(
                "SELECT c.guest_key, MIN(c.guest_email), MIN(p.payer_locale) FROM goal_contributions c \
                 JOIN payments p ON p.id = c.payment_id \
                 WHERE c.goal_id = $1 AND c.guest_key > $2 AND c.guest_email IS NOT NULL AND c.state = 'received' \
                 AND NOT EXISTS (SELECT 1 FROM goal_contributions s WHERE s.goal_id = c.goal_id AND s.guest_key = c.guest_key \
                 AND s.news_stopped_at IS NOT NULL) GROUP BY c.guest_key ORDER BY c.guest_key LIMIT {BATCH}"
            );
            let guests = tx.rows(sql, vec![goal.0.into(), after.as_str().into()]).await?;
            let (mut letters, mut last) = (Vec::new(), String::new());
            for row in &guests {
                let mut columns = Columns::new(row);
                let (key, email, locale): (String, String, String) =
                    (columns.take()?, columns.take()?, columns.take()?);
                letters.push(
                    Message::email(&email, &locale, Template::GoalNews)
                        .with("link", app.frontend_link("goal", &[("id", &goal.to_string())]))
                        .with("unsubscribe", unsubscribe_link(app, goal, &email)?),
                );
                last = key;
            }
            messages::send_all_in(app, &tx, &letters).await?;
            if guests.len() == BATCH {
                jobs::enqueue_in(app, &tx, &SendNews { news, after: last }).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

// ------------------------------------------------------------------------------------------------------- unsubscribing

/// What a letter's link stands for: sealed, so that nobody reads or changes it. It is good as long as letters are kept.
#[derive(Serialize, Deserialize)]
struct Token {
    goal: Uuid,
    email: String,
}

fn unsubscribe_link(app: &App, goal: GoalId, email: &str) -> Result<String> {
    let token = serde_json::to_vec(&Token { goal: goal.0, email: email.to_owned() })?;
    let token = URL_SAFE_NO_PAD.encode(app.keys.seal(PURPOSE, &token)?);
    Ok(format!("{}/unsubscribe/{token}", app.public_url()))
}

/// The news of one goal that go to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsSubscription {
    /// The goal's title.
    pub goal: String,
    /// Whether news are still sent.
    pub is_on: bool,
}

/// What a letter's token stands for; `None` where it is none.
pub async fn news_subscription(app: &App, token: &str) -> Result<Option<NewsSubscription>> {
    match read(app, token)? {
        Some(token) => subscription(app, &token).await,
        None => Ok(None),
    }
}

/// Sends no more news to the address of a letter's token. Harmless when repeated.
pub async fn news_unsubscribe(app: &App, token: &str) -> Result<Option<NewsSubscription>> {
    let Some(token) = read(app, token)? else { return Ok(None) };
    // One row says so for all that they gave: of several, two calls would lock one after the other.
    let sql = "UPDATE goal_contributions SET news_stopped_at = $3 WHERE id = (SELECT s.id FROM goal_contributions s \
               WHERE s.goal_id = $1 AND s.guest_key = $2 ORDER BY s.id LIMIT 1) AND news_stopped_at IS NULL";
    let values = || vec![token.goal.into(), mailbox::key(&token.email).into(), app.clock.now().into()];
    app.db.transact(async |tx| tx.execute(sql, values()).await).await?;
    subscription(app, &token).await
}

fn read(app: &App, token: &str) -> Result<Option<Token>> {
    let sealed = if token.len() <= 1024 { URL_SAFE_NO_PAD.decode(token).ok() } else { None };
    let opened = sealed.and_then(|sealed| app.keys.open(PURPOSE, &sealed).ok());
    Ok(opened.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

async fn subscription(app: &App, token: &Token) -> Result<Option<NewsSubscription>> {
    let sql = "SELECT g.title, EXISTS (SELECT 1 FROM goal_contributions c WHERE c.goal_id = g.id AND c.guest_key = $2) \
               AND NOT EXISTS (SELECT 1 FROM goal_contributions c WHERE c.goal_id = g.id AND c.guest_key = $2 \
               AND c.news_stopped_at IS NOT NULL) FROM goals g WHERE g.id = $1";
    let rows = app.db.rows(sql, vec![token.goal.into(), mailbox::key(&token.email).into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut columns = Columns::new(row);
    Ok(Some(NewsSubscription { goal: columns.take()?, is_on: columns.take()? }))
}
