//! Events: facts in order, on the stream of what they are about.
//!
//! Owns `events` and `streams`. Always holds: a stream's sequence has no gaps, and its order is the order of commits,
//! because the counter is raised inside the fact's transaction and its row stays locked until the commit.
//! Streams of a kind with a row of its own keep the counter there (`posts.event_seq`); the others in `streams`.

mod sql;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use self::sql::Head;
pub(crate) use self::sql::{APPENDED, append_steps, write_step};
use super::registration::{Domain, Retention};
use crate::{
    app::App,
    entity::{
        UserId,
        event::{ActiveModel, Column, Entity, EventKind, Model, StreamKind},
        stream,
    },
    error::{Error, Result},
    platform::{
        bus::{Hint, StreamKey},
        db::{Database, Transaction},
    },
};

/// What events hand over.
pub(crate) const DOMAIN: Domain = Domain {
    tables: &["events", "streams"],
    sweeps: &[|app| Box::pin(sweep(&app.db))],
    retentions: &[Retention { what: "events", prune: |app| Box::pin(prune(app)) }],
    ..Domain::named("events")
};

/// A fact to be written.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What kind of thing happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor_id: Option<UserId>,
    /// What it happened to, beside the stream's own subject.
    pub subject_id: Option<Uuid>,
}

/// The key of a stream.
#[must_use]
pub fn stream(kind: StreamKind, id: Uuid) -> StreamKey {
    StreamKey { kind: kind.as_str(), id }
}

impl NewEvent {
    fn row(&self, kind: StreamKind, id: Uuid, seq: i64, now: DateTime<Utc>) -> ActiveModel {
        ActiveModel {
            stream_kind: Set(kind),
            stream_id: Set(id),
            seq: Set(seq),
            kind: Set(self.kind),
            actor_id: Set(self.actor_id),
            subject_id: Set(self.subject_id),
            created_at: Set(now),
        }
    }
}

/// Raises the counter of a stream that has no row of its own, and writes the event. Call it last in a transaction,
/// streams in the order of their keys, so that transactions can't lock each other out.
pub(crate) async fn append_in(app: &App, tx: &Transaction, kind: StreamKind, id: Uuid, event: NewEvent) -> Result<i64> {
    let seq = raise_in(tx, kind, id, 1).await?;
    write_in(app, tx, kind, id, seq, event).await?;
    Ok(seq)
}

/// Raises the counter of a stream that has no row of its own; gives how far it has come.
async fn raise_in(tx: &Transaction, kind: StreamKind, id: Uuid, by: i64) -> Result<i64> {
    let begun = stream::ActiveModel { kind: Set(kind), id: Set(id), seq: Set(by) };
    let raised = Expr::col((stream::Entity, stream::Column::Seq)).add(by);
    let again =
        OnConflict::columns([stream::Column::Kind, stream::Column::Id]).value(stream::Column::Seq, raised).to_owned();
    let stream = stream::Entity::insert(begun).on_conflict(again).exec_with_returning(tx).await?;
    Ok(stream.seq)
}

/// The same for several facts on one stream, by two statements however many they are.
pub(crate) async fn append_several_in(
    app: &App,
    tx: &Transaction,
    kind: StreamKind,
    id: Uuid,
    events: &[NewEvent],
) -> Result<()> {
    let count = i64::try_from(events.len()).map_err(Error::internal)?;
    if count == 0 {
        return Ok(());
    }
    let reached = raise_in(tx, kind, id, count).await?;
    let now = app.clock.now();
    let numbered = (reached - count + 1..=reached).zip(events);
    let rows = numbered.map(|(seq, event)| event.row(kind, id, seq, now));
    Entity::insert_many(rows).exec_without_returning(tx).await?;
    tx.hint(Hint::Stream(stream(kind, id), reached));
    Ok(())
}

/// Tells those who follow these streams, once it is committed.
pub(crate) fn hint_of(tx: &Transaction, kind: StreamKind, appended: &[QueryResult]) -> Result<()> {
    for row in appended {
        let Head { id, seq } = Head::from_query_result(row, "")?;
        tx.hint(Hint::Stream(stream(kind, id), seq));
    }
    Ok(())
}

/// Writes the event whose sequence the caller has just taken from the aggregate's own row.
pub async fn write_in(
    app: &App,
    tx: &Transaction,
    kind: StreamKind,
    id: Uuid,
    seq: i64,
    event: NewEvent,
) -> Result<()> {
    Entity::insert(event.row(kind, id, seq, app.clock.now())).exec_without_returning(tx).await?;
    tx.hint(Hint::Stream(stream(kind, id), seq));
    Ok(())
}

async fn heads(db: &Database, kind: StreamKind, ids: &[Uuid]) -> Result<Vec<Head>> {
    let (sql, values) = sql::heads(kind, ids);
    let rows = db.rows(sql, values).await?;
    Ok(rows.iter().map(|row| Head::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

/// The sequence that a stream has reached; 0 when nothing ever happened.
pub async fn head(app: &App, kind: StreamKind, id: Uuid) -> Result<i64> {
    Ok(heads(&app.db, kind, &[id]).await?.first().map_or(0, |head| head.seq))
}

/// The events after a sequence, oldest first, at most `limit`. A first one that does not follow `after` directly says
/// that what lay between is no longer kept.
pub(crate) async fn after(app: &App, kind: StreamKind, id: Uuid, after: i64, limit: u64) -> Result<Vec<Model>> {
    let after = Entity::find()
        .filter(Column::StreamKind.eq(kind))
        .filter(Column::StreamId.eq(id))
        .filter(Column::Seq.gt(after))
        .order_by_asc(Column::Seq)
        .limit(limit);
    app.db.all(after).await
}

/// Looks how far every stream that is followed here has come, and says so on the bus: what a lost hint would have said.
pub async fn sweep(db: &Database) -> Result<()> {
    let mut followed: HashMap<&'static str, Vec<Uuid>> = HashMap::new();
    for (key, _) in db.bus().followed() {
        followed.entry(key.kind).or_default().push(key.id);
    }
    for (kind, ids) in followed {
        let Some(stream_kind) = StreamKind::parse(kind) else { continue };
        for ids in ids.chunks(512) {
            for Head { id, seq } in heads(db, stream_kind, ids).await? {
                db.bus().deliver(Hint::Stream(StreamKey { kind, id }, seq));
            }
        }
    }
    Ok(())
}

/// Forgets a stream whose subject is gone.
pub(crate) async fn erase_in(tx: &Transaction, kind: StreamKind, id: Uuid) -> Result<()> {
    let events = Entity::delete_many().filter(Column::StreamKind.eq(kind)).filter(Column::StreamId.eq(id));
    events.exec(tx).await?;
    stream::Entity::delete_by_id((kind, id)).exec(tx).await?;
    Ok(())
}

/// Deletes what is older than the retention, a batch at a time; gives how many went.
pub async fn prune(app: &App) -> Result<u64> {
    app.db.delete_before("events", "created_at", app.clock.now() - app.config.event_retention).await
}
