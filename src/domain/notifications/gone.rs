//! What becomes of a notification when what it tells of is gone or says something else: it goes, and comes back with it;
//! or it quotes the new text. It is there exactly while it would be told now.

use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryTrait,
    sea_query::{Expr, Query, SelectStatement, UnionType},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::notices::{Notice, excerpt, notify_in};
use crate::{
    app::App,
    domain::{
        events::{self, NewEvent},
        registration::DOMAINS,
    },
    entity::{
        NotificationId, UserId,
        event::{EventKind, StreamKind},
        notification::{Column, Entity, NotificationKind},
    },
    error::Result,
    platform::db::Transaction,
};

/// How many notifications are changed in one transaction.
const BATCH: usize = 500;

/// Something of a domain's that notifications tell of and quote.
#[derive(Debug)]
pub struct Subject {
    /// The query of its text by its id, as `body`, while it is there.
    pub text: fn(Uuid) -> SelectStatement,
    /// The notifications beside its own that were told because of it, as [`about`] gives them.
    pub because: &'static [fn(Uuid) -> SelectStatement],
    /// Those beside its own that quote it, alike.
    pub quoting: &'static [fn(Uuid) -> SelectStatement],
}

fn subjects() -> impl Iterator<Item = &'static Subject> {
    DOMAINS.iter().flat_map(|domain| domain.subjects)
}

/// Notifications: of each what is needed to find out what becomes of it.
fn told() -> SelectStatement {
    Query::select().columns([Column::Id, Column::GoneAt, Column::Message].map(|column| (Entity, column))).take()
}

/// The notifications that meet a condition.
fn told_where(condition: Expr) -> SelectStatement {
    told().from(Entity).and_where(condition).take()
}

/// The notifications whose subjects are rows of `E`, by their id, that meet a condition together.
pub(crate) fn about<E: EntityTrait>(id: E::Column, condition: Expr) -> SelectStatement {
    let of_row = Column::SubjectId.into_expr().eq(id.into_expr());
    told().from(E::default().table_ref()).inner_join(Entity, of_row).and_where(condition).take()
}

/// Those of one fact to one person, unless it holds still.
pub(crate) fn of_fact(recipient: UserId, dedupe_key: &str, holds: SelectStatement) -> SelectStatement {
    let theirs = Column::RecipientId.eq(recipient).and(Column::DedupeKey.eq(dedupe_key));
    told_where(theirs.and(Expr::not_exists(holds)))
}

/// The rows of all of these statements.
fn union(first: SelectStatement, more: impl Iterator<Item = SelectStatement>) -> SelectStatement {
    more.fold(first, |mut all, next| all.union(UnionType::All, next).take())
}

/// What was told of something is gone, because that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deleted {
    /// The id of what was deleted.
    pub subject: Uuid,
}

impl Notice for Deleted {
    const EVENT: &'static str = "deleted";

    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let because = subjects().flat_map(|subject| subject.because).map(|because| because(self.subject));
        let which = union(told_where(Column::SubjectId.eq(self.subject)), because);
        if go_in(app, tx, which).await? { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

#[derive(Debug, FromQueryResult)]
struct Quoted {
    body: String,
}

/// What quotes something quotes it as it is now: it has another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edited {
    /// The id of what was changed.
    pub subject: Uuid,
}

impl Notice for Edited {
    const EVENT: &'static str = "edited";

    /// Whatever was deleted meanwhile is left to the job of that.
    async fn deliver_in(&self, app: &App, tx: &Transaction) -> Result<()> {
        let mut texts = subjects().map(|subject| (subject.text)(self.subject));
        let Some(text) = texts.next() else { return Ok(()) };
        let Some(Quoted { body }) = tx.read(&union(text, texts)).await?.into_iter().next() else { return Ok(()) };
        let message = excerpt(&body);
        // That a post was passed on quotes the post, and not what was said along with it.
        let own = Column::SubjectId.eq(self.subject).and(Column::Kind.ne(NotificationKind::Share));
        let quoting = subjects().flat_map(|subject| subject.quoting).map(|quoting| quoting(self.subject));
        let otherwise = Query::select()
            .column(Column::Id)
            .from_subquery(union(told_where(own), quoting), "quoting")
            .and_where(Expr::col(Column::GoneAt).is_null())
            .and_where(Expr::col(Column::Message).ne(message.as_str()))
            .limit(BATCH as u64)
            .take();
        let changed = Entity::update_many()
            .col_expr(Column::Message, Expr::val(message.as_str()))
            .filter(Column::Id.in_subquery(otherwise))
            .exec(tx)
            .await?;
        if changed.rows_affected < BATCH as u64 { Ok(()) } else { notify_in(app, tx, self).await }
    }
}

/// A notification that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
pub(super) struct Gone {
    pub recipient_id: UserId,
    pub id: NotificationId,
}

/// These notifications go, and what they quoted with them; false when there are more.
pub(crate) async fn go_in(app: &App, tx: &Transaction, which: SelectStatement) -> Result<bool> {
    let there = Query::select()
        .column(Column::Id)
        .from_subquery(which, "which")
        .and_where(Expr::col(Column::GoneAt).is_null())
        .limit(BATCH as u64)
        .take();
    let mut going = Entity::update_many()
        .col_expr(Column::GoneAt, Expr::val(app.clock.now()))
        .col_expr(Column::Message, Expr::val(""))
        .filter(Column::Id.in_subquery(there));
    let going = QueryTrait::query(&mut going).returning(Query::returning().columns([Column::RecipientId, Column::Id]));
    let gone: Vec<Gone> = tx.read(going).await?;
    let is_all = gone.len() < BATCH;
    announce_in(app, tx, gone).await?;
    Ok(is_all)
}

/// Says on the streams of their recipients that notifications are gone. Streams in the order of their ids.
pub(super) async fn announce_in(app: &App, tx: &Transaction, mut gone: Vec<Gone>) -> Result<()> {
    gone.sort_unstable();
    for theirs in gone.chunk_by(|one, other| one.recipient_id == other.recipient_id) {
        let event =
            |gone: &Gone| NewEvent { kind: EventKind::NotificationGone, actor_id: None, subject_id: Some(gone.id.0) };
        for batch in theirs.chunks(BATCH) {
            let events: Vec<_> = batch.iter().map(event).collect();
            events::append_several_in(app, tx, StreamKind::Notifications, theirs[0].recipient_id.0, &events).await?;
        }
    }
    Ok(())
}
