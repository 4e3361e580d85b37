//! News by e-mail, for guests: once a day at most however much is published, until they want no more. An e-mail says that
//! there is some and where: nobody has proven a guest's address, so that an owner who gave in a stranger's name could write
//! to them otherwise.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, DerivePartialModel, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait, Select,
    sea_query::{Expr, Query},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::jobs::SendNews;
use crate::{
    app::App,
    domain::{
        jobs,
        messages::{self, Message, Template},
    },
    entity::{
        GoalId, GoalNewsId, goal,
        goal_contribution::{Column, ContributionState, Entity, Relation},
        goal_news::{self, Model as News},
        job, payment,
    },
    error::{Error, Result},
    platform::{db::Transaction, text::mailbox},
};

/// How many guests one job writes to.
const BATCH: usize = 200;
/// How long after news guests get the next.
const APART: TimeDelta = TimeDelta::hours(24);
/// What tokens are sealed for.
const PURPOSE: &str = "goal_news";

/// Queues the e-mails about news that are not written yet, unless guests got others lately.
pub(super) async fn write_in(app: &App, tx: &Transaction, news: &News) -> Result<()> {
    let lately = goal_news::Entity::find()
        .select_only()
        .column(goal_news::Column::Id)
        .filter(goal_news::Column::GoalId.eq(news.goal_id))
        .filter(goal_news::Column::CreatedAt.gt(news.created_at - APART));
    if lately.into_tuple::<GoalNewsId>().one(tx).await?.is_some() {
        return Ok(());
    }
    jobs::enqueue_in(app, tx, &SendNews { news: news.id.0, after: String::new() }).await
}

/// A guest who is written to.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Reader {
    guest_key: String,
    #[sea_orm(from_expr = "Column::GuestEmail.min()")]
    email: String,
    #[sea_orm(from_expr = "payment::Column::PayerLocale.min()")]
    locale: String,
}

/// The guests who gave to a goal and want its news, in the order of their mailboxes.
fn readers(goal: GoalId) -> Select<Entity> {
    let stopped = |column: Column| Expr::col(("stopped", column));
    let has_stopped = Query::select()
        .expr(stopped(Column::Id))
        .from_as(Entity, "stopped")
        .and_where(stopped(Column::GoalId).eq(Column::GoalId.into_expr()))
        .and_where(stopped(Column::GuestKey).eq(Column::GuestKey.into_expr()))
        .and_where(stopped(Column::NewsStoppedAt).is_not_null())
        .take();
    Entity::find()
        .join(JoinType::InnerJoin, Relation::Payment.def())
        .filter(Column::GoalId.eq(goal))
        .filter(Column::GuestEmail.is_not_null())
        .filter(Column::State.eq(ContributionState::Received))
        .filter(Expr::not_exists(has_stopped))
        .group_by(Column::GuestKey)
        .order_by_asc(Column::GuestKey)
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
            let about = goal_news::Entity::find_by_id(news).select_only().column(goal_news::Column::GoalId);
            let goal = about.into_tuple::<GoalId>().one(&tx).await?.ok_or_else(|| Error::not_found("id"))?;
            let next = readers(goal).filter(Column::GuestKey.gt(after.as_str())).limit(BATCH as u64);
            let next = next.into_partial_model::<Reader>().all(&tx).await?;
            let (count, mut emails, mut last) = (next.len(), Vec::new(), String::new());
            for Reader { guest_key, email, locale } in next {
                emails.push(
                    Message::email(&email, &locale, Template::GoalNews)
                        .with("link", app.frontend_link("goal", &[("id", &goal.to_string())]))
                        .with("unsubscribe", unsubscribe_link(app, goal, &email)?),
                );
                last = guest_key;
            }
            messages::send_all_in(app, &tx, &emails).await?;
            if count == BATCH {
                jobs::enqueue_in(app, &tx, &SendNews { news, after: last }).await?;
            }
            jobs::finish_in(&tx, job.id).await
        })
        .await
}

// ------------------------------------------------------------------------------------------------------- unsubscribing

/// What the link of an e-mail stands for: sealed, so that nobody reads or changes it. It is good as long as e-mails are
/// kept.
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
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub(crate) struct NewsSubscription {
    /// The goal's title.
    pub goal: String,
    /// Whether news are still sent.
    pub is_on: bool,
}

/// What the token of an e-mail stands for; `None` where it is none.
pub(crate) async fn news_subscription(app: &App, token: &str) -> Result<Option<NewsSubscription>> {
    match read(app, token)? {
        Some(token) => subscription(app, &token).await,
        None => Ok(None),
    }
}

/// Sends no more news to the address of an e-mail's token. Harmless when repeated.
pub(crate) async fn news_unsubscribe(app: &App, token: &str) -> Result<Option<NewsSubscription>> {
    let Some(token) = read(app, token)? else { return Ok(None) };
    app.db
        .transact(async |tx| {
            // One row says so for all that they gave: of several, two calls would lock one after the other.
            let first = given_from(&token).order_by_asc(Column::Id).limit(1).into_query();
            Entity::update_many()
                .col_expr(Column::NewsStoppedAt, Expr::value(app.clock.now()))
                .filter(Column::Id.into_expr().eq(first))
                .filter(Column::NewsStoppedAt.is_null())
                .exec(&tx)
                .await?;
            Ok(())
        })
        .await?;
    subscription(app, &token).await
}

fn read(app: &App, token: &str) -> Result<Option<Token>> {
    let sealed = if token.len() <= 1024 { URL_SAFE_NO_PAD.decode(token).ok() } else { None };
    let opened = sealed.and_then(|sealed| app.keys.open(PURPOSE, &sealed).ok());
    Ok(opened.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// The ids of what was given to a token's goal from its mailbox.
fn given_from(token: &Token) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::GoalId.eq(GoalId(token.goal)))
        .filter(Column::GuestKey.eq(mailbox::key(&token.email)))
}

async fn subscription(app: &App, token: &Token) -> Result<Option<NewsSubscription>> {
    let has_given = given_from(token).into_query();
    let has_stopped = given_from(token).filter(Column::NewsStoppedAt.is_not_null()).into_query();
    let subscription = goal::Entity::find_by_id(token.goal)
        .select_only()
        .column_as(goal::Column::Title, "goal")
        .expr_as(Expr::exists(has_given).and(Expr::not_exists(has_stopped)), "is_on");
    Ok(app.db.select(&subscription.into_query()).await?.pop())
}
